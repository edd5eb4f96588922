"""Detractors: every bad answer opens one ticket and one work item, linked to each other and to the client."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from periferia_link.domain import Ref, Survey, Ticket, WorkItem
from periferia_link.domain.work_item import WorkItemLink
from periferia_link.engine import Context, Flow, MatchKey, Skip, Wait
from periferia_link.flows._follow_up import FollowUps, Options, reference_of, tables
from periferia_link.rules import DetractorRule

__all__ = ["detractor_links", "detractor_work", "detractors"]


def detractors(
    *,
    detractors: DetractorRule | Mapping[str, Any] | None = None,
    sla: Mapping[str, Any] | None = None,
    client_by: Literal["link", "tax id", "nobody"] = "link",
    people: bool = True,
    language: Literal["es", "en"] = "es",
    zone: str = "America/Bogota",
    tier: str = "tier",
    source: str = "crm",
    target: str = "helpdesk",
    **changes: Any,
) -> Flow:
    """
    Return the flow that opens one ticket for every bad answer that the CRM has, doubtful ones among them.

    The due time is what a policy of ``[sla]`` promises for such a ticket, counted from the answer, else ``within`` of
    the rule. Who gets it is the owner of the account, found among the people of the help desk by e-mail or code.
    What people change in the ticket afterwards stays; an answer that is edited into a good one closes nothing.

    Args:
        detractors: Who is a detractor and what follows, as in the table ``[detractors]``; NPS ≤ 6 or CSAT ≤ 2
            without it.

        sla: The table ``[sla]``.

        client_by: How the client stands in the ticket: by the link of ``helpdesk_clients`` as soon as there is one,
            by tax id (for help desks that keep no clients), or in the text alone.

        people: The help desk has a list of people.

        language: Of title and text.

        zone: Zone of calendars that name none.

        tier: Custom column of the client in the CRM that names its tier.

        source: Role of the CRM.

        target: Role of the help desk.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The rules or the changes are not valid.
    """
    options = Options.of(detractors, sla, language, zone, tier)
    follow_ups, rule = FollowUps(options), options.rule

    def project(survey: Survey, context: Context) -> Ticket | Skip:
        found = follow_ups.of(survey, context)
        if found is None:
            return Skip("no detractor")
        lines = [*found.lines, *_crm_line(follow_ups, rule, survey)]
        values: dict[str, Any] = {"title": found.title, "description": "\n".join(lines)}
        values |= {"type": rule.type, "priority": rule.priority, "due_at": found.due_at}
        values |= {"group": rule.group} if rule.group else {}
        values |= {"project": survey.project} if survey.project else {}
        assignee = follow_ups.assignee(found.owner, context) if people else rule.assignee
        values |= {"assignee": assignee} if assignee else {}
        if client_by == "link" and survey.client is not None:
            twin = context.linked(survey.client, target, "Client")
            values |= {"client": twin} if twin is not None else {}
        if client_by == "tax id" and found.client is not None and found.client.tax_id is not None:
            values["custom"] = {"client_tax_id": found.client.tax_id.number}
        return Ticket.model_validate(values)

    flow = Flow(
        name="detractors",
        source=(source, "Survey"),
        target=(target, "Ticket"),
        project=project,
        lookups=tables(source, target if people else ""),
        keeps=frozenset({"title", "description", "type", "priority", "due_at", "group", "project", "assignee"}),
        owns=frozenset({
            "title", "description", "type", "priority", "due_at", "group", "project", "assignee", "client", "custom",
        }),
        after=("surveys_to_crm", "helpdesk_clients"),
        dated=_answered_on,
        relation="made from",
        rules=f"{options.text}|{client_by}|{people}",
    )  # fmt: skip
    return flow.but(**changes) if changes else flow


def detractor_work(
    *,
    detractors: DetractorRule | Mapping[str, Any] | None = None,
    sla: Mapping[str, Any] | None = None,
    language: Literal["es", "en"] = "es",
    zone: str = "America/Bogota",
    tier: str = "tier",
    source: str = "crm",
    helpdesk: str = "helpdesk",
    target: str = "devops",
    **changes: Any,
) -> Flow:
    """
    Return the flow that opens one work item for every bad answer, once its ticket is there.

    It is linked to the ticket and to the records of the CRM (hyperlinks where the rule gives addresses, and in its
    text), and carries ``detractor:ID`` as its reference: an item that has it already is taken over.

    Args:
        detractors: As for :func:`detractors`.

        sla: The table ``[sla]``.

        language: Of title and text.

        zone: Zone of calendars that name none.

        tier: Custom column of the client in the CRM that names its tier.

        source: Role of the CRM.

        helpdesk: Role of the help desk.

        target: Role of the delivery tool.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The rules or the changes are not valid.
    """
    options = Options.of(detractors, sla, language, zone, tier)
    follow_ups, work = FollowUps(options), options.rule.work

    def project(survey: Survey, context: Context) -> WorkItem | Skip | Wait:
        found = follow_ups.of(survey, context)
        if found is None or survey.ref is None:
            return Skip("no detractor")
        ticket = context.linked(survey.ref, helpdesk, "Ticket")
        if ticket is None:
            return Wait(survey.ref)
        there = {"ticket": ticket, "crm": survey.ref, "client": survey.client}
        lines = [*found.lines, follow_ups.line("ticket", follow_ups.address(helpdesk, ticket))]
        links = [
            WorkItemLink(relation="hyperlink", target=address, comment=follow_ups.word(name))
            for name, ref in there.items()
            if ref is not None and (address := _address(options.rule, helpdesk, source, name, ref)) is not None
        ]
        values: dict[str, Any] = {name: getattr(work, name) for name in ("type", "project", "area", "iteration")}
        values = {name: value for name, value in values.items() if value is not None}
        values |= {"title": found.title, "priority": work.priority, "tags": work.tags, "links": tuple(links)}
        values |= {"description": found._replace(lines=tuple(lines)).markup, "external_ref": reference_of(survey)}
        if found.due_at is not None:
            values["due_on"] = found.due_at.astimezone(context.zone).date()
        if work.assign and found.owner is not None and found.owner.email:
            values["assignee"] = found.owner.email
        return WorkItem.model_validate(values)

    given = frozenset({
        "type", "project", "area", "iteration", "title", "priority", "tags", "description", "due_on", "assignee",
    })  # fmt: skip
    flow = Flow(
        name="detractor_work",
        source=(source, "Survey"),
        target=(target, "WorkItem"),
        project=project,
        lookups=tables(source),
        match=(MatchKey("external_ref", lambda item: item.external_ref),),
        keeps=given,
        owns=given | {"links", "external_ref"},
        after=("detractors",),
        dated=_answered_on,
        relation="made from",
        rules=options.text,
    )
    return flow.but(**changes) if changes else flow


def detractor_links(
    *,
    detractors: DetractorRule | Mapping[str, Any] | None = None,
    sla: Mapping[str, Any] | None = None,
    language: Literal["es", "en"] = "es",
    zone: str = "America/Bogota",
    tier: str = "tier",
    source: str = "crm",
    work: str = "devops",
    target: str = "helpdesk",
    **changes: Any,
) -> Flow:
    """
    Return the flow that names the work item in the text of the ticket, and keeps that text as the answer is edited.

    Args:
        detractors: As for :func:`detractors`.

        sla: The table ``[sla]``.

        language: Of the text.

        zone: Zone of calendars that name none.

        tier: Custom column of the client in the CRM that names its tier.

        source: Role of the CRM.

        work: Role of the delivery tool.

        target: Role of the help desk.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The rules or the changes are not valid.
    """
    options = Options.of(detractors, sla, language, zone, tier)
    follow_ups = FollowUps(options)

    def project(survey: Survey, context: Context) -> Ticket | Skip | Wait:
        found = follow_ups.of(survey, context)
        if found is None or survey.ref is None:
            return Skip("no detractor")
        ticket = context.linked(survey.ref, target, "Ticket")
        item = context.linked(survey.ref, work, "WorkItem")
        if ticket is None or item is None:
            return Wait(survey.ref)
        lines = [*found.lines, *_crm_line(follow_ups, options.rule, survey)]
        lines.append(follow_ups.line("work", follow_ups.address(work, item)))
        return Ticket(ref=ticket, title=found.title, description="\n".join(lines))

    flow = Flow(
        name="detractor_links",
        source=(source, "Survey"),
        target=(target, "Ticket"),
        project=project,
        lookups=tables(source),
        match=(MatchKey("id", lambda ticket: ticket.ref.id if ticket.ref is not None else None),),
        creates=False,
        overwrites=True,
        owns=frozenset({"description"}),
        after=("detractors", "detractor_work"),
        dated=_answered_on,
        rules=options.text,
    )
    return flow.but(**changes) if changes else flow


def _crm_line(follow_ups: FollowUps, rule: DetractorRule, survey: Survey) -> list[str]:
    """Say where the client stands in the CRM, where the rule gives addresses there."""
    if survey.client is None:
        return []
    address = rule.address("crm", survey.client.id)
    return [follow_ups.line("crm", address)] if address else []


def _address(rule: DetractorRule, helpdesk: str, crm: str, name: str, ref: Ref) -> str | None:
    """Return the address of what a work item is linked to: the ticket, the answer, the client."""
    role = {"ticket": helpdesk, "crm": "survey", "client": crm}[name]
    return rule.address(role, ref.id)


def _answered_on(survey: Survey) -> date | None:
    moment = survey.answered_at or survey.updated_at
    return moment.date() if moment is not None else None
