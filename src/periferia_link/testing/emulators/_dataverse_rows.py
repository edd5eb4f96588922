"""The rows of the emulated Dataverse: versions, states, alternate keys, links, and the trace that deletions leave."""

from __future__ import annotations

import functools
import random
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from periferia_link.testing.emulators._dataverse_computed import LOOKUP_TABLE, check_required, computed, first_values
from periferia_link.testing.emulators._dataverse_indexes import Indexes
from periferia_link.testing.emulators._dataverse_refusals import (
    DataverseRefused,
    aborted,
    clash,
    exists,
    not_found,
)
from periferia_link.testing.emulators._dataverse_tables import Schema, Table, camel
from periferia_link.testing.emulators._emulator import Emulator, Record

__all__ = ["LOOKUP_TABLE", "Deletion", "Rows"]

_DELETIONS: Final = "deletions"
_FIRST_VERSION: Final = 1_000_000
# what goes with the record that these lookups name; a case is never without its customer
_PARENTS: Final = ("regardingobjectid", "objectid", "activityid", "partyid", "opportunityid", "incidentid")


class Deletion(NamedTuple):
    """A record that is gone, and the version at which it went."""

    id: str
    version: int


class Rows:
    """
    The database of one environment, over the books of the emulator.

    A row is stored as the wire shows it, without its empty columns: lookups as ``_x_value`` plus the target table.
    Every change takes the next number of one version counter, as SQL Server's rowversion does. ``plug_ins`` are
    messages by table: with one, a plug-in of the installation stops every write to that table.
    """

    def __init__(self, emulator: Emulator, schema: Schema) -> None:
        self.emulator = emulator
        self.schema = schema
        fixed = random.Random(f"dataverse {emulator.seed}")  # noqa: S311 - ids of a stand-in, the same every time
        ids = [str(uuid.UUID(int=fixed.getrandbits(128), version=4)) for _ in range(4)]
        self.organization_id, self.business_unit_id, self.user_id, self.currency_id = ids
        self.plug_ins: dict[str, str] = {}
        self.indexes = Indexes(emulator)
        self.restart()

    def restart(self) -> None:
        """Forget counters; the emulator empties the books."""
        self.version = _FIRST_VERSION
        self.caller: str = self.user_id
        self.is_bypassing = False
        self.indexes.forget()
        self._ids = random.Random(f"dataverse rows {self.emulator.seed}")  # noqa: S311 - as above
        self._requests = random.Random(f"dataverse requests {self.emulator.seed}")  # noqa: S311 - as above

    def new_id(self) -> str:
        """Return the GUID of a new row; the same run gives the same ones."""
        return str(uuid.UUID(int=self._ids.getrandbits(128), version=4))

    def new_request_id(self) -> str:
        """Return a GUID for what support asks for; it takes none from the rows."""
        return str(uuid.UUID(int=self._requests.getrandbits(128), version=4))

    # ------------------------------------------------------------------ reading

    def of(self, table: Table) -> dict[str, Record]:
        """Return the rows of a table by id; of one that only shows others, theirs together."""
        if not table.members:
            return self.emulator.books[table.entity_set]
        shown: dict[str, Record] = {}
        for name in table.members:
            shown |= self.emulator.books[self.schema[name].entity_set]
        return shown

    def get(self, table: Table, key: str) -> Record:
        """
        Return one row.

        Raises:
            DataverseRefused: 404, it is not there.
        """
        row: Record | None = self.of(table).get(key)
        if row is None:
            raise not_found(table.logical, key)
        return row

    def find(self, table: Table, values: Mapping[str, Any]) -> str | None:
        """Return the id of the row with these column values."""
        return self.indexes.find(table, values)

    def related(self, table: Table, lookup: str, key: str) -> Iterator[Record]:
        """List the rows whose lookup column points at *key*."""
        wire = f"_{lookup}_value"
        return (row for row in self.of(table).values() if row.get(wire) == key)

    def deletions_after(self, table: Table, version: int) -> list[Deletion]:
        """List what was deleted since *version*, oldest first."""
        traces = self.emulator.books[_DELETIONS].values()
        gone = [Deletion(t["id"], t["version"]) for t in traces if t["table"] == table.logical]
        return sorted((trace for trace in gone if trace.version > version), key=lambda trace: trace.version)

    # ------------------------------------------------------------------ writing

    def insert(self, table: Table, values: Record, key: str | None, now: datetime) -> str:
        """
        Create a row and return its id.

        Raises:
            DataverseRefused: The id or an alternate key is taken, or the status does not fit a new record.
        """
        key = key or self.new_id()
        if key in self.of(table):
            raise exists()
        row = self._defaults(table, key, now) | self._first_state(table, values, key)
        check_required(table, row)
        self._store(table, key, row, now)
        # a record that comes back under its old id is no longer deleted
        self.emulator.books[_DELETIONS].pop(f"{table.logical}:{key}", None)
        return key

    def change(self, table: Table, key: str, values: Record, now: datetime) -> None:
        """
        Update a row; ``None`` empties a column.

        Raises:
            DataverseRefused: The row is not there, an alternate key is taken, or state and status do not fit.
        """
        row = self.get(table, key)
        self._store(table, key, row | self._next_state(table, row, values, key), now)

    def remove(self, table: Table, key: str, now: datetime) -> None:
        """
        Delete a row: links to it are emptied, its activities and notes go with it.

        Raises:
            DataverseRefused: It is not there.
        """
        self.get(table, key)
        for other in self.schema:
            if other.members or not self.of(other):
                continue
            for column in other.columns.values():
                if column.type == "Lookup" and table.logical in column.targets.values():
                    self._unlink(other, column.name, key, now)
        self.indexes.drop(table, key)
        del self.of(table)[key]
        self.version += 1
        self.emulator.books[_DELETIONS][f"{table.logical}:{key}"] = {
            "table": table.logical, "id": key, "version": self.version, "at": now.isoformat()
        }  # fmt: skip
        self.emulator.wrote()

    def file(self, table: Table, values: Record, now: datetime) -> None:
        """Merge a row into the books as if somebody had always had it: nothing is counted."""
        key = str(values.get(table.key) or self.new_id()).lower()
        before = self.of(table).get(key) or self._defaults(table, key, now)
        if "statecode" in values and "statuscode" not in values:
            values = values | {"statuscode": next(iter(table.states[values["statecode"]][1]))}
        row = {name: value for name, value in (before | values).items() if value is not None}
        self.version += 1
        row |= {table.key: key, "versionnumber": self.version}
        row |= computed(table, row, self.currency_id)
        self.of(table)[key] = row
        self.indexes.put(table, key, row)

    def expire(self, now: datetime) -> None:
        """Take rows out whose time to live is over: elastic tables have one, and leave no trace of it."""
        for table in self.schema:
            if not table.is_elastic:
                continue
            rows = self.of(table)
            for key, row in list(rows.items()):
                seconds = row.get("ttlinseconds")
                if seconds and datetime.fromisoformat(row["modifiedon"].replace("Z", "+00:00")) <= now - timedelta(
                    seconds=seconds
                ):
                    del rows[key]
                    self.version += 1

    def found(self, now: datetime) -> None:
        """File the rows that an environment is born with, below the first version."""
        born = {"createdon": _second(now), "modifiedon": _second(now), "versionnumber": _FIRST_VERSION}
        unit = {"name": "Periferia", "businessunitid": self.business_unit_id}
        money = {
            "transactioncurrencyid": self.currency_id, "currencyname": "Peso colombiano", "isocurrencycode": "COP",
            "currencysymbol": "$", "currencyprecision": 2, "exchangerate": Decimal("1.0"), "statecode": 0,
            "statuscode": 1,
        }  # fmt: skip
        user = {
            "systemuserid": self.user_id, "ownerid": self.user_id, "fullname": "# Integration",
            "lastname": "Integration", "firstname": "#", "isdisabled": False,
            "_businessunitid_value": self.business_unit_id,
        }  # fmt: skip
        whole = {
            "organizationid": self.organization_id, "name": "periferia", "languagecode": 1033,
            "_basecurrencyid_value": self.currency_id, "expirechangetrackingindays": 7,
        }  # fmt: skip
        rows: dict[str, Record] = {
            "businessunit": unit,
            "transactioncurrency": money,
            "systemuser": user,
            "organization": whole,
        }
        for logical, row in rows.items():
            table = self.schema[logical]
            self.of(table)[str(row[table.key])] = born | row

    def _unlink(self, other: Table, lookup: str, key: str, now: datetime) -> None:
        for row in list(self.related(other, lookup, key)):
            child = row[other.key]
            is_case = other.logical == "incident" and lookup == "customerid"
            if (lookup in _PARENTS or is_case) and child in self.of(other):
                self.remove(other, child, now)
            elif child in self.of(other):
                self.change(other, child, {f"_{lookup}_value": None}, now)

    def _store(self, table: Table, key: str, row: Record, now: datetime) -> None:
        full = {name: value for name, value in row.items() if value is not None}
        if table.logical in self.plug_ins and not self.is_bypassing:
            raise aborted(self.plug_ins[table.logical])
        self._check_keys(table, key, full)
        self.version += 1
        full |= {"versionnumber": self.version, "modifiedon": _second(now), "_modifiedby_value": self.caller}
        if self.caller != self.user_id:
            full["_modifiedonbehalfby_value"] = self.user_id
        full |= computed(table, full, self.currency_id)
        self.of(table)[key] = full
        self.indexes.put(table, key, full)
        self.emulator.wrote()

    def _defaults(self, table: Table, key: str, now: datetime) -> Record:
        row: Record = {
            table.key: key, "createdon": _second(now), "modifiedon": _second(now),
            "_createdby_value": self.caller, "_modifiedby_value": self.caller,
        }  # fmt: skip
        if self.caller != self.user_id:
            row["_createdonbehalfby_value"] = self.user_id
        row |= first_values(table, key, len(self.of(table)))
        if "ownerid" in table.columns and table.columns["ownerid"].type == "Lookup":
            row |= {"_ownerid_value": self.caller, f"_ownerid_value{LOOKUP_TABLE}": "systemuser"}
            row["_owningbusinessunit_value"] = self.business_unit_id
        if table.states:
            state, (_, statuses) = next(iter(table.states.items()))
            row |= {"statecode": state, "statuscode": next(iter(statuses))}
        return row

    def _check_keys(self, table: Table, key: str, row: Mapping[str, Any]) -> None:
        for name, columns in table.alternate_keys.items():
            values = {column: row.get(column) for column in columns}
            if None in values.values():
                continue
            holder = self.find(table, values)
            if holder not in (None, key):
                raise clash(name, values)

    # ------------------------------------------------------------------ states

    def _first_state(self, table: Table, values: Record, key: str) -> Record:
        """
        A new record is always in the first state: a statecode is ignored, a status of another state refused.

        Source: "cannot create inactive record", reported with 0x80048408 from real environments.
        """
        if not table.states or "statuscode" not in values:
            return {name: value for name, value in values.items() if name != "statecode"}
        first = next(iter(table.states))
        self._fits(table, first, values["statuscode"], key)
        return values | {"statecode": first}

    def _next_state(self, table: Table, row: Record, values: Record, key: str) -> Record:
        if not table.states or not {"statecode", "statuscode"} & values.keys():
            return values
        wanted = values.get("statecode")
        state = row["statecode"] if wanted is None else wanted
        status = values.get("statuscode")
        if status is None:
            status = next(iter(table.states[state][1]))
        self._fits(table, state, status, key)
        return values | {"statecode": state, "statuscode": status}

    def _fits(self, table: Table, state: int, status: Any, key: str) -> None:
        label, statuses = table.states[state]
        if status not in statuses:
            raise DataverseRefused(
                400,
                "0x80048408",
                f"{status} is not a valid status code for state code {camel(table.logical)}State.{label} "
                f"on {table.logical} with Id {key}.",
            )


@functools.lru_cache(16)
def _second(now: datetime) -> str:
    return (now - timedelta(microseconds=now.microsecond)).isoformat().replace("+00:00", "Z")


def as_number(value: Decimal) -> Decimal:
    """Return a decimal the way the wire shows it: never in exponent form, a whole amount with one decimal."""
    plain = value.normalize()
    return plain.quantize(Decimal("0.1")) if plain == plain.to_integral_value() else plain
