"""Closing the loop: when ticket and work item are closed the CRM says so, and when the person may be asked again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timezone, tzinfo
from typing import Any, Literal

from periferia_link.domain import Client, Interaction, Survey, Ticket, WorkItem
from periferia_link.engine import Context, Flow, Lookup, MatchKey, Skip
from periferia_link.engine.flow import Ceilings
from periferia_link.flows._follow_up import by_id, rule_of
from periferia_link.rules import DetractorRule

__all__ = ["ask_again", "detractor_loops", "detractor_ticket_ends", "detractor_work_ends"]

_BY_ID = (MatchKey("id", lambda survey: survey.ref.id if survey.ref is not None else None),)
_ENDED = frozenset({"resolved", "closed", "cancelled"})
_WORDS: Mapping[str, tuple[str, str]] = {
    "subject": ("Volver a preguntar", "Ask again"),
    "text": (
        "El caso y el elemento de trabajo de esta respuesta están cerrados.",
        "Ticket and work item of this answer are closed.",
    ),
}


def detractor_ticket_ends(
    *,
    detractors: DetractorRule | Mapping[str, Any] | None = None,
    source: str = "helpdesk",
    target: str = "crm",
    **changes: Any,
) -> Flow:
    """
    Return the flow that tells the CRM which ticket an answer opened, and when it ended; a reopened one has no end.

    Args:
        detractors: The table ``[detractors]``, for addresses.

        source: Role of the help desk.

        target: Role of the CRM.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The rules or the changes are not valid.
    """
    rule = rule_of(detractors)

    def project(ticket: Ticket, context: Context) -> Survey | Skip:
        survey = context.linked(ticket.ref, target, "Survey") if ticket.ref is not None else None
        if survey is None or ticket.ref is None:
            return Skip("opened for no answer")
        ended = None if ticket.is_open else _ticket_end(ticket) or _noon(context.today, context.zone)
        name = rule.address(source, ticket.ref.id) or ticket.number or ticket.ref.id
        return Survey(ref=survey, questionnaire="-", follow_up_ticket=name, ticket_ended_at=ended)

    return _telling(
        "detractor_ticket_ends",
        (source, "Ticket"),
        target,
        project,
        frozenset({"follow_up_ticket", "ticket_ended_at"}),
        after=("detractors", "detractor_links"),
        rules=str(sorted(rule.addresses.items())),
        changes=changes,
    )


def detractor_work_ends(
    *,
    detractors: DetractorRule | Mapping[str, Any] | None = None,
    source: str = "devops",
    target: str = "crm",
    **changes: Any,
) -> Flow:
    """
    Return the flow that tells the CRM which work item an answer opened, and when it ended.

    Args:
        detractors: The table ``[detractors]``, for addresses.

        source: Role of the delivery tool.

        target: Role of the CRM.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The rules or the changes are not valid.
    """
    rule = rule_of(detractors)

    def project(item: WorkItem, context: Context) -> Survey | Skip:
        if item.ref is None or not (item.external_ref or "").startswith("detractor:"):
            return Skip("opened for no answer")
        survey = context.linked(item.ref, target, "Survey")
        if survey is None:
            return Skip("its answer is not known here")
        ended = None if item.is_open else item.closed_at or item.updated_at or _noon(context.today, context.zone)
        name = rule.address(source, item.ref.id) or f"#{item.ref.id}"
        return Survey(ref=survey, questionnaire="-", follow_up_work=name, work_ended_at=ended)

    return _telling(
        "detractor_work_ends",
        (source, "WorkItem"),
        target,
        project,
        frozenset({"follow_up_work", "work_ended_at"}),
        after=("detractor_work", "detractor_ticket_ends"),
        rules=str(sorted(rule.addresses.items())),
        changes=changes,
    )


def detractor_loops(
    *, detractors: DetractorRule | Mapping[str, Any] | None = None, role: str = "crm", **changes: Any
) -> Flow:
    """
    Return the flow that marks a loop as closed in the CRM when ticket and work item have ended, and plans the re-ask.

    The day to ask again is so many days after the closing and never within the quarantine after the last answer of
    that person. When the person has answered again since, the later answer counts and nothing is planned for this
    one. A ticket or item that is opened again opens the loop again.

    Args:
        detractors: The table ``[detractors]``.

        role: Role of the CRM.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The rules or the changes are not valid.
    """
    rule = rule_of(detractors)

    def project(survey: Survey, context: Context) -> Survey | Skip:
        ends = (survey.ticket_ended_at, survey.work_ended_at)
        closed = max(end for end in ends if end is not None) if None not in ends else None
        if closed is None and survey.loop_closed_at is None:
            return Skip("the loop is open" if survey.follow_up_ticket else "no follow-up")
        planned = _planned(rule, survey, closed, context)
        return Survey(ref=survey.ref, questionnaire="-", loop_closed_at=closed, ask_again_on=planned)

    return _telling(
        "detractor_loops",
        (role, "Survey"),
        role,
        project,
        frozenset({"loop_closed_at", "ask_again_on"}),
        after=("detractor_ticket_ends", "detractor_work_ends"),
        rules=rule.ask_again.model_dump_json(),
        changes={"lookups": {"loop_answers": Lookup(role, "Survey", _person, "answer", several=True)}, **changes},
    )


def ask_again(
    *,
    detractors: DetractorRule | Mapping[str, Any] | None = None,
    language: Literal["es", "en"] = "es",
    role: str = "crm",
    **changes: Any,
) -> Flow:
    """
    Return the flow that puts a task into the CRM for the day on which the person may be asked again.

    It belongs to the owner of the account. Whether it is done stays with people.

    Args:
        detractors: The table ``[detractors]``, for the hour.

        language: Of the task.

        role: Role of the CRM.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The rules or the changes are not valid.
    """
    rule = rule_of(detractors)

    def word(name: str) -> str:
        return _WORDS[name][language == "en"]

    def project(survey: Survey, context: Context) -> Interaction | Skip:
        about = survey.contact or survey.client
        if survey.ask_again_on is None or about is None:
            return Skip("nobody is asked again" if about is not None else "it is not known who answered")
        begin = datetime.combine(survey.ask_again_on, time(rule.ask_again.hour), context.zone)
        client: Client | None = None
        if survey.client is not None:
            client = context.find("ask_again_accounts", survey.client.id)
        values: dict[str, Any] = {"owner": client.owner} if client is not None and client.owner is not None else {}
        wave = " ".join(part for part in (survey.questionnaire, survey.wave) if part)
        return Interaction(
            subject=f"{word('subject')}: {client.name if client is not None else wave}"[:200],
            text=f"{word('text')}\n{wave}",
            channel="task",
            regarding=about,
            happened_at=begin.astimezone(timezone.utc),
            is_done=False,
            **values,
        )

    flow = Flow(
        name="ask_again",
        source=(role, "Survey"),
        target=(role, "Interaction"),
        project=project,
        lookups={"ask_again_accounts": Lookup(role, "Client", by_id, "account")},
        keeps=frozenset({"is_done", "owner", "channel"}),
        owns=frozenset({"subject", "text", "channel", "regarding", "happened_at", "is_done", "owner"}),
        after=("detractor_loops",),
        relation="made from",
        rules=f"{language}|{rule.ask_again.hour}",
    )
    return flow.but(**changes) if changes else flow


def _telling(
    name: str,
    source: tuple[str, str],
    target: str,
    project: Any,
    owns: frozenset[str],
    *,
    after: tuple[str, ...],
    rules: str,
    changes: Mapping[str, Any],
) -> Flow:
    """Make a flow that writes these fields into an answer that the CRM has, and creates none."""
    flow = Flow(
        name=name,
        source=source,
        target=(target, "Survey"),
        project=project,
        match=_BY_ID,
        creates=False,
        overwrites=True,
        owns=owns,
        # marks of our own: people may close many tickets in one day
        ceilings=Ceilings(percent=None),
        after=after,
        relation="event of",
        rules=rules,
    )
    return flow.but(**changes) if changes else flow


def _planned(rule: DetractorRule, survey: Survey, closed: datetime | None, context: Context) -> date | None:
    if closed is None:
        return None
    person = _person(survey)
    others: tuple[Survey, ...] = context.each("loop_answers", person) if person is not None else ()
    given = [one.answered_at for one in others if one.answered_at is not None]
    last = max(given, default=survey.answered_at)
    if survey.answered_at is not None and last is not None and last > survey.answered_at:
        return None
    last_day = last.astimezone(context.zone).date() if last is not None else None
    return rule.ask_again_on(closed.astimezone(context.zone).date(), last_day)


def _person(survey: Survey) -> str | None:
    """Return who answered: the contact, else the e-mail."""
    if survey.contact is not None:
        return survey.contact.id
    return survey.email.strip().casefold() if survey.email and "@" in survey.email else None


def _ticket_end(ticket: Ticket) -> datetime | None:
    """Return when the ticket ended, as far as the help desk tells."""
    told = [event.at for event in ticket.events if event.status in _ENDED]
    return ticket.closed_at or ticket.resolved_at or max(told, default=ticket.updated_at)


def _noon(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(12), zone).astimezone(timezone.utc)
