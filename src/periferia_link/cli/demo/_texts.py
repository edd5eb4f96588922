"""What the demo says, in Spanish and English."""

from __future__ import annotations

from periferia_link.cli._words import Texts
from periferia_link.cli.demo._ticket_texts import TICKET_TEXTS

__all__ = ["PICTURES", "TEXTS"]

PICTURES = {
    "es": """
  Dynamics 365 ────┐                         ┌─▶ SAP Business One
  prospectos,      │                         │   socios, proyectos, costos
  clientes, ventas ├───▶ periferia_link ─────┤
  Periticket       │            │            └─▶ Dynamics 365
  horas, tiquetes ─┘         memoria             casos con su historia
""",
    "en": """
  Dynamics 365 ────┐                         ┌─▶ SAP Business One
  leads,           │                         │   partners, projects, costs
  clients, sales   ├───▶ periferia_link ─────┤
  Periticket       │            │            └─▶ Dynamics 365
  hours, tickets ──┘          ledger             cases with their history
""",
}

TEXTS: Texts = {
    "demo.title": (
        "Las horas se vuelven costo en SAP y los tiquetes casos en el CRM: planeado, una sola vez, con rastro",
        "Hours become labour cost in SAP, tickets become cases in the CRM: planned, exactly once, traceable",
    ),
    "demo.systems": (
        "Los sistemas: emuladores en esta máquina, con TLS y credenciales de verdad",
        "The systems: emulators on this machine, with TLS and real sign-in",
    ),
    "systems.system": ("sistema", "system"),
    "systems.address": ("dirección", "address"),
    "systems.holds": ("tiene", "holds"),
    "systems.entra": ("da los permisos de acceso", "issues the access tokens"),
    "systems.dynamics365": (
        "{leads} prospectos, {accounts} cuentas, {contacts} contactos, {sales} oportunidades",
        "{leads} leads, {accounts} accounts, {contacts} contacts, {sales} opportunities",
    ),
    "systems.sap": (
        "{partners} socios de negocio, {people} empleados con tarifas, {centres} centros de costo",
        "{partners} business partners, {people} employees with rates, {centres} cost centres",
    ),
    "systems.periticket": (
        "{people} personas, {logs} registros de tiempo, {tickets} tiquetes de {clients} clientes",
        "{people} people, {logs} work logs, {tickets} tickets of {clients} clients",
    ),
    "demo.business": ("La empresa", "The company"),
    # the company made up
    "company.accounts": (
        "{n} clientes en el CRM, con el NIT como alguien lo escribió; {partners} ya son socios de negocio en SAP.",
        "{n} clients in the CRM, their tax ids as somebody typed them; {partners} are partners in SAP already.",
    ),
    "company.wrong": (
        "Uno tiene el dígito de verificación equivocado: irá a revisión, nadie adivina.",
        "One has a wrong check digit: it goes to review, nobody guesses.",
    ),
    "company.twice": (
        "Uno está dos veces: un solo socio de negocio, la otra cuenta queda enlazada a él.",
        "One stands twice: a single business partner, the other account is linked to it.",
    ),
    "company.sales": (
        "{n} oportunidades, {won} ganadas: cada una será un proyecto.",
        "{n} opportunities, {won} of them won: each becomes a project.",
    ),
    "company.people": (
        "{n} personas trabajaron del {first} al {last}; su tarifa por hora depende del día.",
        "{n} people worked from {first} to {last}; what an hour costs depends on the day.",
    ),
    # the real data
    "real.accounts": (
        (
            "{n} empresas reales (Superintendencia de Sociedades) son las cuentas del CRM, con NIT y nombre como están "
            "registrados: {distinct} NIT distintos, {twice} están dos veces."
        ),
        (
            "{n} real companies (Superintendencia de Sociedades) are the CRM accounts, tax id and name as registered: "
            "{distinct} distinct tax ids, {twice} stand twice."
        ),
    ),
    "real.partners": (
        "Regla: de cada {every} NIT distintos, el primero ya es socio de negocio en SAP ({n}).",
        "Rule: of every {every} distinct tax ids the first is a business partner in SAP already ({n}).",
    ),
    "real.long": (
        (
            "{n} nombre pasa de {limit} caracteres, que es lo que cabe en el CRM: se corta ahí.|"
            "{n} nombres pasan de {limit} caracteres, que es lo que cabe en el CRM: se cortan ahí."
        ),
        (
            "{n} name is longer than the {limit} characters that the CRM holds: cut there.|"
            "{n} names are longer than the {limit} characters that the CRM holds: cut there."
        ),
    ),
    "real.sales": (
        (
            "Regla: de cada {every} NIT distintos, el primero ganó un proyecto. Cada uno atiende un sitio de los "
            "incidentes, en orden: {n} proyectos."
        ),
        (
            "Rule: of every {every} distinct tax ids the first has won a project. Each serves one location of the "
            "incidents, in order: {n} projects."
        ),
    ),
    "real.source": (
        (
            "Las horas salen de la bitácora real de incidentes (UCI, ServiceNow): {spells} estados New o Active en {n} "
            "de {all} incidentes."
        ),
        (
            "The hours come from the real audit log of incidents (UCI, ServiceNow): {spells} states New or Active "
            "in {n} of {all} incidents."
        ),
    ),
    "real.hours": (
        (
            "Regla, cuánto: un estado cuenta desde su cambio hasta el siguiente, en cuartos de hora hacia arriba, "
            "de un cuarto a {longest} horas; una persona con nombre suma a lo sumo {day} horas al día. Horas de Bogotá."
        ),
        (
            "Rule, how long: a state counts from its change to the next one, in quarters of an hour rounded up, "
            "one quarter to {longest} hours; a named person works at most {day} hours a day. Times are those of Bogotá."
        ),
    ),
    "real.who": (
        "Regla, quién: la persona asignada; si no hay, el grupo. Sin ninguno de los dos no hay registro: {n} estados.",
        "Rule, who: the person assigned, else the group. With neither there is no work log: {n} states.",
    ),
    "real.rate": (
        (
            "Regla, a qué tarifa: COP 40.000 por hora más 1.000 por cada unidad del número del nombre, módulo 60 "
            "(Resolver 170: 90.000); {people} personas. El centro de costo es el número del grupo, módulo {centres}."
        ),
        (
            "Rule, at what rate: COP 40,000 an hour and 1,000 more for each unit of the number in the name, modulo 60 "
            "(Resolver 170: 90,000); {people} people. The cost centre is the number of the group, modulo {centres}."
        ),
    ),
    "real.logs": (
        "Un registro por incidente, persona y día: {n} registros, del {first} al {last}.",
        "One work log for each incident, person and day: {n} work logs, from {first} to {last}.",
    ),
    # the runs
    "adopt.title": ("1 · Enlazar lo que ambos lados ya tienen", "1 · Adopt: link what both sides already hold"),
    "adopt.told": (
        "{adopted} clientes quedaron enlazados por su NIT. Nada se escribió en ningún sistema.",
        "{adopted} clients were linked by their tax id. Nothing was written to any system.",
    ),
    "adopt.unmatched": (
        "{n} aún no está en SAP: la primera corrida lo crea.|{n} aún no están en SAP: la primera corrida los crea.",
        "{n} is not in SAP yet: the first run creates it.|{n} are not in SAP yet: the first run creates them.",
    ),
    "adopt.different": (
        (
            "{n} se escribe distinto a cada lado (el nombre, por ejemplo): queda dicho, no se cambia.|"
            "{n} se escriben distinto a cada lado (el nombre, por ejemplo): queda dicho, no se cambia."
        ),
        (
            "{n} is written differently on both sides (its name, for example): said, not changed.|"
            "{n} are written differently on both sides (their names, for example): said, not changed."
        ),
    ),
    "adopt.review": ("{n} va a revisión.|{n} van a revisión.", "{n} goes to review.|{n} go to review."),
    "first.title": (
        "2 · Primera corrida: cada flujo se planea, se muestra y se aplica",
        "2 · First run: each flow is planned, shown and applied",
    ),
    "first.plan": ("Plan de {flow}:", "Plan of {flow}:"),
    "first.result": ("Resultado de la primera corrida", "Result of the first run"),
    "run.traffic": (
        (
            "En {seconds} s los sistemas vieron, según sus bitácoras, {requests} peticiones y {writes} registros "
            "escritos."
        ),
        "In {seconds} s the systems saw, by their own logs, {requests} requests and {writes} records written.",
    ),
    "run.markers": (
        "(Un asiento son dos registros: el asiento y su marca, que impide que exista dos veces.)",
        "(A posting is two records: the entry and its marker, which keeps it from existing twice.)",
    ),
    "again.title": ("3 · Segunda corrida: nada ha cambiado", "3 · Second run: nothing has changed"),
    "changed.title": ("4 · La gente cambia algunas cosas", "4 · People change a few things"),
    "changed.client": (
        "Ventas registra un cliente nuevo con una oportunidad ganada: {name}, {number}.",
        "Sales enters a new client with a won opportunity: {name}, {number}.",
    ),
    "changed.log": (
        "Alguien corrige su registro {id} del {day} en {project}: de {before} a {after} horas.",
        "Somebody corrects work log {id} of {day} on {project}: from {before} to {after} hours.",
    ),
    "changed.rate": (
        "Nómina cambia la tarifa de {code} desde el {since}: de {before} a {after} COP por hora.",
        "Payroll changes the rate of {code} from {since} on: from {before} to {after} COP an hour.",
    ),
    "changed.postings": (
        "Los asientos de ajuste, en los libros de SAP:",
        "The adjustment postings, in the books of SAP:",
    ),
    "posting.number": ("asiento", "posting"),
    "posting.day": ("fecha", "day"),
    "posting.place": ("proyecto / centro", "project / centre"),
    "posting.amount": ("costo COP", "cost COP"),
    "posting.logs": ("registros", "work logs"),
    # the proof
    "proof.title": ("5 · La prueba, en los libros de cada sistema", "5 · The proof, in the books of each system"),
    "proof.balance": (
        "{postings} asientos, {corrections} de ellos de ajuste: débitos {debit} = créditos {credit} COP",
        "{postings} postings, {corrections} of them adjustments: debits {debit} = credits {credit} COP",
    ),
    "proof.cost": (
        (
            "costo contabilizado {booked} = Σ horas × tarifa {expected} COP, "
            "calculado aparte con las horas y tarifas sembradas"
        ),
        (
            "cost booked {booked} = Σ hours × rate {expected} COP, "
            "computed apart from the hours and rates that were sown"
        ),
    ),
    "proof.places": (
        "lo mismo en cada uno de los {places} pares de proyecto y día",
        "the same in each of {places} pairs of project and day",
    ),
    "proof.logs": (
        "a {traced} de {logs} registros de tiempo aprobados se llega desde un asiento ({edges} enlaces en la memoria)",
        "{traced} of {logs} approved work logs are reached from a posting ({edges} edges in the ledger)",
    ),
    "proof.quiet": (
        "la segunda corrida escribió {quiet_writes} registros",
        "the second run wrote {quiet_writes} records",
    ),
    "proof.example": (
        "De qué está hecho el asiento {number}, {amount} COP:",
        "What posting {number}, {amount} COP, is made of:",
    ),
    "proof.part": ("{id}: {hours} h × {rate} = {cost}", "{id}: {hours} h × {rate} = {cost}"),
    "proof.fails": ("la prueba no cuadra", "the proof does not hold"),
    "proof.holds": ("Todo cuadra.", "Everything agrees."),
    "waits.title": ("Lo que espera por una persona", "What waits for a person"),
    "twice.told": (
        "Cuentas cuyo NIT ya estaba: {n}. Enlazadas a ese socio: {linked}; por revisar: {review}; ninguno: {rest}.",
        "Accounts whose tax id was there: {n}. Linked to that partner: {linked}; in review: {review}; none: {rest}.",
    ),
    "demo.kept": (
        (
            "Quedan en {folder}: periferia.toml, la memoria (periferia.db) y los planes. Mírelos: "
            "periferia-link parked --config {folder}/periferia.toml"
        ),
        (
            "Left in {folder}: periferia.toml, the ledger (periferia.db) and the plans. Look at them: "
            "periferia-link parked --config {folder}/periferia.toml"
        ),
    ),
    "demo.seconds": ("Todo tomó {seconds} s.", "All of it took {seconds} s."),
    **TICKET_TEXTS,
}
