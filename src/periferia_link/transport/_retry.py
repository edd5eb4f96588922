"""
When a read is tried again; the only file that imports tenacity, and that at the first failure.

Writes never come here. Three attempts at most, a pause between them that grows and is spread by chance, the pause
that the system asks for where it does, and a budget: in a full outage retries stop, so they do not double the load.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, TypeVar

from periferia_link.errors import ThrottledError, TransientError
from periferia_link.typing import Clock

if TYPE_CHECKING:
    import random

    import tenacity

__all__ = ["MAX_WAIT", "ReadRetry", "RetryBudget", "retry_after"]

MAX_WAIT = 300.0
"""Seconds; a longer Retry-After is cut to this."""

_log = logging.getLogger(__name__)
_SECONDS = re.compile(r"\d{1,18}(?:\.\d{1,9})?", re.ASCII)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0

_T = TypeVar("_T")


def retry_after(value: str | None, now: datetime) -> float | None:
    """
    Read a Retry-After header: seconds from 0 to 300, or ``None`` when it is absent or makes no sense.

    Args:
        value: Seconds or an HTTP date (RFC 9110, 10.2.3).

        now: The current instant; a date in the past means 0.
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), MAX_WAIT)
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - few systems answer with a date

    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return min(max((moment - now).total_seconds(), 0.0), MAX_WAIT)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


class RetryBudget:
    """
    Pays for retries: each costs 1, each success gives a tenth back.

    While everything fails, the budget runs dry and every call costs one request; while one call in ten fails, it
    never does. Shared by all threads of a transport.
    """

    def __init__(self, *, capacity: float = 10.0, refill: float = 0.1) -> None:
        self._capacity = capacity
        self._refill = refill
        self._balance = capacity
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Pay for one retry; ``False`` when the budget is dry."""
        with self._lock:
            if self._balance < 1:
                return False
            self._balance -= 1
            return True

    def give(self) -> None:
        """Note a success."""
        with self._lock:
            self._balance = min(self._capacity, self._balance + self._refill)


class ReadRetry:
    """
    Calls a read until it succeeds, or until there is no point in another attempt.

    Args:
        clock: All waiting goes through it.

        budget: Shared by every read of a transport.

        chance: Spreads the pauses; made when it is needed.

        seed: Of a chance that repeats itself.

        attempts: How often a read is tried at most.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        budget: RetryBudget | None = None,
        chance: random.Random | None = None,
        seed: str | None = None,
        attempts: int = 3,
    ) -> None:
        self._clock = clock
        self._budget = budget or RetryBudget()
        self._chance = chance
        self._seed = seed
        self._attempts = attempts

    def call(self, attempt: Callable[[], _T], *, has_time: Callable[[], bool]) -> _T:
        """
        Return what *attempt* returns.

        Args:
            attempt: One exchange; a :class:`~periferia_link.errors.TransientError` means that another may help.

            has_time: Whether the deadline of the read leaves room for another attempt.

        Raises:
            TransientError: The last one, when no attempt succeeded.
        """
        try:
            result = attempt()
        except TransientError as exc:
            failure = exc
        else:
            self._budget.give()
            return result
        # outside the handler: what fails later is not told as a consequence of the first failure
        result = self._again(failure, attempt, has_time)
        self._budget.give()
        return result

    def _again(self, failure: TransientError, attempt: Callable[[], _T], has_time: Callable[[], bool]) -> _T:
        import tenacity  # noqa: PLC0415 - a program whose requests are answered needs none

        failures = [failure]

        def next_one() -> _T:
            if failures:
                raise failures.pop()
            return attempt()

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            stop=lambda state: not (state.attempt_number < self._attempts and has_time() and self._may_pay(state)),
            wait=self._pause,
            sleep=self._clock.sleep,
            before_sleep=_note,
            reraise=True,
        )
        return retrying(next_one)

    def _may_pay(self, state: tenacity.RetryCallState) -> bool:
        # Throttling is no outage: the gate already lets nobody through until the system wants to be asked again.
        return isinstance(_failure(state), ThrottledError) or self._budget.take()

    def _pause(self, state: tenacity.RetryCallState) -> float:
        failure = _failure(state)
        if isinstance(failure, ThrottledError):
            return 0.0  # the gate holds everybody back, this call among them
        if isinstance(failure, TransientError) and failure.retry_after is not None:
            return failure.retry_after
        longest = min(_FIRST_PAUSE * 2 ** (state.attempt_number - 1), _LONGEST_PAUSE)
        if self._chance is None:
            import random  # noqa: PLC0415 - see above

            self._chance = random.Random(self._seed)  # noqa: S311 - spreads load, protects nothing
        return self._chance.uniform(longest / 2, longest)


def _failure(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _note(state: tenacity.RetryCallState) -> None:
    failure = _failure(state)
    if isinstance(failure, TransientError):
        _log.info("%s: %s, attempt %d follows", failure.system, type(failure).__name__, state.attempt_number + 1)
