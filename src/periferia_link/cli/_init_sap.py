"""``periferia-link init sap``: makes the user table and fields that SAP Business One needs, and says what is next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from periferia_link.cli import _commands
from periferia_link.cli._commands import CONFIG, AsJson, Config, Lang, ends_well, help_words, in_language_of, new_screen
from periferia_link.cli._exit_codes import ExitCode
from periferia_link.cli._init import GROUP
from periferia_link.cli._words import Texts
from periferia_link.connectors.registry import build
from periferia_link.errors import ConfigurationError
from periferia_link.settings import Settings

if TYPE_CHECKING:
    from periferia_link.cli._screens import Screen
    from periferia_link.connectors.sap_business_one import Preparation, SapBusinessOne

__all__ = ["PLACE", "TEXTS", "register"]

PLACE = 11
_CONNECTOR = "sap-business-one"

TEXTS: Texts = {
    "help.init.sap": (
        "Prepara una compañía de SAP Business One: tabla de marcas y campos de usuario. Se puede repetir.",
        "Prepare a company of SAP Business One: marker table and user fields. It can be run again.",
    ),
    "help.init.sap.system": (
        "Nombre del sistema en periferia.toml, si hay más de uno.",
        "Name of the system in periferia.toml, where there are several.",
    ),
    "help.init.sap.dry": ("No crea nada; dice qué falta.", "Make nothing; say what is missing."),
    "help.init.sap.rates": (
        "Crea también la tabla de tarifas con fecha (U_PL_RATES).",
        "Make the table of dated rates, too (U_PL_RATES).",
    ),
    "help.init.sap.fields": (
        "Escribe los campos de la compañía en un archivo, listos para periferia.toml.",
        "Write the fields of the company to a file, ready for periferia.toml.",
    ),
    "sap.heading": ("{system}: {company}", "{system}: {company}"),
    "sap.what": ("qué", "what"),
    "sap.name": ("nombre", "name"),
    "sap.state": ("estado", "state"),
    "sap.table": ("tabla", "table"),
    "sap.field": ("campo", "field"),
    "sap.index": ("índice", "index"),
    "sap.query": ("consulta", "query"),
    "sap.there": ("ya estaba", "was there"),
    "sap.made": ("creado", "made"),
    "sap.missing": ("falta", "missing"),
    "sap.refused": ("SAP no lo crea (no es necesario)", "SAP does not make it (nothing depends on it)"),
    "sap.restart": (
        "Reinicie el Service Layer en todos sus nodos: antes no ve lo nuevo.",
        "Restart the Service Layer on every node: before that it does not see what is new.",
    ),
    "sap.restart.next": ("Después: periferia-link check", "Then: periferia-link check"),
    "sap.ready": (
        "La compañía está lista. Sigue: periferia-link check",
        "The company is ready. Next: periferia-link check",
    ),
    "sap.dry": (
        "No se creó nada. Sigue: periferia-link init sap, sin --dry-run",
        "Nothing was made. Next: periferia-link init sap, without --dry-run",
    ),
    "sap.fields.written": ("Los campos de la compañía quedaron en {path}.", "The fields of the company are in {path}."),
}
_HELP = help_words(TEXTS)


def register(app: typer.Typer) -> None:
    """Join the group ``init``."""
    del app
    GROUP.command("sap", help=_HELP("help.init.sap"))(sap)


@ends_well
def sap(
    *,
    system: Annotated[
        str | None, typer.Argument(metavar="SYSTEM", help=_HELP("help.init.sap.system"), show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=_HELP("help.init.sap.dry"))] = False,
    rates: Annotated[bool, typer.Option("--rates", help=_HELP("help.init.sap.rates"))] = False,
    fields: Annotated[
        Path | None, typer.Option("--fields", metavar="FILE", help=_HELP("help.init.sap.fields"), show_default=False)
    ] = None,
    as_json: AsJson = False,
    config: Config = CONFIG,
    lang: Lang = None,
) -> ExitCode:
    screen = new_screen(lang, is_silent=as_json, texts=TEXTS)
    settings = Settings.load(config)
    in_language_of(screen, settings, lang)
    name = _chosen(settings, system)
    connector: SapBusinessOne
    with build(name, settings.systems[name], clock=_commands.clock) as connector:  # type: ignore[assignment]
        company = connector.check().details.get("company", "")
        done = connector.install(with_rates=rates, dry_run=dry_run)
        if fields is not None:
            connector.discover().write(fields)
    if as_json:
        steps = [step._asdict() for step in done.steps]
        screen.json(
            {"system": name, "steps": steps, "made": done.made, "needs_restart": done.needs_restart}
            | {"is_ready": done.is_ready, "dry_run": dry_run}
        )
    _show(screen, f"{name}: {company}", done, dry_run=dry_run)
    if fields is not None:
        screen.line(screen.words("sap.fields.written", path=fields))
    return ExitCode.OK


def _chosen(settings: Settings, asked: str | None) -> str:
    """Return the system to prepare: the one that was named, or the only one."""
    known = [name for name, system in settings.systems.items() if system.connector == _CONNECTOR]
    if asked is not None:
        if asked in known:
            return asked
        msg = f"{asked} is no SAP Business One of this file"
        raise ConfigurationError(msg, hint=f"its systems are {', '.join(known) or 'none'}")
    if len(known) != 1:
        msg = "the file names several SAP Business One" if known else "the file names no SAP Business One"
        hint = f"name one: {', '.join(known)}" if known else 'add [systems.erp] with connector = "sap-business-one"'
        raise ConfigurationError(msg, hint=hint)
    return known[0]


def _show(screen: Screen, heading: str, done: Preparation, *, dry_run: bool) -> None:
    words = screen.words
    screen.heading(heading)
    headings = [words(f"sap.{column}") for column in ("what", "name", "state")]
    screen.table(
        headings,
        [[words(f"sap.{step.what}"), step.name, words(f"sap.{step.state}")] for step in done.steps],
        texts=3,
    )
    screen.line()
    if done.needs_restart:
        screen.line(words("sap.restart"), style="bold")
        screen.line(words("sap.restart.next"))
    elif done.is_ready:
        screen.line(words("sap.ready"))
    elif dry_run:
        screen.line(words("sap.dry"))
