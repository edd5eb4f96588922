"""Lookups: which record a column points to, and how one is bound; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.dynamics365.kinds._columns import guid, ref_of
from periferia_link.domain import Ref
from periferia_link.errors import RecordInvalidError

__all__ = ["LOGICAL_NAMES", "LOOKUP_TABLE", "TERMS", "USERS", "Terms", "bind", "pointed_at"]

LOOKUP_TABLE: Final = "@Microsoft.Dynamics.CRM.lookuplogicalname"
"""Annotation of a lookup that may point to several tables: the logical name of the one it points to."""

USERS: Final = "systemusers"
"""Entity set of the owners of records; their kind in a :class:`Ref` is ``User``, or ``Employee`` where read as one."""

LOGICAL_NAMES: Final[Mapping[str, str]] = MappingProxyType({
    "accounts": "account", "annotations": "annotation", "appointments": "appointment", "campaigns": "campaign",
    "contacts": "contact", "emails": "email", "incidents": "incident", "leads": "lead",
    "msfp_surveyresponses": "msfp_surveyresponse", "opportunities": "opportunity", "phonecalls": "phonecall",
    "socialactivities": "socialactivity", USERS: "systemuser", "tasks": "task", "teams": "team",
})  # fmt: skip
"""Logical names of the standard tables; those of an installation are asked of the environment, never derived."""

_OWNERS: Final = {"User": USERS, "Employee": USERS, "Team": "teams"}
_KINDS: Final = {
    "account": "Client", "contact": "Contact", "lead": "Lead", "opportunity": "Opportunity", "incident": "Ticket",
    "campaign": "Campaign", "systemuser": "User", "team": "Team",
}  # fmt: skip

# Navigation properties of lookups with several targets (ce/developer/reference/entities/*.md).
_BY_TARGET: Final = {
    "_customerid_value": "customerid_{target}",
    "_parentcustomerid_value": "parentcustomerid_{target}",
    "_objectid_value": "objectid_{target}",
    "_regardingobjectid_value": "regardingobjectid_{target}_{table}",
}


@dataclass(frozen=True, slots=True)
class Terms:
    """
    What rows and bodies depend on beside the columns.

    ``currency`` is that of the amounts (ISO 4217). ``navigation`` names the navigation property of a lookup column
    where it differs from the column's name; case matters. ``logical_names`` are logical names by entity set.
    ``relations`` are navigation properties by (logical name of the table, lookup column, logical name of the target),
    as the environment tells them.
    """

    currency: str = "COP"
    navigation: Mapping[str, str] = field(default_factory=dict)
    logical_names: Mapping[str, str] = field(default_factory=lambda: LOGICAL_NAMES)
    relations: Mapping[tuple[str, str, str], str] = field(default_factory=dict)

    def logical_name(self, entity_set: str) -> str | None:
        """Return the logical name of a table, where it is known."""
        return self.logical_names.get(entity_set) or LOGICAL_NAMES.get(entity_set)


TERMS: Final = Terms()
"""A fresh environment in Colombian pesos."""


def pointed_at(row: Mapping[str, Any], column: str, fields: FieldMap, system: str, terms: Terms = TERMS) -> Any:
    """
    Return the record that a lookup with several targets points to; ``None`` when it is empty.

    The kind follows from the annotation beside it; without one it is a client.
    """
    value = row.get(column)
    if value is None:
        return None
    logical = row.get(column + LOOKUP_TABLE, "account")
    own = (kind for kind in fields if "." not in kind and terms.logical_name(fields[kind].table) == logical)
    return ref_of(value, _KINDS.get(logical) or next(own, str(logical)), system)


def bind(
    column: str, target: Ref | None, fields: FieldMap, terms: Terms = TERMS, *, table: str = ""
) -> dict[str, str | None]:
    """
    Return the ``@odata.bind`` that sets a lookup, or empties it.

    Args:
        column: The lookup as it is read: ``_customerid_value``.

        target: The record to point to.

        fields: Tables of the kinds.

        terms: Of the environment.

        table: Entity set that has the lookup.

    Raises:
        RecordInvalidError: The reference is not one to a record of this environment.
    """
    if target is None:
        # one column lies under all its navigation properties: emptied by its own name
        return {_navigation(column, "account", table, terms) + "@odata.bind": None}
    entity_set = fields[target.kind].table if target.kind in fields else _OWNERS.get(target.kind)
    key = guid(target.id)
    if entity_set is None or key is None:
        msg = f"{column} cannot point to a {target.kind} that is no record of this environment"
        raise RecordInvalidError(msg, hint="link the other record first")
    logical = terms.logical_name(entity_set) or target.kind.lower()
    return {f"{_navigation(column, logical, table, terms)}@odata.bind": f"/{entity_set}({key})"}


def _navigation(column: str, target: str, table: str, terms: Terms) -> str:
    told = terms.navigation.get(column)
    if told is not None:
        return told
    own = terms.logical_name(table) or ""
    related = terms.relations.get((own, column, target))
    if related is not None:
        return related
    plain = _BY_TARGET.get(column)
    if plain is not None:
        return plain.format(target=target, table=own)
    return column.removeprefix("_").removesuffix("_value")
