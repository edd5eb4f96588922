"""The periferia.toml that ``init`` writes: commented, and readable by its owner only."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from periferia_link.cli._init_questions import SYSTEMS, Role
from periferia_link.cli._words import Texts, Words
from periferia_link.errors import ConfigurationError

__all__ = ["TEXTS", "Answers", "configuration", "flows_of", "write_private"]

Answers = Mapping[str, Mapping[str, str]]
"""Table (``company``, a system, ``labour_costs``) -> key -> value."""

_WITH_TICKETS = ("helpdesk_clients", "tickets_to_crm", "ticket_timeline")

TEXTS: Texts = {
    "file.top": (
        "De qué está hecha esta instalación de periferia_link.",
        "What this installation of periferia_link is made of.",
    ),
    "file.steps": (
        "Primero: periferia-link check, adopt clients, plan. Después: periferia-link run.",
        "First: periferia-link check, adopt clients, plan. Then: periferia-link run.",
    ),
    "file.secrets": (
        "Los secretos son referencias, nunca valores: ${ENV:NOMBRE}, ${FILE:archivo}, ${KEYRING:servicio/usuario}.",
        "Secrets are references, never values: ${ENV:NAME}, ${FILE:file}, ${KEYRING:service/user}.",
    ),
    "file.zone": ("los días de los libros son los de esta zona", "the days of the books are those of this zone"),
    "file.language": ("de lo que lee la gente: es o en", "of what people read: es or en"),
    "file.ledger": (
        "la memoria: consérvela y cópiela (periferia-link ledger backup)",
        "the memory: keep it, and back it up (periferia-link ledger backup)",
    ),
    "file.private": ("el servidor está en la red de la empresa", "the server is inside the company's network"),
    "file.ca": ("su certificado viene de una autoridad propia", "its certificate comes from an authority of your own"),
    "file.plan_only": (
        "mientras no confíe en los planes: nada se puede escribir",
        "until you trust the plans: nothing can be written",
    ),
    "file.custom": (
        "columnas propias de su ambiente",
        "columns of your own environment",
    ),
    "file.flow.clients": (
        "cuentas del CRM -> socios de negocio, uno por NIT",
        "accounts of the CRM -> business partners, one for each tax id",
    ),
    "file.flow.projects": ("oportunidades ganadas -> proyectos", "won opportunities -> projects"),
    "file.flow.labour_costs": (
        "horas aprobadas -> un asiento cuadrado por proyecto, centro y día",
        "approved hours -> one balanced posting for each project, centre and day",
    ),
    "file.more": ("También hay (quite el # para usarlos):", "There are also (remove the # to use them):"),
    "file.flow.leads": ("prospectos calificados, para seguir la cadena", "qualified leads, for the trace"),
    "file.flow.helpdesk_clients": (
        "clientes de la mesa de ayuda <-> cuentas del CRM",
        "clients of the help desk <-> accounts of the CRM",
    ),
    "file.flow.tickets_to_crm": (
        "casos de la mesa de ayuda -> casos del CRM",
        "tickets of the help desk -> cases of the CRM",
    ),
    "file.flow.ticket_timeline": (
        "su historia, en la línea de tiempo del caso",
        "their history, in the timeline of the case",
    ),
    "file.ceilings": ("cuánto puede cambiar una corrida", "how much one run may change"),
    "file.starts": ("lo anterior se contabilizó a mano", "what is earlier was booked by hand"),
}


def configuration(words: Words, answers: Answers) -> str:
    """Return the text of the file; a flow stands in it when its systems do."""
    lines = [f"# {words(f'file.{name}')}" for name in ("top", "steps", "secrets")]
    lines += ["", *_company(words, answers["company"])]
    lines += ["", "[ledger]", _line("path", "periferia.db", words("file.ledger"))]
    for role in SYSTEMS:
        if role.name in answers:
            lines += ["", *_system(words, role, answers[role.name])]
    lines += _flows(words, answers)
    return "\n".join(lines) + "\n"


def flows_of(answers: Answers) -> list[str]:
    """Return the names of the flows that the file turns on."""
    has_both = {"crm", "erp"} <= answers.keys()
    return [*(["clients", "projects"] if has_both else []), *(["labour_costs"] if "labour_costs" in answers else [])]


def _text(value: str) -> str:
    # a TOML basic string is a JSON string without its surrogates
    return json.dumps(value, ensure_ascii=False)


def _line(key: str, value: str, comment: str = "") -> str:
    line = f"{key} = {_text(value)}"
    return f"{line:<40} # {comment}" if comment else line


def _company(words: Words, answers: Mapping[str, str]) -> Iterator[str]:
    yield "[company]"
    yield _line("zone", answers["zone"], words("file.zone"))
    yield _line("currency", answers["currency"])
    yield _line("language", words.language, words("file.language"))


def _system(words: Words, role: Role, answers: Mapping[str, str]) -> Iterator[str]:
    yield f"[systems.{role.name}]"
    yield _line("connector", role.connector)
    yield _line("url", answers["url"])
    if answers.get("is_private"):
        yield f"{'allow_private = true':<40} # {words('file.private')}"
    if answers.get("ca_file"):
        yield _line("ca_file", answers["ca_file"], words("file.ca"))
    yield f"{'# plan_only = true':<40} # {words('file.plan_only')}"
    yield ""
    yield f"[systems.{role.name}.credential]"
    yield _line("kind", role.credential)
    for question in role.questions:
        if question.key != "url":
            yield _line(question.key, answers[question.key])
    if answers.get("authority"):
        yield _line("authority", answers["authority"])
    if role.name == "crm":
        yield ""
        yield f"# [systems.crm.fields.Client]{' ' * 11} # {words('file.custom')}"
        yield '# columns = { tax_id = "cr123_nit" }'


def _flows(words: Words, answers: Answers) -> Iterator[str]:
    for name in flows_of(answers):
        yield ""
        yield f"{f'[flows.{name}]':<40} # {words(f'file.flow.{name}')}"
        if name == "clients":
            yield f"{'ceilings = { creates = 500 }':<40} # {words('file.ceilings')}"
        if name == "labour_costs":
            given = answers[name]
            yield f"{'starts = ' + given['starts']:<40} # {words('file.starts')}"
            yield f"{'ceilings = { creates = 2000 }':<40} # {words('file.ceilings')}"
            yield ""
            yield "[flows.labour_costs.options]"
            yield _line("debit", given["debit"])
            yield _line("credit", given["credit"])
    more = [*(["leads"] if "crm" in answers else []), *(_WITH_TICKETS if {"crm", "helpdesk"} <= answers.keys() else [])]
    if more:
        yield ""
        yield f"# {words('file.more')}"
    for name in more:
        yield f"{f'# [flows.{name}]':<40} # {words(f'file.flow.{name}')}"


def write_private(path: Path, text: str, *, force: bool) -> None:
    """
    Write the file so that only its owner reads it.

    Raises:
        ConfigurationError: It is there already, or the folder cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", newline="\n") as file:
            if hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), 0o600)  # one that was there keeps its mode otherwise
            file.write(text)
    except FileExistsError:
        msg = f"{path} is there already"
        raise ConfigurationError(
            msg, hint="change it by hand, name another file with --config, or give --force"
        ) from None
    except OSError as exc:
        msg = f"{path} cannot be written: {exc.strerror}"
        raise ConfigurationError(msg, hint="name a file in a folder that exists and can be written") from exc
