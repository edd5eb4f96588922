"""What is written must be true: docstrings, pages, links, code blocks, commands."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "periferia_link"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
SPOKEN = ("connectors", "engine", "ledger", "flows", "identity.py", "installation.py", "settings.py", "domain")
VERBS = {"check", "pull", "decode", "get", "find", "write"}
ENGINE_METHODS = {"adopt", "plan", "apply", "run", "aadopt", "aplan", "aapply", "arun"}
FENCE = re.compile(r"^```(\w*|\{[\w-]+\}[^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def page_id(path: Path) -> str:
    """Name a page in test ids."""
    return path.relative_to(ROOT).as_posix()


def public_modules() -> list[Path]:
    """List the public files of the rooms that people call."""
    files = [
        path for room in SPOKEN for path in ([SOURCE / room] if room.endswith(".py") else (SOURCE / room).rglob("*.py"))
    ]
    return sorted(
        path for path in files if path.exists() and (path.name == "__init__.py" or not path.name.startswith("_"))
    )


def public_parts(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Walk public classes, functions and methods; magic methods speak for themselves."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                for part in node.body:
                    if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)) and not part.name.startswith("_"):
                        yield f"{node.name}.{part.name}", part


def raises_itself(function: ast.AST) -> bool:
    """Whether a function raises in its own body (nested functions are their own)."""
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Raise):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(node))
    return False


@pytest.mark.parametrize("path", public_modules(), ids=lambda path: path.relative_to(SOURCE).as_posix())
class TestDocstrings:
    def test_everything_public_says_what_it_is(self, path):
        """Every public class, function and method of the rooms that people call has a docstring."""
        tree = ast.parse(path.read_text(encoding="utf-8"))
        parts = [("module", tree), *public_parts(tree)] if tree.body else []
        assert [name for name, node in parts if not ast.get_docstring(node)] == []

    def test_what_raises_says_so(self, path):
        """A public function that raises names the errors; verbs of the seam and the engine always do."""
        silent = []
        for name, node in public_parts(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                continue
            owner, _, method = name.rpartition(".")
            must = (owner, method) in {
                *(("Connector", verb) for verb in VERBS),
                *(("Engine", verb) for verb in ENGINE_METHODS),
            }
            overrides = owner and owner != "Connector" and method in VERBS and "connectors" in path.parts
            if (must or (raises_itself(node) and not overrides)) and "Raises:" not in (ast.get_docstring(node) or ""):
                silent.append(f"{path.name}:{node.lineno} {name}")
        assert silent == []


class TestSources:
    def test_connectors_say_where_they_know_it_from(self):
        """Each system's connector names the pages of the vendor that it follows."""
        rooms = {
            path
            for path in (SOURCE / "connectors").iterdir()
            if not path.name.startswith("_") and path.stem not in ("base", "registry")
        }
        silent = []
        for room in sorted(rooms):
            texts = [path.read_text(encoding="utf-8") for path in ([room] if room.is_file() else room.rglob("*.py"))]
            if not any(re.search(r"\bSources?:", text) for text in texts):
                silent.append(room.name)
        assert silent == []


class TestCommands:
    @staticmethod
    def commands() -> dict[str, str]:
        """Read the commands of the CLI and their help; nothing where it cannot be imported."""
        if importlib.util.find_spec("periferia_link.cli") is None:
            pytest.skip("the command line is not part of this tree")
        pytest.importorskip("typer", reason="the extra cli is not installed")
        import typer

        from periferia_link import cli

        group = typer.main.get_command(cli.app)
        return {name: command.help or "" for name, command in group.commands.items()}

    def test_each_has_help(self):
        """``--help`` says what each command does."""
        assert [name for name, text in self.commands().items() if not text.strip()] == []

    def test_each_is_on_a_page(self):
        """Each command is written down where people read."""
        text = "\n".join(path.read_text(encoding="utf-8") for path in PAGES)
        assert [name for name in self.commands() if f"periferia-link {name}" not in text] == []


def slug(heading: str) -> str:
    """Turn a heading into its anchor, as GitHub does."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=page_id)
class TestPages:
    def test_links_lead_somewhere(self, page):
        """Relative links name files that exist, anchors name headings."""
        broken = []
        for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            path = (page.parent / file).resolve() if file else page
            if not path.exists() or (
                anchor
                and anchor not in {slug(h) for h in re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.M)}
            ):
                broken.append(target)
        assert broken == []

    def test_code_blocks_are_code(self, page):
        """Python compiles, JSON and TOML parse."""
        for language, text in FENCE.findall(page.read_text(encoding="utf-8")):
            if language == "python":
                compile(text, page_id(page), "exec")
            elif language == "json":
                json.loads(text)
            elif language == "toml" and sys.version_info >= (3, 11):
                import tomllib

                tomllib.loads(text)
            assert language, f"{page_id(page)}: a code block without a language"

    def test_every_page_is_reached(self, page):
        """No page is an island: the index, the README or a page that they link to leads there."""
        reached, waiting = set(), [ROOT / "README.md", ROOT / "docs" / "index.md"]
        while waiting:
            here = waiting.pop()
            if here in reached or here.suffix != ".md" or not here.exists():
                continue
            reached.add(here)
            links = LINK.findall(here.read_text(encoding="utf-8"))
            waiting += [
                (here.parent / link.partition("#")[0]).resolve() for link in links if ":" not in link and link[0] != "#"
            ]
        assert page in reached


class TestReadme:
    TEXT = (ROOT / "README.md").read_text(encoding="utf-8")

    def test_two_screens(self):
        """Short enough to be read."""
        assert len(self.TEXT.splitlines()) <= 100

    def test_the_script_is_the_example(self):
        """What the README shows is what tests/test_examples.py runs."""
        block = re.search(r"<!-- script.*?-->\n```python\n(.*?)```\n<!-- /script -->", self.TEXT, re.DOTALL)
        assert (ROOT / "examples" / "first_flow.py").read_text(encoding="utf-8") == block.group(1)
        assert len([line for line in block.group(1).splitlines() if line.strip()]) <= 20

    def test_one_line_runs_and_one_line_tests(self):
        """.ci/run takes both commands from here: each stands on exactly one line."""
        lines = [
            line for text in re.findall(r"```console\n(.*?)```", self.TEXT, re.DOTALL) for line in text.splitlines()
        ]
        assert [line for line in lines if line.endswith("nox -s tests")] == lines[1:]
        assert [line for line in lines if line.endswith("periferia-link demo")] == lines[:1]

    def test_the_extras_exist(self):
        """Each extra of the table is one that packaging knows, and the other way round for those we have code for."""
        table = re.findall(r"^\| `(\w+)` \|", self.TEXT, re.MULTILINE)
        declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        assert [name for name in table if not re.search(rf"^{name} = \[", declared, re.MULTILINE)] == []
        hints = {
            name
            for path in SOURCE.rglob("*.py")
            for name in re.findall(r"periferia-link\[(\w+)\]", path.read_text(encoding="utf-8"))
        }
        assert sorted(hints - {*table, "all"}) == []

    def test_what_is_not_verified_is_said(self):
        """The promise never stands without its limits."""
        assert "not yet verified on SAP" in self.TEXT
        assert "residual window" in self.TEXT


class TestChangelog:
    def test_the_version_is_in_it(self):
        """Every release has its section; what is not released yet has one too."""
        text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        assert re.search(r"^## \[Unreleased\]|^## \[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", text, re.MULTILINE)
