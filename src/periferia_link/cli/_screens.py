"""What the command shows: lines, tables, bars on a terminal; plain columns in a pipe."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import IO, Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from periferia_link.cli._words import Words
from periferia_link.engine import Progress
from periferia_link.errors import ConnectorError, LinkError

__all__ = ["Screen"]

_PIPE_WIDTH = 10_000  # a pipe has no right margin: nothing is wrapped or cut there


class Screen:
    """
    Writes what people read to standard output; errors and bars to standard error.

    Args:
        words: The language.

        is_silent: Keep standard output for the one JSON object.

        out: Instead of standard output.

        err: Instead of standard error.
    """

    def __init__(
        self, words: Words, *, is_silent: bool = False, out: IO[str] | None = None, err: IO[str] | None = None
    ) -> None:
        self.words = words
        self.is_silent = is_silent
        self._out = _console(out or sys.stdout)
        self._err = _console(err or sys.stderr)
        self._shown: Callable[[Progress], None] | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether a person sees standard output right now."""
        return self._out.is_terminal

    @property
    def width(self) -> int:
        """Characters of a line."""
        return self._out.width

    # ------------------------------------------------------------------ text

    def line(self, text: str = "", *, style: str = "", indent: int = 0) -> None:
        """Write one paragraph; on a terminal it is wrapped at words, and those behind a bullet stay behind it."""
        if self.is_silent:
            return
        hang = indent + (2 if text[1:2] == " " else 0)
        wide = max(20, self._out.width - hang)
        for number, part in enumerate(Text(text, style=style).wrap(self._out, wide) if text else [Text()]):
            part.rstrip()
            self._out.print(Text(" " * (indent if number == 0 else hang)) + part)

    def heading(self, text: str) -> None:
        """Begin a section."""
        self.line()
        self.line(text, style="bold")
        self.line("─" * min(len(text), 100), style="dim")

    def art(self, text: str) -> None:
        """Write a drawing as it is."""
        if not self.is_silent:
            self._out.print(Text(text), overflow="ignore", no_wrap=True, crop=False)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[Any]], *, texts: int = 1, indent: int = 0) -> None:
        """
        Write a table.

        Args:
            headings: Of the columns.

            rows: Values, written as the language writes them.

            texts: How many columns at the left hold text; the others hold numbers.

            indent: Blanks before it.
        """
        if self.is_silent:
            return
        form = box.SIMPLE_HEAD if self._out.is_terminal else None
        table = Table(box=form, pad_edge=False, show_edge=False, header_style="bold")
        for place, heading in enumerate(headings):
            table.add_column(heading, justify="left" if place < texts else "right", overflow="fold")
        for row in rows:
            table.add_row(*(self._cell(value) for value in row))
        for text in self._lines_of(table):
            self._out.print(Text(" " * indent) + text, no_wrap=True, crop=False)

    def _lines_of(self, table: Table) -> Iterator[Text]:
        for segments in self._out.render_lines(table, pad=False):
            text = Text()
            for segment in segments:
                text.append(segment.text, segment.style)
            text.rstrip()
            yield text

    def _cell(self, value: Any) -> Text:
        text = self.words.shown(value)
        return Text(text, style="dim" if value == 0 and isinstance(value, int) else "")

    def facts(self, rows: Sequence[tuple[str, Any]], *, indent: int = 2) -> None:
        """Write labelled values, one below the other; a long value is wrapped behind its label."""
        wide = max((len(label) for label, _ in rows), default=0) + indent + 2
        for label, value in rows:
            text = self.words.shown(value)
            head = Text(f"{' ' * indent}{label}:".ljust(wide), style="dim")
            for number, part in enumerate(Text(text).wrap(self._out, max(20, self._out.width - wide))):
                part.rstrip()
                if not self.is_silent:
                    self._out.print((head if number == 0 else Text(" " * wide)) + part)

    def json(self, value: Any, *, in_one_line: bool = False) -> None:
        """Write one JSON object, also where everything else is silent."""
        text = json.dumps(value, ensure_ascii=False, indent=None if in_one_line else 1, default=str)
        self._out.file.write(text + "\n")
        self._out.file.flush()

    # ------------------------------------------------------------------ errors

    def say(self, text: str) -> None:
        """Write a paragraph to standard error: for people who watch, also beside a JSON object."""
        for part in Text(text).wrap(self._err, max(20, self._err.width)):
            part.rstrip()
            self._err.print(part)

    def problem(self, error: LinkError) -> None:
        """Write what happened, where, and the next step."""
        # a run that stopped for another error may repeat its next step
        what = error.message.removesuffix(f" → {error.hint}")
        rows = [("error.what", what), ("error.where", _place(error)), ("error.next", error.hint)]
        # where it happened is a path, never a sentence
        said = [
            (self.words(name), text if name == "error.where" else self.words.sentence(text))
            for name, text in rows
            if text
        ]
        self.trouble(said)

    def trouble(self, rows: Sequence[tuple[str, str]]) -> None:
        """Write labelled sentences to standard error."""
        width = max(len(label) for label, _ in rows)
        for place, (label, text) in enumerate(rows):
            head = Text("✗ " if place == 0 else "  ", style="bold red" if place == 0 else "")
            head.append(f"{label}:".ljust(width + 2), style="bold")
            lines = Text(text).wrap(self._err, max(20, self._err.width - width - 4))
            for number, part in enumerate(lines):
                part.rstrip()
                self._err.print((head if number == 0 else Text(" " * (width + 4))) + part)

    # ------------------------------------------------------------------ bars

    def progress(self, step: Progress) -> None:
        """Take one step of the engine; it shows inside :meth:`bars` only."""
        if self._shown:
            self._shown(step)

    @contextmanager
    def bars(self, totals: Mapping[tuple[str, str], int] | None = None) -> Iterator[None]:
        """
        Show progress on a terminal while the block works.

        Args:
            totals: How many records are expected, by flow and stage, where that is known.
        """
        if not self._err.is_terminal:
            yield
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Bars(*columns, console=self._err, transient=True, refresh_per_second=8) as shown:
            self._shown = _Steps(shown, self.words, totals or {})
            try:
                yield
            finally:
                self._shown = None


class _Steps:
    """One bar for each stage of each flow that has one in the language; the others pass unseen."""

    def __init__(self, bars: Bars, words: Words, totals: Mapping[tuple[str, str], int]) -> None:
        self._bars = bars
        self._words = words
        self._totals = totals
        self._tasks: dict[tuple[str, str], TaskID] = {}

    def __call__(self, step: Progress) -> None:
        name = f"stage.{step.stage}"
        if not self._words.has(name):
            return
        place = (step.flow, step.stage)
        # what a flow read last time says nothing about how much there is to read now
        total = self._totals.get(place) or (None if step.stage == "read" else step.total)
        if place not in self._tasks:
            self._tasks[place] = self._bars.add_task(f"{step.flow} · {self._words(name)}", total=total)
        self._bars.update(self._tasks[place], completed=step.done, total=total and max(total, step.done))


def _console(file: IO[str]) -> Console:
    if isinstance(file, TextIOWrapper):
        file.reconfigure(errors="replace")  # a terminal without these letters shows question marks, it does not fail
    is_terminal = file.isatty() and os.environ.get("TERM") != "dumb"
    return Console(
        file=file,
        force_terminal=is_terminal,
        width=None if is_terminal else _PIPE_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
    )


def _place(error: LinkError) -> str:
    if not isinstance(error, ConnectorError):
        return _place(error.__cause__) if isinstance(error.__cause__, ConnectorError) else ""
    parts = [error.system, error.operation, str(error.ref) if error.ref else None]
    answer = f"HTTP {error.status_code}" if error.status_code else None
    return " · ".join(part for part in (*parts, answer, error.code, error.request_id) if part)
