"""``periferia-link run``: bring the targets up to date, once or again and again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from periferia_link.cli import _commands
from periferia_link.cli._commands import (
    CONFIG,
    AsJson,
    Config,
    Flows,
    Lang,
    ends_well,
    help_words,
    opened,
    waiting_code,
)
from periferia_link.cli._exit_codes import ExitCode
from periferia_link.cli._reports import show_counts, show_notes
from periferia_link.cli._screens import Screen
from periferia_link.cli._times import iso, moment
from periferia_link.cli._watch import Stop, passes, run_once
from periferia_link.cli._words import Texts
from periferia_link.engine import Flow, Plan, RunReport
from periferia_link.errors import ConfigurationError, LinkError
from periferia_link.installation import Installation

__all__ = ["PLACE", "TEXTS", "register"]

PLACE = 50
TEXTS: Texts = {
    "help.run": ("Pone al día los sistemas de destino.", "Bring the target systems up to date."),
    "help.apply": ("Aplica este plan guardado y nada más.", "Apply this saved plan and nothing else."),
    "help.watch": (
        "Repite hasta Ctrl-C o SIGTERM; una pasada que falla no detiene a las demás.",
        "Go on until Ctrl-C or SIGTERM; a pass that fails does not stop the others.",
    ),
    "help.every": ("Con --watch: segundos de pasada a pasada.", "With --watch: seconds from pass to pass."),
    "run.seconds": ("{seconds} s", "{seconds} s"),
    "run.waiting": (
        "Algunos registros esperan por una persona: periferia-link parked",
        "Some records wait for a person: periferia-link parked",
    ),
    "watch.begun": (
        "Una pasada cada {seconds} s. Ctrl-C detiene: lo que está en camino termina antes.",
        "A pass every {seconds} s. Ctrl-C stops: what is under way ends first.",
    ),
    "watch.pass": (
        (
            "{at}  {n} escritura, {parked} apartados, {review} por revisar, {seconds} s"
            "|{at}  {n} escrituras, {parked} apartados, {review} por revisar, {seconds} s"
        ),
        (
            "{at}  {n} write, {parked} parked, {review} in review, {seconds} s"
            "|{at}  {n} writes, {parked} parked, {review} in review, {seconds} s"
        ),
    ),
    "watch.failed": ("{at}  la pasada falló", "{at}  the pass failed"),
    "watch.next": ("La próxima pasada es en {seconds} s.", "The next pass is in {seconds} s."),
    "watch.stopped": (
        "Detenido. Nada quedó a medias: la próxima corrida sigue aquí.",
        "Stopped. Nothing was left half done: the next run goes on here.",
    ),
}
_HELP = help_words(TEXTS)


def register(app: typer.Typer) -> None:
    """Bring the command."""
    app.command("run", help=_HELP("help.run"))(run_flows)


@ends_well
def run_flows(
    *,
    flows: Flows = None,
    saved: Annotated[Path | None, typer.Option("--plan", metavar="FILE", help=_HELP("help.apply"))] = None,
    watch: Annotated[bool, typer.Option("--watch", help=_HELP("help.watch"))] = False,
    every: Annotated[float, typer.Option("--every", metavar="SECONDS", min=1, help=_HELP("help.every"))] = 300,
    as_json: AsJson = False,
    config: Config = CONFIG,
    lang: Lang = None,
) -> ExitCode:
    if watch and saved:
        msg = "a saved plan is applied once"
        raise ConfigurationError(msg, hint="leave --watch or --plan out")
    screen, installation = opened(config, lang, is_silent=as_json, texts=TEXTS)
    with installation, Stop().heard() as stop:
        chosen = installation.chosen(*(flows or ()))
        if watch:
            return _watch(screen, installation, chosen, every=every, stop=stop, as_json=as_json)
        approved = Plan.load(saved) if saved else None
        try:
            with screen.bars():
                report = run_once(installation.engine, chosen, approved, stop)
        except KeyboardInterrupt:
            if stop.code is ExitCode.INTERRUPTED:
                raise  # said as every interruption is
            screen.say(screen.words("watch.stopped"))
            return stop.code
        code = waiting_code(installation.ledger, list(report.flows))
        if as_json:
            screen.json(report.to_dict())
            return code
        show_counts(screen, report.flows)
        show_notes(screen, report.flows)
        screen.line()
        screen.line(screen.words("run.seconds", seconds=report.seconds))
        if code is ExitCode.WAITING:
            screen.line(screen.words("run.waiting"))
        return code


def _watch(
    screen: Screen, installation: Installation, chosen: list[Flow], *, every: float, stop: Stop, as_json: bool
) -> ExitCode:
    screen.line(screen.words("watch.begun", seconds=int(every)))

    def once() -> RunReport:
        with screen.bars():
            return run_once(installation.engine, chosen, None, stop)

    for number, (outcome, wait) in enumerate(passes(once, every=every, clock=_commands.clock, stop=stop), 1):
        if as_json:
            screen.json(_as_json(number, outcome, wait), in_one_line=True)
        else:
            _told(screen, installation, outcome, wait)
    screen.line(screen.words("watch.stopped"))
    return stop.code


def _told(screen: Screen, installation: Installation, outcome: RunReport | LinkError, wait: float) -> None:
    """One line a pass: quiet passes must not bury those that matter."""
    at = moment(_commands.clock.now().timestamp(), installation.settings.company.tzinfo)
    if isinstance(outcome, LinkError):
        screen.say(screen.words("watch.failed", at=at))
        screen.problem(outcome)
        screen.say(screen.words("watch.next", seconds=int(wait)))
        return
    desk = installation.ledger.desk
    parked = sum(len(desk.parked(name)) for name in outcome.flows)
    review = sum(len(desk.reviews(name)) for name in outcome.flows)
    told = {"n": outcome.writes, "parked": parked, "review": review, "seconds": outcome.seconds}
    screen.line(screen.words("watch.pass", at=at, **told))
    if outcome.writes:
        show_counts(screen, {name: report for name, report in outcome.flows.items() if report.writes})


def _as_json(number: int, outcome: RunReport | LinkError, wait: float) -> dict[str, Any]:
    """One line a pass: ``flows`` and ``seconds`` as ``run --json`` has them, or ``error``."""
    about = {"pass": number, "at": iso(_commands.clock.now().timestamp()), "next_in": round(wait, 1)}
    if isinstance(outcome, LinkError):
        return about | {"flows": None, "seconds": None, "error": outcome.to_dict()}
    return about | dict(outcome.to_dict()) | {"error": None}
