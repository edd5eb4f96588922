"""Rows and bodies of the Web API, column by column; pure, shared by the kinds."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from periferia_link.connectors._field_map import FieldMap, KindMap
from periferia_link.domain import Ref
from periferia_link.errors import RecordInvalidError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from periferia_link.domain import Entity, Money

__all__ = [
    "ETAG",
    "SERVER_SET",
    "amount",
    "custom_columns",
    "guid",
    "guids",
    "money",
    "named",
    "named_choice",
    "own_values",
    "plain_columns",
    "plain_writer",
    "reasons",
    "ref_of",
    "state_of",
]

ETAG: Final = "@odata.etag"

SERVER_SET: Final = frozenset({
    "createdon", "modifiedon", "versionnumber", "statecode", "statuscode", "fullname", "_createdby_value",
    "_modifiedby_value", "overriddencreatedon", "activitytypecode",
})  # fmt: skip
"""Columns that the server fills, or that a kind writes in a way of its own: never copied from a field."""

_CANONICAL: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}").fullmatch


def guid(text: object) -> str | None:
    """Return a GUID in the spelling of Dataverse, or ``None`` when *text* is none."""
    if not isinstance(text, str):
        return None
    if _CANONICAL(text):
        return text
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def guids(texts: Sequence[object]) -> list[str | None]:
    """Return :func:`guid` of each."""
    try:
        if all(map(_CANONICAL, texts)):  # type: ignore[arg-type]  # what is no text raises
            return list(texts)  # type: ignore[arg-type]  # texts, then
    except TypeError:
        pass
    return [guid(text) for text in texts]


def own_values(row: Mapping[str, Any], kind: str, fields: FieldMap, system: str) -> dict[str, Any]:
    """Return the mapped columns that hold something, and what every entity has: ref, version, custom columns."""
    columns = fields[kind]
    found = row.get
    values = {
        name: value for name, column in columns.columns.items() if (value := found(column)) is not None and value != ""
    }
    values["ref"] = named(system, kind.partition(".")[0], found(columns.key))
    values["version"] = found(ETAG)
    if columns.extra:
        values["custom"] = columns.custom(row)
    return values


def named(system: str, kind: str, key: object) -> Ref | tuple[str, str, object]:
    """Return the reference of a row; a key that is no text is left for the model to refuse."""
    # made here, it costs the model nothing: a quarter of the time that a record without money takes
    return Ref(system, kind, key) if type(key) is str else (system, kind, key)


def ref_of(value: Any, kind: str, system: str) -> Any:
    """Return a lookup as a reference; what is no GUID stays as it is, for the model to refuse."""
    return Ref(system, kind, value) if guid(value) else value


def plain_columns(entity: Entity, names: Collection[str], columns: KindMap) -> Iterator[tuple[str, Any]]:
    """List columns whose JSON value is the field's own; fields without a column of their own do not travel."""
    for name, column in _own_columns(names, columns):
        yield column, _json(getattr(entity, name))


def plain_writer(names: Collection[str], columns: KindMap) -> Callable[[Entity], dict[str, Any]]:
    """Return what makes a body of :func:`plain_columns`, for many records."""
    pairs = tuple(_own_columns(names, columns))

    def write(entity: Entity) -> dict[str, Any]:
        return {
            column: value if type(value := getattr(entity, name)) is str else _json(value) for name, column in pairs
        }

    return write


def _own_columns(names: Collection[str], columns: KindMap) -> Iterator[tuple[str, str]]:
    mapped = columns.columns
    for name in sorted(names):
        column = mapped.get(name)
        if column is not None and column not in SERVER_SET:
            yield name, column


def custom_columns(entity: Entity, columns: KindMap) -> dict[str, Any]:
    """Return the extra columns of an entity as a body; lookups among them are read only."""
    return {name: _json(value) for name, value in entity.custom.items() if name in columns.extra and name[:1] != "_"}


def money(value: Any, currency: str) -> dict[str, Any]:
    """Return an amount of a row for the model."""
    return {"amount": value, "currency": currency}


def amount(value: Money | None, currency: str) -> Any:
    """
    Return money as a number of the environment.

    Raises:
        RecordInvalidError: It is in another currency.
    """
    if value is None:
        return None
    if value.currency != currency:
        msg = f"the value is in {value.currency}, the environment keeps {currency}"
        raise RecordInvalidError(msg, hint="convert it first, or set currency for the environment it belongs to")
    return value.amount


def state_of(code: Any, names: Mapping[int, str], *, what: str) -> str:
    """
    Return the word of a state.

    Args:
        code: What the row holds.

        names: Word by code.

        what: What has the state, with its article, for the message.

    Raises:
        RecordInvalidError: The code is none of them.
    """
    name = None if isinstance(code, bool) or not isinstance(code, int) else names.get(code)
    if name is None:
        msg = f"statecode: not a state of {what}"
        expected = [f"{number} ({word})" for number, word in names.items()]
        raise RecordInvalidError(msg, hint=f"expected are {', '.join(expected[:-1])} and {expected[-1]}")
    return name


def named_choice(code: Any, words: Mapping[str, int]) -> str | None:
    """Return the first word that stands for an option value, or ``None`` where no word does."""
    if isinstance(code, bool) or not isinstance(code, int):
        return None
    return next((word for word, number in words.items() if number == code), None)


def reasons(error: ValidationError, columns: KindMap) -> str:
    """Say which columns do not fit and why, without a value: it may be personal."""
    wrong = []
    for fault in error.errors(include_input=False, include_context=False, include_url=False):
        name = str(fault["loc"][0]) if fault["loc"] else "the record"
        # validators of ours may quote the value, those of pydantic do not
        why = "not valid" if fault["type"] == "value_error" else fault["msg"]
        wrong.append(f"{columns.columns.get(name, columns.key if name == 'ref' else name)}: {why}")
    return "; ".join(dict.fromkeys(wrong))


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return value
