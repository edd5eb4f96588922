"""``periferia-link demo`` as people start it: four emulators over TLS in a process of their own."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

import periferia_link
from periferia_link.cli import main

pytest.importorskip("typer", reason="the extra cli is not installed")
pytest.importorskip("trustme", reason="the extra demo is not installed")

FLOWS = ["clients", "leads", "helpdesk_clients", "projects", "tickets_to_crm", "labour_costs", "ticket_timeline"]
COUNTS = ["created", "updated", "deleted", "unchanged", "adopted", "parked", "review"]
SMALL = ("--clients", "9", "--days", "2")


def started(*words, cwd, **options):
    """Start the demo in a folder of its own."""
    environ = os.environ | {"PYTHONPATH": str(Path(periferia_link.__file__).parents[1]), "LANG": "en_US.UTF-8"}
    for name in ("LC_ALL", "LC_MESSAGES"):
        environ.pop(name, None)
    command = [sys.executable, "-W", "error::ResourceWarning", "-m", "periferia_link", "demo", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=cwd, env=environ, text=True, encoding="utf-8", **pipes, **options)


def finished(*words, cwd):
    """Run the demo to its end; return exit code and both streams."""
    with started(*words, cwd=cwd) as process:
        out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def in_this_process(*words):
    """Run the demo in this process; its emulators are another one."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as left:
        main(["demo", *words])
    return left.value.code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Run the small demo once with ``--json`` and once for people, keeping what it leaves."""
    folder = tmp_path_factory.mktemp("demo")
    as_json = finished("--json", *SMALL, cwd=folder)
    as_text = in_this_process(*SMALL, "--keep", str(folder / "kept"), "--lang", "es")
    return as_json, as_text, folder / "kept"


class TestJson:
    def test_one_object(self, told):
        """Exit code 0, nothing on standard error, one object in the agreed shape."""
        code, out, err = told[0]
        assert (0, "") == (code, err)
        runs = json.loads(out)["runs"]
        assert ["first", "again", "changed"] == [run["name"] for run in runs]
        for run in runs:
            assert ["name", "flows", "writes", "requests", "seconds"] == list(run)
            assert FLOWS == list(run["flows"])
            assert all(list(counts) == COUNTS for counts in run["flows"].values())

    def test_the_first_run(self, told):
        """Every account is created, linked or asked about; hours become postings, tickets cases with their notes."""
        first = json.loads(told[0][1])["runs"][0]
        flows = first["flows"]
        assert (9, 1) == (sum(flows["clients"].values()), flows["clients"]["review"])
        assert flows["clients"]["adopted"] > 1
        created = {name: counts["created"] for name, counts in flows.items()}
        assert {"leads", "helpdesk_clients"} == {name for name, number in created.items() if not number}
        assert flows["leads"]["adopted"] > 1
        # a client that the CRM does not know, and a ticket that names none: nobody guesses
        assert {"helpdesk_clients": 1, "tickets_to_crm": 1} == {
            name: counts["parked"] for name, counts in flows.items() if counts["parked"]
        }
        # a posting is an entry and its marker; closing a case writes its resolution and the case once more
        least = sum(created.values()) + created["labour_costs"]
        assert least < first["writes"] <= least + 3 * created["tickets_to_crm"]
        assert first["requests"] > 20

    def test_the_second_run_writes_nothing(self, told):
        """The systems' own logs say so."""
        again = json.loads(told[0][1])["runs"][1]
        assert 0 == again["writes"]
        assert {0} == {counts[name] for counts in again["flows"].values() for name in ("created", "updated", "deleted")}

    def test_what_changed_is_written_and_no_more(self, told):
        """A client, its project, the difference of hours and of a rate; one ticket is new, two have changed."""
        changed = json.loads(told[0][1])["runs"][2]
        created = {name: counts["created"] for name, counts in changed["flows"].items()}
        assert (1, 1) == (created["clients"], created["projects"])
        assert 2 <= created["labour_costs"] <= 6
        assert (1, 3) == (created["tickets_to_crm"], created["ticket_timeline"])
        updated = {name: counts["updated"] for name, counts in changed["flows"].items() if counts["updated"]}
        assert {"tickets_to_crm": 2} == updated
        assert sum(created.values()) + created["labour_costs"] + 2 == changed["writes"]
        assert 0 == sum(counts["deleted"] for counts in changed["flows"].values())


class TestForPeople:
    def test_the_proof_is_shown(self, told):
        """In Spanish, because it was asked for: ten lines that hold, and who waits."""
        code, out, err = told[1]
        assert (0, "") == (code, err)
        assert 10 == out.count("✓ ")
        assert "✗" not in out
        assert "Todo cuadra." in out
        assert "el dígito de verificación del NIT debería ser" in out

    def test_a_pipe_gets_plain_text(self, told):
        """No colours, no bars, no line that ends in blanks."""
        out = told[1][1]
        assert "\x1b" not in out
        assert [line for line in out.splitlines() if line != line.rstrip()] == []

    def test_what_is_kept(self, told):
        """Configuration, ledger and plans; secrets are files that only their owner reads."""
        kept = told[2]
        names = {path.name for path in kept.iterdir()}
        assert {"periferia.toml", "periferia.db", "plan-clients.json", "ca.pem"} <= names
        assert "secret" not in (kept / "emulators.log").read_text()
        for path in kept.glob("*.secret"):
            assert 0o600 == path.stat().st_mode & 0o777
            assert path.read_text() not in (kept / "periferia.toml").read_text()

    def test_the_ledger_goes_on_telling(self, told, capsys):
        """``periferia-link parked`` reads what is kept, without the systems."""
        with pytest.raises(SystemExit) as left:
            main(["parked", "--config", str(told[2] / "periferia.toml"), "--lang", "en"])
        assert 3 == left.value.code
        told = capsys.readouterr().out
        assert ("In review: 2" in told, "Parked: 2" in told) == (True, True)


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is a signal here")
def test_interrupted(tmp_path):
    """Ctrl-C ends it with a sentence, exit code 130, and without leaving emulators behind."""
    with started("--clients", "60", "--days", "60", cwd=tmp_path) as process:
        assert process.stdout.readline()  # the emulators are up when the first line is there
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=240)
    assert 130 == process.returncode
    assert "interrupted" in err
    assert "Traceback" not in err
