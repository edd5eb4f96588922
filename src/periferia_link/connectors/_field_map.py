"""Which wire column holds which domain field: defaults in code, changed per installation in periferia.toml."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from periferia_link.domain import KINDS
from periferia_link.errors import ConfigurationError

__all__ = ["FieldMap", "KindMap"]

# Names end up in URLs ($select, $filter): blanks, quotes and URL signs are typing errors everywhere.
_NAME = re.compile(r"[^\s'\"&?#%+,;()=]{1,200}")

# Filled by the connector itself, never by a column of its own.
_OWN = frozenset({"ref", "version", "custom"})


@dataclass(frozen=True, slots=True)
class KindMap:
    """
    Where one kind lives in one system.

    ``table`` is the entity set or resource, ``key`` the wire column with the system's own id, ``columns`` maps domain
    fields to wire columns, ``extra`` are wire columns without a domain field: they travel in ``entity.custom``.
    A domain field that ``columns`` does not name is neither read nor written. ``choices`` give the numbers of option
    lists by domain field and word (``{"priority": {"high": 1}}``); the first word of a number is the one that is read.
    """

    table: str
    key: str
    columns: Mapping[str, str] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    choices: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))
        object.__setattr__(self, "extra", tuple(dict.fromkeys(self.extra)))
        choices = {name: MappingProxyType(dict(words)) for name, words in self.choices.items()}
        object.__setattr__(self, "choices", MappingProxyType(choices))

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

    def merged(self, overrides: Mapping[str, Any], *, own_kinds: bool = False) -> FieldMap:
        """
        Return this map with the changes of an installation.

        Args:
            overrides: By kind, any of ``table``, ``key``, ``columns`` (domain field to wire column; an empty column
                takes the field out of the exchange), ``extra`` (wire columns to add) and ``choices`` (domain field to
                the numbers of its words).

            own_kinds: The system takes kinds that this map does not have: tables of the installation, told with
                ``table`` and ``key``.

        Raises:
            ConfigurationError: An unknown kind, domain field or entry, or a name that cannot be a column.
        """
        kinds = dict(self.kinds)
        for kind, changes in overrides.items():
            before = self.kinds.get(kind)
            if before is None and own_kinds and isinstance(changes, Mapping) and {"table", "key"} <= set(changes):
                before = KindMap("", "")
            if before is None:
                _known(kind, self.kinds, what="kind", where="fields")
            kinds[kind] = _changed(kind, before or self.kinds[kind], changes)
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
        content = {name: _content(each) for name, each in chosen.items()}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _content(columns: KindMap) -> list[Any]:
    told: list[Any] = [columns.table, columns.key, dict(columns.columns), sorted(columns.extra)]
    return [*told, {name: dict(words) for name, words in columns.choices.items()}] if columns.choices else told


def _changed(kind: str, before: KindMap, changes: object) -> KindMap:
    """Apply one table of overrides to the map of one kind."""
    where = f"fields.{kind}"
    entries = _table(changes, where)
    for entry in entries:
        _known(entry, ("table", "key", "columns", "extra", "choices"), what="entry", where=where)
    columns = dict(before.columns)
    for name, column in _table(entries.get("columns", {}), f"{where}.columns").items():
        if name not in before.columns:  # the model of the kind is loaded for the others only
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
        choices={**before.choices, **_choices(kind, before, entries.get("choices", {}), f"{where}.choices")},
    )


def _choices(kind: str, before: KindMap, told: object, where: str) -> dict[str, dict[str, int]]:
    """Read the option numbers of an installation: by domain field and word."""
    found: dict[str, dict[str, int]] = {}
    for name, words in _table(told, where).items():
        _known(name, _fields_of(kind, before), what="field", where=where)
        numbers = _table(words, f"{where}.{name}")
        if not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers.values()):
            msg = f"{where}.{name} has a word without a number"
            raise ConfigurationError(msg, hint="write it as { high = 1, normal = 2 }")
        found[name] = {str(word): number for word, number in numbers.items()}
    return found


def _fields_of(kind: str, before: KindMap) -> set[str]:
    """Return the domain fields that may have a column: those of the model and those the connector maps anyway."""
    model = KINDS.get(kind.partition(".")[0])
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
    from difflib import get_close_matches  # noqa: PLC0415 - loaded when it is needed

    near = get_close_matches(str(name), list(known), n=1)
    guess = f"did you mean {near[0]}? " if near else ""
    msg = f"{where}: unknown {what} {name}"
    raise ConfigurationError(msg, hint=f"{guess}known are {_listed(known)}")


def _listed(names: Mapping[str, Any] | Sequence[str] | set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
