"""What a projection may ask: links and look-up tables; every answer is remembered as a dependency."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, tzinfo
from typing import Any

from periferia_link.domain import Entity, Ref
from periferia_link.engine.flow import Lookup
from periferia_link.errors import ConfigurationError, MissingReferenceError
from periferia_link.ledger import PART

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

    def each(self, name: str, key: str) -> tuple[Any, ...]:
        """
        Return every entity under *key* of a table that holds several, by id; empty when there is none.

        Raises:
            ConfigurationError: The table holds one entity a key.
        """
        lookup, rows, _ = self._table(name)
        if not lookup.several:
            msg = f"the table {name} holds one {lookup.title or lookup.kind} a key"
            raise ConfigurationError(msg, hint="declare it with several=True, or ask with find()")
        return tuple(rows.get(key, ()))

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
        elsewhere: Callable[[Ref, str, str], Ref | None] | None = None,
    ) -> None:
        self.zone = zone
        self.today = today
        self._tables = tables or Tables({})
        self._twins = twins or (lambda _ref: None)
        self._elsewhere = elsewhere or (lambda _ref, _role, _kind: None)
        self.upon: set[str] = set()  # what was asked since the last drain
        self.related: list[tuple[str, Ref]] = []  # and what was related: (name, ref)

    def lookup(self, name: str, key: str) -> Any:
        """
        Return the entity of table *name* under *key*.

        Raises:
            MissingReferenceError: There is none; the record is parked until it appears.
        """
        self.upon.add(f"lookup:{name}:{key}")
        return self._tables.get(name, key)

    def find(self, name: str, key: str) -> Any | None:
        """
        Return the entity of table *name* under *key*, or ``None``.

        Raises:
            MissingReferenceError: Several rows have that key.
        """
        self.upon.add(f"lookup:{name}:{key}")
        return self._tables.find(name, key)

    def each(self, name: str, key: str) -> tuple[Any, ...]:
        """
        Return every entity of table *name* under *key*; the table is declared with ``several=True``.

        Raises:
            ConfigurationError: The table holds one entity a key.
        """
        self.upon.add(f"lookup:{name}:{key}")
        return self._tables.each(name, key)

    def link(self, ref: Ref, *, once: bool = False) -> Ref:
        """
        Return what *ref* is on the target side.

        Args:
            ref: A record of the source side.

            once: The answer holds for good: the record is not looked at again when something else is linked to *ref*
                (its own notes, for example).

        Raises:
            MissingReferenceError: It is not there yet; the record waits for it.
        """
        found = self._twins(ref)
        if found is None or not once:
            self.upon.add(f"link:{ref}")
        if found is None:
            msg = f"{ref} is not linked to the target system yet"
            raise MissingLinkError(ref, msg, "run the flow that carries it, or settle it in review")
        return found

    def linked(self, ref: Ref, role: str, kind: str) -> Ref | None:
        """
        Return what *ref* is, or was made into, as a *kind* of the system in *role*; ``None`` when nothing, or several.

        Unlike :meth:`link` it asks for any system, not the target of the flow, and nothing waits: the record is looked
        at again when something is linked to *ref*.
        """
        self.upon.add(f"link:{ref._replace(id=ref.id.partition(PART)[0])}")
        return self._elsewhere(ref, role, kind)

    def with_tables(self, tables: Tables) -> Context:
        """Return the same context over these tables."""
        return Context(zone=self.zone, today=self.today, tables=tables, twins=self._twins, elsewhere=self._elsewhere)

    def relate(self, name: str, ref: Ref) -> None:
        """
        Note that the record belongs to *ref* although no field of it says so (a ticket to the project of its code).

        The trace walks along it, as it does along the reference fields of an entity.
        """
        self.related.append((name, ref))

    def drain(self) -> set[str]:
        """Return what was asked since the last call; the engine stores it with the record."""
        if self.related:
            self.related = []
        asked = self.upon
        if asked:
            self.upon = set()
        return asked
