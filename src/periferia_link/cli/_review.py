"""``periferia-link review list|accept|reject``: questions that only a person answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from periferia_link.cli._parked import TEXTS as PARKED
from periferia_link.cli._parked import warn_of_runners
from periferia_link.cli._times import ago, iso
from periferia_link.cli._words import Texts
from periferia_link.errors import ConfigurationError
from periferia_link.ledger import Review, Waiting

__all__ = ["GROUP", "PLACE", "TEXTS", "register"]

PLACE = 80
TEXTS: Texts = {
    **PARKED,
    "help.review": (
        "Muestra y contesta las preguntas que solo una persona puede contestar.",
        "Show and answer the questions that only a person can answer.",
    ),
    "help.review.list": (
        "Muestra cada pregunta, sus candidatos y cómo contestarla.",
        "Show each question, its candidates and how to answer it.",
    ),
    "help.review.accept": (
        "Acepta: enlaza con el candidato, o escribe el registro como está.",
        "Accept: link it to the candidate, or write the record as it is.",
    ),
    "help.review.reject": (
        "Rechaza: el registro se queda fuera, y no se pregunta de nuevo.",
        "Reject: the record stays out, and nobody is asked again.",
    ),
    "help.link": ("Es este registro del otro lado.", "It is this record of the other side."),
    "help.create": (
        "No es ninguno de los candidatos: crea uno propio.",
        "It is none of the candidates: create its own.",
    ),
    "help.rejected": ("También las que ya se rechazaron.", "Those that were rejected, too."),
    "review.none": ("Ninguna pregunta está abierta.", "No question is open."),
    "review.question": ("pregunta", "question"),
    "review.candidate": ("candidato", "candidate"),
    "review.is": ("enlazado con", "linked to"),
    "review.verdict": ("contestada", "answered"),
    "review.since": ("desde", "since"),
    "review.answer": ("responder", "answer"),
    "review.or": ("o", "or"),
    "review.linked": ("{record} se enlazará con {target}.", "{record} will be linked to {target}."),
    "review.created": ("{record} se escribirá como está.", "{record} will be written as it is."),
    "review.rejected": ("{record} se quedará fuera.", "{record} will stay out."),
    "review.run": (
        "La próxima corrida lo hace: periferia-link run {flow}",
        "The next run does it: periferia-link run {flow}",
    ),
    "verdict.ignore": ("rechazada", "rejected"),
    "verdict.create": ("se escribe como está", "written as it is"),
    "verdict.link": ("se enlaza con {target}", "linked to {target}"),
}
_HELP = help_words(TEXTS)

GROUP = typer.Typer(cls=ListFirst, add_completion=False, rich_markup_mode=None)

_Records = Annotated[list[str], typer.Argument(metavar="RECORD", help=_HELP("help.record"), show_default=False)]
_OfFlow = Annotated[str | None, typer.Option("--flow", metavar="FLOW", help=_HELP("help.of_flow"))]


def register(app: typer.Typer) -> None:
    """Bring the commands."""
    app.add_typer(GROUP, name="review", help=_HELP("help.review"))


@GROUP.command("list", help=_HELP("help.review.list"))
@ends_well
def list_reviews(
    *,
    flows: Flows = None,
    rejected: Annotated[bool, typer.Option("--rejected", help=_HELP("help.rejected"))] = False,
    as_json: AsJson = False,
    config: Config = CONFIG,
    lang: Lang = None,
) -> ExitCode:
    with reading(config, lang, is_silent=as_json, texts=TEXTS) as opened:
        opened.check_flows(flows or ())
        names: list[str | None] = [*(flows or ())] or [None]
        found = [one for name in names for one in opened.ledger.by_hand.reviews(flow=name, with_decided=rejected)]
        if as_json:
            opened.screen.json({"review": [_as_json(one) for one in found]})
        for place, one in enumerate(found):
            if place:
                opened.screen.line()
            _show(opened, one)
        if not found:
            opened.screen.line(opened.screen.words("review.none"))
    return ExitCode.WAITING if any(one.verdict is None for one in found) else ExitCode.OK


@GROUP.command(help=_HELP("help.review.accept"))
@ends_well
def accept(
    *,
    records: _Records,
    link: Annotated[str | None, typer.Option("--link", metavar="ID", help=_HELP("help.link"))] = None,
    create: Annotated[bool, typer.Option("--create", help=_HELP("help.create"))] = False,
    flow: _OfFlow = None,
    as_json: AsJson = False,
    config: Config = CONFIG,
    lang: Lang = None,
) -> ExitCode:
    def decide(opened: Reading, one: Waiting) -> str:
        now = _commands.clock.now().timestamp()
        return opened.ledger.by_hand.accept(one, actor=_commands.person(), now=now, link=link, create=create)

    with reading(config, lang, is_silent=as_json, texts=TEXTS) as opened:
        return _answer(opened, records, flow, decide)


@GROUP.command(help=_HELP("help.review.reject"))
@ends_well
def reject(
    *, records: _Records, flow: _OfFlow = None, as_json: AsJson = False, config: Config = CONFIG, lang: Lang = None
) -> ExitCode:
    def decide(opened: Reading, one: Waiting) -> str:
        opened.ledger.by_hand.reject(one, actor=_commands.person(), now=_commands.clock.now().timestamp())
        return "ignore"

    with reading(config, lang, is_silent=as_json, texts=TEXTS) as opened:
        return _answer(opened, records, flow, decide)


def _answer(
    opened: Reading, records: Sequence[str], flow: str | None, decide: Callable[[Reading, Waiting], str]
) -> ExitCode:
    found = _chosen(opened, records, flow)
    decided = [(one, decide(opened, one)) for one in found]
    screen, words = opened.screen, opened.screen.words
    if screen.is_silent:
        screen.json({"decided": [{"flow": o.row.flow, "key": o.row.key, "verdict": verdict} for o, verdict in decided]})
    for one, verdict in decided:
        name, target = _name(one), verdict.partition(":")[2]
        if target:
            screen.line(words("review.linked", record=name, target=f"{one.kind} {target}"))
        else:
            screen.line(words("review.rejected" if verdict == "ignore" else "review.created", record=name))
    for name in dict.fromkeys(one.row.flow for one in found):
        screen.line(words("review.run", flow=name))
    warn_of_runners(opened, found)
    return ExitCode.OK


def _chosen(opened: Reading, records: Sequence[str], flow: str | None) -> list[Waiting]:
    """Return the records that were named; one that was answered before may be answered anew."""
    if flow is not None:
        opened.check_flows([flow])
    found: list[Waiting] = []
    for record in records:
        hits = opened.ledger.by_hand.reviews(record, flow=flow, with_decided=True)
        if not hits:
            msg = f"no question is open about {record}"
            raise ConfigurationError(msg, hint="'periferia-link review list' shows them")
        if len({one.row.flow for one in hits}) > 1:
            msg = f"several flows ask about {record}: {', '.join(sorted({one.row.flow for one in hits}))}"
            raise ConfigurationError(msg, hint="say which one with --flow")
        found += hits
    return found


# ---------------------------------------------------------------------- one question


def _name(one: Waiting) -> str:
    return str(one.source) if one.source else one.row.key


def _show(opened: Reading, one: Waiting) -> None:
    screen, words, row = opened.screen, opened.screen.words, one.row
    assert isinstance(row, Review)  # noqa: S101 - what is in review
    now = _commands.clock.now().timestamp()
    facts: list[tuple[str, Any]] = [
        (words("parked.flow"), row.flow),
        (words("review.question"), words.sentence(row.reason)),
        (words("review.since"), ago(words, row.since, now)),
    ]
    called = opened.ledger.by_hand.described(one)
    for candidate in row.candidates:
        name = f" «{called[candidate]}»" if called[candidate] else ""
        facts.append((words("review.candidate"), f"{one.kind} {candidate}{name}"))
    if one.target is not None:
        facts.append((words("review.is"), str(one.target)))
    if one.verdict is not None:
        kind, _, target = one.verdict.partition(":")
        facts.append((words("review.verdict"), words(f"verdict.{kind}", target=target)))
    screen.line(_name(one), style="bold")
    screen.facts(facts)
    for command in _answers(one):
        screen.line(f"periferia-link review {command}", indent=4)


def _answers(one: Waiting) -> list[str]:
    """Return the answers that make sense, as they are typed."""
    assert isinstance(one.row, Review)  # noqa: S101 - what is in review
    name, candidates = _name(one), one.row.candidates
    if one.target is not None or not candidates:
        return [f"accept {name}", f"reject {name}"]
    links = [f"accept {name} --link {candidate}" for candidate in candidates[:3]]
    return [*links, f"accept {name} --create", f"reject {name}"]


def _as_json(one: Waiting) -> dict[str, Any]:
    row = one.row
    assert isinstance(row, Review)  # noqa: S101 - what is in review
    return {
        **row._asdict(),
        "record": _name(one),
        "since_utc": iso(row.since),
        "target": str(one.target) if one.target else None,
    }
