"""What labour cost and billing say of a record that waits is told in Spanish, too."""

from __future__ import annotations

from datetime import date

import pytest

from periferia_link.cli._reasons import in_spanish
from periferia_link.domain import Invoice, Project, Ref
from periferia_link.flows import billing_proposals, labour_costs
from small_company import Awkward, books_of, employee, entry, helpdesk_of, rig

START = date(2026, 1, 1)


def labour(**changes):
    """Return the flow of labour cost."""
    return labour_costs(**({"starts": START, "debit": "1", "credit": "2", "currency": "COP"} | changes))


def billing(**rule):
    """Return the flow of billing proposals."""
    return billing_proposals(starts=START, billing={"prices": [{"price": 1}]} | rule, sales=None)


def bills():
    """Return an ERP that takes invoices."""
    project = Project(ref=Ref("erp", "Project", "P1"), code="P1", name="P1")
    return Awkward("erp", [Invoice, Project], [project])


CARD = {"people": [{"person": "E7", "since": START, "hourly": 1}]}
LATE = {"people": [{"person": "E1", "since": date(2026, 6, 1), "hourly": 1, "cost_centre": "CC1"}]}
EXCHANGE = {"rates": [{"currency": "USD", "on": START, "factor": 1}]}
CASES = {
    "card": lambda: (labour(rate_card=CARD), books_of()),
    "card later": lambda: (labour(rate_card=LATE), books_of()),
    "no rates": lambda: (labour(reads=("CostCentre", "Project")), books_of()),
    "exchange": lambda: (labour(exchange_rates=EXCHANGE), books_of(employee("E1", (START, "10", "USD")))),
    "closed": lambda: (labour(closed_through=date(2026, 2, 28)), books_of()),
    "dimension": lambda: (labour(dimensions={"2": "entry:line"}), books_of()),
    "price": lambda: (billing(prices=[{"project": "P9", "price": 1}]), bills()),
    "payer": lambda: (billing(), bills()),
}
SAID = [
    "no company keeps the project P-1",
    "open it in erp-co or erp-pe; the entry is tried again then",
    "project P-1 belongs to erp-co and erp-pe",
    "give the companies patterns of their project codes",
    "the client of project P-1 is not in the ERP yet",
    "run the flow clients, or settle it in review",
]


@pytest.mark.parametrize("case", CASES)
def test_reason_and_next_step(case):
    """Both are known; codes, days and pairs stay in them."""
    flow, erp = CASES[case]()
    with rig(helpdesk_of([entry("a", cost_centre="CC1")]), erp) as here:
        here.run(flow)
        [parked] = here.ledger.parked()
        for sentence in (parked.reason, parked.next_step):
            assert in_spanish(sentence) != sentence, sentence


@pytest.mark.parametrize("sentence", SAID)
def test_what_several_companies_say(sentence):
    """Known as well."""
    assert in_spanish(sentence) != sentence
