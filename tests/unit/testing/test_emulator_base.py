"""What every emulator stands on: books that roll back, exact JSON, clocks."""

import contextlib
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from periferia_link.errors import ConfigurationError
from periferia_link.testing import ManualClock
from periferia_link.testing.emulators import OffsetClock, json_response
from periferia_link.testing.emulators._emulator import dump_json, parse_json
from periferia_link.typing import Request
from toy_system import ToySystem


class ChangeSetError(Exception):
    """Ends a change set in these tests."""


def fails(toy, change):
    """Run *change* in a transaction that fails."""
    with contextlib.suppress(ChangeSetError), toy.transaction():
        change(toy.books)
        raise ChangeSetError


@pytest.fixture
def toy():
    made = ToySystem()
    made.books["things"] = {"1": {"name": "A", "lines": [{"n": 1}]}, "2": {"name": "B"}}
    return made


class TestTransaction:
    """Change sets are all or nothing."""

    @pytest.mark.parametrize(
        "change",
        [
            lambda books: books["things"].__setitem__("3", {"name": "C"}),
            lambda books: books["things"].__setitem__("1", {"name": "C"}),
            lambda books: books["things"]["1"].update(name="C", more=1),
            lambda books: books["things"]["1"]["lines"].append({"n": 2}),
            lambda books: books["things"].get("1")["lines"][0].update(n=9),
            lambda books: books["things"].__delitem__("1"),
            lambda books: books["things"].pop("2"),
            lambda books: books["things"].pop("9", None),
            lambda books: books["things"].setdefault("3", {}).update(name="C"),
            lambda books: books["things"].update({"1": {}, "4": {}}),
            lambda books: books["things"].clear(),
            lambda books: books["others"].update({"1": {}}),
            lambda books: books.__setitem__("things", {}),
            lambda books: books.update({"things": {}, "others": {}}),
            lambda books: books.setdefault("others", {"1": {}})["1"].update(a=1),
        ],
    )
    def test_a_failed_change_leaves_no_trace(self, toy, change):
        """However the books were changed."""
        fails(toy, change)

        things = toy.books.pop("things")
        assert {"1": {"name": "A", "lines": [{"n": 1}]}, "2": {"name": "B"}} == things
        assert not any(toy.books.values())

    def test_a_change_that_succeeds_stays(self, toy):
        """And is out of reach of the next failure."""
        with toy.transaction():
            toy.books["things"]["1"]["name"] = "C"
        fails(toy, lambda books: books["things"]["1"].update(name="D"))

        assert "C" == toy.books["things"]["1"]["name"]

    def test_transactions_nest(self, toy):
        """The failure of an inner one leaves the outer one's changes; the outer one takes all of them back."""

        def outer(books):
            books["things"]["1"]["name"] = "C"
            fails(toy, lambda books: books["things"]["2"].update(name="D"))
            assert ("C", "B") == (books["things"]["1"]["name"], books["things"]["2"]["name"])
            with toy.transaction():
                books["things"]["2"]["name"] = "E"

        fails(toy, outer)
        assert ("A", "B") == (toy.books["things"]["1"]["name"], toy.books["things"]["2"]["name"])

    def test_records_keep_their_identity(self, toy):
        """Whoever holds a record sees it put back."""
        record = toy.books["things"]["1"]
        fails(toy, lambda books: books["things"]["1"].update(name="C"))

        assert record is toy.books["things"]["1"]
        assert "A" == record["name"]

    def test_indexes_can_take_part(self, toy):
        """What is kept beside the books is undone by its own function, newest first."""
        undone = []

        def change(_):
            toy.on_rollback(lambda: undone.append("first"))
            toy.on_rollback(lambda: undone.append("second"))

        fails(toy, change)
        assert ["second", "first"] == undone

    def test_written_records_are_taken_back(self, toy):
        """The log counts what stayed."""

        def serve(request, clock):
            toy.wrote()
            fails(toy, lambda books: toy.wrote(5))
            toy.operation("PATCH", "things(1)", 412)
            return json_response(200, {})

        toy.serve = serve
        toy.handle(Request("POST", "https://toy.test/$batch"), ManualClock())

        assert (1, ["PATCH things(1) 412"]) == (toy.log[0].wrote, toy.log[0].operations)


class TestLoad:
    """Records that were always there."""

    def test_records_merge(self, toy):
        """Under their key, over what is known of them."""
        toy.load({"things": [{"id": "1", "name": "C"}, {"id": "3"}]})

        assert {"id": "1", "name": "C", "lines": [{"n": 1}]} == toy.books["things"]["1"]
        assert ["1", "2", "3"] == list(toy.books["things"])

    def test_a_record_without_key_spoils_the_load(self, toy):
        """Nothing of it is merged."""
        with pytest.raises(ConfigurationError, match="a record for things has no id"):
            toy.load({"things": [{"id": "3"}, {"name": "D"}]})

        assert ["1", "2"] == list(toy.books["things"])


class TestJson:
    """Decimals are exact."""

    def test_decimals_are_numbers_with_their_digits(self):
        """Neither strings nor rounded by a float."""
        value = {"amount": Decimal("12345678901234567.10"), "text": "1.10", "list": [Decimal("0.1")]}

        assert b'{"amount":12345678901234567.10,"text":"1.10","list":[0.1]}' == dump_json(value)

    def test_what_was_written_is_read_back(self):
        """Every digit of it."""
        value = {"amount": Decimal("1E+2"), "small": Decimal("-0.00"), "ñ": "\u2028"}

        assert value == parse_json(dump_json(value))
        assert "-0.00" == str(parse_json(dump_json(value))["small"])

    def test_hostile_text_survives(self):
        """NULs, quotes and lone surrogates, also beside exact numbers."""
        value = {"amount": Decimal("1.10"), "nul": "\0" + "1\0", "surrogate": "\ud800", "quotes": '"1.10"'}

        assert value == parse_json(dump_json(value))

    @pytest.mark.parametrize("body", [b"NaN", b"[-Infinity]", b"{", b"\xff"])
    def test_what_is_not_json_is_not_read(self, body):
        """Not even what the standard library would let pass."""
        with pytest.raises(ValueError):
            parse_json(body)

    @pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), {1, 2}])
    def test_what_is_not_json_is_refused(self, value):
        """An emulator never answers with what JSON cannot say."""
        with pytest.raises(TypeError, match="is not JSON"):
            dump_json({"a": value})

    def test_responses(self):
        """JSON unless the headers say otherwise; None is an empty body."""
        assert "application/json; charset=utf-8" == json_response(200, {}).header("content-type")
        assert ["application/x"] == json_response(200, {}, {"Content-Type": "application/x"}).headers_named(
            "content-type"
        )
        assert (b"", None) == (json_response(204).body, json_response(204).header("content-type"))
        assert ["a", "b"] == json_response(200, {}, [("X", "a"), ("X", "b")]).headers_named("x")


class TestClocks:
    """Time as an argument."""

    def test_a_manual_clock_stands_still(self):
        """Until it is moved or somebody sleeps on it."""
        clock = ManualClock(datetime(2026, 1, 1, tzinfo=timezone.utc))
        clock.advance(60)
        clock.sleep(0.5)

        assert datetime(2026, 1, 1, 0, 1, 0, 500_000, tzinfo=timezone.utc) == clock.now()
        assert (60.5, [0.5]) == (clock.monotonic(), clock.sleeps)

    def test_walls_may_be_set_back(self):
        """The monotonic reading never goes back."""
        for clock in (ManualClock(), OffsetClock(ManualClock())):
            before = clock.now()
            clock.advance(-3600)
            assert (before - timedelta(hours=1), 0.0) == (clock.now(), clock.monotonic())

    def test_an_offset_clock_runs_with_its_inner_one(self):
        """So many seconds ahead."""
        inner = ManualClock()
        clock = OffsetClock(inner, seconds=10)
        inner.advance(5)
        clock.advance(1)
        clock.sleep(2)

        assert (timedelta(seconds=11), 18.0, [2]) == (clock.now() - inner.now(), clock.monotonic(), inner.sleeps)

    def test_reprs(self):
        """Short, with the time they show."""
        assert "ManualClock(2026-03-02T13:00:00Z)" == repr(ManualClock())
        assert "OffsetClock(ManualClock(2026-03-02T13:00:00Z), -5 s)" == repr(OffsetClock(ManualClock(), seconds=-5))
        assert "ToySystem(https://toy.invalid, 0 requests)" == repr(ToySystem())
