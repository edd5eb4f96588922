"""What importing costs: nothing heavy is loaded before it is used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import periferia_link

HEAVY = {"anyio", "httpx", "httpx2", "msal", "pydantic", "requests", "rich", "sqlite3", "ssl", "tenacity", "typer"}
SYSTEMS = ("periferia_link.connectors.", "periferia_link.transport", "periferia_link.testing", "periferia_link.cli")


def loaded_by(statement: str) -> set[str]:
    """Run a statement in a fresh interpreter and return the names of the modules that it loaded."""
    script = (
        "import json, sys\n"
        "before = set(sys.modules)\n"
        "touched = []\n"
        "sys.addaudithook(lambda event, args: touched.append(event) if event.startswith('socket.') or\n"
        "    (event == 'open' and isinstance(args[1], str) and set(args[1]) & set('wax+')) else None)\n"
        f"{statement}\n"
        "print(json.dumps([sorted(set(sys.modules) - before), touched]))\n"
    )
    source = str(Path(periferia_link.__file__).parents[1])
    answer = subprocess.run(
        [sys.executable, "-B", "-c", script],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        check=False,
        text=True,
        timeout=240,
    )
    assert answer.returncode == 0, answer.stderr
    modules, touched = json.loads(answer.stdout)
    assert touched == [], "importing opened a socket or wrote a file"
    return set(modules)


def ours_and_theirs(modules: set[str], unwanted: set[str]) -> list[str]:
    """Name the loaded modules that belong to an unwanted library."""
    return sorted(name for name in modules if name.split(".")[0] in unwanted)


class TestThePackage:
    def test_importing_it_loads_nothing_heavy(self):
        """No HTTP client, no token library, no database, no model library, no connector."""
        modules = loaded_by("import periferia_link")
        assert ours_and_theirs(modules, HEAVY) == []
        assert [name for name in modules if name.startswith("periferia_link.")] == ["periferia_link._version"]

    def test_a_domain_name_loads_the_domain_only(self):
        """Scripts that compute with money never load an HTTP client."""
        modules = loaded_by("import periferia_link; periferia_link.Money")
        assert ours_and_theirs(modules, HEAVY - {"pydantic"}) == []
        assert [name for name in modules if name.startswith(SYSTEMS)] == []


class TestTheRooms:
    @pytest.mark.parametrize("room", ["domain", "errors", "typing", "clock", "connectors.base"])
    def test_the_seams_are_light(self, room):
        """Models and the connector seam load no HTTP client and no database."""
        assert ours_and_theirs(loaded_by(f"import periferia_link.{room}"), HEAVY - {"pydantic"}) == []

    @pytest.mark.parametrize("room", ["engine", "flows", "identity", "ledger"])
    def test_the_engine_loads_no_http_client(self, room):
        """What compares, plans and remembers knows no wire and no named system."""
        modules = loaded_by(f"import periferia_link.{room}")
        assert ours_and_theirs(modules, {"httpx", "httpx2", "msal", "requests", "tenacity", "rich", "typer"}) == []
        named = [name for name in modules if name.startswith(SYSTEMS) and not name.endswith((".base", "._field_map"))]
        assert named == []

    @pytest.mark.parametrize("name", ["Dynamics365", "SapBusinessOne", "Periticket"])
    def test_a_connector_loads_no_other_and_no_token_library(self, name):
        """msal does network when it is built: it comes with the first token, not with the import."""
        modules = loaded_by(f"import periferia_link; periferia_link.{name}")
        assert ours_and_theirs(modules, {"msal", "requests", "sqlite3", "rich", "typer"}) == []
        systems = {
            loaded.split(".")[2]
            for loaded in modules
            if loaded.startswith("periferia_link.connectors.") and not loaded.split(".")[2].startswith("_")
        }
        preset_of = {"ticketing"} if name == "Periticket" else set()  # a profile of it
        assert len(systems - {"base", "registry"} - preset_of) == 1
