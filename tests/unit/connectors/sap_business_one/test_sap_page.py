"""The page docs/how-to/sap-business-one.md is true: its code runs against the emulated company, its settings are read."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

import pytest

from periferia_link.connectors.sap_business_one import SAP_FIELDS, SapBusinessOne
from periferia_link.settings import Settings
from periferia_link.testing.emulators import InProcessWire, ManualClock
from periferia_link.testing.emulators.sap import SapEmulator
from periferia_link.transport import _http

PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "sap-business-one.md"
URL = "https://sap.contoso.example:50000"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language):
    return [text for name, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if name == language]


@pytest.fixture
def company(monkeypatch):
    """A company behind the address of the page; requests go there instead of the network."""
    company = SapEmulator()
    wire = InProcessWire({URL: company}, ManualClock(datetime(2026, 11, 22, 14, tzinfo=timezone.utc)))
    monkeypatch.setattr(_http, "HttpWire", lambda *_, **__: wire)
    rows = [{"CardCode": f"C{n}", "CardName": f"Cliente {n}", "City": "Cali"} for n in range(4)]
    company.load({"BusinessPartners": [*rows, {"CardCode": "C9", "CardName": "O'Brien & Hijos Ltda."}]})
    company.load({"UserFieldsMD": [{"TableName": "OPRJ", "Name": "Cliente", "Description": "Cliente", "Size": 15}]})
    return company


class TestTheCode:
    def test_it_runs_from_top_to_bottom(self, company, monkeypatch, tmp_path, capsys):
        """Each block runs after the one before it, as a reader would type them."""
        known = company.credentials()
        told = {
            '"the password"': repr(known["password"]),
            '"link"': repr(known["username"]),
            '"SBO_CONTOSO"': repr(known["company_db"]),
        }
        monkeypatch.chdir(tmp_path)
        names: dict[str, object] = {}
        for text in blocks("python"):
            for shown, real in told.items():
                text = text.replace(shown, real)  # noqa: PLW2901 - the reader's own values
            exec(compile(text, PAGE.name, "exec"), names)
        connector = names["sap"]
        assert isinstance(connector, SapBusinessOne)
        connector.close()
        said = capsys.readouterr().out
        assert "O'Brien & Hijos Ltda." in said
        assert "True draft 2,250,000" in said
        assert "U_Cliente" in (tmp_path / "found.toml").read_text(encoding="utf-8")
        (draft,) = company.books["Drafts"].values()
        assert "P-17/2026-10 (2)" == draft["NumAtCard"]
        assert "PL_CITIES" in company.books["SQLQueries"]

    def test_the_settings_are_read(self, tmp_path, monkeypatch):
        """The tables of the page are one file that the connector accepts."""
        monkeypatch.setenv("ERP_PASSWORD", "not-a-secret")
        file = tmp_path / "periferia.toml"
        file.write_text("\n".join(blocks("toml")), encoding="utf-8")
        settings = Settings.load(file).systems["erp"]
        fields = SAP_FIELDS.merged(settings.fields)
        assert "U_Cliente" == fields["Project"].column("client")
        assert 4 == fields["ServiceCall"].choices["status"]["waiting"]
        with SapBusinessOne.configured("erp", settings, wire=InProcessWire({}, ManualClock())) as connector:
            assert "Invoice" in connector.capabilities
