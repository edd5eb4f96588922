"""Customising the emulated Dataverse over the API: tables, columns, alternate keys, relationships."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from periferia_link.testing.emulators._dataverse_calls import Call, answer
from periferia_link.testing.emulators._dataverse_columns import ACTIVE, build, owned
from periferia_link.testing.emulators._dataverse_refusals import DataverseRefused, bad_payload
from periferia_link.testing.emulators._dataverse_rows import Rows
from periferia_link.testing.emulators._dataverse_tables import Column, ColumnType, Table, metadata_id
from periferia_link.typing import Response

__all__ = ["Customizing"]

_COLUMNS = "6ba7b812-9dad-11d1-80b4-00c04fd430c8"  # the space of ids of columns

_TYPES: Final[dict[str, ColumnType]] = {
    "String": "String", "Memo": "Memo", "Integer": "Integer", "BigInt": "BigInt", "Decimal": "Decimal",
    "Double": "Double", "Money": "Money", "Boolean": "Boolean", "DateTime": "DateTime", "Picklist": "Picklist",
    "MultiSelectPicklist": "MultiSelectPicklist", "File": "File", "Lookup": "Lookup",
}  # fmt: skip
_LIMITS: Final = {"String": 100, "Memo": 2000, "Decimal": 2, "Double": 5, "Money": 2, "File": 32_768}


class Customizing:
    """
    Changes of the schema of one environment; they take effect at once, indexes of keys included.

    Source: ``webapi/create-update-entity-definitions-using-web-api.md``, ``define-alternate-keys-entity.md``.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def create_tables(self, call: Call) -> Response:
        """
        Answer ``POST CreateEntities``.

        Raises:
            DataverseRefused: 400, a definition that cannot be read or a table that is there.
        """
        bodies = _mapping(call).get("Entities")
        if not isinstance(bodies, list):
            subject = "CreateEntities"
            raise bad_payload(subject, "Microsoft.OData.ODataException: Entities are required.")
        tables = [self._define(body) for body in bodies]
        return answer(call, 200, {"EntityIds": [table.metadata_id for table in tables]})

    def create_table(self, call: Call) -> Response:
        """Answer ``POST EntityDefinitions``; Raises as :meth:`create_tables`."""
        table = self._define(_mapping(call))
        return _created(call, f"EntityDefinitions({table.metadata_id})")

    def delete_table(self, call: Call, table: Table) -> Response:
        """
        Answer ``DELETE EntityDefinitions(…)``: the table goes with its rows.

        Raises:
            DataverseRefused: 403, a standard table.
        """
        if not table.is_custom:
            raise DataverseRefused(403, "0x80047007", f"The entity '{table.logical}' cannot be deleted.")
        self.rows.of(table).clear()
        self.rows.schema.remove(table.logical)
        return answer(call, 204)

    def create_column(self, call: Call, table: Table) -> Response:
        """Answer ``POST EntityDefinitions(…)/Attributes``; Raises as :meth:`create_tables`."""
        column = _column(_mapping(call))
        if column.name in table.columns:
            msg = f"An attribute with the specified name {column.name} already exists"
            raise _taken(msg)
        table.add(column)
        made = metadata_id(_COLUMNS, column.name)
        return _created(call, f"EntityDefinitions({table.metadata_id})/Attributes({made})")

    def delete_column(self, call: Call, table: Table, column: Column) -> Response:
        """
        Answer ``DELETE EntityDefinitions(…)/Attributes(…)``.

        Raises:
            DataverseRefused: 403, a standard column.
        """
        if "_" not in column.name:
            raise DataverseRefused(403, "0x80047007", f"The attribute '{column.name}' cannot be deleted.")
        table.drop(column)
        rows = self.rows.of(table)
        for key, row in list(rows.items()):
            rows[key] = {name: value for name, value in row.items() if name.partition("@")[0] != column.wire}
        return answer(call, 204)

    def create_key(self, call: Call, table: Table) -> Response:
        """
        Answer ``POST EntityDefinitions(…)/Keys``.

        Raises:
            DataverseRefused: 400, no columns, or one that the table does not have.
        """
        body = _mapping(call)
        names, schema = body.get("KeyAttributes"), body.get("SchemaName")
        if not isinstance(names, list) or not names or not isinstance(schema, str):
            subject = "Keys"
            raise bad_payload(subject, "Microsoft.OData.ODataException: SchemaName and KeyAttributes are required.")
        if any(name not in table.columns for name in names):
            raise DataverseRefused(400, "0x80040203", f"Attribute {names} cannot be used in a key.")
        table.alternate_keys[schema] = tuple(table.columns[name].wire for name in names)
        made = metadata_id(table.metadata_id, schema)
        return _created(call, f"EntityDefinitions({table.metadata_id})/Keys({made})")

    def delete_key(self, call: Call, table: Table, made: str) -> Response:
        """
        Answer ``DELETE EntityDefinitions(…)/Keys(…)``.

        Raises:
            DataverseRefused: 404, no such key.
        """
        for schema in table.alternate_keys:
            if made in (metadata_id(table.metadata_id, schema), f"LogicalName='{schema.lower()}'"):
                del table.alternate_keys[schema]
                return answer(call, 204)
        raise DataverseRefused(404, "0x80060888", f"Could not find a key with the id {made}.")

    def create_relationship(self, call: Call) -> Response:
        """
        Answer ``POST RelationshipDefinitions`` of the kind one to many: the lookup column comes with it.

        Raises:
            DataverseRefused: 400, it cannot be read; 501, another kind.
        """
        body = _mapping(call)
        if not str(body.get("@odata.type", "")).endswith("OneToManyRelationshipMetadata"):
            raise DataverseRefused(501, "0x80040800", "Only one-to-many relationships can be created here.")
        child = self.rows.schema.get(str(body.get("ReferencingEntity")))
        parent = self.rows.schema.get(str(body.get("ReferencedEntity")))
        lookup, schema = body.get("Lookup"), body.get("SchemaName")
        if child is None or parent is None or not isinstance(lookup, Mapping) or not isinstance(schema, str):
            subject = "RelationshipDefinitions"
            raise bad_payload(subject, "Microsoft.OData.ODataException: Two tables are required.")
        navigation = str(lookup["SchemaName"])
        child.add(Column(navigation.lower(), "Lookup", targets={navigation: parent.logical}, schema=navigation))
        parent.collections[schema] = (child.logical, navigation.lower())
        made = metadata_id(child.metadata_id, schema)
        return _created(call, f"RelationshipDefinitions({made})")

    def _define(self, body: Any) -> Table:
        if not isinstance(body, Mapping) or not isinstance(body.get("SchemaName"), str):
            subject = "EntityDefinitions"
            raise bad_payload(subject, "Microsoft.OData.ODataException: SchemaName is required.")
        schema = body["SchemaName"]
        logical = schema.lower()
        if self.rows.schema.get(logical):
            msg = f"An entity with the specified name {logical} already exists. Specify a unique name."
            raise _taken(msg)
        columns = [_column(each) for each in body.get("Attributes", ())]
        titles = [each["SchemaName"].lower() for each in body.get("Attributes", ()) if each.get("IsPrimaryName")]
        if not titles:
            subject = "EntityDefinitions"
            raise bad_payload(subject, "Microsoft.OData.ODataException: A primary name is required.")
        table = Table(logical, str(body.get("EntitySetName") or f"{logical}s"), f"{logical}id", titles[0])
        table.schema = schema
        table.is_elastic = body.get("TableType") == "Elastic"
        table.states = {} if table.is_elastic else ACTIVE
        table.change_tracking = bool(body.get("ChangeTrackingEnabled", False))
        build(table, *owned(), *columns)
        if table.is_elastic:
            table.add(Column("partitionid", "String", 1000), Column("ttlinseconds", "Integer"))
        self.rows.schema.add(table)
        return table


def _column(body: Any) -> Column:
    kind = str(body.get("@odata.type", "")).rpartition(".")[2] if isinstance(body, Mapping) else ""
    name = kind.removeprefix("Complex").removesuffix("AttributeMetadata")
    if name not in _TYPES or not isinstance(body.get("SchemaName"), str):
        subject = "Attributes"
        raise bad_payload(subject, f"Microsoft.OData.ODataException: '{kind}' is no attribute type.")
    limit = body.get("MaxLength", body.get("Precision", body.get("MaxSizeInKB", _LIMITS.get(name))))
    options = body.get("OptionSet") or {}
    labels = {
        option["Value"]: _label(option.get("Label")) for option in options.get("Options", ()) if "Value" in option
    }
    # a day can come with a time: only the answer of the server leaves it out
    return Column(body["SchemaName"].lower(), _TYPES[name], limit, options=labels, schema=body["SchemaName"])


def _label(body: Any) -> str:
    texts = body.get("LocalizedLabels") if isinstance(body, Mapping) else None
    return str(texts[0].get("Label", "")) if texts else ""


def _mapping(call: Call) -> Mapping[str, Any]:
    body = call.body
    if not isinstance(body, Mapping):
        raise bad_payload(call.path[0], "Microsoft.OData.ODataException: A definition was expected.")
    return body


def _created(call: Call, segment: str) -> Response:
    return answer(call, 204, None, [("OData-EntityId", f"{call.root}/{segment}")])


def _taken(text: str) -> DataverseRefused:
    return DataverseRefused(400, "0x80044363", text)
