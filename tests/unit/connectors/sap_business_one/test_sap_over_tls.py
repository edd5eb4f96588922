"""SAP Business One over real connections: TLS, sockets that went stale, lines that break, several posters."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from periferia_link.connectors.base import Applied, Unknown
from periferia_link.connectors.sap_business_one import SapBusinessOne
from periferia_link.testing.emulators import FaultRule, TlsIdentity, host
from sap_company import company, create, posting

pytest.importorskip("trustme", reason="TLS needs trustme")


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return TlsIdentity.make(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def emulator(tls):
    emulator = company()
    emulator.load({"BusinessPartners": [{"CardCode": f"C{n}", "CardName": f"Cliente {n}"} for n in range(9)]})
    with host(emulator, tls=tls):
        yield emulator


@pytest.fixture
def connect(emulator, tls):
    opened = []

    def connect(**options):
        account = emulator.credentials()
        made = SapBusinessOne(
            emulator.base_url,
            company_db=account["company_db"],
            username=account["username"],
            password=SecretStr(account["password"]),
            ca_file=tls.ca_file,
            allow_private=True,
            **options,
        )
        opened.append(made)
        return made

    yield connect
    for made in opened:
        made.close()


def asked(emulator, method, path):
    return [entry for entry in emulator.log if entry.method == method and entry.path.endswith(path)]


class TestSockets:
    """The balancer closes connections when it likes."""

    def test_closed_after_an_answer(self, connect, emulator):
        """The next read goes over another connection, and nobody notices."""
        sap = connect()
        emulator.faults.add(FaultRule("close", method="GET", times=3))

        assert [["P1"]] * 3 == [[row.key for row in sap.get("Project", ["P1"])] for _ in range(3)]

    def test_closed_before_a_posting(self, connect, emulator):
        """A posting on a connection that is closed under it is never sent a second time: what is there was told."""
        sap = connect()
        emulator.faults.add(FaultRule("close", method="GET", times=None))
        sap.get("Project", ["P1"])
        write = create(posting())
        (outcome,) = sap.write("CostEntry", [write])  # the line may die in just this moment
        found = sap.find("CostEntry", "create_key", [write.create_key])

        assert 1 >= len(asked(emulator, "POST", "$batch"))
        assert not isinstance(outcome, Applied) or [outcome.ref.id] == [row.key for row in found]
        assert isinstance(outcome, (Applied, Unknown)) or [] == found

    def test_broken_read(self, connect, emulator):
        """A read that breaks is asked again."""
        sap = connect()
        emulator.faults.add(FaultRule("reset", method="GET", path="*/Projects"))

        assert ["P1"] == [row.key for row in sap.get("Project", ["P1"])]
        assert 2 == len(asked(emulator, "GET", "/Projects"))

    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize(
        "fault", [{"fault": "reset"}, {"fault": "status", "params": {"status": 502}}, {"fault": "html"}]
    )
    def test_broken_posting(self, connect, emulator, when, fault):
        """A posting is never sent again: it is looked for, and is there once or not at all."""
        sap = connect()
        emulator.faults.add(FaultRule(method="POST", path="*/$batch", when=when, **fault))
        write = create(posting())
        (outcome,) = sap.write("CostEntry", [write])
        found = sap.find("CostEntry", "create_key", [write.create_key])

        assert isinstance(outcome, Unknown)
        assert 1 == len(asked(emulator, "POST", "$batch"))
        assert (when == "after") == (len(found) == 1)
        assert len(found) == len(emulator.books["JournalEntries"])

    def test_session_that_ends_between_pages(self, connect, emulator):
        """A list goes on behind the page before, with a new session."""
        sap = connect(page_size=3)
        pages = sap.pull("Client")
        keys = [row.key for row in next(pages).rows]
        emulator.sessions.expire()
        keys += [row.key for page in pages for row in page.rows]

        assert [f"C{n}" for n in range(9)] == keys
        assert 2 == len(asked(emulator, "POST", "/Login"))

    def test_balancer_under_strain(self, connect, emulator):
        """503 halves the requests at once; the read is asked again and works."""
        sap = connect(parallel=8)
        emulator.faults.add(FaultRule("status", method="GET", path="*/Projects", params={"status": 503}))

        assert ["P1"] == [row.key for row in sap.get("Project", ["P1"])]
        assert 4 == sap._pace.parallel

    def test_two_posters_at_once(self, connect, emulator):
        """Two processes with the same posting: one entry, whoever was first; both find it."""
        write = create(posting())
        posters = [connect(), connect()]
        for each in posters:
            each.check()
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(lambda sap: sap.write("CostEntry", [write])[0], posters))

        assert 1 == len(emulator.books["JournalEntries"])
        assert sorted(["Applied", "Unknown"]) == sorted(type(outcome).__name__ for outcome in outcomes)
        assert [["1"]] * 2 == [
            [row.key for row in s.find("CostEntry", "create_key", [write.create_key])] for s in posters
        ]
