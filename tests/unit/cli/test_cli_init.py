"""``init``: a file that loads, private, without a secret in it."""

from __future__ import annotations

import io
import os
import re

import pytest

from periferia_link.settings import Settings

pytest.importorskip("typer", reason="the extra cli is not installed")

from periferia_link.cli import _init
from periferia_link.cli._app import command_line
from periferia_link.cli._init_file import configuration
from periferia_link.cli._init_questions import COMPANY, LABOUR, SYSTEMS, check
from periferia_link.cli._words import Words

CRM = ("--crm-url", "https://contoso.crm2.dynamics.com", "--crm-tenant", "t-1", "--crm-client", "c-1")
ERP = ("--erp-url", "https://sap.contoso.example:50000", "--erp-user", "link", "--erp-database", "SBO_CO")
HELPDESK = ("--helpdesk-url", "https://help.contoso.example")
LABOUR_COSTS = ("--starts", "2026-01-01", "--debit", "613595", "--credit", "510595")
SECRETS = {"CRM_CLIENT_SECRET": "s3cret", "ERP_PASSWORD": "pa55", "HELPDESK_TOKEN": "t0ken"}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Stand in an empty folder."""
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def answered(command, monkeypatch):
    """Run the command as if a person answered, one line for each question."""

    def run(*lines, words=()):
        monkeypatch.setattr(_init, "is_conversation", lambda _screen: True)
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        return command("init", *words)

    return run


class TestFlags:
    def test_the_whole_company(self, command, here):
        """Three systems, three flows; the file loads and holds references only."""
        code, out, err = command("init", *CRM, *ERP, *HELPDESK, *LABOUR_COSTS)
        assert (0, "") == (code, err)
        assert "Written: periferia.toml" in out
        assert "  ${ENV:CRM_CLIENT_SECRET}\n  ${ENV:ERP_PASSWORD}\n  ${ENV:HELPDESK_TOKEN}\n" in out
        assert "Next: periferia-link check" in out
        settings = Settings.load(here / "periferia.toml", environ=SECRETS)
        assert ["crm", "erp", "helpdesk"] == list(settings.systems)
        assert ["clients", "projects", "labour_costs"] == list(settings.flows)
        assert "SBO_CO" == settings.systems["erp"].credential.company_db
        assert "s3cret" == settings.systems["crm"].credential.client_secret.get_secret_value()
        assert 500 == settings.flows["clients"].ceilings.creates

    @pytest.mark.skipif(os.name == "nt", reason="modes are of POSIX")
    def test_for_its_owner_only(self, command, here):
        """Mode 0600, also when it replaces a file that everybody could read."""
        command("init", *HELPDESK)
        assert 0o600 == (here / "periferia.toml").stat().st_mode & 0o777
        (here / "periferia.toml").chmod(0o644)
        assert 0 == command("init", *HELPDESK, "--force")[0]
        assert 0o600 == (here / "periferia.toml").stat().st_mode & 0o777

    def test_it_is_commented(self, command, here):
        """Every table says what it is for."""
        command("init", *CRM, *ERP, *HELPDESK, *LABOUR_COSTS)
        text = (here / "periferia.toml").read_text(encoding="utf-8")
        assert text.startswith("# What this installation of periferia_link is made of.")
        assert len(re.findall(r"#", text)) > 12
        assert max(map(len, text.splitlines())) <= 120

    def test_never_over_another(self, command, here):
        """A file that is there stays as it is, before anything is asked."""
        (here / "periferia.toml").write_text("# mine\n")
        code, _, err = command("init", *CRM)
        assert 2 == code
        assert "--force" in err
        assert "# mine\n" == (here / "periferia.toml").read_text()
        assert "check --config other.toml" in command("init", *CRM, "--config", "other.toml")[1]

    def test_other_references(self, command, here):
        """A file, or the keyring."""
        (here / "crm.secret").write_text("s3cret")
        command("init", *CRM, "--crm-secret", "${FILE:crm.secret}")
        crm = Settings.load(here / "periferia.toml").systems["crm"]
        assert "s3cret" == crm.credential.client_secret.get_secret_value()

    def test_a_secret_itself_is_refused(self, command, here):
        """It would stand in the file, and in the history of the shell: said without repeating it."""
        code, out, err = command("init", *CRM, "--crm-secret", "hunter2")
        assert 2 == code
        assert "--crm-secret is of another form" in err
        assert "hunter2" not in out + err
        assert not (here / "periferia.toml").exists()

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ((), "no system is named"),
            (("--crm-url", "https://x.example"), "--crm-tenant is missing"),
            (("--helpdesk-url", "help"), "--helpdesk-url is of another form"),
            (("--helpdesk-url", "https://u:p@x.example"), "--helpdesk-url is of another form"),
            ((*HELPDESK, "--zone", "Bogota"), "--zone is of another form"),
            ((*HELPDESK, "--currency", "pesos"), "--currency is of another form"),
            ((*HELPDESK, *ERP, "--starts", "2026-13-01"), "--starts is of another form"),
            ((*HELPDESK, "--helpdesk-token", "${ENV:A}\n[x]"), "--helpdesk-token is of another form"),
        ],
    )
    def test_what_is_missing_or_wrong(self, command, here, words, said):
        """Nobody is there to ask: the flag is named, nothing is written."""
        code, _, err = command("init", "--no-input", *words)
        assert 2 == code
        assert said in err
        assert not (here / "periferia.toml").exists()

    def test_for_programs(self, told):
        """One object: path, systems, flows, where the secrets belong."""
        code, answer = told("init", *CRM, *ERP)
        assert 0 == code
        assert {
            "path": "periferia.toml",
            "systems": ["crm", "erp"],
            "flows": ["clients", "projects"],
            "secrets": ["${ENV:CRM_CLIENT_SECRET}", "${ENV:ERP_PASSWORD}"],
        } == answer

    def test_a_private_network(self, command, here):
        """An authority of its own, servers inside, another sign-in service."""
        (here / "ca.pem").write_text("-----")
        command("init", *CRM, "--ca-file", "ca.pem", "--private", "--authority", "https://login.example")
        crm = Settings.load(here / "periferia.toml", environ=SECRETS).systems["crm"]
        assert crm.allow_private
        assert crm.ca_file.endswith("ca.pem")
        assert "https://login.example" == crm.credential.authority

    def test_a_place_that_cannot_be_written(self, command):
        """A folder that is not there."""
        code, _, err = command("init", *HELPDESK, "--config", "no/folder/x.toml")
        assert 2 == code
        assert "cannot be written" in err

    def test_in_spanish(self, command, here):
        """The comments too, and reports will be."""
        command("init", *HELPDESK, "--lang", "es")
        text = (here / "periferia.toml").read_text(encoding="utf-8")
        assert 'language = "es"' in text
        assert "Los secretos son referencias" in text


class TestQuestions:
    def test_one_after_the_other(self, answered, here):
        """Enter takes what stands in brackets; what has another form is asked again."""
        code, out, _ = answered(
            "", "", "y", "contoso", "https://contoso.crm2.dynamics.com", "t-1", "c-1", "hunter2", "", "n", "n"
        )  # fmt: skip
        assert 0 == code, out
        assert "Expected is an address, as https://company.crm2.dynamics.com." in " ".join(out.split())
        assert "the secret itself does not go into the file" in " ".join(out.split())
        settings = Settings.load(here / "periferia.toml", environ=SECRETS)
        assert ["crm"] == list(settings.systems)
        assert "America/Bogota" == settings.company.zone

    def test_labour_costs(self, answered, here):
        """Where hours and books are there, it asks whether hours are booked."""
        code, out, _ = answered(
            *("", "", ""), "y", "2026-01-01", "613595", "510595",
            words=(*CRM, *ERP, *HELPDESK, "--zone", "America/Lima", "--currency", "PEN"),
        )  # fmt: skip
        assert 0 == code, out
        assert "Book approved hours as cost?" in out
        flow = Settings.load(here / "periferia.toml", environ=SECRETS).flows["labour_costs"]
        assert {"debit": "613595", "credit": "510595"} == dict(flow.options)

    def test_nobody_answers(self, answered, here):
        """The input ends: nothing is written."""
        code, _, err = answered("")
        assert 130 == code
        assert "Traceback" not in err
        assert not (here / "periferia.toml").exists()


class TestTable:
    def test_flags_are_told_apart(self):
        """No two questions have one flag, and each has its text in both languages."""
        tables = [*(role.questions for role in SYSTEMS), COMPANY, LABOUR]
        flags = [question.flag for table in tables for question in table]
        assert len(flags) == len(set(flags))
        for table in tables:
            for question in table:
                assert question.ask in _init.TEXTS
                assert f"wrong.{question.form}" in _init.TEXTS

    def test_defaults_have_their_own_form(self):
        """What is proposed would be accepted."""
        for table in [*(role.questions for role in SYSTEMS), COMPANY, LABOUR]:
            for question in table:
                assert question.default is None or check(question, question.default)

    @pytest.mark.parametrize("text", ['a"b', "a\\b", "Ñandú", "a # b"])
    def test_any_text_survives(self, here, text):
        """Quotes, backslashes and other letters come back as they went in."""
        answers = {
            "company": {"zone": "America/Bogota", "currency": "COP"},
            "erp": {
                "url": "https://x.example",
                "username": text,
                "company_db": text,
                "password": "${ENV:ERP_PASSWORD}",
            },
        }
        (here / "x.toml").write_text(configuration(Words("en", _init.TEXTS), answers), encoding="utf-8")
        held = Settings.load(here / "x.toml", environ=SECRETS).systems["erp"].credential
        assert (text, text) == (held.username, held.company_db)

    def test_room_for_more(self, command):
        """A command of the group answers instead of writing a file."""
        import typer

        @_init.GROUP.command("nothing", hidden=True)
        def nothing():
            """Say that it was called."""
            typer.echo("called")

        command_line.cache_clear()
        try:
            assert "called\n" == command("init", "nothing")[1]
        finally:
            _init.GROUP.registered_commands.pop()
            command_line.cache_clear()
