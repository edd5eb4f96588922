"""What the demo found, and the one JSON object that says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from periferia_link.cli.demo._emulators import Traffic
from periferia_link.engine import FlowReport, Plan
from periferia_link.engine.report import COUNTS

__all__ = ["Posting", "Proof", "RunResult", "as_json"]


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """One run: its name, what each flow reports, what the systems saw, how long it took."""

    name: str
    reports: Mapping[str, FlowReport]
    traffic: Traffic
    seconds: float
    plan: Plan | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the run, JSON-ready; writes and requests are those of the systems' own logs."""
        return {
            "name": self.name,
            "flows": {flow: {name: report.counts[name] for name in COUNTS} for flow, report in self.reports.items()},
            "writes": self.traffic.writes,
            "requests": self.traffic.requests,
            "seconds": round(self.seconds, 3),
        }


class Posting(NamedTuple):
    """A journal entry of ours as SAP keeps it: cost is what it adds to the account of labour."""

    number: int
    day: str
    project: str
    memo: str
    debit: Decimal
    credit: Decimal
    cost: Decimal

    @property
    def is_correction(self) -> bool:
        """Whether it posts a difference."""
        return self.memo.startswith("Labour adj.")


@dataclass(frozen=True, kw_only=True)
class Proof:
    """
    What the books of SAP say, beside what the hours say.

    ``booked`` and ``expected`` are COP. ``places`` counts pairs of project and day, ``differs`` names those where the
    two do not agree. ``untraced`` are approved work logs that no posting leads to, ``strange`` postings without work
    logs, or with some that nobody entered.
    """

    postings: int
    corrections: int
    debit: Decimal
    credit: Decimal
    booked: Decimal
    expected: Decimal
    hours: Decimal
    logs: int
    traced: int
    edges: int
    places: int
    unbalanced: Sequence[str] = ()
    differs: Sequence[str] = ()
    untraced: Sequence[str] = ()
    strange: Sequence[str] = ()
    quiet_writes: int = 0
    """Writes of the second run: there must be none."""
    example: tuple[Posting, Sequence[str]] | None = None
    """A posting and the work logs that it was made from."""

    holds: bool = field(init=False)

    def __post_init__(self) -> None:
        problems = (self.unbalanced, self.differs, self.untraced, self.strange)
        agrees = self.debit == self.credit and self.booked == self.expected and not any(problems)
        object.__setattr__(self, "holds", agrees and self.quiet_writes == 0 and self.postings > 0)


def as_json(runs: Sequence[RunResult]) -> dict[str, Any]:
    """Return the one object that ``--json`` prints."""
    return {"runs": [run.to_dict() for run in runs]}
