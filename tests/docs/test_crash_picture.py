"""The picture of the crash points: a process really dies at each of them, and the next run makes one row of it."""

from __future__ import annotations

import importlib.util
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from periferia_link import Client, Engine, Flow, SqliteLedger
from periferia_link.testing import ManualClock, MemoryConnector

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SCRIPT = DOCS / "pictures" / "crash_points.py"
_spec = importlib.util.spec_from_file_location("crash_points_picture", SCRIPT)
picture = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(picture)
CRASHES = {row.letter: row for row in picture.ROWS if isinstance(row, picture.Crash)}
FLOW = Flow(
    name="clients",
    source=("crm", "Client"),
    target=("erp", "Client"),
    project=lambda client, context: Client(name=client.name, code=client.code),
)


class PowerCut(BaseException):
    """What no handler of the library catches: the process is gone."""


class Heard(MemoryConnector):
    """A target that says when a request comes in and when it goes out."""

    def __init__(self, hear):
        super().__init__("erp", [Client])
        self.hear = hear

    def write(self, kind, writes):
        self.hear("request sent")
        outcomes = super().write(kind, writes)
        self.hear("row stored")
        return outcomes

    def find(self, kind, field, values):
        rows = super().find(kind, field, values)
        self.hear("looked")
        return rows


class World:
    """A client on its way from one memory to another; ``dies_at`` counts the moments that are heard."""

    def __init__(self, folder, *, is_lost=False, dies_at=None):
        self.path = folder / "ledger.db"
        self.clock = ManualClock()
        self.moments = []
        self.dies_at = dies_at
        self.is_dead = False
        self.crm = MemoryConnector("crm", [Client], [Client(name="ACME S.A.S.", code="C-1")])
        self.erp = Heard(self.hear)
        if is_lost:
            self.erp.fail("lost-after")

    def hear(self, word):
        if self.is_dead:  # what unwinds afterwards changes nothing: a dead process commits nothing
            raise PowerCut
        self.moments.append((word, self.standing(), len(self.erp.holds("Client"))))
        if len(self.moments) - 1 == self.dies_at:
            self.is_dead = True
            raise PowerCut

    def standing(self):
        """Say what the ledger holds of the client, in the words of the picture; read past the process that runs."""
        with closing(sqlite3.connect(self.path)) as peek:
            states = [row[0] for row in peek.execute("SELECT state FROM operation")]
            requests = peek.execute("SELECT count(*) FROM request").fetchone()[0]
            links = peek.execute("SELECT count(*) FROM record WHERE target IS NOT NULL").fetchone()[0]
        if links:
            return "linked"
        return {(): "nothing", (0,): "in flight" if requests else "planned", (1,): "ambiguous"}[tuple(states)]

    def run(self):
        with SqliteLedger.open(self.path, on_io=self.hear) as ledger:
            return Engine({"crm": self.crm, "erp": self.erp}, ledger, clock=self.clock).run(FLOW)

    def wakes(self):
        """Start again: the machine is back, hours later."""
        self.is_dead, self.dies_at = False, None
        self.clock.advance(7200)


def place_of(letter, moments):
    """Return which moment of a rehearsal the picture means."""

    def after(state):
        return next(n for n, moment in enumerate(moments) if moment[:2] == ("after commit", state))

    def word(name):
        return next(n for n, moment in enumerate(moments) if moment[0] == name)

    return {
        "A": lambda: after("planned") - 2,
        "B": lambda: after("planned") - 1,
        "C": lambda: after("planned"),
        "D": lambda: after("planned") + 1,
        "E": lambda: after("in flight"),
        "F": lambda: word("request sent"),
        "G": lambda: word("row stored"),
        "H": lambda: word("row stored") + 1,
        "I": lambda: after("ambiguous"),
        "J": lambda: word("looked"),
    }[letter]()


@pytest.mark.parametrize("letter", CRASHES)
class TestEachPoint:
    def test_what_the_picture_says_is_so(self, letter, tmp_path):
        """The process dies there: ledger and target are as drawn; the next run leaves exactly one linked row."""
        is_lost = letter in "IJ"
        (tmp_path / "rehearsal").mkdir()
        rehearsal = World(tmp_path / "rehearsal", is_lost=is_lost)
        rehearsal.run()

        world = World(tmp_path, is_lost=is_lost, dies_at=place_of(letter, rehearsal.moments))
        with pytest.raises(PowerCut):
            world.run()
        drawn, rows = CRASHES[letter], len(world.erp.holds("Client"))
        assert drawn.ledger == world.standing()
        assert rows in {"nothing": {0}, "one row": {1}, "perhaps one row": {0, 1}}[drawn.target]

        world.wakes()
        world.run()
        assert (1, "linked") == (len(world.erp.holds("Client")), world.standing())
        sent = [kind for kind, _, _ in world.erp.requests]
        assert len(sent) == (1 if rows or letter in "ABCDEF" else 2)


class TestThePicture:
    def test_it_is_what_the_script_draws(self):
        """Nobody edits the file by hand."""
        assert picture.drawn() == picture.PICTURE.read_text(encoding="utf-8"), f"run python {SCRIPT.relative_to(ROOT)}"

    def test_it_can_be_shown(self):
        """Well-formed, with a title and a description for those who do not see it, and no script in it."""
        root = ET.fromstring(picture.drawn())
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert {"title", "desc"} <= tags
        assert "script" not in tags

    def test_nothing_leaves_the_paper(self):
        """Every box and line lies inside the picture."""
        root = ET.fromstring(picture.drawn())
        _, _, width, height = (float(number) for number in root.get("viewBox").split())
        for element in root.iter():
            x, w = float(element.get("x", 0)), float(element.get("width", 0) if element.tag.endswith("rect") else 0)
            assert 0 <= x + w <= width
            assert all(0 <= float(element.get(name, 0)) <= height for name in ("y", "y1", "y2"))

    def test_the_table_has_the_same_points(self):
        """The page names the same points of dying, in the same order, beside the picture."""
        page = (DOCS / "explanation" / "write-protocol.md").read_text(encoding="utf-8")
        section = page.partition("## Where a process may die")[2].partition("\n## ")[0]
        rows = re.findall(r"^\| ([A-J]) \| (.+?) \|", section, re.MULTILINE)
        assert [(crash.letter, crash.where) for crash in CRASHES.values()] == rows
        assert "../pictures/crash-points.svg" in section
