"""The company behind the emulated Service Layer: what may be stored, how it is numbered, stamped and versioned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from periferia_link.testing.emulators._books import Record
from periferia_link.testing.emulators._sap_refusals import Refusal
from periferia_link.testing.emulators._sap_tables import TABLES, Lines, Table, user_table
from periferia_link.testing.emulators._sap_uniques import Uniques
from periferia_link.testing.emulators._sap_wire import etag, read_amount, read_date

__all__ = ["Company"]

_SERVER_ZONE = timezone(timedelta(hours=-5))
"""Change dates are days of the server's wall clock, here in Bogotá."""

_READ_ONLY = frozenset(
    {"DataVersion", "CreateDate", "CreateTime", "UpdateDate", "UpdateTime", "CreationDate", "CreationTime", "DocTime"}
    | {"UpdatedTime", "DocNum", "DocObjectCode"}
)


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
        self.uniques = Uniques(books, on_rollback)
        self.happened: list[tuple[Table, str, str]] = []  # by the request under way, for subscribers
        self.revision = 0  # grows with every change of the books
        self.user_fields: dict[str, frozenset[str]] = {}
        self.user_tables: dict[str, Table] = {}
        self._removed: dict[str, int] = {}  # the highest number that was given and removed: it is not given again
        self._widths: dict[tuple[str, str], int] = {}

    def restart(self) -> None:
        """Read the metadata again, as a restart of the Service Layer does."""
        fields: dict[str, set[str]] = {}
        self._widths.clear()
        for row in self.books["UserFieldsMD"].values():
            fields.setdefault(row["TableName"], set()).add("U_" + row["Name"])
            if row["Type"] == "db_Alpha":
                self._widths[row["TableName"], "U_" + row["Name"]] = int(row["Size"] or 50)
        self.user_fields = {table: frozenset(names) for table, names in fields.items()}
        self.uniques.forget()
        self.revision += 1
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
        return frozenset(table.defaults).union(*self._added(table))

    def _added(self, table: Table) -> list[frozenset[str]]:
        """Return the user fields of a record: those of its own table and of the tables that share theirs."""
        return [self.user_fields.get(name, frozenset()) for name in (table.database, *table.shares)]

    def complete(self, table: Table, record: Mapping[str, Any]) -> Record:
        """Return the record with every property that it does not give, as a GET shows it."""
        whole: Record = dict(table.defaults)
        for names in self._added(table):
            whole.update(dict.fromkeys(names))
        whole.update(record)
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
        self._must_give(table, record)
        self.must_refer(table, record)
        self.number(table, record)
        key = self._key(table, record)
        if self.find(table, key) is not None or self.uniques.clash(table, record, key):
            raise table.taken.error(key=key)
        if "DataVersion" in table.defaults:
            record["DataVersion"] = 1
        return self.store(table, record, now)

    def store(self, table: Table, record: Mapping[str, Any], now: datetime) -> Record:
        """File a record that is already checked and numbered."""
        whole = self.complete(table, record)
        self._stamp(table, whole, now, is_new=True)
        key = table.key_of(whole)
        self.books[table.name][key] = whole
        self._edited(table, key, "Created")
        self.uniques.added(table, whole, key)
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
        changes = self.checked(table, body)
        self.must_refer(table, changes)
        if self.uniques.clash(table, {**record, **changes}, table.key_of(record)):
            raise Refusal.EXISTS.error()
        for name, value in changes.items():
            if name in keys or name in _READ_ONLY:
                continue
            lines = table.lines.get(name)
            record[name] = value if lines is None or replaces else _merged(record.get(name) or [], value, lines)
        if "DataVersion" in table.defaults:
            record["DataVersion"] = int(record["DataVersion"]) + 1
        self._stamp(table, record, now)
        self.uniques.forget(table.name)
        self._on_rollback(lambda: self.uniques.forget(table.name))
        self._edited(table, table.key_of(record), "Updated")

    def remove(self, table: Table, key: str) -> None:
        """Take a record out of the books."""
        del self.books[table.name][key]
        if table.has_numeric_key:
            self._removed[table.name] = max(int(key), self._removed.get(table.name, 0))
        self.uniques.forget(table.name)
        self._on_rollback(lambda: self.uniques.forget(table.name))
        self._edited(table, key, "Deleted")

    def _edited(self, table: Table, key: str, change: str) -> None:
        self.wrote(1)
        if self.books["EventSubscription"]:
            event = (table, key, change)
            self.happened.append(event)
            self._on_rollback(lambda: self.happened.remove(event))
        self.touched()
        self._on_rollback(self.touched)

    def touched(self) -> None:
        """Note that the books are no longer what they were: what was sorted is sorted anew."""
        self.revision += 1

    def number(self, table: Table, record: Record) -> None:
        """Give the next number to a record whose object numbers itself."""
        if "," in table.key:
            name = table.key.split(",")[1]
            used = [row[name] for row in self._rows(table) if row["TableName"] == record.get("TableName")]
            record.setdefault(name, max(used, default=-1) + 1)
        elif table.has_numeric_key and table.key != "DimensionCode":
            rows = self.books[table.name]
            number = max(int(next(reversed(rows), "0")), self._removed.get(table.name, 0)) + 1
            if str(number) in rows:
                number = max(map(int, rows)) + 1
            record.setdefault(table.key, number)

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

    def _value(self, table: Table, entity: str, name: str, value: Any) -> Any:
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
        longest = table.lengths.get(name) or self._width(table, name)
        if longest is not None and len(str(value)) > longest:
            raise Refusal.TOO_LONG.error(name=name, entity=entity)
        return value

    def _key(self, table: Table, record: Record) -> str:
        missing = [name for name in table.key.split(",") if record.get(name) in (None, "")]
        if missing:
            raise Refusal.NO_CODE.error(where=f"{table.database}.{missing[0]}")
        return table.key_of(record)

    def _width(self, table: Table, name: str) -> int | None:
        """Return how many characters a user field takes."""
        if not name.startswith("U_"):
            return None
        widths = [self._widths.get((database, name)) for database in (table.database, *table.shares)]
        return next((width for width in widths if width is not None), None)

    @staticmethod
    def _must_give(table: Table, record: Record) -> None:
        missing = next((name for name in table.required if record.get(name) in (None, "")), None)
        if missing is not None:
            raise Refusal.NO_CODE.error(where=f"{table.database or table.name}.{missing}")

    def must_refer(self, table: Table, record: Mapping[str, Any]) -> None:
        """
        Refuse a record that points at what is not there.

        Raises:
            RefusedError: -2028, no matching records.
        """
        for name, target in table.references.items():
            code = record.get(name)
            if code not in (None, "") and str(code) not in self.books[target]:
                raise Refusal.REFERENCE.error()

    def _rows(self, table: Table) -> Iterator[Record]:
        yield from self.books[table.name].values()

    @staticmethod
    def _stamp(table: Table, record: Record, now: datetime, *, is_new: bool = False) -> None:
        local = now.astimezone(_SERVER_ZONE)
        values = (local.date().isoformat(), local.strftime("%H:%M:%S"))
        for name, value in zip(table.stamps, (*(values if is_new else ("", "")), *values), strict=False):
            if name and value:
                record[name] = value


def _merged(before: list[Record], changes: list[Record], lines: Lines) -> list[Record]:
    """Merge rows of a collection by their key; rows with a new key are added."""
    rows = {row.get(lines.key): dict(row) for row in before}
    for change in changes:
        key = change.get(lines.key)
        rows[key] = {**lines.defaults, **rows.get(key, {}), **change}
    return list(rows.values())
