from periferia_link import Client, Engine, Flow, SqliteLedger
from periferia_link.testing.memory import MemoryConnector

crm = MemoryConnector(
    "crm", [Client], [Client(name="ACME S.A.S.", code="C-1"), Client(name="Andina Ltda.", code="C-2")]
)
erp = MemoryConnector("erp", [Client])
flow = Flow(
    name="clients",
    source=("crm", "Client"),
    target=("erp", "Client"),
    project=lambda client, context: Client(name=client.name, code=client.code),
)
with SqliteLedger.open("first_flow.db") as ledger:
    engine = Engine({"crm": crm, "erp": erp}, ledger)
    plan = engine.plan(flow)
    print(plan)  # what would change, and nothing else happened
    print(engine.apply(plan, flow))
    print(engine.run(flow))  # both sides agree: nothing is written
