"""Every example runs, offline, and says something."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import notebook
import periferia_link
from acme_server import PACKAGE
from periferia_link import Settings
from periferia_link.connectors import registry
from screens import WRITES

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
SAYS = {
    "async_service": '"created": 1',
    "close_a_month": "P-1/2026-11 3,150,000.00 COP for C900123456",
    "first_flow": "clients",
    "several_companies": "erp-pe ['Andina S.A.C.']",
}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
class TestScripts:
    def test_the_example_runs(self, path, tmp_path):
        """It ends well, writes to standard output and leaves standard error empty."""
        answer = subprocess.run(
            [sys.executable, "-W", "error", str(path)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(periferia_link.__file__).parents[1])},
            capture_output=True,
            check=False,
            text=True,
            timeout=240,
        )
        assert (answer.returncode, answer.stderr) == (0, "")
        assert SAYS[path.stem] in answer.stdout

    def test_it_is_short_and_typed(self, path):
        """At most 80 lines; every function says what it takes and gives."""
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 80
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                given = [one for one in node.args.args + node.args.kwonlyargs if one.arg != "self"]
                assert [one.arg for one in given if one.annotation is None] == [], node.name
                assert node.returns is not None or node.name == "__init__", node.name
                assert ast.get_docstring(node) or node.name == "__init__", node.name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestNotebooks:
    def test_the_stored_outputs_are_true(self, path, tmp_path, monkeypatch):
        """Run from the top, each cell gives what is stored with it: tables of plan and report among them."""
        monkeypatch.chdir(tmp_path)
        found = notebook.executed(path)
        if os.environ.get(WRITES) == "write":
            path.write_text(notebook.written(found), encoding="utf-8")
        stored = json.loads(path.read_text(encoding="utf-8"))
        for run, held in zip(found["cells"], stored["cells"], strict=True):
            assert run == held
        assert notebook.written(stored) == path.read_text(encoding="utf-8")

    def test_it_shows_tables(self, path):
        """Plan and report show themselves; what comes from a system is escaped."""
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        pages = ["".join(one.get("data", {}).get("text/html", [])) for cell in cells for one in cell.get("outputs", ())]
        assert sum("<table>" in page for page in pages) >= 3
        assert any("Andina &lt;Norte&gt;" in page for page in pages)
        assert not any("<Norte>" in page for page in pages)


class TestThePackage:
    """``examples/custom_connector``: a connector that another package announces."""

    @pytest.fixture
    def installed(self, tmp_path, monkeypatch):
        """Put the package where Python finds installed ones, with the metadata that its pyproject asks for."""
        text = (PACKAGE / "pyproject.toml").read_text(encoding="utf-8")
        group, line = re.search(r'^\[project\.entry-points\."(.+?)"\]\n(.+)$', text, re.MULTILINE).groups()
        metadata = tmp_path / "acme_register-1.0.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-register\nVersion: 1.0.0\n")
        (metadata / "entry_points.txt").write_text(f"[{group}]\n{line.replace(chr(34), '')}\n")
        (tmp_path / "acme_register.pth").touch()
        monkeypatch.delitem(sys.modules, "acme_register", raising=False)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.syspath_prepend(str(PACKAGE / "src"))
        importlib.invalidate_caches()
        yield
        sys.modules.pop("acme_register", None)

    def test_it_is_found_by_its_entry_point(self, installed, tmp_path):
        """The README's periferia.toml names it, and the registry builds it from there."""
        readme = (PACKAGE / "README.md").read_text(encoding="utf-8")
        (toml,) = re.findall(r"^```toml\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
        (tmp_path / "periferia.toml").write_text(toml, encoding="utf-8")
        settings = Settings.load(tmp_path / "periferia.toml", environ={"REGISTER_TOKEN": "made up"})

        system = settings.systems["crm"]
        with registry.build("crm", system, allowed_plugins=settings.plugins.connectors) as connector:
            assert ("AcmeRegister", "crm") == (type(connector).__name__, connector.name)

    def test_nothing_is_loaded_that_is_not_named(self, installed, tmp_path):
        """Without ``[plugins]`` the connector is unknown, installed or not."""
        text = '[systems.crm]\nconnector = "acme-register"\nurl = "https://register.acme.example"\n'
        (tmp_path / "periferia.toml").write_text(text, encoding="utf-8")
        settings = Settings.load(tmp_path / "periferia.toml")
        with pytest.raises(periferia_link.LinkError):
            registry.build("crm", settings.systems["crm"], allowed_plugins=settings.plugins.connectors)
        assert "acme_register" not in sys.modules

    def test_it_can_be_packaged(self):
        """The metadata name the module and what it needs; types travel along."""
        text = (PACKAGE / "pyproject.toml").read_text(encoding="utf-8")
        assert '"periferia-link"' in text
        assert (PACKAGE / "src" / "acme_register" / "py.typed").exists()


class TestTheConfiguration:
    def test_it_is_read(self):
        """The commented periferia.toml is one that the library accepts."""
        secrets = dict.fromkeys(("CRM_CLIENT_SECRET", "ERP_PASSWORD", "HELPDESK_TOKEN"), "made up")
        settings = Settings.load(EXAMPLES / "periferia.toml", environ=secrets)
        assert {"crm", "erp", "helpdesk"} == set(settings.systems)
