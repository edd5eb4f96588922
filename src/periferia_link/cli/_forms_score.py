"""``periferia-link forms score FILE``: NPS, CSAT and CES of an export, how far they can be trusted, and the trend."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from periferia_link.cli._commands import AsJson, Lang, ends_well, help_words, new_screen
from periferia_link.cli._exit_codes import ExitCode
from periferia_link.cli._forms import GROUP
from periferia_link.cli._screens import Screen
from periferia_link.cli._words import Texts
from periferia_link.connectors.forms import ExportFile, FormMapping, load_mapping
from periferia_link.connectors.forms.measured import MeasuredAnswer, measured_answers
from periferia_link.scores import UNRELIABLE_WEIGHT, Answered, Change, Estimate, Given, judgements, scorecard_of

__all__ = ["PLACE", "TEXTS", "register"]

PLACE = 121

TEXTS: Texts = {
    "help.forms.score": (
        "Calcula NPS, CSAT y CES de una exportación, con intervalos, respuestas dudosas y la ola anterior.",
        "Work out NPS, CSAT and CES of an export, with intervals, doubtful answers and the wave before.",
    ),
    "help.score.file": ("La exportación de Forms.", "The export of Forms."),
    "help.score.mapping": ("El mapeo del formulario.", "The mapping of the form."),
    "help.score.previous": ("La exportación de la ola anterior.", "The export of the wave before."),
    "help.score.population": ("A cuántas personas se preguntó.", "How many people were asked."),
    "help.score.sheet": ("Hoja del libro.", "Sheet of the workbook."),
    "score.answers": ("respuestas", "answers"),
    "score.unreliable": ("no confiables", "unreliable"),
    "score.kept": ("{number}; cuentan, y se muestra sin ellas", "{number}; they count, and it is shown without them"),
    "score.flags": ("señales", "flags"),
    "score.unread": ("fuera de su escala", "not on their scale"),
    "score.measure": ("medida", "measure"),
    "score.n": ("n", "n"),
    "score.value": ("resultado", "score"),
    "score.interval": ("intervalo del 95 %", "95 % interval"),
    "score.reliable": ("sin las no confiables", "without the unreliable"),
    "score.weighted": ("ponderado", "weighted"),
    "score.change": ("desde la ola anterior", "since the wave before"),
    "score.more": ("{by} (p {p}), más que azar", "{by} (p {p}), more than chance"),
    "score.chance": ("{by} (p {p}), puede ser azar", "{by} (p {p}), may be chance"),
    "score.none": ("Ninguna respuesta tiene NPS, CSAT o CES.", "No answer has an NPS, a CSAT or a CES."),
    "flag.fast": ("rápida", "fast"),
    "flag.very-fast": ("muy rápida", "very fast"),
    "flag.straight-line": ("línea recta", "straight line"),
    "flag.contradiction": ("contradicción", "contradiction"),
    "flag.duplicate": ("repetida", "duplicate"),
    "flag.gibberish": ("texto sin sentido", "gibberish"),
}
_HELP = help_words(TEXTS)


class _Wave(NamedTuple):
    answers: list[Answered]
    flags: Counter[str]
    unread: int

    @property
    def unreliable(self) -> int:
        return sum(not answer.is_reliable for answer in self.answers)


def register(app: typer.Typer) -> None:
    """Bring the command; its group is brought by ``forms inspect``."""
    del app
    GROUP.command(help=_HELP("help.forms.score"))(score)


@ends_well
def score(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help=_HELP("help.score.file"))],
    mapping: Annotated[Path, typer.Option("--mapping", "-m", metavar="FILE", help=_HELP("help.score.mapping"))],
    previous: Annotated[
        Path | None, typer.Option("--previous", metavar="FILE", help=_HELP("help.score.previous"))
    ] = None,
    population: Annotated[
        int | None, typer.Option("--population", metavar="N", min=1, help=_HELP("help.score.population"))
    ] = None,
    sheet: Annotated[str | None, typer.Option("--sheet", metavar="NAME", help=_HELP("help.score.sheet"))] = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> ExitCode:
    screen = new_screen(lang, is_silent=as_json, texts=TEXTS)
    told = load_mapping(mapping)
    wave = _read(file, told, sheet)
    before = _read(previous, told, sheet).answers if previous is not None else []
    scores = scorecard_of(wave.answers, previous=before, population=population)
    if as_json:
        measures = {name: one.to_dict() for name, one in scores.items()}
        facts = {"answers": len(wave.answers), "unreliable": wave.unreliable, "unread": wave.unread}
        screen.json({**facts, "flags": dict(wave.flags), "scores": measures})
        return ExitCode.OK
    _facts(screen, wave)
    if not scores:
        screen.line(screen.words("score.none"))
        return ExitCode.OK
    columns = ["measure", "n", "value", "interval", "reliable", "weighted", *(["change"] if before else [])]
    rows = []
    for name, one in scores.items():
        row = [name.upper(), one.everybody.n, _shown(one.everybody), _interval(one.everybody)]
        row += [f"{_shown(one.reliable)} (n = {one.reliable.n})" if one.reliable else "-", _shown(one.weighted)]
        rows.append([*row, *([_moved(screen, one.change)] if before else [])])
    screen.table([screen.words(f"score.{name}") for name in columns], rows, texts=len(columns))
    return ExitCode.OK


def _read(file: Path, mapping: FormMapping, sheet: str | None) -> _Wave:
    """Read and judge one wave; no survey is made of its answers."""
    found = list(measured_answers(ExportFile(file, sheet=sheet), mapping))
    judged = list(judgements([_given(one) for one in found]))
    answers = [
        Answered(one.scores, len(flags) < 2, 1.0 if len(flags) < 2 else float(UNRELIABLE_WEIGHT))
        for one, flags in zip(found, judged, strict=True)
    ]
    counted = Counter(flag for flags in judged for flag in flags)
    return _Wave(answers, counted, sum(one.unread for one in found))


def _given(one: MeasuredAnswer) -> Given:
    return Given(
        who=one.who.casefold() if one.who else None,
        at=one.at,
        seconds=one.seconds,
        items=one.items,
        values=one.values,
        opposite=one.opposite,
        nps=one.scores.get("nps"),
        csat=one.scores.get("csat"),
        texts=one.texts,
        content=one.content,
    )


def _facts(screen: Screen, wave: _Wave) -> None:
    words = screen.words
    rows: list[tuple[str, object]] = [(words("score.answers"), len(wave.answers))]
    rows.append((words("score.unreliable"), words("score.kept", number=wave.unreliable) if wave.unreliable else 0))
    if wave.flags:
        told = (f"{words(f'flag.{flag}')} {number}" for flag, number in wave.flags.most_common())
        rows.append((words("score.flags"), ", ".join(told)))
    if wave.unread:
        rows.append((words("score.unread"), wave.unread))
    screen.facts(rows)
    screen.line()


def _shown(one: Estimate | None) -> str:
    return "-" if one is None else f"{one.value:+.1f}" if one.measure == "nps" else f"{one.value:.1f}{_unit(one)}"


def _unit(one: Estimate) -> str:
    return " %" if one.measure == "csat" else ""


def _interval(one: Estimate) -> str:
    sign = "+" if one.measure == "nps" else ""
    return f"{one.low:{sign}.1f} … {one.high:{sign}.1f}{_unit(one)}"


def _moved(screen: Screen, change: Change | None) -> str:
    if change is None:
        return "-"
    word = "score.more" if change.is_significant else "score.chance"
    return screen.words(
        word, by=f"{change.difference:+.1f}", p="< 0.01" if change.p_value < 0.01 else f"= {change.p_value:.2f}"
    )
