"""Surveys: what people answered stands in the CRM, with the client and the person who answered; never a guess."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

from periferia_link.domain import Client, Contact, Ref, Survey, TaxId, folded_name
from periferia_link.engine import Ask, Context, Flow, Lookup, MatchKey

__all__ = ["surveys_to_crm"]

# mail of everybody: the domain says nothing about the company
_PUBLIC = frozenset({
    "gmail.com", "googlemail.com", "hotmail.com", "hotmail.es", "outlook.com", "outlook.es", "live.com", "msn.com",
    "yahoo.com", "yahoo.es", "yahoo.com.co", "yahoo.com.mx", "icloud.com", "me.com", "aol.com", "proton.me",
    "protonmail.com", "une.net.co", "etb.net.co",
})  # fmt: skip
_OWN = frozenset({
    "ref", "version", "custom", "updated_at", "client", "contact", "ticket", "external_ref", "follow_up_ticket",
    "follow_up_work", "ticket_ended_at", "work_ended_at", "loop_closed_at", "ask_again_on",
})  # fmt: skip


def surveys_to_crm(
    *,
    client_by: Literal["tax id", "code", "name"] = "tax id",
    country: str = "CO",
    domains: bool = True,
    public_domains: tuple[str, ...] = (),
    source: str = "forms",
    target: str = "crm",
    **changes: Any,
) -> Flow:
    """
    Return the flow that writes every answered questionnaire into the CRM, once; edited answers follow.

    The client is found by what the form says of it (``client_key``), by the contact that has the e-mail, or by the
    domain of the e-mail when one client alone has it. What says nothing, or two different things, goes to review: the
    answer is looked at again when a contact or client is corrected in the CRM, and the verdict ``create`` writes it
    without a client.

    Args:
        client_by: What the form asks for: tax id, code of the account, or its name (without accents and legal form).

        country: Country of tax ids that do not say theirs.

        domains: Whether the domain of an e-mail may tell the client.

        public_domains: Domains that tell nothing, beside those of the large mail services.

        source: Role of the forms.

        target: Role of the CRM.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The changes do not make a valid flow.
    """
    public = _PUBLIC | {domain.casefold() for domain in public_domains}

    def domain(record: Client | Contact) -> str | None:
        found = _domain(record.email)
        return found if record.is_active and found not in public else None

    lookups = {
        "survey_accounts": Lookup(target, "Client", _account_key(client_by), "account", several=True),
        "survey_contacts": Lookup(target, "Contact", _mail, "contact", several=True),
    }
    if domains:
        lookups["survey_domains"] = Lookup(target, "Contact", domain, "domain of contacts", several=True)
        lookups["survey_account_domains"] = Lookup(target, "Client", domain, "domain of accounts", several=True)
    flow = Flow(
        name="surveys_to_crm",
        source=(source, "Survey"),
        target=(target, "Survey"),
        project=_projection(client_by, country, public if domains else None, target),
        lookups=lookups,
        match=(MatchKey("external_ref", lambda survey: survey.external_ref),),
        owns=frozenset(Survey.model_fields) - (_OWN - {"client", "contact", "ticket", "external_ref"}),
        after=("clients",),
        dated=_answered_on,
        rules=f"{client_by}|{country}|{domains}|{sorted(public_domains)}",
    )
    return flow.but(**changes) if changes else flow


class _Found(NamedTuple):
    """Who answered, or why a person must say it."""

    client: Ref | None = None
    contact: Ref | None = None
    question: str = ""


def _projection(
    client_by: str, country: str, public: frozenset[str] | None, target: str
) -> Callable[[Survey, Context], Survey | Ask]:
    def project(survey: Survey, context: Context) -> Survey | Ask:
        found = _who(survey, context, lambda text: _told(text, client_by, country), public)
        values = {name: getattr(survey, name) for name in survey.model_fields_set - _OWN}
        values |= {"external_ref": _external_ref(survey), "client": found.client, "contact": found.contact}
        if survey.ticket is not None:
            values["ticket"] = context.linked(survey.ticket, target, "Ticket")
        wanted = Survey.model_validate(values)
        return Ask(found.question, wanted) if found.question else wanted

    return project


def _who(survey: Survey, context: Context, told: Callable[[str], str | None], public: frozenset[str] | None) -> _Found:
    """Put together what the key, the e-mail and its domain say; two answers are none."""
    key, mail = (survey.client_key or "").strip(), _mail(survey)
    if not key and mail is None:
        return _Found(question="the answer is anonymous: nothing says whose it is")
    contacts = [one for one in context.each("survey_contacts", mail) if one.is_active] if mail else []
    contact = contacts[0].ref if len(contacts) == 1 else None
    by_mail = _refs(one.client for one in contacts)
    if key:
        sought = told(key)
        by_key = _refs(one.ref for one in context.each("survey_accounts", sought)) if sought else []
        if len(by_key) != 1:
            few = "no client of the CRM has" if not by_key else f"{len(by_key)} clients of the CRM have"
            return _Found(question=f"{few} what the form says of the client")
        if by_mail and by_key[0] not in by_mail:
            return _Found(question="the form names one client, and the e-mail belongs to a contact of another")
        return _Found(by_key[0], contact if by_mail else None)
    if len(by_mail) > 1:
        return _Found(question=f"contacts of {len(by_mail)} clients have the e-mail")
    if by_mail:
        return _Found(by_mail[0], contact)
    return _by_domain(_domain(mail), context, public)


def _by_domain(domain: str | None, context: Context, public: frozenset[str] | None) -> _Found:
    if public is None or domain is None or domain in public:
        return _Found(question="no contact of the CRM has the e-mail")
    near = _refs(one.client for one in context.each("survey_domains", domain))
    near = _refs([*near, *(one.ref for one in context.each("survey_account_domains", domain))])
    if len(near) == 1:
        return _Found(near[0])
    few = "no client has" if not near else f"{len(near)} clients have"
    return _Found(question=f"no contact of the CRM has the e-mail, and {few} its domain")


def _refs(found: Iterable[Ref | None]) -> list[Ref]:
    return sorted({ref for ref in found if ref is not None})


def _told(text: str, client_by: str, country: str) -> str | None:
    """Return what the form says of the client, in the form of the key of the accounts."""
    if client_by == "code":
        return text
    if client_by == "name":
        return folded_name(text)
    tax_id = TaxId.parse(text, country)
    return f"{tax_id.country}{tax_id.number}" if tax_id is not None and tax_id.is_strong else None


def _account_key(client_by: str) -> Callable[[Client], str | None]:
    def key(client: Client) -> str | None:
        if client_by == "code":
            return (client.code or "").strip() or None
        if client_by == "name":
            return folded_name(client.name)
        tax_id = client.tax_id
        return f"{tax_id.country}{tax_id.number}" if tax_id is not None and tax_id.is_strong else None

    return key


def _mail(record: Contact | Survey) -> str | None:
    text = (record.email or "").strip().casefold()
    return text if "@" in text and not text.startswith("anonymous@") else None


def _domain(mail: str | None) -> str | None:
    _, at, domain = (mail or "").strip().casefold().rpartition("@")
    return domain if at and "." in domain else None


def _external_ref(survey: Survey) -> str | None:
    """Return form id and response id: one answer, whatever is edited in it."""
    if survey.ref is None:
        return None
    form, key = f"{survey.questionnaire}/", survey.ref.id
    text = key if key.startswith(form) else form + key
    return text if len(text) <= 200 else hashlib.sha256(text.encode()).hexdigest()


def _answered_on(survey: Survey) -> Any:
    moment = survey.answered_at or survey.updated_at
    return moment.date() if moment is not None else None
