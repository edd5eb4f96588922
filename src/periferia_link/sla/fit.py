"""Which plain policy explains verdicts that somebody else recorded, and why the rest differs."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import NamedTuple

from periferia_link.domain import Ticket
from periferia_link.domain.ticket import TicketPriority, TicketStatus
from periferia_link.sla.calendar import BusinessCalendar
from periferia_link.sla.clock import SlaClock, measure
from periferia_link.sla.duration import Within, spoken
from periferia_link.sla.history import history_of
from periferia_link.sla.policy import Applies, Policy, Target

__all__ = ["Agreement", "PlainRule", "Sample", "agreement", "best_rules", "halves"]

_NEAR = 0.1  # of the target
_STOPS: tuple[frozenset[TicketStatus], ...] = (
    frozenset({"closed", "cancelled"}),
    frozenset({"resolved", "closed", "cancelled"}),
)
_PAUSES: tuple[frozenset[TicketStatus], ...] = (frozenset(), frozenset({"pending_customer"}))


class Sample(NamedTuple):
    """A ticket, and whether its system says that the promise was kept."""

    ticket: Ticket
    made: bool


class PlainRule(NamedTuple):
    """The best plain policy of one priority, and how often it agrees with the samples it was chosen on."""

    priority: TicketPriority | None
    policy: Policy
    agrees: int
    of: int

    def __str__(self) -> str:
        target = self.policy.targets[0]
        stop = "resolved" if "resolved" in self.policy.resolved_by else "closed"
        pause = ", waits for the client" if target.pauses else ""
        where = f"{self.priority or 'any'}: {stop} within {target.within} on {self.policy.calendar}{pause}"
        return f"{where} ({self.agrees} of {self.of})"


class Agreement(NamedTuple):
    """
    How often policies say what was recorded, and the numbers of the tickets where they do not, by reason.

    ``unjudged`` are tickets that no policy covers; they count as differing.
    """

    agrees: int
    of: int
    differs: Mapping[str, tuple[str, ...]]

    @property
    def share(self) -> float:
        """Agreement from 0 to 1."""
        return self.agrees / self.of if self.of else 0.0

    def __str__(self) -> str:
        lines = [f"agrees in {self.agrees} of {self.of} ({100 * self.share:.1f} %)"]
        lines += [f"  {len(numbers):3} {reason}: {', '.join(numbers[:8])}" for reason, numbers in self.differs.items()]
        return "\n".join(lines)


def halves(samples: Iterable[Sample]) -> tuple[list[Sample], list[Sample]]:
    """
    Split samples in two by a digest of the ticket number: the same ticket is always on the same side.

    The first half is for choosing, the second for checking.
    """
    sides: tuple[list[Sample], list[Sample]] = ([], [])
    for sample in samples:
        digest = hashlib.blake2b(_number(sample.ticket).encode(), digest_size=1).digest()[0]
        sides[digest % 2].append(sample)
    return sides


def best_rules(
    samples: Iterable[Sample], *, now: datetime, calendars: Mapping[str, BusinessCalendar] | None = None
) -> list[PlainRule]:
    """
    Return for each priority the plain policy that agrees most with the samples.

    Tried are: until closed or until resolved, with and without pauses for the client, 24×7 and every calendar given;
    the target is the roundest duration among the best ones. The plainer policy wins a tie.

    Args:
        samples: What to choose on; check the result on others.

        now: As of when clocks that still run are read.

        calendars: Business calendars to try beside 24×7.
    """
    by_priority: dict[TicketPriority | None, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_priority[sample.ticket.priority].append(sample)
    order = ("critical", "high", "normal", "low", None)
    return [_best(by_priority[one], one, now, calendars or {}) for one in order if one in by_priority]


def _best(
    samples: Sequence[Sample],
    priority: TicketPriority | None,
    now: datetime,
    calendars: Mapping[str, BusinessCalendar],
) -> PlainRule:
    best: tuple[int, Policy] | None = None
    for calendar, pauses, stop in product(["always", *calendars], _PAUSES, _STOPS):
        probe = _plain_policy(priority, timedelta(seconds=1), calendar, pauses=pauses, stop=stop)
        spent = []
        for sample in samples:
            clocks = measure(sample.ticket, [probe], now=now, calendars=calendars, metrics=("resolution",))
            if clocks and clocks[0].cycles:
                spent.append((clocks[0].cycles[-1].elapsed, sample.made))
        agrees, target = _threshold(spent)
        if best is None or agrees > best[0]:
            best = agrees, _plain_policy(priority, target, calendar, pauses=pauses, stop=stop)
    assert best is not None  # noqa: S101 - 24×7 was tried
    return PlainRule(priority, best[1], best[0], len(samples))


def _plain_policy(
    priority: TicketPriority | None,
    target: timedelta,
    calendar: str,
    *,
    pauses: frozenset[TicketStatus],
    stop: frozenset[TicketStatus],
) -> Policy:
    return Policy(
        id=f"plain-{priority or 'any'}",
        applies=Applies(priorities=frozenset({priority} if priority else ())),
        calendar=calendar,
        targets=(Target(metric="resolution", within=Within(target), pauses=pauses),),
        resolved_by=stop,
        reopened="goes on",
    )


def _threshold(spent: Iterable[tuple[timedelta, bool]]) -> tuple[int, timedelta]:
    """Return how many agree at best, and the roundest target that reaches it (kept means: not longer than that)."""
    ordered = sorted(spent)
    right = sum(not made for _, made in ordered)  # a target of nothing: everything is late
    best, low = right, timedelta(0)
    high = ordered[0][0] if ordered else timedelta(hours=1)
    for place, (duration, made) in enumerate(ordered):
        right += 1 if made else -1
        following = ordered[place + 1][0] if place + 1 < len(ordered) else None
        if following == duration:
            continue
        if right > best:
            best, low = right, duration
            high = following if following is not None else duration * 2 + timedelta(hours=1)
    return best, _roundest(low, high)


def _roundest(low: timedelta, high: timedelta) -> timedelta:
    """Return the longest duration in the coarsest unit that is at least *low* and less than *high*."""
    for unit in (timedelta(days=7), timedelta(days=1), timedelta(hours=4), timedelta(hours=1), timedelta(minutes=15)):
        step = -(-max(low, timedelta(seconds=1)) // unit) * unit
        if step < high:
            return step
    return max(low, timedelta(seconds=1))


# ---------------------------------------------------------------------- checking


def agreement(
    samples: Iterable[Sample],
    policies: Iterable[Policy],
    *,
    now: datetime,
    calendars: Mapping[str, BusinessCalendar] | None = None,
) -> Agreement:
    """Compare what policies say about the time to resolve with what was recorded; what differs is sorted by reason."""
    rules = list(policies)
    agrees = total = 0
    differs: dict[str, list[str]] = defaultdict(list)
    for sample in samples:
        total += 1
        clocks = measure(sample.ticket, rules, now=now, calendars=calendars, metrics=("resolution",))
        if clocks and clocks[0].cycles and clocks[0].breached != sample.made:
            agrees += 1
        else:
            differs[_reason(sample, clocks[0] if clocks else None)].append(_number(sample.ticket))
    by_count = sorted(differs.items(), key=lambda one: -len(one[1]))
    return Agreement(agrees, total, {reason: tuple(numbers) for reason, numbers in by_count})


def _reason(sample: Sample, clock: SlaClock | None) -> str:
    """Say why a verdict may differ: the first reason that fits."""
    if clock is None or not clock.cycles:
        return "no policy covers it"
    history = history_of(sample.ticket)
    cycle = clock.cycles[-1]
    ours = "late" if clock.breached else "in time"
    waited = any(spell.status in ("pending_customer", "on_hold") for spell in history.spells)
    over = abs(cycle.remaining) <= cycle.target * _NEAR
    checks = [
        (
            "the log is out of order or begins before the opening",
            any("opening" in g or "order" in g for g in clock.data_gaps),
        ),
        ("the priority changed on the way", len({spell.priority for spell in history.spells}) > 1),
        ("it was reopened", sample.ticket.reopenings > 0),
        (f"within {int(100 * _NEAR)} % of the target ({spoken(cycle.target)})", over),
        ("recorded as kept, late by us: it waited for somebody outside", ours == "late" and waited),
    ]
    other = "recorded as missed" if sample.made is False else "recorded as kept"
    return next((reason for reason, fits in checks if fits), f"{other}, {ours} by us: nothing in the log says why")


def _number(ticket: Ticket) -> str:
    return ticket.number or (ticket.ref.id if ticket.ref else ticket.title)
