"""What a person sees on the page about Azure DevOps: the first check, a plan, the run, and the way back."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

pytest.importorskip("typer", reason="the extra cli is not installed")

import memory_installation
from memory_installation import MemorySystem
from periferia_link.cli import _commands, main
from periferia_link.connectors import registry
from periferia_link.connectors.azure_devops import AzureDevOps
from periferia_link.domain import Project
from periferia_link.testing.emulators import InProcessWire, ManualClock
from periferia_link.testing.emulators.azure_devops import AzureDevOpsEmulator
from screens import check_screen

PAGE = Path("docs/how-to/azure-devops.md")
FILE = """\
[systems.erp]
connector = "memory"

[systems.devops]
connector = "azure-devops"
url = "https://dev.azure.com/contoso"

[systems.devops.credential]
kind = "static-token"
token = "${{FILE:devops.secret}}"

[systems.devops.options]
project = "{project}"

[delivery]
features = ["Análisis", "Construcción"]
tags = ["periferia"]

[flows.project_to_devops]
[flows.features_to_devops]
"""


@pytest.fixture
def office(tmp_path, monkeypatch, capsys):
    """Stand in a folder with a configuration; return what runs a command and shows it as a person sees it."""
    clock = ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))
    service = AzureDevOpsEmulator(organisation="contoso")
    line, made = InProcessWire({"https://dev.azure.com": service}, clock), AzureDevOps.configured
    monkeypatch.setattr(
        AzureDevOps, "configured", lambda name, settings, **told: made(name, settings, **told | {"wire": line})
    )
    monkeypatch.setattr(registry, "_connectors", dict(registry.CONNECTORS))
    monkeypatch.setattr(MemorySystem, "stores", {})
    registry.register("memory", f"{memory_installation.__name__}:MemorySystem")
    monkeypatch.setattr(_commands, "clock", clock)
    monkeypatch.setattr(_commands, "person", lambda: "ana@office")
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.chdir(tmp_path)
    erp = MemorySystem.stores.setdefault("erp", MemorySystem("erp"))
    for code, name in (("PRY-7", "Bodega de datos"), ("PRY-8", "Portal de clientes")):
        erp.put(Project(code=code, name=name))
    (tmp_path / "devops.secret").write_text(service.pat)

    def shown(*words, project="Entrega"):
        (tmp_path / "periferia.toml").write_text(FILE.format(project=project), encoding="utf-8")
        with pytest.raises(SystemExit) as left:
            main(words)
        out, err = capsys.readouterr()
        assert err == ""
        return left.value.code, f"$ periferia-link {' '.join(words)}\n{out}"

    shown.service = service
    return shown


class TestScreens:
    def test_check(self, office):
        """A project that is not there is told with the next step; the right one is reached."""
        code, text = office("check", project="Entregas")
        assert (2, True) == (code, "Entregas" in text)
        check_screen(PAGE, "devops-check-wrong", text)
        code, text = office("check")
        assert 0 == code
        check_screen(PAGE, "devops-check", text)

    def test_plan_and_run(self, office):
        """The plan writes nothing; the run makes the tree; the second run writes nothing."""
        code, text = office("plan")
        assert (0, []) == (code, office.service.org.living())
        check_screen(PAGE, "devops-plan", text)
        code, text = office("run")
        assert (0, 6) == (code, len(office.service.org.living()))
        check_screen(PAGE, "devops-run", text)
        office("run")
        assert 6 == len(office.service.org.living())
        code, text = office("trace", "devops:WorkItem:3")
        assert 0 == code
        check_screen(PAGE, "devops-trace", text)
