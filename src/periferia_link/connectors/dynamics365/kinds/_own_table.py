"""Tables that only one installation has: any kind of the domain, or a kind of one's own; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.dynamics365.kinds._fields import read_fields, written_fields
from periferia_link.connectors.dynamics365.kinds._links import TERMS, Terms
from periferia_link.domain import KINDS, Entity
from periferia_link.errors import ConfigurationError

__all__ = ["model_of", "own_table_from_wire", "own_table_to_wire"]


def model_of(kind: str) -> type[Entity]:
    """
    Return the model of a kind; a name that the domain does not have becomes a kind whose columns travel in ``custom``.

    Raises:
        ConfigurationError: The name is no name of a kind.
    """
    model = KINDS.get(kind)
    if model is None:
        if not kind.isidentifier() or not kind[:1].isupper():
            msg = f"{kind} is no name of a kind"
            raise ConfigurationError(msg, hint="name it like a class: Asset, ServiceContract")
        model = type(kind, (Entity,), {"__doc__": f"Rows of the table of {kind}.", "__module__": __name__})
        KINDS[kind] = model
    return model


def own_table_from_wire(
    row: Mapping[str, Any], fields: FieldMap, system: str, *, terms: Terms = TERMS, kind: str
) -> Entity:
    """
    Make an entity of a row of a custom table.

    Args:
        row: Columns by name.

        fields: Columns of the installation.

        system: Instance name.

        terms: Of the environment.

        kind: The kind.

    Raises:
        ValidationError: The row does not fit the model.
    """
    model = model_of(kind)
    return model.model_validate(read_fields(model, row, kind, fields, system, terms=terms))


def own_table_to_wire(
    entity: Entity, fields: Collection[str], field_map: FieldMap, *, terms: Terms = TERMS, kind: str
) -> dict[str, Any]:
    """
    Return the body that writes these fields of an entity of a custom table.

    Args:
        entity: What to write.

        fields: Which fields.

        field_map: Columns of the installation.

        terms: Of the environment.

        kind: The kind.

    Raises:
        RecordInvalidError: A link, amount or word that the environment does not have.
    """
    return written_fields(entity, fields, kind, field_map, terms=terms)
