"""The sentences of a trace in Spanish; the library says them in English."""

from __future__ import annotations

import re

from periferia_link.cli import _reasons
from periferia_link.cli._left_out_words import DUE, REASONS

__all__ = ["in_spanish"]

_WHOLE = {
    "comes from": "viene de",
    "led to": "salió de él",
    "beside it": "al lado",
    "no gaps": "no falta nada",
    "another record writes its target": "otro registro escribe en su destino",
    "the next run looks for it": "la próxima corrida lo busca",
    "finish it in the system; the next run takes the result over": (
        "termínelo en el sistema; la próxima corrida toma el resultado"
    ),
    "run the flow that carries it, or settle it in review": "corra el flujo que lo lleva, o resuélvalo en revisión",
    "change it in its system: it is looked at again then": "cámbielo en su sistema: entonces se vuelve a mirar",
    "correct the record; it is tried again then": "corrija el registro; se intenta de nuevo",
}
_FORMS = (
    (r"gaps: (\d+)", r"falta: \1"),
    (r"… and (\d+) more records: raise the limit to see them", r"… y \1 registros más: suba el límite para verlos"),
    (r"… and (\d+) more gaps", r"… y \1 más"),
    (r"… and (\d+) more (\w+)", r"… y \1 \2 más"),
    (r"left out by flow ([^\s:]+)", r"el flujo \1 lo deja fuera"),
    (r"deleted in (\S+); what was made of it stays", r"borrado en \1; lo que se hizo de él queda"),
    (r"(\S+) is named by (\S+) and flow (\S+) has not seen it", r"\2 nombra a \1 y el flujo \3 no lo ha visto"),
)
_MISSING = (
    ("is qualified and its opportunity is not linked", "está calificado y su oportunidad no está enlazada"),
    ("is won and no project is linked", "está ganada y no tiene proyecto"),
    ("is approved and no posting holds it", "está aprobado y ningún asiento lo contiene"),
    ("is not linked to a client on the other side", "no está enlazado con un cliente del otro lado"),
    ("is not linked to a ticket on the other side", "no está enlazado con un caso del otro lado"),
    (
        "changed after it was posted, and the difference is not posted yet",
        "cambió después del asiento, y falta contabilizar la diferencia",
    ),
    (r"has no (\w+) that flow (\S+) makes of it", r"no tiene el \1 que el flujo \2 hace de él"),
    (
        r"is linked to (\S+), and its last change is not there yet",
        r"está enlazado con \1, y su último cambio no ha llegado",
    ),
)
_WHY = (
    ("it was sent and its fate is not known yet", "se envió y no se sabe aún qué pasó"),
    ("it was let go by hand", "se soltó a mano"),
    ("it waits for approval there", "espera aprobación allá"),
    ("it is planned and not sent yet", "está planeado y no se ha enviado"),
    (r"it waits until (.+) is linked", r"espera a que se enlace \1"),
)


def in_spanish(sentence: str) -> str:
    """Return a sentence of a trace in Spanish; one that is not known stays as it is."""
    if sentence in _WHOLE:
        return _WHOLE[sentence]
    for pattern, spanish in _FORMS:
        found = re.fullmatch(pattern, sentence)
        if found:
            return found.expand(spanish)
    reason, _, due = sentence.rpartition(": ")
    if due in DUE:
        return f"{_why(reason)}: {DUE[due]}" if reason else DUE[due]
    by_flow = re.fullmatch(r"left out by flow ([^\s:]+): (.+)", sentence)
    if by_flow:
        return f"el flujo {by_flow[1]} lo deja fuera: {_why(by_flow[2])}"
    for pattern, spanish in _MISSING:
        found = re.fullmatch(rf"(?P<ref>\S+) {pattern}(?:: (?P<why>.+))?", sentence)
        if found:
            said = re.sub(pattern, spanish, re.search(pattern, sentence)[0])  # type: ignore[index]  # it just matched
            return f"{found['ref']} {said}" + (f": {_why(found['why'])}" if found["why"] else "")
    if "; " in sentence:
        return "; ".join(map(in_spanish, sentence.split("; ")))
    return _reasons.in_spanish(sentence)


def _why(reason: str) -> str:
    for pattern, spanish in (*_WHY, *REASONS):
        found = re.fullmatch(pattern, reason)
        if found:
            return found.expand(spanish)
    return _reasons.in_spanish(reason)
