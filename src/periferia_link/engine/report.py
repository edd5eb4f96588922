"""What a run did: counts by flow, parked records with reasons, readable and JSON-ready."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

__all__ = ["COUNTS", "FlowReport", "Progress", "RunReport", "html_table"]

COUNTS = ("created", "updated", "deleted", "unchanged", "adopted", "parked", "review")
_MORE = ("unmatched", "different", "waiting", "skipped", "refused", "actions")
_EXAMPLES = 50


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a long run: ``done`` of ``total`` records (``None``: not known) in a named stage."""

    flow: str
    stage: str
    done: int
    total: int | None = None


@dataclass(slots=True)
class FlowReport:
    """
    Counts of one flow in one run.

    ``notes`` are sentences for a person (why records were parked, what differs), at most 50; ``requests`` are write
    requests that were sent; ``windows`` names residual windows that applied.
    """

    flow: str
    counts: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    notes: list[str] = field(default_factory=list)
    windows: set[str] = field(default_factory=set)
    more_notes: int = 0

    def count(self, what: str, number: int = 1) -> None:
        """Add to a count."""
        self.counts[what] += number

    def note(self, sentence: str) -> None:
        """Keep a sentence; beyond 50 they are only counted."""
        if len(self.notes) < _EXAMPLES:
            self.notes.append(sentence)
        else:
            self.more_notes += 1

    def __getattr__(self, name: str) -> int:
        if name in COUNTS or name in _MORE:
            return int(self.counts[name])
        raise AttributeError(name)

    @property
    def writes(self) -> int:
        """Records that changed in the target."""
        return self.counts["created"] + self.counts["updated"] + self.counts["deleted"] + self.counts["actions"]

    def to_dict(self) -> dict[str, Any]:
        """Return the counts, JSON-ready."""
        row: dict[str, Any] = {name: self.counts[name] for name in COUNTS}
        row |= {name: self.counts[name] for name in _MORE if self.counts[name]}
        return row | ({"notes": list(self.notes)} if self.notes else {})


@dataclass(slots=True)
class RunReport:
    """Reports of all flows of a run, by name, in the order they ran."""

    _labels: ClassVar[tuple[str, ...]] = COUNTS
    flows: dict[str, FlowReport] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def writes(self) -> int:
        """Records that changed in the targets."""
        return sum(report.writes for report in self.flows.values())

    def __getitem__(self, name: str) -> FlowReport:
        return self.flows[name]

    def to_dict(self) -> Mapping[str, Any]:
        """Return everything, JSON-ready."""
        return {"flows": {name: report.to_dict() for name, report in self.flows.items()}, "seconds": self.seconds}

    def _rows(self) -> list[list[str]]:
        return [[name, *(str(report.counts[label]) for label in COUNTS)] for name, report in self.flows.items()]

    def __str__(self) -> str:
        rows = [["flow", *COUNTS], *self._rows()]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = [
            "  ".join(
                cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
        notes = [f"  {name}: {note}" for name, report in self.flows.items() for note in report.notes]
        return "\n".join(lines + notes)

    def _repr_pretty_(self, printer: Any, cycle: object) -> None:
        del cycle  # it holds no other of its kind
        printer.text(str(self))

    def _repr_html_(self) -> str:
        rows = [[*row, _more(report)] for row, report in zip(self._rows(), self.flows.values(), strict=True)]
        notes = [f"{name}: {note}" for name, report in self.flows.items() for note in report.notes]
        listed = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
        return html_table(("flow", *COUNTS, "and"), rows) + (f"<ul>{listed}</ul>" if listed else "")


def _more(report: FlowReport) -> str:
    return ", ".join(f"{report.counts[name]} {name}" for name in _MORE if report.counts[name])


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table for a notebook; every cell is escaped."""
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
