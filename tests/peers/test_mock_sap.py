"""
SapRfc against mock-sap, a system by other people: BAPIs as JSON over loopback HTTP.

``pip install mock-sap`` (0.22 or later). The adapter below carries a call and nothing else: function, parameters, answer.
mock-sap has no session (every call commits at once) and names two tables of accounting by other words, which the
adapter puts in; conditions, columns and rows are its own. Of a range it reads the lower end alone, so that the pattern
for everybody is left out there.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import uuid
from datetime import date
from decimal import Decimal

import pytest

mocksap = pytest.importorskip("mocksap", reason="mock-sap is missing")

from periferia_link.connectors.base import Applied, NotApplied, Unknown, Write  # noqa: E402
from periferia_link.connectors.sap_rfc import FI_CO_FIELDS, SapRfc  # noqa: E402
from periferia_link.domain import CostEntry, CostLine, Money  # noqa: E402
from periferia_link.errors import (  # noqa: E402
    AuthenticationError,
    ContractBrokenError,
    PermissionDeniedError,
    RecordInvalidError,
    ThrottledError,
    UnavailableError,
)
from periferia_link.testing.emulators import ManualClock  # noqa: E402
from periferia_link.testing.emulators import _rfc_failures as pyrfc  # noqa: E402

# what third parties leave open is not ours to judge
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")

WORDS = {
    "BKPF": "A_JournalEntry",
    "BSEG": "A_JournalEntryItem",
    "BUKRS": "CompanyCode",
    "BELNR": "AccountingDocument",
    "GJAHR": "FiscalYear",
    "XBLNR": "ReferenceDocument",
    "BUDAT": "PostingDate",
    "WAERS": "TransactionCurrency",
    "BKTXT": "AccountingDocumentHeaderText",
    "BUZEI": "AccountingDocumentItem",
    "SHKZG": "DebitCreditCode",
    "WRBTR": "AmountInTransactionCurrency",
    "HKONT": "GLAccount",
    "KOSTL": "CostCenter",
    "SGTXT": "DocumentItemText",
}
ABSENT = {"HWAER", "STBLG", "XREVERSAL", "DMBTR", "AUFNR", "ZUONR"}
"""Columns that mock-sap does not keep: empty for us."""


class OverHttp:
    """A connection whose calls are POST requests."""

    def __init__(self, server, headers=()):
        self.server = server
        self.headers = dict(headers)

    def call(self, function, options=None, **parameters):
        if function == "RFC_READ_TABLE":
            parameters = self.in_their_words(parameters)
        if function == "BAPI_CUSTOMER_GETLIST":
            parameters = {"IDRANGE": [row for row in parameters["IDRANGE"] if row["LOW"] != "*"]}
        answer = self.post(function, parameters)
        if function == "RFC_READ_TABLE":
            ours = {theirs: word for word, theirs in WORDS.items()}
            answer["FIELDS"] = [row | {"FIELDNAME": ours[row["FIELDNAME"]]} for row in answer["FIELDS"]]
            answer["FIELDS"] += [{"FIELDNAME": name, "OFFSET": "0", "LENGTH": "0"} for name in sorted(ABSENT)]
        return answer

    def in_their_words(self, parameters):
        def said(text):
            return " ".join(WORDS.get(word, word) for word in text.split(" "))

        fields = [{"FIELDNAME": WORDS[row["FIELDNAME"]]} for row in parameters["FIELDS"] if row["FIELDNAME"] in WORDS]
        lines = [{"TEXT": said(row["TEXT"])} for row in parameters["OPTIONS"]]
        return {"QUERY_TABLE": WORDS[parameters["QUERY_TABLE"]], "FIELDS": fields, "OPTIONS": lines}

    def post(self, function, parameters):
        line = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=60)
        try:
            body = json.dumps(parameters, default=str)
            line.request("POST", f"/sap/bc/rfc/{function}", body, {"Content-Type": "application/json", **self.headers})
            answer = line.getresponse()
            status, content = answer.status, answer.read()
        except OSError as exc:
            raise pyrfc.CommunicationError(type(exc).__name__, 1, "RFC_COMMUNICATION_FAILURE") from exc
        finally:
            line.close()
        if status == 200:
            return json.loads(content)
        raise {
            401: pyrfc.LogonError("refused", 2, "RFC_LOGON_FAILURE"),
            403: pyrfc.ABAPRuntimeError("no right", 3, "RFC_NO_AUTHORITY"),
            404: pyrfc.ABAPApplicationError("no function", 5, "FU_NOT_FOUND"),
            503: pyrfc.ABAPRuntimeError("busy", 3, "RFC_NO_RESOURCE"),
        }.get(status, pyrfc.ABAPRuntimeError("dump", 3, "RFC_ABAP_RUNTIME_FAILURE"))

    def ping(self):
        self.call("RFC_PING")

    def get_connection_attributes(self):
        self.ping()
        return {"sysId": "MCK", "client": "100", "user": "MOCKUSER"}

    def close(self):
        pass


@pytest.fixture(scope="module")
def running():
    server = mocksap.make_server(mocksap.Config(port=0, csrf=False, quiet=True))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(running):
    ask(running, "/_mock/reset", {})
    yield running
    for path in ("/_mock/faults", "/_mock/bapi-behaviour"):
        ask(running, path, None, method="DELETE")


def ask(server, path, body, method="POST"):
    line = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    line.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
    answer = line.getresponse().read()
    line.close()
    with contextlib.suppress(ValueError):
        return json.loads(answer)


def connector(server, headers=(), **changes):
    given = {
        "company_code": "1710",
        "controlling_area": "A000",
        "connect": lambda: OverHttp(server, headers),
        "decimals": {"EUR": 2},
        # these two kinds of look-up are not in mock-sap
        "check": False,
        "fields": FI_CO_FIELDS.merged({"Client": {"columns": {"tax_id": "", "email": "E_MAIL"}}}),
        "clock": ManualClock(),
    }
    return SapRfc({"user": "MOCKUSER"}, **(given | changes))


@pytest.fixture
def erp(server):
    with connector(server) as made:
        yield made


def posting(amount="1250.55", **changes):
    cost = CostLine(account="613595", debit=1, cost_centre="17101101", memo="Horas")
    credit = CostLine(account="510595", credit=1, memo="Horas")
    day = date(2026, 11, 19)
    made = CostEntry.transfer(Money.of(amount, "EUR"), debit=cost, credit=credit, posted_on=day, memo="Labour PRY-1")
    return made.model_copy(update=changes)


def create(entry, key=None):
    return Write(key or str(uuid.uuid4()), "create", None, entry, frozenset(entry.model_fields_set))


class TestPosting:
    def test_a_document_is_posted_and_read_back(self, erp):
        """Their double entry takes our lines, their table gives them back by our key."""
        write = create(posting())
        (outcome,) = erp.write("CostEntry", [write])
        assert isinstance(outcome, Applied)
        assert outcome.ref.id[10:] == "17102026"
        (row,) = erp.find("CostEntry", "create_key", [write.create_key])
        assert (row.key, row.match) == (outcome.ref.id, write.create_key)
        there = erp.decode("CostEntry", row)
        assert (there.total, there.memo, there.posted_on) == (
            Money.of("1250.55", "EUR"),
            "Labour PRY-1",
            date(2026, 11, 19),
        )
        assert [(line.account, line.debit, line.credit) for line in there.lines] == [
            ("613595", Decimal("1250.55"), 0),
            ("510595", 0, Decimal("1250.55")),
        ]

    def test_many_are_listed(self, erp):
        """A pull lists ours, page by page; documents of others are left out."""
        erp._connections.read(
            "BAPI_ACC_DOCUMENT_POST",
            {
                "DOCUMENTHEADER": {"COMP_CODE": "1710", "PSTNG_DATE": "20261119", "REF_DOC_NO": "A MANO"},
                "ACCOUNTGL": [{"ITEMNO_ACC": "1", "GL_ACCOUNT": "1"}, {"ITEMNO_ACC": "2", "GL_ACCOUNT": "2"}],
                "CURRENCYAMOUNT": [{"ITEMNO_ACC": "1", "AMT_DOCCUR": "1"}, {"ITEMNO_ACC": "2", "AMT_DOCCUR": "-1"}],
            },
        )
        made = {erp.write("CostEntry", [create(posting(f"{number}.10"))])[0].ref.id for number in range(1, 8)}
        assert {row.key for page in erp.pull("CostEntry") for row in page.rows} == made

    def test_the_same_key_twice_is_two_documents(self, erp):
        """Nobody there refuses a reference that stands already: why our guard is a marker."""
        write = create(posting())
        erp.write("CostEntry", [write])
        erp.write("CostEntry", [write])
        assert len(erp.find("CostEntry", "create_key", [write.create_key])) == 2

    def test_their_refusals_are_parked(self, erp, server):
        """A closed period by its code; the text is theirs."""
        told = {"function": "BAPI_ACC_DOCUMENT_POST", "type": "E", "id": "F5", "number": "201", "count": 1}
        ask(server, "/_mock/bapi-behaviour", told | {"message": "Posting period 011 2026 is not open"})
        (outcome,) = erp.write("CostEntry", [create(posting())])
        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, RecordInvalidError)
        assert "period 2026-11" in str(outcome.error)
        (outcome,) = erp.write("CostEntry", [create(posting())])
        assert isinstance(outcome, Applied)

    def test_a_warning_is_posted(self, erp, server):
        """A row of type W beside the success."""
        told = {"function": "BAPI_ACC_DOCUMENT_POST", "type": "W", "id": "KI", "number": "1", "count": 1}
        ask(server, "/_mock/bapi-behaviour", told | {"message": "Budget"})
        assert isinstance(erp.write("CostEntry", [create(posting())])[0], Applied)

    def test_a_commit_that_answers_an_error(self, erp, server):
        """Unknown, and found: mock-sap had committed with the posting."""
        told = {"function": "BAPI_TRANSACTION_COMMIT", "type": "A", "id": "00", "number": "364", "count": 1}
        ask(server, "/_mock/bapi-behaviour", told | {"message": "Update was terminated"})
        write = create(posting())
        (outcome,) = erp.write("CostEntry", [write])
        assert isinstance(outcome, Unknown)
        assert outcome.is_answered
        assert len(erp.find("CostEntry", "create_key", [write.create_key])) == 1

    def test_the_check_is_missing_there(self, server):
        """A function that a system does not have: told as such, nothing posted."""
        with connector(server, check=True) as erp:
            write = create(posting())
            (outcome,) = erp.write("CostEntry", [write])
            assert isinstance(outcome, NotApplied)
            assert "FU_NOT_FOUND" in str(outcome.error)
            assert erp.find("CostEntry", "create_key", [write.create_key]) == []


class TestCustomers:
    def test_customers_are_listed_and_read(self, erp):
        """Their seeded customers, many in one call."""
        clients = list(erp.each("Client"))
        assert clients
        assert all(client.name and client.city for client in clients)
        some = [client.code for client in clients[:3]]
        assert sorted(row.key for row in erp.get("Client", [*some, "4711"])) == sorted(some)
        (row,) = erp.find("Client", "code", some[:1])
        assert erp.decode("Client", row) == clients[0]

    def test_details(self, server):
        """BAPI_CUSTOMER_GETDETAIL2 brings what the list lacks, and a customer that is not there is absent."""
        with connector(server, client_details=True) as erp:
            clients = list(erp.each("Client"))
            assert any(client.email for client in clients)
            assert erp.get("Client", ["9999999"]) == []


FAULTS = [
    ("auth", AuthenticationError),
    ("expired-token", AuthenticationError),
    ("forbidden", PermissionDeniedError),
    ("notfound", ContractBrokenError),
    ("error", ContractBrokenError),
    ("lock", ContractBrokenError),
    ("busy", ThrottledError),
]


class TestTransport:
    @pytest.mark.parametrize(("scenario", "error"), FAULTS)
    def test_reads_end_in_errors_of_ours(self, server, scenario, error):
        """Whatever their front end answers."""
        with connector(server, {"sap-mock-scenario": scenario}) as erp, pytest.raises(error) as told:
            list(erp.pull("Client"))
        assert told.value.hint

    @pytest.mark.parametrize(("scenario", "error"), FAULTS)
    def test_writes_end_in_outcomes(self, server, scenario, error):
        """No exception, nothing there, and never a success."""
        write = create(posting())
        with connector(server, {"sap-mock-scenario": scenario}) as erp:
            (outcome,) = erp.write("CostEntry", [write])
        assert isinstance(outcome, NotApplied | Unknown)
        with connector(server) as erp:
            assert erp.find("CostEntry", "create_key", [write.create_key]) == []

    def test_a_line_that_breaks_after_the_commit(self, server):
        """The answer to the commit never comes: unknown, and the read-back finds exactly one."""

        class Breaking(OverHttp):
            def post(self, function, parameters):
                answer = super().post(function, parameters)
                if function == "BAPI_TRANSACTION_COMMIT":
                    raise pyrfc.CommunicationError("gone", 1, "RFC_COMMUNICATION_FAILURE")
                return answer

        write = create(posting())
        with connector(server, connect=lambda: Breaking(server)) as erp:
            (outcome,) = erp.write("CostEntry", [write])
            assert isinstance(outcome, Unknown)
            assert not outcome.is_answered
            assert len(erp.find("CostEntry", "create_key", [write.create_key])) == 1

    def test_nobody_is_there(self, server):
        """A port without a server is told as such."""

        class Elsewhere:
            server_port = 1

        with connector(Elsewhere()) as erp, pytest.raises(UnavailableError):
            erp.check()
