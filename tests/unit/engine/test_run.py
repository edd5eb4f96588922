"""Runs: pages, batches, refusals, pauses, systems that stop, and who plays which role."""

from __future__ import annotations

from datetime import date

import pytest

from periferia_link.connectors.base import Applied, NotApplied, Write
from periferia_link.domain import Client, Ref
from periferia_link.engine import Skip, Wait
from periferia_link.errors import (
    AuthenticationError,
    FlowError,
    UnavailableError,
)
from small_company import (
    atomic,
    client,
    client_flow,
    copy_client,
    crm_of,
    erp_of,
    lost_before,
    names,
    refused,
    rig,
    throttled,
    unauthorised,
    unavailable,
)

ONE = Ref("crm", "Client", "c001")


def over(count, **options):
    """Return a rig with that many clients in the source."""
    return rig(crm_of(map(client, range(count))), erp_of(**options))


def named(text):
    """Return whether a write creates the client of that name."""
    return lambda write: write.entity.name == text


class TestBatches:
    """The engine makes the chunks."""

    @pytest.mark.parametrize(("size", "sizes"), [(1, [1] * 7), (3, [3, 3, 1]), (100, [7])])
    def test_no_request_is_larger_than_the_system_takes(self, size, sizes):
        """And none is smaller than it must be."""
        with over(7, max_batch=size) as here:
            here.run(client_flow())
            assert sizes == [len(writes) for writes in here.erp.sent]

    def test_one_mode_a_request(self):
        """Creates, updates and deletes do not share one: each answer is read by one rule."""
        flow = client_flow(on_delete="delete")
        with over(4) as here:
            here.run(flow)
            here.erp.sent.clear()
            here.crm.change(ONE, name="Otro")
            here.crm.put(client(9))
            here.crm.drop(Ref("crm", "Client", "c002"))
            here.run(flow)
            assert [1] * 3 == [len({write.mode for write in writes}) for writes in here.erp.sent]

    def test_several_at_a_time(self):
        """As many requests in flight as the system allows; the ledger is the driver's alone."""
        with over(40, max_batch=2, parallel=4) as here:
            assert (40, 20) == ((report := here.run(client_flow())).created, report.requests)
            assert 0 == here.run(client_flow()).writes

    def test_only_owned_fields_travel(self):
        """What is unknown never overwrites, what is not ours is not sent."""
        flow = client_flow(owns=frozenset({"name", "email"}))
        with over(1) as here:
            here.run(flow)
            [[write]] = here.erp.sent
            assert frozenset({"name"}) == write.fields
            assert "Bogotá" != here.erp.holds("Client")[0].city


class TestRefusals:
    """The system says no to a record."""

    def test_an_atomic_request_is_halved(self):
        """One bad record of 64: it alone is parked, by no more requests than halving needs."""
        with over(64, is_atomic=True, max_batch=64) as here:
            here.erp.always = atomic(named("Cliente 20"))
            report = here.run(client_flow())
            [parked] = here.ledger.parked()

            assert (63, 1, "c020") == (report.created, report.parked, parked.key)
            assert (63, 13) == (len(names(here.erp)), len(here.erp.sent))

    def test_several_bad_records(self):
        """Each is found."""
        bad = {"Cliente 3", "Cliente 17", "Cliente 18", "Cliente 63"}
        with over(64, is_atomic=True, max_batch=64) as here:
            here.erp.always = atomic(lambda write: write.entity.name in bad)
            here.run(client_flow())
            assert ["c003", "c017", "c018", "c063"] == [parked.key for parked in here.ledger.parked()]
            assert 60 == len(names(here.erp))

    def test_halving_is_not_failing(self):
        """A request that is lost at the end of it is read back and sent again, as any other."""
        lost = []

        def rule(system, kind, writes):
            if len(writes) == 1 and named("Cliente 21")(writes[0]) and not lost:
                lost.append(1)
                return lost_before(system, kind, writes)
            return atomic(named("Cliente 20"))(system, kind, writes)

        with over(64, is_atomic=True, max_batch=64) as here:
            here.erp.always = rule
            report = here.run(client_flow())
            assert (63, 1) == (report.created, report.parked)

    def test_a_pause_after_halving(self):
        """Throttling counts its own attempts."""
        paused = []

        def rule(system, kind, writes):
            if len(writes) == 1 and len(paused) < 3:
                paused.append(1)
                return throttled(1)(system, kind, writes)
            return atomic(named("Cliente 20"))(system, kind, writes)

        with over(64, is_atomic=True, max_batch=64) as here:
            here.erp.always = rule
            report = here.run(client_flow())
            assert (63, 1, 0) == (report.created, report.parked, report.waiting)

    def test_row_by_row(self):
        """A system that answers for each row: no halving."""
        with over(64, max_batch=64) as here:
            here.erp.always = refused(where=named("Cliente 20"))
            report = here.run(client_flow())
            assert (63, 1, 1) == (report.created, report.parked, len(here.erp.sent))

    def test_reason_and_next_step(self):
        """In the words of the system."""
        with over(1) as here:
            here.erp.always = refused()
            report = here.run(client_flow())
            [parked] = here.ledger.parked()
            assert ("clients", "c000", "RecordInvalidError", "the name is taken", "choose another name") == parked[:5]
            assert [True] == ["choose another name" in note for note in report.notes]

    def test_corrected_in_the_source(self):
        """The new version goes through at once and is off the list."""
        with over(2) as here:
            here.erp.always = refused(where=named("Cliente 1"))
            here.run(client_flow())
            here.crm.change(ONE, name="Correcto")
            report = here.run(client_flow())
            assert (1, [], []) == (report.created, here.ledger.parked(), here.open_operations(client_flow()))

    def test_tried_again_less_and_less_often(self):
        """The attempts are counted, the first date is kept, the pauses grow, and a run before its time leaves it."""
        with over(1) as here:
            here.erp.always = refused()
            begun = here.clock.now().timestamp()
            pauses = []
            for attempt in range(1, 7):
                here.run(client_flow())
                [parked] = here.ledger.parked()
                assert (attempt, attempt, begun) == (len(here.erp.sent), parked.attempts, parked.since)
                pauses.append(parked.retry_at - here.clock.now().timestamp())
                if pauses[-1] > 0:
                    here.run(client_flow())
                    assert attempt == len(here.erp.sent)
                here.clock.advance(pauses[-1])
            assert pauses == sorted(pauses)
            assert 4 * 3600 <= pauses[-1] <= 86_400

    def test_it_stays_until_it_went_through(self):
        """A retry of unknown fate is not off the list yet."""
        with over(1) as here:
            here.erp.answers = [refused(), unauthorised]
            here.run(client_flow())
            here.clock.advance(86_400)
            with pytest.raises(FlowError):
                here.run(client_flow())
            assert ["c000"] == [parked.key for parked in here.ledger.parked()]
            here.run(client_flow())
            assert [] == here.ledger.parked()


class TestPauses:
    """The system asks to come back later."""

    @pytest.mark.parametrize("seconds", [0.5, 7, 45])
    def test_waits_exactly_as_long(self, seconds):
        """By the given clock, then sends the same request again."""
        with over(1) as here:
            at = []
            here.erp.before_write = lambda writes: at.append(here.clock.monotonic())
            here.erp.answers = [throttled(seconds)]
            assert (1, [0.0, seconds]) == (here.run(client_flow()).created, at)

    def test_every_attempt_is_a_new_intent_with_one_key(self):
        """A request that certainly did nothing may be sent again."""
        with over(3) as here:
            here.erp.answers = [throttled(1), unavailable, throttled(2)]
            here.run(client_flow())
            assert [3, 3, 3, 3] == [len(writes) for writes in here.erp.sent]
            assert 3 == len({write.create_key for writes in here.erp.sent for write in writes})

    def test_the_part_that_was_never_executed(self):
        """Half of a batch went through, the rest is asked again."""

        def half(system, kind, writes):
            late = NotApplied(UnavailableError("stopped after two", system="erp"), 1.0)
            return [*system.commit(kind, writes[:2]), *[late] * (len(writes) - 2)]

        with over(5) as here:
            here.erp.answers = [half]
            assert (5, [5, 3]) == (here.run(client_flow()).created, [len(writes) for writes in here.erp.sent])

    def test_patience_ends(self):
        """After a few attempts the work stays planned: said once, each attempt after its pause."""
        with over(2) as here:
            here.erp.always = throttled(7)
            report = here.run(client_flow())
            requests = len(here.erp.sent)

            assert (2, 0, 2) == (report.waiting, report.created, len(here.open_operations(client_flow())))
            assert 7 * (requests - 1) == here.clock.monotonic()
            assert (True, 1) == (2 <= requests <= 6, len(report.notes))

    def test_the_next_run_has_its_own_patience(self):
        """What stayed planned is sent first, and may be throttled again."""
        with over(2) as here:
            here.erp.always = throttled(7)
            here.run(client_flow())
            here.erp.always = None
            here.erp.answers = [throttled(1), throttled(1)]
            here.clock.advance(600)
            report = here.run(client_flow())
            assert (2, 0, ["Cliente 0", "Cliente 1"]) == (report.created, report.waiting, names(here.erp))

    def test_a_newer_version_while_it_waits(self):
        """The create that stayed planned goes through; then the newer values follow."""
        with over(1) as here:
            here.erp.always = throttled(7)
            here.run(client_flow())
            here.crm.change(Ref("crm", "Client", "c000"), name="Nuevo")
            here.erp.always = None
            here.clock.advance(600)
            here.run(client_flow())
            assert ["Nuevo"] == names(here.erp)


class TestSystemsThatStop:
    """Credentials, rights, a broken contract."""

    def test_the_run_says_so_with_its_report(self):
        """A typed error; its cause is the system's own; the hint is said once."""
        with over(4, max_batch=1) as here:
            here.erp.answers = [None, None, unauthorised]
            with pytest.raises(FlowError, match="password") as caught:
                here.run(client_flow())
            assert (2, AuthenticationError) == (caught.value.report["clients"].created, type(caught.value.__cause__))
            assert 1 == str(caught.value).count("renew the password")

    def test_planned_work_stays(self):
        """The next run sends it; nothing is sent after the refusal."""
        with over(4, max_batch=1) as here:
            here.erp.answers = [None, unauthorised]
            with pytest.raises(FlowError):
                here.run(client_flow())
            assert (2, 3) == (len(here.erp.sent), len(here.open_operations(client_flow())))
            assert 3 == here.run(client_flow()).created
            assert ([], 4) == (here.open_operations(client_flow()), len(names(here.erp)))

    def test_the_source_cannot_be_read(self):
        """What was read before counts; the next run goes on from there."""
        crm = crm_of(map(client, range(4)), page_size=2)

        def torn(kind, since, pages):
            yield next(iter(pages))
            raise UnavailableError("connection refused", system="crm", hint="start it")

        with rig(crm, erp_of()) as here:
            crm.pages = torn
            with pytest.raises(FlowError, match="crm: connection refused") as caught:
                here.run(client_flow())
            assert (2, 2) == (caught.value.report["clients"].created, len(names(here.erp)))
            crm.pages = None
            assert 2 == here.run(client_flow()).created

    def test_a_bug_in_a_connector_loses_nothing(self):
        """An error that nobody foresaw ends the run; its request is read back by the next one."""

        def bug(system, kind, writes):
            system.commit(kind, writes)
            raise KeyError("a bug")

        with over(2) as here:
            here.erp.answers = [bug]
            with pytest.raises(KeyError):
                here.run(client_flow())
            report = here.run(client_flow())
            assert (2, 2, 1) == (report.created, len(names(here.erp)), len(here.erp.sent))


class TestUnreadableRows:
    """Rows that the connector cannot decode, records that the projection cannot map."""

    def test_they_are_parked_and_the_rest_goes_on(self):
        """With the connector's reason; the next version is tried at once."""
        with over(3) as here:
            here.crm._store("Client", "c001", b'{"name": ""}')
            report = here.run(client_flow())
            [parked] = here.ledger.parked()
            assert (2, 1, "c001", True) == (report.created, report.parked, parked.key, "name" in parked.reason)

            here.crm.put(client(1))
            assert (1, []) == (here.run(client_flow()).created, here.ledger.parked())

    @pytest.mark.parametrize("part", ["project", "route", "dated"])
    @pytest.mark.parametrize("error", [ValueError, KeyError, IndexError, TypeError, AttributeError, ZeroDivisionError])
    def test_functions_that_stumble(self, part, error):
        """Over one record: it is parked without its values; the others are written."""

        def stumble(one, *rest):
            if one.name == "Cliente 1":
                raise error("personal text")
            return {"project": copy_client, "route": lambda one: "erp", "dated": lambda one: None}[part](one, *rest)

        changes = {part: stumble} | ({"starts": date(2026, 1, 1)} if part == "dated" else {})
        with over(3) as here:
            report = here.run(client_flow(**changes))
            [parked] = here.ledger.parked()
            assert (1, "c001") == (report.parked, parked.key)
            assert (True, False) == (error.__name__ in parked.reason, "personal" in parked.reason)
            assert (2, 0) == (report.created + report.skipped, len([n for n in report.notes if "personal" in n]))

    def test_parked_and_then_waiting(self):
        """A record is on one list at a time."""
        state = []

        def picky(one, context):
            if not state:
                raise ValueError
            return Wait(Ref("crm", "Client", "nobody"))

        with over(1) as here:
            here.run(client_flow(project=picky))
            state.append(1)
            assert 1 == here.run(client_flow(project=picky)).waiting
            assert [] == here.ledger.parked()


class TestProjections:
    """What a projection may return."""

    def test_nothing_and_skip(self):
        """Neither is written; both are remembered."""
        flow = client_flow(project=lambda one, context: None if one.name.endswith("1") else Skip("no"))
        with over(2) as here:
            assert (2, 0) == ((report := here.run(flow)).skipped, report.writes)

    def test_an_action_is_done_once(self):
        """For one content; another one is another action."""

        def close(one, context):
            return Write("", "action", Ref("erp", "Client", "B1"), action=f"close {one.city}")

        def yes(system, kind, writes):
            return [Applied(write.ref) for write in writes]

        with rig(crm_of([client(1)]), erp_of([Client(ref=Ref("erp", "Client", "B1"), name="B")])) as here:
            here.erp.always = yes
            flow = client_flow(project=close)
            assert (1, 0) == (here.run(flow).actions, here.run(flow).actions)
            here.crm.change(ONE, email="a@b.co")
            assert 0 == here.run(flow).actions
            here.crm.change(ONE, city="Cali")
            assert 1 == here.run(flow).actions
            assert ["close Bogotá", "close Cali"] == [write.action for [write] in here.erp.sent]
            assert 2 == len({write.create_key for [write] in here.erp.sent})

    def test_several_records(self):
        """Each has a key and a link of its own."""
        flow = client_flow(project=lambda one, context: [Client(name=f"{one.name} {n}") for n in "AB"])
        with over(2) as here:
            assert 4 == here.run(flow).created
            assert (4, 0) == (
                len({write.create_key for writes in here.erp.sent for write in writes}),
                here.run(flow).writes,
            )

    def test_only_the_changed_one_of_several_is_written(self):
        """The others are left alone."""
        flow = client_flow(project=lambda one, context: [Client(name="fijo"), Client(name=one.name)])
        with over(1) as here:
            here.run(flow)
            here.crm.change(Ref("crm", "Client", "c000"), name="Nuevo")
            assert (1, 0) == ((report := here.run(flow)).updated, report.created)
            assert ["Nuevo", "fijo"] == names(here.erp)

    def test_one_and_later_several(self):
        """Nothing breaks and nothing is doubled: parked with a next step, or carried over."""

        def split(one, context):
            return [Client(name="A"), Client(name="B")] if one.city == "Cali" else Client(name="A")

        with over(2) as here:
            here.run(client_flow(project=split))
            here.crm.change(ONE, city="Cali")
            here.run(client_flow(project=split))
            parked = here.ledger.parked()
            assert ["A", "A", "B"] == names(here.erp) or [True] == [bool(one.next_step) for one in parked]

    def test_several_and_later_one(self):
        """The same the other way round."""

        def join(one, context):
            return Client(name="A") if one.city == "Cali" else [Client(name="A"), Client(name="B")]

        with over(1) as here:
            flow = client_flow(project=join, on_delete="delete")
            here.run(flow)
            here.crm.change(Ref("crm", "Client", "c000"), city="Cali")
            here.run(flow)
            assert ["A"] == names(here.erp)
            assert 0 == here.run(flow).writes
