"""What the demo says about tickets, leads and the way from one to the other, in Spanish and English."""

from __future__ import annotations

from periferia_link.cli._words import Texts

__all__ = ["TICKET_TEXTS"]

TICKET_TEXTS: Texts = {
    "company.tickets": (
        (
            "{n} tiquetes en Periticket, con su historia; uno es de una empresa que el CRM no conoce y otro no dice de "
            "quién es: esperan, nadie adivina."
        ),
        (
            "{n} tickets in Periticket, with their history; one is of a company that the CRM does not know, another "
            "does not say whose it is: they wait, nobody guesses."
        ),
    ),
    "real.tickets": (
        (
            "Cada incidente es un tiquete de Periticket con su historia completa: {n} tiquetes, {steps} pasos (estado, "
            "prioridad, grupo, persona). {known} son de un cliente; los demás no dicen de quién son."
        ),
        (
            "Every incident is a ticket of Periticket with its whole history: {n} tickets, {steps} steps (state, "
            "priority, group, person). {known} belong to a client; the others do not say whose they are."
        ),
    ),
    "changed.reopened": (
        "El cliente reabre el tiquete {number}, que estaba resuelto: {subject}.",
        "The client reopens ticket {number}, which had been resolved: {subject}.",
    ),
    "changed.edited": (
        "Alguien corrige el título y la prioridad del tiquete {number}: {subject}.",
        "Somebody corrects title and priority of ticket {number}: {subject}.",
    ),
    "changed.ticket": ("Llega un tiquete nuevo, {number}: {subject}.", "A new ticket comes in, {number}: {subject}."),
    "proof.cases": (
        (
            "{cases} casos en el CRM = {known} tiquetes cuyo cliente es exactamente una cuenta, ninguno dos veces; "
            "{waits} de {tickets} esperan a que se sepa de quién son"
        ),
        (
            "{cases} cases in the CRM = {known} tickets whose client is exactly one account, none of them twice; "
            "{waits} of {tickets} wait until it is known whose they are"
        ),
    ),
    "proof.states": (
        "título, estado y cuenta de cada caso son los de su tiquete",
        "title, state and account of each case are those of its ticket",
    ),
    "proof.timeline": (
        "{notes} notas en los casos = {steps} pasos en la historia de los tiquetes, caso por caso",
        "{notes} notes on the cases = {steps} steps in the history of the tickets, case by case",
    ),
    "proof.touched": (
        "los casos que cambiaron al final son los {changed} de los tiquetes que la gente tocó, y ninguno más",
        "the cases that changed at the end are the {changed} of the tickets that people touched, and no other",
    ),
    "proof.walk": (
        "de {reached} de {leads} prospectos con proyecto se llega por un tiquete a un asiento, y de ahí al prospecto",
        "from {reached} of {leads} leads with a project a posting is reached by a ticket, and from there the lead",
    ),
    "way.title": ("Un camino por la memoria, de ida y de vuelta:", "One way through the ledger, there and back:"),
    "way.Lead": ("prospecto       {name}", "lead         {name}"),
    "way.Client": ("  cliente       {name}", "  client     {name}"),
    "way.Opportunity": ("  oportunidad   {name}", "  won sale   {name}"),
    "way.Project": ("  proyecto      {name}", "  project    {name}"),
    "way.Ticket": ("  tiquete       {name}", "  ticket     {name}"),
    "way.TimeEntry": ("  registro      {name}", "  work log   {name}"),
    "way.CostEntry": ("  asiento       {name}", "  posting    {name}"),
}
