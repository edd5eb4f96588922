"""The admin address of a served emulator: what a harness reads and changes while clients work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from periferia_link.errors import ConfigurationError
from periferia_link.testing.emulators._clock import ManualClock, OffsetClock
from periferia_link.testing.emulators._emulator import Emulator, json_response, parse_json
from periferia_link.testing.emulators._faults import FaultRule
from periferia_link.testing.emulators._holding import Holding
from periferia_link.typing import Clock, Json, Request, Response

__all__ = ["Admin"]


class Admin:
    """
    The admin address of one emulator; it speaks JSON.

    ::

        GET    /log?after=N          the requests so far, or those behind number N
        GET    /log/summary          {"requests": 12, "writes": 3}: writes are records changed
        GET    /books?table=NAME     every table: key -> record; or that one alone
        GET    /credentials          what a client signs in with
        GET    /faults               the rules in force
        POST   /faults               one rule or a list of them (see FaultRule)
        DELETE /faults               no more faults
        GET    /holding?wait=S&after=N   requests kept back; waits up to S (30) seconds until there is one
        POST   /release              let {"n": 5} go on, or every held request
        POST   /clock                {"advance": seconds}
        POST   /seed                 {table: [records]} into the books
        POST   /restart              the system starts again: sessions end, new metadata is seen
        POST   /reset                books, log and faults as at the start
    """

    idle_seconds: ClassVar[float] = 60.0
    max_requests: ClassVar[int | None] = None

    def __init__(self, emulator: Emulator, *, clock: Clock, holding: Holding) -> None:
        self.base_url = ""
        self._emulator = emulator
        self._clock = clock
        self._holding = holding
        self._routes: Mapping[str, Callable[[Json], Json]] = {
            "GET /log": self._log,
            "GET /log/summary": self._summary,
            "GET /books": self._books,
            "GET /credentials": lambda _: emulator.credentials(),
            "GET /faults": lambda _: self._rules(),
            "POST /faults": self._add_faults,
            "DELETE /faults": self._clear_faults,
            "POST /clock": self._advance,
            "POST /seed": self._seed,
            "POST /restart": self._restart,
            "POST /reset": self._reset,
        }
        # These wait or wake: they must not hold the lock that the emulator answers under.
        self._unlocked: Mapping[str, Callable[[Json], Json]] = {
            "GET /holding": self._wait_for_held,
            "POST /release": self._release,
        }

    def handle_expectation(self, request: Request, clock: Clock) -> Response | None:  # noqa: ARG002 - the seam
        """Refuse nothing."""
        return None

    def handle(self, request: Request, clock: Clock) -> Response:
        """Answer one admin request; mistakes come back as 400 with the next step."""
        address = urlsplit(request.url)
        route = f"{request.method} {address.path}"
        try:
            asked = _asked(request, address.query)
            if route in self._unlocked:
                return json_response(200, self._unlocked[route](asked))
            if route in self._routes:
                with self._emulator.lock:
                    self._emulator.settle(clock)
                    return json_response(200, self._routes[route](asked))
        except ConfigurationError as exc:
            return json_response(400, exc.to_dict())
        known = sorted([*self._routes, *self._unlocked])
        return json_response(404, {"error": f"there is no {route}", "known": known})

    def _log(self, asked: Json) -> Json:
        return [entry.to_dict() for entry in self._emulator.log[max(0, int(_number(asked, "after", 0))) :]]

    def _summary(self, _: Json) -> Json:
        log = self._emulator.log
        return {"requests": len(log), "writes": sum(entry.wrote for entry in log)}

    def _books(self, asked: Json) -> Json:
        table = asked.get("table")
        if table is None:
            return self._emulator.books
        return {table: self._emulator.books[table]} if table in self._emulator.books else {}

    def _rules(self) -> Json:
        return [rule.to_dict() for rule in self._emulator.faults.rules]

    def _add_faults(self, asked: Json) -> Json:
        rules = asked if isinstance(asked, list) else [asked]
        self._emulator.faults.add(*(FaultRule.parse(rule) for rule in rules))
        return self._rules()

    def _clear_faults(self, _: Json) -> Json:
        self._emulator.faults.clear()
        return []

    def _advance(self, asked: Json) -> Json:
        if not isinstance(self._clock, (ManualClock, OffsetClock)):
            msg = "the clock of this emulator cannot be moved"
            raise ConfigurationError(msg, hint="host it with a ManualClock or an OffsetClock")
        self._clock.advance(_number(asked, "advance"))
        self._emulator.settle(self._clock)
        return {"now": self._clock.now().isoformat()}

    def _seed(self, asked: Json) -> Json:
        if not isinstance(asked, dict) or not all(
            isinstance(records, list) and all(isinstance(record, dict) for record in records)
            for records in asked.values()
        ):
            msg = "seeds are lists of records by table"
            raise ConfigurationError(msg, hint='for example {"accounts": [{"id": "1", "name": "A"}]}')
        self._emulator.load(asked)
        return {table: len(records) for table, records in asked.items()}

    def _restart(self, _: Json) -> Json:
        self._emulator.restart()
        return {"restarted": self._emulator.name}

    def _reset(self, _: Json) -> Json:
        self._holding.drop()
        self._emulator.reset()
        return {}

    def _wait_for_held(self, asked: Json) -> Json:
        return self._holding.wait(_number(asked, "wait", 0), after=int(_number(asked, "after", 0)))

    def _release(self, asked: Json) -> Json:
        n = asked.get("n") if isinstance(asked, dict) else None
        return {"released": self._holding.release(n)}


def _asked(request: Request, query: str) -> Json:
    """Return the parameters: the query of a GET, else the JSON of the body."""
    if request.method == "GET":
        return {name: values[-1] for name, values in parse_qs(query).items()}
    try:
        return parse_json(request.body) if request.body else {}
    except ValueError as exc:
        msg = f"the body is not JSON: {exc}"
        raise ConfigurationError(msg, hint="send one JSON object, or a list of fault rules") from exc


def _number(asked: Json, name: str, default: float | None = None) -> float:
    value: Any = asked.get(name, default) if isinstance(asked, dict) else default
    try:
        return float(value)
    except (TypeError, ValueError) as exc:
        msg = f"{name} is not a number"
        raise ConfigurationError(msg, hint=f"give {name} as a number") from exc
