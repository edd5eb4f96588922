"""Labour costs: hours become contributions, contributions become balanced postings."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from periferia_link.domain import CostCentre, CostEntry, Employee, Money, Project, Rate, Ref, TimeEntry
from periferia_link.engine import Context, Contribution, Group, Lookup, Skip
from periferia_link.engine.context import Tables
from periferia_link.errors import ConfigurationError, MissingReferenceError
from periferia_link.flows import labour_costs

TODAY, DAY = date(2026, 11, 3), date(2026, 11, 2)
APPROVED = datetime(2026, 11, 3, 9, tzinfo=timezone.utc)


def flow(**changes):
    """Return the flow from 2026 on."""
    return labour_costs(**({"starts": date(2026, 1, 1), "debit": "5105", "credit": "2505"} | changes))


def employee(rates=(("2020-01-01", "50000", "COP"),), **values):
    """Return somebody of the ERP."""
    dated = tuple(
        Rate(valid_from=date.fromisoformat(day), hourly=Money.of(amount, currency)) for day, amount, currency in rates
    )
    return Employee(**({"code": "E1", "name": "Ana", "cost_centre": "CC1", "rates": dated} | values))


def context(*, erp=None, rule="R1"):
    """Return a context with all four tables."""
    rows = {
        "people": {"ana": Employee(code="E1", name="Ana", ref=Ref("helpdesk", "Employee", "ana"))},
        "employees": {"E1": erp or employee()},
        "centres": {code: CostCentre(code=code, name="Centro", distribution_rule=rule) for code in ("CC1", "CC2")},
        "projects": {"P1": Project(code="P1", name="Proyecto")},
    }
    lookup = Lookup("erp", "Employee", lambda one: one.code)
    tables = Tables({name: (lookup, held, frozenset()) for name, held in rows.items()})
    return Context(zone=ZoneInfo("America/Bogota"), today=TODAY, tables=tables)


def entry(hours="8", **values):
    """Return an approved time entry."""
    given = {"person": "ana", "project": "P1", "worked_on": DAY, "approved_at": APPROVED} | values
    return TimeEntry(ref=Ref("helpdesk", "TimeEntry", "t1"), hours=Decimal(hours), **given)


def contribution(one=None, *, per="day", decimals=None, **tables):
    """Return what an entry contributes."""
    return flow(per=per, decimals=decimals).contribute(one or entry(), context(**tables))


def posting(amount, *, ordinal=0, corrections="same day", rule="R1", names=("P1", "CC1", "2026-11-02", "COP")):
    """Return what a group becomes."""
    value = {"amount": Decimal(amount), "hours": Decimal(1)}
    group = Group(names, ordinal, value, value, ("t1",))
    return flow(corrections=corrections).project(group, context(rule=rule))


class TestContribution:
    """Hours times the rate of that day."""

    def test_of_an_entry(self):
        """Amount and hours, to the group of project, centre, day and currency."""
        values = {"amount": Decimal(400_000), "hours": Decimal(8)}
        assert Contribution(("P1", "CC1", "2026-11-02", "COP"), values) == contribution()

    def test_one_posting_for_each_entry(self):
        """The entry is part of the group's name."""
        assert ("P1", "CC1", "2026-11-02", "COP", "t1") == contribution(per="entry").group

    def test_not_approved(self):
        """Does not count yet."""
        assert isinstance(contribution(entry(approved_at=None)), Skip)

    @pytest.mark.parametrize(("day", "amount"), [("2026-06-30", 100), ("2026-07-01", 200), ("2026-12-01", 200)])
    def test_the_rate_of_that_day(self, day, amount):
        """From its first day on."""
        rates = (("2026-07-01", "200", "COP"), ("2020-01-01", "100", "COP"))
        found = contribution(entry("1", worked_on=date.fromisoformat(day)), erp=employee(rates))
        assert amount == found.values["amount"]

    @pytest.mark.parametrize(
        ("hours", "rate", "currency", "cost"),
        [
            ("0.5", "33.33", "COP", "16.67"),
            ("0.1", "0.05", "COP", "0.01"),
            ("0.1", "0.04", "COP", "0.00"),
            ("1.5", "33333", "CLP", "50000"),
            ("0.3", "10.0005", "KWD", "3.000"),
            ("0.35", "10.01", "KWD", "3.504"),
        ],
    )
    def test_rounded_half_up(self, hours, rate, currency, cost):
        """To the decimals of its currency."""
        found = contribution(entry(hours), erp=employee((("2020-01-01", rate, currency),)))
        assert (Decimal(cost), currency) == (found.values["amount"], found.group[3])

    def test_books_without_cents(self):
        """The company may keep COP without decimals."""
        found = contribution(entry("0.5"), decimals=0, erp=employee((("2020-01-01", "33.01", "COP"),)))
        assert "17" == str(found.values["amount"])

    @given(st.decimals("0.01", "24", places=2), st.decimals("0", "9999999.99", places=2))
    def test_never_a_float(self, hours, rate):
        """Exact to the last digit, whatever the numbers."""
        found = contribution(entry(str(hours)), erp=employee((("2020-01-01", str(rate), "COP"),)))
        assert abs(found.values["amount"] - hours * rate) <= Decimal("0.005")
        assert -2 == found.values["amount"].as_tuple().exponent

    def test_the_entry_s_own_centre(self):
        """Goes before that of the person."""
        assert "CC2" == contribution(entry(cost_centre="CC2")).group[1]


class TestMissing:
    """What an entry needs."""

    @pytest.mark.parametrize(
        ("one", "erp", "words"),
        [
            (entry(project=None), employee(), "no project"),
            (entry(project="P9"), employee(), "P9"),
            (entry(person="eva"), employee(), "eva"),
            (entry(), employee((("2027-01-01", "1", "COP"),)), "rate"),
            (entry(), employee(()), "rate"),
            (entry(), employee(cost_centre=None), "cost centre"),
        ],
        ids=["no project", "project", "person", "rate later", "no rates", "centre"],
    )
    def test_said_with_the_way_out(self, one, erp, words):
        """Which one is missing, and where to add it."""
        with pytest.raises(MissingReferenceError, match=words) as caught:
            contribution(one, erp=erp)
        assert caught.value.hint

    def test_every_question_is_a_dependency(self):
        """A table row that changes makes the entry be looked at again."""
        here = context()
        flow().contribute(entry(), here)
        asked = {"lookup:people:ana", "lookup:employees:E1", "lookup:projects:P1"}
        assert asked <= here.drain()

    def test_no_names_of_people(self):
        """An error names codes."""
        with pytest.raises(MissingReferenceError) as caught:
            contribution(erp=employee(()))
        assert "Ana" not in str(caught.value)


class TestPosting:
    """A balanced entry of two lines."""

    def test_the_first(self):
        """Debit with project, centre and rule; credit on the offset account."""
        found = posting(400_000)
        debit, credit = found.lines
        assert (CostEntry, Money.of(400_000, "COP"), DAY) == (type(found), found.total, found.posted_on)
        assert ("5105", Decimal(400_000), "P1", "CC1", "R1") == (
            debit.account,
            debit.debit,
            debit.project,
            debit.cost_centre,
            debit.distribution_rule,
        )
        assert ("2505", Decimal(400_000)) == (credit.account, credit.credit)

    def test_a_correction_downwards(self):
        """The sides are swapped; nothing is negative."""
        first, second = posting(-100, ordinal=1).lines
        assert ("2505", Decimal(100), "5105", Decimal(100)) == (
            first.account,
            first.debit,
            second.account,
            second.credit,
        )

    def test_no_cost(self):
        """A posting of zero moves nothing."""
        assert isinstance(posting(0), Skip)

    @pytest.mark.parametrize(
        ("ordinal", "corrections", "day"),
        [(0, "same day", DAY), (0, "today", DAY), (1, "same day", DAY), (1, "today", TODAY)],
    )
    def test_days(self, ordinal, corrections, day):
        """A correction is booked on the day worked, or today when that period is closed."""
        assert day == posting(5, ordinal=ordinal, corrections=corrections).posted_on

    def test_without_a_distribution_rule(self):
        """Parked until somebody makes one."""
        with pytest.raises(MissingReferenceError, match="CC1 has no distribution rule") as caught:
            posting(5, rule=None)
        assert caught.value.hint

    def test_an_unknown_centre(self):
        """The same."""
        with pytest.raises(MissingReferenceError, match="CC9"):
            posting(5, names=("P1", "CC9", "2026-11-02", "COP"))

    def test_texts_fit(self):
        """Memo 50 characters, reference 27: what SAP takes."""
        found = posting(5, ordinal=3, names=("P" * 50, "CC1", "2026-11-02", "COP"))
        assert (50, 27) == (len(found.memo), len(found.reference))

    def test_corrections_are_told_apart(self):
        """An accountant sees what it is."""
        assert posting(5).memo != posting(5, ordinal=1).memo

    def test_the_entry_of_a_posting_of_its_own(self):
        """A fifth name changes nothing in the posting."""
        assert posting(5) == posting(5, names=("P1", "CC1", "2026-11-02", "COP", "t1"))


class TestSettings:
    """What must be said, and what may be."""

    def test_a_start_is_mandatory(self):
        """Earlier hours were booked by hand."""
        with pytest.raises(ConfigurationError, match="start date"):
            flow(starts=None)

    def test_the_day_worked_counts(self):
        """For the start date."""
        assert DAY == flow().dated(entry())

    def test_roles_and_order(self):
        """Help desk to ERP, after clients and projects; deletions are posted as a difference."""
        one = flow(source="periticket", target="sap")
        assert (("periticket", "TimeEntry"), ("sap", "CostEntry")) == (one.source, one.target)
        assert ({"periticket", "sap"}, ("clients", "projects"), "adjust", True) == (
            {lookup.role for lookup in one.lookups.values()},
            one.after,
            one.on_delete,
            one.posts_money,
        )

    def test_tables_by_code(self):
        """How each table finds its rows."""
        tables = flow().lookups
        person = Employee(code="E1", name="Ana", ref=Ref("helpdesk", "Employee", "ana"))
        assert ("ana", "E1", "CC1", "P1") == (
            tables["people"].key(person),
            tables["employees"].key(person),
            tables["centres"].key(CostCentre(code="CC1", name="x")),
            tables["projects"].key(Project(code="P1", name="x")),
        )
