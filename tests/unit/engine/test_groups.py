"""Grouped flows: many members make one posting, later changes are posted as the difference."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, localcontext

import pytest

from periferia_link.domain import CostEntry, Money, Ref
from periferia_link.engine import Contribution, Flow, Group, Skip, Wait
from periferia_link.errors import RecordInvalidError
from small_company import DAY, Awkward, booked, books_of, entry, helpdesk_of, lost_after, refused, rig

START = date(2026, 1, 1)


def contribute(one, context):
    """Add the hours to the project."""
    if one.approved_at is None:
        return Skip("not approved")
    return Contribution((one.project,), {"hours": one.hours})


def post(group, context):
    """Post one peso an hour."""
    return CostEntry.transfer(
        Money.of(group.delta["hours"], "COP"), debit="5105", credit="2505", posted_on=DAY, memo=group.names[0]
    )


def hours_flow(**changes):
    """Return a flow that posts one peso an hour for each project."""
    options = {
        "name": "hours",
        "source": ("helpdesk", "TimeEntry"),
        "target": ("erp", "CostEntry"),
        "contribute": contribute,
        "project": post,
        "on_delete": "adjust",
        "relation": "made from",
    }
    return Flow(**(options | changes))


def ref(key):
    """Return the ref of a time entry."""
    return Ref("helpdesk", "TimeEntry", key)


def over(*entries, **options):
    """Open a rig over a help desk and books."""
    books = books_of(**options)
    return rig(helpdesk_of(entries), books)


def postings(here):
    """Return memo and amount of every posting; negative when the sides are swapped."""
    found = []
    for posting in here.erp.holds("CostEntry"):
        sign = 1 if posting.lines[0].account == "5105" else -1
        found.append((posting.memo, sign * posting.total.amount))
    return sorted(found)


class TestFirstPosting:
    """Members that nobody posted yet."""

    def test_one_posting_a_group(self):
        """Three entries on two projects make two postings."""
        with over(entry("a"), entry("b", "2"), entry("c", project="P2")) as here:
            report = here.run(hours_flow())
            assert [("P1", 10), ("P2", 8)] == postings(here)
            assert 2 == report.created

    def test_a_second_run_is_silent(self):
        """Nothing changed: no request."""
        with over(entry("a")) as here:
            here.run(hours_flow())
            here.erp.sent.clear()
            assert (0, []) == (here.run(hours_flow()).writes, here.erp.sent)

    def test_unapproved_hours_do_not_count(self):
        """They are remembered and counted as skipped."""
        with over(entry("a"), entry("b", approved_at=None)) as here:
            report = here.run(hours_flow())
            assert ([("P1", 8)], 1) == (postings(here), report.skipped)

    def test_every_member_leads_to_its_posting(self):
        """The trace goes from the posting to the entries that it covers."""
        with over(entry("a"), entry("b", "2")) as here:
            here.run(hours_flow())
            [posting] = here.erp.holds("CostEntry")
            assert [(posting.ref, "made from", ref("a")), (posting.ref, "made from", ref("b"))] == [
                edge for edge in here.ledger.links.edges_of(posting.ref) if edge[1] == "made from"
            ]

    def test_more_groups_than_a_page(self):
        """Groups are planned page by page; each is posted once."""
        entries = [entry(f"e{n:04}", "1", project=f"P{n:04}") for n in range(1_100)]
        with over(*entries) as here:
            report = here.run(hours_flow())
            assert (1_100, 1_100) == (report.created, len({memo for memo, _ in postings(here)}))

    def test_sums_do_not_depend_on_the_decimal_context(self):
        """Whatever precision the thread has, the sum is exact."""
        entries = [entry(f"e{n}", "1.2345678") for n in range(3)]
        with over(*entries) as here:
            with localcontext() as context:
                context.prec = 3
                here.run(hours_flow())
            assert [("P1", Decimal("3.7037034"))] == postings(here)


class TestCorrections:
    """Something changed after it was posted."""

    @pytest.fixture
    def here(self):
        """Two posted entries of 8 and 2 hours."""
        with over(entry("a"), entry("b", "2")) as one:
            one.run(hours_flow())
            yield one

    @pytest.mark.parametrize(("hours", "difference"), [("9", 1), ("6.5", Decimal("-1.5")), ("0.25", Decimal("-7.75"))])
    def test_the_difference_is_posted(self, here, hours, difference):
        """More or less than before, by a second posting; the first is never touched."""
        here.helpdesk.change(ref("a"), hours=hours)
        here.run(hours_flow())
        assert sorted([("P1", 10), ("P1", difference)]) == postings(here)

    def test_several_corrections_between_two_runs(self, here):
        """Only what it was and what it is count."""
        here.helpdesk.change(ref("a"), hours="1")
        here.helpdesk.change(ref("a"), hours="9")
        here.helpdesk.change(ref("b"), hours="4")
        here.run(hours_flow())
        assert [("P1", 3), ("P1", 10)] == postings(here)

    def test_corrections_that_cancel_each_other(self, here):
        """One hour more here, one less there: nothing to post, and nothing stays open."""
        here.helpdesk.change(ref("a"), hours="9")
        here.helpdesk.change(ref("b"), hours="1")
        report = here.run(hours_flow())
        assert (0, [("P1", 10)]) == (report.writes, postings(here))

        here.helpdesk.change(ref("b"), hours="2")
        here.run(hours_flow())
        assert [("P1", 1), ("P1", 10)] == postings(here)

    def test_every_posting_has_a_key_of_its_own(self, here):
        """The ordinal is part of it: a correction is another effect."""
        for hours in ("9", "7", "9"):
            here.helpdesk.change(ref("a"), hours=hours)
            here.run(hours_flow())
        keys = [write.create_key for writes in here.erp.sent for write in writes]
        assert (4, 4) == (len(keys), len(set(keys)))

    def test_the_adjustment_covers_only_what_changed(self, here):
        """The trace of a correction names the corrected entries."""
        here.helpdesk.change(ref("a"), hours="9")
        here.run(hours_flow())
        covered = [
            {edge[2].id for edge in here.ledger.links.edges_of(posting.ref) if edge[1] == "made from"}
            for posting in here.erp.holds("CostEntry")
        ]
        assert sorted([["a"], ["a", "b"]]) == sorted(sorted(keys) for keys in covered)

    def test_a_field_that_does_not_count(self, here):
        """A new note changes nothing in the books."""
        here.helpdesk.change(ref("a"), note="mirado")
        assert 0 == here.run(hours_flow()).writes


class TestMembersThatLeave:
    """Moved, deleted, taken back."""

    @pytest.fixture
    def here(self):
        """Two posted entries of 8 and 2 hours."""
        with over(entry("a"), entry("b", "2")) as one:
            one.run(hours_flow())
            yield one

    def test_moved_to_another_group(self, here):
        """Taken back there, added here."""
        here.helpdesk.change(ref("a"), project="P2")
        report = here.run(hours_flow())
        assert ([("P1", -8), ("P1", 10), ("P2", 8)], 2) == (postings(here), report.created)

    def test_moved_and_corrected(self, here):
        """The old group loses what it had, the new one gets what it is now."""
        here.helpdesk.change(ref("a"), project="P2", hours="3")
        here.run(hours_flow())
        assert [("P1", -8), ("P1", 10), ("P2", 3)] == postings(here)

    def test_there_and_back_again(self, here):
        """Every step is a difference; the sum is what it was."""
        for project in ("P2", "P1", "P2", "P1"):
            here.helpdesk.change(ref("a"), project=project)
            here.run(hours_flow())
        assert {"COP": 10} == booked(here.erp)
        assert 10 == sum(amount for memo, amount in postings(here) if memo == "P1")

    def test_there_and_back_between_two_runs(self, here):
        """Nothing happened."""
        here.helpdesk.change(ref("a"), project="P2")
        here.helpdesk.change(ref("a"), project="P1")
        assert 0 == here.run(hours_flow()).writes

    def test_deleted(self, here):
        """What it contributed is taken back."""
        here.helpdesk.drop(ref("b"))
        here.run(hours_flow())
        assert [("P1", -2), ("P1", 10)] == postings(here)

    def test_deleted_and_restored(self, here):
        """Taken back, then booked again: once."""
        here.helpdesk.drop(ref("b"))
        here.run(hours_flow())
        here.helpdesk.put(entry("b", "2"))
        here.run(hours_flow())
        assert {"COP": 10} == booked(here.erp)

    def test_the_whole_group_is_deleted(self, here):
        """The sum is zero; later entries start from there."""
        here.helpdesk.drop(ref("a"))
        here.helpdesk.drop(ref("b"))
        here.run(hours_flow())
        assert {} == booked(here.erp)
        here.helpdesk.put(entry("c", "5"))
        here.run(hours_flow())
        assert {"COP": 5} == booked(here.erp)

    def test_approval_is_taken_back(self, here):
        """An entry that is not approved any more does not count."""
        here.helpdesk.change(ref("b"), approved_at=None)
        here.run(hours_flow())
        assert {"COP": 8} == booked(here.erp)

    def test_ignored_deletions_stay_booked(self, here):
        """With ``on_delete='ignore'`` the posting stands."""
        here.helpdesk.drop(ref("b"))
        report = here.run(hours_flow(on_delete="ignore"))
        assert (0, {"COP": 10}) == (report.writes, booked(here.erp))

    def test_ignored_and_restored(self, here):
        """It comes back and is the same entry: nothing is booked again."""
        flow = hours_flow(on_delete="ignore")
        here.helpdesk.drop(ref("b"))
        here.run(flow)
        here.helpdesk.put(entry("b", "2"))
        here.run(flow)
        assert {"COP": 10} == booked(here.erp)

    def test_an_entry_that_became_unreadable(self, here):
        """It is parked; what it contributed stays until it is corrected."""
        here.helpdesk._store("TimeEntry", "b", b'{"person": "E1", "worked_on": "2026-02-02", "hours": "-2"}')
        report = here.run(hours_flow())
        assert (1, {"COP": 10}, ["b"]) == (report.parked, booked(here.erp), [row.key for row in here.ledger.parked()])

        here.helpdesk.put(entry("b", "3"))
        here.run(hours_flow())
        assert ({"COP": 11}, []) == (booked(here.erp), here.ledger.parked())


class TestOpenPostings:
    """Members change while a posting of their group is not settled."""

    def test_a_posting_of_unknown_fate(self):
        """The change waits for the read-back and becomes the second posting."""
        with over(entry("a"), guard="marker") as here:
            here.erp.answers = [lost_after]
            here.again(patience=0.0).run(hours_flow())
            here.helpdesk.change(ref("a"), hours="9")
            here.again(patience=0.0).run(hours_flow())
            assert [("P1", 8)] == postings(here)

            here.clock.advance(60)
            here.run(hours_flow())
            assert [("P1", 1), ("P1", 8)] == postings(here)

    def test_a_refused_group_is_posted_later_with_its_newest_sum(self):
        """Parked with the reason; members that come meanwhile join the same posting."""
        with over(entry("a")) as here:
            closed = RecordInvalidError("period 2026-02 is locked", system="erp", hint="open it")
            here.erp.always = refused(closed)
            report = here.run(hours_flow())
            [parked] = here.ledger.parked()
            assert (1, "period 2026-02 is locked", "open it") == (report.parked, parked.reason, parked.next_step)

            here.erp.always = None
            here.helpdesk.put(entry("b", "2"))
            here.clock.advance(86_400)
            here.run(hours_flow())
            assert ([("P1", 10)], []) == (postings(here), here.ledger.parked())

    def test_a_refused_group_does_not_stop_the_others(self):
        """Each group is a record of its own."""
        with over(entry("a"), entry("b", project="P2")) as here:
            here.erp.always = refused(where=lambda write: write.entity.memo == "P1")
            report = here.run(hours_flow())
            assert ([("P2", 8)], 1, 1) == (postings(here), report.created, report.parked)


class TestProjection:
    """What the projection of a group sees and may answer."""

    def test_it_sees_names_sums_and_members(self):
        """Names, ordinal, difference, total, and who changed."""
        seen: list[Group] = []

        def watch(group, context):
            seen.append(group)
            return post(group, context)

        with over(entry("a"), entry("b", "2")) as here:
            flow = hours_flow(project=watch)
            here.run(flow)
            here.helpdesk.change(ref("b"), hours="5")
            here.run(flow)

        assert [
            Group(("P1",), 0, {"hours": Decimal(10)}, {"hours": Decimal(10)}, ("a", "b")),
            Group(("P1",), 1, {"hours": Decimal(3)}, {"hours": Decimal(13)}, ("b",)),
        ] == seen

    def test_a_group_may_be_skipped(self):
        """Skip closes it: nothing is posted and nothing stays open."""
        with over(entry("a")) as here:
            flow = hours_flow(project=lambda group, context: Skip("internal"))
            assert 0 == here.run(flow).writes
            assert [] == here.ledger.parked()

    @pytest.mark.parametrize("corrects", ["difference", "reversal"])
    def test_too_little_stays_due(self, corrects):
        """What is too little to be posted is part of the next posting; until then nothing stays open."""

        def patient(group, context):
            hours = group.delta["hours"]
            return post(group, context) if hours.copy_abs() >= 5 else Skip("too little", stays_due=True)

        def standing():
            here.ledger.trail.again()
            (told,) = here.ledger.trail.standings(ref("a"))
            return told.reason, told.desired == told.posted

        with over(entry("a", "2")) as here:
            flow = hours_flow(project=patient, corrects=corrects)
            assert [0, 0] == [here.run(flow).writes, here.run(flow).writes]
            assert ("too little", True) == standing()
            here.helpdesk.put(entry("b", "4"))
            assert (1, [("P1", 6)], ("", True)) == (here.run(flow).writes, postings(here), standing())
            here.helpdesk.change(ref("b"), hours="6")
            here.run(flow)
            assert 8 == sum(hours for _, hours in postings(here)) + (2 if corrects == "difference" else 0)
            here.helpdesk.change(ref("b"), hours="10")
            here.run(flow)
            assert 12 == sum(hours for _, hours in postings(here))
            assert 0 == here.run(flow).writes
            assert [] == here.ledger.verify()

    def test_too_little_that_is_gone(self):
        """Nothing was posted of it: nothing is taken back."""
        with over(entry("a", "2")) as here:
            flow = hours_flow(project=lambda group, context: Skip("too little", stays_due=True))
            here.run(flow)
            here.helpdesk.drop(ref("a"))
            assert (0, 0, []) == (here.run(flow).writes, here.run(flow).writes, postings(here))

    def test_a_group_may_wait(self):
        """It waits for a link and is posted when that is there."""
        with over(entry("a")) as here:
            waiting = hours_flow(project=lambda group, context: Wait(Ref("crm", "Client", "1")))
            assert (1, []) == ((report := here.run(waiting)).waiting, postings(here)), report.notes

    def test_a_member_may_wait(self):
        """Contributions wait too; others are posted."""

        def picky(one, context):
            return Wait(Ref("crm", "Client", "1")) if one.project == "P2" else contribute(one, context)

        with over(entry("a"), entry("b", project="P2")) as here:
            report = here.run(hours_flow(contribute=picky))
            assert ([("P1", 8)], 1) == (postings(here), report.waiting)

    @pytest.mark.parametrize("error", [ValueError, ZeroDivisionError, KeyError, IndexError, TypeError, AttributeError])
    def test_one_that_stumbles_parks_its_group(self, error):
        """The others are posted; the reason names the flow and the error, not the values."""

        def stumble(group, context):
            if group.names == ("P1",):
                raise error("personal text")
            return post(group, context)

        with over(entry("a"), entry("b", project="P2")) as here:
            here.run(hours_flow(project=stumble))
            [parked] = here.ledger.parked()
            assert [("P2", 8)] == postings(here)
            assert (True, True, False) == (
                "hours" in parked.reason,
                error.__name__ in parked.reason,
                "personal text" in parked.reason,
            )

    def test_group_names_may_hold_anything(self):
        """Names with quotes, separators and other scripts are told apart."""
        texts = ["a/b", "a", "b", 'x"y', "ñandú", "日本", "[1,2]", "\x1f", " "]
        entries = [entry(f"e{n}", "1", project=text) for n, text in enumerate(texts)]
        with over(*entries) as here:
            here.run(hours_flow())
            assert sorted(texts) == sorted(memo for memo, _ in postings(here))


class TestFeeds:
    """What a page may look like."""

    def test_a_page_that_lists_an_entry_in_two_states(self):
        """The last row is the newest: it counts, in one group."""

        def doubled(kind, since, pages):
            for page in pages:
                rows = list(page.rows)
                if kind == "TimeEntry" and rows:
                    rows.append(rows[0]._replace(version="9", body=rows[0].body.replace(b'"P1"', b'"P2"')))
                yield page._replace(rows=rows)

        with over(entry("a")) as here:
            here.helpdesk.pages = doubled
            here.run(hours_flow())
            assert [("P2", 8)] == postings(here)

    def test_overlapping_pages(self):
        """A row that two pages list counts once."""

        def overlapping(kind, since, pages):
            last = None
            for page in pages:
                rows = list(page.rows)
                yield page._replace(rows=[*([last] if last else []), *rows])
                last = rows[-1] if rows else last

        helpdesk = helpdesk_of([entry(f"e{n}", "1") for n in range(7)], page_size=2)
        helpdesk.pages = overlapping
        with rig(helpdesk, books_of()) as here:
            here.run(hours_flow())
            assert [("P1", 7)] == postings(here)

    def test_a_scanned_source_loses_members(self):
        """Absent from a complete scan: taken back."""
        with rig(helpdesk_of([entry("a"), entry("b", "2")], feed="scan"), books_of()) as here:
            here.run(hours_flow())
            here.helpdesk.drop(ref("b"))
            here.run(hours_flow())
            assert {"COP": 8} == booked(here.erp)


class TestTwoTargets:
    """Groups of two companies."""

    def test_each_in_its_own_books(self):
        """The route of a posting decides where it goes."""
        peru = Awkward("erp-pe", [CostEntry])
        flow = hours_flow(
            target=("books", "CostEntry"), route=lambda posting: "erp-pe" if posting.memo == "P2" else "erp"
        )
        with rig(
            helpdesk_of([entry("a"), entry("b", "2", project="P2")]),
            books_of(),
            peru,
            roles={"books": ["erp", "erp-pe"]},
        ) as here:
            here.run(flow)
            assert ({"COP": 8}, {"COP": 2}) == (booked(here.erp), booked(peru))
            assert 0 == here.run(flow).writes
