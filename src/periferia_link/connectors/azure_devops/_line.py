"""
The wire of Azure DevOps: tells sign-in pages from answers, and paces by what a good answer asks for.

Source: wire sheet, sections 2 and 6; a delayed answer is 200 with ``Retry-After``, and is never sent again.
"""

from __future__ import annotations

import re
from typing import Any

from periferia_link.connectors.azure_devops._errors import SIGNED_OUT, is_stopped
from periferia_link.errors import FatalConnectorError
from periferia_link.transport._answers import pause_of, request_id
from periferia_link.transport._origin import Site
from periferia_link.transport._pacing import Gate, gate_for
from periferia_link.transport._transport import Auth, LateWire, Transport
from periferia_link.typing import Clock, Request, Response, Wire

__all__ = ["ServiceWire", "line_to"]

_SIGN_IN = re.compile(r"_signin|/login|login\.|sign-?in|oauth2", re.IGNORECASE)
_EVERY_REQUEST = {"X-TFS-FedAuthRedirect": "Suppress", "Accept": "application/json;api-version=7.1"}
_LEAST = 0
_LONGEST = 30.0


class ServiceWire:
    """
    Carries requests over another wire and reads what the service says beside its answers.

    A page with 203 or a redirect to sign in becomes a 401, so that a token is renewed as for any other refusal; the
    header ``x-signed-out-with`` keeps the status. A page with 200 is somebody else's: the transport refuses it in
    reads, and after a write nobody knows. An organisation that is stopped ends the run.
    """

    def __init__(self, wire: Wire, gate: Gate, clock: Clock, *, system: str) -> None:
        self._wire = wire
        self._gate = gate
        self._clock = clock
        self._system = system

    def send(self, request: Request, *, deadline: float) -> Response:
        """
        Send a request (see :class:`periferia_link.typing.Wire`).

        Raises:
            FatalConnectorError: The organisation is stopped.
        """
        answer = self._wire.send(request, deadline=deadline)
        if answer.status == 503 and is_stopped(answer.body):
            msg = "the organization is stopped (TF24668)"
            raise FatalConnectorError(
                msg,
                hint="an administrator has to start it again",
                system=self._system,
                status_code=503,
                code="TF24668",
                request_id=request_id(answer),
            )
        if answer.status < 300:
            self._pace(answer)
        return _signed_out(answer) if _is_sign_in(answer) else answer

    def close(self) -> None:
        """Close the wire behind."""
        self._wire.close()

    def _pace(self, answer: Response) -> None:
        """Let the next request wait: the service delays first and blocks afterwards."""
        if answer.header("retry-after") is not None:
            self._gate.pause(min(pause_of(answer, now=self._clock.now()), _LONGEST))
        elif (answer.header("x-ratelimit-remaining") or "").strip() == str(_LEAST):
            reset = answer.header("x-ratelimit-reset") or ""
            left = float(reset) - self._clock.now().timestamp() if reset.isdecimal() else 0.0
            self._gate.pause(min(max(left, 0.0), _LONGEST))


def _is_sign_in(answer: Response) -> bool:
    if answer.status == 203:
        return True
    where = (answer.header("location") or "").partition("?")[0]
    return answer.status in (301, 302, 303, 307) and _SIGN_IN.search(where) is not None


def _signed_out(answer: Response) -> Response:
    kept = [(name, value) for name, value in answer.headers if name.lower() in ("activityid", "x-vss-e2eid", "date")]
    return Response(401, (*kept, (SIGNED_OUT, str(answer.status))))


def line_to(
    url: str,
    *,
    system: str,
    clock: Clock,
    auth: Auth,
    user: str,
    parallel: int,
    wire: Wire | None,
    ca_file: str | None,
    proxy: str | None,
    allow_private: bool,
    **options: Any,
) -> Transport:
    """
    Return the transport to one organisation.

    Raises:
        ConfigurationError: The address, proxy or certificate file cannot be used.
    """
    site = Site(url, allow_private=allow_private)
    gate = gate_for((site.base_url, user), clock, parallel)
    behind = wire or LateWire(site, ca_file=ca_file, proxy=proxy, allow_private=allow_private, pool=parallel)
    return Transport(
        url,
        system=system,
        clock=clock,
        auth=auth,
        gate=gate,
        allow_private=allow_private,
        pool=parallel,
        headers=_EVERY_REQUEST,
        wire=ServiceWire(behind, gate, clock, system=system),
        **options,
    )
