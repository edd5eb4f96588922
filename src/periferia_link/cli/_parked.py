"""``periferia-link parked list|show|retry|drop``: records that could not be written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from periferia_link.cli import _commands
from periferia_link.cli._commands import (
    CONFIG,
    AsJson,
    Config,
    Flows,
    Lang,
    Reading,
    ends_well,
    help_words,
    reading,
)
from periferia_link.cli._exit_codes import ExitCode
from periferia_link.cli._groups import ListFirst
from periferia_link.cli._reports import readable_key, show_waiting
from periferia_link.cli._times import TEXTS as TIMES
from periferia_link.cli._times import ago, iso, moment
from periferia_link.cli._words import Texts
from periferia_link.domain import KINDS
from periferia_link.errors import ConfigurationError, LedgerError
from periferia_link.ledger import Parked, Waiting
from periferia_link.ledger.protocol import AMBIGUOUS, HELD

__all__ = ["GROUP", "PLACE", "TEXTS", "register"]

PLACE = 70
TEXTS: Texts = {
    **TIMES,
    "help.parked": (
        "Muestra qué espera por una persona; intenta de nuevo o suelta lo apartado.",
        "Show what waits for a person; try again or let go what is parked.",
    ),
    "help.parked.list": (
        "Muestra qué espera por una persona, con su motivo y el paso que sigue.",
        "Show what waits for a person, with its reason and the next step.",
    ),
    "help.parked.show": (
        "Muestra todo lo que se sabe de un registro apartado.",
        "Show all that is known of one parked record.",
    ),
    "help.parked.retry": (
        "La próxima corrida lo intenta de nuevo, sin esperar a su turno.",
        "Let the next run try it again, without waiting for its turn.",
    ),
    "help.parked.drop": (
        "Olvida que estaba apartado; queda en la auditoría. Se vuelve a mirar cuando cambie en su sistema.",
        "Forget that it was parked; the audit keeps it. It is looked at again when it changes in its system.",
    ),
    "help.record": (
        "Su clave, su referencia (crm:Client:…) o los nombres de un asiento.",
        "Its key, its reference (crm:Client:…) or the names of a posting.",
    ),
    "help.of_flow": ("Solo de este flujo.", "Of this flow only."),
    "help.every_record": ("Todos los apartados.", "Everything that is parked."),
    "help.each": ("Nombra cada registro, no solo los primeros.", "Name each record, not the first ones only."),
    "parked.none": ("Nada espera por una persona.", "Nothing waits for a person."),
    "parked.flow": ("flujo", "flow"),
    "parked.record": ("registro", "record"),
    "parked.error": ("error", "error"),
    "parked.since": ("desde", "since"),
    "parked.attempts": ("intentos", "attempts"),
    "parked.again": ("próximo intento", "next try"),
    "parked.again.now": ("en la próxima corrida", "in the next run"),
    "parked.again.person": ("solo cuando alguien lo pida", "only when somebody asks for it"),
    "parked.again.from": ("en la primera corrida desde {at}", "in the first run from {at} on"),
    "parked.write": ("escritura", "write"),
    "parked.write.sent": (
        "se envió y no se sabe qué pasó; se busca desde {at}",
        "was sent, and what came of it is not known; it is looked for from {at} on",
    ),
    "parked.write.held": ("espera aprobación en el sistema", "waits for approval in the system"),
    "parked.values": ("quería escribir", "wanted to write"),
    "parked.do": ("comandos", "commands"),
    "parked.retried": (
        "{n} registro se intenta en la próxima corrida.|{n} registros se intentan en la próxima corrida.",
        "{n} record is tried in the next run.|{n} records are tried in the next run.",
    ),
    "parked.dropped": (
        "{n} registro ya no está apartado.|{n} registros ya no están apartados.",
        "{n} record is no longer parked.|{n} records are no longer parked.",
    ),
    "parked.run": ("Sigue: periferia-link run {flow}", "Next: periferia-link run {flow}"),
    "parked.held": (
        "El flujo {flow} está corriendo ahora: cuenta para la corrida que sigue.",
        "Flow {flow} is running now: it counts for the run after that.",
    ),
}
_HELP = help_words(TEXTS)
_NEVER = 1e8  # seconds: a next try as far away as that is left to a person

GROUP = typer.Typer(cls=ListFirst, add_completion=False, rich_markup_mode=None)

_Record = Annotated[str, typer.Argument(metavar="RECORD", help=_HELP("help.record"))]
_Records = Annotated[list[str] | None, typer.Argument(metavar="RECORD", help=_HELP("help.record"), show_default=False)]
_OfFlow = Annotated[str | None, typer.Option("--flow", metavar="FLOW", help=_HELP("help.of_flow"))]
_All = Annotated[bool, typer.Option("--all", help=_HELP("help.every_record"))]


def register(app: typer.Typer) -> None:
    """Bring the commands."""
    app.add_typer(GROUP, name="parked", help=_HELP("help.parked"))


@GROUP.command("list", help=_HELP("help.parked.list"))
@ends_well
def list_parked(
    *,
    flows: Flows = None,
    each: Annotated[bool, typer.Option("--each", help=_HELP("help.each"))] = False,
    as_json: AsJson = False,
    config: Config = CONFIG,
    lang: Lang = None,
) -> ExitCode:
    with reading(config, lang, is_silent=as_json, texts=TEXTS) as (screen, settings, ledger):
        Reading(screen, settings, ledger).check_flows(flows or ())
        names: list[str | None] = [*(flows or ())] or [None]
        waiting = [row for name in names for row in ledger.desk.parked(name)]
        asked = [row for name in names for row in ledger.desk.reviews(name)]
    if as_json:
        screen.json({"parked": [row._asdict() for row in waiting], "review": [row._asdict() for row in asked]})
    elif waiting or asked:
        show_waiting(screen, waiting, asked, examples=10_000 if each else 3)
    else:
        screen.line(screen.words("parked.none"))
    return ExitCode.WAITING if waiting or asked else ExitCode.OK


@GROUP.command(help=_HELP("help.parked.show"))
@ends_well
def show(
    *, record: _Record, flow: _OfFlow = None, as_json: AsJson = False, config: Config = CONFIG, lang: Lang = None
) -> ExitCode:
    with reading(config, lang, is_silent=as_json, texts=TEXTS) as opened:
        found = chosen(opened, [record], flow, every=False)
    if as_json:
        opened.screen.json({"parked": [_as_json(one) for one in found]})
    for place, one in enumerate(found):
        if place:
            opened.screen.line()
        _show(opened, one)
    return ExitCode.WAITING


@GROUP.command(help=_HELP("help.parked.retry"))
@ends_well
def retry(
    *,
    records: _Records = None,
    flow: _OfFlow = None,
    every: _All = False,
    as_json: AsJson = False,
    config: Config = CONFIG,
    lang: Lang = None,
) -> ExitCode:
    with reading(config, lang, is_silent=as_json, texts=TEXTS) as opened:
        found = chosen(opened, records or (), flow, every=every)
        for one in found:
            opened.ledger.by_hand.retry(one, actor=_commands.person(), now=_commands.clock.now().timestamp())
        _done(opened, "retried", found)
        for name in dict.fromkeys(one.row.flow for one in found):
            opened.screen.line(opened.screen.words("parked.run", flow=name))
    return ExitCode.OK


@GROUP.command(help=_HELP("help.parked.drop"))
@ends_well
def drop(
    *,
    records: _Records = None,
    flow: _OfFlow = None,
    every: _All = False,
    as_json: AsJson = False,
    config: Config = CONFIG,
    lang: Lang = None,
) -> ExitCode:
    with reading(config, lang, is_silent=as_json, texts=TEXTS) as opened:
        found = chosen(opened, records or (), flow, every=every)
        kept: list[LedgerError] = []
        dropped: list[Waiting] = []
        for one in found:
            try:
                opened.ledger.by_hand.drop(one, actor=_commands.person(), now=_commands.clock.now().timestamp())
                dropped.append(one)
            except LedgerError as exc:  # noqa: PERF203 - one that cannot go does not keep the others
                kept.append(exc)
        _done(opened, "dropped", dropped)
        for refused in kept:
            opened.screen.problem(refused)
    return ExitCode.STOPPED if kept else ExitCode.OK


# ---------------------------------------------------------------------- which, and what was done


def chosen(opened: Reading, records: Sequence[str], flow: str | None, *, every: bool) -> list[Waiting]:
    """
    Return the parked records that were named.

    Raises:
        ConfigurationError: Nothing was named, or nothing is parked under a name.
    """
    if flow is not None:
        opened.check_flows([flow])
    by_hand = opened.ledger.by_hand
    if every:
        return by_hand.parked(flow=flow)
    if not records:
        msg = "no record is named"
        raise ConfigurationError(msg, hint="name one as 'periferia-link parked list' shows it, or give --all")
    found: list[Waiting] = []
    for record in records:
        hits = by_hand.parked(record, flow=flow)
        if not hits:
            msg = f"nothing is parked under the name {record}"
            raise ConfigurationError(msg, hint="'periferia-link parked list --each' shows every name")
        found += [one for one in hits if one not in found]
    return found


def _done(opened: Reading, what: str, found: Sequence[Waiting]) -> None:
    screen = opened.screen
    if screen.is_silent:
        screen.json({what: [{"flow": one.row.flow, "key": one.row.key} for one in found]})
    screen.line(screen.words(f"parked.{what}", n=len(found)))
    warn_of_runners(opened, found)


def warn_of_runners(opened: Reading, found: Sequence[Waiting]) -> None:
    """Say which flows are running right now: they have read already what counts for them."""
    now = _commands.clock.now().timestamp()
    held = {lease.flow for lease in opened.ledger.leases.held() if lease.expires > now}
    for name in dict.fromkeys(one.row.flow for one in found):
        if name in held:
            opened.screen.line(opened.screen.words("parked.held", flow=name))


# ---------------------------------------------------------------------- one record


def values_of(one: Waiting) -> dict[str, str]:
    """Return what would be written, as text; personal fields are named only."""
    try:
        held = json.loads(one.body or b"{}")
    except ValueError:
        return {}
    personal = KINDS[one.kind].personal_fields if one.kind in KINDS else frozenset()
    if not isinstance(held, dict):
        return {}
    told = {name: value for name, value in held.items() if value not in (None, "", [], {})}
    return {
        name: "…" if name in personal else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in sorted(told.items())
    }


def _show(opened: Reading, one: Waiting) -> None:
    screen, words, row = opened.screen, opened.screen.words, one.row
    assert isinstance(row, Parked)  # noqa: S101 - what is parked
    now = _commands.clock.now().timestamp()
    zone = opened.settings.company.tzinfo
    name = str(one.source) if one.source else readable_key(row.key)
    facts: list[tuple[str, Any]] = [
        (words("parked.flow"), row.flow),
        (words("parked.record"), name),
        (words("parked.reason"), words.sentence(row.reason)),
        (words("parked.error"), row.error),
        (words("parked.since"), f"{moment(row.since, zone)} ({ago(words, row.since, now)})"),
        (words("parked.attempts"), row.attempts),
        (words("parked.again"), _again(opened, row, now)),
    ]
    if one.operation == AMBIGUOUS:
        at = moment(one.not_before or now, zone)
        facts.append((words("parked.write"), words("parked.write.sent", at=at)))
    elif one.operation == HELD:
        facts.append((words("parked.write"), words("parked.write.held")))
    values = values_of(one)
    if values:
        facts.append((words("parked.values"), ", ".join(f"{key} {value}" for key, value in values.items())))
    if row.next_step:
        facts.append((words("parked.next"), words.sentence(row.next_step)))
    screen.line(name, style="bold")
    screen.facts([fact for fact in facts if fact[0] != words("parked.record")])


def _again(opened: Reading, row: Parked, now: float) -> str:
    words = opened.screen.words
    if row.retry_at is None or row.retry_at <= now:
        return words("parked.again.now")
    if row.retry_at - now > _NEVER:
        return words("parked.again.person")
    return words("parked.again.from", at=moment(row.retry_at, opened.settings.company.tzinfo))


def _as_json(one: Waiting) -> dict[str, Any]:
    row = one.row
    assert isinstance(row, Parked)  # noqa: S101 - what is parked
    return {
        **row._asdict(),
        "record": str(one.source) if one.source else None,
        "since_utc": iso(row.since),
        "retry_at_utc": iso(row.retry_at) if row.retry_at is not None and row.retry_at < _NEVER * 100 else None,
        "operation": {AMBIGUOUS: "sent, fate unknown", HELD: "waits for approval"}.get(one.operation or 0),
        "values": values_of(one),
    }
