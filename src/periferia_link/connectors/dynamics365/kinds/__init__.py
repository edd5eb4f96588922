"""The kinds that this connector knows: for each one a map of columns and two functions, loaded when first used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.dynamics365.kinds._maps import (
    CAMPAIGN_COLUMNS,
    CLIENT_COLUMNS,
    CONTACT_COLUMNS,
    EMPLOYEE_COLUMNS,
    INTERACTION_COLUMNS,
    LEAD_COLUMNS,
    OPPORTUNITY_COLUMNS,
    SURVEY_COLUMNS,
    TICKET_COLUMNS,
)

if TYPE_CHECKING:
    from periferia_link.connectors.dynamics365.kinds._links import Terms
    from periferia_link.domain import Entity

__all__ = ["DYNAMICS365_FIELDS", "Codec", "codec_of", "maps_of"]

DYNAMICS365_FIELDS = FieldMap({
    "Client": CLIENT_COLUMNS,
    "Opportunity": OPPORTUNITY_COLUMNS,
    "Contact": CONTACT_COLUMNS,
    "Lead": LEAD_COLUMNS,
    "Ticket": TICKET_COLUMNS,
    **INTERACTION_COLUMNS,
    "Campaign": CAMPAIGN_COLUMNS,
    "Survey": SURVEY_COLUMNS,
    "Employee": EMPLOYEE_COLUMNS,
})  # fmt: skip
"""The columns of a fresh environment with the publisher prefix ``pl``."""


class Codec:
    """
    How rows of one map become entities and fields become bodies; by which fields people look for them.

    The model and the functions of a kind are loaded when its first record is read or written.

    Args:
        home: File of the functions, ``<home>_from_wire`` and ``<home>_to_wire``; a ``<home>_reader`` in it makes a
            quicker ``from_wire`` for many rows, a ``<home>_writer`` a quicker ``to_wire``.

        find_fields: Fields that records are looked up by.

        has_choices_of_target: A lookup of it may point to several tables, so that its rows are asked for with the
            annotation that says which.

        is_written: There is a ``<home>_to_wire``; without it the kind is read only.

        told: What both functions are given beside the rest.
    """

    def __init__(
        self,
        home: str,
        find_fields: Collection[str] = (),
        *,
        has_choices_of_target: bool = False,
        is_written: bool = True,
        **told: str,
    ) -> None:
        self.find_fields = frozenset(find_fields)
        self.has_choices_of_target = has_choices_of_target
        self.is_written = is_written
        self._home = home
        self._told = told

    @cached_property
    def from_wire(self) -> Callable[..., Entity]:
        """What makes an entity of a row."""
        return partial(self._function("from_wire"), **self._told)

    @cached_property
    def to_wire(self) -> Callable[..., dict[str, Any]] | None:
        """What makes a body of an entity and the names of the fields to write; ``None`` for a kind that is read."""
        return partial(self._function("to_wire"), **self._told) if self.is_written else None

    def decoder(self, fields: FieldMap, system: str, terms: Terms) -> Callable[[Mapping[str, Any]], Entity]:
        """
        Return what makes entities of rows.

        Args:
            fields: Columns of the installation.

            system: Instance name.

            terms: Of the environment.
        """
        reader = self._function("reader")
        if reader is not None:
            made: Callable[[Mapping[str, Any]], Entity] = reader(fields, system, terms=terms)
            return made
        return lambda row: self.from_wire(row, fields, system, terms=terms)

    def encoder(
        self, names: frozenset[str], fields: FieldMap, terms: Terms
    ) -> Callable[[Entity], dict[str, Any]] | None:
        """
        Return what makes bodies of entities; ``None`` for a kind that is read.

        Args:
            names: Fields to write.

            fields: Columns of the installation.

            terms: Of the environment.
        """
        to_wire = self.to_wire
        if to_wire is None:
            return None
        writer = self._function("writer")
        if writer is not None:
            made: Callable[[Entity], dict[str, Any]] = writer(names, fields, terms=terms)
            return made
        return lambda entity: to_wire(entity, names, fields, terms=terms)

    def _function(self, name: str) -> Any:
        return getattr(importlib.import_module(f"{__name__}._{self._home}"), f"{self._home}_{name}", None)


_CODECS: Final[Mapping[str, Codec]] = {
    "Campaign": Codec("campaign", ("code", "name")),
    "Client": Codec("client", ("code", "name", "tax_id")),
    "Contact": Codec("contact", ("code", "email", "name"), has_choices_of_target=True),
    "Employee": Codec("employee", ("email", "name"), is_written=False),
    "Lead": Codec("lead", ("email", "number", "subject")),
    "Opportunity": Codec("opportunity", ("name", "number")),
    "Survey": Codec("survey", ("client_key", "email"), has_choices_of_target=True),
    "Ticket": Codec("ticket", ("external_ref", "number"), has_choices_of_target=True),
}
_READ_SURVEY: Final = Codec("survey", ("client_key", "email"), has_choices_of_target=True, is_written=False)
_TEXT_KEYS: Final = ("code", "email", "external_ref", "name", "number")


def codec_of(name: str, fields: FieldMap) -> Codec:
    """
    Return how one map of the field map is read and written.

    Args:
        name: A kind, or ``Interaction.<channel>``.

        fields: Columns of the installation.

    Raises:
        ConfigurationError: A kind of the installation whose name is none.
    """
    kind = name.partition(".")[0]
    if kind == "Interaction":
        return Codec("interaction", ("external_ref",), has_choices_of_target=True, name=name)
    if kind == "Survey" and fields["Survey"].table == SURVEY_COLUMNS.table:
        return _READ_SURVEY
    known = _CODECS.get(name)
    if known is not None:
        return known
    from periferia_link.connectors.dynamics365.kinds._own_table import model_of  # noqa: PLC0415 - few have such tables

    model_of(kind)
    return Codec("own_table", _TEXT_KEYS, has_choices_of_target=True, kind=name)


def maps_of(kind: str, fields: Collection[str]) -> tuple[str, ...]:
    """Return the maps of a kind, its own first: a kind may live in several tables."""
    return (kind, *sorted(name for name in fields if name.startswith(f"{kind}.")))
