"""Relationships of the emulated Dataverse as metadata shows them: which lookup leads where, by which property."""

from __future__ import annotations

from collections.abc import Iterator

from periferia_link.testing.emulators._dataverse_tables import Column, Schema, Table, metadata_id
from periferia_link.testing.emulators._emulator import Record

__all__ = ["many_to_one", "one_to_many", "targets_of"]

_MADE_HERE = "0f6a6b7e-0d2e-4b55-8f63-6f2f8f0c7a1e"
_OWNERS = ("systemuser", "team")


def targets_of(column: Column) -> list[str]:
    """Return the tables that a lookup takes."""
    found = set(column.targets.values())
    return sorted((found - {"principal"}) | (set(_OWNERS) if "principal" in found else set()))


def many_to_one(schema: Schema, table: Table) -> list[Record]:
    """Return the relationships in which *table* points to others."""
    return [
        _relationship(schema, table, column, navigation, target)
        for column in table.columns.values()
        for navigation, target in column.targets.items()
    ]


def one_to_many(schema: Schema, table: Table) -> list[Record]:
    """Return the relationships in which others point to *table*."""
    return [
        each for other in schema for each in many_to_one(schema, other) if each["ReferencedEntity"] == table.logical
    ]


def _relationship(schema: Schema, table: Table, column: Column, navigation: str, target: str) -> Record:
    referenced = "owner" if target == "principal" else target
    known = schema.get(target)
    collection = next(iter(_collections(known, table, column)), f"{navigation}_{table.logical}")
    return {
        "@odata.type": "#Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
        "MetadataId": metadata_id(_MADE_HERE, f"{table.logical} {column.name} {target}"),
        "SchemaName": collection,
        "RelationshipType": "OneToManyRelationship",
        "IsCustomRelationship": "_" in column.name,
        "ReferencingEntity": table.logical,
        "ReferencingAttribute": column.name,
        "ReferencingEntityNavigationPropertyName": navigation,
        "ReferencedEntity": referenced,
        "ReferencedAttribute": known.key if known else f"{referenced}id",
        "ReferencedEntityNavigationPropertyName": collection,
    }


def _collections(target: Table | None, table: Table, column: Column) -> Iterator[str]:
    for name, (child, lookup) in target.collections.items() if target else ():
        if (child, lookup) == (table.logical, column.name):
            yield name
