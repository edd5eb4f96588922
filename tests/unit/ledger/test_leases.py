"""One runner for each flow and partition, fenced by an epoch."""

from __future__ import annotations

import os

import pytest

from periferia_link.errors import LeaseHeldError
from periferia_link.ledger import SqliteLedger, _desk, owner_name

ELSEWHERE = "elsewhere:4711:99"


@pytest.fixture
def leases():
    """The leases of an empty ledger."""
    with SqliteLedger.open(":memory:") as ledger:
        yield ledger.leases


def take(leases, owner=ELSEWHERE, *, now=100.0, flow="clients", **options):
    """Take a lease for two minutes."""
    return leases.take(flow, owner, now=now, seconds=120.0, **options)


class TestTake:
    """To become the runner."""

    def test_free(self, leases):
        """Shown with owner, since when and until when."""
        held = take(leases)
        assert [held] == leases.held()
        assert ("clients", ELSEWHERE, 1, 100.0, 220.0) == (
            held.flow,
            held.owner,
            held.epoch,
            held.since,
            held.expires,
        )

    def test_held(self, leases):
        """Who, since when, and how long it may still take."""
        take(leases)
        with pytest.raises(LeaseHeldError) as caught:
            take(leases, "other:1:1", now=107.0)
        text = str(caught.value)
        assert (True, True, True, True) == ("4711" in text, "elsewhere" in text, "7 s" in text, "113 s" in text)

    def test_run_out(self, leases):
        """Taken over, with a higher epoch."""
        first = take(leases)
        second = take(leases, "other:1:1", now=220.0)
        assert (1, 2) == (first.epoch, second.epoch)

    def test_other_flows_and_partitions(self, leases):
        """Each has its own."""
        take(leases)
        take(leases, "other:1:1", flow="projects")
        take(leases, "other:1:1", partition="north")
        assert 3 == len(leases.held())

    def test_the_same_process(self, leases):
        """A second engine of a process that runs is another runner."""
        take(leases, owner_name())
        with pytest.raises(LeaseHeldError, match=str(os.getpid())):
            take(leases, owner_name())


class TestDeadOwners:
    """A process that is gone does not hold anything."""

    def test_no_such_process(self, leases, monkeypatch):
        """Taken over at once."""

        def gone(pid, signal):
            raise ProcessLookupError

        monkeypatch.setattr(_desk.os, "kill", gone)
        host = owner_name().split(":", maxsplit=1)[0]
        take(leases, f"{host}:4711:99")
        assert 2 == take(leases, "other:1:1").epoch

    def test_another_process_of_that_number(self, leases):
        """Its start tells them apart."""
        host, pid, _ = owner_name().split(":")
        take(leases, f"{host}:{pid}:1")
        assert 2 == take(leases, "other:1:1").epoch

    def test_one_of_another_user(self, leases, monkeypatch):
        """It lives, and we may not ask more."""

        def forbidden(pid, signal):
            raise PermissionError

        monkeypatch.setattr(_desk.os, "kill", forbidden)
        host = owner_name().split(":", maxsplit=1)[0]
        take(leases, f"{host}:4711:99")
        with pytest.raises(LeaseHeldError):
            take(leases, "other:1:1")

    def test_where_processes_have_no_start(self, leases, monkeypatch):
        """Without a process table the number alone is believed."""
        monkeypatch.setattr(_desk, "_started", lambda pid: "?")
        take(leases, owner_name())
        assert owner_name().endswith(":?")
        with pytest.raises(LeaseHeldError):
            take(leases, "other:1:1")

    @pytest.mark.parametrize("owner", ["ana", "a:b", "::", "a:b:c:d"])
    def test_names_of_any_form(self, leases, owner):
        """What cannot be asked is believed until it runs out; nothing breaks."""
        take(leases, owner)
        with pytest.raises(LeaseHeldError) as caught:
            take(leases, "other:1:1")
        assert owner.split(":", maxsplit=1)[0] in str(caught.value)
        assert 2 == take(leases, "other:1:1", now=300.0).epoch


class TestRenew:
    """To stay the runner."""

    def test_moved(self, leases):
        """The end, not the begin."""
        renewed = leases.renew(take(leases), now=150.0, seconds=120.0)
        assert (100.0, 270.0) == (renewed.since, renewed.expires)
        assert [renewed] == leases.held()

    def test_replaced(self, leases):
        """A runner that comes back after its time learns that it must stop."""
        first = take(leases)
        take(leases, "other:1:1", now=230.0)
        with pytest.raises(LeaseHeldError, match="taken over") as caught:
            leases.renew(first, now=231.0, seconds=120.0)
        assert "nothing is lost" in caught.value.hint

    def test_replaced_by_itself(self, leases):
        """The epoch tells two leases of one owner apart."""
        first = take(leases)
        take(leases, now=230.0)
        with pytest.raises(LeaseHeldError):
            leases.renew(first, now=231.0, seconds=120.0)


class TestRelease:
    """To be the runner no longer."""

    def test_given_back(self, leases):
        """Free for anybody; the epoch goes on."""
        leases.release(take(leases))
        assert [] == leases.held()
        assert 2 == take(leases, "other:1:1", now=101.0).epoch

    def test_of_another_one(self, leases):
        """A runner that was replaced gives nothing back."""
        first = take(leases)
        second = take(leases, "other:1:1", now=230.0)
        leases.release(first)
        assert [second] == leases.held()
