from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from periferia_link.connectors.sap_rfc._connections import Connections
from periferia_link.errors import AuthenticationError, MissingDependencyError, ThrottledError, UnavailableError
from periferia_link.testing.emulators.rfc import RfcFault
from rfc_company import company


@pytest.fixture
def sap():
    return company()


def pool(sap, size=2, **changes):
    given = {"size": size, "clock": sap.clock, "system": "erp", "timeout": 0.05}
    return Connections(changes.pop("connect", sap.connect), **(given | changes))


class TestThreads:
    def test_one_thread_one_connection(self, sap):
        """Whatever many threads ask: a session is used by the thread that opened it alone."""
        connections = pool(sap, size=4)
        start = threading.Barrier(4)

        def ask(_):
            start.wait(60)
            for _ in range(10):
                connections.read("STFC_CONNECTION", {"REQUTEXT": "hola"})

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(ask, range(4)))
        assert len({(call.session, call.thread) for call in sap.log}) == len({call.session for call in sap.log}) == 4

    def test_they_are_bounded(self, sap):
        """A third thread waits, and gives up when nobody is done in time: nothing was sent."""
        connections = pool(sap, size=2)
        with connections.line(), connections.line():
            assert sap.open == 2
            with pytest.raises(UnavailableError, match="all 2"), connections.line():
                pass
        assert sap.open == 2

    def test_another_thread_takes_the_place(self, sap):
        """A connection that idles is closed for a thread that needs one: it is not handed over."""
        connections = pool(sap, size=1)
        connections.read("RFC_PING", {})
        worker = threading.Thread(target=connections.read, args=("RFC_PING", {}))
        worker.start()
        worker.join(60)
        assert [call.session for call in sap.log] == [1, 2]
        assert sap.open == 1

    def test_closing_twice(self, sap):
        """Nothing stays open."""
        connections = pool(sap)
        connections.read("RFC_PING", {})
        connections.close()
        connections.close()
        assert sap.open == 0


class TestFailures:
    def test_a_broken_connection_is_never_used_again(self, sap):
        """pyrfc would go on with a new, empty session on the same object: that one is closed."""
        connections = pool(sap)
        sap.faults.add(RfcFault("break", "RFC_PING"))
        with pytest.raises(Exception, match="broken"), connections.line() as line:
            line.call("RFC_PING")
        assert sap.open == 0

    def test_a_connection_that_was_left_in_the_middle(self, sap):
        """Whoever leaves with an exception may leave locks behind: the session ends."""
        connections = pool(sap)
        with pytest.raises(RuntimeError), connections.line():
            raise RuntimeError
        assert sap.open == 0

    def test_one_that_rested_is_asked_first(self, sap):
        """After a minute the gateway may have forgotten it: before work that cannot be repeated it must live."""
        connections = pool(sap)
        with connections.line(must_live=True) as line:
            line.call("STFC_CONNECTION")
        sap.clock.advance(90)
        sap.faults.add(RfcFault("break", "RFC_PING"))
        with connections.line(must_live=True) as line:
            line.call("STFC_CONNECTION")
        assert [call.function for call in sap.log] == ["STFC_CONNECTION", "RFC_PING", "STFC_CONNECTION"]
        assert sap.open == 1

    def test_wrong_passwords_are_not_tried_again(self, sap):
        """Each try brings the user nearer to being locked."""
        tries = []

        def connect():
            tries.append(1)
            return sap.connect(passwd="wrong")

        with pytest.raises(AuthenticationError, match="user or the password"):
            pool(sap, connect=connect).read("RFC_PING", {})
        assert len(tries) == 1

    def test_a_busy_system_is_waited_for(self, sap):
        """No free session: after half a minute again, three times in all."""
        sap.faults.add(RfcFault("busy"))
        pool(sap).read("RFC_PING", {})
        assert sap.clock.sleeps == [30.0]
        sap.faults.add(*(RfcFault("busy") for _ in range(9)))
        with pytest.raises(ThrottledError) as told:
            pool(sap).read("RFC_PING", {})
        assert told.value.retry_after == 30.0
        assert len(sap.clock.sleeps) == 3

    def test_a_missing_library_is_said(self, sap):
        """It is no failure of SAP, and nothing is tried again."""

        def connect():
            raise MissingDependencyError("SAP by RFC needs a package", hint="pip install it")

        with pytest.raises(MissingDependencyError):
            pool(sap, connect=connect).read("RFC_PING", {})

    def test_nobody_answers(self, sap):
        """A gateway that refuses is asked twice and then told, with the code and without the address."""
        sap.faults.add(*(RfcFault("break", "connect") for _ in range(9)))
        with pytest.raises(UnavailableError, match="RFC_COMMUNICATION_FAILURE") as told:
            pool(sap).read("RFC_PING", {})
        assert told.value.__cause__ is None
        assert "partner" not in str(told.value)


class TestContext:
    def test_after_a_rollback_the_context_is_new(self, sap):
        """The connection stays, what it held is gone."""
        connections = pool(sap)
        with connections.line() as line:
            line.forget()
            assert not line.is_bad
        assert sap.open == 1

    @pytest.mark.parametrize("broken", ["absent", "refusing"])
    def test_libraries_that_cannot_reset(self, sap, broken):
        """erpl-pyrfc has the name and no function, pyrfcx has not even the name: the connection is closed."""

        class Plain:
            def __init__(self):
                self.inner = sap.connect()
                self.close = self.inner.close
                if broken == "refusing":
                    self.reset_server_context = lambda: 1 / 0

            def call(self, function, **parameters):
                return self.inner.call(function, **parameters)

        connections = pool(sap, connect=Plain)
        with connections.line() as line:
            line.forget()
        assert sap.open == 0
