"""One emulated organisation in the same process, and a connector to it."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from pydantic import SecretStr

from periferia_link.connectors.azure_devops import AzureDevOps
from periferia_link.connectors.base import Applied, Outcome, Write
from periferia_link.domain import Ref, WorkItem
from periferia_link.testing.contract import BreakableWire
from periferia_link.testing.emulators import InProcessWire, ManualClock
from periferia_link.testing.emulators.azure_devops import AzureDevOpsEmulator

URL = "https://dev.azure.example"
KEYS = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(1, 400)]


class World:
    """The far side, a clock, and connectors that are closed with it."""

    def __init__(self, **options: Any) -> None:
        self.clock = ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))
        self.service = AzureDevOpsEmulator()
        self.line = BreakableWire(InProcessWire({URL: self.service}, self.clock), self.service)
        self.devops = self.connect(**options)

    def connect(self, **options: Any) -> AzureDevOps:
        signing = {} if "credential" in options else {"token": SecretStr(self.service.pat)}
        return AzureDevOps(
            f"{URL}/periferia", clock=self.clock, wire=self.line, **{"project": "Entrega", **signing, **options}
        )

    def item(self, title: str = "Requisito", kind: str = "Task", project: str = "Entrega", **fields: Any) -> str:
        more = {"relations": fields.pop("relations", ())}
        return str(self.service.enter(project, kind, {"Title": title, **fields}, self.clock, **more)["id"])

    def there(self, number: str) -> dict[str, Any]:
        return self.service.org.item(number)

    def read(self, number: str) -> WorkItem:
        (row,) = self.devops.get("WorkItem", [number])
        return self.devops.decode("WorkItem", row)

    def create(self, entity: WorkItem, key: str = KEYS[0], devops: AzureDevOps | None = None) -> Outcome:
        write = Write(key, "create", None, entity, frozenset(entity.model_fields_set))
        return (devops or self.devops).write("WorkItem", [write])[0]

    def update(self, number: str, version: str | None = None, **values: Any) -> Outcome:
        entity = WorkItem(**{"title": "x", **values})
        ref = Ref("devops", "WorkItem", number)
        write = Write(KEYS[0], "update", ref, entity, frozenset(values), version)
        return self.devops.write("WorkItem", [write])[0]

    def act(self, number: str, action: str) -> Outcome:
        write = Write(KEYS[0], "action", Ref("devops", "WorkItem", number), action=action)
        return self.devops.write("WorkItem", [write])[0]

    def made(self, entity: WorkItem, key: str = KEYS[0]) -> str:
        outcome = self.create(entity, key)
        assert isinstance(outcome, Applied), outcome
        return outcome.ref.id

    def sent(self, *methods: str) -> list[str]:
        return [f"{each.method} {each.path}" for each in self.service.log if each.method in methods]

    def bodies(self, outcome: Outcome) -> str:
        return json.dumps(getattr(outcome, "error", outcome), default=str)
