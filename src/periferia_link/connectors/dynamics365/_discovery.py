"""Reads a live environment and writes the part of periferia.toml that says which column holds what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from periferia_link.connectors._field_map import FieldMap, KindMap
from periferia_link.connectors.dynamics365.reading._metadata import Attribute, Metadata
from periferia_link.connectors.dynamics365.reading._web_api import WebApi
from periferia_link.errors import ConfigurationError
from periferia_link.transport._odata import query

__all__ = ["Finding", "Found", "discovered"]

# What people of the region call the columns that no fresh environment has: by field, in names and labels.
_WORDS: Final[Mapping[tuple[str, str], re.Pattern[str]]] = {
    ("Client", "tax_id"): re.compile(r"\b(nit|rut|ruc|rfc|cuit|cnpj|tax ?id|identificaci[oó]n|documento)\b", re.I),
    ("Opportunity", "number"): re.compile(r"\b(n[uú]mero|number|consecutivo|c[oó]digo|folio)\b", re.I),
    ("Ticket", "external_ref"): re.compile(r"external|externo|integration|integraci[oó]n|\b(key|llave)\b", re.I),
    ("Contact", "code"): re.compile(r"\b(c[eé]dula|documento|identificaci[oó]n|code|c[oó]digo)\b", re.I),
}
_TEXTS: Final = frozenset({"String", "Memo"})
_BEST: Final = 12


@dataclass(frozen=True, slots=True)
class Found:
    """
    What was found about one kind.

    ``columns`` are the entries that differ from the defaults (an empty column takes a field out of the exchange),
    ``others`` the columns of the installation that no field names, with their labels.
    """

    kind: str
    table: str
    key: str
    columns: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """Everything that was found; :attr:`toml` is the text, :meth:`write` puts it into a file."""

    system: str
    found: Sequence[Found]
    absent: Sequence[str] = ()

    @property
    def toml(self) -> str:
        """The tables ``[systems.<name>.fields.…]`` of periferia.toml, with what to decide as comments."""
        lines = [f"# Columns of the environment behind [systems.{self.system}]: read, compared with the defaults."]
        if self.absent:
            lines.append(f"# Not in this environment: {', '.join(self.absent)}.")
        for each in self.found:
            if each.columns or each.others or each.choices:
                lines += ["", *_table_lines(self.system, each)]
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


def discovered(system: str, fields: FieldMap, api: WebApi, metadata: Metadata, prefix: str | None) -> Finding:
    """
    Compare the tables, columns and choices of an environment with a field map.

    Args:
        system: Instance name.

        fields: The defaults, or what the installation has already.

        api: Whom to ask.

        metadata: What was asked before.

        prefix: Look only at custom columns and tables of this publisher.

    Raises:
        ConnectorError: The environment refused.
    """
    definitions = api.definitions([each.table for each in fields.values()])
    found: list[Found] = []
    absent: list[str] = []
    for name, columns in fields.items():
        known = definitions.get(columns.table)
        if known is None:
            absent.append(columns.table)
            continue
        attributes = metadata.attributes(known.logical_name)
        choices = _choices(metadata, name, known.logical_name, columns)
        found.append(_compared(name, columns, attributes, prefix, choices))
    found += _own_tables(api, metadata, {columns.table for columns in fields.values()}, prefix)
    return Finding(system, found, absent)


def _choices(metadata: Metadata, name: str, logical: str, columns: KindMap) -> dict[str, dict[str, int]]:
    """Return choices whose labels are the words of a field in other numbers than the defaults have."""
    labels: dict[str, Mapping[int, str]] = {}
    if columns.choices:
        labels = dict(metadata.options(logical))
    told: dict[str, dict[str, int]] = {}
    for field_name, words in columns.choices.items():
        own = labels.get(columns.columns.get(field_name, ""), {})
        named = {_word(label): number for number, label in own.items()}
        moved = {word: named[word] for word in words if word in named and named[word] != words[word]}
        if moved and not name.startswith("Interaction"):
            told[field_name] = {**words, **moved}
    return told


def _own_tables(api: WebApi, metadata: Metadata, taken: set[str], prefix: str | None) -> Iterator[Found]:
    asked = query(
        "EntityDefinitions",
        select=["LogicalName", "EntitySetName", "PrimaryIdAttribute", "PrimaryNameAttribute", "SchemaName"],
        filter="IsCustomEntity eq true",
    )
    for row in api.rows(asked):
        logical, table = str(row.get("LogicalName")), str(row.get("EntitySetName"))
        if table in taken or not logical.startswith(f"{prefix}_" if prefix else "") or logical.startswith("msdyn"):
            continue
        attributes = metadata.attributes(logical)
        others = {each.wire: each.label for each in attributes if each.is_custom and each.is_readable}
        schema = str(row.get("SchemaName")).rpartition("_")[2]
        kind = schema[:1].upper() + schema[1:]
        yield Found(kind, table, str(row.get("PrimaryIdAttribute")), {}, others, is_own=True)


def _compared(
    name: str,
    columns: KindMap,
    attributes: Sequence[Attribute],
    prefix: str | None,
    choices: Mapping[str, Mapping[str, int]],
) -> Found:
    there = {each.wire for each in attributes}
    own = [each for each in attributes if each.is_custom and each.is_readable]
    own = [each for each in own if prefix is None or each.name.startswith(f"{prefix}_")]
    mapped = set(columns.columns.values())
    changed: dict[str, str] = {}
    for (kind, field_name), words in _WORDS.items():
        if kind == name and columns.columns.get(field_name) not in there:
            hit = next((each for each in own if each.type in _TEXTS and _is_called(each, words)), None)
            if hit is not None:
                changed[field_name] = hit.wire
    for field_name, column in columns.columns.items():
        if column not in there and field_name not in changed:
            changed[field_name] = ""
    named = mapped | set(changed.values())
    others = {each.wire: each.label for each in own if each.wire not in named}
    return Found(name, columns.table, columns.key, changed, others, choices)


def _is_called(attribute: Attribute, words: re.Pattern[str]) -> bool:
    plain = attribute.name.partition("_")[2].replace("_", " ")
    return words.search(plain) is not None or words.search(attribute.label) is not None


def _word(label: str) -> str:
    return label.strip().casefold().replace(" ", "_")


def _table_lines(system: str, found: Found) -> Iterator[str]:
    name = found.kind if found.kind.isidentifier() else f'"{found.kind}"'
    own = "# " if found.is_own else ""
    if found.is_own:
        yield f"# A table of the installation; take the signs away to read and write it as {found.kind}:"
    yield f"{own}[systems.{system}.fields.{name}]"
    if found.is_own:
        yield f'{own}table = "{found.table}"'
        yield f'{own}key = "{found.key}"'
        yield f"{own}extra = [{', '.join(_quoted(column) for column in found.others)}]"
        return
    entries = ", ".join(f"{field_name} = {_quoted(column)}" for field_name, column in sorted(found.columns.items()))
    if entries:
        yield f"columns = {{ {entries} }}"
    if found.others:
        listed = [f"{_quoted(column)}" for column in list(found.others)[:_BEST]]
        labels = "; ".join(f"{column}: {label}" for column, label in list(found.others.items())[:_BEST] if label)
        yield f"# extra = [{', '.join(listed)}]  # {' '.join(labels.split())}"
    for field_name, words in found.choices.items():
        told = ", ".join(f"{_key(word)} = {number}" for word, number in words.items())
        yield f"choices.{field_name} = {{ {told} }}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "").replace('"', "") + '"'


def _key(word: str) -> str:
    return word if re.fullmatch(r"[A-Za-z0-9_-]+", word) else _quoted(word)
