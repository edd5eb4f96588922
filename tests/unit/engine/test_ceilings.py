"""Money and mass safety: ceilings, start dates, and a source that cannot be believed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from periferia_link.domain import Ref
from periferia_link.engine import Ceilings
from periferia_link.errors import CeilingError, ConfigurationError, EmptySourceError
from small_company import (
    booked,
    books_of,
    client,
    client_flow,
    crm_of,
    entry,
    erp_of,
    helpdesk_of,
    labour_flow,
    names,
    rig,
)

FREE = Ceilings(percent=None)


def ref(number):
    """Return the ref of a client of the CRM."""
    return Ref("crm", "Client", f"c{number:03}")


def over(count, **options):
    """Return a rig with that many clients on both sides."""
    return rig(crm_of(map(client, range(count)), **options), erp_of())


class TestCounts:
    """Creates, updates, deletes."""

    @pytest.mark.parametrize(("ceilings", "wrote"), [(Ceilings(creates=4), False), (Ceilings(creates=5), True)])
    def test_creates(self, ceilings, wrote):
        """One too many stops the page before anything of it is recorded or written."""
        with over(5) as here:
            flow = client_flow(ceilings=ceilings)
            if wrote:
                assert 5 == here.run(flow).created
                return
            with pytest.raises(CeilingError, match="5 creates, allowed are 4") as caught:
                here.run(flow)
            assert ([], [], True) == (here.erp.sent, here.open_operations(flow), "plan" in caught.value.hint)

    def test_what_a_crash_left_half_done(self):
        """Creations found by their key are brought up to date whatever the share: it was allowed when it began."""

        def dies(system, kind, writes):
            system.commit(kind, writes)
            raise KeyboardInterrupt

        with over(30) as here:
            here.erp.answers = [dies]
            with pytest.raises(KeyboardInterrupt):
                here.run(client_flow())
            for key in list(here.erp._rows["Client"]):
                here.erp.change(Ref("erp", "Client", key), city="Cali")  # or a value that the system made of ours
            here.clock.advance(300)
            report = here.run(client_flow())
            assert (30, 30) == (report.created, report.updated)
            for number in range(16):
                here.crm.change(ref(number), city="Tunja")
            with pytest.raises(CeilingError, match="53 % of 30 known records"):
                here.run(client_flow())

    def test_pages_before_it_count(self):
        """The ceiling is of the run, not of a page; what was written before is in the report."""
        with over(6, page_size=2) as here:
            with pytest.raises(CeilingError) as caught:
                here.run(client_flow(ceilings=Ceilings(creates=5)))
            assert (4, 4) == (len(names(here.erp)), caught.value.report["clients"].created)

    def test_nothing_is_lost(self):
        """The next run, with a higher ceiling, goes on from there."""
        with over(6, page_size=2) as here:
            with pytest.raises(CeilingError):
                here.run(client_flow(ceilings=Ceilings(creates=3)))
            assert 4 == here.run(client_flow()).created
            assert 6 == len(names(here.erp))

    def test_updates(self):
        """Actions count with them."""
        with over(5) as here:
            here.run(client_flow())
            for number in range(3):
                here.crm.change(ref(number), name="Otro")
            with pytest.raises(CeilingError, match="3 updates, allowed are 2"):
                here.run(client_flow(ceilings=Ceilings(updates=2)))
            assert "Otro" not in names(here.erp)

    def test_deletes(self):
        """The most expensive mistake."""
        flow = client_flow(on_delete="delete", ceilings=Ceilings(deletes=2))
        with over(5) as here:
            here.run(flow)
            for number in range(3):
                here.crm.drop(ref(number))
            with pytest.raises(CeilingError, match="3 deletes"):
                here.run(flow)
            assert 5 == len(names(here.erp))

    def test_of_a_scan_too(self):
        """Deletions that absence proves."""
        flow = client_flow(on_delete="delete", ceilings=Ceilings(deletes=2))
        with over(9, feed="scan") as here:
            here.run(flow)
            for number in range(3):
                here.crm.drop(ref(number))
            with pytest.raises(CeilingError, match="3 deletes"):
                here.run(flow)
            assert 9 == len(names(here.erp))


class TestPercent:
    """A share of the records that are known."""

    def changed(self, here, count):
        """Change that many clients."""
        for number in range(count):
            here.crm.change(ref(number), city="Cali")

    @pytest.mark.parametrize(("count", "stops"), [(20, False), (21, True)])
    def test_half_by_default(self, count, stops):
        """More than half of 40 known records needs a plan."""
        with over(40) as here:
            here.run(client_flow())
            self.changed(here, count)
            if stops:
                with pytest.raises(CeilingError, match="%"):
                    here.run(client_flow())
                assert {"Bogotá"} == {record.city for record in here.erp.holds("Client")}
            else:
                assert count == here.run(client_flow()).updated

    def test_of_few_records_it_says_nothing(self):
        """Below twenty a percentage means nothing."""
        with over(19) as here:
            here.run(client_flow())
            self.changed(here, 19)
            assert 19 == here.run(client_flow()).updated

    def test_a_plan_is_the_way(self):
        """It shows everything; applying it is the consent."""
        with over(40) as here:
            here.run(client_flow())
            self.changed(here, 40)
            plan = here.engine.plan(client_flow())
            assert 40 == len(plan)
            assert 40 == here.engine.apply(plan, client_flow())["clients"].updated

    def test_switched_off(self):
        """``None`` is no limit."""
        with over(40) as here:
            here.run(client_flow(ceilings=FREE))
            self.changed(here, 40)
            assert 40 == here.run(client_flow(ceilings=FREE)).updated


class TestMoney:
    """The sum of what is posted."""

    def over(self, *entries):
        """Return a rig over entries of a person who costs 50,000 an hour."""
        return rig(helpdesk_of(entries), books_of())

    def test_the_sum_of_a_run(self):
        """8 + 8 hours are 800,000."""
        flow = labour_flow(ceilings=Ceilings(money=Decimal(799_999)))
        with self.over(entry("a"), entry("b", project="P2")) as here:
            with pytest.raises(CeilingError, match="800,000"):
                here.run(flow)
            assert ([], {}) == (here.erp.sent, booked(here.erp))
            assert 2 == here.run(flow.but(ceilings=Ceilings(money=Decimal(800_000)))).created

    def test_corrections_count_by_their_size(self):
        """Taking money back is moving money."""
        flow = labour_flow(ceilings=Ceilings(money=Decimal(400_000)))
        with self.over(entry("a")) as here:
            here.run(flow)
            here.helpdesk.drop(Ref("helpdesk", "TimeEntry", "a"))
            with pytest.raises(CeilingError):
                here.run(flow.but(ceilings=Ceilings(money=Decimal(399_999))))
            assert 1 == here.run(flow).created

    def test_postings_count_as_creates(self):
        """A grouped flow has the other ceilings too."""
        with self.over(entry("a"), entry("b", project="P2")) as here:
            with pytest.raises(CeilingError, match="2 creates"):
                here.run(labour_flow(ceilings=Ceilings(creates=1)))
            assert [] == here.erp.sent


class TestStarts:
    """Records before the start date were booked by hand."""

    def test_mandatory_for_money(self):
        """A flow that posts money cannot be made without."""
        with pytest.raises(ConfigurationError, match="start date") as caught:
            labour_flow(starts=None)
        assert "starts" in caught.value.hint

    def test_it_says_which_date_counts(self):
        """A start date without a date of the record is a mistake."""
        with pytest.raises(ConfigurationError, match="which date"):
            client_flow(starts=date(2026, 1, 1))

    @pytest.mark.parametrize(("day", "counts"), [(31, False), (1, True)])
    def test_the_day_itself_counts(self, day, counts):
        """The day before does not."""
        worked_on = date(2026, 1, 31) if day == 31 else date(2026, 2, 1)
        with rig(helpdesk_of([entry("a", worked_on=worked_on)]), books_of()) as here:
            report = here.run(labour_flow(starts=date(2026, 2, 1)))
            assert (counts, not counts) == (bool(booked(here.erp)), bool(report.skipped))

    def test_an_entry_that_moves_before_it(self):
        """What it contributed is taken back."""
        with rig(helpdesk_of([entry("a")]), books_of()) as here:
            here.run(labour_flow())
            here.helpdesk.change(Ref("helpdesk", "TimeEntry", "a"), worked_on="2025-12-31")
            here.run(labour_flow())
            assert {} == booked(here.erp)

    def test_a_record_without_a_date(self):
        """Nobody knows whether it was booked by hand: skipped."""
        flow = client_flow(starts=date(2026, 1, 1), dated=lambda one: None)
        with over(1) as here:
            assert (1, 0) == ((report := here.run(flow)).skipped, report.created)


class TestEmptySource:
    """A lost right looks like a lost record."""

    flow = client_flow(on_delete="delete", ceilings=FREE)

    def emptied(self, left, *, of=20):
        """Return a rig whose source lists some of the records it had."""
        crm = crm_of(map(client, range(of)), feed="scan")
        return crm, lambda kind, since, pages: [p._replace(rows=p.rows[:left]) for p in pages]

    @pytest.mark.parametrize("left", [0, 1, 9])
    def test_not_believed(self, left):
        """More than half is gone: nothing is deleted, the numbers are said."""
        crm, filtered = self.emptied(left)
        with rig(crm, erp_of()) as here:
            here.run(self.flow)
            crm.pages = filtered
            with pytest.raises(EmptySourceError, match=f"lists {left} .*20") as caught:
                here.run(self.flow)
            assert (20, True) == (len(names(here.erp)), bool(caught.value.hint))

    def test_believed(self):
        """Half is possible."""
        crm, filtered = self.emptied(10)
        with rig(crm, erp_of()) as here:
            here.run(self.flow)
            crm.pages = filtered
            assert (10, 10) == (here.run(self.flow).deleted, len(names(here.erp)))

    def test_rows_listed_twice_do_not_count_twice(self):
        """Six different records are six."""
        crm, _ = self.emptied(0)
        with rig(crm, erp_of()) as here:
            here.run(self.flow)
            crm.pages = lambda kind, since, pages: [p._replace(rows=[*p.rows[:6]] * 3) for p in pages]
            with pytest.raises(EmptySourceError):
                here.run(self.flow)
            assert 20 == len(names(here.erp))

    def test_it_recovers_by_itself(self):
        """The rights are back: nothing happened."""
        crm, filtered = self.emptied(0)
        with rig(crm, erp_of()) as here:
            here.run(self.flow)
            crm.pages = filtered
            with pytest.raises(EmptySourceError):
                here.run(self.flow)
            crm.pages = None
            assert 0 == here.run(self.flow).writes

    def test_a_plan_is_the_way_when_it_is_true(self):
        """The deletions are shown with a warning; applying the plan is the consent."""
        crm, filtered = self.emptied(2)
        with rig(crm, erp_of()) as here:
            here.run(self.flow)
            crm.pages = filtered
            plan = here.engine.plan(self.flow)
            assert (18, True) == (len(plan), any("20" in note for note in plan.reports["clients"].notes))
            assert 18 == here.engine.apply(plan, self.flow)["clients"].deleted
            assert 0 == here.run(self.flow).writes

    def test_without_consequences_there_is_nothing_to_believe(self):
        """A flow that ignores deletions goes on."""
        crm, filtered = self.emptied(2)
        with rig(crm, erp_of()) as here:
            here.run(client_flow())
            crm.pages = filtered
            assert 0 == here.run(client_flow()).writes

    def test_asked_by_key(self):
        """A rate changes, every entry is asked for, and the help desk knows none of them: nothing is taken back."""
        entries = [entry(f"e{n:02}", "1") for n in range(20)]
        with rig(helpdesk_of(entries), books_of()) as here:
            here.run(labour_flow())
            here.erp.change(Ref("erp", "Employee", "E1"), name="Otra persona")
            here.helpdesk.gets = lambda kind, ids, rows: []
            with pytest.raises(EmptySourceError):
                here.run(labour_flow())
            assert {"COP": 1_000_000} == booked(here.erp)
            here.helpdesk.gets = None
            assert 0 == here.run(labour_flow()).writes
