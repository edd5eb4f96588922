"""``periferia-link profile``: what is shipped, a first draft, and the check of a live server."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("typer", reason="the extra cli is not installed")

from typer.testing import CliRunner

from periferia_link.cli import app
from periferia_link.cli._profile_words import TEXTS
from periferia_link.connectors.ticketing.catalogue import profile_from
from periferia_link.connectors.ticketing.checking import SENTENCES
from periferia_link.connectors.ticketing.drafting import Sample, draft_profile
from periferia_link.errors import ConfigurationError
from periferia_link.settings import parse_toml
from periferia_link.testing.emulators import host
from periferia_link.testing.emulators.periticket import PeriticketEmulator

TICKETS = {
    "results": [
        {
            "id": 1,
            "subject": "No abre",
            "status": {"id": 2, "name": "Open"},
            "priority": "p 1",
            "created_at": "2026-11-20T14:00:00Z",
            "updated_at": "2026-11-20T14:00:00Z",
        }
    ],
    "next": None,
}
HOURS = [{"id": 5, "user": 3, "spent_on": "2026-11-19", "time_spent": "01:30:00"}]


def run(*arguments, **env):
    return CliRunner().invoke(app, ["profile", *arguments], env=env)


class TestShipped:
    """list, show, schema."""

    def test_list(self):
        """Names, states, kinds; in both languages and as JSON."""
        assert "untested" in run("list", "--lang", "en").output
        assert "sin probar" in run("list", "--lang", "es").output
        assert "periticket" in [each["name"] for each in json.loads(run("list", "--json").output)]

    def test_show(self):
        """The file as it is; as JSON what it means."""
        assert run("show", "roundup").output.startswith("# Roundup")
        assert "roundup" == json.loads(run("show", "roundup", "--json").output)["name"]
        assert 2 == run("show", "roundap").exit_code

    def test_schema(self):
        """One JSON Schema."""
        assert "kinds" in json.loads(run("schema").output)["properties"]

    def test_every_sentence_is_told_in_both_languages(self):
        """With the same values in it."""
        for name, text in SENTENCES.items():
            spanish, english = TEXTS[f"found.{name}"]
            assert text == english
            assert sorted(text.split("{")[1:]) == [] or {p.split("}")[0] for p in text.split("{")[1:]} == {
                p.split("}")[0] for p in spanish.split("{")[1:]
            }


class TestDrafts:
    """new: a first profile from saved answers."""

    def test_what_can_be_seen_is_filled_in(self):
        """Rows, pages, words, fields; and it is a profile once the rest is filled in."""
        text = draft_profile("acme-desk", Sample("tickets", TICKETS), Sample("hours", HOURS))
        profile = profile_from(parse_toml(text, where="draft"))
        ticket, hours = profile.kinds["Ticket"], profile.kinds["TimeEntry"]
        assert ("results", "next") == (ticket.listing.rows, ticket.paging.kind)
        assert ("subject", "status.name") == (ticket.fields["title"].path, ticket.fields["status"].path)
        assert {"Open": "…"} == dict(profile.map["status"].values)
        assert {"p 1": "…"} == dict(profile.map["priority"].values)
        assert ("clock", "", "user") == (hours.fields["hours"].as_, hours.listing.rows, hours.fields["person"].path)

    @pytest.mark.parametrize(
        ("document", "kind"),
        [
            ({"data": [{"id": 1}], "next_cursor": "a"}, "cursor"),
            ({"issues": [{"id": 1}], "offset": 0, "total_count": 9}, "offset"),
            ([{"id": 1}], "page"),
        ],
    )
    def test_styles_of_pages(self, document, kind):
        """Guessed from what stands beside the rows."""
        assert kind == profile_from(parse_toml(draft_profile("x", Sample("t", document)), where="d")).paging.kind

    def test_no_records(self):
        """Nothing can be seen."""
        with pytest.raises(ConfigurationError, match="no list of records"):
            draft_profile("x", Sample("t", {"detail": "no"}))

    def test_on_the_command_line(self, tmp_path):
        """Into a file that is not overwritten; a sample that is none is told."""
        sample, made = tmp_path / "tickets.json", tmp_path / "acme.toml"
        sample.write_text(json.dumps(TICKETS), encoding="utf-8")
        assert 0 == run("new", "acme", "--tickets", str(sample), "-o", str(made)).exit_code
        assert 2 == run("new", "acme", "--tickets", str(sample), "-o", str(made)).exit_code
        sample.write_text("<html>", encoding="utf-8")
        assert 2 == run("new", "acme", "--tickets", str(sample)).exit_code


class TestCheck:
    """check: against the emulator, over a real line."""

    @pytest.fixture
    def desk(self):
        desk = PeriticketEmulator()
        desk.load({"people": [{"id": f"p{n}", "employee_code": f"E-{n}", "name": f"P {n}"} for n in range(5)]})
        return desk

    def check(self, desk, *more, file="periticket", **env):
        with host(desk) as server:
            named = ["check", file, "--url", server.url, "--private", "--token-env", "DESK_TOKEN"]
            return run(*named, *more, DESK_TOKEN=env.get("token", desk.credentials()["token"]))

    def test_a_true_profile(self, desk):
        """Round trips included; nothing contradicts it, and what was written is gone."""
        done = self.check(desk, "--write", "--json")
        told = json.loads(done.output)
        assert [] == [each for each in told["findings"] if each["state"] == "failed"]
        proved = {each["name"] for each in told["findings"] if each["state"] == "proved"}
        assert {"let_in", "wrong_key", "since", "pages", "closed", "ticket", "stale", "once", "worklog"} <= proved
        assert (0, True) == (done.exit_code, told["fits"])
        assert all(row["deleted_at"] for row in desk.books["tickets"].values())

    def test_without_leave_nothing_is_written(self, desk):
        """And what was not proved is said."""
        done = self.check(desk, "--lang", "es")
        assert 0 == done.exit_code
        assert "no se escribió ningún ticket" in done.output
        assert 0 == len(desk.books["tickets"])

    def test_a_wrong_profile(self, desk, tmp_path):
        """The lines to change are printed; the exit code says that it does not fit."""
        file = tmp_path / "mine.toml"
        text = '[kinds.Employee.fields]\nname = "nombre"\n[kinds.Employee.since]\nparam = "limit"\n'
        file.write_text(f'extends = "periticket"\nname = "mine"\ntitle = "Mine"\n{text}', encoding="utf-8")
        done = self.check(desk, "--lang", "en", file=str(file))
        assert 1 == done.exit_code
        assert "[kinds.Employee" in done.output
        assert "does not fit" in done.output

    def test_no_secret(self, desk):
        """A variable that is not there is a mistake of the call."""
        assert 2 == self.check(desk, token="").exit_code

    def test_credentials_that_are_refused(self, desk):
        """The first finding, and the last."""
        done = self.check(desk, "--json", token="ptk_wrong")
        (finding,) = json.loads(done.output)["findings"]
        assert ("let_in", "failed", 1) == (finding["name"], finding["state"], done.exit_code)
