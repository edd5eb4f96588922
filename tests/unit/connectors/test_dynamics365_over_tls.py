"""Dynamics 365 over real connections: TLS, Entra, batches, threads, lines that break."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from periferia_link.connectors.base import Applied, Unknown, Write
from periferia_link.connectors.dynamics365 import Dynamics365
from periferia_link.domain import Client
from periferia_link.errors import AuthenticationError, RequestTimeoutError
from periferia_link.testing.emulators import FaultRule, TlsIdentity, host
from periferia_link.testing.emulators.dynamics365 import Dynamics365Emulator
from periferia_link.transport._auth import ClientSecret

pytest.importorskip("trustme", reason="TLS needs trustme")


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return TlsIdentity.make(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def emulator(tls):
    emulator = Dynamics365Emulator()
    with host(emulator.entra, tls=tls), host(emulator, tls=tls):
        yield emulator


@pytest.fixture
def connect(emulator, tls):
    opened = []

    def connect(**options):
        known = emulator.entra.credentials()
        credential = ClientSecret(
            tenant_id=known["tenant_id"],
            client_id=known["client_id"],
            client_secret=SecretStr(options.pop("client_secret", known["client_secret"])),
            authority=known["authority"],
            ca_file=tls.ca_file,
            allow_private=True,
        )
        connector = Dynamics365(
            emulator.base_url,
            **{"credential": credential, "ca_file": tls.ca_file, "allow_private": True, "owns_credential": True}
            | options,
        )
        opened.append(connector)
        return connector

    yield connect
    for connector in opened:
        connector.close()


def creates(count):
    for n in range(count):
        client = Client(name=f"Compañía {n}", code=f"A-{n:03}")
        yield Write(str(uuid.uuid4()), "create", None, client, frozenset({"name", "code"}))


class TestOverTheWire:
    def test_the_whole_round(self, emulator, connect):
        """Check, a batch of creates, pages, a look-up."""
        connector = connect(page_size=30)
        assert emulator.organization_id == connector.check().system_id
        outcomes = connector.write("Client", list(creates(100)))
        assert {Applied} == {type(outcome) for outcome in outcomes}
        pages = list(connector.pull("Client"))
        assert [30, 30, 30, 10] == [len(page.rows) for page in pages]
        (hit,) = connector.find("Client", "code", ["A-042"])
        assert "Compañía 42" == connector.decode("Client", hit).name
        assert 1 == emulator.entra.token_requests

    def test_threads(self, emulator, connect):
        """Parallel writers sign in once, and every write arrives once."""
        connector = connect(parallel=4)
        with ThreadPoolExecutor(4) as pool:
            outcomes = list(pool.map(lambda write: connector.write("Client", [write])[0], creates(24)))
        assert {Applied} == {type(outcome) for outcome in outcomes}
        assert 24 == len(emulator.books["accounts"])
        assert 1 == emulator.entra.token_requests

    @pytest.mark.parametrize("fault", ["reset", "truncate"])
    def test_a_line_that_breaks_after_the_commit(self, emulator, connect, fault):
        """Nobody knows, nothing is sent twice, the read-back finds it."""
        connector = connect()
        connector.check()
        emulator.faults.add(FaultRule(fault, method="POST", path="*/$batch", when="after"))
        writes = list(creates(2))
        assert [Unknown, Unknown] == [type(outcome) for outcome in connector.write("Client", writes)]
        found = connector.find("Client", "create_key", [write.create_key for write in writes])
        assert 2 == len(found) == len(emulator.books["accounts"])

    def test_a_server_that_hangs(self, emulator, connect):
        """A read ends at its deadline, a write is unknown."""
        connector = connect(deadline=1.5)
        connector.check()
        emulator.faults.add(FaultRule("hang", method="PATCH"), FaultRule("hang", method="GET", times=3))
        (outcome,) = connector.write("Client", list(creates(1)))
        assert isinstance(outcome, Unknown)
        with pytest.raises(RequestTimeoutError):
            list(connector.pull("Client"))

    def test_a_wrong_secret(self, connect):
        """Entra's refusal comes through, without the secret."""
        with pytest.raises(AuthenticationError) as raised:
            connect(client_secret="wrong-canary").check()
        assert "7000215" in str(raised.value.code)
        assert "canary" not in str(raised.value)
