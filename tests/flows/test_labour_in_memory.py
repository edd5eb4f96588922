"""Labour cost through the engine: currency, rate cards, several companies, dimensions, closed months, reversals."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal

import pytest

from periferia_link.domain import CostCentre, CostEntry, Employee, ExchangeRate, Project, Ref, TimeEntry
from periferia_link.engine import Ceilings
from periferia_link.errors import CeilingError, ConfigurationError
from periferia_link.flows import labour_costs
from periferia_link.testing import ManualClock
from periferia_link.trace import trace
from small_company import DAY, Awkward, books_of, centre, employee, entry, helpdesk_of, lost_after, project, rig

START, DEBIT, CREDIT = date(2026, 1, 1), "5105", "2505"
USD = [(date(2020, 1, 1), "12.50", "USD")]


def flow(**changes):
    """Return the flow with books in pesos."""
    return labour_costs(**({"starts": START, "debit": DEBIT, "credit": CREDIT, "currency": "COP"} | changes))


def postings(system):
    """Return every posting, oldest first."""
    return [write.entity for writes in system.sent for write in writes]


def sides(posting):
    """Return account, debit less credit, and the same in the books, of every line."""
    return [
        (one.account, one.debit - one.credit, (one.local_debit or Decimal(0)) - (one.local_credit or Decimal(0)))
        for one in posting.lines
    ]


def in_books(system, account=DEBIT, currency="COP"):
    """Return what stands on an account in the currency of the books."""
    total = Decimal(0)
    for posting in system.holds("CostEntry"):
        assert currency in (posting.currency, posting.local_currency)
        for line in posting.lines:
            if line.account == account:
                pair = (line.debit, line.credit)
                if posting.currency != currency:
                    pair = (line.local_debit or Decimal(0), line.local_credit or Decimal(0))
                total += pair[0] - pair[1]
    return total


def rates(**days):
    """Return an exchange table: the rate of the dollar by day of February."""
    lines = [{"currency": "USD", "on": date(2026, 2, int(day[1:])), "factor": rate} for day, rate in days.items()]
    return {"rates": lines}


class TestCurrency:
    """A rate in another currency than the books'."""

    def test_both_amounts_and_where_the_rate_is_from(self):
        """Document and books, factor, day and source; both balance."""
        with rig(helpdesk_of([entry("a")]), books_of(employee("E1", *USD))) as here:
            here.run(flow(exchange_rates=rates(d2="4105.325")))
            [posting] = here.erp.holds("CostEntry")
            assert [(DEBIT, 100, Decimal("410532.5")), (CREDIT, -100, Decimal("-410532.5"))] == sides(posting)
            assert ("USD", "COP", Decimal("4105.325"), DAY, "TRM") == (
                posting.currency,
                posting.local_currency,
                posting.exchange.factor,
                posting.exchange.on,
                posting.exchange.source,
            )

    def test_books_without_cents(self):
        """The books' amount is rounded to their decimals, the document's to those of its currency."""
        with rig(helpdesk_of([entry("a", "0.1")]), books_of(employee("E1", *USD))) as here:
            here.run(flow(exchange_rates=rates(d2="4105.325"), decimals=0))
            [posting] = here.erp.holds("CostEntry")
            assert (DEBIT, Decimal("1.25"), 5132) == sides(posting)[0]

    def test_rounding_does_not_add_up(self):
        """Entry after entry, the books hold the total converted once."""
        with rig(helpdesk_of([entry("e0", "0.01")]), books_of(employee("E1", *USD))) as here:
            one = flow(exchange_rates=rates(d2="4105.37"), decimals=0)
            here.run(one)
            for number in range(1, 12):
                here.helpdesk.put(entry(f"e{number}", "0.01"))
                here.run(one)
            # 12 entries of 0.13 dollars each
            assert (12, 6404) == (len(here.erp.holds("CostEntry")), in_books(here.erp))

    def test_a_missing_rate_parks_with_day_and_pair(self):
        """And is taken up when somebody adds it."""
        with rig(helpdesk_of([entry("a")]), books_of(employee("E1", *USD))) as here:
            assert 1 == here.run(flow(exchange_rates=rates(d3="4100"))).parked
            [parked] = here.ledger.parked()
            assert "no exchange rate USD to COP of 2026-02-02" == parked.reason
            here.run(flow(exchange_rates=rates(d2="4000", d3="4100")))
            assert (400_000, []) == (in_books(here.erp), here.ledger.parked())

    @pytest.mark.parametrize(("age", "amount"), [(0, None), (1, None), (2, 390_000), (5, 390_000)])
    def test_how_old_a_rate_may_be(self, age, amount):
        """Only as old as the table says; the posting names the day it is of."""
        table = {"rates": [{"currency": "USD", "on": date(2026, 1, 31), "factor": 3900}], "max_age_days": age}
        with rig(helpdesk_of([entry("a")]), books_of(employee("E1", *USD))) as here:
            here.run(flow(exchange_rates=table))
            found = [(one.local_total.amount, one.exchange.on) for one in here.erp.holds("CostEntry")]
            assert ([(amount, date(2026, 1, 31))] if amount else []) == found

    def test_a_rate_that_is_corrected(self):
        """Taken back at the old rate, booked at the new one; what it was stands in the postings."""
        with rig(helpdesk_of([entry("a")]), books_of(employee("E1", *USD))) as here:
            here.run(flow(exchange_rates=rates(d2="4000")))
            here.run(flow(exchange_rates=rates(d2="4100")))
            moved = sorted((sides(one)[0], one.exchange.factor) for one in here.erp.holds("CostEntry"))
            assert [4000, 4000, 4100] == [factor for _, factor in moved]
            assert (410_000, 0) == (in_books(here.erp), here.run(flow(exchange_rates=rates(d2="4100"))).writes)

    def test_rates_of_a_system(self):
        """An ERP that lists its own rates, with the last day that each holds for."""
        friday = ExchangeRate(
            ref=Ref("erp", "ExchangeRate", "1"),
            currency="USD",
            into="COP",
            on=date(2026, 1, 30),
            until=date(2026, 2, 2),
            factor=Decimal(4200),
            source="ERP",
        )
        erp = Awkward(
            "erp",
            [CostEntry, Employee, CostCentre, Project, ExchangeRate],
            [employee("E1", *USD), centre(), project("P1"), friday],
        )
        with rig(helpdesk_of([entry("a")]), erp) as here:
            here.run(flow(exchange_rates="erp"))
            [posting] = here.erp.holds("CostEntry")
            assert (420_000, "ERP", date(2026, 1, 30)) == (in_books(erp), posting.exchange.source, posting.exchange.on)

    @pytest.mark.parametrize(("money", "stops"), [(410_000, True), (411_000, False)])
    def test_the_ceiling_is_in_the_currency_of_the_books(self, money, stops):
        """A hundred dollars are four hundred thousand pesos."""
        with rig(helpdesk_of([entry("a")]), books_of(employee("E1", *USD))) as here:
            one = flow(exchange_rates=rates(d2="4105.325")).but(ceilings=Ceilings(money=Decimal(money)))
            if stops:
                with pytest.raises(CeilingError):
                    here.run(one)
            else:
                here.run(one)
            assert (0 if stops else 1) == len(here.erp.holds("CostEntry"))

    def test_without_rates_the_erp_converts(self):
        """The document currency alone travels."""
        with rig(helpdesk_of([entry("a")]), books_of(employee("E1", *USD))) as here:
            here.run(flow(decimals=0))
            [posting] = here.erp.holds("CostEntry")
            assert ("USD", Decimal(100), None, None) == (
                posting.currency,
                posting.total.amount,
                posting.local_currency,
                posting.exchange,
            )


class TestRateCard:
    """Rates that the ERP does not keep."""

    def test_by_person_and_day(self, tmp_path):
        """The card rules, also over what the ERP says; everybody else has a line, too."""
        path = tmp_path / "tarifas.csv"
        path.write_text("persona;desde;tarifa\nE1;2026-01-01;40000\nE1;2026-02-02;41000\n*;2026-01-01;30000\n")
        entries = [entry("a", "1"), entry("b", "1", worked_on=date(2026, 2, 1)), entry("c", "1", person="E2")]
        with rig(helpdesk_of(entries), books_of()) as here:
            here.run(flow(rate_card={"file": str(path)}))
            assert 41_000 + 40_000 + 30_000 == in_books(here.erp)

    def test_a_new_rate_posts_the_difference(self, tmp_path):
        """Only for the days it applies to."""
        path = tmp_path / "tarifas.csv"
        path.write_text("persona;desde;tarifa\nE1;2026-01-01;40000\n")
        entries = [entry("a", "1"), entry("b", "1", worked_on=date(2026, 2, 1))]
        with rig(helpdesk_of(entries), books_of()) as here:
            one = flow(rate_card={"file": str(path)})
            here.run(one)
            path.write_text("persona;desde;tarifa\nE1;2026-01-01;40000\nE1;2026-02-02;45000\n")
            report = here.run(one)
            assert (1, 85_000) == (report.created, in_books(here.erp))

    def test_an_erp_without_employees(self):
        """Rate and centre stand on the card; nothing else is asked."""
        card = {"people": [{"person": "E1", "since": START, "hourly": 100, "cost_centre": "CC1"}]}
        erp = Awkward("erp", [CostEntry])
        with rig(helpdesk_of([entry("a")]), erp) as here:
            here.run(flow(rate_card=card, reads=(), distribution_rules=False))
            [posting] = here.erp.holds("CostEntry")
            assert (800, "CC1", None) == (
                in_books(erp),
                posting.lines[0].cost_centre,
                posting.lines[0].distribution_rule,
            )

    def test_somebody_the_card_does_not_name(self):
        """Parked, with the way out; the ERP's rate is not taken by stealth."""
        card = {"people": [{"person": "E7", "since": START, "hourly": 100}]}
        with rig(helpdesk_of([entry("a")]), books_of()) as here:
            here.run(flow(rate_card=card))
            assert ["the rate card names no rate for E1"] == [one.reason for one in here.ledger.parked()]

    def test_before_the_first_rate(self):
        """The hint names the card."""
        card = {"people": [{"person": "E1", "since": date(2026, 6, 1), "hourly": 100}]}
        with rig(helpdesk_of([entry("a")]), books_of()) as here:
            here.run(flow(rate_card=card))
            assert ["the rate card has no rate for E1 valid on 2026-02-02"] == [
                one.reason for one in here.ledger.parked()
            ]


def erp_of_company(name, *codes, people=("E1",), currency="COP"):
    """Return the ERP of one company with projects and people of its own."""
    staff = [employee(code, (START, "10", currency)) for code in people]
    held = [project(code) for code in codes]
    records = [one.model_copy(update={"ref": Ref(name, one.kind(), one.code)}) for one in [*staff, *held, centre()]]
    return Awkward(name, [CostEntry, Employee, CostCentre, Project], records)


COMPANIES = {"erp-co": {"currency": "COP"}, "erp-pe": {"currency": "PEN", "debit": "9101", "credit": "4111"}}


class TestCompanies:
    """Several ERPs; the project decides."""

    def over(self, entries, *systems, **changes):
        """Open a rig over companies."""
        roles = {"erp": tuple(system.name for system in systems)}
        return rig(helpdesk_of(entries), *systems, roles=roles), flow(**({"companies": COMPANIES} | changes))

    def test_each_takes_its_own(self):
        """Accounts of its own, people of its own."""
        here, one = self.over(
            [entry("a"), entry("b", "2", project="PE-1", person="E2")],
            erp_of_company("erp-co", "P1"),
            erp_of_company("erp-pe", "PE-1", people=("E2",), currency="PEN"),
        )
        with here as here:
            here.run(one)
            co, pe = here.systems["erp-co"], here.systems["erp-pe"]
            assert (80, 20) == (in_books(co), in_books(pe, "9101", "PEN"))
            assert ([None], [None]) == tuple([one.company for one in each.holds("CostEntry")] for each in (co, pe))
            assert 0 == here.run(one).writes

    def test_somebody_of_the_other_company(self):
        """The rate is of where the person is employed, converted into the books of the project."""
        table = {"rates": [{"currency": "COP", "into": "PEN", "on": DAY, "factor": "0.00091"}]}
        here, one = self.over(
            [entry("a", "1", project="PE-1")],
            erp_of_company("erp-co", "P1", currency="COP"),
            erp_of_company("erp-pe", "PE-1", people=(), currency="PEN"),
            exchange_rates=table,
        )
        with here as here:
            here.systems["erp-co"].change(
                Ref("erp-co", "Employee", "E1"),
                rates=[{"valid_from": "2026-01-01", "hourly": {"amount": "50000", "currency": "COP"}}],
            )
            here.run(one)
            [posting] = here.systems["erp-pe"].holds("CostEntry")
            assert [("9101", 50_000, Decimal("45.5")), ("4111", -50_000, Decimal("-45.5"))] == sides(posting)

    def test_the_code_of_a_company_travels_where_one_is_given(self):
        """For ERPs that keep several companies in one system."""
        named = {name: own | {"code": name[-2:].upper()} for name, own in COMPANIES.items()}
        here, one = self.over([entry("a")], erp_of_company("erp-co", "P1"), erp_of_company("erp-pe"), companies=named)
        with here as here:
            here.run(one)
            assert ["CO"] == [one.company for one in here.systems["erp-co"].holds("CostEntry")]

    def test_codes_of_projects_decide(self):
        """Where patterns are given, no ERP is asked whose the project is."""
        named = {name: own | {"projects": [f"{name[-2:].upper()}-*"]} for name, own in COMPANIES.items()}
        here, one = self.over(
            [entry("a", project="PE-1"), entry("b", project="XX-1")],
            erp_of_company("erp-co", "PE-1"),
            erp_of_company("erp-pe", "PE-1"),
            companies=named,
        )
        with here as here:
            here.run(one)
            assert (0, 1) == tuple(len(here.systems[name].holds("CostEntry")) for name in COMPANIES)
            assert ["no company keeps the project XX-1"] == [one.reason for one in here.ledger.parked()]

    def test_a_project_in_two_companies(self):
        """Nobody guesses."""
        here, one = self.over([entry("a")], erp_of_company("erp-co", "P1"), erp_of_company("erp-pe", "P1"))
        with here as here:
            here.run(one)
            assert ["project P1 belongs to erp-co and erp-pe"] == [one.reason for one in here.ledger.parked()]

    def test_an_entry_moves_to_the_other_company(self):
        """Taken back in one, booked in the other."""
        here, one = self.over(
            [entry("a")], erp_of_company("erp-co", "P1"), erp_of_company("erp-pe", "PE-1", currency="PEN")
        )
        with here as here:
            here.run(one)
            here.helpdesk.change(Ref("helpdesk", "TimeEntry", "a"), project="PE-1")
            here.run(one)
            co, pe = (here.systems[name] for name in COMPANIES)
            assert (0, 80) == (in_books(co), in_books(pe, "9101", "PEN"))

    def test_two_companies_of_one_code(self):
        """Said when the flow is made."""
        with pytest.raises(ConfigurationError, match="same code"):
            flow(companies={name: {"code": "X"} for name in COMPANIES})

    @pytest.mark.parametrize("wrong", [{"debet": "1"}, {"decimals": 9}, {"dimensions": {"7": "X"}}])
    def test_a_mistake_names_the_company(self, wrong):
        """Section and key."""
        with pytest.raises(ConfigurationError, match=r"companies\.erp-co"):
            flow(companies={"erp-co": wrong})


class TestLines:
    """What stands on a line beside the amount."""

    def test_shares_of_several_accounts(self):
        """Split to the cent: the largest fractions get the remainder; the offset is the sum."""
        shares = {"720506": Decimal(65), "720570": Decimal(25), "720595": Decimal(10)}
        with rig(helpdesk_of([entry("a", "1.01")]), books_of(employee("E1", (START, "33.33", "COP")))) as here:
            here.run(flow(debit=shares))
            [posting] = here.erp.holds("CostEntry")
            amounts = [(one.account, one.debit - one.credit) for one in posting.lines]
            cents = [("720506", "21.88"), ("720570", "8.41"), ("720595", "3.37"), (CREDIT, "-33.66")]
            assert [(account, Decimal(amount)) for account, amount in cents] == amounts

    def test_a_correction_takes_back_the_same_shares(self):
        """Account by account nothing is left when the entry goes."""
        shares = {"720506": Decimal(1), "720570": Decimal(1), "720595": Decimal(1)}
        with rig(helpdesk_of([entry("a", "1")]), books_of(employee("E1", (START, "0.50", "COP")))) as here:
            one = flow(debit=shares)
            here.run(one)
            here.helpdesk.drop(Ref("helpdesk", "TimeEntry", "a"))
            here.run(one)
            assert [0, 0, 0, 0] == [in_books(here.erp, account) for account in (*shares, CREDIT)]

    def test_dimensions(self):
        """A constant, a column of the entry (a centre, whose rule is taken) and one of the person."""
        person = employee("E1").model_copy(update={"custom": {"region": "ANT"}})
        wanted = {"2": "BOG", "3": "entry:line", "5": "person:region"}
        books = books_of(person, centre("CC9", rule="R9"))
        with rig(helpdesk_of([entry("a", custom={"line": "CC9"})]), books) as here:
            here.run(flow(dimensions=wanted))
            [posting] = here.erp.holds("CostEntry")
            assert ((None, "BOG", "R9", None, "ANT"), "R1") == (
                posting.lines[0].dimensions,
                posting.lines[0].distribution_rule,
            )

    def test_a_dimension_that_is_not_filled_in(self):
        """Parked, with the column."""
        with rig(helpdesk_of([entry("a")]), books_of()) as here:
            here.run(flow(dimensions={"3": "entry:line"}))
            assert "the column line of the entry names no code of a dimension" == here.ledger.parked()[0].reason

    def test_a_dimension_whose_centre_has_no_rule(self):
        """Parked until somebody makes one."""
        with rig(helpdesk_of([entry("a")]), books_of(centre("CC9", rule=None))) as here:
            here.run(flow(dimensions={"3": "CC9"}))
            assert "cost centre CC9 has no distribution rule" == here.ledger.parked()[0].reason

    def test_dimensions_of_an_erp_that_lists_no_centres(self):
        """The code stands for itself."""
        with rig(helpdesk_of([entry("a")]), books_of()) as here:
            here.run(flow(dimensions={"2": "BOG"}, reads=("Employee",), distribution_rules=False))
            assert (None, "BOG") == here.erp.holds("CostEntry")[0].lines[0].dimensions

    def test_a_person_whom_nobody_pays(self):
        """Without employees of the ERP and without a card nothing says what an hour costs."""
        with rig(helpdesk_of([entry("a", cost_centre="CC1")]), books_of()) as here:
            here.run(flow(reads=("CostCentre",)))
            assert "nothing says what an hour of E1 costs" == here.ledger.parked()[0].reason

    def test_a_card_and_no_employee(self):
        """Somebody whom the ERP does not know may stand on the card."""
        card = {"people": [{"person": "*", "since": START, "hourly": 100, "cost_centre": "CC1"}]}
        helpdesk = helpdesk_of([entry("a", "1", person="E9")], people=("E9",))
        with rig(helpdesk, books_of()) as here:
            here.run(flow(rate_card=card))
            assert 100 == in_books(here.erp)

    def test_a_dimension_that_changes(self):
        """Taken back where it was, booked where it is now."""
        with rig(helpdesk_of([entry("a", custom={"line": "X"})]), books_of()) as here:
            one = flow(dimensions={"2": "entry:line"})
            here.run(one)
            here.helpdesk.change(Ref("helpdesk", "TimeEntry", "a"), custom={"line": "Y"})
            here.run(one)
            found = [(one.lines[0].dimensions, one.lines[1].dimensions) for one in postings(here.erp)]
            assert [((None, "X"), ()), ((), (None, "X")), ((None, "Y"), ())] == [found[0], *sorted(found[1:])]

    def test_orders_and_activities(self):
        """Internal orders instead of projects; activity type and hours."""
        with rig(helpdesk_of([entry("a")]), books_of()) as here:
            here.run(flow(orders=True, activity="1410"))
            [posting] = here.erp.holds("CostEntry")
            line = posting.lines[0]
            assert ("P1", None, None, "1410", 8) == (
                line.internal_order,
                line.project,
                posting.project,
                line.activity,
                line.quantity,
            )


class TestClosedMonths:
    """January is closed."""

    @pytest.fixture
    def here(self):
        """An entry of January and one of February, seen on 10 February."""
        entries = [entry("late", worked_on=date(2026, 1, 30)), entry("now")]
        clock = ManualClock(datetime(2026, 2, 10, 15, tzinfo=timezone.utc))
        with rig(helpdesk_of(entries), books_of(), clock=clock) as one:
            yield one

    def test_late_hours_wait(self, here):
        """With the period named; they are booked when it is opened again."""
        here.run(flow(closed_through=date(2026, 1, 31)))
        assert ["the period 2026-01 is closed in the books"] == [one.reason for one in here.ledger.parked()]
        here.run(flow(closed_through=date(2025, 12, 31)))
        assert (800_000, []) == (in_books(here.erp), here.ledger.parked())

    def test_or_are_booked_today(self, here):
        """By choice; the memo still names the day worked."""
        here.run(flow(closed_through=date(2026, 1, 31), corrections="today"))
        found = sorted((one.posted_on, one.memo) for one in here.erp.holds("CostEntry"))
        assert [(DAY, "Labour P1 CC1 2026-02-02"), (date(2026, 2, 10), "Labour P1 CC1 2026-01-30")] == found

    def test_closing_a_month_needs_no_plan(self, here):
        """Nothing that was booked changes by it."""
        here.run(flow())
        assert 0 == here.run(flow(closed_through=date(2026, 1, 31))).writes


class TestReversal:
    """Cancel and post anew, where that is chosen."""

    def test_what_was_posted_is_named(self):
        """The reversal says which posting it takes back, and mirrors it."""
        with rig(helpdesk_of([entry("a"), entry("b", "2")]), books_of()) as here:
            one = flow(corrects="reversal")
            here.run(one)
            [first] = here.erp.holds("CostEntry")
            here.helpdesk.change(Ref("helpdesk", "TimeEntry", "a"), hours="9")
            here.run(one)
            back, anew = postings(here.erp)[1:]
            assert (first.ref, "Labour rev. P1 CC1 2026-02-02") == (back.reverses, back.memo)
            assert ([(CREDIT, 500_000, 0), (DEBIT, -500_000, 0)], 550_000) == (sides(back), anew.total.amount)
            assert 550_000 == in_books(here.erp)

    def test_in_another_currency(self):
        """Both amounts of the reversal are those that were posted."""
        with rig(helpdesk_of([entry("a", "0.1")]), books_of(employee("E1", *USD))) as here:
            one = flow(corrects="reversal", exchange_rates=rates(d2="4105.325"), decimals=0)
            here.run(one)
            here.helpdesk.change(Ref("helpdesk", "TimeEntry", "a"), hours="0.2")
            here.run(one)
            first, back, anew = postings(here.erp)
            assert [(account, -doc, -local) for account, doc, local in sides(first)][::-1] == sides(back)
            assert (DEBIT, Decimal("2.5"), 10263) == sides(anew)[0]

    def test_lost_in_between(self):
        """The process that comes after posts what is missing."""
        with rig(helpdesk_of([entry("a")]), books_of()) as here:
            one = flow(corrects="reversal")
            here.run(one)
            here.erp.answers = [lost_after, lost_after]
            here.helpdesk.change(Ref("helpdesk", "TimeEntry", "a"), hours="9")
            here.run(one)
            here.again().run(one)
            assert (450_000, 3) == (in_books(here.erp), len(here.erp.holds("CostEntry")))


class TestTrace:
    """From every line of the books to the hours."""

    @pytest.mark.parametrize("corrects", ["difference", "reversal"])
    @pytest.mark.parametrize("per", ["day", "entry"])
    def test_every_posting_leads_to_its_entries(self, per, corrects):
        """Also corrections; and every entry to its postings."""
        entries = [entry("a"), entry("b", "2"), entry("c", "3", project="P2")]
        with rig(helpdesk_of(entries), books_of()) as here:
            one = flow(per=per, corrects=corrects)
            here.run(one)
            here.helpdesk.change(Ref("helpdesk", "TimeEntry", "a"), hours="9")
            here.run(one)
            for posting in here.erp.holds("CostEntry"):
                found = trace(posting.ref, here.ledger, depth=1)
                hours = {step.target for step in found.steps if step.target.kind == "TimeEntry"}
                assert hours
                for held in hours:
                    back = trace(held, here.ledger, depth=1)
                    assert posting.ref in {step.source for step in back.steps} | {step.target for step in back.steps}

    def test_one_posting_an_entry(self):
        """Each with a posting of its own."""
        with rig(helpdesk_of([entry("a"), entry("b", "2")]), books_of()) as here:
            here.run(flow(per="entry"))
            assert [100_000, 400_000] == sorted(one.total.amount for one in here.erp.holds("CostEntry"))


def test_kinds_that_are_read():
    """A kind that the flow does not know is a typing error."""
    with pytest.raises(ConfigurationError, match="TimeEntry"):
        flow(reads=(TimeEntry.kind(),))
