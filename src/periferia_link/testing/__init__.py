"""The shipped test kit: memory systems, emulators, records, recordings, contract tests; ``plugin`` has the fixtures."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from periferia_link.testing.emulators._clock import ManualClock
    from periferia_link.testing.factories import Factory
    from periferia_link.testing.hostile import HostileConnector
    from periferia_link.testing.memory import MemoryConnector
    from periferia_link.testing.recorder import Recorder, Redaction, Replay
    from periferia_link.testing.systems import EmulatedSystems

__all__ = [
    "EmulatedSystems",
    "Factory",
    "HostileConnector",
    "ManualClock",
    "MemoryConnector",
    "Recorder",
    "Redaction",
    "Replay",
]

# Loaded when first used: an emulator in a process of its own needs neither connectors nor pydantic.
_HOME_OF = {
    "EmulatedSystems": "testing.systems",
    "Factory": "testing.factories",
    "HostileConnector": "testing.hostile",
    "ManualClock": "testing.emulators._clock",
    "MemoryConnector": "testing.memory",
    "Recorder": "testing.recorder",
    "Redaction": "testing.recorder",
    "Replay": "testing.recorder",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(f"periferia_link.{_HOME_OF[name]}"), name)
