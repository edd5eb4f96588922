"""One CRM, an ERP company for each country: the country of a client chooses who takes it."""

from __future__ import annotations

from periferia_link import Client, Engine, Flow, SqliteLedger
from periferia_link.engine import Context, MatchKey, Skip
from periferia_link.testing import MemoryConnector

COMPANIES = {"CO": "erp-co", "PE": "erp-pe"}


def partner(client: Client, context: Context) -> Client | Skip:
    """What an ERP should hold for a client."""
    if client.country not in COMPANIES:
        return Skip("we have no company in that country")
    return Client(name=client.name, code=client.code, country=client.country)


flow = Flow(
    name="partners",
    source=("crm", "Client"),
    target=("erp", "Client"),
    project=partner,
    route=lambda client: COMPANIES[client.country],
    match=(MatchKey("code", lambda client: client.code),),
)

crm = MemoryConnector(
    "crm",
    [Client],
    [
        Client(name="ACME S.A.S.", code="C-1", country="CO"),
        Client(name="Andina S.A.C.", code="C-2", country="PE"),
        Client(name="Austral SpA", code="C-3", country="CL"),
    ],
)
systems = {"crm": crm} | {name: MemoryConnector(name, [Client]) for name in COMPANIES.values()}

with SqliteLedger.open("several_companies.db") as ledger:
    engine = Engine(systems, ledger, roles={"erp": tuple(COMPANIES.values())})
    print(engine.run(flow))
    for name in COMPANIES.values():
        print(name, [client.name for client in systems[name].holds("Client")])
