"""The shipped test kit: memory systems, emulators, contract tests."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from periferia_link.testing.emulators._clock import ManualClock
    from periferia_link.testing.memory import MemoryConnector

__all__ = ["ManualClock", "MemoryConnector"]

# Loaded when first used: an emulator in a process of its own needs neither connectors nor pydantic.
_HOME_OF = {"ManualClock": "testing.emulators._clock", "MemoryConnector": "testing.memory"}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(f"periferia_link.{_HOME_OF[name]}"), name)
