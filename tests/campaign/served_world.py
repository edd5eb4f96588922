"""A world served over real HTTP by a process of its own, and clients of it that can be killed."""

from __future__ import annotations

import http.client
import json
import os
import pickle
import signal
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from campaign.books_check import Findings, check
from campaign.crash_chain import ORIGINS, World, chain
from campaign.forks import start_child
from periferia_link.clock import SystemClock
from periferia_link.engine import Flow
from periferia_link.ledger import SqliteLedger
from periferia_link.testing.emulators import FaultRule, OffsetClock, host
from periferia_link.transport._http import HttpWire
from periferia_link.transport._origin import Site
from periferia_link.typing import Request, Response

__all__ = ["Client", "Server"]

_LONGEST = 30.0
_TICK = 0.002


class Relay:
    """Carries requests for the systems' names to the loopback ports where they are served, by the real HTTP client."""

    def __init__(self, addresses: Mapping[str, str], ca_file: str | None = None) -> None:
        self._ways = {
            origin: (url, HttpWire(Site(url, allow_private=True), ca_file=ca_file, allow_private=True))
            for origin, url in addresses.items()
        }

    def send(self, request: Request, *, deadline: float) -> Response:
        """Send one request."""
        parts = urlsplit(request.url)
        origin = f"{parts.scheme}://{parts.netloc}"
        url, wire = self._ways[origin]
        moved = Request(
            request.method, url + request.url.removeprefix(origin), request.headers, request.body, request.intent
        )
        return wire.send(moved, deadline=deadline)

    def close(self) -> None:
        """Close the connections."""
        for _, wire in self._ways.values():
            wire.close()


class SharedClock:
    """Real time plus what everybody has skipped: who sleeps moves the clocks of the systems instead of waiting."""

    def __init__(self, ahead: float, admins: list[str]) -> None:
        self._clock = OffsetClock(SystemClock(), seconds=ahead)
        self._admins = admins

    def now(self) -> datetime:
        """Return the current instant of everybody."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let the time pass for everybody."""
        if seconds > 0:
            self._clock.advance(seconds)
            for admin in self._admins:
                connection = http.client.HTTPConnection(urlsplit(admin).netloc, timeout=_LONGEST)
                connection.request("POST", "/clock", json.dumps({"advance": seconds}))
                assert connection.getresponse().status == 200
                connection.close()


# ---------------------------------------------------------------------- the server process


class _Serving:
    """Runs in the server process: hosts the systems and does what the harness asks."""

    def __init__(self, world: World) -> None:
        self.world = world
        ahead = (world.clock.now() - SystemClock().now()) / timedelta(seconds=1)
        self.clock = OffsetClock(SystemClock(), seconds=ahead)
        self.hosts = {name: host(each, clock=self.clock) for name, each in world.emulators.items()}
        for name, emulator in world.emulators.items():
            emulator.base_url = ORIGINS[name]  # known by its name, wherever it is served

    def addresses(self) -> dict[str, str]:
        """Return where each system is served."""
        return {ORIGINS[name]: each.url for name, each in self.hosts.items()}

    def admins(self) -> list[str]:
        """Return the admin addresses, one for each clock: all systems here share one."""
        return [self.hosts["erp"].admin_url]

    def ahead(self) -> float:
        """Return how many seconds the systems are ahead of this machine."""
        return (self.clock.now() - SystemClock().now()) / timedelta(seconds=1)

    def fault(self, rule: Mapping[str, Any]) -> None:
        """Put a fault on the way to the ERP."""
        self.world.erp.faults.add(FaultRule.parse(rule))

    def calm(self) -> None:
        """Forget all faults."""
        self.world.erp.faults.clear()

    def struck(self, number: int = 1) -> bool:
        """Wait until that many faults have struck: the requests have arrived, and nobody has answered them."""
        erp, waiting = self.world.erp, threading.Event()
        for _ in range(int(_LONGEST / _TICK)):
            with erp.lock:
                hits = [entry for entry in erp.log if entry.fault]
            if len(hits) >= number:
                # a held one is held only when its connection is
                return hits[-1].fault != "hold" or bool(self.hosts["erp"].holding.wait(_LONGEST))
            waiting.wait(_TICK)
        return False

    def release(self) -> int:
        """Let held requests go on."""
        return self.hosts["erp"].holding.release()

    def wait_for_time(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)
        for emulator in self.world.emulators.values():
            emulator.settle(self.clock)

    def keys(self) -> set[Any]:
        """Return the create keys that the ERP holds."""
        books = self.world.erp.books
        return {
            row.get("U_PL_Key")
            for name in ("BusinessPartners", "Projects", "JournalEntries")
            for row in books[name].values()
        }

    def writes(self) -> int:
        """Return how many records were changed so far, in all systems."""
        return sum(entry.wrote for emulator in self.world.emulators.values() for entry in emulator.log)

    def check(self, ledger: str) -> Findings:
        """Compare the books with the truth."""
        with self.world.erp.lock:
            return check(self.world, Path(ledger))


class Server:
    """
    The harness's end of a server process; ends it at the end of a ``with`` block.

    ``serving`` is what runs in it: its methods are those of this object.
    """

    def __init__(self, world: Any, serving: Callable[[Any], object] = _Serving) -> None:
        ours, theirs = socket.socketpair()

        def serve(writing: int) -> None:
            ours.close()
            os.close(writing)
            served = serving(world)
            with theirs, theirs.makefile("rwb") as line:
                while True:
                    name, args = pickle.load(line)
                    pickle.dump(getattr(served, name)(*args), line)
                    line.flush()

        self.pid, self._reading = start_child(serve)
        theirs.close()
        self._socket = ours
        self._line = ours.makefile("rwb")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def ask(*args: Any) -> Any:
            pickle.dump((name, args), self._line)
            self._line.flush()
            return pickle.load(self._line)

        return ask

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exc: object) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._line.close()
        self._socket.close()
        os.close(self._reading)


# ---------------------------------------------------------------------- clients


class Client:
    """A process that runs the chain (or other flows) over real HTTP until it is done, or killed."""

    def __init__(
        self,
        world: Any,
        server: Server,
        ledger: Path,
        *,
        flows: Callable[[], Sequence[Flow]] = chain,
        ca_file: str | None = None,
    ) -> None:
        addresses, admins, ahead = server.addresses(), server.admins(), server.ahead()

        def work(writing: int) -> None:
            result = "done"
            clock = SharedClock(ahead, admins)
            try:
                with SqliteLedger.open(ledger) as book:
                    world.engine(book, Relay(addresses, ca_file), clock).run(flows())
            except Exception as exc:
                result = f"{type(exc).__name__}: {exc}"
            os.write(writing, result.encode())

        self.pid, self._reading = start_child(work)

    def kill(self) -> None:
        """End it as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._reading)

    def result(self) -> str:
        """Wait for its end and return how it ended: ``done``, or the error."""
        said = b""
        while data := os.read(self._reading, 1 << 16):
            said += data
        os.waitpid(self.pid, 0)
        os.close(self._reading)
        return said.decode()

    def fileno(self) -> int:
        """Return what becomes readable when it ends."""
        return self._reading
