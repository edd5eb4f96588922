"""``periferia-link demo``: the whole chain on this machine; the story itself is in the folder ``demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from periferia_link.cli._commands import AsJson, Lang, ends_well, help_words, new_screen
from periferia_link.cli._exit_codes import ExitCode
from periferia_link.cli._words import Texts
from periferia_link.cli.demo import demo as show_demo

__all__ = ["PLACE", "TEXTS", "register"]

PLACE = 900
TEXTS: Texts = {
    "help.demo": (
        "Corre la cadena completa contra emuladores, en esta máquina.",
        "Run the whole chain against emulators, on this machine.",
    ),
    "help.seed": ("La misma semilla da la misma empresa.", "The same seed makes the same company."),
    "help.clients": ("Cuántos clientes hay en el CRM.", "How many clients the CRM holds."),
    "help.days": ("Cuántos días hábiles se registran.", "How many working days are recorded."),
    "help.data": ("Usa los datos reales de esta carpeta.", "Use the real data in this folder."),
    "help.keep": (
        "Deja aquí la configuración, el plan y la memoria de la demostración.",
        "Leave configuration, plan and ledger of the demo here.",
    ),
}
_HELP = help_words(TEXTS)


def register(app: typer.Typer) -> None:
    """Bring the command."""
    app.command(help=_HELP("help.demo"))(demo)


@ends_well
def demo(
    *,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help=_HELP("help.seed"))] = 1,
    clients: Annotated[int, typer.Option("--clients", metavar="N", min=2, max=2000, help=_HELP("help.clients"))] = 24,
    days: Annotated[int, typer.Option("--days", metavar="N", min=1, max=250, help=_HELP("help.days"))] = 15,
    data: Annotated[Path | None, typer.Option("--data", metavar="DIR", help=_HELP("help.data"))] = None,
    as_json: AsJson = False,
    keep: Annotated[Path | None, typer.Option("--keep", metavar="DIR", help=_HELP("help.keep"))] = None,
    lang: Lang = None,
) -> ExitCode:
    screen = new_screen(lang, is_silent=as_json)
    return show_demo(screen, seed=seed, clients=clients, days=days, data=data, keep=keep)
