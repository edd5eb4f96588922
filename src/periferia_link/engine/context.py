"""What a projection may ask: links and look-up tables; every answer is remembered as a dependency."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, tzinfo
from typing import Any

from periferia_link.domain import Entity, Ref
from periferia_link.engine.flow import Lookup
from periferia_link.errors import ConfigurationError, MissingReferenceError

__all__ = ["Context", "MissingLinkError", "Tables"]


class MissingLinkError(MissingReferenceError):
    """A link that is not there yet; the engine turns it into waiting."""

    def __init__(self, ref: Ref, message: str, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.ref = ref


class Tables:
    """Look-up tables of one run: name → key → entity, decoded once."""

    def __init__(self, tables: Mapping[str, tuple[Lookup, Mapping[str, Entity], frozenset[str]]]) -> None:
        self._tables = tables

    def find(self, name: str, key: str) -> Entity | None:
        """
        Return the entity under *key*, ``None`` when there is none.

        Raises:
            MissingReferenceError: Several rows have that key.
        """
        lookup, rows, ambiguous = self._table(name)
        if key in ambiguous:
            msg = f"several rows of {lookup.title or name} have the key {key}"
            raise MissingReferenceError(msg, hint=f"make it unique in {lookup.role} ({lookup.kind})")
        return rows.get(key)

    def get(self, name: str, key: str) -> Entity:
        """
        Return the entity under *key*.

        Raises:
            MissingReferenceError: There is none, or several.
        """
        found = self.find(name, key)
        if found is None:
            lookup = self._table(name)[0]
            msg = f"no {lookup.title or lookup.kind} {key} in {lookup.role}"
            raise MissingReferenceError(msg, hint=f"add it in {lookup.role}; the record is tried again then")
        return found

    def _table(self, name: str) -> tuple[Lookup, Mapping[str, Entity], frozenset[str]]:
        try:
            return self._tables[name]
        except KeyError:
            msg = f"the flow asks the table {name} and does not declare it"
            raise ConfigurationError(msg, hint=f"add it to lookups; declared are {sorted(self._tables)}") from None


class Context:
    """
    Links, look-ups and the company's calendar, for pure projections.

    In tests, build one by hand: ``Context(zone=ZoneInfo("America/Bogota"), today=date(2026, 11, 3))``.
    """

    def __init__(
        self,
        *,
        zone: tzinfo,
        today: date,
        tables: Tables | None = None,
        twins: Callable[[Ref], Ref | None] | None = None,
    ) -> None:
        self.zone = zone
        self.today = today
        self._tables = tables or Tables({})
        self._twins = twins or (lambda _ref: None)
        self._upon: set[str] = set()

    def lookup(self, name: str, key: str) -> Any:
        """
        Return the entity of table *name* under *key*.

        Raises:
            MissingReferenceError: There is none; the record is parked until it appears.
        """
        self._upon.add(f"lookup:{name}:{key}")
        return self._tables.get(name, key)

    def find(self, name: str, key: str) -> Any | None:
        """
        Return the entity of table *name* under *key*, or ``None``.

        Raises:
            MissingReferenceError: Several rows have that key.
        """
        self._upon.add(f"lookup:{name}:{key}")
        return self._tables.find(name, key)

    def link(self, ref: Ref) -> Ref:
        """
        Return what *ref* is on the target side.

        Raises:
            MissingReferenceError: It is not there yet; the record waits for it.
        """
        self._upon.add(f"link:{ref}")
        found = self._twins(ref)
        if found is None:
            msg = f"{ref} is not linked to the target system yet"
            raise MissingLinkError(ref, msg, "run the flow that carries it, or settle it in review")
        return found

    def drain(self) -> set[str]:
        """Return what was asked since the last call; the engine stores it with the record."""
        asked = self._upon
        if asked:
            self._upon = set()
        return asked
