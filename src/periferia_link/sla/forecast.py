"""Will it breach? When, how likely by the tickets that came before, and said in a sentence."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from periferia_link.domain.ticket import TicketPriority
from periferia_link.sla.clock import SlaClock
from periferia_link.sla.duration import spoken
from periferia_link.sla.policy import Metric

__all__ = ["Experience", "Forecast", "forecast"]

_ENOUGH = 20  # fewer comparable tickets say too little


class Experience:
    """
    How long clocks of the past took, by metric and priority; clocks that still run count for as long as they ran.

    The share that takes longer is estimated as in survival analysis (Kaplan and Meier), so that open tickets neither
    count as quick nor are forgotten. Cancelled clocks count as long as they ran.
    """

    def __init__(self, clocks: Iterable[SlaClock] = ()) -> None:
        self._spent: dict[tuple[Metric, TicketPriority | None], list[tuple[timedelta, bool]]] = defaultdict(list)
        for clock in clocks:
            for place, cycle in enumerate(clock.cycles):
                is_last = place == len(clock.cycles) - 1
                is_done = cycle.end is not None and not (is_last and clock.state == "cancelled")
                self._spent[clock.metric, clock.priority].append((cycle.elapsed, is_done))
        for spent in self._spent.values():
            spent.sort()

    def comparable(self, clock: SlaClock) -> int:
        """Return how many cycles of that metric and priority ran at least as long as this one has."""
        spent = self._spent.get((clock.metric, clock.priority), [])
        elapsed = clock.cycles[-1].elapsed if clock.cycles else timedelta(0)
        return len(spent) - bisect_right(spent, (elapsed, True))

    def longer_than(self, clock: SlaClock, goal: timedelta) -> float:
        """Return the share of the comparable cycles that took longer than *goal*, from 0 to 1."""
        spent = self._spent.get((clock.metric, clock.priority), [])
        elapsed = clock.cycles[-1].elapsed if clock.cycles else timedelta(0)
        survival, at_risk = 1.0, self.comparable(clock)
        for duration, is_done in spent[len(spent) - at_risk :]:
            if duration > goal:
                break
            if is_done and duration > elapsed:
                survival *= 1 - 1 / at_risk
            at_risk -= 1
            if not at_risk:
                break
        return survival


@dataclass(frozen=True, slots=True)
class Forecast:
    """
    What is to be expected of a clock.

    ``breach_at`` is when the target is used up if nothing pauses the clock from now on; ``None`` once the clock
    stopped in time. ``probability`` is ``None`` where fewer than 20 tickets are comparable; then it only
    speaks of the present pace. ``basis`` counts the comparable ones.
    """

    breach_at: datetime | None
    probability: float | None
    basis: int
    clock: SlaClock

    def words(self, language: Literal["es", "en"] = "en") -> str:
        """Say it in a sentence; times are in UTC."""
        clock = self.clock
        if clock.breached:
            at = clock.breach_at
            return _say(language, "breached", at=_at(at))
        if not clock.is_running or clock.remaining is None:
            return _say(language, "over")
        kind = "paused" if clock.state == "paused" else "running"
        pace = _say(language, kind, left=spoken(clock.remaining), at=_at(self.breach_at))
        if self.probability is None:
            return f"{pace} {_say(language, 'few', n=self.basis)}"
        likely = round(self.probability * self.basis)
        spent = spoken(clock.cycles[-1].elapsed)
        return f"{pace} {_say(language, 'share', n=self.basis, k=likely, spent=spent, within=clock.within)}"


def forecast(clock: SlaClock, experience: Experience | None = None) -> Forecast:
    """
    Return what is to be expected of a clock.

    Args:
        clock: As :func:`~periferia_link.sla.measure` gave it.

        experience: Clocks of earlier tickets; without it the forecast is about the present pace only.
    """
    if not clock.cycles:
        return Forecast(None, None, 0, clock)
    if clock.breached:
        return Forecast(clock.breach_at, 1.0, 0, clock)
    if not clock.is_running:
        return Forecast(None, 0.0, 0, clock)
    known = experience or Experience()
    basis = known.comparable(clock)
    share = known.longer_than(clock, clock.cycles[-1].target) if basis >= _ENOUGH else None
    return Forecast(clock.breach_at, share, basis, clock)


_WORDS = {
    "breached": {"en": "Breached at {at}.", "es": "Incumplido desde {at}."},
    "over": {"en": "The clock stopped in time.", "es": "El reloj se detuvo a tiempo."},
    "running": {
        "en": "{left} are left; if nothing pauses it, it breaches at {at}.",
        "es": "Quedan {left}; si nada lo pausa, se incumple el {at}.",
    },
    "paused": {
        "en": "Paused with {left} left; if it went on now, it would breach at {at}.",
        "es": "En pausa con {left} restantes; si siguiera ahora, se incumpliría el {at}.",
    },
    "few": {
        "en": "At the present pace only: {n} comparable tickets are too few for a probability.",
        "es": "Solo al ritmo actual: {n} casos comparables son pocos para una probabilidad.",
    },
    "share": {
        "en": "Of {n} tickets of this priority that had run {spent}, about {k} took longer than {within}.",
        "es": "De {n} casos de esta prioridad que llevaban {spent}, cerca de {k} tardaron más de {within}.",
    },
}


def _say(language: Literal["es", "en"], key: str, **values: object) -> str:
    return _WORDS[key][language].format(**values)


def _at(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "?"
