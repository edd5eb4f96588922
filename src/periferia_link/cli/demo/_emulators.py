"""The four systems of the demo: emulators in a process of their own, reached over TLS as the real ones are."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from periferia_link.cli.demo._books import records
from periferia_link.errors import LinkError, MissingDependencyError

__all__ = ["NAMES", "Emulated", "Emulators", "Traffic", "running_emulators"]

NAMES = ("entra", "dynamics365", "sap", "periticket")
_AT_ONCE = 1_000  # rows in one request
_CHUNK = 64 * 1024  # bytes
_PATIENCE = 60.0  # seconds for an answer
_FAREWELL = 10.0  # seconds to end by themselves


class Emulated(NamedTuple):
    """Where one system is: the address that clients use, and the one that shows its books."""

    name: str
    url: str
    ca: str
    admin: str
    credentials: Mapping[str, str]


class Traffic(NamedTuple):
    """What the systems saw, by their own logs: requests of every kind, and business records that changed."""

    requests: int
    writes: int

    def since(self, before: Traffic) -> Traffic:
        """Return what came after *before*."""
        return Traffic(self.requests - before.requests, self.writes - before.writes)


class Emulators:
    """The admin side of running emulators: what only somebody inside each system can see and do."""

    def __init__(self, systems: Mapping[str, Emulated]) -> None:
        self.systems = systems

    def __getitem__(self, name: str) -> Emulated:
        return self.systems[name]

    def traffic(self) -> Traffic:
        """Return what all of them saw until now."""
        seen = [self._ask(name, "GET", "/log/summary") for name in self.systems]
        return Traffic(sum(one["requests"] for one in seen), sum(one["writes"] for one in seen))

    def seed(self, name: str, table: str, rows: Iterator[Any] | Sequence[Any]) -> int:
        """Put rows into a table, as if somebody had always had them; returns how many."""
        waiting, number = iter(rows), 0
        while part := list(islice(waiting, _AT_ONCE)):
            self._ask(name, "POST", "/seed", {table: part})
            number += len(part)
        return number

    def table(self, name: str, table: str) -> Iterator[dict[str, Any]]:
        """List the records of one table of the books, in the order in which they were filed."""
        with self._answer(name, "GET", f"/books?{urlencode({'table': table})}") as answer:
            try:
                yield from records(iter(lambda: answer.read(_CHUNK), b""), table)
            except (OSError, HTTPException, ValueError) as exc:
                raise _silent(name, exc) from exc

    def _ask(self, name: str, method: str, path: str, body: Any = None) -> Any:
        with self._answer(name, method, path, body) as answer:
            try:
                told = json.loads(answer.read())
            except (OSError, HTTPException, ValueError) as exc:
                raise _silent(name, exc) from exc
        if answer.status != 200:
            msg = f"the emulator {name} refused {method} {path}: {told.get('message') or told}"
            raise LinkError(msg, hint="this is a defect of the demo: report it")
        return told

    @contextmanager
    def _answer(self, name: str, method: str, path: str, body: Any = None) -> Iterator[HTTPResponse]:
        address = urlsplit(self.systems[name].admin)
        sent = None if body is None else json.dumps(body, ensure_ascii=False, default=str).encode()
        with closing(HTTPConnection(address.hostname or "", address.port, timeout=_PATIENCE)) as connection:
            try:
                with _undisturbed():
                    connection.connect()
                connection.request(method, path, sent, {"Content-Type": "application/json"})
                answer = connection.getresponse()
            except (OSError, HTTPException) as exc:
                raise _silent(name, exc) from exc
            with answer:
                yield answer


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let Ctrl-C wait for the end of the block: between a socket and its owner it would leave the socket open."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears it
        return
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        for number in heard[:1]:
            signal.raise_signal(number)


def _silent(name: str, exc: Exception) -> LinkError:
    msg = f"the emulator {name} does not answer: {type(exc).__name__}"
    return LinkError(msg, hint="run the demo again")


@contextmanager
def running_emulators(log: Path, *, seed: int) -> Iterator[Emulators]:
    """
    Start every emulator and stop them at the end of the block.

    They live in a process of their own, end with ours whatever happens (their standard input closes), and do not
    hear Ctrl-C: connections are closed in order first.

    Args:
        log: Where they write what goes wrong.

        seed: The same one makes the same ids and secrets.

    Raises:
        MissingDependencyError: The package that makes certificates is missing.
        LinkError: They do not start.
    """
    if importlib.util.find_spec("trustme") is None:
        msg = "the demo needs the package trustme, which is not installed"
        raise MissingDependencyError(msg, hint='pip install "periferia-link[demo]"')
    command = [sys.executable, "-m", "periferia_link.testing.emulators", "all", "--tls", "--with-parent"]
    with log.open("wb") as trouble, ExitStack() as open_until_the_end:
        with _undisturbed():
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own words
                [*command, "--seed", str(seed)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=trouble,
                start_new_session=True,
            )
            open_until_the_end.enter_context(process)
            open_until_the_end.callback(_stop, process)
        yield Emulators(_addresses(process, log))


def _addresses(process: subprocess.Popen[bytes], log: Path) -> dict[str, Emulated]:
    """Read the line that each of them prints when it is ready."""
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    found: dict[str, Emulated] = {}
    while set(NAMES) - found.keys():
        line = process.stdout.readline()
        if not line:
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            msg = "the emulators did not start" + (f": {said[-1]}" if said else "")
            raise LinkError(msg, hint="python -m periferia_link.testing.emulators all --tls shows why")
        told = json.loads(line)
        found[told["name"]] = Emulated(*(told[name] for name in Emulated._fields))
    return {name: found[name] for name in NAMES}


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_FAREWELL)
    except subprocess.TimeoutExpired:
        process.kill()
