"""Emulators as a wire in the same process."""

import pytest

from periferia_link.errors import OutcomeUnknownError, RequestTimeoutError, UnavailableError
from periferia_link.testing.emulators import FaultRule, InProcessWire, ManualClock, host
from periferia_link.transport._http import HttpWire
from periferia_link.transport._origin import Site
from periferia_link.typing import Request
from toy_system import ToySystem

BASE = "https://toy.test"
PUT = Request("PUT", f"{BASE}/things/1", (), b'{"n":1}', "write")
GET = Request("GET", f"{BASE}/things/1")


class Crash(BaseException):
    """The process dies here."""


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def toy():
    return ToySystem()


@pytest.fixture
def wire(toy, clock):
    return InProcessWire({BASE: toy}, clock)


class TestSend:
    """Requests find their emulator."""

    def test_the_answer_comes_back(self, toy, wire):
        """With no socket in between."""
        assert 204 == wire.send(PUT, deadline=5).status
        assert b'{"n":1}' == wire.send(GET, deadline=5).body
        assert 2 == len(toy.log)
        wire.close()

    def test_emulators_learn_their_address(self, toy, wire):
        """Without a slash at the end, as from a socket host."""
        assert BASE == toy.base_url

    def test_systems_are_chosen_by_origin(self, clock):
        """Scheme, host and port; the usual port may be left out."""
        first, second = ToySystem(), ToySystem()
        wire = InProcessWire({"https://a.test:443/": first, "https://a.test:8443": second}, clock)
        wire.send(Request("GET", "https://A.test/x"), deadline=5)
        wire.send(Request("GET", "https://a.test:8443/y"), deadline=5)

        assert (["/x"], ["/y"]) == tuple([entry.path for entry in toy.log] for toy in (first, second))

    def test_nobody_answers_elsewhere(self, wire):
        """Not one byte left: that is known."""
        with pytest.raises(UnavailableError, match=r"https://other\.test refuses connections"):
            wire.send(Request("GET", "https://other.test/x"), deadline=5)

    def test_a_system_may_be_unreachable(self, toy, wire):
        """As long as its origin is on the list."""
        wire.unreachable.add(BASE)
        with pytest.raises(UnavailableError):
            wire.send(PUT, deadline=5)
        wire.unreachable.clear()

        assert 204 == wire.send(PUT, deadline=5).status
        assert 1 == len(toy.log)


class TestHook:
    """Simulated crashes at every point of I/O."""

    def crashing(self, toy, clock, at):
        def on_io(moment):
            if moment == at:
                raise Crash

        return InProcessWire({BASE: toy}, clock, on_io=on_io)

    def test_the_hook_hears_both_moments(self, toy, clock):
        """Before the first byte and after the last."""
        heard = []
        InProcessWire({BASE: toy}, clock, on_io=heard.append).send(PUT, deadline=5)

        assert ["before PUT /things/1", "after PUT /things/1"] == heard

    @pytest.mark.parametrize(("moment", "writes"), [("before", 0), ("after", 1)])
    def test_a_crash_is_on_one_side_of_the_commit(self, toy, clock, moment, writes):
        """Before, nothing arrived; after, it is done and nobody remembers."""
        with pytest.raises(Crash):
            self.crashing(toy, clock, f"{moment} PUT /things/1").send(PUT, deadline=5)

        assert writes == sum(entry.wrote for entry in toy.log)

    def test_a_lost_answer_has_no_after(self, toy, clock):
        """The hook hears of answers that came whole."""
        heard = []
        toy.faults.add(FaultRule("reset"))
        with pytest.raises(OutcomeUnknownError):
            InProcessWire({BASE: toy}, clock, on_io=heard.append).send(PUT, deadline=5)

        assert ["before PUT /things/1"] == heard


class TestFaults:
    """Each fault as an HTTP client would see it."""

    @pytest.mark.parametrize(("kind", "params"), [("reset", {}), ("truncate", {}), ("truncate", {"bare": True})])
    @pytest.mark.parametrize(("request_", "error"), [(PUT, OutcomeUnknownError), (GET, UnavailableError)])
    def test_a_broken_connection(self, toy, wire, clock, kind, params, request_, error):
        """Nothing whole came back: a write is unknown, a read just failed; no time passes."""
        toy.faults.add(FaultRule(kind, params=params))
        with pytest.raises(error, match="the connection ended early"):
            wire.send(request_, deadline=5)

        assert 0 == clock.monotonic()

    @pytest.mark.parametrize("kind", ["hang", "hold", "late"])
    @pytest.mark.parametrize(("request_", "error"), [(PUT, OutcomeUnknownError), (GET, RequestTimeoutError)])
    def test_no_answer(self, toy, wire, clock, kind, request_, error):
        """The client waits out its deadline; a write is then unknown, a read just failed."""
        toy.faults.add(FaultRule(kind))
        with pytest.raises(error, match="the deadline of 5 s passed"):
            wire.send(request_, deadline=5)

        assert 5 == clock.monotonic()

    @pytest.mark.parametrize(("when", "writes"), [("before", 0), ("after", 1)])
    def test_either_side_of_the_commit(self, toy, wire, when, writes):
        """The error is the same, the books are not."""
        toy.faults.add(FaultRule("reset", when=when))
        with pytest.raises(OutcomeUnknownError):
            wire.send(PUT, deadline=5)

        assert writes == sum(entry.wrote for entry in toy.log)

    def test_late_commits_when_its_time_comes(self, toy, wire, clock):
        """Behind the client's back: a read in between does not see it."""
        toy.faults.add(FaultRule("late", params={"seconds": 8}))
        with pytest.raises(OutcomeUnknownError):
            wire.send(PUT, deadline=5)

        assert b'{"at"' == wire.send(GET, deadline=5).body[:5]
        clock.advance(3)
        assert b'{"n":1}' == wire.send(GET, deadline=5).body

    def test_a_delay_within_the_deadline(self, toy, wire, clock):
        """The real answer, and the clock has moved."""
        toy.faults.add(FaultRule("delay", params={"seconds": 4}))

        assert (204, 4) == (wire.send(PUT, deadline=5).status, clock.monotonic())

    @pytest.mark.parametrize(("when", "writes"), [("before", [0, 1]), ("after", [1, 1])])
    def test_a_delay_beyond_the_deadline(self, toy, wire, clock, when, writes):
        """The commit happens although nobody waits for it any more."""
        toy.faults.add(FaultRule("delay", when=when, params={"seconds": 60}))
        with pytest.raises(OutcomeUnknownError):
            wire.send(PUT, deadline=5)
        counts = [toy.log[0].wrote]
        clock.advance(55)
        toy.settle(clock)

        assert [*counts, toy.log[0].wrote] == writes

    def test_drip(self, toy, wire, clock):
        """Slow enough it never ends in time; fast enough it is an answer."""
        toy.faults.add(FaultRule("drip", params={"seconds": 1}), FaultRule("drip", params={"seconds": 0.001}))
        with pytest.raises(RequestTimeoutError):
            wire.send(GET, deadline=5)

        assert 200 == wire.send(GET, deadline=5).status
        assert 5 < clock.monotonic() < 6

    def test_close_is_an_answer(self, toy, wire):
        """The closed connection is no concern of this exchange."""
        toy.faults.add(FaultRule("close"))

        assert 204 == wire.send(PUT, deadline=5).status

    @pytest.mark.parametrize("kind", ["status", "html", "throttle", "garbage", "redirect"])
    def test_whole_answers_arrive(self, toy, wire, kind):
        """What they mean is for the transport to judge."""
        toy.faults.add(FaultRule(kind))

        assert wire.send(PUT, deadline=5).status in {200, 302, 429, 500}

    def test_a_bug_of_the_emulator_is_not_hidden(self, wire):
        """It is no fault of the wire."""
        with pytest.raises(RuntimeError, match="a bug"):
            wire.send(Request("GET", f"{BASE}/broken"), deadline=5)

    def test_the_same_rules_give_the_same_run(self, clock):
        """Nothing is left to chance or to threads."""

        def run():
            toy, own, seen = ToySystem(), ManualClock(), []
            wire = InProcessWire({BASE: toy}, own, on_io=seen.append)
            toy.faults.add(FaultRule("late", nth=2, params={"seconds": 7}), FaultRule("reset", nth=4, when="after"))
            for request in (PUT, PUT, GET, PUT, GET):
                try:
                    seen.append(wire.send(request, deadline=5))
                except OutcomeUnknownError as exc:
                    seen.append(str(exc))
            return seen, [entry.to_dict() for entry in toy.log], toy.books, own.now()

        assert run() == run()


class TestLikeTheNetwork:
    """The same fault means the same over sockets."""

    @staticmethod
    def outcome(wire, base, intent, deadline):
        try:
            answer = wire.send(Request("PUT", f"{base}/things/1", (), b'{"n":1}', intent), deadline=deadline)
        except (OutcomeUnknownError, RequestTimeoutError, UnavailableError) as exc:
            return type(exc)
        return answer.status, answer.body

    @pytest.mark.parametrize("intent", ["read", "write", "session"])
    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize(
        ("kind", "params"),
        [
            ("reset", {}),
            ("hang", {}),
            ("hold", {}),
            ("late", {}),
            ("delay", {"seconds": 0.01}),
            ("drip", {"seconds": 0.1}),
            ("truncate", {}),
            ("truncate", {"bare": True}),
            ("close", {}),
            ("status", {"status": 503}),
            ("html", {}),
            ("throttle", {}),
            ("garbage", {}),
        ],
    )
    def test_both_wires_agree(self, kind, params, when, intent):
        """What our HTTP client makes of it, and what is in the books afterwards."""
        # only those that never answer in time wait for it; the others have all the time a busy machine may need
        deadline = 0.2 if kind in {"hang", "hold", "late", "drip"} else 30.0
        far, near = ToySystem(), ToySystem()
        with host(far, clock=ManualClock()) as served:
            http = HttpWire(Site(served.url, allow_private=True), allow_private=True)
            http.send(Request("GET", f"{served.url}/nothing"), deadline=30.0)  # so that the line is open
            for toy in (far, near):
                toy.faults.add(FaultRule(kind, when=when, params=params))
            over_sockets = self.outcome(http, served.url, intent, deadline)
            http.close()
        in_process = self.outcome(InProcessWire({BASE: near}, ManualClock()), BASE, intent, deadline)

        assert over_sockets == in_process
        assert far.books == near.books
