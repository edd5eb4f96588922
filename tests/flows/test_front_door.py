"""The first hour with real addresses: init, check, adopt, plan, run, status, trace, and the memory, over TLS."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("typer", reason="the extra cli is not installed")
pytest.importorskip("trustme", reason="the extra demo is not installed")

import periferia_link
from periferia_link.cli import main
from periferia_link.cli.demo._business import CREDIT, DEBIT
from periferia_link.cli.demo._chain import sow
from periferia_link.cli.demo._company import company
from periferia_link.cli.demo._emulators import running_emulators
from periferia_link.settings import Settings

LOGIN = ("--authority", "--crm-tenant", "--crm-client")


def called(folder, *words):
    """Run a command in this process; return exit code and both streams."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as left:
        main([*words, "--config", str(folder / "periferia.toml"), "--lang", "en"])
    return int(left.value.code), out.getvalue(), err.getvalue()


def answer(folder, *words):
    """Return the JSON of a command."""
    return json.loads(called(folder, *words, "--json")[1])


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """Start the emulators, fill them with a small company, write its configuration by ``init``, run every step once."""
    folder = tmp_path_factory.mktemp("front_door")
    business = company(seed=3, clients=9, days=2, today=date(2026, 11, 20))
    with running_emulators(folder / "emulators.log", seed=3) as emulators:
        sow(emulators, business)
        shutil.copyfile(emulators["dynamics365"].ca, folder / "ca.pem")
        crm, erp, desk = (emulators[name] for name in ("dynamics365", "sap", "periticket"))
        for name, secret in (
            ("crm.secret", crm.credentials["client_secret"]),
            ("erp.secret", erp.credentials["password"]),
            ("helpdesk.secret", desk.credentials["token"]),
        ):
            (folder / name).write_text(secret)
        steps = {}
        steps["init"] = called(
            folder, "init", "--no-input", "--private", "--ca-file", "ca.pem",
            "--crm-url", crm.url, "--crm-tenant", crm.credentials["tenant_id"],
            "--crm-client", crm.credentials["client_id"], "--crm-secret", "${FILE:crm.secret}",
            "--authority", crm.credentials["authority"],
            "--erp-url", erp.url, "--erp-user", erp.credentials["username"],
            "--erp-database", erp.credentials["company_db"], "--erp-password", "${FILE:erp.secret}",
            "--helpdesk-url", desk.url, "--helpdesk-token", "${FILE:helpdesk.secret}",
            "--starts", str(business.starts), "--debit", DEBIT, "--credit", CREDIT,
        )  # fmt: skip
        steps["check"] = called(folder, "check")
        steps["checked"] = answer(folder, "check")
        steps["adopt"] = called(folder, "adopt", "clients")
        steps["plan"] = called(folder, "plan", "clients")
        steps["run"] = called(folder, "run")
        yield SimpleNamespace(folder=folder, business=business, emulators=emulators, steps=steps)


class TestFirstHour:
    def test_init_writes_what_loads(self, office):
        """A private file without a secret in it."""
        code, out, err = office.steps["init"]
        assert (0, "") == (code, err)
        path = office.folder / "periferia.toml"
        assert 0o600 == path.stat().st_mode & 0o777
        text = path.read_text(encoding="utf-8")
        for secret in office.folder.glob("*.secret"):
            assert secret.read_text() not in text + out
        assert ["clients", "projects", "labour_costs"] == list(Settings.load(path).flows)

    def test_check_asks_each_system(self, office):
        """All three are reached, with who we are and which installation it is; nothing is missing."""
        code, out, err = office.steps["check"]
        assert (0, "") == (code, err), out
        assert 3 == out.count("· reached\n")
        systems = office.steps["checked"]["systems"]
        assert ["crm", "erp", "helpdesk"] == list(systems)
        assert all(one["verdict"] == "reached" and one["system_id"] and one["identity"] for one in systems.values())
        assert len({one["system_id"] for one in systems.values()}) == 3

    def test_adopt_plan_run(self, office):
        """Nothing is written before the run; then clients, projects and postings are."""
        assert "Nothing was written to any system." in office.steps["adopt"][1]
        assert "Plan: nothing is written yet" in office.steps["plan"][1]
        code, out, err = office.steps["run"]
        assert code in (0, 3), err
        assert "labour_costs" in out

    def test_status(self, office):
        """Every flow ran to its end just now."""
        flows = answer(office.folder, "status")["flows"]
        assert {"done"} == {one["last_run"]["how"] for one in flows.values()}
        assert all(one["lag_seconds"] < 600 and one["lease"] is None and one["open"] == 0 for one in flows.values())


class TestTrace:
    def test_from_a_won_sale_to_its_postings(self, office):
        """Every project with hours leads to postings in SAP, and each of them back to the sale."""
        won = [one for one in office.business.opportunities if one.get("statecode") == 1]
        traced = 0
        for opportunity in won:
            found = answer(office.folder, "trace", f"crm:Opportunity:{opportunity['opportunityid']}", "--limit", "5000")
            kinds = {node["ref"].split(":")[1] for node in found["nodes"]}
            assert {"Opportunity", "Client", "Project"} <= kinds
            if "CostEntry" not in kinds:
                continue
            traced += 1
            posting = next(node["ref"] for node in found["nodes"] if ":CostEntry:" in node["ref"])
            back = answer(office.folder, "trace", posting, "--direction", "up", "--limit", "5000")
            assert found["root"] in {node["ref"] for node in back["nodes"]}
        assert traced > 0

    def test_nobody_is_named(self, office):
        """Personal data of the company is in no trace."""
        account = office.business.accounts[0]
        text = called(office.folder, "trace", f"crm:Client:{account['accountid']}")[1]
        for field in ("emailaddress1", "telephone1"):
            assert not account.get(field) or account[field] not in text


class TestMemory:
    def test_it_is_healthy(self, office):
        """Every rule holds after a run against real addresses."""
        assert [] == answer(office.folder, "ledger", "verify")["problems"]

    def test_a_copy_while_a_run_is_going(self, office, tmp_path):
        """The copy is taken while another process writes; it is whole, and a second run needs nothing of it."""
        copy = tmp_path / "copy.db"
        other = sqlite3.connect(office.folder / "periferia.db", isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            assert 0 == called(office.folder, "ledger", "backup", str(copy))[0]
        finally:
            other.close()
        assert 0o600 == copy.stat().st_mode & 0o777

    def test_a_second_run_writes_nothing(self, office):
        """What was looked at did not change what is there."""
        before = office.emulators.traffic()
        assert called(office.folder, "run")[0] in (0, 3)
        assert 0 == office.emulators.traffic().since(before).writes


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM is a signal of POSIX")
class TestWatch:
    def test_a_process_of_its_own(self, office, tmp_path):
        """It runs pass after pass, the memory is copied and read meanwhile, and SIGTERM ends it in order: 143."""
        environ = os.environ | {"PYTHONPATH": str(Path(periferia_link.__file__).parents[1]), "LANG": "en_US.UTF-8"}
        command = [
            sys.executable,
            "-W",
            "error::ResourceWarning",
            "-m",
            "periferia_link",
            "run",
            "--watch",
            "--every",
            "1",
        ]
        config = ["--config", str(office.folder / "periferia.toml"), "--lang", "en", "--json"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf-8"}
        with subprocess.Popen([*command, *config], env=environ, **pipes) as process:
            first = json.loads(process.stdout.readline())
            assert 0 == called(office.folder, "ledger", "backup", str(tmp_path / "copy.db"))[0]
            assert called(office.folder, "status")[0] in (0, 3)
            second = json.loads(process.stdout.readline())
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=240)
        assert (143, "") == (process.returncode, err)
        assert [(1, None), (2, None)] == [(one["pass"], one["error"]) for one in (first, second)]
        assert all(one["lease"] is None for one in answer(office.folder, "status")["flows"].values())
        assert [] == answer(office.folder, "ledger", "verify")["problems"]


class TestWrongDoor:
    def test_a_wrong_password(self, office, tmp_path):
        """One system refuses; the others are checked all the same, and the next step is said."""
        for path in office.folder.iterdir():
            if path.suffix in (".toml", ".pem", ".secret"):
                shutil.copyfile(path, tmp_path / path.name)
        Path(tmp_path / "erp.secret").write_text("wrong")
        code, out, _ = called(tmp_path, "check")
        assert 1 == code
        assert "✗ erp · not reached" in out
        assert 2 == out.count("· reached\n")
        assert "next step:" in out
