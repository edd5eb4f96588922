"""The company behind the emulated Service Layer: what may be stored, how it is numbered, stamped and versioned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from periferia_link.testing.emulators._books import Record
from periferia_link.testing.emulators._sap_refusals import Refusal
from periferia_link.testing.emulators._sap_tables import TABLES, Lines, Table, user_table
from periferia_link.testing.emulators._sap_wire import etag, read_amount, read_date

__all__ = ["Company"]

_SERVER_ZONE = timezone(timedelta(hours=-5))
"""Change dates are days of the server's wall clock, here in Bogotá."""

_READ_ONLY = frozenset({"DataVersion", "CreateDate", "CreateTime", "UpdateDate", "UpdateTime"})


class Company:
    """
    Records of one company and the rules of their objects.

    ``books`` are the emulator's, ``wrote`` counts changed records, ``on_rollback`` hears of what is undone. User tables
    and fields count from the moment the Service Layer was started with them (:meth:`restart`): a new one is not seen
    before.
    """

    def __init__(
        self,
        books: dict[str, dict[str, Record]],
        wrote: Callable[[int], None],
        on_rollback: Callable[[Callable[[], object]], None],
    ) -> None:
        self.books = books
        self.wrote = wrote
        self._on_rollback = on_rollback
        self._names: dict[str, set[str]] = {}  # index of the unique names of user tables, made when it is needed
        self.user_fields: dict[str, frozenset[str]] = {}
        self.user_tables: dict[str, Table] = {}

    def restart(self) -> None:
        """Read the metadata again, as a restart of the Service Layer does."""
        fields: dict[str, set[str]] = {}
        for row in self.books["UserFieldsMD"].values():
            fields.setdefault(row["TableName"], set()).add("U_" + row["Name"])
        self.user_fields = {table: frozenset(names) for table, names in fields.items()}
        self._names.clear()
        self.user_tables = {f"U_{name}": user_table(f"U_{name}") for name in self.books["UserTablesMD"]}

    def table(self, name: str) -> Table:
        """
        Return the entity set of that name.

        Raises:
            RefusedError: There is none, or the Service Layer has not seen it yet.
        """
        table = TABLES.get(name) or self.user_tables.get(name)
        if table is None:
            raise Refusal.ENTITY_SET.error()
        return table

    def fields(self, table: Table) -> frozenset[str]:
        """Return every property of a record: SAP's own and the user fields."""
        return frozenset(table.defaults) | self.user_fields.get(table.database, frozenset())

    def complete(self, table: Table, record: Mapping[str, Any]) -> Record:
        """Return the record with every property that it does not give, as a GET shows it."""
        extra = dict.fromkeys(self.user_fields.get(table.database, ()))
        whole: Record = {**table.defaults, **extra, **record}
        for name, lines in table.lines.items():
            whole[name] = [{**lines.defaults, **line} for line in whole[name]]
        return whole

    def find(self, table: Table, key: str) -> Record | None:
        """Return a record to look at or to change in place."""
        record: Record | None = self.books[table.name].get(key)
        return record

    # ------------------------------------------------------------------ writing

    def create(self, table: Table, body: Mapping[str, Any], now: datetime) -> Record:
        """
        Store a new record and return it, complete.

        Raises:
            RefusedError: A property is unknown or too long, the key is missing or taken.
        """
        record = self.checked(table, body)
        self.number(table, record)
        key = self._key(table, record)
        if self.find(table, key) is not None or self._name_is_taken(table, record):
            raise table.taken.error(key=key)
        if "DataVersion" in table.defaults:
            record["DataVersion"] = 1
        return self.store(table, record, now)

    def store(self, table: Table, record: Mapping[str, Any], now: datetime) -> Record:
        """File a record that is already checked and numbered."""
        whole = self.complete(table, record)
        if table.is_stamped:
            self._stamp(whole, now, "Create")
            self._stamp(whole, now, "Update")
        self.books[table.name][table.key_of(whole)] = whole
        self.wrote(1)
        if table.name in self._names:
            self._names[table.name].add(whole["Name"])
            self._on_rollback(lambda: self._names.pop(table.name, None))
        return whole

    def change(
        self, table: Table, record: Record, body: Mapping[str, Any], now: datetime, *, replaces: bool = False
    ) -> None:
        """
        Change a record in place: what the body names, collections merged by their key unless *replaces*.

        Read-only properties are ignored in silence, as the Service Layer does.

        Raises:
            RefusedError: A property is unknown or has an impossible value.
        """
        keys = {table.key} if "," not in table.key else set(table.key.split(","))
        for name, value in self.checked(table, body).items():
            if name in keys or name in _READ_ONLY:
                continue
            lines = table.lines.get(name)
            record[name] = value if lines is None or replaces else _merged(record.get(name) or [], value, lines)
        if "DataVersion" in table.defaults:
            record["DataVersion"] = int(record["DataVersion"]) + 1
        if table.is_stamped:
            self._stamp(record, now, "Update")
        self._names.pop(table.name, None)
        self.wrote(1)

    def remove(self, table: Table, key: str) -> None:
        """Take a record out of the books."""
        del self.books[table.name][key]
        self._names.pop(table.name, None)
        self.wrote(1)

    def number(self, table: Table, record: Record) -> None:
        """Give the next number to a record whose object numbers itself."""
        if table.key == "TableName,FieldID":
            used = [row["FieldID"] for row in self._rows(table) if row["TableName"] == record.get("TableName")]
            record.setdefault("FieldID", max(used, default=-1) + 1)
        elif table.has_numeric_key and table.key != "DimensionCode":
            rows = self.books[table.name]
            number = int(next(reversed(rows), "0")) + 1
            taken = str(number) in rows
            record.setdefault(table.key, max(map(int, rows)) + 1 if taken else number)

    def etag_of(self, table: Table, record: Mapping[str, Any]) -> str | None:
        """Return the etag of a record whose object has one."""
        return etag(record["DataVersion"]) if table.has_etag else None

    # ------------------------------------------------------------------ checking

    def checked(self, table: Table, body: Mapping[str, Any]) -> Record:
        """
        Return the body in the form of the books.

        Raises:
            RefusedError: -1000 for an unknown property or one that is too long, -5002 for an impossible value.
        """
        known = self.fields(table)
        record: Record = {}
        for name, value in body.items():
            if "odata." in name:
                continue
            if name not in known:
                raise Refusal.PROPERTY.error(name=name, entity=table.entity)
            lines = table.lines.get(name)
            if lines is not None:
                record[name] = [self._line(table, lines, line) for line in value or []]
            else:
                record[name] = self._value(table, table.entity, name, value)
        return record

    def _line(self, table: Table, lines: Lines, line: Mapping[str, Any]) -> Record:
        unknown = next((name for name in line if name not in lines.defaults), None)
        if unknown is not None:
            raise Refusal.PROPERTY.error(name=unknown, entity=lines.entity)
        return {name: self._value(table, lines.entity, name, value) for name, value in line.items()}

    @staticmethod
    def _value(table: Table, entity: str, name: str, value: Any) -> Any:
        if value is None:
            return None
        if name in table.dates:
            return read_date(value, name)
        if name in table.amounts:
            return format(read_amount(value, name), "f")
        if name in table.enums:
            members = table.enums[name]
            if value not in members and value not in members.values():
                raise Refusal.VALUE.error(value=value, name=name)
            return members.get(value, value)
        longest = table.lengths.get(name)
        if longest is not None and len(str(value)) > longest:
            raise Refusal.TOO_LONG.error(name=name, entity=entity)
        return value

    def _key(self, table: Table, record: Record) -> str:
        missing = [name for name in table.key.split(",") if record.get(name) in (None, "")]
        if missing:
            raise Refusal.NO_CODE.error(where=f"{table.database}.{missing[0]}")
        return table.key_of(record)

    def _name_is_taken(self, table: Table, record: Record) -> bool:
        # user tables without object have a unique index on Name as well (from memory)
        if table.name not in self.user_tables:
            return False
        if table.name not in self._names:
            self._names[table.name] = {row["Name"] for row in self._rows(table)}
        return record.get("Name") is not None and record["Name"] in self._names[table.name]

    def _rows(self, table: Table) -> Iterator[Record]:
        yield from self.books[table.name].values()

    @staticmethod
    def _stamp(record: Record, now: datetime, what: str) -> None:
        local = now.astimezone(_SERVER_ZONE)
        record[f"{what}Date"] = local.date().isoformat()
        record[f"{what}Time"] = local.strftime("%H:%M:%S")


def _merged(before: list[Record], changes: list[Record], lines: Lines) -> list[Record]:
    """Merge rows of a collection by their key; rows with a new key are added."""
    rows = {row.get(lines.key): dict(row) for row in before}
    for change in changes:
        key = change.get(lines.key)
        rows[key] = {**lines.defaults, **rows.get(key, {}), **change}
    return list(rows.values())
