"""A folder with an installation of memory systems, a clock that stands still, and the command line over them."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

import memory_installation
from memory_installation import MemorySystem, fill, write
from periferia_link.cli import main
from periferia_link.connectors import registry
from periferia_link.testing.emulators import ManualClock


@pytest.fixture
def office(tmp_path, monkeypatch):
    """Stand in a folder with a configuration of memory systems; English unless a test says otherwise."""
    monkeypatch.setattr(registry, "_connectors", dict(registry.CONNECTORS))
    monkeypatch.setattr(MemorySystem, "stores", {})
    registry.register("memory", f"{memory_installation.__name__}:MemorySystem")
    for name in ("LC_ALL", "LC_MESSAGES", "PERIFERIA_LINK_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    fill()
    return tmp_path


@pytest.fixture
def clock(monkeypatch):
    """Give the commands a clock that only moves when it is told: 20 November 2026, 9:00 in Bogotá."""
    _commands = pytest.importorskip("periferia_link.cli._commands", reason="the extra cli is not installed")
    still = ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))
    monkeypatch.setattr(_commands, "clock", still)
    monkeypatch.setattr(_commands, "person", lambda: "ana@office")
    return still


@pytest.fixture
def command(capsys):
    """Run the command; return exit code, standard output and standard error."""
    pytest.importorskip("typer", reason="the extra cli is not installed")

    def run(*words):
        with pytest.raises(SystemExit) as left:
            main(words)
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return run


@pytest.fixture
def told(command):
    """Run the command with ``--json``; return exit code and the object."""

    def run(*words):
        code, out, err = command(*words, "--json")
        assert out, err
        return code, json.loads(out)

    return run
