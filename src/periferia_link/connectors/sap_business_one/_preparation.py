"""Prepares a company: the marker table, the field for our key, an index over it; safe to run again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from periferia_link.connectors.sap_business_one._refusals import error_for_read, refusal_of
from periferia_link.connectors.sap_business_one.kinds import KEY_FIELD, KEYED_TABLES, MARKER_TABLE, RATES_TABLE
from periferia_link.connectors.sap_business_one.querying._stored import RATES
from periferia_link.connectors.sap_business_one.reading._pages import Reads, Record
from periferia_link.errors import ConfigurationError, PermissionDeniedError, RecordInvalidError
from periferia_link.transport._json import dumps
from periferia_link.transport._odata import any_of, query
from periferia_link.transport._transport import Transport

__all__ = ["Preparation", "Step", "StepState", "prepared"]

StepState = Literal["there", "made", "missing", "refused"]
"""``missing``: a dry run would make it. ``refused``: SAP does not make it, and nothing depends on it."""

_KEY_SIZE: Final = 64
_TEXT: Final = {"Type": "db_Alpha", "SubType": "st_None"}
_RATE_FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "Employee": {**_TEXT, "Size": 50, "Description": "Employee code"},
    "From": {"Type": "db_Date", "SubType": "st_None", "Description": "Valid from"},
    "Hourly": {"Type": "db_Float", "SubType": "st_Price", "Description": "Cost of an hour"},
    "Currency": {**_TEXT, "Size": 3, "Description": "Currency (ISO 4217)"},
}
_HAS_IT: Final = frozenset({"-2035", "-1"})


class Step(NamedTuple):
    """One thing that a company needs: what it is, its name, and whether it was there."""

    what: Literal["table", "field", "index", "query"]
    name: str
    state: StepState
    note: str = ""


@dataclass(frozen=True, slots=True)
class Preparation:
    """
    What was found and made.

    ``needs_restart``: this node of the Service Layer does not know everything yet; every node has to be restarted.
    """

    steps: Sequence[Step]
    needs_restart: bool

    @property
    def made(self) -> int:
        """How many things were made now."""
        return sum(step.state == "made" for step in self.steps)

    @property
    def is_ready(self) -> bool:
        """Whether nothing is missing and nothing waits for a restart."""
        return not self.needs_restart and all(step.state != "missing" for step in self.steps)


class _Field(NamedTuple):
    table: str
    name: str
    body: Mapping[str, Any]
    size: int = 0


def prepared(transport: Transport, reads: Reads, *, with_rates: bool, dry_run: bool) -> Preparation:
    """
    Look what is there and make the rest: tables, then their fields, then the indexes.

    Source: UserTablesMD, UserFieldsMD and UserKeysMD of the Service Layer API Reference 1.27; that new definitions are
    seen after a restart only, guide 1.29, p. 225.

    Args:
        transport: Carries the writes, each once.

        reads: Whom to ask.

        with_rates: Make the table of dated cost rates, too.

        dry_run: Make nothing.

    Raises:
        PermissionDeniedError: The user is no superuser.
        ConfigurationError: A field of that name is there and too short for our key.
        ConnectorError: SAP refuses.
    """
    return _Preparing(transport, reads, dry_run=dry_run).all(with_rates=with_rates)


class _Preparing:
    def __init__(self, transport: Transport, reads: Reads, *, dry_run: bool) -> None:
        self._transport = transport
        self._reads = reads
        self._dry_run = dry_run

    def all(self, *, with_rates: bool) -> Preparation:
        steps = [*self._tables(with_rates=with_rates), *self._fields(with_rates=with_rates)]
        steps += [*self._indexes(), *self._queries()]
        probes = {f"{MARKER_TABLE}.Code": (MARKER_TABLE, "Code")}
        probes |= {f"{table}.{KEY_FIELD}": (table, KEY_FIELD) for table in KEYED_TABLES}
        if with_rates:
            probes[RATES_TABLE] = (RATES_TABLE, "U_Hourly")
        there = all(step.state != "missing" for step in steps)
        is_seen = all(self._reads.probe(query(table, select=[column], top=1)) for table, column in probes.values())
        return Preparation(steps, needs_restart=there and not is_seen)

    # ------------------------------------------------------------------ what there is to make

    def _tables(self, *, with_rates: bool) -> Iterator[Step]:
        wanted = {MARKER_TABLE: "periferia_link markers"}
        if with_rates:
            wanted[RATES_TABLE] = "periferia_link cost rates"
        names = {table.removeprefix("U_"): label for table, label in wanted.items()}
        test = any_of("TableName", list(names))
        found = {
            str(row["TableName"])
            for row in self._reads.every("UserTablesMD", "TableName", select=["TableName"], where=[test])
        }
        for name, label in names.items():
            body = {"TableName": name, "TableDescription": label, "TableType": "bott_NoObject"}
            yield Step("table", f"U_{name}", self._made("UserTablesMD", body, is_there=name in found))

    def _fields(self, *, with_rates: bool) -> Iterator[Step]:
        key = {**_TEXT, "Description": "periferia_link key", "Size": _KEY_SIZE, "EditSize": _KEY_SIZE}
        name = KEY_FIELD.removeprefix("U_")
        wanted = [_Field(database, name, key, _KEY_SIZE) for database in KEYED_TABLES.values()]
        if with_rates:
            rates = f"@{RATES_TABLE.removeprefix('U_')}"
            wanted += [_Field(rates, field, body) for field, body in _RATE_FIELDS.items()]
        found = {(str(row["TableName"]), str(row["Name"])): row for row in self._known([f.table for f in wanted])}
        for field in wanted:
            row = found.get((field.table, field.name))
            size = row.get("Size") if row is not None else None
            if isinstance(size, int) and size < field.size:
                msg = f"{field.table}.U_{field.name} keeps {size} characters, our key has {field.size}"
                raise ConfigurationError(msg, hint="lengthen the field in SAP (User-Defined Fields), then run it again")
            body = {"TableName": field.table, "Name": field.name, **field.body}
            state = self._made("UserFieldsMD", body, is_there=row is not None)
            yield Step("field", f"{field.table}.U_{field.name}", state)

    def _known(self, tables: Sequence[str]) -> Iterator[Record]:
        asked = {
            "filter": str(any_of("TableName", sorted(set(tables)))),
            "select": "TableName,FieldID,Name,Size",
            "orderby": "TableName,FieldID",
        }
        return self._reads.by_links("UserFieldsMD", asked, what="UserFieldsMD")

    def _indexes(self) -> Iterator[Step]:
        """
        Plan an index over our key on each table: every read-back searches by it.

        It is not unique: SAP's own Duplicate copies user fields, and people would be refused.
        """
        asked = {"filter": "KeyName eq 'PL_KEY'", "select": "TableName,KeyIndex,KeyName", "orderby": "TableName"}
        found = {str(row["TableName"]) for row in self._reads.by_links("UserKeysMD", asked, what="UserKeysMD")}
        column = {"ColumnAlias": KEY_FIELD.removeprefix("U_")}
        for database in KEYED_TABLES.values():
            body = {"TableName": database, "KeyName": "PL_KEY", "Unique": "tNO", "UserKeysMD_Elements": [column]}
            try:
                state = self._made("UserKeysMD", body, is_there=database in found)
            except RecordInvalidError as exc:
                # searching works without it, slowly in a large company
                yield Step("index", f"{database}.PL_KEY", "refused", exc.message)
            else:
                yield Step("index", f"{database}.PL_KEY", state)

    def _queries(self) -> Iterator[Step]:
        """Plan the stored query of exchange rates: a system that is plan-only later cannot make it any more."""
        found = self._reads.matching("SQLQueries", "SqlCode", column="SqlCode", values=[RATES.code], select=["SqlCode"])
        body = {"SqlCode": RATES.code, "SqlName": RATES.name, "SqlText": RATES.text}
        try:
            state = self._made("SQLQueries", body, is_there=bool(found))
        except RecordInvalidError as exc:
            yield Step("query", RATES.code, "refused", exc.message)
        else:
            yield Step("query", RATES.code, state)

    # ------------------------------------------------------------------ making

    def _made(self, table: str, body: Mapping[str, Any], *, is_there: bool) -> StepState:
        if is_there:
            return "there"
        if self._dry_run:
            return "missing"
        answer = self._transport.send("POST", table, headers={"Content-Type": "application/json"}, body=dumps(body))
        if 200 <= answer.status < 300:
            return "made"
        refusal = refusal_of(answer)
        if refusal.code in _HAS_IT and "exist" in refusal.text.casefold():
            return "there"
        told: dict[str, Any] = {"status_code": answer.status, "code": refusal.code, "system": self._transport.system}
        if answer.status in (401, 403):
            msg = f"the user may not change definitions in SAP ({table})"
            raise PermissionDeniedError(msg, hint="run it as a superuser of the company", **told)
        if not 400 <= answer.status < 500 or not refusal.code:
            raise error_for_read(answer, system=self._transport.system, what=table)
        msg = f"SAP does not make it ({table}, {refusal.code}): {refusal.text}"
        hint = "let everybody sign out of the company: definitions cannot change while others work; then run it again"
        raise RecordInvalidError(msg, hint=hint, **told)
