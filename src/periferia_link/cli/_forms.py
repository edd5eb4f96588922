"""``periferia-link forms inspect FILE``: what an export of Microsoft Forms holds, and a mapping to begin with."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Annotated

import typer

from periferia_link.cli._commands import AsJson, Lang, ends_well, help_words, new_screen
from periferia_link.cli._exit_codes import ExitCode
from periferia_link.cli._screens import Screen
from periferia_link.cli._words import Texts
from periferia_link.connectors.forms import mapping_text
from periferia_link.connectors.forms.proposal import Inspection, inspect_export
from periferia_link.errors import ConfigurationError

__all__ = ["GROUP", "PLACE", "TEXTS", "register"]

PLACE = 120

TEXTS: Texts = {
    "help.forms": (
        "Encuestas de Microsoft Forms: mira una exportación y propone qué pregunta es qué.",
        "Surveys of Microsoft Forms: looks at an export and proposes which question is what.",
    ),
    "help.forms.inspect": (
        "Muestra las preguntas de una exportación (.xlsx o .csv), lo que se reconoció, y un mapeo para empezar.",
        "Show the questions of an export (.xlsx or .csv), what was recognised, and a mapping to begin with.",
    ),
    "help.forms.file": ("La exportación de Forms.", "The export of Forms."),
    "help.forms.form": (
        "Nombre del formulario; el del archivo sin ella.",
        "Name of the form; that of the file without.",
    ),
    "help.forms.zone": ("Zona horaria de sus horas.", "Time zone of its times."),
    "help.forms.sheet": ("Hoja del libro.", "Sheet of the workbook."),
    "help.forms.output": ("Escribe el mapeo en un archivo nuevo.", "Write the mapping to a new file."),
    "forms.file": ("archivo", "file"),
    "forms.rows": ("respuestas", "answers"),
    "forms.anonymous": ("anónimas", "anonymous"),
    "forms.dates": ("fechas", "dates"),
    "forms.zone": ("zona horaria", "time zone"),
    "forms.language": ("encabezados", "headers"),
    "forms.language.es": ("español", "Spanish"),
    "forms.language.en": ("inglés", "English"),
    "forms.quiz": ("cuestionario con puntos", "quiz with points"),
    "forms.day": ("día primero", "day first"),
    "forms.month": ("mes primero", "month first"),
    "forms.why.set": ("así está dicho", "as it is set"),
    "forms.why.seen": ("lo muestra el archivo", "the file shows it"),
    "forms.why.order": ("lo muestra el orden de las respuestas", "the order of the answers shows it"),
    "forms.why.language": ("SUPUESTO por el idioma de los encabezados", "ASSUMED from the language of the headers"),
    "forms.why.unneeded": ("no hay fechas ambiguas", "no date is ambiguous"),
    "forms.question": ("pregunta", "question"),
    "forms.role": ("uso", "role"),
    "forms.how": ("se reconoció por", "recognised by"),
    "forms.answered": ("con respuesta", "answered"),
    "forms.mapping": ("Mapeo propuesto", "Proposed mapping"),
    "forms.written": ("El mapeo quedó en {path}.", "The mapping is in {path}."),
    "forms.next": (
        "Revíselo, guárdelo como .toml y nómbrelo en [systems.NOMBRE.options] mapping.",
        "Check it, save it as .toml and name it in [systems.NAME.options] mapping.",
    ),
    "note.ambiguous-dates": (
        "Las fechas son ambiguas: confirme day_first en el mapeo.",
        "The dates are ambiguous: confirm day_first in the mapping.",
    ),
    "note.no-score": (
        "Ninguna pregunta se reconoció como NPS, CSAT o CES: dé su uso y su escala en el mapeo.",
        "No question was recognised as NPS, CSAT or CES: give its role and scale in the mapping.",
    ),
    "note.nobody-named": (
        "Las respuestas son anónimas y ninguna pregunta nombra al cliente: todas irán a revisión.",
        "The answers are anonymous and no question names the client: all of them will go to review.",
    ),
    "how.title": ("el título", "its title"),
    "how.choices": ("opciones", "choices"),
    "how.few words": ("pocas palabras distintas", "few different words"),
    "how.long texts": ("textos largos", "long texts"),
    "how.texts": ("textos", "texts"),
    "how.no answers": ("sin respuestas", "no answers"),
    "how.numbers": ("números de {low} a {high}", "numbers from {low} to {high}"),
    "how.words": ("palabras: {family}", "words: {family}"),
    "family.satisfaction": ("satisfacción", "satisfaction"),
    "family.agreement": ("acuerdo", "agreement"),
    "family.agreement-7": ("acuerdo, 7 niveles", "agreement, 7 levels"),
    "family.quality": ("calidad", "quality"),
    "family.ease": ("facilidad", "ease"),
    "family.expectation": ("expectativas", "expectations"),
    "family.likelihood": ("probabilidad", "likelihood"),
    "family.frequency": ("frecuencia", "frequency"),
    "role.nps": ("NPS", "NPS"),
    "role.csat": ("CSAT", "CSAT"),
    "role.ces": ("CES", "CES"),
    "role.rating": ("calificación", "rating"),
    "role.comment": ("comentario", "comment"),
    "role.text": ("texto", "text"),
    "role.choice": ("opciones", "choice"),
    "role.client": ("cliente", "client"),
    "role.contact": ("contacto", "contact"),
    "role.email": ("correo", "e-mail"),
    "role.name": ("nombre", "name"),
    "role.ticket": ("ticket", "ticket"),
    "role.project": ("proyecto", "project"),
    "role.ignore": ("se omite", "left out"),
}
_HELP = help_words(TEXTS)

GROUP = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Bring the commands."""
    app.add_typer(GROUP, name="forms", help=_HELP("help.forms"))


@GROUP.callback()
def _group() -> None:
    """Keep ``inspect`` a command of its own: a group of one would be that one."""


@GROUP.command(help=_HELP("help.forms.inspect"))
@ends_well
def inspect(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help=_HELP("help.forms.file"))],
    form: Annotated[str | None, typer.Option("--form", metavar="NAME", help=_HELP("help.forms.form"))] = None,
    zone: Annotated[str, typer.Option("--zone", metavar="ZONE", help=_HELP("help.forms.zone"))] = "America/Bogota",
    sheet: Annotated[str | None, typer.Option("--sheet", metavar="NAME", help=_HELP("help.forms.sheet"))] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help=_HELP("help.forms.output"))
    ] = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> ExitCode:
    screen = new_screen(lang, is_silent=as_json, texts=TEXTS)
    name = form or re.sub(r"[^a-z0-9]+", "-", _plain(file.stem)).strip("-") or "form"
    try:
        found = inspect_export(file, form=name, time_zone=zone, sheet=sheet)
    except ValueError:
        msg = f"{zone} is no time zone, or {name} is no name of a form"
        raise ConfigurationError(msg, hint="give them with --zone America/Bogota and --form NAME") from None
    if output is not None:
        _write(output, mapping_text(found.mapping))
    if as_json:
        screen.json(found.to_dict())
        return ExitCode.OK
    _facts(screen, file, zone, found)
    if output is not None:
        screen.line(screen.words("forms.written", path=output))
    else:
        screen.heading(screen.words("forms.mapping"))
        screen.art(mapping_text(found.mapping).rstrip())
        screen.line()
        screen.line(screen.words("forms.next"))
    return ExitCode.OK


def _facts(screen: Screen, file: Path, zone: str, found: Inspection) -> None:
    words = screen.words
    dates = (
        f"{words('forms.day' if found.order.day_first else 'forms.month')} ({words(f'forms.why.{found.order.why}')})"
    )
    rows: list[tuple[str, object]] = [
        (words("forms.file"), f"{file.name} ({found.format})"),
        (words("forms.language"), words(f"forms.language.{found.language}")),
        (words("forms.rows"), found.rows),
        (words("forms.anonymous"), found.anonymous),
        (words("forms.dates"), dates),
        (words("forms.zone"), zone),
    ]
    screen.facts(rows + [(words("forms.quiz"), "✓")] * found.is_quiz)
    screen.line()
    headings = [words(f"forms.{name}") for name in ("question", "role", "how", "answered")]
    table = [
        [each.title[:70], words(f"role.{each.question.role}"), _how(screen, each.how), each.answered]
        for each in found.questions
    ]
    screen.table(headings, table, texts=3)
    for note in found.notes:
        screen.line(f"! {words(f'note.{note}')}")


def _how(screen: Screen, how: str) -> str:
    kind, _, rest = how.partition(" ")
    if kind == "numbers":
        low, _, high = rest.partition("-")
        return screen.words("how.numbers", low=low, high=high)
    if kind == "words":
        return screen.words("how.words", family=screen.words(f"family.{rest}"))
    return screen.words(f"how.{how}")


def _write(output: Path, text: str) -> None:
    try:
        with output.open("x", encoding="utf-8") as target:
            target.write(text)
    except OSError as exc:
        msg = f"the mapping cannot be written to {output}: {exc.strerror}"
        raise ConfigurationError(msg, hint="name a new file in a folder that exists") from exc


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
