"""Reasons of a priority in Spanish and English."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

__all__ = ["Fact", "sentence"]

Language = Literal["es", "en"]

_FEW = {
    "en": ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    "es": ("ninguna", "una", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez"),
}
_PRIORITY = {
    "en": {"critical": "critical", "high": "high", "normal": "normal", "low": "low"},
    "es": {"critical": "crítica", "high": "alta", "normal": "normal", "low": "baja"},
}
_ONE_MANY = {
    "breaches": {
        "en": ("{n} breach", "{n} breaches"),
        "es": ("un incumplimiento", "{n} incumplimientos"),
    },
    "overdue": {"en": ("{n} overdue PQR", "{n} overdue PQRs"), "es": ("{n} PQR vencida", "{n} PQR vencidas")},
    "pqrs": {"en": ("{n} open PQR", "{n} open PQRs"), "es": ("{n} PQR abierta", "{n} PQR abiertas")},
    "opportunities": {
        "en": ("{n} open opportunity", "{n} open opportunities"),
        "es": ("{n} oportunidad abierta", "{n} oportunidades abiertas"),
    },
}
_PLAIN = {
    "tier": {"en": "tier {x}", "es": "nivel {x}"},
    "value": {"en": "value {x}", "es": "valor {x}"},
    "open_value": {"en": "{x} in open opportunities", "es": "{x} en oportunidades abiertas"},
    "satisfaction": {"en": "satisfaction {x} of 100", "es": "satisfacción {x} de 100"},
}


class Fact(NamedTuple):
    """What counted: its name, and the value that is said."""

    name: str
    value: Any

    def words(self, language: Language) -> str:
        """Say it in a few words."""
        if self.name == "renewal":
            return _renewal(language, int(self.value))
        if self.name in _ONE_MANY:
            number = int(self.value)
            one, many = _ONE_MANY[self.name][language]
            word = _FEW[language][number] if number < len(_FEW[language]) else str(number)
            return (one if number == 1 else many).format(n=word)
        return _PLAIN[self.name][language].format(x=self.value)


def _renewal(language: Language, days: int) -> str:
    if days == 0:
        return "renewal today" if language == "en" else "renovación hoy"
    if days == 1:
        return "renewal tomorrow" if language == "en" else "renovación mañana"
    return f"renewal in {days} days" if language == "en" else f"renovación en {days} días"


def sentence(language: Language, was: str | None, now: str | None, facts: Sequence[Fact]) -> str:
    """Say what changed and why."""
    reasons = [fact.words(language) for fact in facts]
    union = " and " if language == "en" else " y "
    why = union.join(filter(None, [", ".join(reasons[:-1]), *reasons[-1:]]))
    names = _PRIORITY[language]
    if now is None:
        head = "no priority by rule" if language == "en" else "sin prioridad por regla"
        return f"{head}: {why}" if why else head
    if was == now:
        head = f"stays {names[now]}" if language == "en" else f"sigue {names[now]}"
        return f"{head}: {why}" if why else head
    begin = "" if was is None else (f" from {names[was]}" if language == "en" else f" de {names[was]}")
    if language == "en":
        return f"raised{begin} to {names[now]} because {why}"
    return f"subida{begin} a {names[now]} por {why}"
