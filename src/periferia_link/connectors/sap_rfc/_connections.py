"""
Connections to SAP: a bounded number, each used by the thread that opened it, none used again after a failure.

Source: pyrfc and erpl-pyrfc: "one connection per thread". SAP ends sessions that idle, so one that rested is asked for
a sign of life before work that cannot be repeated.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from periferia_link.connectors.sap_rfc._call import Call, Connect
from periferia_link.connectors.sap_rfc._failures import BUSY_SECONDS, CONNECT, error_of, is_broken_line
from periferia_link.errors import ConfigurationError, ConnectorError, LinkError, ThrottledError, UnavailableError
from periferia_link.typing import Clock

__all__ = ["Connections", "Line"]

_RESTED = 60.0  # seconds after which a connection may be gone without anybody having said so
_TRIES = 3


class Line:
    """One connection while somebody uses it."""

    def __init__(self, call: Call, owner: threading.Thread, since: float) -> None:
        self.call_of = call
        self.owner = owner
        self.rested_since = since
        self.is_bad = False

    def call(self, function: str, /, **parameters: Any) -> dict[str, Any]:
        """
        Call a function; whatever it raises, the connection is not used again.

        Raises:
            Exception: Whatever the client library raises.
        """
        try:
            return self.call_of.call(function, **parameters)
        except BaseException:
            self.is_bad = True
            raise

    def forget(self) -> None:
        """Begin a new context in SAP after a rollback; where the library cannot, the connection is closed."""
        reset = getattr(self.call_of, "reset_server_context", None)
        if reset is None:
            self.is_bad = True
            return
        try:
            reset()
        except Exception:  # noqa: BLE001 - some libraries have the name and not the function
            self.is_bad = True


class Connections:
    """
    At most ``size`` connections.

    Args:
        connect: Opens one.

        size: How many sessions the user may have in SAP.

        clock: Source of time.

        system: Instance name.

        timeout: Seconds to wait for a free one.
    """

    def __init__(self, connect: Connect, *, size: int, clock: Clock, system: str, timeout: float) -> None:
        self._connect = connect
        self._size = size
        self._clock = clock
        self._system = system
        self._timeout = timeout
        self._idle: list[Line] = []
        self._open = 0
        self._changed = threading.Condition()

    @contextmanager
    def line(self, *, must_live: bool = False) -> Iterator[Line]:
        """
        Lend a connection while the block runs.

        Args:
            must_live: Ask one that rested for a sign of life first: what follows cannot be tried again.

        Raises:
            ConnectorError: None can be opened, or none is free.
        """
        line = self._take()
        if must_live and self._clock.monotonic() - line.rested_since > _RESTED:
            line = self._living(line)
        try:
            yield line
        except BaseException:
            # a session that was left in the middle may hold locks and work that nobody will commit
            line.is_bad = True
            raise
        finally:
            self._give_back(line)

    def read(self, function: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """
        Call a function that changes nothing: over a new connection where the line broke, later where SAP is busy.

        Raises:
            ConnectorError: By what happens next.
        """
        tried = 1
        while True:
            answer = self._tried(function, parameters)
            if not isinstance(answer, Exception):
                return answer
            error = error_of(answer, system=self._system, operation=function)
            if tried == _TRIES or not self._may_go_on(answer, error, tried):
                raise _hidden(error)
            tried += 1

    def _tried(self, function: str, parameters: Mapping[str, Any]) -> dict[str, Any] | Exception:
        try:
            with self.line() as line:
                return line.call(function, **parameters)
        except ConfigurationError:
            raise
        except Exception as exc:  # noqa: BLE001 - the caller says what it means
            return exc

    def _may_go_on(self, exc: Exception, error: ConnectorError, tried: int) -> bool:
        if isinstance(error, ThrottledError):
            self._clock.sleep(error.retry_after or BUSY_SECONDS)
            return True
        # an address that refuses connections does so again at once; a line that broke under way may not
        return tried < _TRIES - 1 and is_broken_line(exc) and not isinstance(exc, LinkError)

    def close(self) -> None:
        """Close what is idle; connections in use are closed when they come back."""
        with self._changed:
            idle, self._idle = self._idle, []
            self._open -= len(idle)
        for line in idle:
            _shut(line)

    # ------------------------------------------------------------------ one connection

    def _take(self) -> Line:
        me = threading.current_thread()  # and not its number, which the next thread may get
        evicted: Line | None = None
        with self._changed:
            mine = next((line for line in reversed(self._idle) if line.owner is me), None)
            if mine is not None:
                self._idle.remove(mine)
                return mine
            free = self._changed.wait_for(lambda: self._open < self._size or bool(self._idle), self._timeout)
            if not free:
                msg = f"all {self._size} connections are in use, nothing was sent"
                raise UnavailableError(
                    msg, hint="raise parallel, where SAP gives the user more sessions", system=self._system
                )
            if self._open >= self._size:
                evicted = self._idle.pop(0)
            else:
                self._open += 1
        if evicted is not None:
            _shut(evicted)
        return self._opened()

    def _opened(self) -> Line:
        try:
            return Line(self._connect(), threading.current_thread(), self._clock.monotonic())
        except BaseException as exc:
            self._gone()
            if isinstance(exc, LinkError) or not isinstance(exc, Exception):
                raise
            raise _hidden(error_of(exc, system=self._system, operation=CONNECT)) from None

    def _living(self, line: Line) -> Line:
        try:
            line.call_of.ping()
        except Exception:  # noqa: BLE001 - whatever it was, another connection is opened
            _shut(line)
            return self._opened()
        return line

    def _give_back(self, line: Line) -> None:
        if line.is_bad:
            _shut(line)
            self._gone()
            return
        line.rested_since = self._clock.monotonic()
        with self._changed:
            self._idle.append(line)
            self._changed.notify()

    def _gone(self) -> None:
        with self._changed:
            self._open -= 1
            self._changed.notify()


def _hidden(error: ConnectorError) -> ConnectorError:
    """Return an error without its past: exceptions of client libraries name users and hosts."""
    error.__cause__, error.__suppress_context__ = None, True
    return error


def _shut(line: Line) -> None:
    line.is_bad = True
    with suppress(Exception):
        line.call_of.close()
