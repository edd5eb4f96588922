"""
Emulators for tests of whole integrations: several at once, in this process or served over TLS.

::

    systems = EmulatedSystems(ManualClock())
    crm = systems("dynamics365")
    Dynamics365(crm.url, credential=crm.entra_application(), wire=crm.wire, clock=systems.clock)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

from periferia_link.errors import ConfigurationError
from periferia_link.testing._breakable_wire import BreakableWire
from periferia_link.testing.emulators import (
    Emulator,
    InProcessWire,
    ManualClock,
    RunningEmulator,
    TlsIdentity,
    host,
    make,
)
from periferia_link.testing.emulators.entra import EntraEmulator
from periferia_link.typing import TokenProvider

__all__ = ["EmulatedSystem", "EmulatedSystems", "hosting"]

_AUTHORITY = "https://login.microsoftonline.com"


class EmulatedSystem:
    """
    One emulator in this process, and the line to it.

    ``url`` and ``wire`` are arguments of connectors, ``credentials`` what they sign in with. ``emulator.books`` hold
    the records, ``emulator.log`` every request.
    """

    def __init__(self, emulator: Emulator, url: str, carrier: InProcessWire, systems: EmulatedSystems) -> None:
        self.emulator = emulator
        self.url = url
        self.wire = BreakableWire(carrier, emulator)
        self._systems = systems

    @property
    def credentials(self) -> dict[str, Any]:
        """What a client signs in with; made up, so it may be printed."""
        return self.emulator.credentials()

    def fail(
        self,
        fault: str,
        when: str = "before",
        *,
        on: Literal["read", "write", "session"] = "write",
        times: int = 1,
        **params: Any,
    ) -> None:
        """
        Break the line at the next request of that intent.

        Args:
            fault: A kind of :class:`~periferia_link.testing.emulators.FaultRule`: ``reset``, ``throttle``, ``html`` …

            when: ``before`` or ``after`` the system has committed.

            on: What the request wants.

            times: How many requests meet it.

            **params: Parameters of that fault.

        Raises:
            ConfigurationError: There is no such fault.
        """
        for _ in range(times):
            self.wire.next(fault, when, on=on, **params)

    def entra_application(self) -> TokenProvider:
        """
        Return a credential of the application that the emulated Entra knows.

        Raises:
            ConfigurationError: The system does not sign in with Entra.
        """
        from pydantic import SecretStr  # noqa: PLC0415 - with the client

        from periferia_link.transport._auth import ClientSecret  # noqa: PLC0415 - an HTTP client

        entra = self._systems.entra
        known = entra.credentials()
        if getattr(self.emulator, "entra", None) is not entra and self.emulator is not entra:
            msg = f"{self.emulator.name} does not sign in with Entra"
            raise ConfigurationError(msg, hint=f"use its credentials: {', '.join(self.credentials) or 'none'}")
        return ClientSecret(
            tenant_id=known["tenant_id"],
            client_id=known["client_id"],
            client_secret=SecretStr(known["client_secret"]),
            authority=_AUTHORITY,
            clock=self._systems.clock,
            wire=self._systems("entra").wire,
        )

    def __repr__(self) -> str:
        return f"EmulatedSystem({self.emulator.name} at {self.url})"


class EmulatedSystems:
    """
    Starts emulators by name, all on one clock and one Entra; nothing listens and nothing sleeps.

    Args:
        clock: Their time.

        seed: The same one makes the same ids, secrets and records.
    """

    def __init__(self, clock: ManualClock, *, seed: int = 1) -> None:
        self.clock = clock
        self._seed = seed
        self._started: dict[str, EmulatedSystem] = {}
        self.entra = EntraEmulator(seed=seed)

    def __call__(self, name: str) -> EmulatedSystem:
        """
        Return the system of that name; it starts when it is first asked for.

        Args:
            name: A key of :data:`~periferia_link.testing.emulators.NAMES`.

        Raises:
            ConfigurationError: There is no such emulator.
        """
        if name not in self._started:
            self._started[name] = self._start(name)
        return self._started[name]

    def _start(self, name: str) -> EmulatedSystem:
        emulator = self.entra if name == "entra" else make(name, seed=self._seed, entra=self.entra)
        if getattr(emulator, "entra", None) is self.entra:
            self("entra")  # its address stands in the credentials
        url = _AUTHORITY if name == "entra" else f"https://{name}.periferia.example"
        carrier = InProcessWire({url: emulator}, self.clock)
        return EmulatedSystem(emulator, url, carrier, self)

    def __repr__(self) -> str:
        return f"EmulatedSystems({', '.join(self._started) or 'none started'})"


@contextmanager
def hosting(identity: Callable[[], TlsIdentity], *, seed: int = 1) -> Iterator[Callable[..., RunningEmulator]]:
    """
    Serve emulators on loopback ports until the block ends; the block gets a function of a name.

    Args:
        identity: Gives the certificate to show; asked when it is needed.

        seed: The same one makes the same ids, secrets and records.
    """
    entra = EntraEmulator(seed=seed)
    with ExitStack() as stack:
        running: dict[str, RunningEmulator] = {}

        def serve(name: str, *, tls: bool = True, latency: float = 0.0) -> RunningEmulator:
            if name not in running:
                emulator = entra if name == "entra" else make(name, seed=seed, entra=entra)
                if getattr(emulator, "entra", None) is entra:
                    serve("entra")
                shown = identity() if tls or emulator.needs_tls else None
                running[name] = stack.enter_context(host(emulator, tls=shown, latency=latency))
            return running[name]

        yield serve
