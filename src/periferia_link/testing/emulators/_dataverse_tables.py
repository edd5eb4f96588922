"""The tables of the emulated Dataverse: columns, lookups, states, alternate keys; more are added on demand."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple

__all__ = ["Column", "ColumnType", "Schema", "Table", "camel", "metadata_id"]

ColumnType = Literal[
    "BigInt", "Boolean", "DateOnly", "DateTime", "Decimal", "Double", "EntityName", "File", "Integer", "Lookup", "Memo",
    "Money", "MultiSelectPicklist", "Picklist", "State", "Status", "String", "Uniqueidentifier",
]  # fmt: skip

# A column that an installation adds carries the prefix of its publisher: pl_nit, cr123_nit.
_CUSTOM = re.compile(r"_?[a-z][a-z0-9]{1,7}_\w+")
_MADE_HERE = uuid.UUID("6f0d5f0e-7e0f-4a0b-9d7a-1b1c0f3f2c11")


@lru_cache(maxsize=8192)
def metadata_id(space: str, name: str) -> str:
    """Return the GUID of a piece of metadata: the same in every emulator, made once."""
    return str(uuid.uuid5(uuid.UUID(space), name))


def camel(logical: str) -> str:
    """Return the SchemaName of a logical name: ``account`` is ``Account``, ``pl_thing`` stays ``pl_Thing``."""
    prefix, _, rest = logical.rpartition("_")
    return f"{prefix}_{rest[:1].upper()}{rest[1:]}" if prefix else logical[:1].upper() + logical[1:]


class Column(NamedTuple):
    """
    One column. ``limit`` is characters for text and decimals for numbers; ``options`` are labels by choice value.

    ``targets`` maps the navigation properties of a lookup to tables: one for a plain lookup, several for a
    polymorphic one. A lookup ``primarycontactid`` is read and filtered as ``_primarycontactid_value``.
    """

    name: str
    type: ColumnType
    limit: int | None = None
    options: Mapping[int, str] = {}
    targets: Mapping[str, str] = {}
    is_read_only: bool = False
    schema: str = ""

    @property
    def schema_name(self) -> str:
        """The cased name, in metadata only."""
        return self.schema or camel(self.name)

    @property
    def wire(self) -> str:
        """The property name in JSON and in queries."""
        return f"_{self.name}_value" if self.type == "Lookup" else self.name


@dataclass(slots=True)
class Table:
    """
    One table (entity) and its entity set.

    ``states`` is ``{statecode: (label, {statuscode: label})}``, the first status being the default one; empty for
    tables without states. ``collections`` maps one-to-many navigation properties to (table, lookup column).
    ``members`` are the tables that one without rows of its own shows together; ``refuses`` are messages that the table
    does not take (``Create``: ``direct`` allows it as a nested record).
    """

    logical: str
    entity_set: str
    key: str
    title: str
    columns: dict[str, Column] = field(default_factory=dict)
    states: Mapping[int, tuple[str, Mapping[int, str]]] = field(default_factory=dict)
    collections: dict[str, tuple[str, str]] = field(default_factory=dict)
    alternate_keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    change_tracking: bool = True
    optimistic_concurrency: bool = True
    object_type_code: int = 10_000
    duplicate_rule: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    refuses: Mapping[str, str] = field(default_factory=dict)
    is_elastic: bool = False
    schema: str = ""
    _navigations: dict[str, tuple[Column, str]] | None = field(default=None, init=False, repr=False, compare=False)
    _money: frozenset[str] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def schema_name(self) -> str:
        """The cased name: part of privilege names and navigation properties."""
        return self.schema or camel(self.logical)

    @property
    def is_custom(self) -> bool:
        """Whether the installation added it: its name has the prefix of a publisher."""
        return _CUSTOM.fullmatch(self.logical) is not None and not self.logical.startswith("msfp_")

    @property
    def privilege(self) -> str:
        """What its privileges are called: all activities share theirs, and a few tables have odd ones."""
        if self.key == "activityid":
            return "Activity"
        return {"annotation": "Note", "systemuser": "User"}.get(self.logical, self.schema_name)

    @property
    def metadata_id(self) -> str:
        """A GUID that is the same in every emulator."""
        return metadata_id(str(_MADE_HERE), self.logical)

    def add(self, *columns: Column) -> None:
        """Add or replace columns."""
        for column in columns:
            self.columns[column.name] = column
        self._navigations = self._money = None

    def drop(self, column: Column) -> None:
        """Take a column away."""
        del self.columns[column.name]
        self._navigations = self._money = None

    def readable(self, wire: str) -> Column | None:
        """Return the column behind a property name of a query, if there is one."""
        if wire.startswith("_") and wire.endswith("_value"):
            column = self.columns.get(wire[1:-6])
            return column if column is not None and column.type == "Lookup" else None
        column = self.columns.get(wire)
        return column if column is not None and column.type != "Lookup" else None

    def navigation(self, name: str) -> tuple[Column, str] | None:
        """Return lookup column and target table of a single-valued navigation property (case matters)."""
        if self._navigations is None:
            found: dict[str, tuple[Column, str]] = {}
            for column in self.columns.values():
                for property_name, target in column.targets.items():
                    found.setdefault(property_name, (column, target))
            self._navigations = found
        return self._navigations.get(name)

    @property
    def money(self) -> frozenset[str]:
        """The columns that hold amounts."""
        if self._money is None:
            self._money = frozenset(name for name, column in self.columns.items() if column.type == "Money")
        return self._money

    def ensure(self, wire: str, sample: object) -> None:
        """
        Add a custom column when data brings one that the table does not have yet; its type follows the sample.

        Raises:
            ValueError: The name has no publisher prefix, so no installation can have added it.
        """
        if self.readable(wire) is not None or "@" in wire:
            return
        if not _CUSTOM.fullmatch(wire):
            msg = f"{self.logical} has no column {wire}; add one with Dynamics365Emulator.add_column"
            raise ValueError(msg)
        kind: ColumnType = "String"
        if isinstance(sample, bool):
            kind = "Boolean"
        elif isinstance(sample, int):
            kind = "Integer"
        elif not isinstance(sample, str | None):
            kind = "Decimal"
        self.add(Column(wire, kind, {"String": 4000, "Decimal": 10}.get(kind)))


class Schema:
    """Every table of one environment, by logical name and by entity set."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self._by_name = {table.logical: table for table in tables}

    def __iter__(self) -> Iterator[Table]:
        return iter(self._by_name.values())

    def __getitem__(self, logical: str) -> Table:
        return self._by_name[logical]

    def get(self, logical: str) -> Table | None:
        """Return the table with that logical name."""
        return self._by_name.get(logical)

    def of_set(self, entity_set: str) -> Table | None:
        """Return the table behind an entity set."""
        return next((table for table in self if table.entity_set == entity_set), None)

    def add(self, table: Table) -> None:
        """Add or replace a table."""
        self._by_name[table.logical] = table

    def remove(self, logical: str) -> None:
        """Take a table out."""
        del self._by_name[logical]
