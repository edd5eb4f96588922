"""What can go wrong between a client and SAP, on demand."""

from __future__ import annotations

import fnmatch
import threading
from dataclasses import dataclass
from typing import Literal, TypeAlias

from periferia_link.errors import ConfigurationError

__all__ = ["RfcFault", "RfcFaults", "Trouble"]

Trouble: TypeAlias = Literal["break", "late", "cancel", "logon", "busy", "dump", "forbidden", "refuse"]
_TROUBLES = frozenset({"break", "late", "cancel", "logon", "busy", "dump", "forbidden", "refuse"})


@dataclass(slots=True)
class RfcFault:
    """
    One fault, played once.

    ``function`` is a name or a pattern, or several with ``|`` between them; ``connect`` is the opening of a connection.
    ``break`` cuts the line, ``before`` SAP has done the work or ``after``; ``late`` cuts it, and SAP does the work
    ``seconds`` later; ``cancel`` is the time-out of the library; ``logon``, ``busy``, ``dump`` and ``forbidden``
    refuse the call with an exception; ``refuse`` lets the function answer a row of RETURN: ``code`` and ``text``, of
    ``type``.
    """

    trouble: Trouble
    function: str = "*"
    nth: int = 1
    when: Literal["before", "after"] = "before"
    seconds: float = 0.0
    code: str = "F5/201"
    text: str = "Posting period is not open"
    type: str = "E"

    def __post_init__(self) -> None:
        if self.trouble not in _TROUBLES or self.when not in ("before", "after"):
            msg = f"there is no fault {self.trouble} {self.when}"
            raise ConfigurationError(msg, hint=f"use one of {', '.join(sorted(_TROUBLES))}")


def _fits(function: str, patterns: str) -> bool:
    return any(fnmatch.fnmatchcase(function, pattern) for pattern in patterns.split("|"))


class RfcFaults:
    """The faults that wait for their call."""

    def __init__(self) -> None:
        self._waiting: list[RfcFault] = []
        self._lock = threading.Lock()

    def add(self, *faults: RfcFault) -> None:
        """Play these, each at the nth call that fits."""
        with self._lock:
            self._waiting += faults

    def clear(self) -> None:
        """Forget what waits."""
        with self._lock:
            self._waiting = []

    def due(self, function: str) -> RfcFault | None:
        """Return the fault of this call, if it is its turn."""
        with self._lock:
            fitting = [fault for fault in self._waiting if _fits(function, fault.function)]
            for fault in fitting:
                fault.nth -= 1
            found = next((fault for fault in fitting if fault.nth <= 0), None)
            if found is not None:
                self._waiting.remove(found)
            return found
