"""What the emulated Dataverse says about itself: who is calling, definitions of tables, privileges."""

from __future__ import annotations

import re
from collections.abc import Iterable

from periferia_link.testing.emulators._dataverse_addresses import split_segment
from periferia_link.testing.emulators._dataverse_calls import Call, answer, check_options, no_such_call
from periferia_link.testing.emulators._dataverse_csdl import csdl
from periferia_link.testing.emulators._dataverse_customizing import Customizing
from periferia_link.testing.emulators._dataverse_messages import BULK, NAMESPACE
from periferia_link.testing.emulators._dataverse_refusals import DataverseRefused, bad_query
from periferia_link.testing.emulators._dataverse_relationships import many_to_one, one_to_many, targets_of
from periferia_link.testing.emulators._dataverse_rows import Rows
from periferia_link.testing.emulators._dataverse_shapes import DIALECT
from periferia_link.testing.emulators._dataverse_tables import Column, Table, camel, metadata_id
from periferia_link.testing.emulators._emulator import Record
from periferia_link.testing.emulators._odata import apply_select, parse_filter, select_columns
from periferia_link.typing import Response

__all__ = ["RIGHTS", "Metadata"]

_COLUMNS = "6ba7b812-9dad-11d1-80b4-00c04fd430c8"  # the space of ids of columns

RIGHTS = ("Create", "Read", "Write", "Delete", "Append", "AppendTo")
_WIRE_TYPES = {"DateOnly": "DateTime"}
_LANGUAGE = 1033


class Metadata:
    """
    The describing half of the API.

    ``denied`` are privileges that the caller lacks, such as ``prvWriteAccount``; ``local`` are those that reach only
    the caller's own rows, such as ``prvReadAccount``. ``dop_hint`` is the advised degree of parallelism; ``totals``
    are record counts by table as they were up to 24 hours ago.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.denied: set[str] = set()
        self.local: set[str] = set()
        self.dop_hint = 4
        self.totals: dict[str, int] = {}
        self.customizing = Customizing(rows)
        self._definitions: dict[str, tuple[tuple[object, ...], Record]] = {}

    def who_am_i(self, call: Call) -> Response:
        """Answer ``WhoAmI``."""
        return answer(
            call,
            200,
            {
                "@odata.context": f"{call.root}/$metadata#{NAMESPACE}WhoAmIResponse",
                "BusinessUnitId": self.rows.business_unit_id,
                "UserId": self.rows.user_id,
                "OrganizationId": self.rows.organization_id,
            },
            [("x-ms-dop-hint", str(self.dop_hint))],
        )

    def service_document(self, call: Call) -> Response:
        """Answer the service root: every entity set."""
        sets = [{"name": t.entity_set, "kind": "EntitySet", "url": t.entity_set} for t in self.rows.schema]
        return answer(call, 200, {"@odata.context": f"{call.root}/$metadata", "value": sets})

    def privileges(self, call: Call) -> Response:
        """Answer ``systemusers(…)/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()``."""
        granted = []
        for table in self.rows.schema:
            for right in RIGHTS:
                name = f"prv{right}{table.privilege}"
                if name in self.denied:
                    continue
                granted.append({
                    "Depth": "Basic" if name in self.local else "Global",
                    "PrivilegeId": metadata_id(table.metadata_id, right),
                    "BusinessUnitId": self.rows.business_unit_id,
                    "PrivilegeName": name,
                })  # fmt: skip
        kind = f"{call.root}/$metadata#{NAMESPACE}RetrieveUserPrivilegesResponse"
        return answer(call, 200, {"@odata.context": kind, "RolePrivileges": granted})

    def message_filters(self, call: Call) -> Response:
        """Answer ``sdkmessagefilters``: which bulk messages a table has (all of them, here)."""
        check_options(call, ("select", "filter"))
        found = [
            {
                "sdkmessagefilterid": metadata_id(table.metadata_id, message),
                "primaryobjecttypecode": table.logical,
                "sdkmessageid": {"name": message},
            }
            for table in self.rows.schema
            for message in BULK
            if message != "DeleteMultiple" or table.is_elastic
        ]
        return self._listed(call, "sdkmessagefilters", found)

    # ------------------------------------------------------------------ definitions

    def definitions(self, call: Call) -> Response:
        """
        Answer ``EntityDefinitions`` as a collection, by key, and its attributes and keys.

        Raises:
            DataverseRefused: 400, a property that definitions do not have; 404, no such table; 405, a write.
        """
        _, key = split_segment(call.path[0])
        if call.method != "GET":
            return self._customized(call, key)
        check_options(call, ("select", "filter", "expand"))
        if key is None:
            return self._listed(call, "EntityDefinitions", [self._defined(table) for table in self.rows.schema])
        table = self._keyed(key)
        if len(call.path) == 1:
            return self._one(call, table)
        return self._below(call, table, call.path[1:])

    def _customized(self, call: Call, key: str | None) -> Response:
        """Answer what changes definitions."""
        if key is None:
            if call.method != "POST":
                raise no_such_call(call)
            return self.customizing.create_table(call)
        table = self._keyed(key)
        name, below = split_segment(call.path[1]) if len(call.path) == 2 else ("", None)
        made = {"Attributes": self.customizing.create_column, "Keys": self.customizing.create_key}
        if call.method == "POST" and name in made and below is None:
            return made[name](call, table)
        if call.method != "DELETE":
            raise no_such_call(call)
        if len(call.path) == 1:
            return self.customizing.delete_table(call, table)
        if name == "Keys" and below is not None:
            return self.customizing.delete_key(call, table, below)
        if name == "Attributes" and below is not None:
            return self.customizing.delete_column(call, table, self._column(table, below))
        raise no_such_call(call)

    def _column(self, table: Table, key: str) -> Column:
        wanted = key.partition("=")[2].strip("'") if "=" in key else key
        for column in table.columns.values():
            if wanted in (column.name, metadata_id(_COLUMNS, column.name)):
                return column
        raise DataverseRefused(404, "0x80060888", f"Could not find an attribute with name: '{wanted}'.")

    def relationships(self, call: Call) -> Response:
        """
        Answer ``RelationshipDefinitions``: all of them, one by its schema name; or make one.

        Raises:
            DataverseRefused: 404, no such relationship; 400, it cannot be made.
        """
        if call.method == "POST":
            return self.customizing.create_relationship(call)
        check_options(call, ("select", "filter"))
        found = [each for table in self.rows.schema for each in many_to_one(self.rows.schema, table)]
        _, key = split_segment(call.path[0])
        if key is None:
            return self._listed(call, "RelationshipDefinitions", found)
        wanted = key.partition("=")[2].strip("'") if "=" in key else key
        for each in found:
            if wanted in (each["SchemaName"], each["MetadataId"]):
                return answer(call, 200, each)
        raise DataverseRefused(404, "0x80060888", f"Could not find a relationship with name: '{wanted}'.")

    def document(self, call: Call) -> Response:
        """Answer ``$metadata``."""
        headers = (("Content-Type", "application/xml"), ("OData-Version", "4.0"))
        return Response(200 if call.method == "GET" else 405, headers, csdl(self.rows.schema))

    def total_counts(self, call: Call) -> Response:
        """
        Answer ``RetrieveTotalRecordCount(EntityNames=['account'])``: a snapshot, where ``totals`` holds one.

        Raises:
            DataverseRefused: 400, no names or an unknown table.
        """
        _, key = split_segment(call.path[0])
        text = (key or "").partition("EntityNames=")[2]
        text = call.options.get(text, text)
        names = re.findall(r"['\"]([^'\"]+)['\"]", text)
        if not names or any(self.rows.schema.get(name) is None for name in names):
            msg = f"The entity names of RetrieveTotalRecordCount are not valid: {text[:100]}"
            raise bad_query(msg)
        live = [self.totals.get(name, len(self.rows.of(self.rows.schema[name]))) for name in names]
        counts = {"Count": len(names), "IsReadOnly": False, "Keys": names, "Values": live}
        kind = f"{call.root}/$metadata#{NAMESPACE}RetrieveTotalRecordCountResponse"
        return answer(call, 200, {"@odata.context": kind, "EntityRecordCountCollection": counts})

    def _keyed(self, key: str) -> Table:
        name = key.strip()
        if name.startswith("LogicalName="):
            wanted = name.partition("=")[2].strip("'")
            found = self.rows.schema.get(wanted)
        else:
            found = next((table for table in self.rows.schema if table.metadata_id == name.lower()), None)
        if found is None:
            raise DataverseRefused(
                404,
                "0x80060888",
                f"Could not find an entity with specified entity name: '{name}'.",
            )
        return found

    def _defined(self, table: Table) -> Record:
        """Return the definition of a table, made again when what it says was changed."""
        state = table.change_tracking, table.optimistic_concurrency, table.entity_set, len(table.columns)
        known = self._definitions.get(table.logical)
        if known is None or known[0] != state:
            known = self._definitions[table.logical] = (state, _definition(table))
        return known[1]

    def _one(self, call: Call, table: Table) -> Response:
        body = {"@odata.context": f"{call.root}/$metadata#EntityDefinitions/$entity"}
        record = dict(self._defined(table))
        if (text := call.options.get("$select")) is not None:
            record = _selected(record, text)
        expand = call.options.get("$expand", "")
        if expand.startswith("Attributes"):
            record["Attributes"] = [_attribute(column) for column in table.columns.values()]
        if expand.startswith("Keys"):
            record["Keys"] = _keys(table)
        return answer(call, 200, body | record)

    def _below(self, call: Call, table: Table, path: tuple[str, ...]) -> Response:
        name, key = split_segment(path[0])
        if name == "Keys":
            return self._listed(call, f"EntityDefinitions('{table.logical}')/Keys", _keys(table))
        if name == "ManyToManyRelationships":  # there are none here
            return self._listed(call, f"EntityDefinitions('{table.logical}')/{name}", [])
        links = {
            "ManyToOneRelationships": many_to_one,
            "OneToManyRelationships": one_to_many,
        }
        if name in links:
            return self._listed(
                call, f"EntityDefinitions('{table.logical}')/{name}", links[name](self.rows.schema, table)
            )
        if name != "Attributes":
            msg = f"Resource not found for the segment '{name}'."
            raise bad_query(msg)
        columns: Iterable[Column] = table.columns.values()
        if key is not None:
            columns = [self._column(table, key)]
        kind = path[1].removeprefix(NAMESPACE).removesuffix("AttributeMetadata") if len(path) > 1 else ""
        found = [_attribute(column) for column in columns if not kind or _kind(column) == kind]
        if key is not None:
            if not found:
                raise DataverseRefused(404, "0x80060888", f"The attribute '{key}' is of another type.")
            return answer(call, 200, found[0])
        return self._listed(call, f"EntityDefinitions('{table.logical}')/Attributes", found)

    def _listed(self, call: Call, of: str, found: list[Record]) -> Response:
        if (text := call.options.get("$filter")) is not None:
            aliases = call.options
            test = parse_filter(text, functions=frozenset({"startswith", "contains"}), dialect=DIALECT, aliases=aliases)
            for path in test.columns:
                _known(found, path.partition("/")[0])
            found = [record for record in found if test(record)]
        if (text := call.options.get("$select")) is not None:
            found = [_selected(record, text) for record in found]
        return answer(call, 200, {"@odata.context": f"{call.root}/$metadata#{of}", "value": found})


def _selected(record: Record, text: str) -> Record:
    for name in select_columns(text):
        _known([record], name)
    return apply_select(record, text, always=("MetadataId", "OptionSet", "GlobalOptionSet"))


def _known(found: list[Record], name: str) -> None:
    if found and name not in found[0]:
        msg = f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.EntityMetadata'."
        raise bad_query(msg)


def _label(text: str, *, is_empty: bool = False) -> Record:
    one = {"Label": text, "LanguageCode": _LANGUAGE, "IsManaged": True, "MetadataId": None, "HasChanged": None}
    return {"LocalizedLabels": [] if is_empty else [one], "UserLocalizedLabel": None if is_empty else one}


def _managed(*, value: bool) -> Record:
    return {"Value": value, "CanBeChanged": True, "ManagedPropertyLogicalName": ""}


def _definition(table: Table) -> Record:
    return {
        "MetadataId": table.metadata_id,
        "LogicalName": table.logical,
        "SchemaName": table.schema_name,
        "EntitySetName": table.entity_set,
        "LogicalCollectionName": table.entity_set,
        "CollectionSchemaName": camel(table.entity_set),
        "PrimaryIdAttribute": table.key,
        "PrimaryNameAttribute": table.title,
        "ObjectTypeCode": table.object_type_code,
        "DisplayName": _label(table.schema_name),
        "DisplayCollectionName": _label(camel(table.entity_set)),
        "Description": _label("", is_empty=True),
        "OwnershipType": "UserOwned" if "ownerid" in table.columns else "None",
        "TableType": "Elastic" if table.is_elastic else "Standard",
        "IsCustomEntity": table.is_custom,
        "IsActivity": table.key == "activityid",
        "IsPrivate": False,
        "IsIntersect": False,
        "IsLogicalEntity": False,
        "ChangeTrackingEnabled": table.change_tracking,
        "CanChangeTrackingBeEnabled": _managed(value=True),
        "IsOptimisticConcurrencyEnabled": table.optimistic_concurrency,
        "Privileges": [
            {"PrivilegeType": right, "Name": f"prv{right}{table.privilege}",
             "PrivilegeId": metadata_id(table.metadata_id, right)}
            for right in RIGHTS
        ],
    }  # fmt: skip


def _kind(column: Column) -> str:
    return _WIRE_TYPES.get(column.type, column.type)


def _attribute(column: Column) -> Record:
    kind = _kind(column)
    record: Record = {
        "@odata.type": f"#{NAMESPACE}{kind}AttributeMetadata",
        "MetadataId": metadata_id(_COLUMNS, column.name),
        "LogicalName": column.name,
        "SchemaName": column.schema_name,
        "AttributeType": kind,
        "AttributeTypeName": {"Value": f"{kind}Type"},
        "DisplayName": _label(camel(column.name)),
        "Description": _label("", is_empty=True),
        "RequiredLevel": {"Value": "None", "CanBeChanged": True},
        "IsCustomAttribute": "_" in column.name,
        "IsPrimaryId": False,
        "IsPrimaryName": False,
        "IsValidForCreate": not column.is_read_only and kind != "State",
        "IsValidForRead": True,
        "IsValidForUpdate": not column.is_read_only,
        "AttributeOf": None,
    }
    if column.limit is not None:
        record["MaxLength" if kind in ("String", "Memo") else "Precision"] = column.limit
    if column.targets:
        record["Targets"] = targets_of(column)
    if column.options:
        options = [{"Value": value, "Label": _label(text)} for value, text in column.options.items()]
        record |= {"OptionSet": {"Name": column.name, "IsGlobal": False, "Options": options}, "GlobalOptionSet": None}
    return record


def _keys(table: Table) -> list[Record]:
    return [
        {
            "MetadataId": metadata_id(table.metadata_id, name),
            "LogicalName": name.lower(),
            "SchemaName": name,
            "DisplayName": _label(name),
            "EntityLogicalName": table.logical,
            "KeyAttributes": list(columns),
            "EntityKeyIndexStatus": "Active",
        }
        for name, columns in table.alternate_keys.items()
    ]
