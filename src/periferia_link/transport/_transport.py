"""The transport that every connector of an HTTP system uses; the HTTP library is loaded with the first request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from periferia_link.clock import SystemClock
from periferia_link.transport._exchange import Auth, WireTransport
from periferia_link.transport._origin import Site
from periferia_link.transport._pacing import Gate
from periferia_link.typing import Clock, Request, Response, Wire

__all__ = ["Auth", "LateWire", "Transport"]


class Transport(WireTransport):
    """
    Requests to one system: origin pinned, reads retried, writes sent exactly once.

    Args:
        base_url: Address of the system; the only origin that is ever spoken to.

        system: Instance name, for messages.

        clock: Source of time for pauses; this machine's by default.

        auth: Credentials; none by default.

        gate: Shared by everybody who speaks to the system as the same user; one of its own by default.

        ca_file: Certificates of a private authority, PEM; trusted instead of the public ones.

        proxy: ``http://[user:password@]host:port``; the environment is not read.

        allow_private: The system lives in a private network, or on this machine.

        deadline: Seconds on the line, for all attempts of a read or for one write. Pauses that the system asks for do
            not count for reads; a write that would have to wait longer than this is not sent.

        max_bytes: Largest answer, unpacked.

        keepalive: Seconds after which an idle connection is not used again (SAP closes it after 5).

        pool: Connections at most.

        plan_only: Refuse every write.

        headers: Sent with every request.

        wire: Carries the requests instead of the network: an emulator in the same process.

        heard: Told every answer, before anybody judges it.

    Raises:
        ConfigurationError: The address, proxy or certificate file cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        system: str,
        clock: Clock | None = None,
        auth: Auth | None = None,
        gate: Gate | None = None,
        ca_file: str | None = None,
        proxy: str | None = None,
        allow_private: bool = False,
        deadline: float = 30.0,
        max_bytes: int = 64 * 1024 * 1024,
        keepalive: float = 4.0,
        pool: int = 16,
        plan_only: bool = False,
        headers: Mapping[str, str] | None = None,
        wire: Wire | None = None,
        heard: Callable[[Response], None] | None = None,
    ) -> None:
        site = Site(base_url, allow_private=allow_private)
        clock = clock or SystemClock()
        super().__init__(
            site,
            wire
            or LateWire(
                site,
                ca_file=ca_file,
                proxy=proxy,
                allow_private=allow_private,
                max_bytes=max_bytes,
                keepalive=keepalive,
                pool=pool,
            ),
            system=system,
            clock=clock,
            auth=auth,
            gate=gate or Gate(clock, parallel=pool),
            deadline=deadline,
            plan_only=plan_only,
            headers=headers or {},
            heard=heard,
        )


class LateWire:
    """
    The wire of the network, made with the first request: a script that only prepares one does not load the library.

    What can be wrong with a proxy or a certificate file is said at once.
    """

    def __init__(self, site: Site, *, ca_file: str | None = None, proxy: str | None = None, **options: Any) -> None:
        self._site = site
        self._options = {"ca_file": ca_file, "proxy": proxy, **options}
        self._lock = threading.Lock()
        self._made: Any = None
        if ca_file is not None or proxy is not None:
            self._wire()

    def send(self, request: Request, *, deadline: float) -> Response:
        """
        Send the request and return the answer (see :class:`periferia_link.typing.Wire`).

        Raises:
            ConnectorError: As :meth:`periferia_link.transport._http.HttpWire.send`.
        """
        answer: Response = self._wire().send(request, deadline=deadline)
        return answer

    def close(self) -> None:
        """Close the connections, if there are any."""
        with self._lock:
            if self._made is not None:
                self._made.close()

    def _wire(self) -> Any:
        with self._lock:
            if self._made is None:
                from periferia_link.transport._http import HttpWire  # noqa: PLC0415 - the library is loaded when needed

                self._made = HttpWire(self._site, **self._options)
            return self._made
