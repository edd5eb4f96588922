"""What the campaign counted, for the table at its end."""

from __future__ import annotations

import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from campaign.books_check import Findings
from campaign.crash_points import Crash
from campaign.real_kills import MODES, Kill

__all__ = ["TALLY", "Tally"]

_PLACES = ("before commit", "after commit", "elsewhere")


@dataclass
class Tally:
    """Counts of a session."""

    points: Counter[str] = field(default_factory=Counter)
    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    facts: list[str] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)

    def crash(self, crash: Crash) -> None:
        """Count one simulated crash."""
        self.points[crash.kind] += 1
        self._judge(crash.findings)

    def kill(self, kill: Kill) -> None:
        """Count one real kill."""
        self.kills[kill.mode, kill.place] += 1
        self.late[kill.mode] += kill.aim.when == "late"
        self._judge(kill.findings)

    def fact(self, sentence: str) -> None:
        """Keep a sentence for the end."""
        self.facts.append(sentence)

    def _judge(self, found: Findings) -> None:
        self.bad["duplicates"] += max(found.extra, len(found.duplicates))
        self.bad["losses"] += len(found.losses)
        self.bad["unbalanced"] += len(found.unbalanced)
        self.bad["not hours × rate"] += len(found.amounts)
        self.bad["writes of the idle run"] += len(found.idle_writes)
        self.bad["left open"] += len(found.left_open)
        self.bad["untraceable"] += len(found.untraceable)

    def lines(self) -> list[str]:
        """Return the table."""
        lines = ["simulated crash points"]
        lines += [f"  {number:6}  {kind}" for kind, number in sorted(self.points.items())]
        lines += [f"  {self.points.total():6}  in all", "", "real SIGKILLs over HTTP, between send and outcome"]
        lines += [f"  {'write mode':28}{''.join(f'{place:>16}' for place in _PLACES)}{'commits late':>16}"]
        for mode in (*MODES, "any"):
            row = "".join(f"{self.kills[mode, place]:16}" for place in _PLACES)
            lines.append(f"  {mode if mode != 'any' else 'random moment':28}{row}{self.late[mode]:16}")
        lines += [f"  {self.kills.total():6}  in all", "", "what the books showed afterwards"]
        lines += [f"  {number:6}  {what}" for what, number in self.bad.items()]
        lines += ["", *self.facts]
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        cpu = sum(each.ru_utime + each.ru_stime for each in used)
        lines.append(
            f"{cpu:.0f} CPU seconds, {time.monotonic() - self.begun:.0f} s by the clock, Python {sys.version.split()[0]}"
        )
        return lines

    def __bool__(self) -> bool:
        return bool(self.points or self.kills or self.facts)


TALLY = Tally()
