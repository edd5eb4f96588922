"""What a company adds to SAP's tables: user tables, fields, keys and objects, stored queries, event subscriptions."""

from __future__ import annotations

from typing import Any

from periferia_link.testing.emulators._sap_entity_set import YES_NO, Lines, Table, none

__all__ = [
    "QUERIES",
    "SUBSCRIPTIONS",
    "USER_FIELDS",
    "USER_KEYS",
    "USER_OBJECTS",
    "USER_TABLES",
    "user_field",
    "user_table",
]

USER_TABLES = Table(
    "UserTablesMD",
    "UserTablesMD",
    "TableName",
    defaults=none("TableName TableDescription ArchiveDateField")
    | {"TableType": "bott_NoObject", "Archivable": "tNO", "DisplayMenu": "tNO", "ApplyAuthorization": "tNO"},
    lengths={"TableName": 19, "TableDescription": 30},
    enums={"Archivable": YES_NO, "DisplayMenu": YES_NO, "ApplyAuthorization": YES_NO},
    required=("TableDescription",),
)
USER_FIELDS = Table(
    "UserFieldsMD",
    "UserFieldsMD",
    "TableName,FieldID",
    defaults=none("TableName FieldID Name Description DefaultValue LinkedTable LinkedUDO LinkedSystemObject")
    | {"Type": "db_Alpha", "SubType": "st_None", "Size": 50, "EditSize": 50, "Mandatory": "tNO", "ValidValuesMD": []},
    lengths={"Name": 50, "Description": 80},
    enums={
        "Mandatory": YES_NO,
        "Type": {"A": "db_Alpha", "M": "db_Memo", "N": "db_Numeric", "D": "db_Date", "B": "db_Float"},
    },
    lines={"ValidValuesMD": Lines("ValidValueMD", "Value", none("Value Description"))},
    required=("TableName", "Name"),
)
USER_KEYS = Table(
    "UserKeysMD",
    "UserKeysMD",
    "TableName,KeyIndex",
    defaults=none("TableName KeyIndex KeyName") | {"Unique": "tNO", "UserKeysMD_Elements": []},
    lengths={"KeyName": 20},
    enums={"Unique": YES_NO},
    lines={"UserKeysMD_Elements": Lines("UserKeysMD_Element", "SubKeyIndex", none("SubKeyIndex ColumnAlias"))},
    required=("TableName", "KeyName"),
    verbs=frozenset({"GET", "POST", "DELETE"}),
)
USER_OBJECTS = Table(
    "UserObjectsMD",
    "UserObjectsMD",
    "Code",
    defaults=none("Code TableName Name LogTableName") | {"ObjectType": "boud_MasterData", "CanLog": "tNO"},
    lengths={"Code": 20, "Name": 100},
)
QUERIES = Table(
    "SQLQueries",
    "SQLQuery",
    "SqlCode",
    "OSQR",
    defaults=none("SqlCode SqlName SqlText ParamList CreateDate UpdateDate"),
    lengths={"SqlCode": 50, "SqlName": 100},
    dates=frozenset({"CreateDate", "UpdateDate"}),
    required=("SqlCode", "SqlText"),
    stamps=("CreateDate", "", "UpdateDate", ""),
)

SUBSCRIPTIONS = Table(
    "EventSubscription",
    "EventSubscription",
    "WebhookID",
    "OEVC",
    defaults=none("WebhookID WebhookURL")
    | {"AuthenticationType": "HMAC", "Handshake": "tNO", "State": "Inactive", "WorkMode": "Standard"}
    | {"EventCollection": []},
    lengths={"WebhookID": 40, "WebhookURL": 254},
    enums={
        "AuthenticationType": {name: name for name in ("None", "Basic", "HMAC", "OAuth")},
        "State": {name: name for name in ("Active", "Inactive", "Exceptional")},
        "WorkMode": {name: name for name in ("Standard", "Replay")},
    },
    lines={
        "EventCollection": Lines(
            "EventCollection",
            "LineNum",
            none("LineNum BusinessObject TransactionType BizObjProps FilterExpr"),
        )
    },
)


def user_table(name: str) -> Table:
    """Return the entity set of a user table without object: ``U_MYTABLE``, key Code, Name unique as well."""
    return Table(
        name,
        name,
        "Code",
        "@" + name.removeprefix("U_"),
        defaults=none("Code Name"),
        lengths={"Code": 50, "Name": 100},
    )


def user_field(table: str, number: int, name: str, size: int = 64) -> dict[str, Any]:
    """Return a text field of a company that has it from the start."""
    record = dict(USER_FIELDS.defaults)
    return record | {"TableName": table, "FieldID": number, "Name": name, "Size": size, "EditSize": size}
