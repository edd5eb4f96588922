"""Billing over real requests: a won sale of Dynamics 365, hours of Periticket, a draft in SAP, its approval, the sale."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from emulated_company import AUTHORITY, CLIENTS, CRM, PROJECTS, Company
from periferia_link.connectors.base import Connector
from periferia_link.connectors.dynamics365 import DYNAMICS365_FIELDS, Dynamics365
from periferia_link.flows import billing_proposals, labour_costs, proposal_state
from periferia_link.ledger import SqliteLedger
from periferia_link.transport._auth import ClientSecret

COLUMNS = {
    "proposal_state": "pl_proposalstate",
    "proposal": "pl_proposal",
    "proposed": "pl_proposed",
    "invoiced": "pl_invoiced",
    "approved_on": "pl_approvedon",
}
TYPES = {"proposed": "Money", "invoiced": "Money", "approved_on": "DateOnly"}
RULE = {"prices": [{"price": 180_000}, {"person": "E2", "price": 240_000}], "account": "413595", "tax_code": "IVA19"}
BILLING = billing_proposals(starts=date(2026, 11, 1), billing=RULE)
STATE = proposal_state()


class Business(Company):
    """The company whose sales have columns for what becomes of them in the ERP."""

    def __init__(self, ledger: SqliteLedger) -> None:
        super().__init__(ledger)
        self.erp.documents.needs_approval.clear()
        for name, column in COLUMNS.items():
            self.crm.add_column("opportunity", column, TYPES.get(name, "String"))
        key = self.account(1)
        sale = {"opportunityid": "00000000-0000-4000-8000-0000000000aa", "name": "Portal", "pl_number": "PRY-1"}
        won = {"statecode": 1, "statuscode": 3, "_parentaccountid_value": key, "actualclosedate": "2026-11-02"}
        self.crm.load({"opportunities": [sale | won]})
        self.engine.run([CLIENTS, PROJECTS])

    def connectors(self) -> dict[str, Connector]:
        """Return connectors; the CRM knows its own columns."""
        known = self.crm.entra.credentials()
        credential = ClientSecret(
            tenant_id=known["tenant_id"],
            client_id=known["client_id"],
            client_secret=SecretStr(self.secrets["crm"]),
            authority=AUTHORITY,
            clock=self.clock,
            wire=self.wire,
        )
        fields = DYNAMICS365_FIELDS.merged({"Opportunity": {"columns": COLUMNS}})
        crm = Dynamics365(CRM, credential=credential, fields=fields, clock=self.clock, wire=self.wire)
        return {**super().connectors(), "crm": crm}

    def hours(self, key: str, hours: str = "8.00", **values: Any) -> None:
        """Enter approved hours on the project."""
        self.log(key, hours, **({"project_code": "PRY-1"} | values))

    def drafts(self) -> list[dict[str, Any]]:
        """Return the open drafts of invoices."""
        return [one for one in self.erp.books["Drafts"].values() if one["DocumentStatus"] == "bost_Open"]

    def sale(self) -> tuple[Any, ...]:
        """Return what the sale says after the flow ran."""
        self.run(STATE)
        [row] = self.crm.books["opportunities"].values()
        return tuple(row.get(column) for column in COLUMNS.values())


@contextmanager
def business() -> Iterator[Business]:
    """Open the company with a ledger."""
    with SqliteLedger.open(":memory:") as ledger:
        yield Business(ledger)


class TestProposal:
    """One draft invoice for the month."""

    def test_a_draft_with_client_project_and_tax(self):
        """For the partner that the sale's client became."""
        with business() as here:
            here.hours("a")
            assert 1 == here.run(BILLING).created
            [draft] = here.drafts()
            [partner] = here.erp.books["BusinessPartners"].values()
            [line] = draft["DocumentLines"]
            assert (partner["CardCode"], "PRY-1", "413595", "IVA19", 1_440_000) == (
                draft["CardCode"],
                line["ProjectCode"],
                line["AccountCode"],
                line["TaxCode"],
                Decimal(line["LineTotal"]),
            )
            assert 0 == here.run(BILLING).writes

    def test_the_same_draft_follows_the_hours(self):
        """Corrected, added; never a second one."""
        with business() as here:
            here.hours("a")
            here.run(BILLING)
            here.hours("a", "7.50")
            here.hours("b", "2.00")
            assert (1, 0) == ((report := here.run(BILLING)).updated, report.created)
            [draft] = here.drafts()
            assert [1_710_000] == [Decimal(line["LineTotal"]) for line in draft["DocumentLines"]]
            assert 0 == here.run(BILLING).writes

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_an_answer_is_lost(self, when):
        """One draft, whether it was saved or not."""
        with business() as here:
            here.hours("a")
            here.fault("erp", "status", "*/$batch", method="POST", when=when, status=502)
            here.run(BILLING)
            here.engine = here.started()
            here.run(BILLING)
            assert (1, []) == (len(here.drafts()), here.ledger.parked())

    def test_cost_and_billing_of_the_same_hours(self):
        """Two chains from one entry; neither disturbs the other."""
        with business() as here:
            here.rate("50000")
            here.hours("a")
            cost = labour_costs(starts=date(2026, 11, 1), debit="613595", credit="510595")
            here.engine.run([cost, BILLING])
            assert (400_000, 1) == (here.booked(), len(here.drafts()))


class TestApproval:
    """From the draft to the invoice, and back to the sale."""

    def test_every_step_reaches_the_sale(self):
        """State, name and amounts; a run without news writes nothing."""
        with business() as here:
            here.hours("a")
            here.run(BILLING)
            state, name, proposed, invoiced, _ = here.sale()
            assert ("draft", "PRY-1/2026-11", 1_440_000, 0) == (state, name, Decimal(proposed), Decimal(invoiced))
            [draft] = here.drafts()
            here.erp.allow_draft(draft["DocEntry"], here.clock)
            assert "approved" == here.sale()[0]
            here.erp.approve_draft(draft["DocEntry"], here.clock)
            state, _, proposed, invoiced, _ = here.sale()
            assert ("invoiced", 0, 1_440_000) == (state, Decimal(proposed), Decimal(invoiced))
            assert 0 == here.run(STATE).writes

    def test_hours_after_the_approval(self):
        """The draft is left alone; the difference is a question."""
        with business() as here:
            here.hours("a")
            here.run(BILLING)
            here.erp.allow_draft(here.drafts()[0]["DocEntry"], here.clock)
            here.hours("b", "1.00")
            assert (0, 1) == ((report := here.run(BILLING)).writes, report.review)
            assert "diferencia 180,000 COP" in here.ledger.reviews()[0].reason
            assert [1_440_000] == [Decimal(line["LineTotal"]) for line in here.drafts()[0]["DocumentLines"]]

    def test_hours_after_the_invoice(self):
        """The same, and no second draft."""
        with business() as here:
            here.hours("a")
            here.run(BILLING)
            here.erp.approve_draft(here.drafts()[0]["DocEntry"], here.clock)
            here.hours("b", "1.00")
            assert (0, 1) == ((report := here.run(BILLING)).writes, report.review)
            assert "está facturada" in here.ledger.reviews()[0].reason
            assert (1, 0) == (len(here.erp.books["Invoices"]), len(here.drafts()))

    def test_sent_back(self):
        """A rejected proposal follows the hours again."""
        with business() as here:
            here.hours("a")
            here.run(BILLING)
            here.erp.reject_draft(here.drafts()[0]["DocEntry"], here.clock)
            assert "rejected" == here.sale()[0]
            here.hours("a", "7.00")
            here.run(BILLING)
            assert [1_260_000] == [Decimal(line["LineTotal"]) for line in here.drafts()[0]["DocumentLines"]]
