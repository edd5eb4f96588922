"""Faults of the catalogue that meet a write: afterwards every record is there once, with its last value."""

from __future__ import annotations

import pytest

from fault_worlds import TARGETS, Crash, check, is_helpful
from periferia_link.errors import FlowError

RETRY_AFTER = {
    "none": None,
    "seconds": "7",
    "date": "Fri, 20 Nov 2026 14:00:30 GMT",
    "past": "Fri, 20 Nov 2020 14:00:30 GMT",
    "garbage": "garbage",
    "negative": "-1",
    "nan": "nan",
    "inf": "inf",
    "1e9": "1e9",
    "huge": "99999999999",
    "list": "5, 10",
    "empty": "",
}


@pytest.fixture(params=TARGETS, ids=lambda kind: kind.name)
def world(request, folder):
    return request.param(folder)


class TestCrashes:
    """The process ends between two bytes."""

    def test_f1_at_every_exchange(self, world):
        """Before and after each request in turn, several times over: then resumed."""
        names = world.sow(3)
        for at in range(1, 31):
            world.line.steps, world.line.dies_at = 0, at
            if at % 3 == 0:
                names += world.sow(1)
            try:
                world.run(writes=True)
            except Crash:
                world.clock.advance(world.settle)
        world.recover(writes=True)
        check(world, names, writes=True)


class TestLines:
    """The answer to a write is lost, late, cut or a lie."""

    @pytest.mark.parametrize(
        ("fault", "given"),
        [
            pytest.param("reset", {"when": "before"}, id="f2_reset_before"),
            pytest.param("reset", {"when": "after"}, id="f3_reset_after"),
            pytest.param("hang", {"when": "after"}, id="f4_timeout_after"),
            pytest.param("late", {"seconds": 100}, id="f4_commit_after_we_gave_up"),
            pytest.param("truncate", {}, id="f11_cut"),
            pytest.param("truncate", {"bare": True, "share": 0.3}, id="f11_cut_without_length"),
            pytest.param("garbage", {"when": "after"}, id="f11_garbage"),
            pytest.param("close", {}, id="f33_closed"),
            pytest.param("html", {"when": "before"}, id="f8_sign_in_page"),
            *(
                pytest.param("status", {"status": status, "when": when}, id=f"f6_{status}_{when}")
                for status in (500, 502, 503, 504)
                for when in ("before", "after")
            ),
        ],
    )
    def test_a_broken_write(self, world, fault, given):
        """Read back before anything is sent again; nothing twice, nothing lost."""
        names = world.sow(3)
        world.fault(fault, method=world.writes_by, path=world.writes_path, **given)
        try:
            world.run(writes=True)
        except FlowError as error:
            is_helpful(error)
        assert world.met()
        world.recover(writes=True)
        check(world, names, writes=True)

    @pytest.mark.parametrize("header", RETRY_AFTER.values(), ids=[f"f5_{name}" for name in RETRY_AFTER])
    def test_throttled(self, world, header):
        """Whatever Retry-After says: a wait between nothing and the ceiling, no crash, no second record."""
        names = world.sow(3)
        world.fault("throttle", method=world.writes_by, path=world.writes_path, retry_after=header)
        began = world.clock.monotonic()
        try:
            world.run(writes=True)
        except FlowError as error:
            is_helpful(error)
        assert world.met()
        assert all(0 <= pause <= 7_200 for pause in world.clock.sleeps)
        assert world.clock.monotonic() - began < 10_000
        world.recover(writes=True)
        check(world, names, writes=True)

    def test_f28_nobody_answers(self, world):
        """Nothing was sent: the error names the system, and the next run does everything."""
        names = world.sow(2)
        world.line.inner.unreachable.update(world.origins())
        with pytest.raises(FlowError, match="system") as stopped:
            world.run(writes=True)
        assert stopped.value.hint
        world.recover(writes=True)
        check(world, names, writes=True)


class TestCredentials:
    """The session ends in the middle."""

    def test_f7_expired_between_two_requests(self, world):
        """One renewal; the write that was refused is sent again, once."""
        names = world.sow(2)
        world.run(writes=True)
        world.log_everybody_out()
        names += world.sow(2)
        world.run(writes=True)
        world.recover(writes=True)
        check(world, names, writes=True)


class TestOthers:
    """Somebody else writes there, too."""

    def test_f9_changed_between_read_and_write(self, world):
        """The change of a person is not lost in silence, ours arrives or is asked about; nobody stands twice."""
        world.sow(2)
        world.run(writes=True)
        (first, *_) = world.held()
        world.rename(first, "Renombrado por una persona")
        for one in world.memory.holds(world.kind.kind()):
            world.rename_in_memory(one.ref, f"{getattr(one, world.calls)} II")
        report = world.run(writes=True)
        assert 2 == len(world.held())
        assert report.updated + report.review + report.parked == 2
        assert "Renombrado por una persona" in world.held().values() or report.notes

    def test_f31_a_poison_record(self, world):
        """One record that the system refuses is parked with its reason; the others are written."""
        names = world.sow(4)
        bad = world.plant("X" * 1_000)
        report = world.run(writes=True)
        assert (4, 1) == (report.created, report.parked)
        assert sorted(names) == sorted(world.held().values())
        world.rename_in_memory(bad, "Curado S.A.S.")
        world.recover(writes=True)
        check(world, [*names, "Curado S.A.S."], writes=True)
