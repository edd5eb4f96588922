"""Why a flow leaves a record out, in Spanish: what the shipped flows and the engine say when they skip one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["DUE", "REASONS"]

DUE: Mapping[str, str] = {
    "no opportunity is due": "no le corresponde oportunidad",
    "no project is due": "no le corresponde proyecto",
    "nothing is posted": "no se contabiliza",
    "nothing is made of its group": "de su grupo no sale nada",
}
"""What follows of it."""

REASONS: Sequence[tuple[str, str]] = (
    # the engine
    ("before the start date", "antes del primer día del flujo"),
    ("nothing to post", "sin nada que contabilizar"),
    ("nothing to write", "sin nada que escribir"),
    ("left out in review", "descartado en revisión"),
    ("left as it is in review", "dejado como está en revisión"),
    (r"(\S+) cannot change (\S+) records: (.+)", r"\1 no puede cambiar registros de \2: \3"),
    # sales and costs
    ("not approved", "sin aprobar"),
    ("no cost", "sin costo"),
    ("not billable", "no facturable"),
    ("its project is not billed here", "su proyecto no se factura aquí"),
    ("no billable hours", "sin horas facturables"),
    ("billed", "facturado"),
    ("nothing is billed", "no se factura nada"),
    ("not won", "no está ganada"),
    ("no opportunity yet", "aún sin oportunidad"),
    (r"the lead is open", "el prospecto sigue abierto"),
    (r"the lead is disqualified", "el prospecto se descartó"),
    (r"the lead is (\S+)", r"el prospecto está en \1"),
    # clients
    ("not active", "inactivo"),
    ("neither tax id nor code", "sin NIT ni código"),
    # tickets
    ("over", "terminado"),
    ("no client", "sin cliente"),
    ("urgent enough", "con la urgencia que le corresponde"),
    (r"a ticket of the type (\S+) is no case", r"un tiquete de tipo \1 no es un caso"),
    ("the help desk serves no history", "la mesa de ayuda no entrega historia"),
    # projects and delivery
    ("no code", "sin código"),
    ("no team", "sin equipo"),
    ("no number", "sin número"),
    ("no features", "sin funcionalidades"),
    ("no project", "sin proyecto"),
    ("asks for no work", "no pide trabajo"),
    ("no requirement of a ticket", "no es un requisito de un tiquete"),
    ("its state says nothing to the ticket", "su estado no dice nada al tiquete"),
    ("the ticket is over", "el tiquete terminó"),
    ("no opportunity is known for it", "no se conoce su oportunidad"),
    ("nothing is asked of it", "no se le exige nada"),
    ("nothing is missing", "no le falta nada"),
    # surveys
    ("no detractor", "no es detractor"),
    ("opened for no answer", "no se abrió por una respuesta"),
    ("its answer is not known here", "su respuesta no se conoce aquí"),
    ("the loop is open", "el ciclo sigue abierto"),
    ("no follow-up", "sin seguimiento"),
    ("nobody is asked again", "a nadie se le pregunta de nuevo"),
    ("it is not known who answered", "no se sabe quién respondió"),
)
"""Pattern of the reason, and what is said for it."""
