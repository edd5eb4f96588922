"""Writes whose fate nobody knows: read back first, never sent again blindly."""

from __future__ import annotations

import pytest

from periferia_link.connectors.base import Write
from periferia_link.domain import Client, Ref
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
    late,
    lost_after,
    lost_before,
    names,
    refused,
    rig,
)

ONE = Ref("crm", "Client", "c001")
DEADLINE = 30.0


def marked(clients=(1,), **options):
    """Return systems whose target stores our key and searches it; a request may take 5 s more than its deadline."""
    abilities = {"settle_seconds": 5.0} | options.pop("abilities", {})
    return rig(crm_of(map(client, clients)), erp_of(guard="marker", abilities=abilities, **options))


def keyed(clients=(1,), **options):
    """Return systems whose target refuses a second record with one key."""
    return rig(crm_of(map(client, clients)), erp_of(**options))


class TestServerKey:
    """A second create cannot succeed, so there is nothing to wait for."""

    @pytest.mark.parametrize(("rule", "requests"), [(lost_after, 1), (lost_before, 2)])
    def test_settled_at_once(self, rule, requests):
        """Looked at right away: adopted when it is there, sent again when it is not."""
        with keyed() as here:
            here.erp.answers = [rule]
            report = here.run(client_flow())

            assert (1, ["Cliente 1"], []) == (report.created, names(here.erp), here.clock.sleeps)
            assert requests == len(here.erp.sent)

    def test_sent_again_with_the_same_key(self):
        """Every attempt at one effect carries one key."""
        with keyed() as here:
            here.erp.answers = [lost_before, lost_before]
            here.run(client_flow())
            assert 1 == len({write.create_key for [write] in here.erp.sent})

    def test_the_read_back_is_plural(self):
        """A request of 50 is read back by one look."""
        with keyed(range(50)) as here:
            here.erp.answers = [lost_after]
            report = here.run(client_flow())

            assert 50 == report.created
            assert 1 == here.erp.looks.count(("find", "Client"))

    def test_half_of_a_request_arrived(self):
        """What is there is adopted, the rest is sent again."""

        def half(system, kind, writes):
            system.commit(kind, writes[:5])
            return lost_before(system, kind, writes)

        with keyed(range(10)) as here:
            here.erp.answers = [half]
            report = here.run(client_flow())

            assert (10, 10) == (report.created, len(names(here.erp)))
            assert [10, 5] == [len(writes) for writes in here.erp.sent]


class TestMarker:
    """The request could still be under way: wait until it must have ended."""

    @pytest.mark.parametrize("rule", [lost_before, lost_after])
    def test_waits_deadline_and_settle_time(self, rule):
        """Exactly D + settle on the given clock, counted from the moment it was sent."""
        with marked() as here:
            here.erp.answers = [rule]
            begun = here.clock.monotonic()
            here.run(client_flow())

            assert DEADLINE + 5.0 == here.clock.monotonic() - begun
            assert ["Cliente 1"] == names(here.erp)

    @pytest.mark.parametrize("seconds", [0.5, 12.0, 29.0, 34.5])
    def test_a_request_that_lands_late(self, seconds):
        """It took effect after its answer was lost: one record, sent once."""
        with marked() as here:
            here.erp.answers = [late(seconds)]
            report = here.run(client_flow())

            assert (1, 1) == (report.created, len(here.erp.sent))
            assert ["Cliente 1"] == names(here.erp)

    def test_never_sent_again_before_a_look(self):
        """Between two requests for one effect stands a look at the system."""
        with marked() as here:
            story = []
            here.erp.before_write = lambda writes: story.append("write")
            here.erp.finds = lambda kind, field, values, rows: story.append("look") or rows
            here.erp.answers = [lost_before]
            here.run(client_flow())

            assert ["write", "look", "write"] == story

    def test_the_look_is_not_before_its_time(self):
        """A look during the request proves nothing."""
        with marked() as here:
            at = []
            here.erp.finds = lambda kind, field, values, rows: at.append(here.clock.monotonic()) or rows
            here.erp.answers = [lost_before]
            here.run(client_flow())
            assert [DEADLINE + 5.0] == at

    def test_the_rest_goes_on_first(self):
        """Other records are written before anybody waits."""
        with marked((1, 2, 3), max_batch=1) as here:
            at = []
            here.erp.before_write = lambda writes: at.append(here.clock.monotonic())
            here.erp.answers = [lost_before]
            here.run(client_flow())
            assert [0.0, 0.0, 0.0, DEADLINE + 5.0] == at

    def test_the_window_is_printed(self):
        """The report names what could still slip through."""
        with marked() as here:
            here.erp.answers = [lost_before]
            assert ["35"] == [word for text in here.run(client_flow()).windows for word in text.split() if word == "35"]

    def test_an_impatient_engine_leaves_it_to_the_next_run(self):
        """Nothing is lost: the operation is open, and no other request is made for it."""
        with marked() as here:
            here.erp.answers = [lost_after]
            report = here.again(patience=0.0).run(client_flow())["clients"]
            assert (0, 1, []) == (report.created, len(here.open_operations(client_flow())), here.clock.sleeps)

            here.clock.advance(60)
            report = here.run(client_flow())
            assert (1, 1, []) == (report.created, len(here.erp.sent), here.clock.sleeps)

    def test_the_next_run_waits_for_the_rest_only(self):
        """Time that passed between two runs counts."""
        with marked() as here:
            here.erp.answers = [lost_before]
            here.again(patience=0.0).run(client_flow())
            here.clock.advance(20)
            begun = here.clock.monotonic()
            here.run(client_flow())
            assert DEADLINE + 5.0 - 20 == here.clock.monotonic() - begun

    def test_a_newer_version_waits(self):
        """The record changed while its creation is not settled: one record, with the newest values."""
        with marked() as here:
            here.erp.answers = [lost_after]
            here.again(patience=0.0).run(client_flow())
            here.crm.change(ONE, name="Nuevo")
            report = here.run(client_flow())

            assert (1, 1, ["Nuevo"]) == (report.created, report.updated, names(here.erp))


class TestSeveralHits:
    """Two records carry one key, against every rule."""

    def test_quarantined(self):
        """The lowest is the link, the others are named for a person, nothing is deleted and nothing sent again."""

        def twice(system, kind, writes):
            system.commit(kind, writes)
            return lost_after(system, kind, writes)

        with marked() as here:
            here.erp.answers = [twice]
            report = here.run(client_flow())
            low, high = sorted(record.ref.id for record in here.erp.holds("Client"))

            assert (2, 1) == (len(names(here.erp)), len(here.erp.sent))
            assert [True] == [low in note and high in note for note in report.notes if "reverse" in note]
            here.erp.sent.clear()
            here.crm.change(ONE, name="Nuevo")
            here.run(client_flow())
            assert [low] == [write.ref.id for [write] in here.erp.sent]

    def test_somebody_is_told_after_the_run_as_well(self):
        """A report is read once; what a person must reverse stays on the list until it is done."""

        def twice(system, kind, writes):
            system.commit(kind, writes)
            return lost_after(system, kind, writes)

        with marked() as here:
            here.erp.answers = [twice]
            here.run(client_flow())
            told = [row.key for row in [*here.ledger.reviews(), *here.ledger.parked()]]
            assert ["c001"] == told


class TestNothingArrives:
    """Request after request disappears."""

    @pytest.mark.parametrize("systems", [keyed, marked])
    def test_parked_with_the_last_answer(self, systems):
        """After a few tries it is put aside; the reason says how often and what came back."""
        with systems() as here:
            here.erp.always = lost_before
            report = here.run(client_flow())
            [parked] = here.ledger.parked()

            assert (0, 1, 3) == (report.created, report.parked, len(here.erp.sent))
            assert ("3 times" in parked.reason, "no answer came" in parked.reason) == (True, True)
            # its operation stays: the next try begins with a look
            assert (["c001"], True) == (
                [operation.key for operation in here.open_operations(client_flow())],
                bool(parked.next_step),
            )

    def test_a_later_run_tries_again(self):
        """With the same key, so that a request that arrived after all is found."""
        with keyed() as here:
            here.erp.always = lost_before
            here.run(client_flow())
            here.erp.always = None
            here.clock.advance(86_400)
            report = here.run(client_flow())

            assert (1, ["Cliente 1"], []) == (report.created, names(here.erp), here.ledger.parked())
            assert 1 == len({write.create_key for [write] in here.erp.sent})

    def test_the_retry_looks_first(self):
        """One of the lost requests landed after all: it is found, and nothing is made twice."""
        with marked() as here:
            here.erp.answers = [late(500), lost_before, lost_before]
            here.run(client_flow())
            assert ["c001"] == [parked.key for parked in here.ledger.parked()]
            here.clock.advance(86_400)
            report = here.run(client_flow())

            assert (["Cliente 1"], []) == ([one.name for one in here.erp.held("Client")], here.ledger.parked())
            assert (1, 3) == (report.created, len(here.erp.sent))


class TestRefusedAfterAll:
    """A request was lost, the next one for the same effect is refused."""

    @pytest.mark.parametrize("systems", [keyed, marked])
    def test_the_lost_one_lands(self, systems):
        """The record is there: linked with its newest values, nothing doubled, nothing left on the lists."""
        with systems() as here:
            here.erp.answers = [late(20), refused()]
            here.run(client_flow())
            here.crm.change(ONE, name="Nuevo")
            here.erp.answers = []
            here.clock.advance(86_400)
            here.run(client_flow())
            here.run(client_flow())
            assert ((["Nuevo"], []), []) == (
                (names(here.erp), here.ledger.parked()),
                here.open_operations(client_flow()),
            )

    def test_the_lost_posting_lands(self):
        """It counts as posted; what changed since follows as the difference."""
        flow = labour_flow()
        with rig(helpdesk_of([entry("a")]), books_of(abilities={"settle_seconds": 5.0})) as here:
            here.erp.answers = [late(20), refused()]
            here.run(flow)
            here.helpdesk.change(Ref("helpdesk", "TimeEntry", "a"), hours="7")
            here.erp.answers = []
            for _ in range(2):
                here.clock.advance(86_400)
                here.run(flow)
            assert ({"COP": 350_000}, []) == (booked(here.erp), here.ledger.parked())


class TestNoGuard:
    """A system that neither refuses nor finds our key."""

    @pytest.mark.parametrize("rule", [lost_before, lost_after])
    def test_a_person_looks(self, rule):
        """Nothing can be read back, so nothing is sent again: the record is parked, at most one exists."""
        with rig(crm_of([client(1)]), erp_of(guard="none")) as here:
            here.erp.finds = lambda kind, field, values, rows: []
            here.erp.answers = [rule]
            here.run(client_flow())
            here.run(client_flow())

            assert 1 == len(here.erp.sent)
            assert ["c001"] == [parked.key for parked in here.ledger.parked()]


class TestUpdates:
    """The fate of an update is read from the record itself."""

    @pytest.mark.parametrize(("rule", "requests"), [(lost_after, 1), (lost_before, 2)])
    @pytest.mark.parametrize("systems", [keyed, marked])
    def test_compared_with_what_was_wanted(self, systems, rule, requests):
        """The values are there: done. They are not: sent again."""
        with systems() as here:
            here.run(client_flow())
            here.erp.sent.clear()
            here.crm.change(ONE, name="Nuevo")
            here.erp.answers = [rule]
            report = here.run(client_flow())

            assert (1, ["Nuevo"], requests) == (report.updated, names(here.erp), len(here.erp.sent))

    def test_somebody_else_wrote_meanwhile(self):
        """Another field changed there: it is kept."""
        with keyed() as here:
            here.run(client_flow())
            [there] = here.erp.holds("Client")

            def lost_and_touched(system, kind, writes):
                here.erp.change(there.ref, city="Cali")
                return lost_before(system, kind, writes)

            here.crm.change(ONE, name="Nuevo")
            here.erp.answers = [lost_and_touched]
            here.run(client_flow())
            assert [("Nuevo", "Cali")] == [(record.name, record.city) for record in here.erp.holds("Client")]

    def test_deleted_meanwhile(self):
        """The record is gone: parked, not created again."""
        with keyed() as here:
            here.run(client_flow())
            [there] = here.erp.holds("Client")

            def lost_and_dropped(system, kind, writes):
                here.erp.drop(there.ref)
                return lost_before(system, kind, writes)

            here.crm.change(ONE, name="Nuevo")
            here.erp.answers = [lost_and_dropped]
            report = here.run(client_flow())
            assert (1, [], []) == (report.parked, names(here.erp), here.open_operations(client_flow()))

    def test_unreadable_afterwards(self):
        """A record that cannot be compared is parked; the other one goes through."""
        with keyed((1, 2)) as here:
            here.run(client_flow())
            bad = next(one.ref.id for one in here.erp.holds("Client") if one.name == "Cliente 1")
            here.crm.change(ONE, name="Nuevo")
            here.crm.change(Ref("crm", "Client", "c002"), name="Otro")
            here.erp.answers = [lost_before]
            here.erp.gets = lambda kind, ids, rows: [
                row._replace(body=b'{"name": ""}', version="x") if row.key == bad else row for row in rows
            ]
            report = here.run(client_flow())

            assert (1, 1) == (report.updated, report.parked)
            assert ["c001"] == [parked.key for parked in here.ledger.parked()]


class TestDeletes:
    """Absent is deleted, by whomever."""

    @pytest.mark.parametrize(("rule", "requests"), [(lost_after, 1), (lost_before, 2)])
    def test_looked_at(self, rule, requests):
        """Gone: done. Still there: sent again."""
        flow = client_flow(on_delete="delete")
        with keyed() as here:
            here.run(flow)
            here.erp.sent.clear()
            here.crm.drop(ONE)
            here.erp.answers = [rule]
            report = here.run(flow)

            assert (1, [], requests) == (report.deleted, names(here.erp), len(here.erp.sent))
            assert [] == here.open_operations(flow)


class TestActions:
    """Cancelling something twice is not the same as once."""

    flow = client_flow(
        project=lambda one, context: Write("", "action", Ref("erp", "Client", "B1"), action="close"),
    )

    def test_a_person_looks(self):
        """An action of unknown fate is parked: whether it happened can only be seen there."""
        with rig(crm_of([client(1)]), erp_of([Client(ref=Ref("erp", "Client", "B1"), name="B")])) as here:
            here.erp.answers = [lost_before]
            report = here.run(self.flow)
            [parked] = here.ledger.parked()

            assert (1, 1, 0) == (len(here.erp.sent), report.parked, report.actions)
            assert ("c001", True) == (parked.key, bool(parked.next_step))
