"""
The code of the pages, run as a reader would run it.

A page's Python blocks run from top to bottom in one module, in an empty folder. A comment before a block says more::

    <!-- prints -->            what the Python block before it printed
    <!-- file: NAME -->        the block is a file of that name, beside the others
    <!-- example: PATH -->     the block is that file of the repository
    <!-- other system -->      the block is for something else (cron, a proxy): it is only parsed

TOML blocks without a comment are read as ``periferia.toml``, with every secret and file that they name.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from periferia_link.connectors.forms import FormMapping, load_mapping
from periferia_link.settings import Settings
from screens import WRITES

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[^\n]+?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_FILES = re.compile(r'\$\{FILE:([^}]+)\}|(?:ca_file|certificate) = "([^"$]+)"')
_VARIABLES = re.compile(r"\$\{ENV:([A-Z0-9_]+)\}")


class Block(NamedTuple):
    """One block of a page: its language, the comment before it, its text and where the text begins and ends."""

    language: str
    mark: str
    text: str
    start: int
    end: int


def blocks(page: Path) -> list[Block]:
    """Return every block of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found["language"], found["mark"] or "", found["text"], found.start("text"), found.end("text"))
        for found in _BLOCK.finditer(text)
    ]


def code_of(page: Path) -> list[Block]:
    """Return the Python blocks that a reader runs."""
    return [block for block in blocks(page) if block.language == "python" and not block.mark]


def is_mapping(text: str) -> bool:
    """Whether a TOML block is the mapping of a form, a file of its own."""
    return text.startswith("form = ")


def mapping_in(folder: Path, text: str) -> Path:
    """Write the mapping of a form under the name that the page gives it."""
    path = folder / "satisfaccion.toml"
    path.write_text(text, encoding="utf-8")
    return path


def settings_of(text: str, folder: Path) -> Settings | FormMapping:
    """Read a TOML block as ``periferia.toml``; the secrets and files that it names are there."""
    for names in _FILES.findall(text):
        (folder / (names[0] or names[1])).write_text("made up for a test\n", encoding="utf-8")
    if is_mapping(text):
        return load_mapping(mapping_in(folder, text))
    path = folder / "of-a-page.toml"
    path.write_text(text, encoding="utf-8")
    return Settings.load(path, environ=dict.fromkeys(_VARIABLES.findall(text), "made up for a test"))


def run(page: Path, folder: Path, capsys, names: dict | None = None) -> dict:
    """Run a page in *folder*; compare what it prints. Returns what its code left."""
    names = {"__name__": page.stem} if names is None else names
    last, pieces, end = "", [], 0
    whole = page.read_text(encoding="utf-8")
    for block in blocks(page):
        shown = None
        if block.mark.startswith("file: "):
            (folder / block.mark[6:]).write_text(block.text, encoding="utf-8")
        elif block.language == "toml" and is_mapping(block.text):
            mapping_in(folder, block.text)
        elif block.mark == "prints":
            shown = last
        elif block.language == "python" and not block.mark:
            exec(compile("\n" * whole[: block.start].count("\n") + block.text, str(page), "exec"), names)
            last = "\n".join(line.rstrip() for line in capsys.readouterr().out.strip("\n").splitlines()) + "\n"
        if shown is not None and os.environ.get(WRITES) != "write":
            assert block.text == shown, f"{page.name} shows something else ({WRITES}=write mends it)"
        pieces += [whole[end : block.start], block.text if shown is None else shown]
        end = block.end
    if os.environ.get(WRITES) == "write":
        page.write_text("".join(pieces) + whole[end:], encoding="utf-8")
    return names
