"""One answer as every source gives it, and the rows of a table as such answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from periferia_link.connectors.forms._headers import WHOLE, Columns, text_of
from periferia_link.connectors.forms._limits import Limits
from periferia_link.connectors.forms._separated import SeparatedTable
from periferia_link.connectors.forms._times import DayOrder, instant_of, order_of
from periferia_link.connectors.forms._workbook import WorkbookTable
from periferia_link.connectors.forms.mapping import FormMapping
from periferia_link.errors import ConfigurationError

__all__ = ["Export", "RawResponse", "Table"]

_ARCHIVE = b"PK\x03\x04"
_FIELDS = ("started", "completed", "modified")
_TIMES = ("completed", "started", "modified")


class RawResponse(NamedTuple):
    """
    One answer, not yet understood: texts only, times in ISO 8601 with their zone.

    ``answers`` are pairs of title and text, empty ones too; ``points`` those of a quiz, by title, and the total under
    ``""``. ``id`` is that of Forms: a number that never comes again in one form.
    """

    id: str
    started: str | None
    completed: str | None
    modified: str | None
    email: str | None
    name: str | None
    answers: tuple[tuple[str, str], ...]
    points: tuple[tuple[str, str], ...] = ()

    @property
    def version(self) -> str:
        """A text that is another one after any edit."""
        return hashlib.blake2b(repr(tuple(self)).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()

    def to_body(self) -> dict[str, Any]:
        """Return it as the body of a row, JSON-ready."""
        return self._asdict() | {"answers": [*map(list, self.answers)], "points": [*map(list, self.points)]}


class Table(Protocol):
    """A header, and rows that can be read more than once."""

    @property
    def header(self) -> Sequence[Any]:
        """The cells of the first row."""
        ...

    @property
    def sheet(self) -> str | None:
        """Name of the sheet, in a workbook."""
        ...

    def rows(self) -> Iterator[Sequence[Any]]:
        """Yield the rows below the header, from the first one."""
        ...


class Export:
    """
    One export file, .xlsx or .csv, opened: what it is, and its answers one by one.

    Args:
        path: The file.

        limits: Its bounds.

        sheet: Of a workbook, by name; the first one that holds anything otherwise.

    Raises:
        ConfigurationError: It cannot be read, is dangerous, or is no export of Forms.
        MissingDependencyError: It is a workbook, and the extra ``excel`` is not installed.
    """

    def __init__(self, path: Path, limits: Limits, *, sheet: str | None = None) -> None:
        self.table: Table = _table_of(path, limits, sheet)
        self.limits = limits
        self.columns = Columns.of(self.table.header, max_columns=limits.max_columns)
        self.kind = "csv" if isinstance(self.table, SeparatedTable) else "xlsx"

    @property
    def titles(self) -> tuple[str, ...]:
        """The questions, in the order of the file."""
        return self.columns.titles

    def order(self, day_first: bool | None = None) -> DayOrder:  # noqa: FBT001 - None says: find out
        """
        Decide which number of a date is the day, for the whole file.

        Raises:
            ConfigurationError: It writes both orders.
        """
        return order_of(self._times(), language=self.columns.language, day_first=day_first)

    def _times(self) -> Iterator[str]:
        places = [self.columns.own[name] for name in _TIMES if name in self.columns.own][:1]
        for row in self.table.rows():
            for place in places:
                if place < len(row) and isinstance(row[place], str) and row[place]:
                    yield row[place].strip()

    def responses(self, mapping: FormMapping) -> Iterator[RawResponse]:
        """
        Yield the answers; what stands there twice comes once, and a row that has no ID of its own says so.

        Raises:
            ConfigurationError: Too many rows, or dates in both orders.
        """
        order, zone = self.order(mapping.day_first), mapping.zone
        seen: dict[str, int] = {}
        for number, row in enumerate(self.table.rows(), 2):
            if number > self.limits.max_rows + 1:
                msg = f"the file has more than {self.limits.max_rows:,} rows"
                raise ConfigurationError(msg, hint="raise max_rows if that is right")
            if not any(row):
                continue
            raw = self._response(row, order, zone)
            look = hash(raw)
            before = seen.setdefault(raw.id, look)
            if raw.id and before is look:
                yield raw
            elif not raw.id or before != look:
                yield raw._replace(id=f"?row {number}")

    def _response(self, row: Sequence[Any], order: DayOrder, zone: tzinfo) -> RawResponse:
        columns, width = self.columns, len(row)
        own = {name: row[place] for name, place in columns.own.items() if place < width}
        cells = (
            row[columns.begin : columns.end]
            if columns.begin and width >= columns.end
            else [row[place] if place < width else None for place, _ in columns.questions]
        )
        # a quarter of the time of a whole export goes by here: most cells are texts
        texts = [cell.strip() if type(cell) is str else (WHOLE.get(cell) or text_of(cell)) for cell in cells]
        answers = tuple(zip(columns.titles, texts, strict=True))
        points = tuple(
            (title, told) for place, title in columns.points if place < width and (told := text_of(row[place]))
        )
        total = text_of(own.get("points"))
        started, completed, modified = (_instant(own.get(name), order, zone) for name in _FIELDS)
        return RawResponse(
            text_of(own.get("id")),
            started,
            completed,
            modified,
            text_of(own.get("email")) or None,
            text_of(own.get("name")) or None,
            answers,
            (*points, ("", total)) if total else points,
        )


def _instant(cell: Any, order: DayOrder, zone: tzinfo) -> str | None:
    try:
        moment = instant_of(cell, order, zone)
    except (ValueError, OverflowError):
        return "?"  # told when the row is decoded: one bad time parks one answer
    return moment.isoformat() if moment else None


def _table_of(path: Path, limits: Limits, sheet: str | None) -> SeparatedTable | WorkbookTable:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            begins = file.read(4)
    except OSError as exc:
        msg = f"the file {path.name} cannot be read: {exc.strerror}"
        raise ConfigurationError(msg, hint="check the path and the rights of the file") from None
    if not size or size > limits.max_bytes:
        msg = f"the file {path.name} is empty" if not size else f"the file {path.name} is larger than its limit"
        raise ConfigurationError(msg, hint="export the answers again" if not size else "raise max_bytes if it is right")
    if begins == _ARCHIVE or path.suffix.lower() in (".xlsx", ".xlsm", ".xls"):
        return WorkbookTable(path, limits, sheet=sheet)
    return SeparatedTable(path, limits)
