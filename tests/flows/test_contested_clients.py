"""Clients that two sides, or two accounts, claim: over the real connectors to the CRM and the ERP."""

from __future__ import annotations

import pytest

from emulated_company import CLIENTS, company


@pytest.fixture
def here():
    """Two accounts of the CRM, nobody in the ERP."""
    with company() as one:
        fill(one)
        yield one


def fill(one):
    """Let people enter what every test begins with."""
    one.account(1)
    one.account(2)


class TestTwoOfOneTaxId:
    """Two accounts with one NIT."""

    @pytest.fixture
    def twins(self, request):
        """The first account and one more of that number; its name is the parameter."""
        with company() as one:
            fill(one)
            one.account(3, name=request.param, pl_nit=str(900_100_001))
            yield one

    @pytest.mark.parametrize("twins", ["Cliente 1 SAS", "CLIENTE 1"], indirect=True)
    def test_the_same_name(self, twins):
        """One partner; the second account is linked and said in the report."""
        report = twins.run(CLIENTS)
        assert (2, 1, 0) == (report.created, report.adopted, report.review)
        assert (["Cliente 1 SAS", "Cliente 2 SAS"], True) == (twins.partners(), bool(report.notes))

    @pytest.mark.parametrize("twins", ["Otra Empresa"], indirect=True)
    def test_another_name(self, twins):
        """A question; a person links the account to the partner, and then it is quiet."""
        report = twins.run(CLIENTS)
        [review] = twins.ledger.reviews()
        assert (2, 1, 1) == (report.created, report.review, len(review.candidates))
        with twins.ledger.transaction():
            twins.ledger.desk.decide(
                twins.ledger.stream("clients", "source"), review.key, f"link:{review.candidates[0]}"
            )
        assert 1 == twins.run(CLIENTS).adopted
        assert ([], 0, 2) == (twins.ledger.reviews(), twins.run(CLIENTS).writes, len(twins.partners()))

    @pytest.mark.parametrize("twins", ["Otra Empresa"], indirect=True)
    def test_ignored(self, twins):
        """Not asked again, whatever changes in the account."""
        twins.run(CLIENTS)
        [review] = twins.ledger.reviews()
        with twins.ledger.transaction():
            twins.ledger.desk.decide(twins.ledger.stream("clients", "source"), review.key, "ignore")
        twins.run(CLIENTS)
        twins.clock.advance(60)
        twins.crm.edit("accounts", review.key, {"address1_city": "Cali"}, twins.clock)
        assert ((0, 0), []) == (((report := twins.run(CLIENTS)).review, report.writes), twins.ledger.reviews())

    @pytest.mark.parametrize("twins", ["Otra Empresa"], indirect=True)
    def test_separated(self, twins):
        """A partner of its own, although SAP has a code of that number already."""
        twins.run(CLIENTS)
        [review] = twins.ledger.reviews()
        with twins.ledger.transaction():
            twins.ledger.desk.decide(twins.ledger.stream("clients", "source"), review.key, "create")
        twins.run(CLIENTS)
        twins.clock.advance(86_400)
        twins.run(CLIENTS)
        assert ["Cliente 1 SAS", "Cliente 2 SAS", "Otra Empresa"] == twins.partners() or [True] == [
            bool(parked.next_step) for parked in twins.ledger.parked()
        ]


class TestStaleVersions:
    """A partner changed in SAP since we saw it: 412."""

    @pytest.fixture
    def touched(self, here):
        """Somebody in SAP changed the city; the CRM changes the name, or the city too."""
        here.run(CLIENTS)
        [code] = [row["CardCode"] for row in here.erp.books["BusinessPartners"].values() if "1" in row["CardName"]]

        def touch(**values):
            row = here.erp.books["BusinessPartners"][code]
            here.erp.load({"BusinessPartners": [{"CardCode": code} | values]})
            here.erp.books["BusinessPartners"][code]["DataVersion"] = int(row["DataVersion"]) + 1
            here.clock.advance(60)
            return here.erp.books["BusinessPartners"][code]

        return here, touch, f"00000000-0000-4000-8000-{1:012}", lambda: here.erp.books["BusinessPartners"][code]

    def test_reconciled(self, touched):
        """Both changes survive."""
        here, touch, key, partner = touched
        touch(EmailAddress="erp@acme.co")
        here.crm.edit("accounts", key, {"address1_city": "Cali"}, here.clock)
        assert 1 == here.run(CLIENTS).updated
        assert ("Cali", "erp@acme.co") == (partner()["City"], partner()["EmailAddress"])
        assert 0 == here.run(CLIENTS).writes

    @pytest.mark.parametrize(("policy", "city"), [("source", "Cali"), ("target", "Pasto"), ("review", "Pasto")])
    def test_one_field_on_both_sides(self, touched, policy, city):
        """Goes by the policy of the flow."""
        here, touch, key, partner = touched
        touch(City="Pasto")
        here.crm.edit("accounts", key, {"address1_city": "Cali"}, here.clock)
        here.run(CLIENTS.but(on_conflict=policy))
        assert city == partner()["City"]
        assert (["city" in parked.reason for parked in here.ledger.parked()] or [None]) == (
            [True] if policy == "review" else [None]
        )


class TestATaxIdThatMoves:
    """An account that is linked gets the NIT of another partner."""

    def test_a_person_is_asked(self, here):
        """Nothing is written meanwhile; with the verdict to write it all the same, it is."""
        here.run(CLIENTS)
        here.crm.edit("accounts", "00000000-0000-4000-8000-000000000002", {"pl_nit": "900100001"}, here.clock)
        report = here.run(CLIENTS)
        [review] = here.ledger.reviews()
        assert (0, 1, 1) == (report.writes, report.review, len(review.candidates))
        with here.ledger.transaction():
            here.ledger.desk.decide(here.ledger.stream("clients", "source"), review.key, "create")
        assert 1 == here.run(CLIENTS).updated
        assert [] == here.ledger.reviews()

    def test_a_number_that_nobody_has(self, here):
        """A correction is written without a question."""
        here.run(CLIENTS)
        here.crm.edit("accounts", "00000000-0000-4000-8000-000000000002", {"pl_nit": "900100777"}, here.clock)
        report = here.run(CLIENTS)
        assert (1, 0) == (report.updated, report.review)
