"""``init sap``: a company gets its marker table and fields, once."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

pytest.importorskip("typer", reason="the extra cli is not installed")

from periferia_link.cli import _init_sap
from periferia_link.connectors.registry import build
from periferia_link.testing.emulators import InProcessWire, ManualClock
from periferia_link.testing.emulators.sap import SapEmulator

URL = "https://sap.example:50000"
TABLES = ("OCRD", "OPRJ", "OJDT", "OINV", "OOPR", "OSCL")
FILE = """
[systems.erp]
connector = "sap-business-one"
url = "https://sap.example:50000"
credential = { kind = "login", username = "manager", password = "${ENV:ERP_PASSWORD}", company_db = "PERIFERIA" }
"""


@pytest.fixture
def company():
    """Return a company that nobody prepared."""
    emulator = SapEmulator()
    emulator.drop_user_table("PL_SYNC")
    emulator.drop_user_field("PL_Key")
    return emulator


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, company):
    """Stand in a folder with a configuration of that company."""
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.setenv("ERP_PASSWORD", company.credentials()["password"])
    monkeypatch.chdir(tmp_path)
    clock = ManualClock(datetime(2026, 11, 22, 14, tzinfo=timezone.utc))
    wire = InProcessWire({URL: company}, clock)
    monkeypatch.setattr(_init_sap, "build", lambda name, settings, **_: build(name, settings, clock=clock, wire=wire))
    (tmp_path / "periferia.toml").write_text(FILE, encoding="utf-8")
    return tmp_path


class TestInitSap:
    def test_makes_what_is_missing(self, command, company):
        """Table, fields, indexes; and it says that the Service Layer must restart."""
        code, out, err = command("init", "sap")

        assert (0, "") == (code, err)
        assert ["PL_SYNC"] == list(company.books["UserTablesMD"])
        fields = [row for row in company.books["UserFieldsMD"].values() if row["Name"] == "PL_Key"]
        assert sorted(TABLES) == sorted(row["TableName"] for row in fields)
        assert {64} == {row["Size"] for row in fields}
        assert sorted(TABLES) == sorted(row["TableName"] for row in company.books["UserKeysMD"].values())
        assert {"tNO"} == {row["Unique"] for row in company.books["UserKeysMD"].values()}
        assert "Restart the Service Layer on every node" in out
        assert "U_PL_SYNC" in out

    def test_twice(self, command, told, company):
        """The second run makes nothing; after the restart the company is ready."""
        command("init", "sap")
        code, again = told("init", "sap")
        company.restart()
        _, last = told("init", "sap")

        assert (0, 0, True, False) == (code, again["made"], again["needs_restart"], again["is_ready"])
        assert {"there"} == {step["state"] for step in again["steps"]}
        assert (0, False, True) == (last["made"], last["needs_restart"], last["is_ready"])
        assert "The company is ready" in command("init", "sap")[1]

    def test_dry_run(self, command, told, company):
        """Nothing is made; every missing thing is named."""
        code, answer = told("init", "sap", "--dry-run")

        assert 0 == code
        assert {"missing"} == {step["state"] for step in answer["steps"]}
        assert 14 == len(answer["steps"])
        assert not answer["needs_restart"]
        assert {} == company.books["UserTablesMD"]
        assert "without --dry-run" in command("init", "sap", "--dry-run")[1]

    def test_rates(self, told, company):
        """The table of dated rates on demand."""
        _, answer = told("init", "sap", "--rates")
        names = {row["Name"] for row in company.books["UserFieldsMD"].values() if row["TableName"] == "@PL_RATES"}

        assert {"Employee", "From", "Hourly", "Currency"} == names
        assert 19 == answer["made"]

    def test_spanish(self, command):
        """In the language of the person."""
        code, out, _ = command("init", "sap", "--dry-run", "--lang", "es")

        assert 0 == code
        assert "falta" in out
        assert "No se creó nada" in out

    def test_fields(self, command, here, company):
        """The fields that the company has go into a file for periferia.toml."""
        company.load({"UserFieldsMD": [{"TableName": "OPRJ", "Name": "Cliente", "Description": "Cliente", "Size": 15}]})
        code, out, _ = command("init", "sap", "--fields", "fields.toml")

        assert 0 == code
        assert "fields.toml" in out
        assert '[systems.erp.fields.Project]\ncolumns = { client = "U_Cliente" }' in (here / "fields.toml").read_text(
            encoding="utf-8"
        )

    def test_which_one(self, command, here):
        """With two companies one is named; a wrong name says which there are."""
        file = here / "periferia.toml"
        file.write_text(FILE + FILE.replace("systems.erp", "systems.peru"), encoding="utf-8")
        several, wrong, right = (command("init", "sap", *words) for words in ((), ("crm",), ("peru", "--dry-run")))

        assert 2 == several[0]
        assert "name one: erp, peru" in several[2]
        assert "its systems are erp, peru" in wrong[2]
        assert 0 == right[0]

    def test_none(self, command, here):
        """A file without SAP."""
        (here / "periferia.toml").write_text("", encoding="utf-8")
        code, _, err = command("init", "sap")

        assert 2 == code
        assert "names no SAP Business One" in err

    def test_short_field(self, command, company):
        """A field of that name that is too short for our key is said, not used."""
        company.load({"UserFieldsMD": [{"TableName": "OJDT", "Name": "PL_Key", "Size": 20}]})
        code, _, err = command("init", "sap")

        assert 2 == code
        assert "OJDT.U_PL_Key keeps 20 characters, our key has 64" in err

    def test_plain_init_is_still_there(self, command):
        """The group keeps its own work."""
        code, out, _ = command("init", "--help")

        assert 0 == code
        assert "sap" in out
        assert "--crm-url" in out
