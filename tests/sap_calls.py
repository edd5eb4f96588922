"""Plain HTTP calls on the emulated Service Layer, without any client of ours in between."""

from __future__ import annotations

import json
from typing import Any

from periferia_link.testing.emulators import ManualClock
from periferia_link.testing.emulators.sap import SapEmulator
from periferia_link.typing import Request, Response

ROOT = "https://sap.example:50000"


class Caller:
    """Sends requests as they stand in a test and keeps the session cookie of the last login."""

    def __init__(self, emulator: SapEmulator, clock: ManualClock) -> None:
        self.emulator = emulator
        self.clock = clock
        self.cookie = ""

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        given = [(name.replace("_", "-"), value) for name, value in headers.items()]
        if self.cookie and "Cookie" not in headers:
            given.append(("Cookie", self.cookie))
        intent = "read" if method == "GET" else "write"
        answer = self.emulator.handle(Request(method, ROOT + path, tuple(given), content, intent), self.clock)
        assert isinstance(answer, Response)
        return answer

    def login(self, version: str = "v2", **more: Any) -> Response:
        """Sign in with the right password; *more* goes into the body."""
        account = self.emulator.credentials()
        body = {"UserName": account["username"], "Password": account["password"], "CompanyDB": account["company_db"]}
        answer = self("POST", f"/b1s/{version}/Login", body | more)
        if answer.status == 200:
            self.cookie = "; ".join(value.split(";")[0] for value in answer.headers_named("Set-Cookie"))
        return answer

    def get(self, path: str, **headers: str) -> Any:
        """Return the JSON of a read that must work."""
        answer = self("GET", path, **headers)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)


def code_of(answer: Response) -> tuple[int, Any]:
    """Return status and code of a refusal."""
    return answer.status, json.loads(answer.body)["error"]["code"]


def batch(items: list[Any], *, version: str = "v2", boundary: str = "batch_x") -> tuple[bytes, str]:
    """Write a batch by hand: requests as text, a list for a change set; returns body and Content-Type."""
    number = 0
    lines: list[str] = []
    for item in items:
        lines.append(f"--{boundary}")
        inner = [item] if isinstance(item, str) else item
        if not isinstance(item, str):
            lines += ["Content-Type: multipart/mixed; boundary=set_y", ""]
        for request in inner:
            number += 1
            if not isinstance(item, str):
                lines.append("--set_y")
            lines += ["Content-Type: application/http", "Content-Transfer-Encoding: binary", f"Content-ID: {number}"]
            head, _, body = request.partition("\n")
            lines += ["", head.replace(" /", f" /b1s/{version}/", 1), "Content-Type: application/json", "", body]
        if not isinstance(item, str):
            lines.append("--set_y--")
    lines += [f"--{boundary}--", ""]
    return "\r\n".join(lines).encode(), f"multipart/mixed;boundary={boundary}"


def entry(amount: str = "100.00", **header: Any) -> dict[str, Any]:
    """Return a journal entry that the emulated company accepts."""
    lines = [{"AccountCode": "613595", "Debit": amount}, {"AccountCode": "510595", "Credit": amount}]
    return {"ReferenceDate": "2026-11-20", "Memo": "Costo", "JournalEntryLines": lines} | header
