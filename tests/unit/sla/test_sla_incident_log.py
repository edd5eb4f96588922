"""Reading an audit log: rows become events, what is wrong is said."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from periferia_link.errors import ConfigurationError
from periferia_link.sla.incident_log import COLUMNS, incidents_of, tickets_of

ROW = dict.fromkeys(COLUMNS, "?") | {
    "number": "INC1",
    "incident_state": "New",
    "reassignment_count": "0",
    "reopen_count": "0",
    "sys_mod_count": "0",
    "made_sla": "TRUE",
    "opened_at": "29-02-2016 01:16",
    "sys_updated_at": "29-02-2016 01:23",
    "priority": "3 - Moderate",
    "assignment_group": "Group 56",
    "category": "Category  55",
}
CLOSED = ROW | {
    "incident_state": "Closed",
    "sys_mod_count": "4",
    "made_sla": "FALSE",
    "sys_updated_at": "05-03-2016 12:00",
    "resolved_at": "29-02-2016 11:29",
    "closed_at": "05-03-2016 12:00",
    "priority": "1 - Critical",
    "reassignment_count": "2",
}


class TestReading:
    def test_one_incident(self):
        """Rows in any order; the last one by modification is what the ticket is now."""
        (found,) = incidents_of([CLOSED, ROW])
        one = found.ticket
        assert ("INC1", "closed", "critical", "Category 55") == (one.number, one.status, one.priority, one.category)
        assert datetime(2016, 2, 29, 6, 16, tzinfo=timezone.utc) == one.opened_at
        assert [("INC1/0", "new", "normal"), ("INC1/4", "closed", "critical")] == [
            (event.id, event.status, event.priority) for event in one.events
        ]
        assert (False, 2, 0, 4) == (found.made_sla, found.reassignment_count, found.reopen_count, found.modifications)
        assert None is one.assignee

    def test_another_clock(self):
        """The zone of the log is an argument."""
        (one,) = tickets_of([ROW], zone=timezone.utc, system="desk")
        assert ("desk:Ticket:INC1", 1) == (str(one.ref), one.opened_at.hour)

    def test_nothing(self):
        """An empty log has no tickets."""
        assert [] == tickets_of([])


class TestRefusals:
    def test_a_column_that_is_missing(self):
        """Is named."""
        with pytest.raises(ConfigurationError, match="no column made_sla"):
            tickets_of([{key: value for key, value in ROW.items() if key != "made_sla"}])

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("sys_mod_count", "x", "INC1: sys_mod_count is no whole number"),
            ("sys_updated_at", "2016-02-29", "INC1: sys_updated_at is no day and time"),
            ("sys_updated_at", "?", "INC1: a row has no sys_updated_at"),
            ("incident_state", "Lost", "INC1: nobody knows this incident_state"),
        ],
    )
    def test_a_value_that_cannot_be_read(self, name, value, message):
        """Is named with its incident."""
        with pytest.raises(ConfigurationError, match=message):
            tickets_of([ROW | {name: value}])
