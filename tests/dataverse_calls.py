"""The emulated Dataverse for tests: plain calls with a token of the emulated Entra, and our connector over it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from pydantic import SecretStr

from periferia_link.testing.emulators import FaultRule, InProcessWire, ManualClock
from periferia_link.testing.emulators._json import dump_json, parse_json
from periferia_link.testing.emulators.dynamics365 import Dynamics365Emulator
from periferia_link.transport._auth import ClientSecret, StaticToken
from periferia_link.typing import Request, Response

if TYPE_CHECKING:
    from periferia_link.connectors.dynamics365 import Dynamics365

BASE = "https://org.crm.dynamics.com"
API = f"{BASE}/api/data/v9.2"
LOGIN = "https://login.microsoftonline.com"


class Reply(NamedTuple):
    """An answer with its JSON body read, amounts exact."""

    response: Response

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def json(self) -> Any:
        return parse_json(self.response.body)

    @property
    def code(self) -> str:
        return self.json["error"]["code"]

    @property
    def message(self) -> str:
        return self.json["error"]["message"]

    @property
    def id(self) -> str:
        """The key in ``OData-EntityId``."""
        return (self.header("OData-EntityId") or "").rpartition("(")[2].rstrip(")")

    def header(self, name: str) -> str | None:
        return self.response.header(name)


class Environment:
    """One emulated environment with a clock and a signed-in caller."""

    def __init__(self, *, seed: int = 1) -> None:
        self.clock = ManualClock()
        self.emulator = Dynamics365Emulator(seed=seed)
        self.emulator.base_url = BASE
        self.token = self.sign_in()

    def sign_in(self, scope: str | None = None) -> str:
        """Ask the emulated Entra for a token as an application does."""
        known = self.emulator.credentials()
        form = {name: known[name] for name in ("client_id", "client_secret", "scope")}
        form |= {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
        url = f"{known['authority']}/{known['tenant_id']}/oauth2/v2.0/token"
        answer = self.emulator.entra.serve(Request("POST", url, (), urlencode(form).encode()), self.clock)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)["access_token"]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Send one request; header names are written with underscores."""
        url = path if path.startswith("https://") else f"{API}/{path}"
        pairs = {"Authorization": f"Bearer {self.token}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        content = body if isinstance(body, bytes) else b"" if body is None else dump_json(body)
        request = Request(method, url.replace(" ", "%20"), tuple(pairs.items()), content)
        answer = self.emulator.handle(request, self.clock)
        assert isinstance(answer, Response)
        return Reply(answer)

    def get(self, path: str, **headers: str) -> Reply:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        return self.call("POST", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> Reply:
        return self.call("PATCH", path, body, **headers)

    def rows(self, entity_set: str) -> dict[str, dict[str, Any]]:
        return self.emulator.books[entity_set]


class Crm:
    """Our connector, signed in at an emulated environment in the same process."""

    def __init__(self, **options: Any) -> None:
        self.clock = ManualClock()
        self.emulator = Dynamics365Emulator()
        self.wire = InProcessWire({BASE: self.emulator, LOGIN: self.emulator.entra}, self.clock)
        known = self.emulator.entra.credentials()
        self.credential = ClientSecret(
            tenant_id=known["tenant_id"],
            client_id=known["client_id"],
            client_secret=SecretStr(known["client_secret"]),
            clock=self.clock,
            wire=self.wire,
        )
        self.connector = self.connect(**options)

    def connect(self, **options: Any) -> Dynamics365:
        from periferia_link.connectors.dynamics365 import Dynamics365

        return Dynamics365(BASE, **{"credential": self.credential, "clock": self.clock, "wire": self.wire} | options)

    def fault(self, fault: str, path: str = "*", **rule: Any) -> None:
        self.emulator.faults.add(FaultRule(fault, path=path, **rule))

    def sent(self, *methods: str) -> list[str]:
        """Method and path with query of the requests to the API so far."""
        return [
            f"{entry.method} {entry.path}?{entry.query}".rstrip("?")
            for entry in self.emulator.log
            if not methods or entry.method in methods
        ]


class ScriptedWire:
    """Answers requests from a list (or with a function), and keeps them."""

    def __init__(self, *answers: Response | Exception | Callable[[Request], Response]) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []

    def send(self, request: Request, *, deadline: float) -> Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Response) else answer(request)

    def close(self) -> None:
        pass


def scripted(*answers: Any, **options: Any) -> tuple[Dynamics365, ScriptedWire]:
    """Our connector in front of answers that a test makes up."""
    from periferia_link.connectors.dynamics365 import Dynamics365

    wire = ScriptedWire(*answers)
    token = StaticToken(SecretStr("a-static-token"))
    clock = ManualClock()
    return Dynamics365(BASE, **{"credential": token, "clock": clock, "wire": wire} | options), wire


def answering(status: int, body: Any = None, **headers: str) -> Response:
    """An answer as Dataverse writes it; header names are written with underscores."""
    pairs = {"OData-Version": "4.0"} | {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else b"" if body is None else dump_json(body)
    if content and "Content-Type" not in pairs:
        pairs["Content-Type"] = "application/json; odata.metadata=minimal"
    return Response(status, tuple(pairs.items()), content)


def refusing(status: int, code: str, message: str = "No.", **headers: str) -> Response:
    """An error answer."""
    return answering(status, {"error": {"code": code, "message": message}}, **headers)
