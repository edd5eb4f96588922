"""What stands on the pages runs: code from top to bottom, settings, commands, examples; nothing is only text."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import subprocess
import sys
import types

import pytest

import periferia_link
from acme_server import connector_class
from page_code import ROOT, blocks, code_of, run, settings_of
from screens import WRITES

DOCS = ROOT / "docs"
PAGES = {path.relative_to(DOCS).as_posix(): path for path in sorted(DOCS.rglob("*.md"))}
# pages whose blocks need more than an empty folder have a test of their own, which names them
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/test_*_page*.py"))
ELSEWHERE = {name for name in PAGES if f'"{name.rpartition("/")[2]}"' in TESTS or f"/{name}" in TESTS}
WITH_CODE = sorted(name for name, path in PAGES.items() if code_of(path) and name not in ELSEWHERE)
WITH_TOML = sorted(
    name
    for name, path in PAGES.items()
    if name not in ELSEWHERE and any(block.language == "toml" and not block.mark for block in blocks(path))
)
LANGUAGES = {"console", "http", "ini", "json", "mermaid", "python", "text", "toml", ""}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Stand in an empty folder, with what the pages import from elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "acme_register", types.SimpleNamespace(AcmeRegister=connector_class()))
    return tmp_path


class TestCode:
    @pytest.mark.parametrize("name", WITH_CODE)
    def test_it_runs_and_prints_what_the_page_shows(self, name, folder, capsys):
        """Every block of the page runs after the one before it; each text that it shows as printed was printed."""
        run(PAGES[name], folder, capsys)

    @pytest.mark.parametrize("name", WITH_TOML)
    def test_settings_are_read(self, name, tmp_path):
        """Each block of periferia.toml is one that the library accepts."""
        for block in blocks(PAGES[name]):
            if block.language == "toml" and not block.mark:
                assert settings_of(block.text, tmp_path)

    def test_the_class_for_the_contract(self, folder, capsys):
        """The test class on the page about connectors is one that pytest runs green."""
        names = run(PAGES["how-to/write-a-connector.md"], folder, capsys)
        assert names["TestRegister"].kinds == ("Client",)

    @pytest.mark.parametrize("name", sorted(PAGES))
    def test_examples_are_the_files(self, name):
        """A block that stands for a file of the repository is that file."""
        path = PAGES[name]
        for block in blocks(path):
            if block.mark.startswith("example: "):
                held = (ROOT / block.mark[9:]).read_text(encoding="utf-8")
                if os.environ.get(WRITES) == "write" and block.text != held:
                    whole = path.read_text(encoding="utf-8")
                    path.write_text(whole[: block.start] + held + whole[block.end :], encoding="utf-8")
                    return self.test_examples_are_the_files(name)
                assert block.text == held, f"{name}: not {block.mark[9:]} ({WRITES}=write mends it)"
        return None

    @pytest.mark.parametrize("name", sorted(PAGES))
    def test_no_block_is_of_an_unknown_kind(self, name):
        """A mark that nobody reads, or a language that nobody checks, would be text that may lie."""
        for block in blocks(PAGES[name]):
            assert block.language in LANGUAGES
            assert re.fullmatch(r"(prints|other system|(file|example|screen|excerpt): .+|.*\n?.*)?", block.mark)
            if block.mark.startswith("other system"):
                assert block.language in {"console", "ini", "text"}

    def test_files_of_their_own(self, folder, capsys, monkeypatch):
        """Blocks that are files (a service, a function in a cloud) can be imported and do what they say."""
        azure, told = types.ModuleType("azure.functions"), []

        class FunctionApp:
            def timer_trigger(self, **options):
                told.append(options)
                return lambda function: function

        azure.FunctionApp, azure.TimerRequest = FunctionApp, object
        monkeypatch.setitem(sys.modules, "azure", types.ModuleType("azure"))
        monkeypatch.setitem(sys.modules, "azure.functions", azure)
        sys.modules["azure"].functions = azure
        for path in PAGES.values():
            for block in blocks(path):
                if block.mark.startswith("file: ") and block.language == "python":
                    names = {"__name__": "of_a_page"}
                    exec(compile(block.text, block.mark[6:], "exec"), names)
                    if "bring_into_step" in names:
                        with pytest.raises(periferia_link.LinkError):
                            names["bring_into_step"](None)
                    if "read_from_vault" in names:
                        (folder / "v.toml").write_text(VAULT, encoding="utf-8")
                        assert names["load"]("v.toml").systems["x"].credential.token.get_secret_value() == "made up"
        assert [{"0 */5 * * * *"}] == [{one["schedule"]} for one in told]


VAULT = """
[systems.x]
connector = "periticket"
url = "https://desk.example"

[systems.x.credential]
kind = "static-token"
token = "${VAULT:contoso/crm}"
"""


def command_lines():
    """Yield page and words of every ``periferia-link`` command that a page shows."""
    for name, path in PAGES.items():
        for block in blocks(path):
            if block.language in {"console", "ini", "text"} and not block.mark.startswith("excerpt"):
                for line in block.text.splitlines():
                    found = re.search(r"(?:^|[/ =$])periferia-link ((?!demo  )[a-z].*)$", line)
                    if found and (block.language != "text" or line.startswith("$") or "*" in line):
                        words = re.split(r" (?:>>|2>>|\||&&) ?", found[1])[0]
                        yield pytest.param(words, id=f"{name}: {words}"[:90])


class TestCommands:
    @pytest.mark.parametrize("words", list(command_lines()))
    def test_it_is_a_command_with_these_options(self, words):
        """What a reader types exists: the command, its arguments and options; nothing is run."""
        typer = pytest.importorskip("typer", reason="the extra cli is not installed")
        from periferia_link import cli

        command, rest = typer.main.get_command(cli.app), shlex.split(words)
        context = command.make_context("periferia-link", [], resilient_parsing=True)
        while hasattr(command, "resolve_command") and rest and not rest[0].startswith("-"):
            if rest[0] not in command.list_commands(context):
                break
            name, command, rest = command.resolve_command(context, rest)
            context = command.make_context(name, [], parent=context, resilient_parsing=True)
        if hasattr(command, "resolve_command"):
            assert not rest or rest[0] in command.list_commands(context) or command.name in {"parked", "review", "init"}
        else:
            command.make_context(command.name, list(rest), parent=context)

    def test_the_service(self):
        """The unit for systemd can be read, and says what the page says of it."""
        (block,) = [block for block in blocks(PAGES["how-to/schedule.md"]) if block.language == "ini"]
        unit = configparser.ConfigParser(interpolation=None, strict=True)
        unit.optionxform = str
        unit.read_string(block.text)
        assert unit["Service"]["SuccessExitStatus"] == "143"
        assert set(unit) == {"DEFAULT", "Unit", "Service", "Install"}


class TestTheTutorial:
    PAGE = PAGES["tutorial.md"]

    def commands(self):
        """Return the commands of the page that start with the program of its environment."""
        shown = [block.text for block in blocks(self.PAGE) if block.language == "console"]
        lines = "".join(shown).splitlines()
        return [shlex.split(line)[1:] for line in lines if line.startswith(".venv/bin/periferia-link ")]

    def test_what_it_types_works(self, tmp_path):
        """The demo shows the lines of the page, numbers aside; what it leaves answers the next three commands."""
        pytest.importorskip("typer", reason="the extra cli is not installed")
        pytest.importorskip("trustme", reason="the extra demo is not installed")
        source = os.path.dirname(os.path.dirname(periferia_link.__file__))
        told = []
        for words in self.commands():
            answer = subprocess.run(
                [sys.executable, "-m", "periferia_link", *words],
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": source, "PYTHONIOENCODING": "utf-8"},
                capture_output=True,
                encoding="utf-8",
                check=False,
                timeout=240,
            )
            assert answer.returncode in (0, 3), answer.stdout + answer.stderr
            told.append(answer.stdout)
        (excerpt,) = [block.text for block in blocks(self.PAGE) if block.mark == "excerpt: demo"]
        lines = [numberless(line) for line in told[0].splitlines()]
        for line in excerpt.splitlines():
            assert numberless(line) in lines
            lines = lines[lines.index(numberless(line)) :]
        assert "labour_costs" in told[1]
        assert "names no client" in told[2]
        assert "helpdesk:TimeEntry:wl-000001" in told[3]
        assert "erp:CostEntry:" in told[3]


def numberless(line):
    """Return a line without its numbers, which depend on the day."""
    return re.sub(r"\d[\d,.]*", "#", line.strip())
