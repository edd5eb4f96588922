"""The page about Azure DevOps: its code runs, its tables are read."""

from __future__ import annotations

import base64
import functools
import re
import sys
from pathlib import Path

import pytest

from azure_devops_world import World
from periferia_link.connectors import azure_devops
from periferia_link.connectors.azure_devops._options import Options
from periferia_link.connectors.registry import build
from periferia_link.settings import SystemSettings
from periferia_link.testing.emulators import InProcessWire
from periferia_link.testing.emulators.azure_devops import AzureDevOpsEmulator

PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "azure-devops.md"
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


class TestPage:
    def test_the_code_runs(self, monkeypatch, capsys):
        """Block after block, against the emulator, as a reader would."""
        world = World()
        service = AzureDevOpsEmulator(organisation="contoso")
        wire = InProcessWire({"https://dev.azure.com": service}, world.clock)
        made = functools.partial(azure_devops.AzureDevOps, wire=wire, clock=world.clock)
        monkeypatch.setattr(azure_devops, "AzureDevOps", made)
        monkeypatch.setenv("DEVOPS_PAT", service.pat)
        monkeypatch.setenv("HOOK_PASSWORD", "secret")
        service.enter("Entrega", "Task", {"Title": "O'Neil: migración"}, world.clock)
        names: dict[str, object] = {}
        for text in (text for language, text in BLOCKS if language == "python"):
            exec(compile(text, PAGE.name, "exec"), names)  # the page is ours
        shown = capsys.readouterr().out
        assert "ready" in shown
        assert "devops:WorkItem:1 proposed New" in shown
        assert "process Agile" in shown
        assert ["1"] == names["found"]
        headers = {"Authorization": "Basic " + base64.b64encode(b"periferia-link:secret").decode()}
        assert 401 == names["receive"]({}, b"{}")
        assert 400 == names["receive"](headers, b"{}")
        assert 3 == len(service.books["workItems"])
        names["devops"].close()

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.11 reads TOML")
    def test_the_tables_make_connectors(self):
        """Each table of the page is one that the registry builds."""
        import tomllib

        tables = [tomllib.loads(text)["systems"]["devops"] for language, text in BLOCKS if language == "toml"]
        assert 2 == len(tables)
        for table in tables:
            with build("devops", SystemSettings.model_validate({"name": "devops", **table})) as devops:
                assert "devops" == devops.name

    def test_every_option_is_named(self):
        """The page and the class know the same options."""
        text = PAGE.read_text(encoding="utf-8")
        assert [name for name in Options.__dataclass_fields__ if f"`{name}`" not in text] == []
        assert [
            name for name in Options.__dataclass_fields__ if f"``{name}``" not in azure_devops.AzureDevOps.__doc__
        ] == []
