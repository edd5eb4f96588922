"""Workbooks, by python-calamine (the extra ``excel``): the only file that imports it, and only when one is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from periferia_link.connectors.forms._archive import check_workbook
from periferia_link.connectors.forms._limits import Limits
from periferia_link.errors import ConfigurationError, MissingDependencyError

__all__ = ["WorkbookTable"]


class WorkbookTable:
    """
    The first sheet of a workbook that has a header; formulas give the value that stands in the file.

    Raises:
        MissingDependencyError: The extra is not installed.
        ConfigurationError: The file is no workbook, is dangerous, or has no such sheet.
    """

    def __init__(self, path: Path, limits: Limits, *, sheet: str | None = None) -> None:
        check_workbook(path, limits)
        self._limits = limits
        self._sheet = _sheet_of(path, sheet)
        self.sheet = str(self._sheet.name)
        self.header: Sequence[Any] = next(self._lines(), [])

    def rows(self) -> Iterator[Sequence[Any]]:
        """Yield the rows below the header."""
        lines = self._lines()
        next(lines, None)
        yield from lines

    def _lines(self) -> Iterator[Sequence[Any]]:
        try:
            yield from self._sheet.iter_rows()
        except Exception as exc:  # noqa: BLE001 - the library has classes of its own
            failure = _unreadable(exc)
        else:
            return
        raise failure


def _sheet_of(path: Path, wanted: str | None) -> Any:
    try:
        from python_calamine import CalamineWorkbook  # noqa: PLC0415 - an extra, and needed for workbooks only
    except ImportError:
        msg = "reading .xlsx needs the package python-calamine"
        raise MissingDependencyError(msg, hint="pip install 'periferia-link[excel]', or save the file as CSV") from None
    try:
        book = CalamineWorkbook.from_path(str(path))
        names = list(book.sheet_names)
        if wanted is not None and wanted not in names:
            failure = ConfigurationError(f"the workbook has no sheet {wanted}", hint=f"it has {', '.join(names)}")
        else:
            for name in [wanted] if wanted else names:
                sheet = book.get_sheet_by_name(name)
                if sheet.height or wanted:
                    return sheet
            failure = ConfigurationError("the workbook is empty", hint="export the answers again")
    except Exception as exc:  # noqa: BLE001 - the library has classes of its own
        failure = _unreadable(exc)
    raise failure


def _unreadable(exc: Exception) -> ConfigurationError:
    msg = f"the workbook cannot be read ({type(exc).__name__})"
    return ConfigurationError(msg, hint="export the answers again: in Forms, Open in Excel")
