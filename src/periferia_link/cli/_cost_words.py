"""What labour cost and billing say of a record that waits, in Spanish."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["COSTS"]

COSTS: Sequence[tuple[str, str]] = (
    # whose books
    (r"no company keeps the project (\S+)", r"ninguna sociedad lleva el proyecto \1"),
    (r"open it in (.+); the entry is tried again then", r"ábralo en \1; el registro se intenta de nuevo"),
    (r"project (\S+) belongs to (\S+) and (\S+)", r"el proyecto \1 es de \2 y de \3"),
    (r"give the companies patterns of their project codes", "dé a las sociedades patrones de sus códigos de proyecto"),
    # rates
    (r"the rate card names no rate for (\S+)", r"el tarifario no tiene tarifa para \1"),
    (r"add the person to it; the entry is tried again then", "agregue a la persona; el registro se intenta de nuevo"),
    (r"the rate card has no rate for (\S+) valid on (\S+)", r"el tarifario no tiene tarifa de \1 vigente el \2"),
    (r"add it there; the entry is tried again then", "agréguela allí; el registro se intenta de nuevo"),
    (r"nothing says what an hour of (\S+) costs", r"nada dice cuánto cuesta una hora de \1"),
    (
        r"give the flow a rate card, or let it read employees of the ERP",
        "dé un tarifario al flujo, o deje que lea los empleados del ERP",
    ),
    (r"no exchange rate (\S+) to (\S+) of (\S+)", r"no hay tasa de cambio \1 a \2 del \3"),
    (
        r"add it to the exchange rates; the entry is tried again then",
        "agréguela a las tasas de cambio; el registro se intenta de nuevo",
    ),
    # the posting
    (r"the period (\S+) is closed in the books", r"el período \1 está cerrado en los libros"),
    (
        r"open it again and move closed_through back, or book what comes late today: corrections = 'today'",
        "ábralo y mueva closed_through, o contabilice hoy lo que llega tarde: corrections = 'today'",
    ),
    (
        r"the column (\S+) of the (?:entry|person|project) names no code of a dimension",
        r"la columna \1 no nombra el código de una dimensión",
    ),
    (r"fill (\S+) in; the entry is tried again then", r"llene \1; el registro se intenta de nuevo"),
    # billing
    (
        r"no price for an hour of (\S+) on (\S+) valid on (\S+)",
        r"no hay precio para una hora de \1 en \2 vigente el \3",
    ),
    (
        r"add it to the prices of \[billing\]; the entry is tried again then",
        "agréguelo a los precios de [billing]; el registro se intenta de nuevo",
    ),
    (r"nothing says who pays for project (\S+)", r"nada dice quién paga el proyecto \1"),
    (
        r"name the client of its sale, or write it into \[billing\.clients\]",
        "nombre el cliente de su venta, o escríbalo en [billing.clients]",
    ),
    (r"the client of project (\S+) is not in the ERP yet", r"el cliente del proyecto \1 aún no está en el ERP"),
    (r"run the flow clients, or settle it in review", "corra el flujo clients, o resuélvalo en revisión"),
)
"""Pattern of a sentence, and what is said for it."""
