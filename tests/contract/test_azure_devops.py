"""Azure DevOps keeps the contract, over its emulator and over a line that breaks."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal

import pytest
from pydantic import SecretStr

from periferia_link.connectors.azure_devops import AzureDevOps
from periferia_link.domain import Interaction, Ref, WorkItem, WorkItemLink
from periferia_link.testing.contract import BreakableWire, ConnectorContract
from periferia_link.testing.emulators import InProcessWire, ManualClock
from periferia_link.testing.emulators.azure_devops import AzureDevOpsEmulator
from periferia_link.typing import AccessToken

URL = "https://dev.azure.example"
ORGANISATION = f"{URL}/periferia"


class Tokens:
    """A credential of azure-identity, as far as a connector sees it: tokens of the emulated Entra."""

    def __init__(self, emulator, clock, *, audience="499b84ac-1321-427f-aa17-267ca6975798"):
        self.emulator, self.clock, self.audience = emulator, clock, audience

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        from periferia_link.transport._auth import IssuedToken

        entra = self.emulator.entra
        token = entra._issue(self.audience, entra.credentials()["client_id"], self.clock)
        return IssuedToken(token, int(self.clock.now().timestamp()) + 3600)


class TestAzureDevOps(ConnectorContract):
    """With a personal access token."""

    kinds = ("WorkItem", "Interaction", "Project")

    @pytest.fixture
    def clock(self):
        return ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))

    @pytest.fixture
    def service(self, clock):
        return AzureDevOpsEmulator()

    @pytest.fixture
    def faults(self, service, clock):
        return BreakableWire(InProcessWire({URL: service}, clock), service)

    @pytest.fixture
    def signing_in(self, service, clock):
        return {"token": SecretStr(service.pat)}

    @pytest.fixture
    def connector(self, faults, clock, signing_in):
        with AzureDevOps(
            ORGANISATION, clock=clock, wire=faults, project="Entrega", page_size=3, **signing_in
        ) as connector:
            yield connector

    @pytest.fixture
    def locked_out(self, faults, clock):
        with AzureDevOps(
            ORGANISATION, token=SecretStr("wrong-token"), clock=clock, wire=faults, project="Entrega"
        ) as connector:
            yield connector

    @pytest.fixture
    def secrets(self, service):
        return [service.pat, "wrong-token", "OndyI"]

    @pytest.fixture
    def wait(self, clock):
        return clock.sleep

    @pytest.fixture
    def absent(self, kind):
        return {"WorkItem": "99999", "Interaction": "99999/7", "Project": "6b1f8a1e-5b0e-4c53-9c7e-0d5b1f0c0de5"}[kind]

    @pytest.fixture
    def seed(self, service, clock):
        def seeded(kind, count):
            if kind == "Project":
                names = (f"Proyecto {len(service.books['projects']) + number}" for number in range(count))
                return [service.org.add_project(name, "Basic", clock.now())["id"] for name in names]
            ids = [self.item(service, clock, number) for number in range(count)]
            return ids if kind == "WorkItem" else [self.comment(service, clock, item) for item in ids]

        return seeded

    def item(self, service, clock, number):
        fields = {"Title": f"Requisito {len(service.books['workItems'])}-{number}", "Tags": "cliente; pl-ref:crm:1"}
        return str(service.enter("Entrega", "Task", fields, clock)["id"])

    def comment(self, service, clock, item):
        answer = service.do("POST", f"Entrega/_apis/wit/workItems/{item}/comments", clock, b'{"text": "Listo."}')
        assert 200 == answer.status
        return f"{item}/{max(comment['id'] for comment in service.books['comments'].values())}"

    @pytest.fixture
    def fresh(self, service, clock):
        def made(kind, number):
            if kind == "Interaction":
                about = service.enter("Entrega", "Task", {"Title": "Con comentarios"}, clock)["id"]
                ref = Ref("devops", "WorkItem", str(about))
                return Interaction(subject=f"Revisión {number} <b>", text="<p>Falta el criterio 2.</p>", regarding=ref)
            return WorkItem(
                title=f"Migración {number}",
                type="Task",
                category="proposed",
                project="Entrega",
                area="Entrega",
                assignee="ana@periferia.example",
                description="<p>Qué se espera</p>",
                priority=1,
                tags=("detractor", "Río"),
                external_ref=f"helpdesk:Ticket:{number}",
                estimate=Decimal("7.5"),
                due_on=date(2026, 12, 1),
                links=(
                    WorkItemLink(relation="hyperlink", target="https://helpdesk.example/tickets/1", comment="ticket"),
                ),
            )

        return made

    @pytest.fixture
    def edit(self):
        def new_values(entity):
            if isinstance(entity, Interaction):
                return {"text": f"{entity.text} Y algo más."}
            return {"title": f"{entity.title}.", "description": "<p>Otra cosa</p>"}

        return new_values

    @pytest.fixture
    def touch(self, service, clock):
        def touched(kind, key):
            if kind == "Project":
                pytest.skip("projects are always read whole")
            item, _, number = key.partition("/")
            if kind == "WorkItem":
                service.amend(item, {"Title": f"Otro {clock.now()}"}, clock)
            else:
                # a second comment brings the item; the first one is changed as well
                path = f"Entrega/_apis/wit/workItems/{item}/comments"
                service.do("PATCH", f"{path}/{number}", clock, b'{"text": "Listo, corregido."}')
                service.do("POST", path, clock, b'{"text": "Otra cosa."}')

        return touched

    @pytest.fixture
    def erase(self, service, clock):
        def erased(kind, key):
            if kind == "WorkItem":
                assert 200 == service.do("DELETE", f"_apis/wit/workitems/{key}", clock).status
            elif kind == "Interaction":
                item, _, number = key.partition("/")
                service.do("DELETE", f"Entrega/_apis/wit/workItems/{item}/comments/{number}", clock)
            else:
                service.do("DELETE", f"_apis/projects/{key}", clock)

        return erased


class TestAzureDevOpsWithEntra(TestAzureDevOps):
    """With any object that has ``get_token``."""

    kinds = ("WorkItem",)

    @pytest.fixture
    def signing_in(self, service, clock):
        return {"credential": Tokens(service, clock)}

    @pytest.fixture
    def locked_out(self, faults, service, clock):
        tokens = Tokens(service, clock, audience="https://another.example")
        with AzureDevOps(ORGANISATION, credential=tokens, clock=clock, wire=faults, project="Entrega") as connector:
            yield connector
