"""A wire to an emulator in the same process that breaks when it is told to."""

from __future__ import annotations

from typing import Any, Literal

from periferia_link.testing.emulators._emulator import Emulator
from periferia_link.testing.emulators._faults import FaultRule
from periferia_link.typing import Request, Response, Wire

__all__ = ["BreakableWire"]


class BreakableWire:
    """
    Stands between a connector and an emulator: the wire of the one, the ``faults`` of the contract.

    A rule of the emulator knows method and path; this one knows what the request wants, so the fault that is meant
    for a write does not meet the login or the read before it. ``writes`` and ``reads`` count the requests that left.
    """

    def __init__(self, wire: Wire, emulator: Emulator) -> None:
        self.writes = 0
        self.reads = 0
        self._wire = wire
        self._emulator = emulator
        self._next: list[tuple[str, FaultRule]] = []

    def next(
        self,
        fault: str,
        when: str = "before",
        *,
        on: Literal["read", "write", "session"] = "write",
        **params: Any,
    ) -> None:
        """
        Play *fault* on the next request of that intent, before or after its commit.

        Args:
            fault: A kind of :class:`~periferia_link.testing.emulators.FaultRule`.

            when: ``before`` or ``after``.

            on: What the request wants.

            **params: Parameters of that fault.

        Raises:
            ConfigurationError: There is no such fault.
        """
        self._next.append((on, FaultRule.parse({"fault": fault, "when": when, "params": params})))

    def send(self, request: Request, *, deadline: float) -> Response:
        """Carry one request, over a breaking line if it is its turn (see :class:`periferia_link.typing.Wire`)."""
        self.writes += request.intent == "write"
        self.reads += request.intent == "read"
        due = next((planned for planned in self._next if planned[0] == request.intent), None)
        if due is not None:
            self._next.remove(due)
            self._emulator.faults.add(due[1])
        return self._wire.send(request, deadline=deadline)

    def close(self) -> None:
        """Close the wire behind."""
        self._wire.close()
