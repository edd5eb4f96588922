"""The screens on the page of the command line are what the commands show."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from memory_installation import MemorySystem
from periferia_link.domain import Client, Ref, TaxId
from screens import check_screen, screens_of

pytest.importorskip("typer", reason="the extra cli is not installed")

from periferia_link.cli import _run, _watch

PAGE = Path("docs/reference/command-line.md")


@pytest.fixture
def shows(office, command, clock, monkeypatch):
    """Run commands and compare what they show, prompt included, with a block of the page; errors in their place."""

    def show(name, *lines):
        told = []
        for line in lines:
            with monkeypatch.context() as one_stream:
                one_stream.setattr("sys.stderr", sys.stdout)
                _, out, _ = command(*line.split())
            told.append(f"$ periferia-link {line}\n{out}".replace(f"{office}/", ""))
        check_screen(PAGE, name, "\n".join(told))

    return show


@pytest.fixture
def waiting(office, command, clock):
    """Two entries without a rate, an account of the same name as a partner, one with a wrong check digit."""
    crm, erp = MemorySystem.stores["crm"], MemorySystem.stores["erp"]
    crm.put(Client(name="Delta S.A."))
    crm.put(Client(name="Epsilon S.A.", tax_id=TaxId.parse("900123457-7")))
    erp.put(Client(name="DELTA SA", code="C-9"))
    erp.change(Ref("erp", "Employee", "1"), rates=())
    command("run")
    clock.advance(1500)


class TestThePage:
    def test_check(self, shows):
        """One system that is down, two that answer."""
        MemorySystem.stores["helpdesk"].is_down = True
        shows("check", "check")

    def test_status(self, shows, waiting):
        """After a run that left something for people."""
        shows("status", "status")

    def test_parked(self, shows, waiting):
        """What waits, and all about one of them."""
        shows("parked", "parked")
        shows("parked show", "parked show helpdesk:TimeEntry:1")

    def test_review(self, shows, waiting):
        """Questions and one answer."""
        shows("review", "review", "review accept crm:Client:3")

    def test_trace(self, shows, waiting):
        """From a won sale to hours that no posting holds."""
        shows("trace", "trace crm:Opportunity:1")

    def test_ledger(self, shows, waiting):
        """A healthy ledger."""
        shows("ledger", "ledger verify")

    def test_watch(self, shows, monkeypatch):
        """Three passes; the help desk is down in the second."""
        real, states = _watch.run_once, [False, True, False]

        def once(engine, flows, plan, stop):
            MemorySystem.stores["helpdesk"].is_down = states.pop(0)
            engine._infos.clear()
            try:
                return real(engine, flows, plan, stop)
            finally:
                if not states:
                    stop(signal.SIGTERM)

        monkeypatch.setattr(_run, "run_once", once)
        shows("watch", "run --watch --every 60")

    def test_every_block_is_checked(self):
        """No screen stands on the page that no test renders."""
        source = Path(__file__).read_text(encoding="utf-8")
        assert [name for name in screens_of(PAGE) if f'shows("{name}"' not in source] == []
