"""Speaking to one help desk: headers by method, refusals of reads by what the profile says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from periferia_link.connectors.ticketing._paths import look_up
from periferia_link.connectors.ticketing.profile import ErrorRules, TicketProfile
from periferia_link.errors import (
    ContractBrokenError,
    ExpiredCursorError,
    PermissionDeniedError,
)
from periferia_link.transport._json import NotJsonError, loads
from periferia_link.transport._transport import Transport
from periferia_link.typing import Intent, Response

__all__ = ["Line", "code_of", "with_query"]


class Line:
    """
    One help desk over its transport.

    Args:
        transport: Carries the requests.

        profile: What the server is like.

        system: Instance name.

        options: Values for ``{option.NAME}`` in headers.
    """

    def __init__(self, transport: Transport, profile: TicketProfile, system: str, options: Mapping[str, str]) -> None:
        self.transport = transport
        self.system = system
        self.profile = profile
        self.advice = f"compare the server with {profile.source}" if profile.source else "check the profile"
        parts = urlsplit(transport.base_url)
        self._filled = {"origin": f"{parts.scheme}://{parts.netloc}", "url": transport.base_url} | {
            f"option.{name}": value for name, value in options.items()
        }
        self._headers = {method: self._for(method) for method in ("GET", "POST", "PUT", "PATCH", "DELETE")}

    def _for(self, method: str) -> dict[str, str]:
        groups = ("all", "read" if method == "GET" else "write", method)
        headers = {name: text for group in groups for name, text in self.profile.headers.get(group, {}).items()}  # type: ignore[call-overload]
        return {name: self.fill(text) for name, text in headers.items()}

    def fill(self, text: str) -> str:
        """Put origin, address and options into a text of the profile."""
        for name, value in self._filled.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    # ------------------------------------------------------------------ reads

    def ask(
        self,
        address: str,
        *,
        what: str,
        missing_is_empty: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """
        Read an address; 404 comes back where it means that nothing is there.

        Raises:
            ConnectorError: The server refuses, by what happens next.
        """
        response = self.transport.read("GET", address, headers=self._headers["GET"] | dict(headers or {}))
        if response.status == 200 or (response.status == 404 and missing_is_empty):
            return response
        rules = self.profile.errors
        code = code_of(response, rules)
        shown = what.partition("?")[0]
        told: dict[str, Any] = {
            "operation": f"read {shown}",
            "status_code": response.status,
            "code": code,
            "system": self.system,
        }
        if response.status in rules.denied:
            msg = f"the account may not read {shown}"
            raise PermissionDeniedError(msg, hint=f"give it the right in {self.profile.title}", **told)
        if response.status in rules.expired:
            msg = f"{self.profile.title} no longer knows this place in {shown} ({code})"
            raise ExpiredCursorError(msg, hint="everything is read again", **told)
        msg = f"the server answers {response.status} to a read of {shown} ({code})"
        raise ContractBrokenError(msg, hint=self.advice, **told)

    def item(self, address: str, *, what: str) -> Response | None:
        """
        Read one record; ``None`` when it is not there.

        Raises:
            ConnectorError: The server refuses.
        """
        response = self.ask(address, what=what, missing_is_empty=True)
        return None if response.status == 404 else response

    def document(self, response: Response) -> Any:
        """
        Return the JSON of an answer, numbers digit by digit.

        Raises:
            NotJsonError: It is none.
        """
        body = response.body
        if self.profile.quirks.bad_utf8:
            body = body.decode("utf-8", "replace").encode()
        try:
            return loads(body, exact=True)
        except NotJsonError as exc:
            exc.system = self.system
            raise

    # ------------------------------------------------------------------ writes

    def send(
        self,
        method: str,
        address: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        intent: Intent = "write",
    ) -> Response:
        """
        Send one request, once.

        Raises:
            UnavailableError: Not one byte left.
            OutcomeUnknownError: Something left, and no whole answer came back.
            WriteRefusedError: The system is plan-only.
        """
        typed = {"Content-Type": "application/json"} if body else {}
        sent = {**self._headers[method], **typed, **(headers or {})}
        return self.transport.send(method, address, headers=sent, body=body, intent=intent)


def with_query(path: str, params: Sequence[tuple[str, str]]) -> str:
    """Return an address with parameters; those that it has stay."""
    if not params:
        return path
    query = urlencode(params, quote_via=quote, safe="@", errors="replace")
    return f"{path}{'&' if '?' in path else '?'}{query}"


def code_of(response: Response, rules: ErrorRules) -> str:
    """Return the server's own code of a refusal, for programs; its sentences may hold personal data."""
    try:
        told = loads(response.body)
    except NotJsonError:
        return "no problem body"
    for path in rules.code:
        code = look_up(told, path)
        if isinstance(code, str | int) and not isinstance(code, bool) and code != "":
            return str(code).replace("/", ":").rsplit(":", 1)[-1][:60]
    return "no code"
