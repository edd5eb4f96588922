"""What waits for a person, or for a cause to go away."""

from __future__ import annotations

import pytest

from periferia_link.ledger import Parked, Review, SqliteLedger


@pytest.fixture
def ledger():
    """A ledger that forgets everything."""
    with SqliteLedger.open(":memory:") as one:
        yield one


@pytest.fixture
def stream(ledger):
    """A stream of clients."""
    number = ledger.stream("clients", "source")
    with ledger.transaction():
        ledger.records.add([(number, key, "1", None, 0, None, None, None, None, None) for key in "abc"])
    return number


def park(ledger, stream, key, *, now=100.0, retry_at=400.0, reason="taken"):
    """Put a record aside."""
    with ledger.transaction():
        ledger.desk.park([(stream, key, "RecordInvalidError", reason, "choose another", now, retry_at, b"{}")])


def ask(ledger, stream, key, *, now=100.0, reason="same name", candidates='["B1", "B2"]'):
    """Put a record before a person."""
    with ledger.transaction():
        ledger.desk.review([(stream, key, reason, candidates, now)])


class TestParked:
    """Refused, or in need of something."""

    def test_shown(self, ledger, stream):
        """With reason, next step, and when it is tried again."""
        park(ledger, stream, "a")
        wanted = Parked("clients", "a", "RecordInvalidError", "taken", "choose another", 100.0, 1, 400.0)
        assert [wanted] == ledger.parked() == ledger.parked("clients")
        assert [] == ledger.parked("projects")

    def test_again(self, ledger, stream):
        """The first date stays, the attempts are counted, the reason is the newest."""
        park(ledger, stream, "a")
        park(ledger, stream, "a", now=500.0, retry_at=900.0, reason="too long")
        [found] = ledger.parked()
        assert ("too long", 100.0, 2, 900.0) == (found.reason, found.since, found.attempts, found.retry_at)
        assert (2, 0) == (ledger.desk.attempts(stream, "a"), ledger.desk.attempts(stream, "b"))

    def test_due(self, ledger, stream):
        """When their time has come."""
        park(ledger, stream, "a", retry_at=400.0)
        park(ledger, stream, "b", retry_at=None)
        park(ledger, stream, "c", retry_at=300.0)
        assert [["b"], ["b", "c"], ["a", "b", "c"]] == [ledger.desk.due(stream, now) for now in (299.9, 300.0, 400.0)]

    def test_gone_through(self, ledger, stream):
        """Off the list."""
        park(ledger, stream, "a")
        with ledger.transaction():
            ledger.desk.unpark(stream, ["a", "b"])
        assert [] == ledger.parked()

    def test_oldest_first(self, ledger, stream):
        """Over all flows."""
        other = ledger.stream("projects", "source")
        park(ledger, stream, "a", now=300.0)
        park(ledger, other, "p", now=100.0)
        park(ledger, stream, "b", now=200.0)
        assert ["p", "b", "a"] == [found.key for found in ledger.parked()]

    def test_a_record_that_is_gone(self, ledger, stream):
        """Nothing waits for it any more."""
        park(ledger, stream, "a")
        ask(ledger, stream, "a")
        with ledger.transaction():
            ledger.records.drop(stream, ["a"])
        assert ([], []) == (ledger.parked(), ledger.reviews())


class TestReviews:
    """A person decides."""

    def test_shown(self, ledger, stream):
        """With reason and candidates."""
        ask(ledger, stream, "a")
        assert [Review("clients", "a", "same name", ["B1", "B2"], 100.0, None)] == ledger.reviews()
        assert [] == ledger.reviews("projects")

    @pytest.mark.parametrize("verdict", ["link:B1", "create", "ignore"])
    def test_decided(self, ledger, stream, verdict):
        """Off the list of questions; the record is looked at again."""
        ask(ledger, stream, "a")
        with ledger.transaction():
            ledger.desk.decide(stream, "a", verdict)
        assert ([], {"a": verdict}, ["a"]) == (
            ledger.reviews(),
            ledger.desk.verdicts(stream),
            ledger.records.dirty(stream, 5),
        )

    def test_asked_again_before_anybody_answered(self, ledger, stream):
        """The newest reason, the first date."""
        ask(ledger, stream, "a")
        ask(ledger, stream, "a", now=900.0, reason="another one")
        [found] = ledger.reviews()
        assert ("another one", 100.0) == (found.reason, found.since)

    def test_a_verdict_stays(self, ledger, stream):
        """Until it was carried out."""
        ask(ledger, stream, "a")
        with ledger.transaction():
            ledger.desk.decide(stream, "a", "create")
        ask(ledger, stream, "a", reason="another one")
        assert {"a": "create"} == ledger.desk.verdicts(stream)
        with ledger.transaction():
            ledger.desk.close_reviews(stream, ["a"])
        assert {} == ledger.desk.verdicts(stream)

    def test_ignored_for_good(self, ledger, stream):
        """That verdict is kept."""
        ask(ledger, stream, "a")
        with ledger.transaction():
            ledger.desk.decide(stream, "a", "ignore")
            ledger.desk.close_reviews(stream, ["a"])
        assert ({"a": "ignore"}, []) == (ledger.desk.verdicts(stream), ledger.reviews())

    def test_nobody_asked(self, ledger, stream):
        """A verdict on a record that is in no review changes nothing."""
        with ledger.transaction():
            ledger.desk.decide(stream, "c", "create")
        assert {} == ledger.desk.verdicts(stream)
