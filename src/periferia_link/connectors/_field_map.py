"""Which wire column holds which domain field: defaults in code, changed per installation in periferia.toml."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from periferia_link.domain import KINDS, Entity
from periferia_link.errors import ConfigurationError

__all__ = ["FieldMap", "KindMap"]

# Names end up in URLs ($select, $filter): blanks, quotes and URL signs are typing errors everywhere.
_NAME = re.compile(r"[^\s'\"&?#%+,;()=]{1,200}")

# Filled by the connector itself, never by a column of its own.
_OWN = frozenset(Entity.model_fields)


@dataclass(frozen=True, slots=True)
class KindMap:
    """
    Where one kind lives in one system.

    ``table`` is the entity set or resource, ``key`` the wire column with the system's own id, ``columns`` maps domain
    fields to wire columns, ``extra`` are wire columns without a domain field: they travel in ``entity.custom``.
    A domain field that ``columns`` does not name is neither read nor written.
    """

    table: str
    key: str
    columns: Mapping[str, str] = field(default_factory=dict)
    extra: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))
        object.__setattr__(self, "extra", tuple(dict.fromkeys(self.extra)))

    @property
    def select(self) -> tuple[str, ...]:
        """Every wire column to ask for: the key, the mapped ones, the extra ones; each once, in that order."""
        return tuple(dict.fromkeys((self.key, *self.columns.values(), *self.extra)))

    def column(self, name: str) -> str:
        """
        Return the wire column of the domain field *name*.

        Raises:
            ConfigurationError: The field has no column in this installation.
        """
        try:
            return self.columns[name]
        except KeyError:
            msg = f"{self.table} has no column for the field {name}"
            hint = f'add it in periferia.toml: columns = {{ {name} = "…" }}; mapped are {_listed(self.columns)}'
            raise ConfigurationError(msg, hint=hint) from None

    def custom(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the extra columns that *row* holds: the ``custom`` of its entity."""
        return {column: row[column] for column in self.extra if column in row}


@dataclass(frozen=True, slots=True)
class FieldMap(Mapping[str, KindMap]):
    """
    The columns of one installation, by kind name: ``fields["Client"].column("tax_id")``.

    Every connector brings one that fits a fresh installation. Yours has columns of its own, so change what differs
    and keep the rest, in periferia.toml::

        [systems.crm.fields.Client]
        columns = { tax_id = "cr123_nit", phone = "" }   # the NIT is in our column; the phone does not travel
        extra = ["cr123_segment"]                        # read into client.custom["cr123_segment"]

    or in Python: ``connector_map.merged({"Client": {"columns": {"tax_id": "cr123_nit"}}})``.
    A map never changes; :meth:`merged` returns another one.
    """

    kinds: Mapping[str, KindMap] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kinds", MappingProxyType(dict(self.kinds)))

    def __getitem__(self, kind: str) -> KindMap:
        return self.kinds[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self.kinds)

    def __len__(self) -> int:
        return len(self.kinds)

    def merged(self, overrides: Mapping[str, Any]) -> FieldMap:
        """
        Return this map with the changes of an installation.

        Args:
            overrides: By kind, any of ``table``, ``key``, ``columns`` (domain field to wire column; an empty column
                takes the field out of the exchange) and ``extra`` (wire columns to add).

        Raises:
            ConfigurationError: An unknown kind, domain field or entry, or a name that cannot be a column.
        """
        kinds = dict(self.kinds)
        for kind, changes in overrides.items():
            _known(kind, self.kinds, what="kind", where="fields")
            kinds[kind] = _changed(kind, self.kinds[kind], changes)
        return FieldMap(kinds)

    def fingerprint(self, kind: str | None = None) -> str:
        """
        Return a hash (SHA-256, hex) that is equal exactly when the mapping is: of one kind, or of all.

        The engine keeps it; when it differs, rows that look unchanged are compared again.

        Raises:
            ConfigurationError: The map has no such kind.
        """
        if kind is not None:
            _known(kind, self.kinds, what="kind", where="fields")
        chosen = self.kinds if kind is None else {kind: self.kinds[kind]}
        content = {name: [m.table, m.key, dict(m.columns), sorted(m.extra)] for name, m in chosen.items()}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _changed(kind: str, before: KindMap, changes: object) -> KindMap:
    """Apply one table of overrides to the map of one kind."""
    where = f"fields.{kind}"
    entries = _table(changes, where)
    for entry in entries:
        _known(entry, ("table", "key", "columns", "extra"), what="entry", where=where)
    columns = dict(before.columns)
    for name, column in _table(entries.get("columns", {}), f"{where}.columns").items():
        _known(name, _fields_of(kind, before), what="field", where=f"{where}.columns")
        if column == "":
            columns.pop(name, None)
        else:
            columns[name] = _name(column, f"{where}.columns.{name}")
    extra = entries.get("extra", [])
    if isinstance(extra, str) or not isinstance(extra, Sequence):
        msg = f"{where}.extra is not a list of columns"
        raise ConfigurationError(msg, hint='write it as extra = ["cr123_segment"]')
    return replace(
        before,
        table=_name(entries.get("table", before.table), f"{where}.table"),
        key=_name(entries.get("key", before.key), f"{where}.key"),
        columns=columns,
        extra=(*before.extra, *(_name(column, f"{where}.extra") for column in extra)),
    )


def _fields_of(kind: str, before: KindMap) -> set[str]:
    """Return the domain fields that may have a column: those of the model and those the connector maps anyway."""
    model = KINDS.get(kind)
    return set(before.columns) | (set(model.model_fields) - _OWN if model else set())


def _table(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        msg = f"{where} is not a table"
        raise ConfigurationError(msg, hint=f"write it as [{where}] with one entry a line")
    return value


def _name(value: object, where: str) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        msg = f"{where} is not the name of a column or table"
        raise ConfigurationError(msg, hint="give the logical name, without blanks or quotes inside")
    return value


def _known(name: str, known: Mapping[str, Any] | Sequence[str] | set[str], *, what: str, where: str) -> None:
    """Refuse a name that is not among *known*, naming the nearest one and all of them."""
    if name in known:
        return
    near = get_close_matches(str(name), list(known), n=1)
    guess = f"did you mean {near[0]}? " if near else ""
    msg = f"{where}: unknown {what} {name}"
    raise ConfigurationError(msg, hint=f"{guess}known are {_listed(known)}")


def _listed(names: Mapping[str, Any] | Sequence[str] | set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
