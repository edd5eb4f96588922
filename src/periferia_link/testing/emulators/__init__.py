"""
Stand-ins of the systems on loopback: ``python -m periferia_link.testing.emulators NAME``.

An emulator is a function from a request to an answer over its own books (:class:`Emulator`). The same one is
served over sockets (:func:`host`) or carried in process (:class:`InProcessWire`).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from periferia_link.errors import ConfigurationError
from periferia_link.testing.emulators._clock import ManualClock, OffsetClock
from periferia_link.testing.emulators._emulator import Emulator, LogEntry, json_response
from periferia_link.testing.emulators._faults import Fault, FaultRule
from periferia_link.testing.emulators._host import RunningEmulator, host
from periferia_link.testing.emulators._in_process import InProcessWire
from periferia_link.testing.emulators._tls import TlsIdentity, temporary_identity

if TYPE_CHECKING:
    from periferia_link.testing.emulators.entra import EntraEmulator

__all__ = [
    "NAMES",
    "Emulator",
    "Fault",
    "FaultRule",
    "InProcessWire",
    "LogEntry",
    "ManualClock",
    "OffsetClock",
    "RunningEmulator",
    "TlsIdentity",
    "host",
    "json_response",
    "make",
    "temporary_identity",
]

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "entra": "entra:EntraEmulator",
        "dynamics365": "dynamics365:Dynamics365Emulator",
        "sap": "sap:SapEmulator",
        "periticket": "periticket:PeriticketEmulator",
        "azure-devops": "azure_devops:AzureDevOpsEmulator",
        "graph": "graph:GraphEmulator",
    }
)
"""Every emulator by name: its module and class."""


def make(name: str, *, seed: int = 1, entra: EntraEmulator | None = None) -> Emulator:
    """
    Make the emulator of that name; nothing is served yet.

    Args:
        name: A key of :data:`NAMES`.

        seed: The same seed makes the same ids, secrets and records.

        entra: Whose tokens ``dynamics365``, ``azure-devops`` and ``graph`` accept; they make their own
            otherwise. Others have no use for it.

    Raises:
        ConfigurationError: The name is unknown.
    """
    built = ", ".join(NAMES)
    if name not in NAMES:
        msg = f"there is no emulator {name}"
        raise ConfigurationError(msg, hint=f"use one of {built}")
    place = NAMES[name]
    module, _, kind = place.partition(":")
    maker = getattr(importlib.import_module(f"{__name__}.{module}"), kind)
    shared = {"entra": entra} if name in ("dynamics365", "azure-devops", "graph") and entra is not None else {}
    emulator: Emulator = maker(seed=seed, **shared)
    return emulator
