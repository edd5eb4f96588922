"""What the environment tells about itself: columns, lookups, choices, keys; each asked once."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from periferia_link.connectors.dynamics365.reading._web_api import WebApi
from periferia_link.errors import ConnectorError
from periferia_link.transport._odata import literal, query

__all__ = ["Attribute", "Metadata", "label_in"]

_NAMESPACE: Final = "Microsoft.Dynamics.CRM."
_ATTRIBUTE: Final = (
    "LogicalName", "AttributeType", "DisplayName", "IsCustomAttribute", "IsValidForRead", "AttributeOf"
)  # fmt: skip
_RELATION: Final = ("ReferencingAttribute", "ReferencedEntity", "ReferencingEntityNavigationPropertyName")
_LISTS: Final = {"Picklist": "Picklist", "State": "State", "Status": "Status", "Boolean": "Boolean"}


class Attribute(NamedTuple):
    """One column of a table, as its makers described it; ``wire`` is its name in rows and queries."""

    name: str
    type: str
    label: str
    is_custom: bool
    is_readable: bool

    @property
    def wire(self) -> str:
        """The property of a row: a lookup stands there as ``_name_value``."""
        return f"_{self.name}_value" if self.type in ("Lookup", "Customer", "Owner") else self.name


class Metadata:
    """
    Definitions of tables, kept once they were asked for; thread-safe.

    Names are never derived: plurals are irregular and the case of navigation properties is their makers'. Source:
    "Query table definitions using the Web API".
    """

    def __init__(self, api: WebApi) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._relations: dict[str, dict[tuple[str, str], str]] = {}
        self._attributes: dict[str, tuple[Attribute, ...]] = {}
        self._options: dict[tuple[str, str], dict[str, dict[int, str]]] = {}

    def relations(
        self, lookups: Iterable[tuple[str, str]], logical_names: Mapping[str, str]
    ) -> dict[tuple[str, str, str], str]:
        """
        Return navigation properties by (logical name, lookup as it is read, logical name of the target).

        Args:
            lookups: Entity set and column of the lookups that are wanted.

            logical_names: By entity set; tables without one are left out.
        """
        wanted = {(logical_names[table], column) for table, column in lookups if table in logical_names}
        found: dict[tuple[str, str, str], str] = {}
        for table in sorted({logical for logical, _ in wanted}):
            for (column, target), name in self._navigation(table).items():
                if (table, column) in wanted:
                    found[table, column, target] = name
        return found

    def _navigation(self, logical: str) -> Mapping[tuple[str, str], str]:
        with self._lock:
            known = self._relations.get(logical)
            if known is None:
                path = f"{_table(logical)}/ManyToOneRelationships"
                try:
                    rows = list(self._api.rows(query(path, select=_RELATION)))
                except ConnectorError:
                    return {}  # a table that keeps them to itself: the names of columns serve
                known = self._relations[logical] = {
                    (f"_{row.get(_RELATION[0])}_value", str(row.get(_RELATION[1]))): str(row.get(_RELATION[2]))
                    for row in rows
                }
            return known

    def attributes(self, logical: str) -> tuple[Attribute, ...]:
        """
        Return the columns of a table.

        Raises:
            ConnectorError: The environment refused.
        """
        with self._lock:
            known = self._attributes.get(logical)
            if known is None:
                rows = self._api.rows(query(f"{_table(logical)}/Attributes", select=_ATTRIBUTE))
                known = self._attributes[logical] = tuple(_attribute(row) for row in rows if not row.get("AttributeOf"))
            return known

    def options(self, logical: str, sort: str = "Picklist") -> Mapping[str, Mapping[int, str]]:
        """
        Return the labels of the choices of a table, by column and number.

        Args:
            logical: Logical name of the table.

            sort: ``Picklist``, ``State`` or ``Status``.

        Raises:
            ConnectorError: The environment refused.
        """
        with self._lock:
            known = self._options.get((logical, sort))
            if known is None:
                path = f"{_table(logical)}/Attributes/{_NAMESPACE}{_LISTS[sort]}AttributeMetadata"
                rows = self._api.rows(query(path, select=["LogicalName"], expand="OptionSet"))
                known = self._options[logical, sort] = {
                    str(row.get("LogicalName")): _labels(row.get("OptionSet") or row.get("GlobalOptionSet"))
                    for row in rows
                }
            return known

    def keys(self, logical: str) -> list[tuple[str, ...]]:
        """
        Return the alternate keys of a table that are ready to be used, each as its columns.

        Raises:
            ConnectorError: The environment refused.
        """
        rows = self._api.rows(query(f"{_table(logical)}/Keys", select=["KeyAttributes", "EntityKeyIndexStatus"]))
        return [tuple(row.get("KeyAttributes") or ()) for row in rows if row.get("EntityKeyIndexStatus") == "Active"]


def label_in(told: Any) -> str:
    """Return the text of a label in the language of the user, or the first one; empty where there is none."""
    if not isinstance(told, dict):
        return ""
    own, others = told.get("UserLocalizedLabel"), told.get("LocalizedLabels") or []
    first = own or (others[0] if others else None)
    return str(first.get("Label") or "") if isinstance(first, dict) else ""


def _table(logical: str) -> str:
    return f"EntityDefinitions(LogicalName={literal(logical)})"


def _attribute(row: Mapping[str, Any]) -> Attribute:
    return Attribute(
        str(row.get("LogicalName")),
        str(row.get("AttributeType")),
        label_in(row.get("DisplayName")),
        row.get("IsCustomAttribute") is True,
        row.get("IsValidForRead") is not False,
    )


def _labels(told: Any) -> dict[int, str]:
    options = told.get("Options") if isinstance(told, dict) else None
    pairs = (each for each in options or () if isinstance(each, dict) and isinstance(each.get("Value"), int))
    return {each["Value"]: label_in(each.get("Label")) for each in pairs}
