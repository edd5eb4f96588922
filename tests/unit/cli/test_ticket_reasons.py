"""What the ticket flows say is said in Spanish, too."""

from __future__ import annotations

import pytest

pytest.importorskip("rich", reason="the extra cli is not installed")

from periferia_link.cli._reasons import in_spanish
from periferia_link.errors import MissingReferenceError
from periferia_link.flows import tickets_to_crm
from small_company import rig
from ticket_company import ANDINA, CLIENTS, TICKETS, account, context_of, crm_of, desk_client, desk_of, erp_of, ticket


def said(flow, one):
    """Return the sentences of a refusal."""
    with pytest.raises(MissingReferenceError) as caught:
        flow.project(one, context_of(flow))
    return [caught.value.message, caught.value.hint]


def parked(client):
    """Return the sentences about a client that is not linked."""
    with rig(desk_of(client), crm_of(account()), erp_of()) as here:
        here.run(CLIENTS)
        (found,) = here.ledger.parked()
    return [found.reason, found.next_step]


CASES = {
    "no client": lambda: said(TICKETS, ticket(client=None)),
    "no client told": lambda: said(tickets_to_crm(client_by="tax id"), ticket(client=None)),
    "no tax id": lambda: said(
        tickets_to_crm(client_by="tax id"), ticket(client=None, custom={"client_tax_id": "900123456-1"})
    ),
    "unknown client": lambda: parked(desk_client(tax_id=ANDINA)),
    "unknown name": lambda: parked(desk_client(tax_id=None, name="Otra empresa")),
}


@pytest.mark.parametrize("case", CASES)
def test_what_the_flows_say_is_known(case):
    """A sentence of a flow that changes must change there as well, or people read English."""
    sentences = CASES[case]()
    assert 2 == len(sentences)
    assert [sentence for sentence in sentences if in_spanish(sentence) == sentence] == []
