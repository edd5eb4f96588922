"""The company that the demo makes up."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

pytest.importorskip("rich", reason="the extra cli is not installed")

from periferia_link.cli.demo._company import company
from periferia_link.domain import TaxId

TODAY = date(2026, 11, 21)


def made(**sizes):
    """Make a company of a size."""
    return company(**({"seed": 1, "clients": 12, "days": 5, "today": TODAY} | sizes))


class TestTheSameSeed:
    def test_makes_the_same_company(self):
        """Two calls, one company; another seed, another one."""
        one, same, other = made(), made(), made(seed=2)
        assert (one.accounts, one.people, list(one.logs())) == (same.accounts, same.people, list(same.logs()))
        assert one.accounts != other.accounts

    def test_work_logs_can_be_read_again(self):
        """They are made anew each time, not kept."""
        business = made()
        assert list(business.logs()) == list(business.logs())


class TestClients:
    def test_tax_ids_as_people_type_them(self):
        """With the digit, without the dash, without the digit, with dots; one wrong, one twice."""
        ids = [TaxId.parse(row["pl_nit"]) for row in made().accounts]
        assert {"verified": 8, "completed": 3, "wrong": 1} == Counter(tax_id.standing for tax_id in ids)
        assert "wrong" == ids[-1].standing
        assert ids[1] == ids[-2]
        assert 11 == len({tax_id.number for tax_id in ids})

    def test_names_are_believable_and_distinct(self):
        """Only the one that stands twice has the name of another."""
        names = [row["name"] for row in made(clients=2000, days=1).accounts]
        assert len(names) - 1 == len(set(names))
        assert max(len(name) for name in names) <= 100

    def test_a_third_is_in_the_erp(self):
        """Partners have the right tax id and never that of the wrong or the double one."""
        business = made()
        by_id = {TaxId.parse(row["pl_nit"]).number for row in business.accounts[:-2]}
        assert 4 == len(business.partners)
        assert {TaxId.parse(row["FederalTaxID"]).number for row in business.partners} <= by_id

    @pytest.mark.parametrize("clients", [2, 3, 7, 8])
    def test_small_ones(self, clients):
        """However small, there is a won sale and somebody who works for it."""
        business = made(clients=clients, days=1)
        assert clients == len(business.accounts)
        assert any(row["statecode"] == 1 for row in business.opportunities)
        assert list(business.logs())


class TestHours:
    def test_a_day_has_eight(self):
        """Quarters of an hour, eight hours for each person and working day, before today."""
        business = made(days=10)
        worked = Counter()
        for log in business.logs():
            assert (log.hours / Decimal("0.25")) % 1 == 0
            worked[log.person, log.day] += log.hours
        assert {Decimal(8)} == set(worked.values())
        assert {log.day.weekday() for log in business.logs()} <= set(range(5))
        assert business.starts == min(log.day for log in business.logs())
        assert max(log.day for log in business.logs()) < TODAY

    def test_for_projects_that_were_won(self):
        """Hours are booked on won sales only, by codes that fit the ERP."""
        business = made()
        won = {row["pl_number"] for row in business.opportunities if row["statecode"] == 1}
        assert {log.project for log in business.logs()} <= won
        assert all(len(code) <= 20 for code in won)

    def test_most_are_approved(self):
        """Some are not, some were corrected before."""
        logs = list(made(days=40).logs())
        share = sum(log.is_approved for log in logs) / len(logs)
        assert 0.9 < share < 1
        assert any(log.revision == 2 for log in logs)

    def test_at_most_twenty_thousand(self):
        """A large company has fewer people rather than more entries."""
        assert 17_000 < sum(1 for _ in made(clients=400, days=170).logs()) < 20_500

    def test_rates_are_there_when_they_are_needed(self):
        """Everybody has a rate on every day; somebody has two."""
        people = made(clients=60).people
        assert all(person.rates[0][0] < made().starts for person in people)
        assert any(len(person.rates) == 2 for person in people)


class TestChanges:
    def test_three_things_change(self):
        """A new client with a won sale, a corrected log, a rate of somebody else."""
        business = made()
        changes = business.changes
        keys = {row["accountid"] for row in business.accounts}
        assert changes.account["accountid"] not in keys
        assert changes.opportunity["_parentaccountid_value"] == changes.account["accountid"]
        before = next(log for log in business.logs() if log.id == changes.log.id)
        assert (before.hours, before.revision + 1) == (changes.before, changes.log.revision)
        assert before.hours > changes.log.hours > 0
        assert changes.person.id != changes.log.person
        assert changes.hourly > changes.person.rates[0][1]


class TestRows:
    def test_of_the_erp(self):
        """A rule for each centre, a dated rate for each person, codes that fit their columns."""
        tables = made().erp_tables
        assert all(len(row["CenterCode"]) <= 8 for row in tables["ProfitCenters"])
        assert all(len(row["FactorCode"]) <= 8 for row in tables["DistributionRules"])
        codes = {row["ExternalEmployeeNumber"] for row in tables["EmployeesInfo"]}
        assert codes == {row["U_Employee"] for row in tables["U_PL_RATES"]}

    def test_of_the_help_desk(self):
        """Hours are texts with two decimals; what is not approved has no instant of approval."""
        rows = [log.row for log in made(days=40).logs()]
        assert all(row["hours"] == f"{Decimal(row['hours']):.2f}" for row in rows)
        assert all((row["approved_at"] is None) == (row["status"] != "approved") for row in rows)
