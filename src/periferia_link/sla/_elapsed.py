"""The course of one cycle: how much business time ran, what paused it, when the target was or will be used up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal, NamedTuple

from periferia_link.domain.ticket import TicketPriority, TicketStatus
from periferia_link.sla._cycles import Turn
from periferia_link.sla.calendar import BusinessCalendar
from periferia_link.sla.history import Spell
from periferia_link.sla.policy import Policy, Target

__all__ = ["Course", "Track"]

_ZERO = timedelta(0)


class Track(NamedTuple):
    """A promise and the calendar that it runs on."""

    target: Target
    calendar: BusinessCalendar

    def due(self, begin: datetime) -> datetime | None:
        """Return the end of a term in working days; ``None`` for a promise in hours."""
        days = self.target.within.working_days
        if days is None:
            return None
        calendar = self.calendar
        return calendar.end_of(calendar.working_days_after(calendar.day_of(begin), days))

    def allowed(self, begin: datetime) -> timedelta:
        """Return the business time that a cycle which began then may take."""
        due = self.due(begin)
        if due is not None:
            return self.calendar.between(begin, due)
        assert self.target.within.time is not None  # noqa: S101 - one of the two is set
        return self.target.within.time


class _Stretch(NamedTuple):
    begin: datetime
    end: datetime
    status: TicketStatus
    track: Track | None


class Course:
    """One cycle, measured; everything is worked out when it is asked for."""

    def __init__(
        self,
        turn: Turn,
        spells: Sequence[Spell],
        policy: Policy,
        track: Callable[[TicketPriority | None], Track | None],
        now: datetime,
    ) -> None:
        # what happens after "now" is not known yet
        has_ended = turn.end is not None and turn.end <= now
        self.begin = turn.begin
        self.ended_at = turn.end if has_ended else None
        self.how: Literal["completed", "cancelled"] | None = turn.how if has_ended else None
        self._stop = turn.end if has_ended and turn.end is not None else now
        self._stays = policy.lowered == "breach stays"
        self._still = policy.resolved_by if policy.reopened == "goes on" else frozenset()
        self._stretches = [
            _Stretch(begin, end, spell.status, track(spell.priority))
            for spell in spells
            if (begin := max(spell.begin, self.begin)) < (end := min(spell.end or self._stop, self._stop))
        ]
        lasting = [one.track for one in self._stretches if one.track is not None]
        at_rest = track(spells[-1].priority) if spells else None
        self._first = lasting[0] if lasting else at_rest
        last = lasting[-1] if lasting else at_rest
        assert last is not None  # noqa: S101 - the caller found a target for the last priority
        self._track = last
        current = [spell.status for spell in spells if spell.begin <= self._stop]
        self._status: TicketStatus = current[-1] if current else "new"

    def _runs(self, stretch: _Stretch, track: Track) -> bool:
        return stretch.status not in track.target.paused_in and stretch.status not in self._still

    def _elapsed(self, track: Track, until: int | None = None) -> timedelta:
        running = (one for one in self._stretches[:until] if self._runs(one, track))
        return sum((track.calendar.between(one.begin, one.end) for one in running), _ZERO)

    def _used_up(self, track: Track, goal: timedelta, since: int = 0, until: int | None = None) -> datetime | None:
        """Return when more than *goal* had run, looking at the stretches *since* … *until*; ``None``: it has not."""
        spent = self._elapsed(track, since)
        for one in self._stretches[since:until]:
            if not self._runs(one, track):
                continue
            if spent > goal:
                return one.begin
            step = track.calendar.between(one.begin, one.end)
            if spent + step > goal:
                return track.calendar.add(one.begin, goal - spent)
            spent += step
        return None

    @cached_property
    def allowed(self) -> timedelta:
        """The target in business time."""
        return self._track.allowed(self.begin)

    @cached_property
    def elapsed(self) -> timedelta:
        """Business time that ran, by the calendar of the last target."""
        return self._elapsed(self._track)

    @property
    def is_paused(self) -> bool:
        """Whether the clock stands still at the end of what is known."""
        return self._status in self._track.target.paused_in

    @cached_property
    def paused(self) -> tuple[tuple[datetime, datetime | None], ...]:
        """Spells in which the clock stood still; the last one is open when it still does."""
        found: list[tuple[datetime, datetime | None]] = []
        for one in self._stretches:
            if self._runs(one, self._track):
                continue
            if found and found[-1][1] == one.begin:
                found[-1] = (found[-1][0], one.end)
            else:
                found.append((one.begin, one.end))
        if found and self.ended_at is None and self.is_paused and found[-1][1] == self._stop:
            found[-1] = (found[-1][0], None)
        return tuple(found)

    @cached_property
    def paused_for(self) -> timedelta:
        """Business time in the pauses."""
        calendar = self._track.calendar
        return sum((calendar.between(begin, end or self._stop) for begin, end in self.paused), _ZERO)

    @cached_property
    def outside(self) -> timedelta:
        """Real time beyond the windows of the calendar."""
        return self._stop - self.begin - self._track.calendar.between(self.begin, self._stop)

    @cached_property
    def _breached_at(self) -> datetime | None:
        due = self._track.due(self.begin)
        if due is not None:
            return due if self._stop > due else None
        if not self._stays:
            return self._used_up(self._track, self.allowed)
        for place, one in enumerate(self._stretches):
            if one.track is None or one.track.due(self.begin) is not None:
                continue
            at = self._used_up(one.track, one.track.allowed(self.begin), place, place + 1)
            if at is not None:
                return at
        return None

    @property
    def is_breached(self) -> bool:
        """Whether more than the target ran."""
        return self._breached_at is not None

    @cached_property
    def breach_at(self) -> datetime:
        """When the target was used up, or would be if the clock ran from the end of what is known."""
        return self._breached_at or self._coming(self.allowed)

    @cached_property
    def original_breach_at(self) -> datetime:
        """When the target would be used up without any pause or change of priority."""
        track = self._first or self._track
        return track.due(self.begin) or track.calendar.add(self.begin, track.allowed(self.begin))

    def share_at(self, share: float) -> tuple[datetime, bool]:
        """Return when that share of the target was or will be used up, and whether it was."""
        if share == 1:
            return self.breach_at, self.is_breached
        at = self._used_up(self._track, self.allowed * share)
        return (at, True) if at is not None else (self._coming(self.allowed * share), False)

    def _coming(self, goal: timedelta) -> datetime:
        due = self._track.due(self.begin)
        if due is not None and goal == self.allowed:
            return due
        return self._track.calendar.add(self._stop, max(_ZERO, goal - self.elapsed))
