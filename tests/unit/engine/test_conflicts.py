"""Both sides changed: what is sent, who wins, what a person hears."""

from __future__ import annotations

import pytest

from periferia_link.connectors.base import NotApplied
from periferia_link.domain import Ref
from periferia_link.engine import MatchKey
from periferia_link.errors import RecordConflictError
from small_company import client, client_flow, crm_of, erp_of, names, refused, rig

ONE = Ref("crm", "Client", "c001")


def target_of(here, name="Cliente 1"):
    """Return the ref of the record with that name in the ERP."""
    return next(record.ref for record in here.erp.holds("Client") if record.name == name)


@pytest.fixture
def here():
    """Two clients that are in both systems."""
    with rig(crm_of([client(1), client(2)]), erp_of()) as one:
        one.run(client_flow())
        one.erp.sent.clear()
        yield one


@pytest.fixture
def careful():
    """The same, in a system that knows no preconditions."""
    with rig(crm_of([client(1), client(2)]), erp_of(abilities={"concurrency": "compare"})) as one:
        one.run(client_flow())
        one.erp.sent.clear()
        yield one


class TestStaleVersion:
    """The version that we knew does not hold any more."""

    def test_different_fields_are_merged(self, here):
        """What a person changed there stays, what changed here arrives."""
        here.erp.change(target_of(here), city="Cali")
        here.crm.change(ONE, name="Nuevo")
        report = here.run(client_flow())

        assert 1 == report.updated
        assert [("Nuevo", "Cali")] == [(r.name, r.city) for r in here.erp.holds("Client") if r.name == "Nuevo"]

    def test_only_changed_fields_travel(self, here):
        """An update names the fields that changed, no others."""
        here.crm.change(ONE, city="Pasto")
        here.run(client_flow())

        assert [frozenset({"city"})] == [write.fields for [write] in here.erp.sent]

    def test_the_second_attempt_carries_the_new_version(self, here):
        """After a refusal the record is read, and the write says which version it saw."""
        here.erp.change(target_of(here), city="Cali")
        fresh = next(row.version for row in here.erp.get("Client", [target_of(here).id]))
        here.crm.change(ONE, name="Nuevo")
        here.run(client_flow())

        first, second = (write.if_version for [write] in here.erp.sent)
        assert (True, fresh) == (first not in (None, fresh), second)

    def test_the_same_value_on_both_sides_needs_no_write(self, here):
        """Somebody typed the same correction there."""
        here.erp.change(target_of(here), name="Nuevo")
        here.crm.change(ONE, name="Nuevo")
        report = here.run(client_flow())

        assert (0, 1) == (report.updated, len(here.erp.sent))  # one refused request, no second one
        assert ([], False) == (here.open_operations(client_flow()), bool(here.engine.plan(client_flow())))

    def test_the_next_change_goes_straight_through(self, here):
        """The version that the answer told is remembered."""
        here.erp.change(target_of(here), city="Cali")
        here.crm.change(ONE, name="Nuevo")
        here.run(client_flow())
        here.erp.sent.clear()
        here.crm.change(ONE, name="Nuevo de veras")
        here.run(client_flow())

        assert 1 == len(here.erp.sent)
        assert ["Cliente 2", "Nuevo de veras"] == names(here.erp)

    def test_a_record_that_never_stands_still_is_parked(self, here):
        """Re-reading ends: the others go on, this one says why."""
        moving = target_of(here)

        def touch(writes):
            if moving in [write.ref for write in writes]:
                here.erp.change(moving, email=f"a{len(here.erp.sent)}@x.co")

        here.erp.before_write = touch
        here.crm.change(ONE, name="Nuevo")
        here.crm.change(Ref("crm", "Client", "c002"), name="Otro")
        report = here.run(client_flow())

        [parked] = here.ledger.parked()
        assert ("c001", "RecordConflictError", True) == (parked.key, parked.error, bool(parked.next_step))
        assert (1, 1) == (report.updated, report.parked)
        assert 6 > len(here.erp.sent)


class TestPolicies:
    """One field that both sides changed."""

    def both(self, here, policy):
        """Change the name on both sides and run."""
        here.erp.change(target_of(here), name="Allá")
        here.crm.change(ONE, name="Aquí", city="Cali")
        return here.run(client_flow(on_conflict=policy))

    def test_the_source_wins(self, here):
        """The default: its value is written, and the report says so."""
        report = self.both(here, "source")
        assert ["Aquí", "Cliente 2"] == names(here.erp)
        assert [True] == ["changed on both sides" in note for note in report.notes]

    def test_the_target_wins(self, here):
        """Its field stays; the other fields of the record are written."""
        report = self.both(here, "target")
        assert ["Allá", "Cliente 2"] == names(here.erp)
        assert "Cali" == next(r.city for r in here.erp.holds("Client") if r.name == "Allá")
        assert 1 == report.updated

    @pytest.mark.parametrize("policy", ["source", "target"])
    def test_decided_once(self, here, policy):
        """The next run is silent."""
        self.both(here, policy)
        here.erp.sent.clear()
        report = here.run(client_flow(on_conflict=policy))
        assert (0, [], []) == (report.writes, here.erp.sent, here.ledger.parked())

    @pytest.mark.parametrize("systems", ["here", "careful"])
    def test_the_target_keeps_winning(self, systems, request):
        """Not only once: the field stays that person's, however often the source changes it."""
        here = request.getfixturevalue(systems)
        here.erp.change(target_of(here), name="Allá")
        for number in range(3):
            here.crm.change(ONE, name=f"Aquí {number}", city=f"Ciudad {number}")
            here.run(client_flow(on_conflict="target"))
        assert ["Allá", "Cliente 2"] == names(here.erp)
        assert "Ciudad 2" == next(one.city for one in here.erp.holds("Client") if one.name == "Allá")

    def test_a_person_decides(self, here):
        """Nothing is written; the record is put aside with the names of the fields and the next step."""
        report = self.both(here, "review")
        [parked] = here.ledger.parked()

        assert ["Allá", "Cliente 2"] == names(here.erp)
        assert (0, 1, "c001") == (report.updated, report.parked, parked.key)
        assert ("name" in parked.reason, "city" in parked.reason, True) == (True, False, bool(parked.next_step))

    def test_after_the_decision_it_goes_on(self, here):
        """The person gave in and typed the value of the target into the source."""
        self.both(here, "review")
        here.crm.change(ONE, name="Allá")
        here.clock.advance(86_400)
        report = here.run(client_flow(on_conflict="review"))

        assert (["Allá", "Cliente 2"], 0, []) == (names(here.erp), report.parked, here.ledger.parked())
        assert "Cali" == next(r.city for r in here.erp.holds("Client") if r.name == "Allá")

    def test_a_change_on_one_side_is_no_conflict(self, here):
        """A field that only the target changed stays as it is there, with every policy."""
        here.erp.change(target_of(here), name="Allá")
        here.crm.change(ONE, city="Cali")
        report = here.run(client_flow(on_conflict="review"))

        assert (1, 0) == (report.updated, report.parked)
        assert ["Allá", "Cliente 2"] == names(here.erp)


class TestWithoutPreconditions:
    """Systems that accept any version are read and compared before every write."""

    def test_every_update_is_read_first(self, careful):
        """The record is looked at right before the request."""
        careful.crm.change(ONE, city="Pasto")
        careful.erp.looks.clear()
        careful.run(client_flow())

        assert ("get", "Client") in careful.erp.looks
        assert [None] == [write.if_version for [write] in careful.erp.sent]

    def test_reads_are_plural(self, careful):
        """Two updates, one read."""
        careful.crm.change(ONE, city="Pasto")
        careful.crm.change(Ref("crm", "Client", "c002"), city="Pasto")
        careful.erp.looks.clear()
        careful.run(client_flow())

        assert 1 == careful.erp.looks.count(("get", "Client"))

    def test_different_fields_are_merged(self, careful):
        """Only the field that changed here is sent."""
        careful.erp.change(target_of(careful), city="Cali")
        careful.crm.change(ONE, name="Nuevo")
        careful.run(client_flow())

        assert [frozenset({"name"})] == [write.fields for [write] in careful.erp.sent]
        assert {"Cali", "Bogotá"} == {record.city for record in careful.erp.holds("Client")}

    @pytest.mark.parametrize(("policy", "name"), [("source", "Aquí"), ("target", "Allá"), ("review", "Allá")])
    def test_policies_hold_here_too(self, careful, policy, name):
        """The comparison finds what a 412 would have said."""
        careful.erp.change(target_of(careful), name="Allá")
        careful.crm.change(ONE, name="Aquí")
        report = careful.run(client_flow(on_conflict=policy))

        assert [name, "Cliente 2"] == names(careful.erp)
        assert (1 if policy == "review" else 0) == report.parked


class TestGone:
    """The record was deleted on the other side."""

    def test_an_update_is_parked(self, here):
        """Somebody deleted it there: it is not created again behind that person's back."""
        here.erp.drop(target_of(here))
        here.crm.change(ONE, name="Nuevo")
        report = here.run(client_flow())
        [parked] = here.ledger.parked()

        assert (["Cliente 2"], 1, "RecordNotFoundError") == (names(here.erp), report.parked, parked.error)
        assert parked.next_step

    def test_a_deletion_agrees(self, here):
        """Deleted on both sides: nothing is left to say."""
        flow = client_flow(on_delete="delete")
        here.erp.drop(target_of(here))
        here.crm.drop(ONE)
        report = here.run(flow)

        assert (0, []) == (report.parked, here.ledger.parked())
        assert ["Cliente 2"] == names(here.erp)
        assert [] == here.open_operations(flow)

    def test_without_precondition(self, careful):
        """The comparison finds nothing to compare with."""
        careful.erp.drop(target_of(careful))
        careful.crm.change(ONE, name="Nuevo")
        careful.run(client_flow())

        assert ["RecordNotFoundError"] == [parked.error for parked in careful.ledger.parked()]


class TestTakenKeys:
    """A create is refused because the key is taken: by whom?"""

    conflict = RecordConflictError("code C-1 is taken", system="erp", hint="give it another code")

    def test_taken_by_a_stranger(self):
        """Looked at, then parked with the words of the system; the others are created."""
        with rig(crm_of([client(1), client(2)]), erp_of()) as here:
            here.erp.always = refused(self.conflict, where=lambda write: write.entity.name == "Cliente 1")
            report = here.run(client_flow())
            [parked] = here.ledger.parked()

            assert (["Cliente 2"], 1, "c001") == (names(here.erp), report.parked, parked.key)
            assert "code C-1 is taken" in parked.reason
            assert [] == here.open_operations(client_flow())

    def test_taken_by_our_own_lost_request(self):
        """The record behind the key is ours: it is linked, nothing is parked."""

        def mine_already(system, kind, writes):
            system.commit(kind, writes)
            return [NotApplied(self.conflict)] * len(writes)

        with rig(crm_of([client(1)]), erp_of()) as here:
            here.erp.answers = [mine_already]
            report = here.run(client_flow())

            assert (1, 0, ["Cliente 1"]) == (report.created, report.parked, names(here.erp))
            assert 1 == len(here.erp.sent)


class TestUnreadable:
    """The record on the other side makes no sense."""

    def test_only_that_record_is_parked(self, careful):
        """It cannot be compared, so it is not written; the other one is."""
        bad = target_of(careful)
        careful.erp.gets = lambda kind, ids, rows: [
            row._replace(body=b'{"name": ""}') if row.key == bad.id else row for row in rows
        ]
        careful.crm.change(ONE, name="Nuevo")
        careful.crm.change(Ref("crm", "Client", "c002"), name="Otro")
        report = careful.run(client_flow())

        assert (1, 1) == (report.updated, report.parked)
        assert ["c001"] == [parked.key for parked in careful.ledger.parked()]


class TestTwoOwners:
    """Two source records that a person linked to one target."""

    def test_both_change_in_one_page(self):
        """They are written one after the other; the run does not break."""
        key = MatchKey("email", lambda one: one.email)
        twins = [client(1, email="a@b.co"), client(2, email="a@b.co")]
        with rig(crm_of(twins), erp_of()) as here:
            flow = client_flow(match=(key,))
            here.run(flow)
            [review] = here.ledger.reviews()
            here.verdict(flow, review.key, f"link:{review.candidates[0]}")
            here.run(flow)
            here.crm.change(ONE, city="Cali")
            here.crm.change(Ref("crm", "Client", "c002"), city="Pasto")
            here.run(flow)

            assert [] == here.open_operations(flow)
            assert {"Cali", "Pasto"} > {record.city for record in here.erp.holds("Client")}
