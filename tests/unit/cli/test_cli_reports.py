"""Reports, plans and waiting records as people read them."""

from __future__ import annotations

import io

import pytest

pytest.importorskip("rich", reason="the extra cli is not installed")

from periferia_link.cli._reports import readable_key, show_changes, show_counts, show_notes, show_plan, show_waiting
from periferia_link.cli._screens import Screen
from periferia_link.cli._words import Words
from periferia_link.engine import Change, FlowReport, Plan
from periferia_link.ledger import Parked, Review


@pytest.fixture
def page():
    """Return a screen in a pipe with its text so far."""
    out = io.StringIO()
    return Screen(Words("en"), out=out, err=io.StringIO()), out


def change(mode="create", kind="Client", target=None, **fields):
    """Build one planned change."""
    return Change("clients", "k", mode, kind, "erp", target, None, fields, "digest")


def told(page, *changes, **options):
    """Return the lines that describe changes."""
    screen, out = page
    show_changes(screen, changes, **options)
    return out.getvalue().splitlines()


class TestCounts:
    def test_rare_counts_have_a_column_when_there_are_some(self, page):
        """``waiting`` stands there when something waits."""
        screen, out = page
        quiet, busy = FlowReport("clients"), FlowReport("projects")
        busy.count("waiting", 2)
        show_counts(screen, {"clients": quiet})
        assert "waiting" not in out.getvalue()
        show_counts(screen, {"clients": quiet, "projects": busy})
        assert "waiting" in out.getvalue()

    def test_a_small_screen_shows_what_happened(self, page, monkeypatch):
        """Where there is little room, columns of zeros are left out."""
        screen, out = page
        monkeypatch.setattr(type(screen), "width", 80)
        report = FlowReport("clients")
        report.count("adopted", 3)
        show_counts(screen, {"clients": report})
        assert ["flow", "created", "updated", "unchanged", "adopted"] == out.getvalue().splitlines()[0].split()

    def test_a_table_that_is_too_wide(self, page, monkeypatch):
        """Before a heading is broken, columns of zeros go: adopting creates nothing."""
        screen, out = page
        monkeypatch.setattr(type(screen), "width", 80)
        report = FlowReport("clients")
        for name in ("unchanged", "adopted", "review", "unmatched", "different"):
            report.count(name, 3)
        show_counts(screen, {"clients": report})
        assert ["flow", "unchanged", "adopted", "review", "unmatched", "different"] == out.getvalue().splitlines()[
            0
        ].split()

    def test_notes(self, page):
        """The first sentences are shown, the others counted."""
        screen, out = page
        report = FlowReport("clients")
        for number in range(4):
            report.note(f"note {number}")
        show_notes(screen, {"clients": report}, limit=3)
        assert ["  clients: note 0", "  clients: note 1", "  clients: note 2", "  clients: … and 1 more"] == (
            out.getvalue().splitlines()
        )


class TestChanges:
    def test_a_creation(self, page):
        """What identifies comes first, references by their id; what is empty is not shown."""
        fields = {"city": (None, "Cali"), "name": (None, "A"), "code": (None, "C1"), "phone": (None, None)}
        fields["tax_id"] = (None, {"country": "CO", "number": "9001234568"})
        fields["client"] = (None, ["erp", "Client", "C7"])
        assert ["  + create erp Client: code C1, name A, tax_id 9001234568, client C7, city Cali"] == (
            told(page, change(**fields))
        )

    def test_personal_fields_are_named_only(self, page):
        """A plan on a screen shows nobody's address."""
        lines = told(page, change(email=(None, "ana@acme.example"), name=(None, "A" * 90)))
        assert "ana@acme.example" not in lines[0]
        assert "email …" in lines[0]
        assert "A…" in lines[0]

    def test_an_update_has_before_and_after(self, page):
        """Both values of each field."""
        assert ["  ~ update erp Client C1: name A → B, is_active true → false"] == told(
            page, change("update", target="C1", name=("A", "B"), is_active=(True, False))
        )

    def test_a_deletion_and_another_kind(self, page):
        """Kinds that nobody knows and modes without fields are lines, too."""
        assert ["  - delete erp Ticket 7", "  ! action erp Ticket 8: x 1 → 2"] == told(
            page, change("delete", "Ticket", "7"), change("action", "Ticket", "8", x=(1, 2))
        )

    def test_a_posting_reads_like_one(self, page):
        """Accounts, place and amount instead of JSON."""
        lines = [
            {"account": "613595", "debit": "1500.50", "project": "P-1", "cost_centre": "FAB"},
            {"account": "510595", "credit": "1500.50"},
        ]
        fields = {"lines": (None, lines), "posted_on": (None, "2026-03-02"), "currency": (None, "COP")}
        assert ["  + create erp CostEntry 2026-03-02: 613595 ← 510595, P-1 / FAB, 1,500.50 COP"] == told(
            page, change(kind="CostEntry", **fields)
        )

    def test_the_first_of_each_mode(self, page):
        """Examples of everything that happens, not only of what comes first."""
        changes = [change(name=(None, str(n))) for n in range(9)] + [change("update", target="C1", name=("A", "B"))]
        lines = told(page, *changes, limit=2)
        assert 4 == len(lines)
        assert "  ~ update erp Client C1: name A → B" == lines[2]
        assert "  … and 7 more" == lines[3]


class TestPlans:
    def test_nothing_to_do(self, page):
        """An empty plan says so."""
        screen, out = page
        show_plan(screen, Plan([], {"clients": FlowReport("clients")}, ["clients"]))
        assert out.getvalue().endswith("\nNothing to do: both sides agree.\n")

    def test_by_flow(self, page):
        """Counts of all flows, then changes of each."""
        screen, out = page
        show_plan(screen, Plan([change(name=(None, "A"))], {"clients": FlowReport("clients")}, ["clients"]))
        assert "clients: 1 change\n  + create erp Client: name A\n" in out.getvalue()


class TestWaiting:
    def test_equal_reasons_stand_together(self, page):
        """A hundred hours without a project are one thing to do, not a hundred."""
        screen, out = page
        key = '["P-1","FAB","2026-03-02","COP"]'
        rows = [
            Parked("labour_costs", key if n == 0 else f"wl-{n}", "MissingReferenceError", "no rate", "add it", 0, 1, 0)
            for n in range(5)
        ]
        show_waiting(screen, rows, [], names={"wl-1": "Ana's Monday"})
        assert [
            "Parked: 5",
            "  labour_costs: 5 records: P-1 / FAB / 2026-03-02 / COP, Ana's Monday, wl-2, …",
            "    reason: no rate",
            "    next step: add it",
        ] == out.getvalue().splitlines()

    def test_reviews_name_their_candidates(self, page):
        """A question comes with what there is to choose from."""
        screen, out = page
        reviews = [
            Review("clients", "a1", "same name", ("C1", "C2"), 0, None),
            Review("clients", "a2", "why", (), 0, None),
        ]
        show_waiting(screen, [], reviews)
        text = out.getvalue()
        assert "In review: 2\n  clients: 1 record: a1 (candidates: C1, C2)\n    reason: same name\n" in text
        assert "  clients: 1 record: a2\n" in text

    def test_nothing(self, page):
        """Where nothing waits, nothing is said."""
        screen, out = page
        show_waiting(screen, [], [])
        assert "" == out.getvalue()

    @pytest.mark.parametrize(("key", "text"), [("[broken", "[broken"), ("[1, 2]", "[1, 2]"), ("k", "k")])
    def test_keys(self, key, text):
        """A key that is no list of names is shown as it is."""
        assert text == readable_key(key)
