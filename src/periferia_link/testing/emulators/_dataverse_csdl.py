"""``$metadata`` of the emulated Dataverse: the schema as CSDL, for clients that generate code from it."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from periferia_link.testing.emulators._dataverse_tables import Column, Schema, Table

__all__ = ["csdl"]

_TYPES = {
    "BigInt": "Edm.Int64", "Boolean": "Edm.Boolean", "DateOnly": "Edm.Date", "DateTime": "Edm.DateTimeOffset",
    "Decimal": "Edm.Decimal", "Double": "Edm.Double", "Integer": "Edm.Int32", "Money": "Edm.Decimal",
    "Picklist": "Edm.Int32", "State": "Edm.Int32", "Status": "Edm.Int32", "Uniqueidentifier": "Edm.Guid",
    "Lookup": "Edm.Guid",
}  # fmt: skip


def csdl(schema: Schema) -> bytes:
    """Return the CSDL document of a schema."""
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>',
        '<Schema Namespace="Microsoft.Dynamics.CRM" Alias="mscrm" xmlns="http://docs.oasis-open.org/odata/ns/edm">',
        '<EntityType Name="crmbaseentity" Abstract="true" />',
    ]
    for table in schema:
        lines += _entity_type(schema, table)
    lines.append('<EntityContainer Name="System">')
    lines += [f'<EntitySet Name="{t.entity_set}" EntityType="Microsoft.Dynamics.CRM.{t.logical}" />' for t in schema]
    lines.append("</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>")
    return "\n".join(lines).encode()


def _entity_type(schema: Schema, table: Table) -> list[str]:
    lines = [
        f'<EntityType Name="{table.logical}" BaseType="mscrm.crmbaseentity">',
        f'<Key><PropertyRef Name="{table.key}" /></Key>',
    ]
    for column in table.columns.values():
        kind = _TYPES.get(column.type, "Edm.String")
        lines.append(f'<Property Name={quoteattr(column.wire)} Type="{kind}" />')
        lines += _navigation(schema, column)
    lines += [
        f'<NavigationProperty Name="{name}" Type="Collection(mscrm.{child})" />'
        for name, (child, _) in table.collections.items()
        if schema.get(child)
    ]
    return [*lines, "</EntityType>"]


def _navigation(schema: Schema, column: Column) -> list[str]:
    lines = []
    for name, target in column.targets.items():
        kind = target if schema.get(target) else "crmbaseentity"
        lines.append(
            f'<NavigationProperty Name={quoteattr(name)} Type="mscrm.{kind}">'
            f'<ReferentialConstraint Property={quoteattr(column.wire)} ReferencedProperty="{kind}id" />'
            "</NavigationProperty>"
        )
    return lines
