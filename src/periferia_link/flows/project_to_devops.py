"""Projects, their features and the requirements of clients as work items of the delivery tool."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

from periferia_link.domain import Lead, Project, Ref, Ticket, WorkItem
from periferia_link.domain.work_item import WorkItemLink
from periferia_link.engine import Context, Flow, Lookup, MatchKey, Skip, Wait
from periferia_link.errors import MissingReferenceError
from periferia_link.ledger import PART
from periferia_link.rules import DeliveryRule, read_delivery
from periferia_link.rules.detractor_rule import folded

__all__ = ["features_to_devops", "project_to_devops", "requirements_to_devops"]

_REFERENCE = (MatchKey("external_ref", lambda item: item.external_ref),)
_LEADS = "delivery_leads"
_LONGEST_TITLE = 255  # System.Title of Azure DevOps


def project_to_devops(
    *,
    delivery: DeliveryRule | Mapping[str, Any] | None = None,
    source: str = "erp",
    sales: str = "crm",
    target: str = "devops",
    **changes: Any,
) -> Flow:
    """
    Return the flow that opens one work item (an epic) for every active project of the ERP.

    It carries ``project:CODE`` as its reference: an item that has it already is taken over. Its name follows. Where
    the rule gives addresses, it leads to the project (under the role of the ERP), to the opportunity that was won
    (under the role of the CRM) and to the lead that it began with (under ``lead``).

    Args:
        delivery: Types, team project, tags and addresses, as in the table ``[delivery]``.

        source: Role of the ERP.

        sales: Role of the CRM; it is asked where the rule gives addresses there.

        target: Role of the delivery tool.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The rule or the changes are not valid.
    """
    rule = _rule(delivery)

    def project(one: Project, context: Context) -> WorkItem | Skip:
        if one.code is None or not one.is_active:
            return Skip("no code" if one.is_active else "over")
        values = _common(rule, rule.project_type, f"{one.code} · {one.name}", f"project:{one.code}")
        values |= {"due_on": one.ends_on} if one.ends_on is not None else {}
        return WorkItem(**values, links=tuple(_origins(rule, one, context, source, sales)))

    flow = Flow(
        name="project_to_devops",
        source=(source, "Project"),
        target=(target, "WorkItem"),
        project=project,
        lookups={_LEADS: Lookup(sales, "Lead", _won, "lead")} if "lead" in rule.addresses else {},
        match=_REFERENCE,
        keeps=frozenset({"type", "project"}),
        owns=frozenset({"title", "type", "project", "tags", "external_ref", "due_on", "links"}),
        after=("projects",),
        rules=_text(rule),
    )
    return flow.but(**changes) if changes else flow


def features_to_devops(
    *,
    delivery: DeliveryRule | Mapping[str, Any] | None = None,
    source: str = "erp",
    target: str = "devops",
    **changes: Any,
) -> Flow:
    """
    Return the flow that opens the features of a project below its epic, as the rule lists them.

    A feature is known by its place in the list: new ones are added at its end. What people change in it stays.

    Args:
        delivery: The table ``[delivery]``: ``features``, and ``of_project`` for projects with their own.

        source: Role of the ERP.

        target: Role of the delivery tool.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The rule or the changes are not valid.
    """
    rule = _rule(delivery)

    def project(one: Project, context: Context) -> list[WorkItem] | Skip | Wait:
        if one.code is None or one.ref is None or not one.is_active:
            return Skip("no code" if one.is_active else "over")
        features = rule.features_of(one.code)
        if not features:
            return Skip("no features")
        epic = context.linked(one.ref, target, "WorkItem")
        if epic is None:
            return Wait(one.ref)
        return [
            WorkItem(**_common(rule, rule.feature_type, name, f"feature:{one.code}:{place}"), parent=epic)
            for place, name in enumerate(features, 1)
        ]

    flow = Flow(
        name="features_to_devops",
        source=(source, "Project"),
        target=(target, "WorkItem"),
        project=project,
        keeps=frozenset({"type", "project", "title"}),
        owns=frozenset({"title", "type", "project", "tags", "external_ref", "parent"}),
        after=("project_to_devops",),
        relation="made from",
        rules=_text(rule),
    )
    return flow.but(**changes) if changes else flow


def requirements_to_devops(
    *,
    delivery: DeliveryRule | Mapping[str, Any] | None = None,
    source: str = "helpdesk",
    projects: str = "erp",
    target: str = "devops",
    **changes: Any,
) -> Flow:
    """
    Return the flow that makes a requirement of every ticket that asks for work in a project.

    It stands below the feature whose name is the category of the ticket, else below the epic of the project; a ticket
    whose project is not there yet waits. Its text follows the ticket until the team rewrites it.

    Args:
        delivery: The table ``[delivery]``: types of tickets that ask for work.

        source: Role of the help desk.

        projects: Role of the system that keeps projects by code.

        target: Role of the delivery tool.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The rule or the changes are not valid.
    """
    rule = _rule(delivery)

    def project(ticket: Ticket, context: Context) -> WorkItem | Skip | Wait:
        if ticket.type not in rule.requirements or ticket.ref is None:
            return Skip("asks for no work")
        if ticket.project is None:
            msg = "the ticket asks for work and names no project"
            raise MissingReferenceError(msg, hint="choose the project in the help desk; it is tried again then")
        one: Project = context.lookup("delivery_projects", ticket.project)
        parent = _parent(rule, one, ticket, context, target)
        if isinstance(parent, Wait):
            return parent
        values = _common(rule, rule.requirement_type, ticket.title, f"requirement:{ticket.ref.id}")
        values |= {"parent": parent}
        if ticket.description:
            lines = ticket.description.splitlines()
            values["description"] = "".join(f"<p>{html.escape(line)}</p>" for line in lines if line.strip())
        if ticket.due_at is not None:
            values["due_on"] = ticket.due_at.astimezone(context.zone).date()
        template = rule.addresses.get(source)
        if template:
            address = template.replace("{id}", ticket.ref.id)
            values["links"] = (WorkItemLink(relation="hyperlink", target=address, comment=ticket.number),)
        return WorkItem(**values)

    flow = Flow(
        name="requirements_to_devops",
        source=(source, "Ticket"),
        target=(target, "WorkItem"),
        project=project,
        lookups={"delivery_projects": Lookup(projects, "Project", lambda one: one.code, "project")},
        match=_REFERENCE,
        keeps=frozenset({"type", "project"}),
        owns=frozenset({
            "title", "type", "project", "tags", "external_ref", "parent", "description", "due_on", "links",
        }),
        on_conflict="target",
        after=("features_to_devops",),
        relation="made from",
        rules=_text(rule),
    )  # fmt: skip
    return flow.but(**changes) if changes else flow


def _rule(delivery: DeliveryRule | Mapping[str, Any] | None) -> DeliveryRule:
    return delivery if isinstance(delivery, DeliveryRule) else read_delivery(delivery or {})


def _text(rule: DeliveryRule) -> str:
    told = rule.model_dump(mode="json")
    return str(sorted((name, sorted(value) if name == "requirements" else value) for name, value in told.items()))


def _common(rule: DeliveryRule, kind: str, title: str, reference: str) -> dict[str, Any]:
    values: dict[str, Any] = {"type": kind, "external_ref": reference}
    values["title"] = title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 1]}…"
    if rule.team_project is not None:
        values["project"] = rule.team_project
    if rule.tags:
        values["tags"] = rule.tags
    return values


def _origins(rule: DeliveryRule, one: Project, context: Context, erp: str, crm: str) -> Iterator[WorkItemLink]:
    """Yield where the project comes from, as far as the rule gives addresses."""
    there: dict[str, Ref | None] = {erp: one.ref}
    if one.ref is not None and {crm, "lead"} & rule.addresses.keys():
        there[crm] = sale = context.linked(one.ref, crm, "Opportunity")
        lead: Lead | None = context.find(_LEADS, sale.id) if sale is not None and "lead" in rule.addresses else None
        there["lead"] = lead.ref if lead is not None else None
    for name, ref in there.items():
        template = rule.addresses.get(name)
        if template is not None and ref is not None:
            yield WorkItemLink(relation="hyperlink", target=template.replace("{id}", ref.id), comment=name)


def _won(lead: Lead) -> str | None:
    return lead.opportunity.id if lead.opportunity is not None else None


def _parent(rule: DeliveryRule, one: Project, ticket: Ticket, context: Context, target: str) -> Ref | Wait:
    """Return the feature that the category names, else the epic; what is not there yet is waited for."""
    assert one.ref is not None  # noqa: S101 - a record that was read has a ref
    names = [folded(name) for name in rule.features_of(one.code or "")]
    wanted = folded(ticket.category or "")
    ref = one.ref
    if wanted in names:
        ref = ref._replace(id=f"{ref.id}{PART}{names.index(wanted)}")
    return context.linked(ref, target, "WorkItem") or Wait(one.ref)
