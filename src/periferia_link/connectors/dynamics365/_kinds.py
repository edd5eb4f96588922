"""The kinds that this connector knows: for each one a map of columns and two functions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, NamedTuple

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.dynamics365._client import CLIENT_COLUMNS, client_from_wire, client_to_wire
from periferia_link.connectors.dynamics365._opportunity import (
    OPPORTUNITY_COLUMNS,
    opportunity_from_wire,
    opportunity_to_wire,
)
from periferia_link.domain import Entity

__all__ = ["DYNAMICS365_FIELDS", "Codec", "codecs"]

DYNAMICS365_FIELDS = FieldMap({"Client": CLIENT_COLUMNS, "Opportunity": OPPORTUNITY_COLUMNS})
"""The columns of a fresh environment with the publisher prefix ``pl``."""


class Codec(NamedTuple):
    """How rows of one kind become entities and fields become bodies; by which fields people look for them."""

    from_wire: Callable[[Mapping[str, Any], FieldMap, str], Entity]
    to_wire: Callable[[Any, Collection[str], FieldMap], dict[str, Any]]
    find_fields: frozenset[str]


def codecs(*, currency: str, navigation: Mapping[str, str]) -> dict[str, Codec]:
    """
    Return the codec of every kind.

    Args:
        currency: Currency of the environment (ISO 4217).

        navigation: Navigation properties of lookups, where they differ from the column's name.
    """
    return {
        "Client": Codec(
            client_from_wire,
            partial(client_to_wire, navigation=navigation),
            frozenset({"code", "name", "tax_id"}),
        ),
        "Opportunity": Codec(
            partial(opportunity_from_wire, currency=currency),
            partial(opportunity_to_wire, currency=currency, navigation=navigation),
            frozenset({"name", "number"}),
        ),
    }
