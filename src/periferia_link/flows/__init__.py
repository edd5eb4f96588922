"""Flows that ship with the library: declarations to use as they are, to change with ``.but()``, or to learn from."""

from periferia_link.flows.billing_proposals import billing_proposals
from periferia_link.flows.client_context import client_context
from periferia_link.flows.clients import clients
from periferia_link.flows.delivery_state import delivery_to_crm, delivery_to_helpdesk
from periferia_link.flows.detractor_loop import (
    ask_again,
    detractor_loops,
    detractor_ticket_ends,
    detractor_work_ends,
)
from periferia_link.flows.detractors import detractor_links, detractor_work, detractors
from periferia_link.flows.helpdesk_clients import helpdesk_clients
from periferia_link.flows.labour_costs import labour_costs
from periferia_link.flows.leads import leads
from periferia_link.flows.project_to_devops import features_to_devops, project_to_devops, requirements_to_devops
from periferia_link.flows.project_to_helpdesk import project_state, project_to_helpdesk, team_to_helpdesk
from periferia_link.flows.projects import projects
from periferia_link.flows.proposal_state import proposal_state
from periferia_link.flows.readiness import readiness
from periferia_link.flows.surveys_to_crm import surveys_to_crm
from periferia_link.flows.ticket_priorities import ticket_priorities
from periferia_link.flows.ticket_timeline import ticket_timeline
from periferia_link.flows.tickets_to_crm import tickets_to_crm

__all__ = [
    "ask_again",
    "billing_proposals",
    "client_context",
    "clients",
    "delivery_to_crm",
    "delivery_to_helpdesk",
    "detractor_links",
    "detractor_loops",
    "detractor_ticket_ends",
    "detractor_work",
    "detractor_work_ends",
    "detractors",
    "features_to_devops",
    "helpdesk_clients",
    "labour_costs",
    "leads",
    "project_state",
    "project_to_devops",
    "project_to_helpdesk",
    "projects",
    "proposal_state",
    "readiness",
    "requirements_to_devops",
    "surveys_to_crm",
    "team_to_helpdesk",
    "ticket_priorities",
    "ticket_timeline",
    "tickets_to_crm",
]
