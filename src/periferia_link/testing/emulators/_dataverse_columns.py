"""How the standard tables of the emulated Dataverse are written down: columns in few words."""

from __future__ import annotations

from typing import Final

from periferia_link.testing.emulators._dataverse_tables import Column, ColumnType, Table

__all__ = ["ACTIVE", "REGARDING", "build", "choice", "lookup", "owned", "texts", "typed"]

ACTIVE: Final = {0: ("Active", {1: "Active"}), 1: ("Inactive", {2: "Inactive"})}
REGARDING: Final = ("account", "contact", "incident", "lead", "opportunity")


def texts(**limits: int) -> list[Column]:
    """Build text columns, each with the characters it holds; long ones are memos."""
    return [Column(name, "String" if limit <= 1000 else "Memo", limit) for name, limit in limits.items()]


def typed(kind: ColumnType, *names: str, limit: int | None = None, read_only: bool = False) -> list[Column]:
    """Build columns of one type."""
    return [Column(name, kind, limit, is_read_only=read_only) for name in names]


def choice(name: str, *labels: str) -> Column:
    """Build a choice whose values count from 1."""
    return Column(name, "Picklist", options=dict(enumerate(labels, start=1)))


def lookup(name: str, *targets: str, read_only: bool = False, **navigation: str) -> Column:
    """Build a lookup: with one target the navigation property has the column's name, else one per target."""
    plain = {name: targets[0]} if len(targets) == 1 else {f"{name}_{target}": target for target in targets}
    return Column(name, "Lookup", targets=plain | navigation, is_read_only=read_only)


def owned() -> list[Column]:
    """Build what a table owned by users and teams has."""
    return [
        lookup("ownerid", "principal"),
        lookup("owninguser", "systemuser", read_only=True),
        lookup("owningteam", "team", read_only=True),
        lookup("owningbusinessunit", "businessunit", read_only=True),
        lookup("transactioncurrencyid", "transactioncurrency"),
        *typed("Decimal", "exchangerate", limit=12, read_only=True),
    ]


def _common() -> list[Column]:
    return [
        *typed("DateTime", "createdon", "modifiedon", read_only=True),
        *typed("BigInt", "versionnumber", read_only=True),
        *typed("DateTime", "overriddencreatedon"),
        *typed("Integer", "importsequencenumber"),
        lookup("createdby", "systemuser", read_only=True),
        lookup("modifiedby", "systemuser", read_only=True),
        lookup("createdonbehalfby", "systemuser", read_only=True),
        lookup("modifiedonbehalfby", "systemuser", read_only=True),
    ]


def build(table: Table, *columns: Column) -> Table:
    """Give a table its columns, those that every table has, and state and status where it has states."""
    table.add(Column(table.key, "Uniqueidentifier"), *_common(), *columns)
    if table.states:
        states = {code: label for code, (label, _) in table.states.items()}
        statuses = {code: label for _, reasons in table.states.values() for code, label in reasons.items()}
        table.add(Column("statecode", "State", options=states), Column("statuscode", "Status", options=statuses))
    return table
