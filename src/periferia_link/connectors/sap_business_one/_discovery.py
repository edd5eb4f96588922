"""Reads what a company has added to SAP, and writes the part of periferia.toml that says which column holds what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from periferia_link.connectors._field_map import FieldMap, KindMap
from periferia_link.connectors.sap_business_one.kinds import KEY_FIELD, KEYED_TABLES, MARKER_TABLE, RATES_TABLE
from periferia_link.connectors.sap_business_one.reading._pages import Reads, Record
from periferia_link.errors import ConfigurationError
from periferia_link.transport._odata import any_of, query

__all__ = ["Finding", "Found", "UserField", "discovered"]

# What people of the region call the columns that a fresh company does not have: by kind and field, in names and labels.
_WORDS: Final[Mapping[tuple[str, str], re.Pattern[str]]] = {
    ("Project", "client"): re.compile(r"client|cliente|cardcode|socio", re.I),
}
_DATABASE: Final[Mapping[str, str]] = {
    **KEYED_TABLES,
    "ProfitCenters": "OPRC",
    "EmployeesInfo": "OHEM",
    "Orders": "ORDR",
    "DistributionRules": "OOCR",
}
_NONE: Final = frozenset({"", "st_None", "None"})
_MOST: Final = 12
_SELECT: Final = ("TableName", "FieldID", "Name", "Description", "Type", "SubType", "Size")


@dataclass(frozen=True, slots=True)
class UserField:
    """A user field: the column as the wire has it, its label, its type (``db_Alpha``) and size."""

    column: str
    label: str = ""
    type: str = "db_Alpha"
    size: int | None = None

    def __str__(self) -> str:
        size = f" {self.size}" if self.size and self.type == "db_Alpha" else ""
        return f"{self.column}: {' '.join(self.label.split()) or '-'} ({self.type.removeprefix('db_')}{size})"


@dataclass(frozen=True, slots=True)
class Found:
    """
    What was found about one kind, or one user table.

    ``columns`` are the entries that differ from the map, ``others`` the user fields that no domain field names.
    """

    kind: str
    table: str
    key: str
    columns: Mapping[str, str] = field(default_factory=dict)
    others: Sequence[UserField] = ()
    label: str = ""
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """
    Everything that was found; :attr:`toml` is the text, :meth:`write` puts it into a file.

    ``lacking`` are the tables that cannot hold our key yet, ``waits`` user fields that were made and that this node of
    the Service Layer does not know before its restart.
    """

    system: str
    found: Sequence[Found]
    lacking: Sequence[str] = ()
    waits: Sequence[str] = ()

    @property
    def toml(self) -> str:
        """The tables ``[systems.<name>.fields.…]`` of periferia.toml, with what to decide as comments."""
        lines = [f"# User fields and tables of the company behind [systems.{self.system}], compared with the map."]
        if self.lacking:
            lines.append(f"# {KEY_FIELD} is missing on {', '.join(self.lacking)}: periferia-link init sap")
        if self.waits:
            lines.append(f"# Known after a restart of the Service Layer: {', '.join(self.waits)}")
        for each in self.found:
            if each.columns or each.others:
                lines += ["", *_lines(self.system, each)]
        return "\n".join(lines) + "\n"

    def write(self, path: str | Path) -> None:
        """
        Write the text into a file, or behind what a file holds.

        Raises:
            ConfigurationError: The file says something about these columns already, or cannot be written.
        """
        file = Path(path)
        try:
            before = file.read_text(encoding="utf-8") if file.exists() else ""
            if f"[systems.{self.system}.fields" in before:
                msg = f"{file.name} has columns for {self.system} already"
                raise ConfigurationError(msg, hint="write to another file and compare the two")
            file.write_text(f"{before.rstrip()}\n\n{self.toml}" if before else self.toml, encoding="utf-8")
        except OSError as exc:
            msg = f"{file.name} cannot be written: {exc.strerror}"
            raise ConfigurationError(msg, hint="choose a path that you may write to") from exc


def discovered(system: str, fields: FieldMap, reads: Reads) -> Finding:
    """
    Compare the user fields and tables of a company with a field map.

    Args:
        system: Instance name.

        fields: The defaults, or what the installation has already.

        reads: Whom to ask.

    Raises:
        ConnectorError: SAP refused.
    """
    own = {_DATABASE[each.table]: kind for kind, each in fields.items() if each.table in _DATABASE}
    by_table: dict[str, list[Record]] = {}
    tables = {str(row["TableName"]): row for row in _user_tables(reads)}
    for row in _user_fields(reads, [*own, *(f"@{name}" for name in tables)]):
        by_table.setdefault(str(row["TableName"]), []).append(row)
    found, waits = [], []
    for database, kind in own.items():
        known, late = _seen(reads, fields[kind].table, [_field(row) for row in by_table.get(database, [])])
        found.append(_compared(kind, fields[kind], known))
        waits += [f"{fields[kind].table}.{each.column}" for each in late]
    keyed = {database for database, rows in by_table.items() if any(_column(row) == KEY_FIELD for row in rows)}
    lacking = [name for name, database in KEYED_TABLES.items() if database not in keyed]
    for name, row in tables.items():
        others = [_field(each) for each in by_table.get(f"@{name}", [])]
        if f"U_{name}" not in (MARKER_TABLE, RATES_TABLE):
            label = str(row.get("TableDescription") or "")
            found.append(Found(_kind_name(name), f"U_{name}", "Code", {}, others, label, is_own=True))
    return Finding(system, found, lacking, waits)


def _user_tables(reads: Reads) -> list[Record]:
    return reads.every("UserTablesMD", "TableName", select=["TableName", "TableDescription", "TableType"])


def _user_fields(reads: Reads, tables: Sequence[str]) -> Iterator[Record]:
    """Read the definitions table by table: their key has two columns, so pages are counted."""
    for start in range(0, len(tables), 20):
        asked = {
            "filter": str(any_of("TableName", tables[start : start + 20])),
            "select": ",".join(_SELECT),
            "orderby": "TableName,FieldID",
        }
        yield from reads.by_links("UserFieldsMD", asked, what="UserFieldsMD")


def _seen(reads: Reads, table: str, fields: Sequence[UserField]) -> tuple[list[UserField], list[UserField]]:
    """Part the fields into those that this node knows and those that wait for its restart."""
    if not fields or reads.probe(query(table, select=[each.column for each in fields], top=1)):
        return list(fields), []
    known = [each for each in fields if reads.probe(query(table, select=[each.column], top=1))]
    return known, [each for each in fields if each not in known]


def _compared(kind: str, columns: KindMap, fields: Sequence[UserField]) -> Found:
    mapped = {*columns.columns.values(), *columns.extra, KEY_FIELD}
    free = [each for each in fields if each.column not in mapped]
    changed: dict[str, str] = {}
    for (of, name), words in _WORDS.items():
        if of == kind and name not in columns.columns:
            hit = next((each for each in free if words.search(each.column) or words.search(each.label)), None)
            if hit is not None:
                changed[name] = hit.column
    others = [each for each in free if each.column not in changed.values()]
    return Found(kind, columns.table, columns.key, changed, others)


def _lines(system: str, found: Found) -> Iterator[str]:
    own = "# " if found.is_own else ""
    if found.is_own:
        yield f"# User table {found.table}{f' ({found.label})' if found.label else ''}: {len(found.others)} fields"
        yield from (f"#   {each}" for each in found.others[:_MOST])
        return
    yield f"{own}[systems.{system}.fields.{found.kind}]"
    if found.columns:
        entries = ", ".join(f'{name} = "{column}"' for name, column in sorted(found.columns.items()))
        yield f"columns = {{ {entries} }}"
    if found.others:
        yield f"# extra = [{', '.join(_quoted(each.column) for each in found.others[:_MOST])}]"
        yield from (f"#   {each}" for each in found.others[:_MOST])


def _column(row: Record) -> str:
    return f"U_{row['Name']}"


def _field(row: Record) -> UserField:
    size = row.get("Size")
    subtype = str(row.get("SubType") or "")
    type_ = str(row.get("Type") or "db_Alpha")
    return UserField(
        _column(row),
        str(row.get("Description") or ""),
        type_ if subtype in _NONE else f"{type_} {subtype}",
        int(size) if isinstance(size, int) else None,
    )


def _kind_name(table: str) -> str:
    return "".join(part[:1].upper() + part[1:].lower() for part in table.split("_"))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "").replace('"', "") + '"'
