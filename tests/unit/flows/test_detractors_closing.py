"""Closing the loop: both ended, the CRM says so, and the day to ask again."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from detractor_company import (
    ACME,
    ANA,
    ANSWERED,
    BOGOTA,
    RULES,
    answer,
    chain,
    crm_of,
    day,
    desk_of,
    devops_of,
    forms_of,
)
from periferia_link.domain import Ref
from periferia_link.testing.emulators import ManualClock
from small_company import rig

CLOSED = datetime(2026, 12, 1, 15, tzinfo=timezone.utc)


@pytest.fixture
def office():
    """Every system, with one bad answer that was followed up."""
    clock = ManualClock(ANSWERED + timedelta(hours=1))
    with rig(forms_of(answer()), crm_of(), desk_of(), devops_of(), zone=BOGOTA, clock=clock) as office:
        office.engine.run(chain())
        yield office


def close_ticket(office, at=CLOSED):
    """Somebody closes the ticket."""
    office.helpdesk.change(office.helpdesk.holds("Ticket")[0].ref, status="closed", closed_at=at)


def close_item(office, at=CLOSED):
    """Somebody finishes the work item."""
    office.devops.change(office.devops.holds("WorkItem")[0].ref, category="completed", closed_at=at)


def survey(office):
    """Return the answer in the CRM."""
    return office.crm.holds("Survey")[0]


class TestClosed:
    @pytest.mark.parametrize("first", [close_ticket, close_item])
    def test_one_end_is_not_enough(self, office, first):
        """The loop is open until both are over."""
        first(office)
        office.engine.run(chain())
        assert (survey(office).loop_closed_at, survey(office).ask_again_on) == (None, None)
        assert office.crm.holds("Interaction") == []

    def test_both_ends_close_it(self, office):
        """The later end is the end of the loop; the person is asked again after the quarantine."""
        close_ticket(office, CLOSED - timedelta(days=2))
        close_item(office)
        office.engine.run(chain())
        assert survey(office).loop_closed_at == CLOSED
        assert survey(office).ask_again_on == day(90)
        (task,) = office.crm.holds("Interaction")
        assert (task.channel, task.regarding, task.is_done) == ("task", ANA, False)
        assert task.happened_at.astimezone(BOGOTA).isoformat() == f"{day(90)}T09:00:00-05:00"
        assert task.owner == Ref("crm", "User", "u1")
        before = list(office.crm.requests)
        office.engine.run(chain())
        assert before == office.crm.requests

    def test_after_days_beyond_the_quarantine(self):
        """The day is the later of the two."""
        clock, rules = ManualClock(ANSWERED), {**RULES, "ask_again": {"after_days": 120, "quarantine_days": 90}}
        with rig(forms_of(answer()), crm_of(), desk_of(), devops_of(), zone=BOGOTA, clock=clock) as office:
            office.engine.run(chain(rules))
            close_ticket(office)
            close_item(office)
            office.engine.run(chain(rules))
            assert survey(office).ask_again_on == CLOSED.date() + timedelta(days=120)

    def test_without_a_contact_the_client_is_asked(self):
        """The task then stands at the client."""
        clock = ManualClock(ANSWERED + timedelta(hours=1))
        bad = answer(email="otra@acme.example")
        with rig(forms_of(bad), crm_of(), desk_of(), devops_of(), zone=BOGOTA, clock=clock) as office:
            office.engine.run(chain())
            close_ticket(office)
            close_item(office)
            office.engine.run(chain())
            assert office.crm.holds("Interaction")[0].regarding == ACME

    def test_an_item_that_is_removed_ends_too(self, office):
        """Removed work is over as well; a resolved item is not."""
        close_ticket(office)
        item = office.devops.holds("WorkItem")[0].ref
        office.devops.change(item, category="resolved")
        office.engine.run(chain())
        assert survey(office).loop_closed_at is None
        office.devops.change(item, category="removed", updated_at=CLOSED)
        office.engine.run(chain())
        assert survey(office).loop_closed_at == CLOSED


class TestLater:
    def test_a_reopened_ticket_opens_the_loop(self, office):
        """End and day are taken back, and come again."""
        close_ticket(office)
        close_item(office)
        office.engine.run(chain())
        office.helpdesk.change(office.helpdesk.holds("Ticket")[0].ref, status="in_progress", closed_at=None)
        office.engine.run(chain())
        found = survey(office)
        assert (found.ticket_ended_at, found.loop_closed_at, found.ask_again_on) == (None, None, None)
        close_ticket(office, CLOSED + timedelta(days=100))
        office.engine.run(chain())
        assert survey(office).ask_again_on == CLOSED.date() + timedelta(days=130)
        assert len(office.crm.holds("Interaction")) == 1

    def test_who_answered_again_is_not_asked_for_the_old_answer(self, office):
        """The later answer counts; quarantine begins with it."""
        office.forms.put(answer("r2", nps=9, answered_at=ANSWERED + timedelta(days=5)))
        close_ticket(office)
        close_item(office)
        office.engine.run(chain())
        first = next(one for one in office.crm.holds("Survey") if one.external_ref == "F1/r1")
        assert first.loop_closed_at == CLOSED
        assert first.ask_again_on is None

    def test_a_task_that_people_finished_stays_so(self, office):
        """Done is done."""
        close_ticket(office)
        close_item(office)
        office.engine.run(chain())
        (task,) = office.crm.holds("Interaction")
        office.crm.change(task.ref, is_done=True)
        office.engine.run(chain())
        assert office.crm.holds("Interaction")[0].is_done
