"""Clients of the help desk: each is linked to its account in the CRM by tax id; nothing is created in either."""

from __future__ import annotations

from typing import Any

from periferia_link.domain import Client, folded_name
from periferia_link.engine import Ask, Context, Flow, MatchKey

__all__ = ["helpdesk_clients"]


def _tax_id(client: Client) -> str | None:
    tax_id = client.tax_id
    return f"{tax_id.country}{tax_id.number}" if tax_id is not None and tax_id.is_strong else None


def _project(client: Client, context: Context) -> Client | Ask:
    del context
    wanted = Client(name=client.name, tax_id=client.tax_id, country=client.country)
    if client.tax_id is not None and client.tax_id.standing == "wrong":
        return Ask(f"tax id: {client.tax_id.note}", wanted)
    return wanted


def helpdesk_clients(*, source: str = "helpdesk", target: str = "crm", **changes: Any) -> Flow:
    """
    Return the flow that tells which account of the CRM each client of the help desk is.

    It writes to no system. Matches by tax id; a name without a tax id, a tax id that stands twice and one whose check
    digit is wrong are questions for a person. A client that the CRM does not have is parked until it does, and what
    belongs to it waits: nothing is guessed.

    Args:
        source: Role of the help desk.

        target: Role of the CRM.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The changes do not make a valid flow.
    """
    flow = Flow(
        name="helpdesk_clients",
        source=(source, "Client"),
        target=(target, "Client"),
        project=_project,
        match=(
            MatchKey("tax_id", _tax_id),
            MatchKey("name", lambda client: folded_name(client.name), is_strong=False),
        ),
        creates=False,
        owns=frozenset(),
    )
    return flow.but(**changes) if changes else flow
