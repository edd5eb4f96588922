"""``periferia-link plan``: what a run would change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from periferia_link.cli._commands import CONFIG, AsJson, Config, Flows, Lang, ends_well, help_words, opened
from periferia_link.cli._exit_codes import ExitCode
from periferia_link.cli._reports import show_notes, show_plan
from periferia_link.cli._words import Texts
from periferia_link.engine import Plan
from periferia_link.errors import ConfigurationError

__all__ = ["PLACE", "TEXTS", "register"]

PLACE = 40
TEXTS: Texts = {
    "help.plan": (
        "Muestra qué cambiaría una corrida, sin escribir nada en ninguna parte.",
        "Show what a run would change, without writing anything anywhere.",
    ),
    "help.save": (
        "Guarda el plan completo (solo lo lee su dueño).",
        "Save the whole plan (readable by its owner only).",
    ),
    "plan.title": ("Plan: nada se ha escrito", "Plan: nothing is written yet"),
    "plan.saved": (
        "Plan guardado en {path}. Para aplicarlo: periferia-link run --plan {path}",
        "Plan saved as {path}. To apply it: periferia-link run --plan {path}",
    ),
    "plan.next": (
        "Para ver todo: --save ARCHIVO. Para hacerlo: periferia-link run",
        "To see everything: --save FILE. To do it: periferia-link run",
    ),
}
_HELP = help_words(TEXTS)


def register(app: typer.Typer) -> None:
    """Bring the command."""
    app.command(help=_HELP("help.plan"))(plan)


@ends_well
def plan(
    *,
    flows: Flows = None,
    save: Annotated[Path | None, typer.Option("--save", metavar="FILE", help=_HELP("help.save"))] = None,
    as_json: AsJson = False,
    config: Config = CONFIG,
    lang: Lang = None,
) -> ExitCode:
    screen, installation = opened(config, lang, is_silent=as_json, texts=TEXTS)
    with installation:
        with screen.bars():
            made = installation.engine.plan(installation.chosen(*(flows or ())))
        if save is not None:
            _save(made, save)
        if as_json:
            screen.json(made.to_dict())
            return ExitCode.OK
        screen.heading(screen.words("plan.title"))
        show_plan(screen, made)
        show_notes(screen, made.reports)
        screen.line()
        screen.line(screen.words("plan.saved", path=save) if save else screen.words("plan.next") if made else "")
    return ExitCode.OK


def _save(made: Plan, path: Path) -> None:
    try:
        made.save(path)
    except OSError as exc:
        msg = f"the plan cannot be written to {path}: {exc.strerror}"
        raise ConfigurationError(msg, hint="name a file in a folder that exists and can be written") from exc
