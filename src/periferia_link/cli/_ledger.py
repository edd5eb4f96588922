"""``periferia-link ledger backup|verify|info``: looking after the memory."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from periferia_link.cli._commands import CONFIG, AsJson, Config, Lang, ends_well, help_words, reading
from periferia_link.cli._exit_codes import ExitCode
from periferia_link.cli._words import Texts, Words
from periferia_link.errors import ConfigurationError, LedgerCorruptError
from periferia_link.ledger import SqliteLedger

__all__ = ["GROUP", "PLACE", "TEXTS", "register"]

PLACE = 100
TEXTS: Texts = {
    "help.ledger": ("Cuida la memoria: copia, revisión, contenido.", "Look after the ledger: copy, check, contents."),
    "help.ledger.backup": (
        "Copia la memoria mientras se usa; la copia se revisa antes de darla por buena.",
        "Copy the ledger while it is in use; the copy is checked before it counts.",
    ),
    "help.ledger.verify": (
        "Revisa el archivo y lo que dice: nada en camino sin su solicitud, todo asiento con su origen.",
        "Check the file and what it says: nothing in flight without its request, every posting with its origin.",
    ),
    "help.ledger.info": ("Muestra tamaño, versión, tablas y sistemas.", "Show size, version, tables and systems."),
    "help.ledger.file": ("Dónde queda la copia.", "Where the copy goes."),
    "help.ledger.force": ("Reemplaza una copia anterior.", "Replace an earlier copy."),
    "ledger.copied": ("Copia de {size} en {path}, revisada.", "Copy of {size} at {path}, checked."),
    "ledger.well": ("La memoria está sana: {path}", "The ledger is healthy: {path}"),
    "ledger.broken": ("La memoria está dañada: {path}", "The ledger is damaged: {path}"),
    "ledger.broken.next": (
        "detenga las corridas, guarde este archivo aparte y restaure la última copia",
        "stop the runs, put this file aside and restore the last backup",
    ),
    "ledger.path": ("archivo", "file"),
    "ledger.size": ("tamaño", "size"),
    "ledger.mode": ("permisos", "mode"),
    "ledger.schema": ("versión", "version"),
    "ledger.sqlite": ("SQLite", "SQLite"),
    "ledger.systems": ("Sistemas", "Systems"),
    "ledger.no_systems": ("Ninguna corrida ha visto un sistema todavía.", "No run has seen a system yet."),
    "ledger.name": ("nombre", "name"),
    "ledger.system_id": ("instalación", "installation"),
    "ledger.table": ("tabla", "table"),
    "ledger.rows": ("filas", "rows"),
}
_HELP = help_words(TEXTS)
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")

GROUP = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Bring the commands."""
    app.add_typer(GROUP, name="ledger", help=_HELP("help.ledger"))


def _size(words: Words, number: float) -> str:
    for unit in _UNITS:
        if number < 1024 or unit == _UNITS[-1]:
            return f"{words.shown(int(number) if unit == 'bytes' else float(number))} {unit}"
        number /= 1024
    return ""


@GROUP.command(help=_HELP("help.ledger.backup"))
@ends_well
def backup(
    *,
    path: Annotated[Path, typer.Argument(metavar="FILE", help=_HELP("help.ledger.file"))],
    force: Annotated[bool, typer.Option("--force", help=_HELP("help.ledger.force"))] = False,
    as_json: AsJson = False,
    config: Config = CONFIG,
    lang: Lang = None,
) -> ExitCode:
    with reading(config, lang, is_silent=as_json, texts=TEXTS, must_exist=True) as (screen, settings, ledger):
        if path.exists() and (not force or path.samefile(settings.ledger.path)):
            msg = f"{path} is there already"
            raise ConfigurationError(msg, hint="name another file, or give --force to replace an earlier copy")
        problems = _copy(ledger, path)
    if problems:
        msg = f"the copy at {path} was not kept: {problems[0]}"
        raise LedgerCorruptError(msg, hint="'periferia-link ledger verify' says what is wrong with the ledger itself")
    size = path.stat().st_size
    if as_json:
        screen.json({"path": str(path), "bytes": size, "problems": []})
    screen.line(screen.words("ledger.copied", size=_size(screen.words, size), path=path))
    return ExitCode.OK


def _copy(ledger: SqliteLedger, path: Path) -> list[str]:
    """Copy beside the wanted name first: a copy that was cut off never has it. Returns what is wrong with the copy."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        ledger.backup(beside)
        with SqliteLedger.open(beside) as copy:
            problems = copy.verify()
        if not problems:
            beside.replace(path)
    finally:
        for ending in ("", "-wal", "-shm"):
            with suppress(OSError):
                beside.with_name(beside.name + ending).unlink()
    return problems


@GROUP.command(help=_HELP("help.ledger.verify"))
@ends_well
def verify(*, as_json: AsJson = False, config: Config = CONFIG, lang: Lang = None) -> ExitCode:
    with reading(config, lang, is_silent=as_json, texts=TEXTS, must_exist=True) as (screen, settings, ledger):
        problems = ledger.verify()
    path = settings.ledger.path
    if as_json:
        screen.json({"path": str(path), "problems": problems})
    if not problems:
        screen.line(screen.words("ledger.well", path=path))
        return ExitCode.OK
    screen.line(screen.words("ledger.broken", path=path), style="bold red")
    for problem in problems:
        screen.line(f"✗ {problem}", indent=2)
    screen.facts([(screen.words("error.next"), screen.words("ledger.broken.next"))])
    return ExitCode.STOPPED


@GROUP.command(help=_HELP("help.ledger.info"))
@ends_well
def info(*, as_json: AsJson = False, config: Config = CONFIG, lang: Lang = None) -> ExitCode:
    with reading(config, lang, is_silent=as_json, texts=TEXTS, must_exist=True) as (screen, _, ledger):
        about = ledger.care.info()
    words = screen.words
    if as_json:
        screen.json(about._asdict())
    facts = [
        (words("ledger.path"), about.path),
        (words("ledger.size"), _size(words, about.bytes)),
        (words("ledger.mode"), about.mode),
        (
            words("ledger.schema"),
            f"{about.schema}" + (f" / {about.schema_of_library}" if about.schema != about.schema_of_library else ""),
        ),
        (words("ledger.sqlite"), about.sqlite),
    ]
    screen.facts(facts, indent=0)
    screen.line()
    if about.systems:
        screen.table([words("ledger.name"), words("ledger.system_id")], list(about.systems.items()), texts=2)
    else:
        screen.line(words("ledger.no_systems"))
    screen.line()
    screen.table([words("ledger.table"), words("ledger.rows")], list(about.tables.items()))
    return ExitCode.OK
