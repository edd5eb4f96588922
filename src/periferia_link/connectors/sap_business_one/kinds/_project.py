"""Projects; pure. Business One has no internal orders: a project stands for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.sap_business_one.kinds._columns import custom_columns, given_fields, texts, written_texts
from periferia_link.connectors.sap_business_one.kinds._fields import SAP_FIELDS
from periferia_link.connectors.sap_business_one.kinds._values import day, is_yes, yes_no
from periferia_link.domain import Project, Ref

__all__ = ["project_from_wire", "project_to_wire"]


def project_from_wire(row: Mapping[str, Any], fields: FieldMap = SAP_FIELDS, system: str = "erp") -> Project:
    """Make a project of a row."""
    columns = fields["Project"]
    given = given_fields(row, columns)
    for name in ("starts_on", "ends_on"):
        if name in given:
            given[name] = day(given[name])
    if "is_active" in given:
        given["is_active"] = is_yes(given["is_active"])
    if "client" in given:  # a user field: Projects has no column of its own for it
        given["client"] = Ref(system, "Client", str(given["client"])) if given["client"] else None
    own = {"ref": Ref(system, "Project", str(row[columns.key])), "custom": columns.custom(row)}
    return Project(**(texts(given, "code", "name") | own))


def project_to_wire(project: Project, names: frozenset[str], fields: FieldMap = SAP_FIELDS) -> dict[str, Any]:
    """
    Return the columns to send for the fields *names*; other fields never travel.

    Raises:
        RecordInvalidError: A value is longer than its column.
    """
    columns = fields["Project"]
    body = custom_columns(project.custom, names, columns)
    body |= written_texts("Project", project, names - {"is_active", "client"}, columns)
    if "client" in names and "client" in columns.columns:
        body[columns.column("client")] = project.client.id if project.client is not None else None
    if "is_active" in names and "is_active" in columns.columns:
        body[columns.column("is_active")] = yes_no(project.is_active)
    return body
