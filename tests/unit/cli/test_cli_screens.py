"""What reaches the two streams, on a terminal and in a pipe."""

from __future__ import annotations

import io
import json
from datetime import date
from decimal import Decimal

import pytest

pytest.importorskip("rich", reason="the extra cli is not installed")

from periferia_link.cli._screens import Screen
from periferia_link.cli._words import Words
from periferia_link.domain import Ref
from periferia_link.engine import Progress
from periferia_link.errors import ConfigurationError, FlowError, UnavailableError


class Terminal(io.StringIO):
    """A stream that says that a person looks at it."""

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Return a screen of 60 characters and its two streams."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out, err = Terminal(), Terminal()
    return Screen(Words("en"), out=out, err=err), out, err


@pytest.fixture
def pipe():
    """Return a screen that nobody looks at, and its two streams."""
    out, err = io.StringIO(), io.StringIO()
    return Screen(Words("en"), out=out, err=err), out, err


class TestInAPipe:
    def test_nothing_is_wrapped_or_coloured(self, pipe):
        """A pipe gets whole lines, so that other programs can look for words in them."""
        screen, out, _ = pipe
        screen.line("word " * 100, style="bold red", indent=2)
        assert "  " + ("word " * 100).rstrip() + "\n" == out.getvalue()

    def test_tables_are_columns(self, pipe):
        """Texts at the left, numbers at the right, nothing drawn around them."""
        screen, out, _ = pipe
        screen.table(["flow", "created"], [["clients", 1200], ["projects", 0]])
        assert ["flow      created", "clients     1,200", "projects        0"] == out.getvalue().splitlines()

    def test_what_looks_like_markup_is_text(self, pipe):
        """A hint such as [flows.clients] is not swallowed."""
        screen, out, _ = pipe
        screen.line("set it under [flows.clients] :smile:")
        screen.table(["[a]"], [["[b]"]])
        screen.art("\n [x]─▶ [y]")
        assert out.getvalue().startswith("set it under [flows.clients] :smile:\n[a]\n[b]\n\n [x]─▶ [y]")

    def test_progress_is_not_shown(self, pipe):
        """Bars are for people."""
        screen, out, err = pipe
        with screen.bars():
            screen.progress(Progress("clients", "read", 5))
        assert ("", "") == (out.getvalue(), err.getvalue())

    def test_headings(self, pipe):
        """A section begins with a line between blank and rule."""
        screen, out, _ = pipe
        screen.heading("Plan")
        assert "\nPlan\n────\n" == out.getvalue()
        assert not screen.is_terminal


class TestOnATerminal:
    def test_lines_are_wrapped_behind_their_bullet(self, terminal):
        """A long sentence goes on under its own beginning."""
        screen, out, _ = terminal
        screen.line("• " + "word " * 20)
        lines = out.getvalue().splitlines()
        assert lines[0].startswith("• word")
        assert len(lines) > 1
        assert all(line.startswith("  word") for line in lines[1:])
        assert all(len(line) <= 60 for line in lines)

    def test_tables_have_a_rule(self, terminal):
        """A head is set apart; zeros step back."""
        screen, out, _ = terminal
        screen.table(["flow", "created"], [["clients", 0]], indent=2)
        assert "──" in out.getvalue()
        assert "\x1b[2m" in out.getvalue()
        assert screen.is_terminal

    def test_bars(self, terminal):
        """Each stage that has a word gets a bar, with its total where that is known; others pass unseen."""
        screen, _, err = terminal
        screen.progress(Progress("clients", "read", 1))
        with screen.bars({("clients", "read"): 20}):
            screen.progress(Progress("clients", "table person", 0))
            screen.progress(Progress("clients", "read", 5))
            screen.progress(Progress("clients", "read", 25))
            screen.progress(Progress("clients", "write", 3, 9))
            screen.progress(Progress("projects", "read", 2, 700))
        screen.progress(Progress("clients", "read", 1))
        shown = err.getvalue()
        assert "clients · read" in shown
        assert "25/25" in shown
        assert "3/9" in shown
        assert "2/?" in shown
        assert "table person" not in shown

    def test_a_dumb_terminal_is_a_pipe(self, monkeypatch):
        """No escape sequences where the terminal knows none."""
        monkeypatch.setenv("TERM", "dumb")
        out = Terminal()
        Screen(Words("en"), out=out, err=Terminal()).line("text", style="bold")
        assert "text\n" == out.getvalue()

    def test_letters_that_a_terminal_does_not_have(self):
        """A console in another encoding shows question marks, it does not fail."""
        raw = io.BytesIO()
        out = io.TextIOWrapper(raw, encoding="ascii")
        Screen(Words("es"), out=out, err=io.StringIO()).line("✓ año")
        out.flush()
        assert b"? a?o" == raw.getvalue().strip()


class TestJson:
    def test_one_object_and_nothing_else(self):
        """With ``--json`` standard output holds the object only."""
        out = io.StringIO()
        screen = Screen(Words("en"), is_silent=True, out=out, err=io.StringIO())
        screen.line("text")
        screen.heading("text")
        screen.art("text")
        screen.table(["a"], [["b"]])
        screen.json({"name": "Fábrica", "day": date(2026, 1, 1), "amount": Decimal("1.50")})
        assert {"name": "Fábrica", "day": "2026-01-01", "amount": "1.50"} == json.loads(out.getvalue())


class TestErrors:
    def test_what_where_next(self, pipe):
        """An error is three sentences, on standard error."""
        screen, out, err = pipe
        screen.problem(
            UnavailableError(
                "nobody answers",
                hint="switch it on",
                system="crm",
                operation="GET accounts",
                ref=Ref("crm", "Client", "1"),
                status_code=503,
                code="0x1",
                request_id="r-1",
            )
        )
        assert "" == out.getvalue()
        assert [
            "✗ what happened: nobody answers",
            "  where:         crm · GET accounts · crm:Client:1 · HTTP 503 · 0x1 · r-1",
            "  next step:     switch it on",
        ] == err.getvalue().splitlines()

    def test_the_place_of_what_stopped_a_run(self, pipe):
        """A run that stopped tells where its cause was, and its next step once."""
        screen, _, err = pipe
        cause = UnavailableError("nobody answers", hint="switch it on", system="crm")
        error = FlowError(str(cause), hint=cause.hint)
        error.__cause__ = cause
        screen.problem(error)
        assert ["✗ what happened: crm: nobody answers", "  where:         crm", "  next step:     switch it on"] == (
            err.getvalue().splitlines()
        )

    def test_what_is_not_known_is_left_out(self, pipe):
        """No empty lines for what an error does not say."""
        screen, _, err = pipe
        screen.problem(ConfigurationError("no file"))
        assert "✗ what happened: no file\n" == err.getvalue()

    def test_wrapped_on_a_terminal(self, terminal):
        """Long sentences go on beside their label."""
        screen, _, err = terminal
        screen.trouble([("what", "word " * 20)])
        assert all("word" in line for line in err.getvalue().splitlines())
        assert len(err.getvalue().splitlines()) > 1
