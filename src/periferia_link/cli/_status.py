"""``periferia-link status``: where every flow stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from periferia_link.cli import _commands
from periferia_link.cli._commands import CONFIG, AsJson, Config, Flows, Lang, Reading, ends_well, help_words, reading
from periferia_link.cli._exit_codes import ExitCode
from periferia_link.cli._times import TEXTS as TIMES
from periferia_link.cli._times import iso, lasting
from periferia_link.cli._words import Texts, Words
from periferia_link.ledger import FlowStanding

if TYPE_CHECKING:
    import typer

__all__ = ["PLACE", "TEXTS", "register"]

PLACE = 60
TEXTS: Texts = {
    **TIMES,
    "help.status": (
        "Muestra en qué va cada flujo. Atraso, última corrida, apartados, por revisar, quién lo corre.",
        "Show where each flow stands. Lag, last run, parked, in review, who runs it.",
    ),
    "status.flow": ("flujo", "flow"),
    "status.lag": ("atraso", "lag"),
    "status.last": ("última corrida", "last run"),
    "status.how": ("terminó", "ended"),
    "status.known": ("registros", "records"),
    "status.linked": ("enlazados", "linked"),
    "status.waiting": ("en espera", "waiting"),
    "status.parked": ("apartados", "parked"),
    "status.review": ("por revisar", "review"),
    "status.open": ("abiertas", "open"),
    "status.never": ("nunca corrió", "never ran"),
    "status.off": ("apagado", "off"),
    "status.done": ("bien", "well"),
    "status.going": ("sigue", "running"),
    "status.broken": ("se cortó", "broke off"),
    "status.runner": (
        "{flow}: lo corre {runner} desde hace {time}.",
        "{flow}: {runner} works on it, since {time}.",
    ),
    "status.stopped": (
        "{flow}: la última corrida se detuvo ({how}). Sigue: periferia-link run {flow}",
        "{flow}: the last run stopped ({how}). Next: periferia-link run {flow}",
    ),
    "status.people": (
        "Algo espera por una persona: periferia-link parked, periferia-link review",
        "Something waits for a person: periferia-link parked, periferia-link review",
    ),
    "status.first": (
        "Ningún flujo ha corrido. Sigue: periferia-link adopt, plan, run",
        "No flow ran yet. Next: periferia-link adopt, plan, run",
    ),
}
_HELP = help_words(TEXTS)


def register(app: typer.Typer) -> None:
    """Bring the command."""
    app.command(help=_HELP("help.status"))(status)


@ends_well
def status(*, flows: Flows = None, as_json: AsJson = False, config: Config = CONFIG, lang: Lang = None) -> ExitCode:
    with reading(config, lang, is_silent=as_json, texts=TEXTS) as opened:
        opened.check_flows(flows or ())
        standings = _standings(opened, flows or [])
    now = _commands.clock.now().timestamp()
    is_on = {name: table.enabled for name, table in opened.settings.flows.items()}
    if as_json:
        opened.screen.json({"flows": {name: _as_json(one, now, is_on) for name, one in standings.items()}})
    else:
        _show(opened, standings, now, is_on)
    waits = any(one.parked or one.review for one in standings.values())
    return ExitCode.WAITING if waits else ExitCode.OK


def _standings(opened: Reading, asked: list[str]) -> dict[str, FlowStanding]:
    """Flows of the file first, in its order, then those that the ledger remembers from earlier."""
    names = asked or [*dict.fromkeys([*opened.settings.flows, *opened.ledger.care.flows()])]
    return {name: opened.ledger.care.flow(name) for name in names}


def _how(words: Words, one: FlowStanding, now: float) -> str:
    if one.started is None:
        return words("status.never")
    if one.ended is None:
        return words("status.going" if one.runner and (one.expires or 0) > now else "status.broken")
    return words("status.done") if one.how == "done" else one.how


def _show(opened: Reading, standings: Mapping[str, FlowStanding], now: float, is_on: Mapping[str, bool]) -> None:
    screen, words = opened.screen, opened.screen.words
    names = ["lag", "how", "known", "linked", "parked", "review"]
    if any(one.waiting for one in standings.values()):
        names.append("waiting")
    if any(one.open for one in standings.values()):
        names.append("open")
    rows = [
        [name, *(_cells(words, one, now, is_on.get(name, False))[key] for key in names)]
        for name, one in standings.items()
    ]
    screen.table([words("status.flow"), *(words(f"status.{name}") for name in names)], rows, texts=3)
    screen.line()
    for line in _sentences(words, standings, now):
        screen.line(line)


def _cells(words: Words, one: FlowStanding, now: float, is_on: bool) -> dict[str, Any]:  # noqa: FBT001 - one caller
    return {
        "lag": words("time.never") if one.well is None else lasting(words, now - one.well),
        "how": _how(words, one, now) if is_on or one.started else words("status.off"),
        "known": one.records,
        "linked": one.linked,
        "parked": one.parked,
        "review": one.review,
        "waiting": one.waiting,
        "open": one.open,
    }


def _sentences(words: Words, standings: Mapping[str, FlowStanding], now: float) -> list[str]:
    told = []
    for name, one in standings.items():
        runner = _readable(one.runner)
        if one.runner and (one.expires or 0) > now:
            time = lasting(words, now - (one.since or now))
            told.append(words("status.runner", flow=name, runner=runner, time=time))
        elif one.ended is not None and one.how not in ("", "done"):
            told.append(words("status.stopped", flow=name, how=one.how))
    if any(one.parked or one.review for one in standings.values()):
        told.append(words("status.people"))
    if standings and all(one.started is None for one in standings.values()):
        told.append(words("status.first"))
    return told


def _readable(owner: str) -> str:
    host, _, rest = owner.partition(":")
    number = rest.partition(":")[0]
    return f"{host}/{number}" if number.isdigit() else owner


def _as_json(one: FlowStanding, now: float, is_on: Mapping[str, bool]) -> dict[str, Any]:
    is_held = bool(one.runner) and (one.expires or 0) > now
    return {
        "enabled": is_on.get(one.flow, False),
        "lag_seconds": None if one.well is None else round(now - one.well, 1),
        "last_run": None
        if one.started is None
        else {"started": iso(one.started), "ended": iso(one.ended), "how": one.how, "counts": dict(one.counts)},
        **{name: getattr(one, name) for name in ("records", "linked", "waiting", "parked", "review", "open")},
        "lease": {"owner": one.runner, "since": iso(one.since), "expires": iso(one.expires)} if is_held else None,
    }
