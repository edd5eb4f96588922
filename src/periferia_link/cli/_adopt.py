"""``periferia-link adopt``: link what both sides already hold."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import typer

from periferia_link.cli._commands import CONFIG, AsJson, Config, Lang, ends_well, help_words, opened, waiting_code
from periferia_link.cli._exit_codes import ExitCode
from periferia_link.cli._reports import show_counts, show_notes
from periferia_link.cli._words import Texts

__all__ = ["PLACE", "TEXTS", "register"]

PLACE = 30
TEXTS: Texts = {
    "help.adopt": (
        "Enlaza lo que ambos lados ya tienen; no escribe en ningún sistema. Va antes de la primera corrida.",
        "Link what both sides already hold; writes to no system. Comes before the first run.",
    ),
    "help.flow": ("Un flujo del archivo.", "A flow of the file."),
    "help.since": ("Solo lo cambiado desde este día.", "Only what changed since this day."),
    "adopt.done": (
        "No se escribió en ningún sistema. Sigue: periferia-link plan {flow}",
        "Nothing was written to any system. Next: periferia-link plan {flow}",
    ),
}
_HELP = help_words(TEXTS)


def register(app: typer.Typer) -> None:
    """Bring the command."""
    app.command(help=_HELP("help.adopt"))(adopt)


@ends_well
def adopt(
    *,
    flow: Annotated[str, typer.Argument(metavar="FLOW", help=_HELP("help.flow"))],
    since: Annotated[
        datetime | None,
        typer.Option("--since", formats=["%Y-%m-%d"], metavar="DATE", help=_HELP("help.since")),
    ] = None,
    as_json: AsJson = False,
    config: Config = CONFIG,
    lang: Lang = None,
) -> ExitCode:
    screen, installation = opened(config, lang, is_silent=as_json, texts=TEXTS)
    with installation:
        (chosen,) = installation.chosen(flow)
        day: date | None = since.date() if since else None
        with screen.bars():
            report = installation.engine.adopt(chosen, since=day)
        if as_json:
            screen.json({"flows": {flow: report.to_dict()}})
        show_counts(screen, {flow: report})
        show_notes(screen, {flow: report})
        screen.line()
        screen.line(screen.words("adopt.done", flow=flow))
        return waiting_code(installation.ledger, [flow])
