"""The connector of ``examples/custom_connector`` keeps the contract, and is as short as its page says."""

from __future__ import annotations

import httpx
import pytest
from pydantic import SecretStr

from acme_server import PACKAGE, TOKEN, AcmeServer, connector_class
from periferia_link import Client, Engine, Ref, SqliteLedger, clients
from periferia_link.connectors.base import Applied, NotApplied, Unknown, Write
from periferia_link.errors import (
    AuthenticationError,
    ConnectorError,
    RecordInvalidError,
    ThrottledError,
    UnavailableError,
)
from periferia_link.testing import MemoryConnector
from periferia_link.testing.contract import ConnectorContract

URL = "https://register.acme.example"


def connector(server, **options):
    return connector_class()(URL, **{"token": SecretStr(TOKEN), "rows": 3, "wire": server, **options})


@pytest.fixture
def server():
    return AcmeServer()


class TestContract(ConnectorContract):
    kinds = ("Client",)

    @pytest.fixture
    def connector(self, server):
        with connector(server) as one:
            yield one

    @pytest.fixture
    def seed(self, server):
        def made(kind, count):
            start = len(server.changes)
            keys = [f"00000000-0000-4000-8000-{n:012}" for n in range(start, start + count)]
            return [server.store(key, name=f"Cliente {key[-3:]}", code=f"C{key[-3:]}", city="Cali") for key in keys]

        return made

    @pytest.fixture
    def fresh(self):
        return lambda kind, number: Client(name=f"Nuevo {number}", code=f"N{number}", city="Cali")

    @pytest.fixture
    def edit(self):
        return lambda entity: {"city": "Leticia", "name": f"{entity.name} SAS"}

    @pytest.fixture
    def touch(self, server):
        return lambda kind, key: server.store(key, city="Leticia")

    @pytest.fixture
    def erase(self, server):
        return lambda kind, key: server.erase(key)

    @pytest.fixture
    def faults(self, server):
        return server

    @pytest.fixture
    def secrets(self):
        return [TOKEN]

    @pytest.fixture
    def locked_out(self, server):
        with connector(server, token=SecretStr("expired-4712")) as one:
            yield one


class TestItsAnswers:
    CREATE = Write(
        "00000000-0000-4000-8000-0000000000ff", "create", None, Client(name="A", code="C"), frozenset({"name"})
    )

    @pytest.mark.parametrize(
        ("answer", "outcome", "error"),
        [
            (httpx.Response(401), NotApplied, AuthenticationError),
            (httpx.Response(422), NotApplied, RecordInvalidError),
            (httpx.Response(429, headers={"Retry-After": "7"}), NotApplied, ThrottledError),
            (httpx.Response(503), Unknown, ConnectorError),
            (httpx.ConnectError("refused"), NotApplied, UnavailableError),
            (httpx.ReadTimeout("slow"), Unknown, ConnectorError),
            (httpx.RemoteProtocolError("reset"), Unknown, ConnectorError),
            (httpx.Response(500), Unknown, ConnectorError),
            (httpx.Response(412), Unknown, ConnectorError),
            (httpx.Response(200, html="<form>sign in</form>"), Unknown, ConnectorError),
        ],
        ids=lambda value: (
            value.__class__.__name__ if isinstance(value, Exception) else getattr(value, "status_code", "")
        ),
    )
    def test_a_create(self, server, answer, outcome, error):
        """What certainly did nothing is not applied; what may have stored something is unknown; one request each."""
        server.answers = [("before", answer)]
        with connector(server) as one:
            (got,) = one.write("Client", [self.CREATE])
        assert (outcome, 1) == (type(got), len(server.requests))
        assert isinstance(got.error, error)
        assert got.error.hint
        assert getattr(got, "retry_after", None) == (7.0 if error is ThrottledError else None)

    def test_a_page_without_json(self, server):
        """A sign-in page where JSON was promised is a matter of credentials."""
        server.answers = [("before", httpx.Response(200, html="<form>"))]
        with connector(server) as one, pytest.raises(AuthenticationError):
            one.check()

    def test_a_delete(self, server):
        """A deleted client is gone."""
        key = server.store("00000000-0000-4000-8000-000000000001", name="A")
        with connector(server) as one:
            (got,) = one.write("Client", [Write("k", "delete", Ref("crm", "Client", key))])
        assert isinstance(got, Applied)
        assert server.clients == {}


class TestInAFlow:
    def test_a_lost_answer(self, server, tmp_path):
        """As a target: the answer to a create is lost, and there is one client afterwards."""
        crm = MemoryConnector("crm", [Client], [Client(name="ACME", code="C-1")])
        server.answers = [("", None)] * 2 + [("after", httpx.RemoteProtocolError("reset"))]
        flow = clients().but(match=())
        with connector(server, name="erp") as erp, SqliteLedger.open(tmp_path / "l.db") as ledger:
            Engine({"crm": crm, "erp": erp}, ledger).run(flow.but(owns=frozenset({"name", "city"})))
        assert ["ACME"] == [client["name"] for client in server.clients.values()]


class TestItsSize:
    def test_at_most_120_lines(self):
        """The page promises it."""
        text = (PACKAGE / "src" / "acme_register" / "__init__.py").read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 120
