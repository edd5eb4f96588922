from __future__ import annotations

import pytest

from periferia_link.connectors.base import Applied, NotApplied, Unknown
from periferia_link.errors import (
    AuthenticationError,
    ContractBrokenError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RecordInvalidError,
    ThrottledError,
    UnavailableError,
    WriteRefusedError,
)
from periferia_link.testing.emulators.rfc import RfcFault
from rfc_company import KEY, company, connector, create, functions, order, posting

CHECK, POST = "BAPI_ACC_DOCUMENT_CHECK", "BAPI_ACC_DOCUMENT_POST"
COMMIT, ROLLBACK = "BAPI_TRANSACTION_COMMIT", "BAPI_TRANSACTION_ROLLBACK"


@pytest.fixture
def sap():
    return company()


@pytest.fixture
def erp(sap):
    with connector(sap, timeout=10.0) as made:
        made.find("CostEntry", "create_key", [KEY])  # what is looked up once is known
        sap.books.decimals["USD"] = 2
        yield made


def post(erp, entry=None):
    (outcome,) = erp.write("CostEntry", [create(entry or posting(), KEY)])
    return outcome


def written(sap):
    return [function for function in functions(sap) if function.startswith("BAPI")]


class TestTheWay:
    def test_check_post_commit_on_one_connection(self, sap, erp):
        """In this order, in one session, and the commit waits for the update."""
        outcome = post(erp)
        assert isinstance(outcome, Applied)
        assert written(sap) == [CHECK, POST, COMMIT]
        last = sap.log[-3:]
        assert len({call.session for call in last}) == 1
        assert last[-1].parameters == {"WAIT": "X"}
        assert outcome.ref.id in sap.books.documents

    def test_nothing_is_seen_before_the_commit(self, sap, erp):
        """Another session sees the document after the commit only."""
        seen = []
        sap.on_io = lambda word: seen.append((word, len(sap.books.documents)))
        post(erp)
        assert dict(seen)[f"after {POST}"] == 0
        assert dict(seen)[f"after {COMMIT}"] == 1

    def test_a_system_without_the_checking_function(self, sap):
        """The check can be left out."""
        with connector(sap, check=False) as erp:
            assert isinstance(post(erp), Applied)
        assert CHECK not in functions(sap)

    def test_an_order_is_checked_by_a_test_run(self, sap, erp):
        """Orders have no checking function: the same one with TESTRUN."""
        (outcome,) = erp.write("Project", [create(order())])
        assert isinstance(outcome, Applied)
        runs = [call.parameters.get("TESTRUN") for call in sap.log if call.function == "BAPI_INTERNALORDER_CREATE"]
        assert runs == ["X", None]

    def test_plan_only_asks_nothing(self, sap):
        """No session is opened."""
        with connector(sap, plan_only=True) as erp:
            outcome = post(erp)
        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, WriteRefusedError)
        assert sap.sessions == 0


class TestRefusals:
    def test_a_refusal_of_the_check_draws_no_number(self, sap, erp):
        """The check touches no number range, and nothing is committed."""
        sap.books.closed.add("2026-11")
        outcome = post(erp)
        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, RecordInvalidError)
        assert "period 2026-11" in str(outcome.error)
        assert written(sap) == [CHECK]
        assert sap.books.drawn == {}
        assert sap.open == 1  # the connection serves the next posting

    @pytest.mark.parametrize("kind", ["E", "A"])
    def test_a_refusal_of_the_posting_is_rolled_back(self, sap, erp, kind):
        """Any E or A in RETURN: rollback on the same connection, never a commit."""
        sap.faults.add(RfcFault("refuse", POST, type=kind, code="KI/999", text="Exit of the company says no"))
        outcome = post(erp)
        assert isinstance(outcome, NotApplied)
        assert "Exit of the company says no (KI/999)" in str(outcome.error)
        assert written(sap) == [CHECK, POST, ROLLBACK]
        assert len({call.session for call in sap.log[-3:]}) == 1
        assert sap.books.documents == {}

    @pytest.mark.parametrize("kind", ["W", "I"])
    def test_a_warning_is_posted(self, sap, erp, kind):
        """Warnings are not errors."""
        sap.faults.add(RfcFault("refuse", POST, type=kind, code="KI/998", text="Budget nearly used"))
        assert isinstance(post(erp), Applied)

    def test_a_rollback_that_is_refused_is_not_believed(self, sap, erp):
        """SAP could not roll back: what is there is looked up."""
        sap.faults.add(RfcFault("refuse", POST), RfcFault("refuse", ROLLBACK, code="00/001", text="not possible"))
        outcome = post(erp)
        assert isinstance(outcome, Unknown)
        assert outcome.is_answered

    def test_a_rollback_that_is_lost_ends_with_the_session(self, sap, erp):
        """The session ends with its connection, and with it what it held."""
        sap.faults.add(RfcFault("refuse", POST), RfcFault("break", ROLLBACK))
        assert isinstance(post(erp), NotApplied)
        assert isinstance(post(erp), Applied)
        assert len(sap.books.documents) == 1

    def test_a_posting_without_number_or_reason(self, sap, erp):
        """A change of the company that swallows its messages is not taken for success."""
        sap.faults.add(RfcFault("refuse", POST, type="", code="00/000", text=""))
        sap.books.drawn["FI"] = 10**12  # a number that is none
        outcome = post(erp)
        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, ContractBrokenError)
        assert sap.books.documents == {}


LOST = [
    ("connect", "break", "before", NotApplied, UnavailableError, 0),
    ("connect", "logon", "before", NotApplied, AuthenticationError, 0),
    (CHECK, "break", "before", NotApplied, UnavailableError, 0),
    (CHECK, "break", "after", NotApplied, UnavailableError, 0),
    (CHECK, "dump", "before", NotApplied, RecordInvalidError, 0),
    (CHECK, "busy", "before", NotApplied, ThrottledError, 0),
    (CHECK, "forbidden", "before", NotApplied, PermissionDeniedError, 0),
    (POST, "break", "before", Unknown, OutcomeUnknownError, 0),
    (POST, "break", "after", Unknown, OutcomeUnknownError, 0),
    (POST, "dump", "before", Unknown, OutcomeUnknownError, 0),
    (POST, "busy", "before", Unknown, OutcomeUnknownError, 0),
    (COMMIT, "break", "before", Unknown, OutcomeUnknownError, 0),
    (COMMIT, "break", "after", Unknown, OutcomeUnknownError, 1),
    (COMMIT, "cancel", "after", Unknown, OutcomeUnknownError, 1),
    (COMMIT, "dump", "before", Unknown, OutcomeUnknownError, 0),
    (COMMIT, "refuse", "before", Unknown, OutcomeUnknownError, 0),
]


class TestLost:
    @pytest.mark.parametrize(("function", "trouble", "when", "kind", "error", "held"), LOST)
    def test_what_it_means_by_where_it_happens(self, sap, function, trouble, when, kind, error, held):
        """Before the posting nothing happened; from the posting on the fate is looked up by the key."""
        with connector(sap, decimals={"COP": 0}) as erp:
            sap.faults.add(RfcFault(trouble, function, when=when))
            outcome = post(erp)
            assert type(outcome) is kind
            assert type(outcome.error) is error
            assert outcome.error.hint
            found = erp.find("CostEntry", "create_key", [KEY])
            assert len(sap.books.documents) == len(found) == held
        assert functions(sap).count(COMMIT) <= 1

    @pytest.mark.parametrize(
        ("trouble", "is_answered"), [("break", False), ("cancel", False), ("dump", True), ("refuse", True)]
    )
    def test_silence_and_answers(self, sap, erp, trouble, is_answered):
        """What SAP answered is over: it is looked up at once. Silence may still end in a document."""
        sap.faults.add(RfcFault(trouble, COMMIT))
        outcome = post(erp)
        assert isinstance(outcome, Unknown)
        assert outcome.is_answered is is_answered

    def test_a_commit_never_goes_to_another_session(self, sap, erp):
        """After a broken posting pyrfc has opened a new session: a commit there would commit nothing and say yes."""
        sap.faults.add(RfcFault("break", POST, when="after"))
        post(erp)
        assert COMMIT not in functions(sap)
        assert sap.open == 0

    def test_an_exit_that_commits_by_itself(self, sap, erp):
        """The answer to the posting is lost and the document is there: that is why it is looked up."""
        sap.commits_by_itself = True
        erp.close()
        sap.faults.add(RfcFault("break", POST, when="after"))
        assert isinstance(post(erp), Unknown)
        assert len(erp.find("CostEntry", "create_key", [KEY])) == 1

    def test_a_late_commit_is_found_after_the_settling_time(self, sap, erp):
        """Given up after its time, done by SAP later: within deadline and settling time, as the engine waits."""
        can = erp.supports("CostEntry")
        sap.faults.add(RfcFault("late", COMMIT, seconds=erp.deadline + can.settle_seconds - 1))
        assert isinstance(post(erp), Unknown)
        assert erp.find("CostEntry", "create_key", [KEY]) == []
        sap.clock.advance(erp.deadline + can.settle_seconds)
        assert len(erp.find("CostEntry", "create_key", [KEY])) == 1

    def test_a_slow_system_is_not_committed_late(self, sap, erp):
        """What took longer than the engine waits is rolled back: a commit behind its back would be a duplicate."""

        def slow(word):
            if word == f"before {POST}":
                sap.clock.advance(31)

        sap.on_io = slow
        outcome = post(erp)
        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, UnavailableError)
        assert written(sap) == [CHECK, POST, ROLLBACK]

    def test_looking_up_takes_from_the_time(self, sap):
        """Seconds spent on reading the decimals of a currency count, too."""
        with connector(sap, timeout=10.0) as erp:
            sap.faults.add(RfcFault("busy", "RFC_READ_TABLE"))
            sap.on_io = lambda word: sap.clock.advance(1) if word == f"before {POST}" else None
            assert isinstance(post(erp), NotApplied)
        assert sap.books.documents == {}
