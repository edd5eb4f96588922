"""The page about Dynamics 365 is true: its code runs against the emulated environment, its settings are read."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

import pytest

from periferia_link.connectors.dynamics365 import DYNAMICS365_FIELDS, Dynamics365
from periferia_link.settings import Settings
from periferia_link.testing.emulators import InProcessWire, ManualClock
from periferia_link.testing.emulators.dynamics365 import Dynamics365Emulator
from periferia_link.transport import _http

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "dynamics365.md"
URL, LOGIN = "https://contoso.crm2.dynamics.com", "https://login.microsoftonline.com"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language):
    return [text for name, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if name == language]


@pytest.fixture
def crm(monkeypatch):
    """An environment behind the address of the page; requests go there instead of the network."""
    crm = Dynamics365Emulator()
    clock = ManualClock(datetime.now(timezone.utc))
    wire = InProcessWire({URL: crm, LOGIN: crm.entra}, clock)
    monkeypatch.setattr(_http, "HttpWire", lambda *_, **__: wire)
    names = [f"n{number}" for number in range(12)]
    crm.load({"accounts": [{"name": name, "address1_city": "Cali"} for name in names]})
    crm.load({"accounts": [{"name": "O'Brien & Hijos Ltda."}]})
    return crm


class TestTheCode:
    def test_it_runs_from_top_to_bottom(self, crm, monkeypatch, tmp_path, capsys):
        """Each block runs after the one before it, as a reader would type them."""
        known = crm.entra.credentials()
        told = {
            "00000000-1111-2222-3333-444444444444": known["tenant_id"],
            "55555555-6666-7777-8888-999999999999": known["client_id"],
            "the value of the secret, not its id": known["client_secret"],
        }
        monkeypatch.chdir(tmp_path)
        names: dict[str, object] = {}
        for text in blocks("python"):
            for shown, real in told.items():
                text = text.replace(shown, real)  # noqa: PLW2901 - the reader's own values
            exec(compile(text, PAGE.name, "exec"), names)
        connector = names["crm"]
        assert isinstance(connector, Dynamics365)
        connector.close()
        said = capsys.readouterr().out
        assert "O'Brien & Hijos Ltda." in said
        assert "[systems.crm.fields" in (tmp_path / "found.toml").read_text(encoding="utf-8")
        (case,) = crm.books["incidents"].values()
        assert 1 == case["statecode"]
        assert 2 == len(crm.books["annotations"])
        assert "qualified" == connector.decode("Lead", connector.get("Lead", list(crm.books["leads"]))[0]).state

    def test_the_settings_are_read(self, tmp_path, monkeypatch):
        """The tables of the page are one file that the connector accepts."""
        monkeypatch.setenv("CRM_SECRET", "not-a-secret")
        file = tmp_path / "periferia.toml"
        file.write_text("\n".join(blocks("toml")), encoding="utf-8")
        settings = Settings.load(file).systems["crm"]
        fields = DYNAMICS365_FIELDS.merged(settings.fields, own_kinds=True)
        assert {"Asset", "Interaction.chat"} <= set(fields)
        with Dynamics365.configured("crm", settings, wire=InProcessWire({}, ManualClock())) as connector:
            assert "Asset" in connector.capabilities
