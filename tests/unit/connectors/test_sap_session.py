from __future__ import annotations

import threading

import pytest

from periferia_link.connectors.base import Applied, NotApplied
from periferia_link.errors import AuthenticationError, ContractBrokenError, UnavailableError
from periferia_link.testing.emulators import FaultRule, ManualClock
from sap_company import URL, company, connector, create, posting


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def emulator():
    return company()


@pytest.fixture
def sap(emulator, clock):
    with connector(emulator, clock) as made:
        yield made


def logins(emulator):
    return [entry for entry in emulator.log if entry.path.endswith("/Login")]


class TestLogin:
    """One login for everybody."""

    def test_once(self, sap, emulator):
        """Many reads, one login; both cookies travel."""
        for _ in range(3):
            sap.get("Project", ["P1"])

        assert 1 == len(logins(emulator))

    def test_one_at_a_time(self, sap, emulator):
        """Threads that start together share a login: parallel ones fail on a real server."""
        threads = [threading.Thread(target=sap.get, args=("Project", ["P1"])) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert 1 == len(logins(emulator))

    def test_wrong_password_is_tried_once(self, emulator, clock):
        """The second call fails with the same error and without a request: tries lock the user in SAP."""
        sap = connector(emulator, clock, password="wrong")
        errors = []
        for _ in range(3):
            with pytest.raises(AuthenticationError) as caught:
                sap.get("Project", ["P1"])
            errors.append(str(caught.value))
        sap.close()

        assert 1 == len(emulator.log)
        assert 1 == len(set(errors))
        assert "-304" in errors[0]
        assert "wrong" not in errors[0]

    def test_write_with_a_wrong_password(self, emulator, clock):
        """Nothing was written, and the system stops."""
        with connector(emulator, clock, password="wrong") as sap:
            (outcome,) = sap.write("CostEntry", [create(posting())])

        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, AuthenticationError)

    def test_server_in_trouble(self, sap, emulator):
        """A login that fails on the server (500, 299) may work later."""
        emulator.faults.add(FaultRule("status", path="*/Login", times=None, params={"code": "299"}))

        with pytest.raises(UnavailableError):
            sap.check()

    def test_no_answer(self, sap, emulator):
        """A login without an answer changed nothing: it is like no connection."""
        emulator.faults.add(FaultRule("reset", path="*/Login", times=None))

        with pytest.raises(UnavailableError):
            sap.get("Project", ["P1"])

    @pytest.mark.parametrize(
        "fault",
        [
            FaultRule("status", path="*/Login", params={"status": 404}),
            FaultRule("status", path="*/Login", params={"status": 200, "body": '{"SessionId":1}'}),
            FaultRule("html", path="*/Login"),
        ],
    )
    def test_no_service_layer(self, sap, emulator, fault):
        """Something else answers at the address."""
        emulator.faults.add(fault)

        with pytest.raises(ContractBrokenError):
            sap.check()

    def test_language(self, emulator, clock):
        """The language goes along, the codes stay."""
        with connector(emulator, clock, language="ln_Spanish_La") as sap:
            (outcome,) = sap.write("CostEntry", [create(posting(line={"account": "7"}))])

        assert "no es de movimiento" in outcome.error.message

    def test_old_version(self, emulator, clock):
        """An address with /b1s/v1 stays with OData 3."""
        with connector(emulator, clock, url=f"{URL}/b1s/v1") as sap:
            rows = sap.get("Project", ["P1"])
            (outcome,) = sap.write("CostEntry", [create(posting())])

        assert ["P1"] == [row.key for row in rows]
        assert isinstance(outcome, Applied)
        assert all(entry.path.startswith("/b1s/v1/") for entry in emulator.log)


class TestExpiry:
    """Sessions end after thirty idle minutes, or when a node forgets them."""

    def test_renewed_before_the_timeout(self, sap, emulator, clock):
        """A minute before the end of the idle time a new session is opened, without a 401 in between."""
        sap.get("Project", ["P1"])
        clock.advance(29 * 60)
        sap.get("Project", ["P1"])

        assert 2 == len(logins(emulator))
        assert 401 not in [entry.status for entry in emulator.log]

    def test_slides(self, sap, emulator, clock):
        """Use keeps it open."""
        for _ in range(4):
            sap.get("Project", ["P1"])
            clock.advance(28 * 60)

        assert 1 == len(logins(emulator))

    def test_forgotten_during_reads(self, sap, emulator):
        """A read that meets 301 signs in and asks again."""
        sap.get("Project", ["P1"])
        emulator.sessions.expire()

        assert ["P1"] == [row.key for row in sap.get("Project", ["P1"])]
        assert 2 == len(logins(emulator))

    def test_forgotten_before_a_write(self, sap, emulator):
        """A write that meets 301 was not done: the engine sends it again, with a new session."""
        sap.write("CostEntry", [create(posting())])
        emulator.sessions.expire()
        write = create(posting())
        (first,) = sap.write("CostEntry", [write])
        (second,) = sap.write("CostEntry", [write])

        assert isinstance(first, NotApplied)
        assert isinstance(first.error, UnavailableError)
        assert 0 == first.retry_after
        assert isinstance(second, Applied)

    def test_refused_again_and_again(self, sap, emulator):
        """A session refused right after it was opened is no matter of trying again."""
        sap.write("CostEntry", [create(posting())])
        emulator.faults.add(FaultRule("status", path="*/$batch", times=2, params={"status": 401, "code": "301"}))
        outcomes = [sap.write("CostEntry", [create(posting())])[0] for _ in range(3)]

        assert [UnavailableError, AuthenticationError] == [type(outcome.error) for outcome in outcomes[:2]]
        assert isinstance(outcomes[2], Applied)


class TestClose:
    """Logout is a courtesy."""

    def test_logs_out(self, emulator, clock):
        """The session is closed on the server."""
        with connector(emulator, clock) as sap:
            sap.get("Project", ["P1"])

        assert 0 == len(emulator.sessions)

    def test_never_signed_in(self, emulator, clock):
        """Without a session there is nothing to close."""
        connector(emulator, clock).close()

        assert [] == emulator.log

    def test_failure_is_ignored(self, emulator, clock):
        """A server that is gone does not disturb."""
        with connector(emulator, clock) as sap:
            sap.get("Project", ["P1"])
            emulator.faults.add(FaultRule("reset", path="*/Logout"))

    def test_repr_has_no_secret(self, sap, emulator):
        """Neither password nor cookie is shown."""
        sap.get("Project", ["P1"])
        shown = repr(sap) + repr(sap._session)

        assert emulator.credentials()["password"] not in shown
        assert "B1SESSION" not in shown
