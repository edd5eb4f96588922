"""Paths and values of a profile: where a field stands, and what it looks like there."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal

import pytest

from periferia_link.connectors.ticketing._events import Events
from periferia_link.connectors.ticketing._paths import first_set, look_up, put
from periferia_link.connectors.ticketing._values import UnknownWordError, Values, kind_of_value
from periferia_link.connectors.ticketing.profile import EventRules, FieldRules, TimeRules, ValueMap
from periferia_link.domain import Client, ClientContext, Project, Ref, Ticket, TimeEntry

ROW = {"a": {"b": [1, {"c": "x"}]}, "fields": [{"id": 7, "value": "siete"}], "@links": {"next": 1}, "^": {"q": 2}}
NOON = datetime(2026, 11, 20, 17, tzinfo=timezone.utc)


class TestPaths:
    """One text names a place in JSON."""

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("", ROW),
            ("a.b.0", 1),
            ("a.b.1.c", "x"),
            ("a.b.9", None),
            ("a.z.c", None),
            ("fields[id=7].value", "siete"),
            ("fields[id=8].value", None),
            ("@links.next", 1),
            ("^q", 2),
        ],
    )
    def test_reading(self, path, value):
        """Members, entries by place and by key, the parent; nothing where it leads nowhere."""
        assert value == look_up(ROW, path)

    def test_the_first_that_is_set(self):
        """Several paths are tried in order; an empty text is not set."""
        assert "b" == first_set({"x": "", "y": None, "z": "b"}, ("x", "y", "z"))

    def test_writing(self):
        """Objects and entries on the way are made, and shared by paths that meet."""
        record = {}
        put(record, "a.b", 1)
        put(record, "a.c", 2)
        put(record, "f[id=7].value", "x")
        put(record, "f[id=k].value", "y")
        wanted = {"a": {"b": 1, "c": 2}, "f": [{"id": 7, "value": "x"}, {"id": "k", "value": "y"}]}
        assert wanted == record


def values(reading="text", times=None, words=None, target="", **rules):
    return Values(FieldRules(**rules), reading, TimeRules(**(times or {})), words, target)


class TestReading:
    """Wire to domain."""

    @pytest.mark.parametrize(
        ("model", "name", "reading"),
        [
            (Ticket, "title", "text"),
            (Ticket, "status", "text"),
            (Ticket, "opened_at", "time"),
            (Ticket, "client", "ref"),
            (TimeEntry, "worked_on", "date"),
            (TimeEntry, "hours", "decimal"),
            (TimeEntry, "is_billable", "boolean"),
            (Project, "ends_on", "date"),
            (Client, "tax_id", "tax-id"),
            (ClientContext, "value", "money"),
            (ClientContext, "answers", "integer"),
        ],
    )
    def test_the_type_of_the_field_decides(self, model, name, reading):
        """Where the profile says nothing."""
        assert reading == kind_of_value(model, name)

    @pytest.mark.parametrize(
        ("told", "times"),
        [
            ("2026-11-20T17:00:00Z", {"zone": "UTC"}),
            ("2026-11-20T12:00:00.000-0500", {"zone": "UTC"}),
            ("2026-11-20T12:00:00.1234567-05:00", {"zone": "UTC"}),
            ("2026-11-20T12:00:00", {"zone": "America/Bogota"}),
            ("2026-11-20.17:00:00", {"format": "%Y-%m-%d.%H:%M:%S"}),
            (1795194000, {"format": "epoch"}),
            ("1795194000000", {"format": "epoch-ms"}),
        ],
    )
    def test_times(self, told, times):
        """With a zone, without one, in seconds, in a pattern."""
        found = values("time", times).read(told, "desk")
        assert NOON.replace(microsecond=0) == found.replace(microsecond=0)

    def test_no_time(self):
        """Some servers write no date as 1970."""
        assert values("time", {"null": ["1970-01-01T00:00:00Z"]}).read("1970-01-01T00:00:00Z", "desk") is None

    def test_a_date_of_a_moment(self):
        """23:30 in Bogotá is still today."""
        read = values("date", zone="America/Bogota").read
        assert date(2026, 11, 20) == read("2026-11-21T04:30:00Z", "desk")
        assert "2026-11-20" == read("2026-11-20", "desk")

    @pytest.mark.parametrize(
        ("unit", "told", "hours"),
        [
            ("hours", "7.50", "7.50"),
            ("hours", 3, "3"),
            ("minutes", 90, "1.5"),
            ("minutes", "10", "0.1667"),
            ("seconds", 12000, "3.3333"),
            ("clock", "01:30:00", "1.5"),
            ("clock", "07:05", "7.0833"),
        ],
    )
    def test_durations(self, unit, told, hours):
        """All of them become hours."""
        assert Decimal(hours) == values(unit).read(told, "desk")

    @pytest.mark.parametrize("told", ["1:2:3:4", "ab", "", "90"])
    def test_a_clock_that_is_none(self, told):
        """It is refused."""
        with pytest.raises(ValueError, match="duration"):
            values("clock").read(told, "desk")

    def test_references(self):
        """An id becomes a reference into the same system, whatever type it has there."""
        assert Ref("desk", "Client", "7") == values("ref", target="Client").read(7, "desk")

    def test_a_pattern(self):
        """Its group is the value; what does not match is nothing."""
        read = values(pattern=r"^PRY-(\d+)").read
        assert ("12", None) == (read("PRY-12 x", "desk"), read("otro", "desk"))

    def test_words(self):
        """Listed ones, the stated default, or an error without the word in it."""
        listed = ValueMap(values={"1": "open"})
        assert "open" == values(words=listed).read(1, "desk")
        assert "low" == values(words=ValueMap(default="low")).read("zz", "desk")
        assert "zz" == values(words=ValueMap(keep=True)).read("zz", "desk")
        with pytest.raises(UnknownWordError) as caught:
            values(words=listed).read("canary", "desk")
        assert "canary" not in str(caught.value)


class TestWriting:
    """Domain to wire."""

    def test_times(self):
        """In the form and zone of the server."""
        assert "2026-11-20T17:00:00Z" == values("time").write(NOON)
        assert "2026-11-20.12:00:00" == values("time", zone="America/Bogota", format="%Y-%m-%d.%H:%M:%S").write(NOON)
        assert 1795194000 == values("time", {"write": "epoch"}).write(NOON)

    def test_durations(self):
        """Hours, minutes, a clock; as texts or numbers."""
        hours = Decimal("1.5")
        assert ["1.5", 90, "01:30:00"] == [values(unit).write(hours) for unit in ("hours", "minutes", "clock")]
        assert hours == values("hours", write_as="number").write(hours)

    def test_words(self):
        """The word to write where it is said, else the first listed one; a table of members; or an error."""
        words = ValueMap(values={"1": "open", "2": "open", "3": "on_hold"}, write={"on_hold": {"hold": True}})
        assert "1" == values(words=words).write("open")
        assert {"hold": True} == values(words=words).write("on_hold")
        with pytest.raises(UnknownWordError, match="closed"):
            values(words=words).write("closed")

    def test_nothing_empties(self):
        """None is null there."""
        assert values().write(None) is None


class TestHistories:
    """Rows of any shape become events in order of time."""

    STATUS = Values(FieldRules(), "text", TimeRules(), ValueMap(values={"1": "open", "3": "resolved"}))

    def test_rows_of_states(self):
        """What a comment says of the state; where nothing says the first state, the profile does."""
        rules = EventRules(
            rows="log",
            at=FieldRules(path="date"),
            fields={"status": FieldRules(path="new"), "note": FieldRules(path="text")},
            first_status="open",
        )
        log = [
            {"id": 2, "date": "2026-11-20T18:00:00Z", "new": 3, "text": "listo"},
            {"id": 1, "date": "2026-11-20T17:00:00Z", "new": None, "text": "abierto"},
        ]
        found = Events(rules, self.STATUS, None, TimeRules()).read({"log": log}, opened_at=NOON)
        assert ["open", None, "resolved"] == [event.get("status") for event in found]
        assert [None, "abierto", "listo"] == [event.get("note") for event in found]

    def test_rows_of_changes(self):
        """One row, several members that changed; those that nobody maps are left out."""
        rules = EventRules(
            rows="journals",
            at=FieldRules(path="on"),
            changes="details",
            member="name",
            new="new_value",
            members={"status_id": "status", "assigned_to_id": "assignee"},
        )
        details = [{"name": "status_id", "new_value": "3"}, {"name": "done_ratio", "new_value": "10"}]
        journals = [{"id": 5, "on": "2026-11-20T17:00:00Z", "details": details}]
        (event,) = Events(rules, self.STATUS, None, TimeRules()).read({"journals": journals})
        assert ("resolved", "3", "5") == (event["status"], event["raw_status"], event["id"])
