"""Reasons and next steps in Spanish: the library says them in English, one sentence for every program and every log."""

from __future__ import annotations

import re
from collections.abc import Sequence

from periferia_link.cli._cost_words import COSTS
from periferia_link.cli._problems import PROBLEMS

__all__ = ["in_spanish"]

_SENTENCES: Sequence[tuple[str, str]] = (
    # identity
    (r"tax id:? the check digit should be (\w)", r"el dígito de verificación del NIT debería ser \1"),
    (r"(\d+) records on the other side have the same (.+)", r"\1 registros del otro lado tienen el mismo \2"),
    (r"(\S+) already is (\S+), and has the same (.+)", r"\1 ya es \2, y tiene el mismo \3"),
    (r"same (.+), and no id that proves it", r"mismo \1, y ningún documento que lo pruebe"),
    (r"no (\w+) of (\S+) has its (.+)", r"en \2 no hay \1 con el mismo \3"),
    (r"it has nothing to be recognised by", "no tiene con qué reconocerlo"),
    (r"add it in (\S+) or correct its keys; it is tried again then", r"agréguelo en \1 o corríjalo; se reintenta"),
    # tickets
    (r"the ticket names no client", "el tiquete no nombra un cliente"),
    (
        r"what the ticket says about its client is no valid tax id",
        "lo que el tiquete dice de su cliente no es un NIT válido",
    ),
    (
        r"(?:choose|name|correct) the client in the help desk; the ticket is tried again then",
        "elija el cliente en la mesa de ayuda; el tiquete se intenta de nuevo",
    ),
    # surveys and delivery
    (r"the answer is anonymous: nothing says whose it is", "la respuesta es anónima: nada dice de quién es"),
    (
        r"no client of the CRM has what the form says of the client",
        "ningún cliente del CRM es el que dice el formulario",
    ),
    (
        r"(\d+) clients of the CRM have what the form says of the client",
        r"\1 clientes del CRM son el que dice el formulario",
    ),
    (
        r"the form names one client, and the e-mail belongs to a contact of another",
        "el formulario nombra un cliente y el correo es de un contacto de otro",
    ),
    (r"contacts of (\d+) clients have the e-mail", r"contactos de \1 clientes tienen el correo"),
    (r"no contact of the CRM has the e-mail", "ningún contacto del CRM tiene el correo"),
    (
        r"no contact of the CRM has the e-mail, and no client has its domain",
        "ningún contacto del CRM tiene el correo, y ningún cliente su dominio",
    ),
    (
        r"no contact of the CRM has the e-mail, and (\d+) clients have its domain",
        r"ningún contacto del CRM tiene el correo, y \1 clientes tienen su dominio",
    ),
    (r"the ticket asks for work and names no project", "el tiquete pide trabajo y no nombra un proyecto"),
    (
        r"choose the project in the help desk; it is tried again then",
        "elija el proyecto en la mesa de ayuda; se intenta de nuevo",
    ),
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
    "Client": "un cliente",
    "Opportunity": "una oportunidad",
    "tax_id": "NIT",
    "tax_id or name": "NIT o nombre",
    "name": "nombre",
}


def in_spanish(sentence: str) -> str:
    """Return the sentence in Spanish; one that is not known stays as it is."""
    for pattern, spanish in (*_SENTENCES, *COSTS, *PROBLEMS):
        found = re.fullmatch(pattern, sentence)
        if found:
            values = [_WORDS.get(value, value) for value in found.groups()]
            return re.sub(r"\\(\d)", lambda place: values[int(place[1]) - 1], spanish)  # noqa: B023 - used at once
    return sentence
