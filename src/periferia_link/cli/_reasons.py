"""Reasons and next steps in Spanish: the library says them in English, one sentence for every program and every log."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["in_spanish"]

_SENTENCES: Sequence[tuple[str, str]] = (
    # identity
    (r"tax id:? the check digit should be (\w)", r"el dígito de verificación del NIT debería ser \1"),
    (r"(\d+) records on the other side have the same (.+)", r"\1 registros del otro lado tienen el mismo \2"),
    (r"(\S+) already is (\S+), and has the same (.+)", r"\1 ya es \2, y tiene el mismo \3"),
    (r"same (.+), and no id that proves it", r"mismo \1, y ningún documento que lo pruebe"),
    # hours and costs
    (r"no (.+) (\S+) in (\S+)", r"no hay \1 \2 en \3"),
    (r"add it in (\S+); the record is tried again then", r"agréguelo en \1; el registro se intenta de nuevo"),
    (r"employee (\S+) has no cost rate valid on (\S+)", r"el empleado \1 no tiene tarifa vigente el \2"),
    (r"add the rate in the ERP; the entry is tried again then", "agregue la tarifa en el ERP; se intenta de nuevo"),
    (r"cost centre (\S+) has no distribution rule", r"el centro de costo \1 no tiene regla de distribución"),
    (r"create the rule in the ERP; the posting is tried again then", "cree la regla en el ERP; se intenta de nuevo"),
    (r"the time entry names no project", "el registro de tiempo no nombra un proyecto"),
    (r"choose the project in the help desk", "elija el proyecto en la mesa de ayuda"),
    (
        r"neither the time entry nor the employee names a cost centre",
        "ni el registro de tiempo ni el empleado nombran un centro de costo",
    ),
    (r"set the cost centre of employee (\S+) in the ERP", r"asigne el centro de costo del empleado \1 en el ERP"),
    # values
    (r"(\w+) has (\d+) characters, SAP keeps (\d+)", r"\1 tiene \2 caracteres, SAP guarda \3"),
    (r"shorten it in the source system", "acórtelo en el sistema de origen"),
    (
        r"(\w+) holds a line break or another control character",
        r"\1 contiene un salto de línea u otro carácter de control",
    ),
    (r"remove it in the source system", "quítelo en el sistema de origen"),
)
_WORDS = {
    "person": "la persona",
    "employee": "el empleado",
    "cost centre": "el centro de costo",
    "project": "el proyecto",
}


def in_spanish(sentence: str) -> str:
    """Return the sentence in Spanish; one that is not known stays as it is."""
    for pattern, spanish in _SENTENCES:
        found = re.fullmatch(pattern, sentence)
        if found:
            values = [_WORDS.get(value, value) for value in found.groups()]
            return re.sub(r"\\(\d)", lambda place: values[int(place[1]) - 1], spanish)  # noqa: B023 - used at once
    return sentence
