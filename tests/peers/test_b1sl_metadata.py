"""
Our connector and the emulated company use the names of SAP's metadata 1.27, of which b1sl-python made its models.

``pip install b1sl-python`` (0.16 or later); nothing is sent.
"""

from __future__ import annotations

import enum
import typing

import pytest

pytest.importorskip("b1sl.b1sl", reason="b1sl-python is missing")

from b1sl.b1sl import entities as en
from b1sl.b1sl.models._generated import complex_types

from periferia_link.connectors.sap_business_one import SAP_FIELDS
from periferia_link.connectors.sap_business_one.kinds import TRAITS
from periferia_link.testing.emulators._sap_tables import TABLES

JOURNAL = {"DueDate", "IsCostCenterTransfer", "JdtNum", "JournalEntryLines", "Memo", "Number", "Original"} | {
    *("OriginalJournal", "ProjectCode", "Reference", "Reference3", "ReferenceDate", "StornoDate", "TransactionCode")
}
KNOWN = {
    # what an approval procedure makes of a journal entry stands among the drafts here, with its own fields
    "Drafts": JOURNAL,
    # told by the guide 1.28, younger than the metadata
    "EventSubscription": {*TABLES["EventSubscription"].defaults},
}
SETS = [name for name in TABLES if name not in KNOWN or name == "Drafts"]


def fields_of(entity):
    """The properties of an entity by their wire names."""
    model = getattr(en, entity, None) or getattr(complex_types, entity)
    return {field.alias or name: field for name, field in model.model_fields.items()}


@pytest.mark.parametrize("name", SETS)
class TestNames:
    """Entity by entity."""

    def test_fields(self, name):
        """Every property of a record is one of SAP's."""
        table = TABLES[name]
        unknown = set(table.defaults) - set(fields_of(table.entity)) - KNOWN.get(name, set()) - {"DataVersion"}

        assert unknown == set()

    def test_lines(self, name):
        """So is every property of a line."""
        for lines in TABLES[name].lines.values():
            assert set(lines.defaults) - set(fields_of(lines.entity)) == set()

    def test_kinds_of_values(self, name):
        """Members of enums that a new record has, or that an action sets, are SAP's."""
        table = TABLES[name]
        fields = fields_of(table.entity)
        given = [table.defaults, *table.actions.values()]
        for column, value in [pair for values in given for pair in values.items()]:
            members = enum_of(fields.get(column))
            if isinstance(value, str) and members is not None:
                assert value in {member.value for member in members}, column

    def test_stored_values(self, name):
        """Members that a filter may name by their stored value are SAP's."""
        table = TABLES[name]
        fields = fields_of(table.entity)
        for column, members in table.enums.items():
            known = enum_of(fields.get(column))
            if known is not None:
                assert set(members.values()) <= {member.value for member in known}, column


@pytest.mark.parametrize("kind", sorted(SAP_FIELDS))
def test_our_columns(kind):
    """Every column that our connector asks for is SAP's, or a user field."""
    columns = {*SAP_FIELDS[kind].select, *TRAITS[kind].also}
    known = fields_of(TABLES[SAP_FIELDS[kind].table].entity)

    assert {column for column in columns if not column.startswith("U_")} - set(known) - {"DataVersion"} == set()


def enum_of(field):
    """The enum of a property, if it has one."""
    if field is None:
        return None
    choices = (field.annotation, *typing.get_args(field.annotation))
    return next((each for each in choices if isinstance(each, type) and issubclass(each, enum.Enum)), None)
