"""Faults of the catalogue that meet a read: never an empty list for a broken one, and nothing is lost for good."""

from __future__ import annotations

import json

import pytest

from fault_worlds import SOURCES, check, is_helpful
from periferia_link.errors import AuthenticationError, ContractBrokenError, FlowError, LinkError, ThrottledError
from periferia_link.testing.emulators import ManualClock
from periferia_link.typing import Response

VICTIM = "Víctima"
HOSTILE = {
    "f15_invalid_utf8": b'"\xff\xfe"',
    "f15_lone_surrogate": b'"\\ud800"',
    "f15_nul": b'"a\\u0000b"',
    "f16_nan": b"NaN",
    "f16_infinity": b"-Infinity",
    "f16_1e400": b"1e400",
    "f16_5000_digits": b"9" * 5_000,
    "f17_depth_200": b"[" * 200 + b"]" * 200,
    "f17_depth_2000": b"[" * 2_000 + b"]" * 2_000,
    "f17_depth_100000": b"[" * 100_000 + b"]" * 100_000,
    "f20_number": b"17",
    "f20_list": b'["a"]',
    "f20_object": b'{"a": 1}',
    "f20_false": b"false",
    "f20_null": b"null",
    "f20_blank": b'"  "',
}


@pytest.fixture(params=SOURCES, ids=lambda kind: kind.name)
def world(request, folder):
    return request.param(folder)


def fill(world, count=7):
    """Let people enter records; return their names."""
    names = [f"Registro {number}" for number in range(count)]
    for name in names:
        world.enter(name)
    return names


def run_or_say(world):
    """Run; an error must be of ours, with a next step, and hold no credential."""
    try:
        return world.run(writes=False)
    except FlowError as error:
        is_helpful(error)
        return error


class TestLines:
    """A page does not come, or is none."""

    @pytest.mark.parametrize(
        ("fault", "given"),
        [
            pytest.param("reset", {}, id="f2_reset"),
            pytest.param("hang", {}, id="f4_hang"),
            pytest.param("truncate", {}, id="f11_cut"),
            pytest.param("garbage", {}, id="f11_garbage"),
            pytest.param("drip", {"seconds": 60}, id="f19_drip"),
            *(pytest.param("status", {"status": status}, id=f"f6_{status}") for status in (500, 502, 503, 504)),
            *(pytest.param("html", {"status": status}, id=f"f8_page_{status}") for status in (200, 203)),
            pytest.param("status", {"status": 403}, id="f8_forbidden"),
        ],
    )
    @pytest.mark.parametrize("times", [1, None], ids=["once", "always"])
    def test_a_broken_page(self, world, fault, given, times):
        """Either it is read again, or the run stops with a typed error; then everything is there."""
        names = fill(world)
        world.fault(fault, method=world.reads_by, path=f"*/{world.sets}*", nth=2, times=times, **given)
        outcome = run_or_say(world)
        assert world.met()
        if times is None:
            assert isinstance(outcome, FlowError)
        if fault == "html" and not (times == 1 and given["status"] == world.says_token_ended):
            assert isinstance(outcome, FlowError)
            assert isinstance(outcome.__cause__, AuthenticationError)
        world.recover(writes=False)
        check(world, names, writes=False)

    @pytest.mark.parametrize("header", [None, "3", "garbage", "-1", "nan", "1e9"])
    def test_f5_throttled(self, world, header):
        """A read waits as long as it is asked, within its patience, or says how long it would have been."""
        names = fill(world)
        world.fault("throttle", method=world.reads_by, path=f"*/{world.sets}*", nth=2, retry_after=header)
        outcome = run_or_say(world)
        assert world.met()
        if isinstance(outcome, FlowError):
            assert isinstance(outcome.__cause__, ThrottledError)
        assert all(0 <= pause <= 7_200 for pause in world.clock.sleeps)
        world.recover(writes=False)
        check(world, names, writes=False)

    def test_f6_few_requests_in_an_outage(self, world):
        """A system that is down is asked a few times, not for ever."""
        fill(world)
        world.fault("status", status=503, times=None)
        assert isinstance(run_or_say(world), FlowError)
        assert len(world.line.sent) < 30


class TestHostileValues:
    """What a page can hold."""

    @pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
    def test_a_value_that_is_none(self, world, value):
        """One record parked, or the page refused with a typed error; the rest arrives, the bad one when it is good."""
        names = [*fill(world, 3), VICTIM]
        world.enter(VICTIM)
        marks = {json.dumps(VICTIM).encode(), json.dumps(VICTIM, ensure_ascii=False).encode()}

        bent = []

        def bend(_, answer):
            body = answer.body
            for mark in marks:
                body = body.replace(mark, value)
            bent.append(body != answer.body)
            return Response(answer.status, answer.headers, body)

        world.line.bend = bend
        outcome = run_or_say(world)
        assert any(bent)
        if not isinstance(outcome, FlowError):
            held = set(world.in_memory())
            assert set(names[:3]) <= held
            assert outcome.parked or len(held) == 4
        if not isinstance(outcome, FlowError):
            world.line.bend = None
            for key, name in world.held().items():
                if name == VICTIM:
                    world.rename(key, f"{VICTIM} II")
            names[-1] = f"{VICTIM} II"
        world.recover(writes=False)
        check(world, names, writes=False)

    @pytest.mark.parametrize("twice", ["key", "another_key", "version", "name"], ids=lambda one: f"f18_{one}")
    def test_a_name_that_stands_twice(self, world, twice):
        """The record alone is parked and says which name; the page goes on, and takes the record when it is whole."""
        names = [*fill(world, 3), VICTIM]
        key = world.enter(VICTIM)
        column, first = {
            "key": (world.key_column, int(key) if key.isdigit() else key),
            "another_key": (world.key_column, world.other_key),
            "version": (world.version_column, "1"),
            "name": (world.name_column, "Otro nombre"),
        }[twice]
        world.line.bend = lambda _, answer: _with_twice(answer, (world.key_column, key), (column, first), VICTIM)
        report = world.run(writes=False)
        assert (3, 1 + (twice == "another_key")) == (report.created, report.parked)
        assert sorted(names[:3]) == sorted(world.in_memory())
        assert all(f"it says {column} twice" in note for note in report.notes if note.startswith("parked"))
        world.recover(writes=False)
        assert sorted(names) == sorted(world.in_memory())
        check(world, names, writes=False, ghosts=[str(world.other_key)])

    def test_f18_a_page_that_names_its_rows_twice(self, world):
        """Which of the lists counts nobody knows: the page is refused, nothing is lost."""
        names = fill(world, 3)

        def bend(_, answer):
            for rows in (b'"value":[{', b'"data":[{', b'"values":[{'):
                if rows in answer.body and names[0].encode() in answer.body:
                    return Response(
                        answer.status, answer.headers, answer.body.replace(rows, rows[:-1] + b"]," + rows, 1)
                    )
            return answer

        world.line.bend = bend
        stopped = run_or_say(world)
        assert isinstance(stopped, FlowError)
        assert isinstance(stopped.__cause__, ContractBrokenError)
        world.recover(writes=False)
        check(world, names, writes=False)

    def test_f20_a_field_that_vanished(self, world):
        """A column that is not there any more writes no null over what the other side holds."""
        names = fill(world, 3)
        world.run(writes=False)
        before = {getattr(one, world.calls): one.model_dump() for one in world.memory.holds(world.kind.kind())}
        for key, name in world.held().items():
            world.rename(key, f"{name} II")

        def bend(_, answer):
            return Response(
                answer.status, answer.headers, _without(answer.body, ("city", "City", "address1_city", "code"))
            )

        world.line.bend = bend
        run_or_say(world)
        after = {
            getattr(one, world.calls).removesuffix(" II"): one.model_dump()
            for one in world.memory.holds(world.kind.kind())
        }
        lost = [
            (name, field)
            for name, values in before.items()
            for field, value in values.items()
            if value is not None and after[name][field] is None
        ]
        assert [] == lost
        world.recover(writes=False)
        check(world, [f"{name} II" for name in names], writes=False)

    def test_f20_a_field_that_is_new(self, world):
        """What the model does not name changes nothing."""
        names = fill(world, 3)

        def bend(_, answer):
            return Response(answer.status, answer.headers, _with(answer.body, "zz_new_column", "x"))

        world.line.bend = bend
        report = world.run(writes=False)
        assert (3, 0) == (report.created, report.parked)
        world.recover(writes=False)
        check(world, names, writes=False)


class TestTime:
    """Whose clock is right?"""

    @pytest.mark.parametrize("seconds", [300, -300, 86_400, -86_400], ids=lambda s: f"f14_skew_{s}")
    def test_f14_a_clock_that_is_wrong(self, world, seconds):
        """Our clock ahead or behind: no change is passed over at the watermark."""
        ours = ManualClock(world.clock.now())
        ours.advance(seconds)
        names = fill(world)
        world.run(writes=False, clock=ours)
        keys = list(world.held())
        for turn in range(3):
            world.clock.advance(61)
            ours.advance(61)
            world.rename(keys[turn], f"Cambio {turn}")
            names[turn] = f"Cambio {turn}"
            names.append(f"Nuevo {turn}")
            world.enter(f"Nuevo {turn}")
            world.run(writes=False, clock=ours)
        assert sorted(names) == sorted(world.in_memory())

    @pytest.mark.parametrize(
        "moment",
        [
            "2026-02-28T23:59:59+00:00",
            "2028-02-29T12:00:00+00:00",
            "2026-11-01T05:30:00+00:00",
            "2026-12-31T23:59:59+00:00",
        ],
    )
    def test_f14_days_that_are_odd(self, world, moment):
        """The end of a month, a leap day, an hour that comes twice elsewhere, the end of a year."""
        from datetime import datetime

        world.clock.advance((datetime.fromisoformat(moment) - world.clock.now()).total_seconds() % (5 * 365 * 86_400))
        names = fill(world, 3)
        world.run(writes=False)
        world.clock.advance(1)
        world.rename(next(iter(world.held())), "Cambio")
        world.clock.advance(2)
        world.run(writes=False)
        held = sorted(world.in_memory())
        assert sorted([*names[1:], "Cambio"]) == held


class TestPages:
    """Somebody works there while we read."""

    def test_f13_changes_between_pages(self, world):
        """Records are renamed and added while the pages come: this run or the next one brings them."""
        names = fill(world, 12)
        keys = list(world.held())
        turns = iter(range(100))

        def bend(request, answer):
            if world.sets in request.url and (turn := next(turns)) < 4:
                world.rename(keys[turn], f"Movido {turn}")
                names[turn] = f"Movido {turn}"
                names.append(f"Entre páginas {turn}")
                world.enter(f"Entre páginas {turn}")
            return answer

        world.line.bend = bend
        world.run(writes=False)
        world.recover(writes=False)
        check(world, names, writes=False)

    def test_f10_a_place_that_was_forgotten(self, world):
        """The feed forgot our place: everything is read again, what is known is not written again, the new arrives."""
        if world.name != "Dynamics365":
            pytest.skip("its place is a time: there is nothing that the server could forget about these records")
        names = fill(world)
        world.run(writes=False)
        before = len(world.memory.requests)
        entries = len(world.emulator.log)
        world.clock.advance(8 * 86_400)  # Dataverse forgets after 7 days
        world.run(writes=False)
        refused = [entry.status for entry in world.emulator.log[entries:] if (entry.status or 0) >= 400]
        assert refused
        assert before == len(world.memory.requests)
        names.append("Nuevo")
        world.enter("Nuevo")
        world.recover(writes=False)
        check(world, names, writes=False)


class TestSigningIn:
    """Tokens end, and the place that gives them is down."""

    def test_f7_refused_for_ever(self, world):
        """Renewed once, tried once more, then a matter for a person; a few requests, no storm."""
        fill(world)
        world.fault("status", status=401, times=None)
        stopped = run_or_say(world)
        assert isinstance(stopped, FlowError)
        assert isinstance(stopped.__cause__, AuthenticationError)
        assert len(world.line.sent) < 12

    def test_f28_nobody_answers(self, world):
        """The run says which system it is, and what to do."""
        names = fill(world)
        world.line.inner.unreachable.update(world.origins())
        stopped = run_or_say(world)
        assert isinstance(stopped, FlowError)
        assert isinstance(stopped.__cause__, LinkError)
        world.recover(writes=False)
        check(world, names, writes=False)


def _with_twice(answer, row, said, name):
    """Let the row with that key, or what calls it so, say a name once more, before it says it."""
    try:
        value = json.loads(answer.body)
    except ValueError:
        return answer
    (key_column, key), (column, first) = row, said

    def go(one):
        if isinstance(one, list):
            return [go(each) for each in one]
        if not isinstance(one, dict):
            return one
        is_meant = str(one.get(key_column)) == key and column in one
        if is_meant or one.get(column) == name:
            one = {"\u0001": first, **one}
        return {member: go(each) for member, each in one.items()}

    mark, told = json.dumps("\u0001").encode(), json.dumps(column).encode()
    return Response(answer.status, answer.headers, json.dumps(go(value)).encode().replace(mark, told))


def _rows(value):
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if isinstance(inner, list)]
        return [row for inner in lists for row in inner if isinstance(row, dict)] or []
    return []


def _without(body, names):
    try:
        value = json.loads(body)
    except ValueError:
        return body
    for row in _rows(value):
        for name in names:
            row.pop(name, None)
    return json.dumps(value).encode()


def _with(body, name, text):
    try:
        value = json.loads(body)
    except ValueError:
        return body
    for row in _rows(value):
        row[name] = text
    return json.dumps(value).encode()
