"""The commands, and how each of them ends."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from periferia_link.cli._exit_codes import ExitCode
from periferia_link.cli._reports import show_counts, show_notes, show_plan, show_waiting
from periferia_link.cli._screens import Screen
from periferia_link.cli._words import Words, spoken_language
from periferia_link.cli.demo import demo as show_demo
from periferia_link.engine import FlowReport, Plan, RunReport
from periferia_link.errors import ConfigurationError, FlowError, LinkError
from periferia_link.installation import Installation

__all__ = ["app"]

_HELP = Words(spoken_language())

app = typer.Typer(
    name="periferia-link",
    help=_HELP("help.app"),
    epilog=_HELP("help.codes"),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Config = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help=_HELP("help.config"))]


class _Spoken(str, Enum):
    """The languages of ``--lang``."""

    es = "es"
    en = "en"


Lang = Annotated[_Spoken | None, typer.Option("--lang", help=_HELP("help.lang"))]
AsJson = Annotated[bool, typer.Option("--json", help=_HELP("help.json"))]
OneFlow = Annotated[str, typer.Argument(metavar="FLOW", help=_HELP("help.flow"))]
Flows = Annotated[list[str] | None, typer.Argument(metavar="FLOW", help=_HELP("help.flows"))]
_CONFIG = Path("periferia.toml")


# ---------------------------------------------------------------------- how a command ends


def _ends_well(command: Callable[..., ExitCode]) -> Callable[..., None]:
    """Turn what a command raises into sentences and an exit code: nobody sees a traceback."""

    @functools.wraps(command)
    def ended(**options: Any) -> None:
        screen = Screen(Words(spoken_language(options.get("lang"))), is_silent=bool(options.get("as_json")))
        try:
            code = command(**options)
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
            _tell(screen, screen.words("error.interrupted"), screen.words("error.interrupted.next"))
        except LinkError as exc:
            code = ExitCode.of(exc)
            if isinstance(exc, FlowError):
                _tell_done(screen, exc.report)
            screen.problem(exc)
        except BrokenPipeError:
            _leave_pipe()
            code = ExitCode.STOPPED
        except Exception as exc:
            if os.environ.get("PERIFERIA_LINK_DEBUG"):
                raise
            code = ExitCode.STOPPED
            _tell(
                screen,
                screen.words("error.unexpected", kind=type(exc).__name__),
                screen.words("error.unexpected.next"),
            )
        raise typer.Exit(code)

    ended.__annotations__ = command.__annotations__ | {"return": None}
    return ended


def _tell(screen: Screen, what: str, step: str) -> None:
    screen.trouble([(screen.words("error.what"), what), (screen.words("error.next"), step)])


def _tell_done(screen: Screen, report: object) -> None:
    reports = report.flows if isinstance(report, RunReport) else {}
    if isinstance(report, FlowReport):
        reports = {report.flow: report}
    if reports:
        screen.line(screen.words("error.done"))
        show_counts(screen, reports)
        screen.line()


def _leave_pipe() -> None:
    # the reader went away (a pager, head): the interpreter must not try to flush again
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _opened(config: Path, lang: str | None, *, is_silent: bool = False) -> tuple[Screen, Installation]:
    screen = Screen(Words(spoken_language(lang)), is_silent=is_silent)
    installation = Installation.open(config, progress=screen.progress)
    company = installation.settings.company
    if lang is None and "language" in company.model_fields_set:
        screen.words = screen.words.spoken(company.language)
    return screen, installation


def _waiting_code(installation: Installation, names: Sequence[str]) -> ExitCode:
    ledger = installation.engine.ledger
    waits = any(ledger.desk.parked(name) or ledger.desk.reviews(name) for name in names)
    return ExitCode.WAITING if waits else ExitCode.OK


# ---------------------------------------------------------------------- commands


@app.command(help=_HELP("help.adopt"))
@_ends_well
def adopt(
    *,
    flow: OneFlow,
    since: Annotated[
        datetime | None,
        typer.Option("--since", formats=["%Y-%m-%d"], metavar="DATE", help=_HELP("help.since")),
    ] = None,
    config: Config = _CONFIG,
    lang: Lang = None,
) -> ExitCode:
    screen, installation = _opened(config, lang)
    with installation:
        (chosen,) = installation.chosen(flow)
        day: date | None = since.date() if since else None
        with screen.bars():
            report = installation.engine.adopt(chosen, since=day)
        show_counts(screen, {flow: report})
        show_notes(screen, {flow: report})
        screen.line()
        screen.line(screen.words("adopt.done", flow=flow))
        return _waiting_code(installation, [flow])


@app.command(help=_HELP("help.plan"))
@_ends_well
def plan(
    *,
    flows: Flows = None,
    save: Annotated[Path | None, typer.Option("--save", metavar="FILE", help=_HELP("help.save"))] = None,
    as_json: AsJson = False,
    config: Config = _CONFIG,
    lang: Lang = None,
) -> ExitCode:
    screen, installation = _opened(config, lang, is_silent=as_json)
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


@app.command("run", help=_HELP("help.run"))
@_ends_well
def run_flows(
    *,
    flows: Flows = None,
    saved: Annotated[Path | None, typer.Option("--plan", metavar="FILE", help=_HELP("help.apply"))] = None,
    as_json: AsJson = False,
    config: Config = _CONFIG,
    lang: Lang = None,
) -> ExitCode:
    screen, installation = _opened(config, lang, is_silent=as_json)
    with installation:
        chosen = installation.chosen(*(flows or ()))
        approved = Plan.load(saved) if saved else None
        with screen.bars():
            engine = installation.engine
            report = engine.run(chosen) if approved is None else engine.apply(approved, chosen)
        code = _waiting_code(installation, list(report.flows))
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


@app.command(help=_HELP("help.parked"))
@_ends_well
def parked(
    *,
    flows: Flows = None,
    as_json: AsJson = False,
    config: Config = _CONFIG,
    lang: Lang = None,
) -> ExitCode:
    screen, installation = _opened(config, lang, is_silent=as_json)
    with installation:
        names = [flow.name for flow in installation.chosen(*(flows or ()))]
        desk = installation.engine.ledger.desk
        waiting = [row for name in names for row in desk.parked(name)]
        asked = [row for name in names for row in desk.reviews(name)]
        if as_json:
            screen.json({"parked": [row._asdict() for row in waiting], "review": [row._asdict() for row in asked]})
        elif waiting or asked:
            show_waiting(screen, waiting, asked)
        else:
            screen.line(screen.words("parked.none"))
    return ExitCode.WAITING if waiting or asked else ExitCode.OK


@app.command(help=_HELP("help.demo"))
@_ends_well
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
    screen = Screen(Words(spoken_language(lang)), is_silent=as_json)
    return show_demo(screen, seed=seed, clients=clients, days=days, data=data, keep=keep)
