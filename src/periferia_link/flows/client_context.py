"""Client context: what sales knows of a client, on the side of the help desk, with a priority and its reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from periferia_link.domain import Client, Money, Opportunity, Survey, Ticket, exact_sum
from periferia_link.domain.client_context import ClientContext
from periferia_link.engine import Ask, Context, Flow, Lookup, MatchKey, Skip
from periferia_link.errors import MissingReferenceError
from periferia_link.sla import PriorityRule, decide_priority, read_priority

__all__ = ["client_context"]

_PQRS = frozenset({"petition", "complaint", "claim", "suggestion", "report"})
_YEAR = timedelta(days=365)
_QUARTER = timedelta(days=90)


def client_context(
    *,
    rule: PriorityRule | Mapping[str, Any] | None = None,
    tier: str = "tier",
    renews_on: str = "renewal_on",
    value: str | None = None,
    currency: str = "COP",
    language: Literal["es", "en"] = "es",
    reads: tuple[str, ...] = ("Opportunity", "Survey", "Ticket"),
    source: str = "crm",
    target: str = "helpdesk",
    **changes: Any,
) -> Flow:
    """
    Return the flow that tells the help desk what sales knows of each client.

    Value is what was won in the last 365 days, open value what is in open opportunities (amounts in other currencies
    are left out). Satisfaction is the mean of the answers of the last 365 days on a scale from 0 to 100, doubtful ones
    counting less. Open PQRs are petitions, complaints, claims, suggestions and reports that are not resolved; overdue
    ones are beyond their day. A breach is a ticket of the last 90 days that was resolved, or still waits, after its
    day. The priority of the rule is the least that its tickets get; the reasons stand beside it in words. The first
    run of each day looks at every client again, because days to the renewal count.

    Args:
        rule: Points and levels, as in the table ``[priority]``; without it no priority is given.

        tier: Custom column of the client in the CRM that names its tier.

        renews_on: Custom column with the day of the renewal (a date, or ``YYYY-MM-DD``).

        value: Custom column with the value of the client; without it the won opportunities are summed.

        currency: Currency of the amounts.

        language: Language of the reasons.

        reads: Kinds of the CRM beside clients that are read; leave out what it does not have.

        source: Role of the CRM.

        target: Role of the help desk.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The rule or the changes are not valid.
    """
    given = rule if rule is None or isinstance(rule, PriorityRule) else read_priority(rule)
    columns = {"tier": tier, "renews_on": renews_on, "value": value}
    flow = Flow(
        name="client_context",
        source=(source, "Client"),
        target=(target, "ClientContext"),
        project=_projection(given, columns, currency, language, frozenset(reads)),
        lookups={
            kind: Lookup(source, kind, _of_client, f"{kind.lower()}s of a client", several=True)
            for kind in sorted(reads)
        },
        match=(
            MatchKey("tax_id", _tax_id),
            MatchKey("code", lambda context: context.code if context.tax_id is None else None),
        ),
        keeps=frozenset({"code", "name", "tax_id"}),
        overwrites=True,
        daily=True,
        relation="context of",
        rules=f"{given.model_dump_json() if given else ''}|{sorted(columns.items(), key=str)}|{currency}|{language}",
    )
    return flow.but(**changes) if changes else flow


def _code(client: Client) -> str | None:
    """Return what people call the client: a NIT without check digit, another tax id, else the code of the CRM."""
    tax_id = client.tax_id
    if tax_id is None:
        return client.code
    return tax_id.number[:-1] if tax_id.country == "CO" and tax_id.is_strong else tax_id.number


def _tax_id(context: ClientContext) -> str | None:
    tax_id = context.tax_id
    return f"{tax_id.country}{tax_id.number}" if tax_id is not None and tax_id.is_strong else None


def _of_client(record: Opportunity | Survey | Ticket) -> str | None:
    return record.client.id if record.client is not None else None


def _projection(
    rule: PriorityRule | None,
    columns: Mapping[str, str | None],
    currency: str,
    language: Literal["es", "en"],
    reads: frozenset[str],
) -> Callable[[Client, Context], ClientContext | Skip | Ask]:
    def project(client: Client, context: Context) -> ClientContext | Skip | Ask:
        code = _code(client)
        if not client.is_active:
            return Skip("not active")
        if code is None or client.ref is None:
            return Skip("neither tax id nor code")
        own = {kind: context.each(kind, client.ref.id) for kind in reads}
        today = context.today
        found = ClientContext(
            code=code,
            name=client.name,
            tax_id=client.tax_id,
            tier=_text(client, columns["tier"]),
            renews_on=_day(client, columns["renews_on"]),
            **_sales(client, own.get("Opportunity", ()), columns["value"], currency, today),
            **_mood(own.get("Survey", ()), today),
            **_cases(own.get("Ticket", ()), context),
        )
        if rule is not None:
            decision = decide_priority(rule, found, today=today)
            told: dict[str, Any] = {"score": decision.score, "priority": decision.priority}
            told["explanation"] = decision.words(language)
            found = ClientContext(**{name: getattr(found, name) for name in found.model_fields_set}, **told)
        if client.tax_id is not None and client.tax_id.standing == "wrong":
            return Ask(f"tax id: {client.tax_id.note}", found)
        return found

    return project


def _sales(
    client: Client, opportunities: Iterable[Opportunity], column: str | None, currency: str, today: date
) -> dict[str, Any]:
    won, coming, count = [], [], 0
    for one in opportunities:
        amount = one.value if one.value is not None and one.value.currency == currency else None
        if one.state == "open":
            count += 1
            coming += [amount] if amount is not None else []
        elif one.state == "won" and amount is not None and one.closed_on is not None and one.closed_on > today - _YEAR:
            won.append(amount)
    given = _custom(client, column)
    try:
        value = Money.of(Decimal(str(given)), currency) if given is not None else Money.sum(won, currency)
    except (ArithmeticError, ValueError):
        msg = f"the column {column} of the client is no amount"
        raise MissingReferenceError(msg, hint="correct it in the CRM") from None
    return {"value": value, "open_opportunities": count, "open_value": Money.sum(coming, currency)}


def _mood(surveys: Iterable[Survey], today: date) -> dict[str, Any]:
    """Return the weighted mean of the marks on a scale from 0 to 100, to one decimal."""
    marks: list[tuple[Decimal, Decimal]] = []
    for survey in surveys:
        if survey.answered_at is None or survey.answered_at.date() <= today - _YEAR or not survey.weight:
            continue
        given = [
            Decimal(survey.nps) * 10 if survey.nps is not None else None,
            Decimal(survey.csat - 1) * 25 if survey.csat is not None else None,
            Decimal(survey.ces - 1) * 100 / 6 if survey.ces is not None else None,
        ]
        known = [mark for mark in given if mark is not None]
        if known:
            marks.append((exact_sum(known) / len(known), survey.weight))
    if not marks:
        return {"satisfaction": None, "answers": 0}
    mean = exact_sum(mark * weight for mark, weight in marks) / exact_sum(weight for _, weight in marks)
    return {"satisfaction": mean.quantize(Decimal("0.1"), ROUND_HALF_UP), "answers": len(marks)}


def _cases(tickets: Iterable[Ticket], context: Context) -> dict[str, Any]:
    today = context.today
    waiting = overdue = breaches = 0
    for ticket in tickets:
        due = ticket.due_at.astimezone(context.zone).date() if ticket.due_at is not None else None
        is_pqr = ticket.type in _PQRS
        is_overdue = ticket.is_open and due is not None and due < today
        waiting += is_pqr and ticket.is_open
        overdue += is_pqr and is_overdue
        ended = ticket.resolved_at or ticket.closed_at
        is_late = ticket.due_at is not None and ended is not None and not ticket.is_open and ended > ticket.due_at
        if (is_late or is_overdue) and due is not None and due > today - _QUARTER:
            breaches += 1
    return {"open_pqrs": waiting, "overdue_pqrs": overdue, "breaches": breaches}


def _custom(client: Client, column: str | None) -> Any | None:
    value = client.custom.get(column) if column else None
    return None if value in (None, "") else value


def _text(client: Client, column: str | None) -> str | None:
    value = _custom(client, column)
    return None if value is None else str(value)


def _day(client: Client, column: str | None) -> date | None:
    value = _custom(client, column)
    if value is None:
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        msg = f"the column {column} of the client is no day"
        raise MissingReferenceError(msg, hint="write it as 2026-12-31 in the CRM") from None
