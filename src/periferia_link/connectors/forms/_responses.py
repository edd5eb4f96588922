"""One answer as every source gives it, and the rows of a table as such answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from periferia_link.connectors.forms._headers import WHOLE, Columns, text_of
from periferia_link.connectors.forms._limits import Limits
from periferia_link.connectors.forms._separated import SeparatedTable
from periferia_link.connectors.forms._times import DayOrder, instant_of, order_of
from periferia_link.connectors.forms._workbook import WorkbookTable
from periferia_link.connectors.forms.mapping import FormMapping
from periferia_link.errors import ConfigurationError

__all__ = ["Export", "Moment", "RawResponse", "Table", "parted"]

_ARCHIVE = b"PK\x03\x04"
_FIELDS = ("started", "completed", "modified", "email", "name", "points")
_TIMES = ("completed", "started", "modified")

_NO_TEXT = DayOrder(day_first=True, why="unneeded")

Moment: TypeAlias = "datetime | Literal['?'] | None"
"""A time in UTC, ``?`` for a cell that is none, ``None`` for an empty one."""


class RawResponse(NamedTuple):
    """
    One answer, not yet understood: texts, and times with their zone (``?`` for one that cannot be read).

    ``titles`` and ``texts`` go together, empty texts too; ``points`` are those of a quiz, by title, and the total under
    ``""``. ``id`` is that of Forms: a number that never comes again in one form.
    """

    id: str
    started: Moment
    completed: Moment
    modified: Moment
    email: str | None
    name: str | None
    titles: tuple[str, ...]
    texts: tuple[str, ...]
    points: tuple[tuple[str, str], ...] = ()

    @property
    def answers(self) -> tuple[tuple[str, str], ...]:
        """Title and text of every question."""
        return tuple(zip(self.titles, self.texts, strict=True))

    @property
    def version(self) -> str:
        """A text that is another one after any edit."""
        times = map(_written, self[1:4])
        told = (self.id, *times, self.email, self.name, self.answers, self.points)
        return hashlib.blake2b(repr(told).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()

    def to_body(self) -> dict[str, Any]:
        """Return it as the body of a row, JSON-ready."""
        return {
            "id": self.id,
            "started": _written(self.started),
            "completed": _written(self.completed),
            "modified": _written(self.modified),
            "email": self.email,
            "name": self.name,
            "answers": [*map(list, self.answers)],
            "points": [*map(list, self.points)],
        }


def _written(moment: Moment) -> str | None:
    return moment.isoformat() if isinstance(moment, datetime) else moment


def parted(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the titles and the texts of pairs."""
    told = tuple(pairs)
    return tuple([title for title, _ in told]), tuple([text for _, text in told])


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
        self._orders: dict[bool | None, DayOrder] = {}

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
        known = self._orders.get(day_first)
        if known is None:
            known = order_of(self._times(), language=self.columns.language, day_first=day_first)
            self._orders[day_first] = known
        return known

    def _times(self) -> Iterator[str]:
        places = [self.columns.own[name] for name in _TIMES if name in self.columns.own][:1]
        for row in self.table.rows():
            for place in places:
                if place < len(row) and isinstance(row[place], str) and row[place]:
                    yield row[place].strip()

    def rows(self) -> Iterator[tuple[str, Sequence[Any]]]:
        """
        Yield ID and cells of every answer; what stands there twice comes once, and a row without ID of its own says so.

        Raises:
            ConfigurationError: Too many rows.
        """
        most, place = self.limits.max_rows + 1, self.columns.own["id"]
        seen: dict[str, int] = {}
        for number, row in enumerate(self.table.rows(), 2):
            if number > most:
                msg = f"the file has more than {self.limits.max_rows:,} rows"
                raise ConfigurationError(msg, hint="raise max_rows if that is right")
            if not any(row):
                continue
            name = text_of(row[place]) if place < len(row) else ""
            look = hash(tuple(row))
            before = seen.setdefault(name, look)
            if name and before is look:
                yield name, row
            elif not name or before != look:
                yield f"?row {number}", row

    def responses(self, mapping: FormMapping) -> Iterator[RawResponse]:
        """
        Yield the answers.

        Raises:
            ConfigurationError: Too many rows, or dates in both orders.
        """
        read = _RowReader(self.columns, lambda: self.order(mapping.day_first), mapping.zone).read
        for name, row in self.rows():
            yield read(name, row)


class _RowReader:
    """
    Makes answers of rows: where everything stands is asked once for a whole file.

    The order of dates is asked when the first one stands there as text: workbooks mostly hold real dates.
    """

    def __init__(self, columns: Columns, order: Callable[[], DayOrder], zone: tzinfo) -> None:
        self._columns, self._order, self._zone = columns, order, zone
        self._titles, self._begin, self._end = columns.titles, columns.begin, columns.end
        self._own = tuple(columns.own.get(name, -1) for name in _FIELDS)

    def read(self, name: str, row: Sequence[Any]) -> RawResponse:
        """Return one answer."""
        width = len(row)
        cells: Sequence[Any] = (
            row[self._begin : self._end]
            if self._begin and width >= self._end
            else [row[place] if place < width else None for place, _ in self._columns.questions]
        )
        own = [row[place] if 0 <= place < width else None for place in self._own]
        started, completed, modified, email, who, total = own
        points = self._points(row, text_of(total)) if self._columns.points or total is not None else ()
        return RawResponse(
            name,
            self._instant(started),
            self._instant(completed),
            self._instant(modified),
            text_of(email) or None,
            text_of(who) or None,
            self._titles,
            # a quarter of the time of a whole export goes by here: most cells are texts
            tuple([cell.strip() if type(cell) is str else (WHOLE.get(cell) or text_of(cell)) for cell in cells]),
            points,
        )

    def _points(self, row: Sequence[Any], total: str) -> tuple[tuple[str, str], ...]:
        width = len(row)
        told = [(title, text_of(row[place]) if place < width else "") for place, title in self._columns.points]
        return (*(each for each in told if each[1]), *([("", total)] if total else ()))

    def _instant(self, cell: Any) -> Moment:
        if cell is None or cell == "":
            return None
        order = self._order() if type(cell) is str else _NO_TEXT
        try:
            return instant_of(cell, order, self._zone)
        except (ValueError, OverflowError):
            return "?"  # told when the row is decoded: one bad time parks one answer


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
