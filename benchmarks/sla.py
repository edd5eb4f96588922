"""
Business time: cost of one ``between`` and one ``add`` over a month, beside businesstimedelta and workclock.

``python -m benchmarks.sla`` prints one JSON object a line (keys ``library case n us_per_call``) and ends with a
verdict; the exit code is 1 when ours takes more than 15 microseconds of CPU, or disagrees with a peer.
Peers that are not installed are said, and left out.
"""

from __future__ import annotations

import json
import sys
import time as clock
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from periferia_link.sla import BusinessCalendar

BOGOTA = ZoneInfo("America/Bogota")
# holidays of Colombia in 2026
_DAYS = (
    "01-01 01-12 03-23 04-02 04-03 05-01 05-18 06-08 06-15 06-29 07-13 07-20 08-07 08-17 10-12 11-02 11-16 12-08 12-25"
)
FREE = [date.fromisoformat(f"2026-{day}") for day in _DAYS.split()]
BEGIN = datetime(2026, 6, 5, 16, 37, tzinfo=BOGOTA)
END = datetime(2026, 6, 30, 10, 12, tzinfo=BOGOTA)
EXPECTED = timedelta(hours=106, minutes=35)
ADDED = datetime(2026, 6, 16, 16, 37, tzinfo=BOGOTA)
HOURS = timedelta(hours=40)
LIMIT_US = 15.0
WINDOWS = ((time(8), time(12)), (time(13), time(17)))

Case = tuple[str, int, Callable[[], Any], Any]


def ours() -> Iterator[Case]:
    calendar = BusinessCalendar.weekdays("office", ("08:00", "12:00"), ("13:00", "17:00"), holidays=FREE)
    calendar.between(BEGIN, END)
    yield "between", 20_000, lambda: calendar.between(BEGIN, END), EXPECTED
    yield "add", 20_000, lambda: calendar.add(BEGIN, HOURS), ADDED
    # a moment in another zone, and a year
    utc_end = END.astimezone(ZoneInfo("UTC"))
    yield "between, other zone", 20_000, lambda: calendar.between(BEGIN, utc_end), EXPECTED


def workclock_peer() -> Iterator[Case]:
    import workclock

    rules = [workclock.WorkDay(a, z, days=range(5)) for a, z in WINDOWS]
    schedule = workclock.Schedule([*rules, workclock.Holidays(FREE)], time_zone="America/Bogota")
    yield "between", 5_000, lambda: schedule.between(BEGIN, END), EXPECTED
    yield "add", 5_000, lambda: schedule.add(BEGIN, HOURS), ADDED


def businesstimedelta_peer() -> Iterator[Case]:
    import businesstimedelta as peer
    import pytz

    zone = pytz.timezone("America/Bogota")
    rules = [peer.WorkDayRule(start_time=a, end_time=z, working_days=list(range(5)), tz=zone) for a, z in WINDOWS]
    week = peer.Rules([*rules, peer.HolidayRule(dict.fromkeys(FREE, "x"), tz=zone)])
    begin = zone.localize(BEGIN.replace(tzinfo=None))
    end = zone.localize(END.replace(tzinfo=None))
    yield "between", 20, lambda: week.difference(begin, end).timedelta, EXPECTED
    yield "add", 20, lambda: begin + peer.BusinessTimeDelta(week, hours=40), ADDED


def cost(calls: int, call: Callable[[], Any]) -> float:
    """Return the microseconds of CPU of one call, the best of five rounds."""
    best = float("inf")
    for _ in range(5):
        begun = clock.process_time()
        for _ in range(calls):
            call()
        best = min(best, clock.process_time() - begun)
    return best / calls * 1e6


def there(library: str, cases: Callable[[], Iterator[Case]]) -> Iterator[Case]:
    """Yield the cases of a library; say it when it is not installed."""
    try:
        yield from cases()
    except ImportError:
        print(json.dumps({"library": library, "skipped": "not installed"}), flush=True)


def main() -> int:
    failed = []
    took = {}
    for library, cases in (
        ("periferia_link", ours),
        ("workclock", workclock_peer),
        ("businesstimedelta", businesstimedelta_peer),
    ):
        for case, calls, call, expected in there(library, cases):
            took[library, case] = cost(calls, call)
            agrees = call() == expected
            line = {"library": library, "case": case, "n": calls, "us_per_call": round(took[library, case], 2)}
            print(json.dumps({**line, "agrees": agrees}), flush=True)
            if not agrees:
                failed.append(f"{library} disagrees on {case}")
    if took["periferia_link", "between"] > LIMIT_US:
        failed.append(f"between takes {took['periferia_link', 'between']:.1f} us, allowed are {LIMIT_US}")
    times = {
        library: round(took[library, "between"] / took["periferia_link", "between"], 1)
        for library in ("workclock", "businesstimedelta")
        if (library, "between") in took
    }
    print(json.dumps({"verdict": "met" if not failed else "not met", "why": failed, "peers_take_times": times}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
