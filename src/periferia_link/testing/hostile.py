"""
A connector that does everything wrong, one mistake at a time: it shows that the contract catches each of them.

::

    connector = HostileConnector("bad", [Client], vices={"lost-write"})

Every vice was seen in a real client library or a real system. Use it to test what stands around a connector, too:
an engine, a monitor, a retry.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from periferia_link.connectors.base import SystemInfo
from periferia_link.domain import Entity
from periferia_link.errors import ConfigurationError
from periferia_link.testing._hostile_reading import READING_VICES, HostileReading
from periferia_link.testing._hostile_writing import WRITING_VICES, HostileWriting
from periferia_link.testing.memory import MemoryConnector

__all__ = ["VICES", "HostileConnector"]

_SELF_VICES = {
    "new-identity": "says to be another installation at every check",
    "secret-in-repr": "prints its password with its name",
    "secret-in-check": "tells its password to whoever asks who it is",
    "moving-fingerprint": "says at every question that its mapping has changed",
    "unguarded": "creates without a key that is enforced or found again",
    "no-time": "says that a write may take for ever",
    "invented-fields": "declares to search by fields that the kind does not have",
    "close-once": "breaks when it is closed twice",
}

VICES: Mapping[str, str] = MappingProxyType({**_SELF_VICES, **READING_VICES, **WRITING_VICES})
"""Every mistake by name, with what it does."""


class HostileConnector(HostileWriting, HostileReading, MemoryConnector):
    """
    A memory system with vices; without any it is an ordinary one.

    Args:
        name: Instance name.

        kinds: Entity classes that the system holds.

        records: Entities that are there from the start.

        vices: Names of :data:`VICES`.

        secret: The credential that some vices give away.

        **options: As for :class:`~periferia_link.testing.MemoryConnector`.

    Raises:
        ConfigurationError: There is no such vice.
    """

    product: ClassVar[str] = "hostile"

    def __init__(
        self,
        name: str,
        kinds: Iterable[type[Entity]],
        records: Iterable[Entity] = (),
        *,
        vices: Collection[str] = (),
        secret: str = "hunter2-of-the-hostile",  # noqa: S107 - made up: it is what must not show
        **options: Any,
    ) -> None:
        if unknown := sorted(set(vices) - set(VICES)):
            msg = f"there is no vice {', '.join(unknown)}"
            raise ConfigurationError(msg, hint=f"use some of {', '.join(sorted(VICES))}")
        self.vices = frozenset(vices)
        self.secret = secret
        self._asked = 0
        self._is_closed = False
        if self.vices & {"double-write", "remembered-absence"}:
            options["guard"] = "marker"
        super().__init__(name, kinds, records, **options)
        changes: dict[str, Any] = {}
        if "unguarded" in self.vices:
            changes["create_guard"] = "none"
        if "invented-fields" in self.vices:
            changes["find_fields"] = frozenset({"no_such_field_at_all"})
        if "writes-read-only" in self.vices:
            changes["writes"] = frozenset({"create"})
        if "half-atomic" in self.vices:
            changes["is_atomic"] = True
        self._declare(**changes)
        if "no-time" in self.vices:
            self.deadline = float("inf")

    def check(self) -> SystemInfo:
        """
        Say who we are, or somebody else.

        Raises:
            ConnectorError: Never.
        """
        self._asked += 1
        told = super().check()
        if "new-identity" in self.vices:
            return SystemInfo(system_id=f"{told.system_id}-{self._asked}", product=self.product)
        if "secret-in-check" in self.vices:
            return SystemInfo(system_id=told.system_id, product=self.product, identity=f"admin:{self.secret}")
        return told

    def fingerprint(self, kind: str) -> str:
        """Return what tells the mapping, or something new every time."""
        self._asked += 1
        return f"{kind} {self._asked}" if "moving-fingerprint" in self.vices else super().fingerprint(kind)

    def close(self) -> None:
        """Close, once."""
        if self._is_closed and "close-once" in self.vices:
            msg = "'NoneType' object has no attribute 'close'"
            raise AttributeError(msg)
        self._is_closed = True

    def __repr__(self) -> str:
        shown = f", password={self.secret!r}" if "secret-in-repr" in self.vices else ""
        return f"HostileConnector({self.name!r}{shown})"
