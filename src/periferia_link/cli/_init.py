"""``periferia-link init``: writes a periferia.toml; what prepares a system joins the group (``init sap``)."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from periferia_link.cli._commands import CONFIG, AsJson, Config, Lang, ends_well, help_words, new_screen
from periferia_link.cli._exit_codes import ExitCode
from periferia_link.cli._init_file import TEXTS as FILE
from periferia_link.cli._init_file import Answers, configuration, flows_of, write_private
from periferia_link.cli._init_questions import COMPANY, LABOUR, SYSTEMS, Question, check
from periferia_link.cli._init_questions import TEXTS as QUESTIONS
from periferia_link.cli._screens import Screen
from periferia_link.cli._words import Texts
from periferia_link.errors import ConfigurationError

__all__ = ["GROUP", "PLACE", "TEXTS", "register"]

PLACE = 10
TEXTS: Texts = {
    **FILE,
    **QUESTIONS,
    "help.init": (
        "Escribe un periferia.toml comentado: pregunta, o toma opciones.",
        "Write a commented periferia.toml: asks, or takes options.",
    ),
    "help.init.force": ("Reemplaza el archivo que ya está.", "Replace the file that is there."),
    "help.init.no_input": ("No pregunta nada: lo que falte es un error.", "Ask nothing: what is missing is an error."),
    "help.init.ca": ("Certificados de una autoridad propia (PEM).", "Certificates of an authority of your own (PEM)."),
    "help.init.private": (
        "Los servidores están en la red de la empresa.",
        "The servers are inside the company's network.",
    ),
    "help.init.authority": (
        "Servicio de inicio de sesión, si no es el de Microsoft.",
        "Sign-in service, where it is not Microsoft's.",
    ),
    "init.intro": (
        (
            "Un valor por pregunta; Intro acepta lo que está entre corchetes. Los secretos no se preguntan: "
            "solo dónde están."
        ),
        "One value a question; Enter accepts what stands in brackets. Secrets are not asked for: only where they are.",
    ),
    "init.wrong": ("Se espera {form}.", "Expected is {form}."),
    "init.written": ("Escrito: {path} (solo lo lee su dueño)", "Written: {path} (readable by its owner only)"),
    "init.secrets": (
        "Antes de seguir, ponga los secretos en su lugar:",
        "Before you go on, put the secrets where they belong:",
    ),
    "init.next": ("Sigue: periferia-link check", "Next: periferia-link check"),
    "init.next.config": ("Sigue: periferia-link check --config {path}", "Next: periferia-link check --config {path}"),
}
_HELP = help_words(TEXTS)

GROUP = typer.Typer(add_completion=False, rich_markup_mode=None, invoke_without_command=True)


def register(app: typer.Typer) -> None:
    """Bring the command, and room for commands beneath it."""
    app.add_typer(GROUP, name="init", help=_HELP("help.init"))


def _text_option(flag: str, ask: str) -> Any:
    return typer.Option(flag, metavar="TEXT", help=_HELP(ask), show_default=False)


@GROUP.callback()
def init(
    context: typer.Context,
    *,
    crm_url: Annotated[str | None, _text_option("--crm-url", "ask.url")] = None,
    crm_tenant: Annotated[str | None, _text_option("--crm-tenant", "ask.tenant")] = None,
    crm_client: Annotated[str | None, _text_option("--crm-client", "ask.client")] = None,
    crm_secret: Annotated[str | None, _text_option("--crm-secret", "ask.secret")] = None,
    authority: Annotated[str | None, _text_option("--authority", "help.init.authority")] = None,
    erp_url: Annotated[str | None, _text_option("--erp-url", "ask.url")] = None,
    erp_user: Annotated[str | None, _text_option("--erp-user", "ask.user")] = None,
    erp_database: Annotated[str | None, _text_option("--erp-database", "ask.database")] = None,
    erp_password: Annotated[str | None, _text_option("--erp-password", "ask.secret")] = None,
    helpdesk_url: Annotated[str | None, _text_option("--helpdesk-url", "ask.url")] = None,
    helpdesk_token: Annotated[str | None, _text_option("--helpdesk-token", "ask.secret")] = None,
    zone: Annotated[str | None, _text_option("--zone", "ask.zone")] = None,
    currency: Annotated[str | None, _text_option("--currency", "ask.currency")] = None,
    starts: Annotated[str | None, _text_option("--starts", "ask.starts")] = None,
    debit: Annotated[str | None, _text_option("--debit", "ask.debit")] = None,
    credit: Annotated[str | None, _text_option("--credit", "ask.credit")] = None,
    ca_file: Annotated[str | None, _text_option("--ca-file", "help.init.ca")] = None,
    private: Annotated[bool, typer.Option("--private", help=_HELP("help.init.private"))] = False,
    no_input: Annotated[bool, typer.Option("--no-input", help=_HELP("help.init.no_input"))] = False,
    force: Annotated[bool, typer.Option("--force", help=_HELP("help.init.force"))] = False,
    as_json: AsJson = False,
    config: Config = CONFIG,
    lang: Lang = None,
) -> None:
    """Write the file, unless a command of the group was named."""
    if context.invoked_subcommand is None:
        told = {
            "--crm-url": crm_url,
            "--crm-tenant": crm_tenant,
            "--crm-client": crm_client,
            "--crm-secret": crm_secret,
            "--erp-url": erp_url,
            "--erp-user": erp_user,
            "--erp-database": erp_database,
            "--erp-password": erp_password,
            "--helpdesk-url": helpdesk_url,
            "--helpdesk-token": helpdesk_token,
            "--zone": zone,
            "--currency": currency,
            "--starts": starts,
            "--debit": debit,
            "--credit": credit,
        }
        given = {flag: value for flag, value in told.items() if value is not None}
        extra = {"ca_file": ca_file, "authority": authority, "is_private": "true" if private else None}
        _write(given=given, extra=extra, force=force, no_input=no_input, as_json=as_json, config=config, lang=lang)


@ends_well
def _write(
    *,
    given: Mapping[str, str],
    extra: Mapping[str, str | None],
    force: bool,
    no_input: bool,
    as_json: bool,
    config: Path,
    lang: str | None,
) -> ExitCode:
    screen = new_screen(lang, is_silent=as_json, texts=TEXTS)
    if config.exists() and not force:  # said before a person has answered everything
        write_private(config, "", force=False)
    can_ask = not no_input and not as_json and is_conversation(screen)
    answers = _Asking(screen, given, can_ask=can_ask).answers(extra)
    write_private(config, configuration(screen.words, answers), force=force)
    secrets = _references(answers)
    if as_json:
        systems = [role.name for role in SYSTEMS if role.name in answers]
        screen.json({"path": str(config), "systems": systems, "flows": flows_of(answers), "secrets": secrets})
    screen.line(screen.words("init.written", path=config))
    if secrets:
        screen.line()
        screen.line(screen.words("init.secrets"))
        for reference in secrets:
            screen.line(reference, indent=2)
    screen.line()
    screen.line(screen.words("init.next" if config == CONFIG else "init.next.config", path=config))
    return ExitCode.OK


def is_conversation(screen: Screen) -> bool:
    """Whether somebody sits there: questions into a pipe are never answered."""
    return sys.stdin.isatty() and screen.is_terminal


def _references(answers: Answers) -> list[str]:
    return [
        answers[role.name][question.key]
        for role in SYSTEMS
        if role.name in answers
        for question in role.questions
        if question.form == "reference"
    ]


class _Asking:
    """Takes what was given, asks for the rest, and refuses what has another form."""

    def __init__(self, screen: Screen, given: Mapping[str, str], *, can_ask: bool) -> None:
        self._screen = screen
        self._given = given
        self._can_ask = can_ask
        self._is_told = False

    def answers(self, extra: Mapping[str, str | None]) -> dict[str, dict[str, str]]:
        """
        Return every answer, by table.

        Raises:
            ConfigurationError: An answer is missing or has another form, or no system is there.
        """
        found: dict[str, dict[str, str]] = {"company": self._table("company", COMPANY)}
        for role in SYSTEMS:
            if self._has(role.name, role.questions, "ask.has"):
                found[role.name] = self._table(role.name, role.questions)
                found[role.name] |= {
                    key: value for key, value in extra.items() if value and (key != "authority" or role.name == "crm")
                }
        if len(found) == 1:
            msg = "no system is named"
            raise ConfigurationError(msg, hint="give --crm-url, --erp-url or --helpdesk-url")
        if {"erp", "helpdesk"} <= found.keys() and self._has("labour", LABOUR, "ask.wants"):
            found["labour_costs"] = self._table("labour", LABOUR)
        return found

    def _has(self, name: str, questions: Sequence[Question], ask: str) -> bool:
        if any(question.flag in self._given for question in questions):
            return True
        if not self._can_ask:
            return False
        self._tell(name)
        return typer.confirm(self._screen.words(ask), default=True)

    def _tell(self, name: str) -> None:
        screen = self._screen
        if not self._is_told:
            screen.line(screen.words("init.intro"))
            self._is_told = True
        screen.line()
        screen.line(screen.words(f"ask.{name}"), style="bold")

    def _table(self, name: str, questions: Sequence[Question]) -> dict[str, str]:
        if self._can_ask and name == "company" and any(one.flag not in self._given for one in questions):
            self._tell(name)
        return {question.key: self._value(question) for question in questions}

    def _value(self, question: Question) -> str:
        if question.flag in self._given:
            return self._checked(question, self._given[question.flag])
        if self._can_ask:
            while True:
                told = str(typer.prompt(self._screen.words(question.ask), default=question.default)).strip()
                if check(question, told):
                    return told
                form = self._screen.words(f"wrong.{question.form}")
                self._screen.line(self._screen.words("init.wrong", form=form), indent=2)
        if question.default is None:
            msg = f"{question.flag} is missing"
            raise ConfigurationError(msg, hint=f"give {question.flag}, or call it in a terminal to be asked")
        return question.default

    def _checked(self, question: Question, text: str) -> str:
        if not check(question, text):
            form = self._screen.words(f"wrong.{question.form}")
            msg = f"{question.flag} is of another form"  # never what was given: it may be the secret itself
            raise ConfigurationError(msg, hint=self._screen.words("init.wrong", form=form))
        return text
