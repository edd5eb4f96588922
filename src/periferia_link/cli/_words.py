"""What people read, in Spanish and English: ``Words("es")("run.nothing")``."""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from periferia_link.cli._reasons import in_spanish

__all__ = ["TEXTS", "Language", "Texts", "Words", "spoken_language"]

Language: TypeAlias = Literal["es", "en"]
Texts: TypeAlias = Mapping[str, tuple[str, str]]
"""Name -> (Spanish, English). ``|`` parts one from many, told by ``n``."""

TEXTS: Texts = {
    # help
    "help.app": (
        "Mantiene al día los sistemas del negocio: planea antes de escribir, escribe una sola vez, deja rastro.",
        "Keeps business systems in step: plans before it writes, writes once, leaves a trace.",
    ),
    "help.codes": (
        "Salida: 0 bien, 1 se detuvo, 2 configuración, 3 algo espera por una persona, 4 lo tiene otro proceso.",
        "Exit codes: 0 well, 1 stopped, 2 configuration, 3 something waits for a person, 4 held by another process.",
    ),
    "help.flows": ("Flujos del archivo; sin nombres, todos.", "Flows of the file; all of them without names."),
    "help.config": ("El archivo de la instalación.", "The file of the installation."),
    "help.lang": ("Idioma: es o en.", "Language: es or en."),
    "help.version": ("Muestra la versión.", "Show the version."),
    "help.json": ("Imprime un objeto JSON y nada más.", "Print one JSON object and nothing else."),
    # errors
    "error.what": ("qué pasó", "what happened"),
    "error.where": ("dónde", "where"),
    "error.next": ("qué sigue", "next step"),
    "error.done": ("Antes de detenerse:", "Before it stopped:"),
    "error.interrupted": ("interrumpido", "interrupted"),
    "error.interrupted.next": (
        "corra de nuevo: sigue donde se detuvo, y lo que ya se envió se lee de vuelta antes de repetir nada",
        "run it again: it goes on where it stopped, and what was sent is read back before anything is repeated",
    ),
    "error.unexpected": ("error inesperado: {kind}", "unexpected error: {kind}"),
    "error.unexpected.next": (
        "es un defecto del programa: repórtelo con el detalle que da PERIFERIA_LINK_DEBUG=1",
        "this is a defect of the program: report it with the detail that PERIFERIA_LINK_DEBUG=1 shows",
    ),
    # reports
    "report.flow": ("flujo", "flow"),
    "report.created": ("creados", "created"),
    "report.updated": ("cambiados", "updated"),
    "report.deleted": ("borrados", "deleted"),
    "report.unchanged": ("iguales", "unchanged"),
    "report.adopted": ("enlazados", "adopted"),
    "report.parked": ("apartados", "parked"),
    "report.review": ("por revisar", "review"),
    "report.waiting": ("en espera", "waiting"),
    "report.skipped": ("no aplican", "skipped"),
    "report.refused": ("cambiaron", "refused"),
    "report.unmatched": ("sin par", "unmatched"),
    "report.different": ("distintos", "different"),
    "report.more": ("… y {n} más", "… and {n} more"),
    "report.notes": ("Notas", "Notes"),
    # commands
    "plan.nothing": ("No hay nada que hacer: ambos lados coinciden.", "Nothing to do: both sides agree."),
    "plan.changes": ("{flow}: {n} cambio|{flow}: {n} cambios", "{flow}: {n} change|{flow}: {n} changes"),
    "parked.parked": ("Apartados: {n}", "Parked: {n}"),
    "parked.review": ("Por revisar: {n}", "In review: {n}"),
    "parked.reason": ("motivo", "reason"),
    "parked.next": ("qué sigue", "next step"),
    "parked.records": ("{n} registro|{n} registros", "{n} record|{n} records"),
    "parked.candidates": ("candidatos", "candidates"),
    "review.next": (
        "responda con 'periferia-link review', o corrija el dato en su sistema",
        "answer with 'periferia-link review', or correct the value in its system",
    ),
    # one change of a plan
    "mode.create": ("crear", "create"),
    "mode.update": ("cambiar", "update"),
    "mode.delete": ("borrar", "delete"),
    "mode.action": ("acción", "action"),
    # progress
    "stage.read": ("leer", "read"),
    "stage.write": ("escribir", "write"),
    "stage.adopt": ("enlazar", "adopt"),
    "stage.settle": ("aclarar", "settle"),
}

_SEPARATORS = {"es": str.maketrans(",.", ".,"), "en": {}}
_MONTHS = {
    "es": ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}


class Words:
    """
    The texts of one language.

    Args:
        language: ``es`` or ``en``.

        more: Further texts, beside those of the command line.
    """

    def __init__(self, language: Language, more: Texts | None = None) -> None:
        self.language = language
        self._texts = {**TEXTS, **(more or {})}

    def __call__(self, name: str, /, **values: Any) -> str:
        """Return the text of that name with its values filled in; numbers and days as the language writes them."""
        text = self._texts[name][0 if self.language == "es" else 1]
        if "|" in text and "n" in values:
            text = text.split("|")[0 if values["n"] == 1 else 1]
        return text.format(**{key: self.shown(value) for key, value in values.items()}) if values else text

    def spoken(self, language: Language, more: Texts | None = None) -> Words:
        """Return these words in a language, with further texts."""
        return Words(language, {**self._texts, **(more or {})})

    def sentence(self, text: str) -> str:
        """Return a sentence of the library in the language, where it is known there."""
        return in_spanish(text) if self.language == "es" else text

    def has(self, name: str) -> bool:
        """Whether there is a text of that name."""
        return name in self._texts

    def shown(self, value: Any) -> str:
        """Return a value as people of the language write it: ``1.234,50`` and ``1,234.50``."""
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, date)):
            return str(value)
        if isinstance(value, date):
            day = value.date() if isinstance(value, datetime) else value
            return f"{day.day} {_MONTHS[self.language][day.month - 1]} {day.year}"
        if isinstance(value, Decimal):
            text = f"{value:,.0f}" if value == value.to_integral_value() else f"{value:,f}"
        else:
            text = f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
        return text.translate(_SEPARATORS[self.language])


def spoken_language(asked: str | None = None, environ: Mapping[str, str] = os.environ) -> Language:
    """Return the language that was asked for, else that of the locale; English where that is neither."""
    told = [environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)]
    name = asked or (told[0] if told else locale.getlocale()[0]) or ""
    return "es" if name.lower().startswith(("es", "spanish")) else "en"
