"""The commands, from their words to their exit codes, over systems in memory."""

from __future__ import annotations

import builtins
import json
import re
import sys
import time
from types import SimpleNamespace

import pytest

from memory_installation import MemorySystem, write
from periferia_link import cli
from periferia_link.cli import main
from periferia_link.domain import Client, Ref
from periferia_link.engine import FlowReport
from periferia_link.errors import FlowError, LeaseHeldError, LedgerBusyError
from periferia_link.ledger import SqliteLedger

pytest.importorskip("typer", reason="the extra cli is not installed")

from periferia_link.cli import _app, _commands
from periferia_link.cli._exit_codes import ExitCode


@pytest.fixture(autouse=True)
def here(office):
    """Stand in a folder with a configuration of memory systems."""
    return office


def stop_without_report():
    """Stop before anything was done."""
    raise FlowError("stopped", hint="look there")


class TestPlan:
    def test_it_shows_and_writes_nothing(self, command, here):
        """Counts, examples, what to do next; neither systems nor ledger change."""
        code, out, err = command("plan", "clients")
        assert (0, "") == (code, err)
        assert "Plan: nothing is written yet" in out
        assert "+ create erp Client: code C8001972684, name Beta Ltda." in out
        assert "phone …" in out
        assert "+57 1" not in out
        assert "To do it: periferia-link run" in out
        assert [] == MemorySystem.stores["erp"].requests
        with SqliteLedger.open(here / "periferia.db") as ledger:
            assert 0 == ledger.records.count(ledger.stream("clients", "source"))

    def test_nothing_to_do(self, command):
        """Two sides that agree."""
        command("run")
        code, out, _ = command("plan")
        assert 0 == code
        assert "Nothing to do: both sides agree." in out
        assert "To do it" not in out

    def test_saved_and_applied(self, command, here):
        """What was looked at is what is done: the plan of today, not what came since."""
        code, out, _ = command("plan", "clients", "--save", "plan.json")
        assert 0 == code
        assert "To apply it: periferia-link run --plan plan.json" in out
        assert 0o600 == (here / "plan.json").stat().st_mode & 0o777
        MemorySystem.stores["crm"].put(Client(name="Gamma S.A."))
        code, _, _ = command("run", "clients", "--plan", "plan.json")
        assert 0 == code
        names = {client.name for client in MemorySystem.stores["erp"].holds("Client")}
        assert {"ACME SAS", "Beta Ltda."} == names

    def test_as_json(self, command):
        """One object for other programs."""
        code, out, _ = command("plan", "clients", "--json")
        assert 0 == code
        assert ["clients"] == json.loads(out)["flows"]
        assert "create" == json.loads(out)["changes"][0]["mode"]

    def test_a_place_that_cannot_be_written(self, command):
        """The reason and the next step, no traceback."""
        code, _, err = command("plan", "--save", "no/such/folder/plan.json")
        assert 2 == code
        assert "the plan cannot be written" in err
        assert "next step" in err


class TestRun:
    def test_it_writes(self, command):
        """Every flow, and what each did."""
        code, out, err = command("run")
        assert (0, "") == (code, err)
        assert re.search(r"^labour_costs +2 ", out, re.MULTILINE)
        assert re.search(r"^[\d.]+ s$", out, re.MULTILINE)

    def test_the_second_time_nothing(self, command):
        """A run after a run writes nothing."""
        command("run")
        before = [len(system.requests) for system in MemorySystem.stores.values()]
        assert 0 == command("run")[0]
        assert before == [len(system.requests) for system in MemorySystem.stores.values()]

    def test_as_json(self, command):
        """The report, for other programs."""
        code, out, _ = command("run", "--json")
        assert 0 == code
        assert 2 == json.loads(out)["flows"]["labour_costs"]["created"]

    def test_something_waits(self, command):
        """A partner of the same name without tax id is a question: done, and exit code 3 until it is answered."""
        MemorySystem.stores["crm"].put(Client(name="Delta S.A."))
        MemorySystem.stores["erp"].put(Client(name="DELTA SA", code="C-9"))
        code, out, _ = command("run", "clients")
        assert 3 == code
        assert "Some records wait for a person: periferia-link parked" in out
        assert 3 == command("run", "clients", "--json")[0]
        assert 0 == command("run", "projects")[0]

    def test_a_system_that_stops(self, command):
        """What was done until then, what happened, where, what next; exit code 1."""
        command("run", "clients")
        MemorySystem.stores["helpdesk"].is_down = True
        code, out, err = command("run")
        assert 1 == code
        assert "Before it stopped:" in out
        assert "projects" in out
        assert "✗ what happened: " in err
        assert "nobody answers" in err
        assert "where:         helpdesk · GET /me" in err
        assert 1 == err.count("switch it on")

    def test_held_by_another(self, command, here):
        """A flow that another process works on: who, since when, exit code 4."""
        with SqliteLedger.open(here / "periferia.db") as ledger, ledger.transaction():
            ledger.leases.take("clients", "somebody else", now=time.time(), seconds=600)
        code, _, err = command("run", "clients")
        assert 4 == code
        assert "somebody else" in err

    def test_an_unknown_flow(self, command):
        """What there is instead; exit code 2."""
        code, _, err = command("run", "invoices")
        assert 2 == code
        assert "its flows are clients, projects, labour_costs" in err

    def test_no_plan_there(self, command):
        """A plan that is none."""
        code, _, err = command("run", "--plan", "plan.json")
        assert 2 == code
        assert "plan.json is not a saved plan" in err


class TestAdopt:
    def test_it_links(self, command):
        """What both sides hold is linked, nothing is written, the next step is told."""
        code, out, _ = command("adopt", "clients")
        assert 0 == code
        assert "Nothing was written to any system. Next: periferia-link plan clients" in out
        assert [] == MemorySystem.stores["erp"].requests
        with SqliteLedger.open("periferia.db") as ledger:
            assert 1 == len(ledger.links.twin(Ref("crm", "Client", "1"), "erp", "Client"))

    def test_as_json(self, command):
        """The counts, for other programs."""
        code, out, _ = command("adopt", "clients", "--json")
        assert (0, 1) == (code, json.loads(out)["flows"]["clients"]["adopted"])

    def test_since(self, command):
        """A day limits what is looked at; another form of a day is refused."""
        assert 0 == command("adopt", "clients", "--since", "2026-01-01")[0]
        assert 2 == command("adopt", "clients", "--since", "1/1/2026")[0]

    def test_a_flow_without_anything_to_match_by(self, command):
        """Postings are not adopted; the hint says what does the same."""
        code, _, err = command("adopt", "labour_costs")
        assert 2 == code
        assert "[flows.labour_costs] starts" in err


class TestParked:
    def test_nothing(self, command):
        """Nothing waits."""
        assert (0, "Nothing waits for a person.\n", "") == command("parked")

    def test_reasons_and_next_steps(self, command):
        """Hours without a rate and a client of the same name: what, why, what next."""
        MemorySystem.stores["crm"].put(Client(name="Delta S.A."))
        MemorySystem.stores["erp"].put(Client(name="DELTA SA", code="C-9"))
        erp = MemorySystem.stores["erp"]
        erp.change(Ref("erp", "Employee", "1"), rates=())
        command("run")
        code, out, _ = command("parked")
        assert 3 == code
        assert "Parked: 2\n  labour_costs: 2 records: " in out
        assert "reason: employee E1 has no cost rate valid on 2026-03-02 … 2026-03-03\n" in out
        assert "next step: add the rate in the ERP; the entry is tried again then" in out
        assert "In review: 1\n  clients: 1 record: " in out
        assert 0 == command("parked", "projects")[0]

    def test_as_json(self, command):
        """Every record, for other programs."""
        MemorySystem.stores["erp"].change(Ref("erp", "Employee", "1"), rates=())
        command("run")
        code, out, _ = command("parked", "--json")
        assert 3 == code
        assert 2 == len(json.loads(out)["parked"])
        assert [] == json.loads(out)["review"]


class TestLanguage:
    def test_the_option(self, command):
        """``--lang es`` speaks Spanish, errors too."""
        assert "Nada espera por una persona." in command("parked", "--lang", "es")[1]
        assert "qué sigue" in command("run", "invoices", "--lang", "es")[2]

    def test_the_locale(self, command, monkeypatch):
        """So does the locale."""
        monkeypatch.setenv("LANG", "es_CO.UTF-8")
        assert "Nada espera por una persona." in command("parked")[1]

    def test_the_file(self, command, here):
        """The company's language counts where its file names one, and the option wins over it."""
        write(here, company='language = "es"')
        assert "Nada espera por una persona." in command("parked")[1]
        assert "Nothing waits for a person." in command("parked", "--lang", "en")[1]

    def test_none_that_we_speak(self, command):
        """A language that we do not speak is a mistake in the call."""
        assert 2 == command("parked", "--lang", "fr")[0]

    @pytest.mark.parametrize("words", [["--lang", "es"], ["--lang=es"]])
    def test_help_texts(self, monkeypatch, words):
        """Help is made before options are read: the language is looked for in the call."""
        monkeypatch.setattr(sys, "argv", ["periferia-link", "--help", *words])
        assert "es" == _commands.help_words().language
        monkeypatch.setattr(sys, "argv", ["periferia-link", "--lang"])
        assert "en" == _commands.help_words().language

    def test_before_the_command(self, command):
        """``periferia-link --lang es parked`` speaks Spanish, and the next call its own language."""
        assert "Nada espera por una persona." in command("--lang", "es", "parked")[1]
        assert "Nothing waits for a person." in command("parked")[1]


class TestEndings:
    def test_stopped_in_one_flow(self, command, monkeypatch):
        """A plan that stops has the report of one flow: shown like that of a run."""

        def stop(*args, **kwargs):
            report = FlowReport("clients")
            report.count("created", 7)
            raise FlowError("the source lost most of its records", hint="look there", report=report)

        monkeypatch.setattr(_commands.Installation, "open", stop)
        code, out, err = command("plan")
        assert 1 == code
        assert re.search(r"^clients +7 ", out, re.MULTILINE)
        assert "look there" in err
        monkeypatch.setattr(_commands.Installation, "open", lambda *_, **__: stop_without_report())
        assert (1, "") == command("plan")[:2]

    def test_interrupted(self, command, monkeypatch):
        """Ctrl-C: exit code 130, and what happens next."""

        def stop(*args, **kwargs):
            raise KeyboardInterrupt

        monkeypatch.setattr(_commands.Installation, "open", stop)
        code, _, err = command("run")
        assert 130 == code
        assert "it goes on where it stopped" in err

    def test_a_defect(self, command, monkeypatch):
        """A bug of ours is a sentence, too; the detail comes when it is asked for."""

        def fail(*args, **kwargs):
            raise ZeroDivisionError

        monkeypatch.setattr(_commands.Installation, "open", fail)
        code, _, err = command("run")
        assert 1 == code
        assert "unexpected error: ZeroDivisionError" in err
        assert "Traceback" not in err
        monkeypatch.setenv("PERIFERIA_LINK_DEBUG", "1")
        with pytest.raises(ZeroDivisionError):
            main(["run"])

    def test_the_reader_went_away(self, command, monkeypatch):
        """``periferia-link parked | head -1`` ends without a word."""
        closed = []

        def leave(*args, **kwargs):
            raise BrokenPipeError

        monkeypatch.setattr(_commands, "leave_pipe", lambda: closed.append(True))
        monkeypatch.setattr(_commands.Installation, "open", leave)
        assert (1, "", "") == command("run")
        assert closed

    def test_the_pipe_is_left_for_good(self, monkeypatch):
        """What is still in a buffer goes nowhere."""
        moved = []
        calls = {"open": lambda *_: 7, "dup2": lambda ours, theirs: moved.append(theirs)}
        monkeypatch.setattr(_commands, "os", SimpleNamespace(devnull="", O_WRONLY=1, **calls))
        _commands.leave_pipe()
        assert [1] == moved

    @pytest.mark.parametrize(
        ("error", "code"), [(LeaseHeldError("x"), ExitCode.HELD), (LedgerBusyError("x"), ExitCode.HELD)]
    )
    def test_busy(self, error, code):
        """Somebody else works on it."""
        assert code is ExitCode.of(error)

    def test_without_the_extra(self, monkeypatch, capsys):
        """Without typer or rich: one sentence that installs them, exit code 2."""
        real = builtins.__import__

        def without(name, *args, **kwargs):
            if name == "periferia_link.cli._app":
                raise ModuleNotFoundError("No module named 'typer'", name="typer")
            return real(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", without)
        with pytest.raises(SystemExit) as left:
            main(["plan"])
        assert 2 == left.value.code
        assert 'pip install "periferia-link[cli]"' in capsys.readouterr().err

    def test_another_missing_module_is_a_defect(self, monkeypatch):
        """A module of ours that is missing is not blamed on the extra."""
        monkeypatch.setitem(sys.modules, "periferia_link.cli._app", None)
        with pytest.raises(ModuleNotFoundError):
            main(["plan"])

    def test_interrupted_while_it_loads(self, monkeypatch):
        """Ctrl-C before the first word."""
        real = builtins.__import__

        def interrupt(name, *args, **kwargs):
            if name == "periferia_link.cli._app":
                raise KeyboardInterrupt
            return real(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", interrupt)
        with pytest.raises(SystemExit) as left:
            main(["plan"])
        assert 130 == left.value.code


class TestHelp:
    def test_the_commands(self, command):
        """In the order in which a newcomer needs them, each with a sentence; the exit codes below."""
        code, out, _ = command("--help")
        assert 0 == code
        listed = re.findall(r"^ {2}(\w+) {2,}\w", out, re.MULTILINE)
        ours = ["init", "check", "adopt", "plan", "run", "status", "parked", "review", "trace", "ledger", "demo"]
        assert ours == [name for name in listed if name in ours]
        assert "Exit codes: 0 well" in out

    def test_the_version(self, command):
        """Which library this is."""
        from periferia_link import __version__

        assert (0, f"periferia-link {__version__}\n") == command("--version")[:2]

    def test_no_command(self, command):
        """Called with nothing it says what it can do."""
        assert "adopt" in "".join(command()[1:])

    def test_the_app_is_there_for_the_pages(self):
        """``cli.app`` is found when it is asked for; other names are not there."""
        assert _app.app is cli.app
        with pytest.raises(AttributeError, match="no attribute 'shell'"):
            cli.shell  # noqa: B018 - the access is the test
