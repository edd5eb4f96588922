"""Notes and activities of the CRM as interactions: the channel decides the table; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.dynamics365.kinds._fields import read_fields, written_fields
from periferia_link.connectors.dynamics365.kinds._links import TERMS, Terms
from periferia_link.connectors.dynamics365.kinds._maps import INTERACTION_COLUMNS, interaction_map
from periferia_link.domain import Interaction

__all__ = ["INTERACTION_COLUMNS", "interaction_from_wire", "interaction_map", "interaction_to_wire"]

# Status reasons of open, done and cancelled activities (task.md, phonecall.md, email.md, appointment.md …).
_STATUSES: Final = {"tasks": (2, 5), "phonecalls": (1, 2), "emails": (1, 2), "appointments": (1, 3)}
_USUAL: Final = (1, 2)


def interaction_from_wire(
    row: Mapping[str, Any], fields: FieldMap, system: str, *, terms: Terms = TERMS, name: str = "Interaction"
) -> Interaction:
    """
    Make an interaction of a note or activity; what it is about tells whose it is.

    Args:
        row: Columns by name.

        fields: Columns of the installation.

        system: Instance name.

        terms: Of the environment.

        name: The map of the row's table.

    Raises:
        ValidationError: The row does not fit the model.
    """
    values = read_fields(Interaction, row, name, fields, system, terms=terms)
    values["channel"] = name.partition(".")[2] or "note"
    values.setdefault("subject", _first_line(values.get("text")))
    if fields[name].columns.get("is_done") == "statecode" and "is_done" in values:
        values["is_done"] = values["is_done"] != 0
    if isinstance(values.get("direction"), bool):
        values["direction"] = "outgoing" if values["direction"] else "incoming"
    regarding = values.get("regarding")
    whose = {"Client": "client", "Contact": "contact"}.get(getattr(regarding, "kind", ""))
    if whose is not None:
        values.setdefault(whose, regarding)
    return Interaction.model_validate(values)


def interaction_to_wire(
    entity: Interaction,
    fields: Collection[str],
    field_map: FieldMap,
    *,
    terms: Terms = TERMS,
    name: str | None = None,
) -> dict[str, Any]:
    """
    Return the body that writes these fields of an interaction; those without a column do not travel.

    One that is about nothing in particular is filed with its contact or client.

    Args:
        entity: The interaction.

        fields: What to write.

        field_map: Columns of the installation.

        terms: Of the environment.

        name: The map of its table; the channel decides without it.

    Raises:
        RecordInvalidError: A link leads to no record of this environment.
    """
    name = name or interaction_map(entity.channel, field_map)
    columns = field_map[name]
    about = entity.regarding or entity.contact or entity.client
    if about is not entity.regarding and {"regarding", "contact", "client"} & set(fields):
        entity = entity.model_copy(update={"regarding": about})
        fields = {*fields, "regarding"}
    body = written_fields(entity, set(fields) - {"direction"}, name, field_map, terms=terms)
    if "direction" in fields and entity.direction is not None and "direction" in columns.columns:
        body[columns.columns["direction"]] = entity.direction == "outgoing"
    if "is_done" in fields and columns.columns.get("is_done") == "statecode":
        begun, done = _STATUSES.get(columns.table, _USUAL)
        body |= {"statecode": int(entity.is_done), "statuscode": done if entity.is_done else begun}
    return body


def _first_line(text: Any) -> str:
    line = next((line.strip() for line in str(text or "").splitlines() if line.strip()), "")
    return line[:200] or "(no subject)"
