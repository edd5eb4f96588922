"""
Fields of any model as columns of a row, and back, by the type that the field has; pure.

Kinds whose columns mean what they say need nothing else; the others put their own words around it.
"""

from __future__ import annotations

import functools
import json
import types
import typing
from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any, Literal, TypeAlias

from periferia_link.connectors._field_map import FieldMap, KindMap
from periferia_link.connectors.dynamics365.kinds._columns import (
    SERVER_SET,
    amount,
    custom_columns,
    money,
    named_choice,
    own_values,
    plain_columns,
    ref_of,
)
from periferia_link.connectors.dynamics365.kinds._links import LOOKUP_TABLE, TERMS, Terms, bind, pointed_at
from periferia_link.domain import Entity, Money, Ref, TaxId
from periferia_link.errors import RecordInvalidError

__all__ = ["read_fields", "written_fields"]

Sort: TypeAlias = Literal["plain", "day", "link", "money", "tax_id", "list"]

# What a lookup of a field points to where the row does not say it.
_POINTS_TO = {
    "client": "Client", "contact": "Contact", "opportunity": "Opportunity", "owner": "User", "ticket": "Ticket",
    "lead": "Lead",
}  # fmt: skip


@functools.cache
def _sorts(model: type[Entity]) -> dict[str, Sort]:
    """Sort the fields of a model by how they travel."""
    return {name: _sort(info.annotation) for name, info in model.model_fields.items()}


def _sort(annotation: Any) -> Sort:
    is_union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    for each in typing.get_args(annotation) if is_union else (annotation,):
        if each is Ref:
            return "link"
        if each is Money:
            return "money"
        if each is TaxId:
            return "tax_id"
        if isinstance(each, type) and issubclass(each, date) and not issubclass(each, datetime):
            return "day"
        if typing.get_origin(each) in (tuple, list, frozenset):
            return "list"
    return "plain"


def read_fields(
    model: type[Entity], row: Mapping[str, Any], kind: str, fields: FieldMap, system: str, *, terms: Terms = TERMS
) -> dict[str, Any]:
    """
    Return the values of a row for a model; what does not fit is left for the model to refuse.

    Args:
        model: The model; its field types say how columns are read.

        row: Columns by name.

        kind: Name in the field map.

        fields: Columns of the installation.

        system: Instance name.

        terms: Of the environment.

    Raises:
        RecordInvalidError: A list is no JSON.
    """
    columns = fields[kind]
    values = own_values(row, kind, fields, system)
    sorts = _sorts(model)
    for name in columns.columns:
        if name not in values:
            continue
        value, sort = values[name], sorts.get(name, "plain")
        if name in columns.choices:
            values[name] = _word(row, columns, name)
        elif sort == "link":
            values[name] = _link(row, columns.columns[name], name, fields, system=system, terms=terms)
        elif sort == "money":
            values[name] = money(value, terms.currency)
        elif sort == "tax_id" and isinstance(value, str):
            values[name] = TaxId.parse(value)
        elif sort == "day" and isinstance(value, str):
            values[name] = value[:10]
        elif sort == "list" and isinstance(value, str):
            values[name] = _listed(value, columns.columns[name])
    return {name: value for name, value in values.items() if value is not None or name == "version"}


def written_fields(
    entity: Entity, names: Collection[str], kind: str, fields: FieldMap, *, terms: Terms = TERMS
) -> dict[str, Any]:
    """
    Return the body that writes these fields; those without a column of their own do not travel.

    Args:
        entity: What to write.

        names: Its fields to write.

        kind: Name in the field map.

        fields: Columns of the installation.

        terms: Of the environment.

    Raises:
        RecordInvalidError: A link, amount or word that the environment does not have.
    """
    columns = fields[kind]
    sorts = _sorts(type(entity))
    plain = {name for name in names if sorts.get(name) in ("plain", "day") and name not in columns.choices}
    body = dict(plain_columns(entity, plain, columns))
    for name in sorted(set(names) - plain):
        column = columns.columns.get(name)
        if column is None or column in SERVER_SET:
            continue
        value, sort = getattr(entity, name), sorts.get(name)
        if name in columns.choices:
            body[column] = _number(value, columns, name)
        elif sort == "link":
            if value is not None or name != "owner":  # a record always has an owner
                body |= bind(column, value, fields, terms, table=columns.table)
        elif sort == "money":
            body[column] = amount(value, terms.currency)
        elif sort == "tax_id":
            body[column] = value.printed if value else None
        elif sort == "list":
            body[column] = _text(value)
    if "custom" in names:
        body |= custom_columns(entity, columns)
    return body


def _link(row: Mapping[str, Any], column: str, name: str, fields: FieldMap, *, system: str, terms: Terms) -> Any:
    if name in _POINTS_TO and column + LOOKUP_TABLE not in row:
        return ref_of(row[column], _POINTS_TO[name], system)
    return pointed_at(row, column, fields, system, terms)


def _word(row: Mapping[str, Any], columns: KindMap, name: str) -> str | None:
    code = row[columns.columns[name]]
    word = named_choice(code, columns.choices[name])
    # a number that nobody named: the installation's own, and no reason to lose the record
    return word if word is not None or name in ("type", "priority") else f"option {code}"


def _number(value: Any, columns: KindMap, name: str) -> int | None:
    if value is None:
        return None
    words = columns.choices[name]
    number = words.get(value)
    if number is None and isinstance(value, str) and value.startswith("option ") and value[7:].isdigit():
        number = int(value[7:])
    if number is None:
        msg = f"{columns.columns[name]}: no option stands for this {name}"
        hint = f"give it a number under fields.….choices.{name}; named are {', '.join(words)}"
        raise RecordInvalidError(msg, hint=hint)
    return number


def _listed(text: str, column: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        msg = f"{column}: it should hold a list as JSON"
    raise RecordInvalidError(msg, hint="correct it in the CRM")


def _text(value: Collection[Any]) -> str | None:
    items = [item.model_dump(mode="json") if hasattr(item, "model_dump") else item for item in value]
    return json.dumps(items, ensure_ascii=False) if items else None
