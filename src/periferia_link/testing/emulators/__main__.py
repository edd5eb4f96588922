"""``python -m periferia_link.testing.emulators NAME``: serve an emulator until SIGTERM."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from periferia_link.clock import SystemClock
from periferia_link.errors import ConfigurationError
from periferia_link.testing.emulators import NAMES, OffsetClock, RunningEmulator, host, make, temporary_identity
from periferia_link.testing.emulators.entra import EntraEmulator

_LIVE = tuple(NAMES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve what the command line asks for; return the exit code."""
    asked = _parser().parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with ExitStack() as stack:
            for line in _serve(asked, stack):
                print(json.dumps(line), flush=True)
            if asked.with_parent:
                threading.Thread(target=_stop_at_end_of_input, args=(stop,), daemon=True).start()
            stop.wait()
    except ConfigurationError as exc:
        print(exc, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m periferia_link.testing.emulators",
        description="Serve stand-ins of the systems on 127.0.0.1 until SIGTERM. Each prints one line of JSON: "
        "name, url, ca (file to trust, null without TLS), admin, credentials.",
    )
    parser.add_argument("name", metavar="NAME", help=f"one of {', '.join(_LIVE)}, or all")
    parser.add_argument("--tls", action="store_true", help="serve over TLS (Entra always is)")
    parser.add_argument("--port", type=int, default=0, help="where to listen (default: a free port)")
    parser.add_argument("--latency", type=float, default=0.0, metavar="MS", help="how long an answer takes")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same records")
    parser.add_argument("--with-parent", action="store_true", help="also stop when standard input ends")
    return parser


def _serve(asked: argparse.Namespace, stack: ExitStack) -> list[dict[str, Any]]:
    """Start the emulators and return their lines; *stack* stops them."""
    if asked.name == "all" and asked.port:
        msg = "all emulators cannot share one port"
        raise ConfigurationError(msg, hint="leave --port out and read the urls that are printed")
    names = _LIVE if asked.name == "all" else (asked.name,)
    entra = EntraEmulator(seed=asked.seed)
    emulators = [entra if name == "entra" else make(name, seed=asked.seed, entra=entra) for name in names]
    with_entra = {"entra", "dynamics365"} & set(names)
    identity = stack.enter_context(temporary_identity()) if asked.tls or with_entra else None
    clock, latency = OffsetClock(SystemClock()), asked.latency / 1000
    if names == ("dynamics365",):
        emulators.append(entra)
    running = [
        stack.enter_context(
            host(
                emulator,
                tls=identity if asked.tls or emulator.needs_tls else None,
                port=asked.port if emulator.name == asked.name else 0,
                latency=latency,
                clock=clock,
            )
        )
        for emulator in emulators
    ]
    lines = [_line(one) for one in running]
    if names == ("dynamics365",):
        # One line per emulator asked for; the Entra that comes with it is told there.
        companion = lines.pop()
        lines[0]["entra"] = {key: companion[key] for key in ("url", "ca", "admin")}
    return lines


def _line(running: RunningEmulator) -> dict[str, Any]:
    return {
        "name": running.emulator.name,
        "url": running.url,
        "ca": running.ca_file,
        "admin": running.admin_url,
        "credentials": running.emulator.credentials(),
    }


def _stop_at_end_of_input(stop: threading.Event) -> None:
    # os.read, not sys.stdin: a thread inside a buffered read would block the end of the interpreter.
    while os.read(0, 4096):
        pass
    stop.set()


if __name__ == "__main__":
    sys.exit(main())
