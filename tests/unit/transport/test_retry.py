"""When a read is tried again, and after how long."""

from __future__ import annotations

import random
from datetime import datetime, timezone

import pytest

from periferia_link.errors import AuthenticationError, RequestTimeoutError, ThrottledError, UnavailableError
from periferia_link.transport._retry import ReadRetry, RetryBudget, retry_after

NOW = datetime(2026, 3, 2, 13, tzinfo=timezone.utc)

HEADERS = [
    (None, None),
    ("", None),
    ("0", 0.0),
    ("7", 7.0),
    (" 7 ", 7.0),
    ("2.5", 2.5),
    ("300", 300.0),
    ("301", 300.0),
    ("99999999999", 300.0),
    ("1e9", None),
    ("-1", None),
    ("+5", None),
    ("nan", None),
    ("inf", None),
    ("5, 10", None),
    ("garbage", None),
    ("٣", None),
    ("9" * 5000, None),
    ("Mon, 02 Mar 2026 13:01:40 GMT", 100.0),
    ("Mon, 02 Mar 2026 08:01:40 -0500", 100.0),
    ("Mon, 02 Mar 2026 13:01:40 -0000", 100.0),
    ("Tue, 03 Mar 2026 13:00:00 GMT", 300.0),
    ("Mon, 02 Mar 2026 12:00:00 GMT", 0.0),
    ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
    ("Mon, 99 Mar 2026 13:01:40 GMT", None),
    ("Mon, 02 Mar 99999 13:01:40 GMT", None),
]


class TestRetryAfter:
    """The header as servers really send it."""

    @pytest.mark.parametrize(("value", "seconds"), HEADERS)
    def test_table(self, value: str | None, seconds: float | None) -> None:
        """Exactly as given where it makes sense, at most 300 seconds, never a crash."""
        assert seconds == retry_after(value, NOW)


class Attempts:
    """Fails as told, then succeeds."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        if self._failures:
            raise self._failures.pop(0)
        return "done"


def call(retry: ReadRetry, attempts: Attempts, *, has_time: bool = True) -> str:
    return retry.call(attempts, has_time=lambda: has_time)


class TestAttempts:
    """Three at most, and only where another one may help."""

    @pytest.mark.parametrize("failure", [UnavailableError("x"), RequestTimeoutError("x"), ThrottledError("x")])
    def test_transient(self, clock, failure: Exception) -> None:
        """Two failures are survived, the third is raised as it is."""
        assert "done" == call(ReadRetry(clock), Attempts(failure, failure))
        attempts = Attempts(failure, failure, failure)
        with pytest.raises(type(failure)) as caught:
            call(ReadRetry(clock), attempts)
        assert caught.value is failure
        assert 3 == attempts.count

    def test_fatal(self, clock) -> None:
        """Refused credentials are refused the second time, too."""
        attempts = Attempts(AuthenticationError("x"))
        with pytest.raises(AuthenticationError):
            call(ReadRetry(clock), attempts)
        assert (1, []) == (attempts.count, clock.sleeps)

    def test_no_time(self, clock) -> None:
        """When the deadline is used up, the failure is told at once."""
        attempts = Attempts(UnavailableError("x"))
        with pytest.raises(UnavailableError):
            call(ReadRetry(clock), attempts, has_time=False)
        assert (1, []) == (attempts.count, clock.sleeps)


class TestPauses:
    """All waiting goes through the clock."""

    def test_growing_and_spread(self, clock) -> None:
        """Between half and the whole of 0.5, 1, 2, 4, 8, 8 seconds."""
        failures = [UnavailableError("x")] * 6
        call(ReadRetry(clock, attempts=7, chance=random.Random(1)), Attempts(*failures))
        longest = [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
        assert all(most / 2 <= pause <= most for pause, most in zip(clock.sleeps, longest, strict=True))

    def test_seeded(self, tools) -> None:
        """The same seed pauses the same; another one differently."""
        pauses = []
        for seed in (1, 1, 2):
            clock = tools.Clock()
            call(ReadRetry(clock, chance=random.Random(seed)), Attempts(*[UnavailableError("x")] * 2))
            pauses.append(clock.sleeps)
        assert pauses[0] == pauses[1] != pauses[2]

    def test_as_asked(self, clock) -> None:
        """A 503 with Retry-After is waited for exactly."""
        call(ReadRetry(clock), Attempts(UnavailableError("x", retry_after=42.0)))
        assert [42.0] == clock.sleeps

    def test_throttling_is_left_to_the_gate(self, clock) -> None:
        """The gate pauses everybody; pausing here as well would wait twice."""
        call(ReadRetry(clock), Attempts(ThrottledError("x", retry_after=42.0)))
        assert [0] == clock.sleeps


class TestBudget:
    """Retries must not double the load of a system that is down."""

    def test_full_outage(self, clock) -> None:
        """1 000 calls: after the first few, one request each; at most 1.1 times the calls in all."""
        retry = ReadRetry(clock)
        requests = 0
        for number in range(1000):
            attempts = Attempts(*[UnavailableError("x")] * 3)
            with pytest.raises(UnavailableError):
                call(retry, attempts)
            requests += attempts.count
            assert attempts.count <= 3
            assert number < 10 or 1 == attempts.count
        assert requests <= 1100

    def test_recovery(self, clock) -> None:
        """Successes fill the budget again, up to its size."""
        budget = RetryBudget(capacity=2.0, refill=0.5)
        assert [True, True, False] == [budget.take() for _ in range(3)]
        retry = ReadRetry(clock, budget=budget)
        for _ in range(100):
            call(retry, Attempts())
        assert [True, True, False] == [budget.take() for _ in range(3)]

    def test_throttling_costs_nothing(self, clock) -> None:
        """A burst of 429 on sixteen threads is no outage; the gate bounds it."""
        retry = ReadRetry(clock, budget=RetryBudget(capacity=0.0))
        assert "done" == call(retry, Attempts(ThrottledError("x"), ThrottledError("x")))


def test_retries_are_told(clock, caplog) -> None:
    """One line per retry, with the system and the kind of failure."""
    with caplog.at_level("INFO", logger="periferia_link"):
        call(ReadRetry(clock), Attempts(UnavailableError("x", system="erp")))
    assert ["erp: UnavailableError, attempt 2 follows"] == caplog.messages
