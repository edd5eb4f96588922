"""Help desks of other people on this machine: installed elsewhere, started on free ports, ready when they answer."""

from __future__ import annotations

import contextlib
import http.client
import os
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

DEADLINE = 180.0
"""Seconds that a server may take to answer for the first time; 6 were measured on two idle cores."""

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Live:
    """A server that runs: its address, who may sign in, and what a test needs to know of it."""

    url: str
    credentials: Mapping[str, str]
    known: Mapping[str, str] = field(default_factory=dict)


def programs(variable: str, program: str, product: str) -> Path:
    """Return the folder of the programs of an environment that somebody else prepared, or skip with the reason."""
    home = os.environ.get(variable)
    if not home:
        pytest.skip(f"{product} is not installed: nox -s servers prepares it and sets {variable}")
    folder = Path(home).absolute() / "bin"
    if not (folder / program).exists():
        pytest.skip(f"{product} is not installed in {variable}")
    return folder


def free_port() -> int:
    """Return a port of this machine that nobody uses now."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Run a program of the product to its end; what it prints is the answer, also of a failure."""
    told = subprocess.run(
        arguments, cwd=folder, env=_environment(env), capture_output=True, text=True, timeout=300, check=False
    )
    assert told.returncode == 0, f"{arguments[0]}: {told.stdout[-2000:]}{told.stderr[-2000:]}"
    return told.stdout


@contextlib.contextmanager
def served(folder: Path, arguments: list[str], port: int, path: str, *, env: Mapping[str, str]) -> Iterator[None]:
    """Start a server, wait until *path* is answered, and stop it at the end."""
    log = (folder / "server.log").open("wb")
    process = subprocess.Popen(arguments, cwd=folder, env=_environment(env), stdout=log, stderr=log)
    try:
        _answers(process, port, path, folder)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=60)
        log.close()


def scratch(parent: Path, name: str) -> Path:
    """Copy what a server needs into a folder of its own."""
    folder = parent / name
    shutil.copytree(HERE / name, folder)
    return folder


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **(more or {})}


def _answers(process: subprocess.Popen[bytes], port: int, path: str, folder: Path) -> None:
    until = time.monotonic() + DEADLINE
    nothing, _ = socket.socketpair()
    try:
        while time.monotonic() < until:
            if process.poll() is not None:
                break
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                line.request("GET", path)
                line.getresponse().read()
            except OSError:
                select.select([nothing], [], [], 0.1)  # wait a moment: nothing ever arrives here
            else:
                return
            finally:
                line.close()
    finally:
        nothing.close()
        _.close()
    told = (folder / "server.log").read_text(errors="replace")[-2000:]
    pytest.fail(f"the server does not answer: {told}")
