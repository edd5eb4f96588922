"""Grouped flows that do not post differences: reversal and new posting, or one record that is kept equal to its total."""

from __future__ import annotations

from decimal import Decimal

import pytest

from periferia_link.domain import CostEntry, Interaction, Money, Ref
from periferia_link.engine import Ask, Contribution, Flow, Skip
from periferia_link.errors import ConfigurationError
from small_company import DAY, Awkward, booked, books_of, entry, helpdesk_of, lost_after, rig


def contribute(one, context):
    """Add the hours to the project."""
    return Contribution((one.project,), {"hours": one.hours}) if one.approved_at is not None else Skip("not approved")


def post(group, context):
    """Post one peso an hour; a reversal says what it takes back."""
    more = {} if group.posted is None else {"reverses": group.posted}
    hours = group.delta["hours"]
    if not hours:
        return Skip("nothing")
    return CostEntry.transfer(Money.of(hours, "COP"), debit="5105", credit="2505", posted_on=DAY, **more)


def flow(**changes):
    """Return a flow that takes a posting back and posts anew."""
    options = {"name": "hours", "source": ("helpdesk", "TimeEntry"), "target": ("erp", "CostEntry")}
    options |= {"contribute": contribute, "project": post, "on_delete": "adjust", "relation": "made from"}
    return Flow(**(options | {"corrects": "reversal"} | changes))


def ref(key):
    """Return the ref of a time entry."""
    return Ref("helpdesk", "TimeEntry", key)


def amounts(here):
    """Return what each posting moves, oldest first, and whether it takes another one back."""
    found = []
    for writes in here.erp.sent:
        for write in writes:
            sign = 1 if write.entity.lines[0].account == "5105" else -1
            found.append((sign * write.entity.total.amount, write.entity.reverses is not None))
    return found


@pytest.fixture
def here():
    """Two posted entries of 8 and 2 hours."""
    with rig(helpdesk_of([entry("a"), entry("b", "2")]), books_of()) as one:
        one.run(flow())
        one.erp.sent.clear()
        yield one


class TestReversal:
    """Where differences are not wanted: back to nothing, then the whole again."""

    def test_a_correction(self, here):
        """The posting is taken back whole and posted anew, in one run."""
        [first] = here.erp.holds("CostEntry")
        here.helpdesk.change(ref("a"), hours="9")
        report = here.run(flow())
        assert [(-10, True), (11, False)] == amounts(here)
        assert (2, first.ref, {"COP": 11}) == (report.created, here.erp.sent[0][0].entity.reverses, booked(here.erp))

    def test_a_second_run_is_silent(self, here):
        """Nothing is left open."""
        here.helpdesk.change(ref("a"), hours="9")
        here.run(flow())
        assert (0, []) == (here.run(flow()).writes, here.open_operations(flow()))

    def test_corrected_twice(self, here):
        """The second reversal takes back the posting of the first correction."""
        for hours in ("9", "5"):
            here.helpdesk.change(ref("a"), hours=hours)
            here.run(flow())
        assert [(-10, True), (11, False), (-11, True), (7, False)] == amounts(here)

    def test_everything_leaves(self, here):
        """Only the reversal is left; what comes later is posted alone."""
        here.helpdesk.drop(ref("a"))
        here.helpdesk.drop(ref("b"))
        here.run(flow())
        assert ([(-10, True)], {}) == (amounts(here), booked(here.erp))
        here.helpdesk.put(entry("c", "4"))
        here.run(flow())
        assert ((4, False), {"COP": 4}) == (amounts(here)[-1], booked(here.erp))

    def test_every_posting_covers_all_its_members(self, here):
        """The trace of reversal and new posting names every entry, not only the corrected one."""
        here.helpdesk.change(ref("a"), hours="9")
        here.run(flow())
        covered = [
            sorted(edge[2].id for edge in here.ledger.links.edges_of(one.ref) if edge[1] == "made from")
            for one in here.erp.holds("CostEntry")
        ]
        assert [["a", "b"]] * 3 == covered

    @pytest.mark.parametrize("lost", [1, 2])
    def test_an_answer_is_lost(self, here, lost):
        """Whichever of the two it is: found again, nothing twice."""
        here.erp.answers = [None] * (lost - 1) + [lost_after]
        here.helpdesk.change(ref("a"), hours="9")
        here.run(flow())
        here.run(flow())
        assert ({"COP": 11}, 3) == (booked(here.erp), len(here.erp.holds("CostEntry")))

    def test_an_entry_changes_between_the_two(self, here):
        """The new posting has the value of the day it is made."""

        def meanwhile(writes):
            if writes[0].entity.reverses is not None:
                here.helpdesk.change(ref("b"), hours="3")

        here.erp.before_write = meanwhile
        here.helpdesk.change(ref("a"), hours="9")
        here.run(flow())
        here.run(flow())
        assert {"COP": 12} == booked(here.erp)

    def test_what_moved_nothing_needs_no_reversal(self):
        """The first eight hours are free: back to them is a reversal alone, up again a posting alone."""

        def cost(hours):
            return max(hours - 8, Decimal(0))

        def free(group, context):
            total = group.total.get("hours", Decimal(0))
            return post(group._replace(delta={"hours": cost(total) - cost(total - group.delta["hours"])}), context)

        with rig(helpdesk_of([entry("a", "10")]), books_of()) as here:
            one = flow(project=free)
            here.run(one)
            for hours in ("8", "11"):
                here.helpdesk.change(ref("a"), hours=hours)
                here.run(one)
            assert [(2, False), (-2, True), (3, False)] == amounts(here)

    def test_the_way_is_changed_between_two_runs(self):
        """What was corrected by differences is taken back as a whole, without the name of one posting; and the other way."""
        with rig(helpdesk_of([entry("a", "10")]), books_of()) as here:
            for hours, corrects in (("10", "difference"), ("12", "difference"), ("9", "reversal"), ("8", "reversal")):
                here.helpdesk.change(ref("a"), hours=hours)
                here.run(flow(corrects=corrects))
            here.helpdesk.change(ref("a"), hours="7")
            here.run(flow(corrects="difference"))
            here.helpdesk.change(ref("a"), hours="6")
            here.run(flow())
            by_difference, by_reversal = [(10, False), (2, False)], [(9, False), (-9, True), (8, False)]
            assert [*by_difference, (-12, False), *by_reversal, (-1, False), (-7, False), (6, False)] == amounts(here)
            assert {"COP": 6} == booked(here.erp)

    def test_a_plan_shows_both(self, here):
        """And applying it does both."""
        here.helpdesk.change(ref("a"), hours="9")
        plan = here.engine.plan(flow())
        here.engine.apply(plan, flow())
        assert (2, [(-10, True), (11, False)]) == (len(plan), amounts(here))
        assert 0 == here.run(flow()).writes

    def test_only_grouped_flows_correct(self):
        """A flow of single records has nothing to take back."""
        with pytest.raises(ConfigurationError, match="grouped"):
            flow(contribute=None, on_delete="ignore")


# ---------------------------------------------------------------------- one record, kept equal to its total


def note(group, context):
    """Return a note with the hours of the project."""
    hours = group.total.get("hours", Decimal(0))
    if hours > 100:
        return Ask("more than 100 hours", note_of(group, hours))
    return note_of(group, hours) if hours else Skip("no hours")


def note_of(group, hours):
    """Return the note."""
    return Interaction(subject=group.names[0], text=f"{hours.normalize():f} h", channel="note")


def notes(**changes):
    """Return a flow that keeps one note a project."""
    return flow(target=("erp", "Interaction"), project=note, corrects="update", **changes)


def desk(*entries, **options):
    """Open a rig over a help desk and a system that takes notes."""
    return rig(helpdesk_of(entries), Awkward("erp", [Interaction], **options))


def texts(here):
    """Return the text of each note."""
    return sorted((one.subject, one.text) for one in here.erp.holds("Interaction"))


class TestUpdate:
    """The record of a group follows its total."""

    def test_one_record_a_group(self):
        """Created once, then changed."""
        with desk(entry("a"), entry("b", "2"), entry("c", project="P2")) as here:
            first = here.run(notes())
            here.helpdesk.change(ref("a"), hours="9")
            second = here.run(notes())
            assert ([("P1", "11 h"), ("P2", "8 h")], 2) == (texts(here), first.created)
            assert (0, 1, 0) == (second.created, second.updated, here.run(notes()).writes)

    def test_only_changed_fields_travel(self):
        """The subject stays."""
        with desk(entry("a")) as here:
            here.run(notes())
            here.helpdesk.change(ref("a"), hours="9")
            here.run(notes())
            assert frozenset({"text"}) == here.erp.sent[-1][0].fields

    def test_what_makes_no_difference_is_not_sent(self):
        """One hour moves from one entry to another."""
        with desk(entry("a"), entry("b", "2")) as here:
            here.run(notes())
            here.helpdesk.change(ref("a"), hours="9")
            here.helpdesk.change(ref("b"), hours="1")
            assert 0 == here.run(notes()).writes
            here.helpdesk.change(ref("b"), hours="2")
            assert (1, [("P1", "11 h")]) == (here.run(notes()).updated, texts(here))

    @pytest.mark.parametrize("lost", ["create", "update"])
    def test_an_answer_is_lost(self, lost):
        """Read back; one record, the right text."""
        with desk(entry("a")) as here:
            here.erp.answers = [lost_after] if lost == "create" else [None, lost_after]
            here.run(notes())
            here.helpdesk.change(ref("a"), hours="9")
            here.run(notes())
            here.run(notes())
            assert ([("P1", "9 h")], []) == (texts(here), here.open_operations(notes()))

    def test_a_person_changed_it(self):
        """With ``on_conflict='review'`` what was written by hand stays, and is said."""
        with desk(entry("a")) as here:
            one = notes(on_conflict="review")
            here.run(one)
            [written] = here.erp.holds("Interaction")
            here.erp.change(written.ref, text="9 h, con descuento")
            here.helpdesk.change(ref("a"), hours="10")
            report = here.run(one)
            assert ([("P1", "9 h, con descuento")], 1) == (texts(here), report.parked)

    def test_a_plan_shows_before_and_after(self):
        """As of every update."""
        with desk(entry("a")) as here:
            here.run(notes())
            here.helpdesk.change(ref("a"), hours="9")
            plan = here.engine.plan(notes())
            assert {"text": ("8 h", "9 h")} == plan.changes[0].fields
            here.engine.apply(plan, notes())
            assert [("P1", "9 h")] == texts(here)


class TestAsk:
    """A group may be a question."""

    @pytest.mark.parametrize(("verdict", "left"), [("ignore", "8 h"), ("create", "101 h")])
    def test_asked_once_and_answered(self, verdict, left):
        """In review until a person answers; the answer holds for this change only."""
        with desk(entry("a")) as here:
            here.run(notes())
            for number in range(1, 7):
                here.helpdesk.put(entry(f"x{number}", "15.5"))
            assert (1, [("P1", "8 h")]) == (here.run(notes()).review, texts(here))
            assert (0, 1) == (here.run(notes()).review, len(here.ledger.reviews()))
            with here.ledger.transaction():
                stream = here.ledger.stream("hours", "group")
                here.ledger.desk.decide(stream, here.ledger.reviews()[0].key, verdict)
            here.run(notes())
            assert ([("P1", left)], []) == (texts(here), here.ledger.reviews())
            here.helpdesk.put(entry("y", "1"))
            assert 1 == here.run(notes()).review

    def test_asked_no_more_when_it_is_right_again(self):
        """The question goes away with its reason."""
        with desk(entry("a"), *(entry(f"x{n}", "15.5") for n in range(6))) as here:
            here.run(notes())
            here.helpdesk.drop(ref("x0"))
            here.run(notes())
            assert ([], [("P1", "85.5 h")]) == (here.ledger.reviews(), texts(here))
