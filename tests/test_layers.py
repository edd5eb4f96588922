"""
The arrows of docs/explanation/architecture.md, read from the imports of every file.

Imports inside functions, under TYPE_CHECKING and by ``import_module("...")`` count like any other.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "periferia_link"
PACKAGE = "periferia_link"

BASE = {"errors", "typing"}
SEAM = {*BASE, "domain", "connectors.base"}
MEMORY = {*SEAM, "clock", "ledger"}
ENGINE = {*MEMORY, "identity", "engine"}
ALLOWED = {
    "_version": set(),
    "errors": set(),
    "typing": {"errors"},
    "clock": BASE,
    "domain": BASE,
    "settings": {*BASE, "domain"},
    "transport": {*BASE, "_version", "clock", "domain", "settings"},
    "connectors": {"connectors.base", "connectors.registry"},
    "connectors.base": {*BASE, "domain"},
    "connectors.registry": {*SEAM, "settings"},
    "connectors.shared": {*SEAM, "clock", "settings", "transport"},
    "connectors.system": {*SEAM, "_version", "clock", "settings", "transport", "connectors.shared"},
    "ledger": {*SEAM, "clock"},
    "identity": MEMORY,
    "engine": {*MEMORY, "identity"},
    "sla": {*BASE, "domain"},
    "scores": {*BASE, "domain"},
    "assignment": {*BASE, "domain", "sla"},
    "rules": {*BASE, "domain", "sla"},
    "flows": {*ENGINE, "rules", "sla"},
    "installation": {*ENGINE, "connectors.registry", "flows", "settings", "sla", "trace"},
    "trace": {*BASE, "domain", "ledger"},
    "insights": {*BASE, "domain", "ledger", "sla", "trace"},
}
"""Room -> rooms that it may import; ``connectors.system`` is any one system, ``connectors.shared`` their ``_files``."""

EVERYTHING = {*ALLOWED, PACKAGE}
ALLOWED["cli"] = {*EVERYTHING, "connectors.system"} - {"connectors.shared", "transport"}
ALLOWED["testing"] = {*EVERYTHING, "connectors.system"} - {"connectors.shared"}
ALLOWED[PACKAGE] = {*EVERYTHING, "connectors.system"} - {"connectors.shared", "transport"}
ALLOWED["__main__"] = {"cli"}

TYPES_ONLY = {("errors", "domain"): "ConnectorError.ref is a Ref"}
"""Arrows against the stream that exist under TYPE_CHECKING only, and why."""

PRESETS = {"periticket": "ticketing"}
"""Connectors that are another one with a profile of their own: the only ones that see each other."""

THIRD_PARTY = {
    "httpcore": "transport/_http.py",
    "httpcore2": "transport/_http.py",
    "httpx": "transport/_http.py",
    "httpx2": "transport/_http.py",
    "msal": "transport/_auth.py",
    "pytest": "testing/",
    "rich": "cli",
    "tenacity": "transport/_retry.py",
    "trustme": "testing/emulators/_tls.py",
    "typer": "cli",
}
"""Library -> the one file (or room) that may import it; any other library may be imported by one file of its own."""

SHARED_LIBRARIES = {"pydantic", "pydantic_core"}


class Import(NamedTuple):
    """One imported module and where it is asked for."""

    module: str
    line: int
    is_typing_only: bool


def imports_of(path: Path, module: str) -> list[Import]:
    """List what a file imports; ``from x import y`` counts as ``x.y`` too, for ``y`` may be a module."""
    found: list[Import] = []

    def visit(node: ast.AST, is_typing_only: bool) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.body:
                visit(child, True)
            for child in node.orelse:
                visit(child, is_typing_only)
            return
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                parents = module.split(".")
                anchor = parents[: len(parents) - node.level + (path.name == "__init__.py")]
                origin = ".".join([*anchor, *filter(None, [node.module])])
            names = [f"{origin}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            names = [arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        found.extend(Import(name, node.lineno, is_typing_only) for name in names)
        for child in ast.iter_child_nodes(node):
            visit(child, is_typing_only)

    visit(ast.parse(path.read_text(encoding="utf-8"), str(path)), False)
    return found


def room_of(module: str, modules: set[str]) -> str:
    """Say which room a module (or a name in it) belongs to."""
    parts = module.split(".")[1:]
    if not parts or (len(parts) == 1 and f"{PACKAGE}.{parts[0]}" not in modules):
        return PACKAGE
    if parts[0] != "connectors":
        return parts[0]
    if len(parts) == 1 or f"{PACKAGE}.connectors.{parts[1]}" not in modules:
        return "connectors"
    if parts[1] in ("base", "registry"):
        return f"connectors.{parts[1]}"
    return "connectors.shared" if parts[1].startswith("_") else "connectors.system"


def broken_arrows(source: Path) -> list[str]:
    """Read every file of a package and name each import that goes against the arrows."""
    files = sorted(source.rglob("*.py"))
    names = {path: ".".join([PACKAGE, *path.relative_to(source).with_suffix("").parts]) for path in files}
    names = {path: name.removesuffix(".__init__") for path, name in names.items()}
    modules = set(names.values())
    broken = []
    users: dict[str, dict[str, int]] = defaultdict(dict)
    for path in files:
        file, module = path.relative_to(source).as_posix(), names[path]
        room = room_of(module, modules)
        if room not in ALLOWED:
            broken.append(f"{file}:1: {room} is no room of the house; give it arrows in tests/test_layers.py first")
            continue
        for wanted in imports_of(path, module):
            top = wanted.module.split(".", 1)[0]
            if top == PACKAGE:
                reason = against_the_stream(module, room, wanted, modules)
                if reason:
                    broken.append(f"{file}:{wanted.line}: {reason}")
            elif top not in sys.stdlib_module_names and top not in SHARED_LIBRARIES:
                users[top].setdefault(file, wanted.line)
    return broken + crowded_libraries(users)


def against_the_stream(module: str, room: str, wanted: Import, modules: set[str]) -> str | None:
    """Say which arrow an import breaks, or nothing."""
    target = room_of(wanted.module, modules)
    if target == room and room != "connectors.system":
        return None
    if room == target == "connectors.system":
        ours, theirs = module.split(".")[2], wanted.module.split(".")[2]
        if ours == theirs:
            return None
        if PRESETS.get(ours) != theirs:
            return f"connectors.{ours} -> connectors.{theirs}: connectors never see each other"
    elif target not in ALLOWED[room]:
        if wanted.is_typing_only and (room, target) in TYPES_ONLY:
            return None
        return f"{room} -> {target} (imports {wanted.module})"
    file = wanted.module if wanted.module in modules else wanted.module.rpartition(".")[0]
    private = next((part for part in file.split(".")[2:] if part.startswith("_")), None)
    if private and target not in ("transport", "connectors.shared"):
        return f"{room} -> {file}: {private} is private to {target}"
    return None


def crowded_libraries(users: dict[str, dict[str, int]]) -> list[str]:
    """Name each third-party library that is imported outside its one file."""
    broken = []
    for library, files in sorted(users.items()):
        home = THIRD_PARTY.get(library)
        if home is None:
            home = min(files)
        for file, line in sorted(files.items()):
            if not (file == home or file == f"{home}.py" or file.startswith(f"{home.rstrip('/')}/")):
                broken.append(f"{file}:{line}: {library} is imported in {home} only")
    return broken


class TestOurTree:
    def test_every_import_follows_the_arrows(self):
        """No file imports to its right, and each library has one home."""
        assert broken_arrows(SOURCE) == []

    def test_the_engine_sees_no_named_system(self):
        """The rule is in the table itself: nobody can allow it by accident."""
        for room in ("engine", "identity", "ledger", "connectors.base", "flows", "trace", "insights"):
            assert not ALLOWED[room] & {"connectors.system", "connectors.shared", "transport", "settings"}, room

    def test_nothing_imports_testing_or_cli(self):
        """Only ``python -m periferia_link`` starts the command line."""
        assert [room for room, rooms in ALLOWED.items() if rooms & {"testing", "cli"}] == ["__main__"]

    def test_there_is_no_circle(self):
        """The arrows order the rooms."""
        order: list[str] = []

        def place(room: str, path: tuple[str, ...] = ()) -> None:
            assert room not in path, f"{' -> '.join([*path, room])} is a circle"
            if room not in order:
                for other in sorted(ALLOWED[room] - {room, PACKAGE}):
                    place(other, (*path, room))
                order.append(room)

        for room in ALLOWED:
            place(room)
        assert set(ALLOWED) == set(order)


@pytest.fixture
def house(tmp_path):
    """Build a package from file names and their text."""

    def build(**files: str) -> Path:
        rooms = {
            "errors.py": "",
            "typing.py": "",
            "domain/__init__.py": "",
            "domain/_base.py": "",
            "transport/_http.py": "",
            "ledger/__init__.py": "",
            "engine/__init__.py": "",
            "testing/__init__.py": "",
            "cli.py": "",
            "connectors/__init__.py": "",
            "connectors/base.py": "",
            "connectors/_field_map.py": "",
            "connectors/alpha.py": "",
            "connectors/beta/__init__.py": "",
        }
        rooms |= {name.replace("__", "/").replace("/init", "/__init__") + ".py": text for name, text in files.items()}
        for name, text in rooms.items():
            path = tmp_path / PACKAGE / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path / PACKAGE

    return build


class TestItBites:
    def test_a_good_house_is_left_alone(self, house):
        """Arrows that go left, third parties at home, relative imports inside a room."""
        source = house(
            connectors__alpha="from periferia_link.connectors._field_map import x\nimport json, pydantic\n"
            "from ..transport._http import Transport\nfrom periferia_link.domain import Ref\n",
            connectors__beta__wire="from periferia_link.connectors.beta import y\nfrom . import z\n",
            transport___http="import httpx\n",
            errors="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from periferia_link.domain import Ref\n",
        )
        assert broken_arrows(source) == []

    @pytest.mark.parametrize(
        ("files", "message"),
        [
            (
                {"engine__run": "import json\nfrom periferia_link.connectors.alpha import Alpha\n"},
                "engine/run.py:2: engine -> connectors.system (imports periferia_link.connectors.alpha.Alpha)",
            ),
            (
                {"engine__run": "from periferia_link.connectors import alpha\n"},
                "engine/run.py:1: engine -> connectors.system (imports periferia_link.connectors.alpha)",
            ),
            (
                {"engine__run": "from ..transport import _http\n"},
                "engine/run.py:1: engine -> transport (imports periferia_link.transport._http)",
            ),
            (
                {"engine__run": "def f():\n    import importlib\n    importlib.import_module('periferia_link.cli')\n"},
                "engine/run.py:3: engine -> cli (imports periferia_link.cli)",
            ),
            (
                {"connectors__alpha": "def f():\n    from periferia_link.connectors.beta import Beta\n"},
                "connectors/alpha.py:2: connectors.alpha -> connectors.beta: connectors never see each other",
            ),
            (
                {"connectors__alpha": "if TYPE_CHECKING:\n    from periferia_link.ledger import Ledger\n"},
                "connectors/alpha.py:2: connectors.system -> ledger (imports periferia_link.ledger.Ledger)",
            ),
            (
                {"connectors__base": "from periferia_link.transport._http import Transport\n"},
                "connectors/base.py:1: connectors.base -> transport (imports periferia_link.transport._http.Transport)",
            ),
            (
                {"ledger__sqlite": "import periferia_link.testing\n"},
                "ledger/sqlite.py:1: ledger -> testing (imports periferia_link.testing)",
            ),
            (
                {"errors": "from periferia_link.domain import Ref\n"},
                "errors.py:1: errors -> domain (imports periferia_link.domain.Ref)",
            ),
            (
                {"ledger__sqlite": "from periferia_link.domain import _base\n"},
                "ledger/sqlite.py:1: ledger -> periferia_link.domain._base: _base is private to domain",
            ),
            (
                {"ledger__sqlite": "from periferia_link.domain._base import Entity\n"},
                "ledger/sqlite.py:1: ledger -> periferia_link.domain._base: _base is private to domain",
            ),
            (
                {"domain__lead": "from periferia_link import Client\n"},
                "domain/lead.py:1: domain -> periferia_link (imports periferia_link.Client)",
            ),
            (
                {"connectors__alpha": "import json\nimport httpx.auth\n"},
                "connectors/alpha.py:2: httpx is imported in transport/_http.py only",
            ),
            (
                {"ledger__sqlite": "import orjson\n", "ledger__postgres": "def f():\n    import orjson\n"},
                "ledger/sqlite.py:1: orjson is imported in ledger/postgres.py only",
            ),
            (
                {"utils": "x = 1\n"},
                "utils.py:1: utils is no room of the house; give it arrows in tests/test_layers.py first",
            ),
        ],
    )
    def test_each_wrong_arrow_is_named(self, house, files, message):
        """File, line and the arrow broken, and nothing beside it."""
        assert broken_arrows(house(**files)) == [message]
