"""What may go wrong on the wire, asked for by rule: which request, which fault, how often."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args
from urllib.parse import unquote, urlsplit

from periferia_link.errors import ConfigurationError
from periferia_link.typing import Clock, Request, Response

if TYPE_CHECKING:
    from periferia_link.testing.emulators._emulator import LogEntry

__all__ = ["ANSWERING", "Fault", "FaultKind", "FaultRule", "Faults", "When", "spoiled"]

FaultKind: TypeAlias = Literal[
    "reset",
    "hang",
    "truncate",
    "drip",
    "late",
    "status",
    "html",
    "throttle",
    "close",
    "garbage",
    "delay",
    "redirect",
    "hold",
]

When: TypeAlias = Literal["before", "after"]

ANSWERING = frozenset({"status", "html", "throttle", "garbage", "redirect"})
"""Faults that are whole, ordinary answers: the wire itself works."""

_PARAMS: Mapping[str, frozenset[str]] = {
    "reset": frozenset(),
    "hang": frozenset(),
    "hold": frozenset(),
    "close": frozenset(),
    "truncate": frozenset({"share", "bare"}),
    "drip": frozenset({"seconds"}),
    "late": frozenset({"seconds"}),
    "delay": frozenset({"seconds"}),
    "status": frozenset({"status", "code", "message", "body", "headers"}),
    "throttle": frozenset({"status", "code", "message", "body", "headers", "retry_after"}),
    "html": frozenset({"status", "body", "headers"}),
    "garbage": frozenset({"status", "body", "headers"}),
    "redirect": frozenset({"status", "location", "headers"}),
}


def _is_count(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 1)


def _is_number(value: Any, low: float, high: float) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) and low <= value <= high


_Check: TypeAlias = tuple[str, Callable[[Any], bool], str]

_FIELDS: tuple[_Check, ...] = (
    ("method", lambda value: isinstance(value, str), "a pattern"),
    ("path", lambda value: isinstance(value, str), "a pattern"),
    ("nth", _is_count, "a whole number from 1, or null"),
    ("times", _is_count, "a whole number from 1, or null"),
    ("params", lambda value: isinstance(value, Mapping), "an object"),
)
_VALUES: tuple[_Check, ...] = (
    ("seconds", lambda value: _is_number(value, 0, 1e9), "a number from 0"),
    ("share", lambda value: _is_number(value, 0, 1), "a number from 0 to 1"),
    ("status", lambda value: isinstance(value, int) and 100 <= value <= 599, "a status code"),
    ("headers", lambda value: isinstance(value, Mapping), "an object"),
)

_SIGN_IN = (
    "<!DOCTYPE html><html><head><title>Sign in to your account</title></head>"
    '<body><form method="post" action="/login">Sign in</form></body></html>'
)


def _check(name: str, value: Any, is_good: Callable[[Any], bool], wanted: str) -> None:
    if not is_good(value):
        msg = f"{name} of a fault cannot be {value!r}"
        raise ConfigurationError(msg, hint=f"give {wanted}")


@dataclass(frozen=True)
class FaultRule:
    """
    One fault and the requests it hits.

    ``method`` and ``path`` are shell patterns (``*`` matches everything, slashes too); ``path`` has no
    query and no percent escapes. Of the requests that match, the rule hits the ``nth`` (1-based; None:
    the first) and those after it, ``times`` in all (None: for ever).

    ``when`` says on which side of the commit the fault lies: ``before``, nothing was done; ``after``, it
    was done and the answer is lost or replaced. ``truncate``, ``drip`` and ``close`` spoil a real answer,
    so the commit always happens; ``late`` commits ``seconds`` later than the request came.

    ==========  ===================================================================================
    fault       what the client sees, and ``params``
    ==========  ===================================================================================
    reset       the connection is reset, no answer
    hang        no answer until the client leaves
    hold        as hang, but the harness may release it (``POST /release``): then the real answer
    late        no answer; the commit happens ``seconds`` (1) after the request came
    delay       the real answer after ``seconds`` (1)
    drip        the real answer, headers included, one byte every ``seconds`` (0.05)
    truncate    the first ``share`` (0.5) of the body, then the end; ``bare`` leaves the length out
    close       the real answer, then the connection closes without having said so
    status      ``status`` (500) with the system's own error shape, ``code``, ``message``; or ``body``
    throttle    the same with 429 and ``Retry-After: retry_after`` ("1"; None leaves it out)
    html        ``status`` (200) and a sign-in page, or ``body``
    garbage     ``status`` (200) and a JSON answer that is not JSON, or ``body``
    redirect    ``status`` (302) to ``location``
    ==========  ===================================================================================
    """

    fault: FaultKind
    method: str = "*"
    path: str = "*"
    nth: int | None = None
    times: int | None = 1
    when: When = "before"
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.fault not in get_args(FaultKind):
            msg = f"there is no fault {self.fault!r}"
            raise ConfigurationError(msg, hint=f"use one of {', '.join(get_args(FaultKind))}")
        if self.when not in get_args(When):
            msg = f"a fault cannot happen {self.when!r} the commit"
            raise ConfigurationError(msg, hint="use before or after")
        for name, is_good, wanted in _FIELDS:
            _check(name, getattr(self, name), is_good, wanted)
        if unknown := set(self.params) - _PARAMS[self.fault]:
            msg = f"the fault {self.fault} has no parameter {', '.join(sorted(unknown))}"
            raise ConfigurationError(msg, hint=f"it takes: {', '.join(sorted(_PARAMS[self.fault])) or 'none'}")
        for name, is_good, wanted in _VALUES:
            if name in self.params:
                _check(name, self.params[name], is_good, wanted)

    @classmethod
    def parse(cls, value: Any) -> FaultRule:
        """
        Make a rule of a JSON object with the field names of this class.

        Raises:
            ConfigurationError: A field is unknown, missing or has a value that no rule takes.
        """
        if not isinstance(value, Mapping) or "fault" not in value:
            msg = "a fault rule is an object with at least the field fault"
            raise ConfigurationError(msg, hint='for example {"fault": "reset", "path": "*/accounts*"}')
        if unknown := set(value) - set(cls.__dataclass_fields__):
            msg = f"a fault rule has no field {', '.join(sorted(unknown))}"
            raise ConfigurationError(msg, hint=f"use {', '.join(cls.__dataclass_fields__)}")
        return cls(**value)

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as the JSON object that :meth:`parse` reads."""
        return asdict(self)

    def matches(self, request: Request) -> bool:
        """Whether method and path of the request fit the patterns."""
        path = unquote(urlsplit(request.url).path)
        return fnmatchcase(request.method.upper(), self.method.upper()) and fnmatchcase(path, self.path)


@dataclass(frozen=True)
class Fault:
    """
    What a host plays on the wire instead of an answer.

    ``response`` is the real answer when the commit happened, else None. ``seconds``, ``share`` and ``bare``
    are the parameters of the rule; ``entry`` is the line of the log.
    """

    kind: FaultKind
    request: Request
    entry: LogEntry
    commit: Callable[[Clock], Response] = field(repr=False)
    when: When = "before"
    response: Response | None = None
    seconds: float = 0.0
    share: float = 0.5
    bare: bool = False

    def answer(self, clock: Clock) -> Response:
        """Return the real answer; the commit happens now if it has not happened yet."""
        return self.commit(clock) if self.response is None else self.response


class Faults:
    """The rules in force; safe to change while requests come."""

    def __init__(self) -> None:
        self._rules: list[_Counted] = []
        self._lock = threading.Lock()

    def add(self, *rules: FaultRule) -> None:
        """Put rules in force, behind those already there."""
        with self._lock:
            self._rules.extend(_Counted(rule) for rule in rules)

    def clear(self) -> None:
        """Forget every rule."""
        with self._lock:
            self._rules.clear()

    def strike(self, request: Request) -> FaultRule | None:
        """Count the request with every rule that matches, and return the first that hits it."""
        with self._lock:
            if not self._rules:
                return None
            hits = [counted for counted in self._rules if counted.counts(request)]
            if not hits:
                return None
            hits[0].fired += 1
            return hits[0].rule

    @property
    def rules(self) -> tuple[FaultRule, ...]:
        """The rules in force, in order."""
        with self._lock:
            return tuple(counted.rule for counted in self._rules)


@dataclass
class _Counted:
    rule: FaultRule
    seen: int = 0
    fired: int = 0

    def counts(self, request: Request) -> bool:
        """Count the request when it matches; whether it is this rule's turn."""
        if not self.rule.matches(request):
            return False
        self.seen += 1
        due = self.rule.nth is None or self.seen >= self.rule.nth
        return due and (self.rule.times is None or self.fired < self.rule.times)


def spoiled(rule: FaultRule, refusal: Callable[[int, str, str], Response]) -> Response:
    """
    Return the whole answer that an answering fault gives instead of the real one.

    Args:
        rule: A rule whose fault is in :data:`ANSWERING`.

        refusal: Makes an error answer of a status, a code and a message in the shape of the system.
    """
    params = dict(rule.params)
    extra = tuple((str(name), str(value)) for name, value in dict(params.get("headers") or {}).items())
    default = {"status": 500, "throttle": 429, "redirect": 302}.get(rule.fault, 200)
    status = int(params.get("status", default))
    if rule.fault == "redirect":
        return Response(status, (("Location", str(params.get("location", "https://elsewhere.invalid/"))), *extra))
    if rule.fault in {"html", "garbage"}:
        page = rule.fault == "html"
        kind = "text/html; charset=utf-8" if page else "application/json; charset=utf-8"
        body = _bytes(params.get("body", _SIGN_IN if page else b'\xff{"value": [NaN, '))
        return Response(status, (("Content-Type", kind), *extra), body)
    if rule.fault == "throttle":
        seconds = params.get("retry_after", "1")
        extra += () if seconds is None else (("Retry-After", str(seconds)),)
    if "body" in params:
        return Response(status, extra, _bytes(params["body"]))
    answer = refusal(status, str(params.get("code", "")), str(params.get("message", "The server is not available.")))
    return Response(answer.status, answer.headers + extra, answer.body)


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
