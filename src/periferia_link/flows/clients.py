"""Clients: accounts of the CRM become business partners of the ERP, one for each tax id."""

from __future__ import annotations

from typing import Any

from periferia_link.domain import Client, Ref, folded_name
from periferia_link.engine import Ask, Context, Flow, MatchKey

__all__ = ["clients"]


def _tax_id(client: Client) -> str | None:
    tax_id = client.tax_id
    return f"{tax_id.country}{tax_id.number}" if tax_id is not None and tax_id.is_strong else None


def _project(client: Client, context: Context) -> Client | Ask:
    del context
    tax_id = client.tax_id
    wanted = Client(
        name=client.name,
        code=_code(client),
        tax_id=tax_id,
        country=client.country,
        city=client.city,
        email=client.email,
        phone=client.phone,
        is_active=client.is_active,
    )
    if tax_id is not None and tax_id.standing == "wrong":
        return Ask(f"tax id: {tax_id.note}", wanted)
    return wanted


def _code(client: Client) -> str:
    # CardCode takes 15 characters; the tax id is what accountants look for
    if client.tax_id is not None and client.tax_id.is_strong:
        return f"C{client.tax_id.number}"
    assert client.ref is not None  # noqa: S101 - a record that was read has a ref
    return _own_code(client.ref)


def _own_code(ref: Ref) -> str:
    return f"C{ref.id.replace('-', '')[:14].upper()}"


def _apart(wanted: Client, ref: Ref) -> Client:
    """Two accounts with one tax id that a person keeps apart: the code of the tax id belongs to the first."""
    return wanted.model_copy(update={"code": _own_code(ref)})


def clients(*, source: str = "crm", target: str = "erp", **changes: Any) -> Flow:
    """
    Return the flow that keeps business partners in step with accounts.

    Matches by tax id; a partner of the same name without a tax id is a question for a person, and so is a tax id
    whose check digit is wrong. The CRM owns name, contact data and activity; codes of adopted partners stay.

    Args:
        source: Role of the CRM.

        target: Role of the ERP.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The changes do not make a valid flow.
    """
    flow = Flow(
        name="clients",
        source=(source, "Client"),
        target=(target, "Client"),
        project=_project,
        match=(
            MatchKey("tax_id", _tax_id),
            MatchKey("name", lambda client: folded_name(client.name), is_strong=False),
        ),
        keeps=frozenset({"code"}),
        apart=_apart,
        owns=frozenset({"name", "tax_id", "country", "city", "email", "phone", "is_active", "code"}),
    )
    return flow.but(**changes) if changes else flow
