"""Fault rules: which request they hit, how often, and what the emulator makes of them."""

import pytest

from periferia_link.errors import ConfigurationError
from periferia_link.testing.emulators import Fault, FaultRule, ManualClock
from periferia_link.testing.emulators._faults import Faults, spoiled
from periferia_link.typing import Request, Response
from toy_system import ToySystem


def asks(method="GET", path="/things/1"):
    return Request(method, f"https://toy.test{path}")


def struck(faults, *requests):
    return [rule.fault if (rule := faults.strike(request)) else None for request in requests]


class TestFaultRule:
    """What a rule accepts and matches."""

    @pytest.mark.parametrize(
        ("rule", "request_", "hit"),
        [
            ({}, asks(), True),
            ({"method": "get"}, asks(), True),
            ({"method": "P*"}, asks("PATCH"), True),
            ({"method": "P*"}, asks("GET"), False),
            ({"path": "/things/*"}, asks(), True),
            ({"path": "/things"}, asks(), False),
            ({"path": "*/$batch"}, asks("POST", "/api/data/v9.2/%24batch?x=1"), True),
            ({"path": "*x=1*"}, asks("GET", "/things?x=1"), False),
            ({"path": "/Things/*"}, asks(), False),
        ],
    )
    def test_patterns(self, rule, request_, hit):
        """Methods in any case; paths decoded, without query, with the case that they have."""
        assert hit == FaultRule("reset", **rule).matches(request_)

    def test_rules_travel_as_json(self):
        """What is written is what is read."""
        rule = FaultRule("late", method="POST", path="*/x", nth=3, times=None, params={"seconds": 9})

        assert rule == FaultRule.parse(rule.to_dict())
        assert FaultRule("reset") == FaultRule.parse({"fault": "reset"})

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            ({"fault": "flood"}, "use one of reset, hang"),
            ({"fault": "reset", "when": "during"}, "use before or after"),
            ({"fault": "reset", "params": {"seconds": 1}}, "it takes: none"),
            ({"fault": "drip", "params": {"second": 1}}, "it takes: seconds"),
            ({"fault": "late", "params": {"seconds": "soon"}}, "seconds of a fault"),
            ({"fault": "late", "params": {"seconds": -1}}, "seconds of a fault"),
            ({"fault": "late", "params": {"seconds": float("nan")}}, "seconds of a fault"),
            ({"fault": "truncate", "params": {"share": 1.5}}, "share of a fault"),
            ({"fault": "status", "params": {"status": "x"}}, "status of a fault"),
            ({"fault": "status", "params": {"status": 42}}, "status of a fault"),
            ({"fault": "status", "params": {"headers": ["X"]}}, "headers of a fault"),
            ({"fault": "reset", "params": []}, "params of a fault"),
            ({"fault": "reset", "nth": 0}, "nth of a fault"),
            ({"fault": "reset", "nth": "1"}, "nth of a fault"),
            ({"fault": "reset", "times": 0}, "times of a fault"),
            ({"fault": "reset", "path": None}, "path of a fault"),
            ({"fault": ["reset"]}, "use one of reset"),
            ({"path": "*"}, "at least the field fault"),
            ({"fault": "reset", "after": 1}, "no field after"),
            ([], "at least the field fault"),
        ],
    )
    def test_mistakes_are_refused(self, value, said):
        """When the rule is made, not when it strikes, with what would be right."""
        with pytest.raises(ConfigurationError, match=said):
            FaultRule.parse(value)


class TestFaults:
    """Rules in force, counted."""

    def test_without_rules_nothing_strikes(self):
        """The usual case."""
        assert [None] == struck(Faults(), asks())

    def test_a_rule_strikes_once_by_default(self):
        """The first request that matches."""
        faults = Faults()
        faults.add(FaultRule("reset", method="PUT"))

        assert [None, "reset", None] == struck(faults, asks(), asks("PUT"), asks("PUT"))

    def test_nth_counts_matching_requests(self):
        """And goes on as often as it is told."""
        faults = Faults()
        faults.add(FaultRule("reset", path="/a", nth=2, times=2))

        assert [None, None, "reset", "reset", None] == struck(
            faults, asks(path="/a"), asks(path="/b"), asks(path="/a"), asks(path="/a"), asks(path="/a")
        )

    def test_for_ever(self):
        """``times=None`` never ends."""
        faults = Faults()
        faults.add(FaultRule("hang", times=None))

        assert ["hang"] * 9 == struck(faults, *[asks()] * 9)

    def test_the_first_rule_in_order_wins_and_all_count(self):
        """A rule behind another one counts the requests that the other one took."""
        faults = Faults()
        faults.add(FaultRule("reset"), FaultRule("hang", nth=2))

        assert ["reset", "hang", None] == struck(faults, *[asks()] * 3)

    def test_clearing(self):
        """Forgets rules and counts."""
        faults = Faults()
        faults.add(FaultRule("reset"))
        faults.clear()

        assert ((), [None]) == (faults.rules, struck(faults, asks()))


class TestSpoiledAnswers:
    """Faults that are whole answers."""

    def refusal(self, status, code, message):
        return Response(status, (("X-Shape", "own"),), f"{code}|{message}".encode())

    def test_errors_have_the_shape_of_the_system(self):
        """A rule gives status, code and message; the system puts them into its own words."""
        rule = FaultRule("status", params={"status": 503, "code": "0x1", "message": "busy", "headers": {"X-A": 2}})

        assert Response(503, (("X-Shape", "own"), ("X-A", "2")), b"0x1|busy") == spoiled(rule, self.refusal)

    @pytest.mark.parametrize(
        ("params", "shown"),
        [({}, "1"), ({"retry_after": 2}, "2"), ({"retry_after": ""}, ""), ({"retry_after": None}, None)],
    )
    def test_retry_after(self, params, shown):
        """Any value may be shown, or none."""
        assert shown == spoiled(FaultRule("throttle", params=params), self.refusal).header("Retry-After")

    def test_garbage_is_neither_json_nor_text(self):
        """The length is right, the bytes are not UTF-8."""
        answer = spoiled(FaultRule("garbage"), self.refusal)

        assert "application/json; charset=utf-8" == answer.header("Content-Type")
        with pytest.raises(UnicodeDecodeError):
            answer.body.decode()


class TestEmulatorUnderFaults:
    """What an emulator does with a rule, whoever hosts it."""

    @pytest.fixture
    def clock(self):
        return ManualClock()

    def put(self, toy, clock, **rule):
        if rule:
            toy.faults.add(FaultRule(**rule))
        return toy.handle(Request("PUT", "https://toy.test/things/1?a=b", (), b'{"n":1}'), clock)

    def test_without_a_fault(self, clock):
        """The request is served and logged."""
        toy = ToySystem()

        assert 204 == self.put(toy, clock).status
        entry = toy.log[0]
        assert (1, "PUT", "/things/1", "a=b", 204, 1, None) == (
            entry.n, entry.method, entry.path, entry.query, entry.status, entry.wrote, entry.fault
        )  # fmt: skip

    @pytest.mark.parametrize("kind", ["reset", "hang", "hold", "delay"])
    @pytest.mark.parametrize(("when", "wrote"), [("before", 0), ("after", 1)])
    def test_either_side_of_the_commit(self, clock, kind, when, wrote):
        """Before, nothing was done; after, it was done and the answer is known."""
        toy = ToySystem()
        fault = self.put(toy, clock, fault=kind, when=when)

        assert isinstance(fault, Fault)
        assert (kind, when, wrote == 1) == (fault.kind, fault.when, fault.response is not None)
        assert (kind, wrote) == (toy.log[0].fault, toy.log[0].wrote)

    @pytest.mark.parametrize("kind", ["truncate", "drip", "close"])
    def test_a_spoiled_answer_needs_its_commit(self, clock, kind):
        """Whatever the rule says about when."""
        toy = ToySystem()
        fault = self.put(toy, clock, fault=kind, when="before")

        assert ("after", 204, 1) == (fault.when, fault.response.status, toy.log[0].wrote)

    def test_a_held_request_commits_once(self, clock):
        """Asking for the answer again gives the same answer and no second commit."""
        toy = ToySystem()
        before = self.put(toy, clock, fault="hold")
        after = self.put(toy, clock, fault="hold", when="after")
        statuses = [before.answer(clock).status, after.answer(clock).status, after.answer(clock).status]

        assert [204, 204, 204] == statuses
        assert [1, 1] == [entry.wrote for entry in toy.log]

    def test_late_requests_commit_in_order_at_their_own_time(self):
        """As if a timer had done it: nobody sees the emulator in between."""
        toy, clock, seen = ToySystem(), ManualClock(), []
        toy.serve = lambda request, now: seen.append((request.method, now.now())) or Response(204)
        toy.faults.add(FaultRule("late", method="POST", params={"seconds": 30}))
        toy.faults.add(FaultRule("late", method="PUT", params={"seconds": 20}))
        start = clock.now()
        toy.handle(asks("POST"), clock)
        toy.handle(asks("PUT"), clock)
        clock.advance(60)
        toy.handle(asks("GET"), clock)

        assert [("PUT", 20), ("POST", 30), ("GET", 60)] == [
            (method, (at - start).total_seconds()) for method, at in seen
        ]

    def test_a_late_line_is_completed(self):
        """There is one line per request, and it gets its status when the commit happens."""
        toy, clock = ToySystem(), ManualClock()
        self.put(toy, clock, fault="late", params={"seconds": 5})
        before = toy.log[0].status
        clock.advance(5)
        toy.settle(clock)

        assert (None, 204, 1, 1) == (before, toy.log[0].status, toy.log[0].wrote, len(toy.log))

    def test_a_replaced_answer_is_what_the_log_shows(self, clock):
        """With the writes that happened behind it."""
        toy = ToySystem()
        answer = self.put(toy, clock, fault="status", when="after", params={"status": 504})

        assert (504, 504, 1) == (answer.status, toy.log[0].status, toy.log[0].wrote)

    def test_reset_forgets_what_is_late(self):
        """Nothing commits behind a reset."""
        toy, clock = ToySystem(), ManualClock()
        self.put(toy, clock, fault="late", params={"seconds": 5})
        toy.reset()
        clock.advance(10)
        toy.settle(clock)

        assert {} == toy.books
