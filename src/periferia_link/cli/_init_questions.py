"""What ``init`` asks: one question for each value that no default knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from periferia_link.cli._words import Texts

__all__ = ["COMPANY", "LABOUR", "SYSTEMS", "TEXTS", "Question", "Role", "check"]

TEXTS: Texts = {
    "ask.crm": ("CRM · Dynamics 365", "CRM · Dynamics 365"),
    "ask.erp": ("ERP · SAP Business One", "ERP · SAP Business One"),
    "ask.helpdesk": ("Mesa de ayuda · Periticket", "Help desk · Periticket"),
    "ask.company": ("Empresa", "Company"),
    "ask.labour": ("Costos de mano de obra", "Labour costs"),
    "ask.has": ("¿La instalación tiene este sistema?", "Does the installation have this system?"),
    "ask.wants": (
        "¿Contabilizar horas aprobadas como costo?",
        "Book approved hours as cost?",
    ),
    "ask.url": ("Dirección (https://…)", "Address (https://…)"),
    "ask.tenant": ("Id del directorio (tenant) de Entra ID", "Directory (tenant) id of Entra ID"),
    "ask.client": ("Id de la aplicación (client)", "Application (client) id"),
    "ask.secret": (
        "Dónde está el secreto: ${ENV:NOMBRE}, ${FILE:archivo} o ${KEYRING:servicio/usuario}",
        "Where the secret is: ${ENV:NAME}, ${FILE:file} or ${KEYRING:service/user}",
    ),
    "ask.user": ("Usuario de servicio", "Service user"),
    "ask.database": ("Base de datos de la compañía (CompanyDB)", "Company database (CompanyDB)"),
    "ask.zone": ("Zona horaria de los libros", "Time zone of the books"),
    "ask.currency": ("Moneda de los libros (ISO)", "Currency of the books (ISO)"),
    "ask.starts": (
        "Primer día que se contabiliza, AAAA-MM-DD (lo anterior ya está en los libros)",
        "First day to book, YYYY-MM-DD (what is earlier is in the books already)",
    ),
    "ask.debit": ("Cuenta débito del costo", "Debit account of the cost"),
    "ask.credit": ("Cuenta crédito", "Credit account"),
    "wrong.url": (
        "una dirección, como https://empresa.crm2.dynamics.com",
        "an address, as https://company.crm2.dynamics.com",
    ),
    "wrong.reference": (
        "una referencia, como ${ENV:CRM_SECRET}: el secreto mismo no va en el archivo",
        "a reference, as ${ENV:CRM_SECRET}: the secret itself does not go into the file",
    ),
    "wrong.zone": ("una zona IANA, como America/Bogota", "an IANA zone, as America/Bogota"),
    "wrong.currency": ("un código ISO 4217, como COP", "an ISO 4217 code, as COP"),
    "wrong.day": ("un día, como 2026-01-31", "a day, as 2026-01-31"),
    "wrong.line": ("una línea sin caracteres de control", "one line without control characters"),
}

_REFERENCE = re.compile(r"\$\{[A-Z][A-Z0-9_]*:[^{}\n]+\}")
_DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")


class Question(NamedTuple):
    """
    One value: ``flag`` is its option, ``key`` its name in the file, ``ask`` its text, ``form`` what it must look like.

    ``default`` answers it when nobody does; one without default must be answered.
    """

    flag: str
    key: str
    ask: str
    form: str = "line"
    default: str | None = None


class Role(NamedTuple):
    """The questions of one system; it is there when its address is given."""

    name: str
    connector: str
    credential: str
    questions: tuple[Question, ...]


SYSTEMS: tuple[Role, ...] = (
    Role(
        "crm",
        "dynamics365",
        "client-secret",
        (
            Question("--crm-url", "url", "ask.url", "url"),
            Question("--crm-tenant", "tenant_id", "ask.tenant"),
            Question("--crm-client", "client_id", "ask.client"),
            Question("--crm-secret", "client_secret", "ask.secret", "reference", "${ENV:CRM_CLIENT_SECRET}"),
        ),
    ),
    Role(
        "erp",
        "sap-business-one",
        "login",
        (
            Question("--erp-url", "url", "ask.url", "url"),
            Question("--erp-user", "username", "ask.user"),
            Question("--erp-database", "company_db", "ask.database"),
            Question("--erp-password", "password", "ask.secret", "reference", "${ENV:ERP_PASSWORD}"),
        ),
    ),
    Role(
        "helpdesk",
        "periticket",
        "static-token",
        (
            Question("--helpdesk-url", "url", "ask.url", "url"),
            Question("--helpdesk-token", "token", "ask.secret", "reference", "${ENV:HELPDESK_TOKEN}"),
        ),
    ),
)
COMPANY: tuple[Question, ...] = (
    Question("--zone", "zone", "ask.zone", "zone", "America/Bogota"),
    Question("--currency", "currency", "ask.currency", "currency", "COP"),
)
LABOUR: tuple[Question, ...] = (
    Question("--starts", "starts", "ask.starts", "day"),
    Question("--debit", "debit", "ask.debit"),
    Question("--credit", "credit", "ask.credit"),
)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False


def _is_zone(text: str) -> bool:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


_FORMS: Mapping[str, Callable[[str], bool]] = {
    "url": _is_url,
    "reference": lambda text: bool(_REFERENCE.fullmatch(text)),
    "zone": _is_zone,
    "currency": lambda text: bool(re.fullmatch(r"[A-Z]{3}", text)),
    "day": lambda text: bool(_DAY.fullmatch(text)),
    "line": lambda text: text.isprintable() and bool(text.strip()),
}


def check(question: Question, text: str) -> bool:
    """Whether a text has the form that the question wants."""
    return text.isprintable() and _FORMS[question.form](text)
