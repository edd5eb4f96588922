"""The reference is complete and true: every error, every setting, every public name, every page for language models."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import re
from pathlib import Path
from typing import get_origin

import pytest
from pydantic_core import PydanticUndefined

from periferia_link import errors, installation
from periferia_link.connectors import registry
from periferia_link.settings import _sections, _systems
from screens import WRITES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ERRORS, SETTINGS, LLMS = DOCS / "reference" / "errors.md", DOCS / "reference" / "settings.md", DOCS / "llms.txt"


class TestErrors:
    TEXT = ERRORS.read_text(encoding="utf-8")
    ROWS = re.findall(r"^\| ((?:· )*)`(\w+)` \| (.+?) \| (.+?) \|$", TEXT, re.MULTILINE)

    def test_each_error_has_a_row(self):
        """Cause and next step of every class, in the order of the tree that errors.py draws."""
        drawn = re.findall(r"^ *(\w+Error)\b", errors.__doc__, re.MULTILINE)
        assert sorted(drawn) == errors.__all__
        assert drawn == [name for _, name, _, _ in self.ROWS]

    def test_the_indentation_is_the_tree(self):
        """A class stands below the one it belongs to."""
        above = {0: "Exception"}
        for dashes, name, _, _ in self.ROWS:
            depth = len(dashes.split()) + 1
            above[depth] = name
            assert above[depth - 1] == getattr(errors, name).__bases__[0].__name__

    def test_cause_and_next_step_say_something(self):
        """No cell is empty, and none repeats the class."""
        for _, name, cause, step in self.ROWS:
            assert min(len(cause), len(step)) > 10, name


# heading of the page -> model of the table
TABLES = {
    "[company]": _sections.Company,
    "[ledger]": _sections.LedgerSettings,
    "[systems.NAME]": _systems.SystemSettings,
    'kind = "client-secret"': _systems.ClientSecretSettings,
    'kind = "client-certificate"': _systems.ClientCertificateSettings,
    'kind = "environment"': _systems._EnvironmentSettings,
    'kind = "login"': _systems.LoginSettings,
    'kind = "static-token"': _systems.StaticTokenSettings,
    'kind = "api-key"': _systems.ApiKeySettings,
    "[flows.NAME]": _sections.FlowSettings,
    "[flows.NAME.ceilings]": _sections.Ceilings,
    "[plugins]": _sections.Plugins,
}
HEAD = "| key | type | default | meaning |\n| --- | --- | --- | --- |\n"
_WORDS = (
    (r"Literal\[(.+?)\]", lambda found: found[1].replace("'", "").replace(", ", ", ").replace(",", " or")),
    (r"SecretStr", "reference"),
    (r"(tuple|list)\[str, ...\]", "list of texts"),
    (r"Mapping\[.*\]", "table"),
    (r"\bstr\b|\bPath\b", "text"),
    (r"\bbool\b", "true or false"),
    (r"\bint\b", "whole number"),
    (r"\bfloat\b|\bDecimal\b", "number"),
    (r" \| None", ""),
)


def kind_of(field) -> str:
    """Say the type of a setting in words."""
    is_plain = isinstance(field.annotation, type) and get_origin(field.annotation) is None  # 3.10: list[str] is a type
    text = field.annotation.__name__ if is_plain else str(field.annotation)
    text = re.sub(r"typing\.|pydantic\.types\.|pydantic\.|collections\.abc\.|datetime\.|decimal\.", "", text)
    text = re.sub(r"(?:Optional|Union)\[(.+)\]$", r"\1", text)
    if "Settings" in text or "Ceilings" in text:
        return "table"
    for pattern, word in _WORDS:
        text = re.sub(pattern, word, text)
    return text.replace(", None", "").replace("NoneType", "").strip(" |,")


def default_of(field) -> str:
    """Say what holds when nothing is given."""
    if field.default_factory is not None:
        return "none" if "table" in kind_of(field) else "by currency"
    if field.default is PydanticUndefined:
        return "**required**"
    if field.default is None or field.default == ():
        return "none"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def table_of(model) -> str:
    """Render the table of a model as it stands on the page."""
    rows = [
        f"| `{key}` | {kind_of(field)} | {default_of(field)} | {field.description} |"
        for key, field in model.model_fields.items()
        if key not in ("name", "kind")
    ]
    return HEAD + "\n".join(rows) + "\n"


FLOWS_HEAD = "| flow | it | options |\n| --- | --- | --- |\n"


def flow_table() -> str:
    """Render the flows that a table can name, with what their options may say."""
    rows = []
    for name, factory in sorted(installation._FACTORIES.items()):
        options = [
            f"`{key}`" + ("" if one.default is not one.empty else " (required)")
            for key, one in inspect.signature(factory).parameters.items()
            if key not in {"changes", *_sections.FlowSettings.model_fields} and one.kind is one.KEYWORD_ONLY
        ]
        first = (factory.__doc__ or "").strip().splitlines()[0].removeprefix("Return the flow that ").rstrip(".")
        rows.append(f"| `{name}` | {first} | {', '.join(options)} |")
    return FLOWS_HEAD + "\n".join(rows) + "\n"


def section(heading: str) -> re.Pattern[str]:
    """Match the table under a heading."""
    return re.compile(rf"(^##+ {re.escape(heading)}\n(?:(?!^##|^\|).*\n)*)((?:\|.*\n)+)", re.MULTILINE)


def connector_table() -> str:
    """Render the connectors that a file can name."""
    rows = []
    for name in sorted(registry.CONNECTORS):
        said = (inspect.getdoc(registry.connector_class(name)) or "").splitlines()[0].replace("``", "`")
        rows.append(f"| `{name}` | {said} |")
    return "| connector | what it is |\n| --- | --- |\n" + "\n".join(rows) + "\n"


class TestSettings:
    @pytest.mark.parametrize("heading", [*TABLES, "[flows.NAME.options]", "Connectors"])
    def test_the_table_is_the_model(self, heading):
        """Every key with its type, default and meaning, as the code has it, and no other."""
        others = {"[flows.NAME.options]": flow_table, "Connectors": connector_table}
        wanted = table_of(TABLES[heading]) if heading in TABLES else others[heading]()
        found = section(heading).search(SETTINGS.read_text(encoding="utf-8"))
        if os.environ.get(WRITES) == "write":
            text = section(heading).sub(lambda one: one[1] + wanted, SETTINGS.read_text(encoding="utf-8"))
            SETTINGS.write_text(text, encoding="utf-8")
            return
        assert found, f"{heading} is missing"
        assert found[2] == wanted

    def test_every_kind_of_credential(self):
        """The page has a table for each."""
        for kind in _systems._CREDENTIALS:
            assert f'kind = "{kind}"' in TABLES


_spec = importlib.util.spec_from_file_location("write_api_pages", DOCS / "reference" / "api" / "write_pages.py")
api = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(api)


class TestApi:
    def test_the_pages_are_written(self):
        """``python docs/reference/api/write_pages.py`` has nothing to do."""
        for path, text in {**api.pages(), api.HERE / "index.md": api.index()}.items():
            if os.environ.get(WRITES) == "write":
                path.write_text(text, encoding="utf-8")
            assert path.read_text(encoding="utf-8") == text, "run python docs/reference/api/write_pages.py"

    @pytest.mark.parametrize("module", [name for name in api.modules() if api.room_of(name)])
    def test_each_public_name_appears(self, module):
        """Every name of ``__all__`` is described on the page of its room, by itself or with its module."""
        found = importlib.import_module(f"periferia_link.{module}")
        page = (api.HERE / f"{api.room_of(module)}.md").read_text(encoding="utf-8")
        part = page.partition(f"\n## periferia_link.{module}\n")[2].partition("\n## ")[0]
        whole = f".. automodule:: periferia_link.{module}\n```" in part
        missing = [name for name in getattr(found, "__all__", ()) if not whole and not re.search(rf"\b{name}\b", part)]
        assert missing == []

    def test_no_module_is_without_a_room(self):
        """Whoever adds a public module gives it a page."""
        packages = {"connectors"}  # nothing but the modules in them
        assert [name for name in api.modules() if api.room_of(name) is None and name not in packages] == []


def title_of(path: Path) -> str:
    """Return the heading of a page."""
    return re.search(r"^# (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)[1]


class TestLlms:
    """https://llmstxt.org: a title, a summary, then sections of links with one line each."""

    TEXT = LLMS.read_text(encoding="utf-8")
    LINKS = re.findall(r"^- \[(.+?)\]\((.+?)\): (.+)$", TEXT, re.MULTILINE)

    def test_the_form(self):
        """One title, a summary, sections; every item has its line."""
        lines = self.TEXT.splitlines()
        assert lines[0].startswith("# ")
        assert lines[2].startswith("> ")
        assert len([line for line in lines if line.startswith("- ")]) == len(self.LINKS)
        assert all(10 < len(said) < 200 for _, _, said in self.LINKS)

    def test_every_page_is_listed_once(self):
        """No page is missing, none is listed twice, each under its own title."""
        pages = {path.relative_to(DOCS).as_posix(): path for path in DOCS.rglob("*.md") if path.stem != "changelog"}
        listed = [target for _, target, _ in self.LINKS]
        assert sorted([*pages, "../CHANGELOG.md"]) == sorted(listed)
        for title, target, _ in self.LINKS:
            if target in pages and target != "index.md":
                assert title == title_of(pages[target])
