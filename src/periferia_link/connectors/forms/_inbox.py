"""Received answers, one JSON line each, on disk before they are acknowledged."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from periferia_link.connectors.forms._responses import Moment, RawResponse, parted
from periferia_link.errors import ConfigurationError
from periferia_link.transport._json import NotJsonError, dumps, loads

__all__ = ["Inbox"]

_MOST = 1024 * 1024 * 1024


class Inbox:
    """A file that only grows; the last line of an answer counts, a line that was cut off by a crash does not."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def size(self) -> int:
        """
        Return its bytes, 0 where it is not there.

        Raises:
            ConfigurationError: It cannot be read.
        """
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0
        except OSError as exc:
            raise _unreadable(self.path, exc) from None

    def add(self, form: str, raw: RawResponse) -> bool:
        """
        Write one answer, for good; ``False`` when the inbox is full.

        Raises:
            ConfigurationError: It cannot be written.
        """
        line = dumps({"form": form, **raw.to_body()})
        with self._lock:
            try:
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
                try:
                    size = os.fstat(descriptor).st_size
                    if size + len(line) > _MOST:
                        return False
                    is_torn = size > 0 and _last_byte(descriptor, size) != b"\n"
                    os.write(descriptor, (b"\n" if is_torn else b"") + line + b"\n")
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
            except OSError as exc:
                raise _unreadable(self.path, exc) from None
        return True

    def each(self, form: str, *, until: int | None = None) -> Iterator[RawResponse]:
        """
        Yield every line that is whole, oldest first.

        Raises:
            ConfigurationError: It cannot be read.
        """
        left = self.size() if until is None else until
        if not left:
            return
        try:
            with self.path.open("rb") as file:
                for line in file:
                    left -= len(line)
                    if left < 0:
                        return
                    raw = _read(line, form)
                    if raw is not None:
                        yield raw
        except OSError as exc:
            raise _unreadable(self.path, exc) from None

    def latest(self, form: str, *, until: int) -> Iterator[RawResponse]:
        """
        Yield the last version of every answer of a form, in the order in which they first came.

        Raises:
            ConfigurationError: It cannot be read.
        """
        last: dict[str, int] = {}
        for place, raw in enumerate(self.each(form, until=until)):
            last[raw.id] = place
        wanted = set(last.values())
        for place, raw in enumerate(self.each(form, until=until)):
            if place in wanted:
                yield raw


def _last_byte(descriptor: int, size: int) -> bytes:
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return os.read(descriptor, 1)


def _read(line: bytes, form: str) -> RawResponse | None:
    if not line.endswith(b"\n"):
        return None
    try:
        told = loads(line)
    except NotJsonError:
        return None
    if not isinstance(told, dict) or told.pop("form", None) != form:
        return None
    try:
        told["titles"], told["texts"] = parted((str(title), str(text)) for title, text in told.pop("answers"))
        told.update((name, _moment(told[name])) for name in ("started", "completed", "modified"))
        told["points"] = tuple((str(title), str(text)) for title, text in told["points"])
        return RawResponse(**told)
    except (KeyError, TypeError, ValueError):
        return None


def _moment(told: str | None) -> Moment:
    try:
        return None if told is None else datetime.fromisoformat(told)
    except ValueError:
        return "?"


def _unreadable(path: Path, exc: OSError) -> ConfigurationError:
    msg = f"the inbox {path.name} cannot be used: {exc.strerror}"
    return ConfigurationError(msg, hint="give a file in a folder that this program may write")
