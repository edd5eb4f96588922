"""
What is recorded, observed and documented of the Service Layer goes through our connector as what it means.

Evidence of each grade stands in a class of its own. The requests of the same lines are replayed against the emulator in
``tests/unit/testing/test_sap_emulator_exchanges.py``; here it is our side: answers through our parsers, and documented
requests written by the functions that write ours.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from pydantic import SecretStr

from periferia_link.connectors.base import Applied, NotApplied, Unknown, Write
from periferia_link.connectors.sap_business_one import SapBusinessOne
from periferia_link.domain import Client, CostEntry, CostLine, Money, Opportunity, Ref, ServiceCall
from periferia_link.errors import (
    AuthenticationError,
    ContractBrokenError,
    RecordConflictError,
    UnavailableError,
)
from periferia_link.testing.emulators import ManualClock
from periferia_link.transport._odata import BatchPart, decode_batch, encode_batch, error_of, key, query
from periferia_link.typing import Request, Response

EXCHANGES = Path(__file__).resolve().parents[3] / "shared" / "exchanges" / "sap.jsonl"
ROOT = "https://sap.example.com:50000"
LEFT_OUT = {
    12: "$apply: HANA only, never asked by us",
    13: "$apply: HANA only, never asked by us",
    14: "$apply: HANA only, never asked by us",
    17: "a preview of orders: orders are not ours; the emulator answers it",
    18: "the guide prints no answer, and activities are not ours; the emulator answers it",
    24: "RFC: a stand-in of other people, run as a whole for the RFC transport",
    25: "RFC: a stand-in of other people, run as a whole for the RFC transport",
    115: "the page shows the body of another object",
}


def recorded() -> list[dict[str, Any]]:
    if not EXCHANGES.exists():
        return []
    return [json.loads(line) for line in EXCHANGES.read_text(encoding="utf-8").splitlines()]


LINES = recorded()
REQUESTS = [n for n, line in enumerate(LINES) if line["kind"] == "documented-request" and n not in LEFT_OUT]

pytestmark = pytest.mark.skipif(not LINES, reason="the folder shared/exchanges is not beside this repository")


class Tape:
    """Lets the login in and answers everything else from a list; keeps what was asked."""

    def __init__(self, *answers: Response, login: Response | None = None) -> None:
        self.answers = list(answers)
        self.login = login
        self.asked: list[Request] = []

    def send(self, request: Request, *, deadline: float) -> Response:
        assert deadline > 0
        path = urlsplit(request.url).path
        if path.endswith("/Login"):
            body = b'{"SessionId": "s", "SessionTimeout": 30}'
            return self.login or Response(200, (("Set-Cookie", "B1SESSION=s;HttpOnly;"),), body)
        if path.endswith("/Logout"):
            return Response(204)
        self.asked.append(request)
        return self.answers.pop(0) if self.answers else Response(200, (), b'{"value": []}')

    def close(self) -> None:
        """Nothing is open."""


def connector(tape: Tape, version: str = "v2") -> SapBusinessOne:
    return SapBusinessOne(
        f"{ROOT}/b1s/{version}",
        company_db="SBODEMO",
        username="manager",
        password=SecretStr("not-a-real-one"),
        clock=ManualClock(),
        wire=tape,
        marker="field",
    )


def answer_of(number: int) -> Response:
    """The answer of a line as it comes over the wire."""
    line = LINES[number]
    body = line["response_body"]
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    headers = []
    for name, value in line["response_headers"].items():
        if name.lower() != "content-length":
            headers += [(name, each) for each in (value if isinstance(value, list) else [value])]
    return Response(line["status"], tuple(headers), text.encode())


def version_of(number: int) -> str:
    return urlsplit(LINES[number]["url"]).path.split("/")[2]


def rows(number: int, table: str, columns: list[str], *more: Response) -> list[dict[str, Any]]:
    tape = Tape(answer_of(number), *more)
    with connector(tape, version_of(number)) as sap:
        return list(sap.rows(table, select=columns, order=columns[:1]))


def update(number: int, ref: Ref, version: str | None = None) -> Any:
    """The outcome of a change of a client that was answered so."""
    client = Client(name="Updated customer name", ref=ref)
    with connector(Tape(answer_of(number)), version_of(number)) as sap:
        [outcome] = sap.write("Client", [Write("k", "update", ref, client, frozenset({"name"}), version)])
    return outcome


class TestRecordedReal:
    """Traffic of a real installation, in public cassettes: lines 0 to 2."""

    def test_login(self):
        """The recorded login opens a session; its cookie goes with the next request."""
        line = answer_of(0)
        cookie = ("Set-Cookie", "B1SESSION=f3c1-44;HttpOnly;")
        headers = tuple(pair for pair in line.headers if pair[0] != "Set-Cookie")
        tape = Tape(
            Response(200, '{"value": []}', b'{"value": []}'), login=Response(200, (*headers, cookie), line.body)
        )
        tape.answers[0] = Response(200, (), b'{"value": []}')
        with connector(tape) as sap:
            list(sap.rows("Banks", select=["BankCode"], key="BankCode"))
            assert sap._session.version == LINES[0]["response_body"]["Version"]
        assert tape.asked[0].header("Cookie") == "B1SESSION=f3c1-44"

    def test_blacked_out_cookie(self):
        """Where no cookie can be read, the session id of the body is used (its own header was blacked out)."""
        tape = Tape(login=answer_of(0))
        with connector(tape) as sap:
            list(sap.rows("Banks", select=["BankCode"], key="BankCode"))
        assert "B1SESSION=REDACTED-SESSION-ID" in (tape.asked[0].header("Cookie") or "")

    def test_one_record(self):
        """The body is an object whose etag is that of the header: SHA-1 of its DataVersion."""
        answer = answer_of(1)
        body = json.loads(answer.body)

        assert body["@odata.etag"] == answer.header("ETag")
        assert body["ItemCode"] == "9990140071261"

    def test_list(self):
        """Every recorded row arrives with every value; annotations are left behind, no further page is asked."""
        tape = Tape(answer_of(2))
        with connector(tape) as sap:
            found = list(sap.rows("Items", select=["ItemCode"], key="ItemCode"))
        expected = [
            {name: value for name, value in row.items() if "odata." not in name}
            for row in LINES[2]["response_body"]["value"]
        ]

        assert json.loads(json.dumps(found, default=float)) == expected
        assert len(tape.asked) == 1


class TestObserved:
    """Seen on the wire by other people, without a full recording: lines 3 to 6."""

    def test_login_of_v1(self):
        """Two cookies, one of them without a path: both go back."""
        tape = Tape(login=answer_of(3))
        with connector(tape, "v1") as sap:
            list(sap.rows("Banks", select=["BankCode"], key="BankCode"))
        assert tape.asked[0].header("Cookie") == "B1SESSION=PTRzIjYK-...; ROUTEID=.node1"

    def test_empty_500_of_the_balancer(self):
        """An answer to a login without a word is no refusal of the password: it may be tried again."""
        with connector(Tape(login=answer_of(4)), "v1") as sap, pytest.raises(UnavailableError):
            list(sap.rows("Banks", select=["BankCode"], key="BankCode"))

    def test_we_never_expect(self):
        """No request of ours asks for 100-continue, which that balancer cannot do."""
        tape = Tape()
        with connector(tape) as sap:
            list(sap.rows("Banks", select=["BankCode"], key="BankCode"))
        assert all(request.header("Expect") is None for request in tape.asked)

    def test_lower_case_login(self):
        """A 401 with code 301 to a login is a refusal that is not tried twice."""
        with connector(Tape(login=answer_of(5)), "v1") as sap:
            for _ in range(2):
                with pytest.raises(AuthenticationError) as raised:
                    list(sap.rows("Banks", select=["BankCode"], key="BankCode"))
                assert raised.value.code == "301"

    def test_missing_record(self):
        """404 with -2028: to a change it means that the record is gone; the words are read in the shape of v2."""
        outcome = update(6, Ref("erp", "Client", "NOPE"))

        assert isinstance(outcome, NotApplied)
        assert (outcome.error.code, outcome.error.status_code) == ("-2028", 404)
        assert error_of(answer_of(6).body) == ("-2028", "No matching records found (ODBC -2028)")


class TestDocumented:
    """Answers that SAP's guide prints: lines 7 to 11, 15, 16, 19 and 23."""

    def test_created(self):
        """201 with Location, etag and record: applied, and the key is told by SAP."""
        tape = Tape(answer_of(7))
        with connector(tape) as sap:
            client = Client(code="i002", name="x")
            [outcome] = sap.write("Client", [Write("k", "create", None, client, frozenset({"code", "name"}))])

        assert isinstance(outcome, Applied)
        assert outcome.version == LINES[7]["response_headers"]["ETag"]

    @pytest.mark.parametrize("number", [8, 9])
    def test_stale_version(self, number):
        """412 with -2039: nothing happened, somebody changed the record."""
        outcome = update(number, Ref("erp", "Client", "c1"), 'W/"356A192B7913B04C54574D18C28D46E6395428AB"')

        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, RecordConflictError)

    def test_rooted_link(self):
        """The link of v1 begins at the root: it is followed, and the order that it lost is asked again."""
        tape = Tape(answer_of(10), Response(200, (), b'{"value": []}'))
        with connector(tape, "v1") as sap:
            found = list(sap.rows("Orders", select=["DocEntry", "DocNum"], order=["DocEntry"]))

        assert found == LINES[10]["response_body"]["value"]
        assert unquote(tape.asked[1].url) == f"{ROOT}/b1s/v1/Orders?$skip=20&$select=DocEntry,DocNum&$orderby=DocEntry"

    def test_page_size(self):
        """We prefer a page size with the documented words, and a page as long as the confirmed size is not the last."""
        confirmed = Response(
            200, answer_of(11).headers, json.dumps({"value": [{"DocEntry": n} for n in range(50)]}).encode()
        )
        tape = Tape(confirmed)
        with connector(tape, "v1") as sap:
            list(sap.rows("Orders", select=["DocEntry"], key="DocEntry"))
        wanted = re.sub(r"\d+", "N", LINES[11]["request_headers"]["Prefer"])

        assert re.sub(r"\d+", "N", tape.asked[0].header("Prefer") or "") == wanted
        assert len(tape.asked) == 2

    def test_count_as_text(self):
        """The count of v1 is text beside the rows; the rows are what we take."""
        assert rows(15, "Banks", ["BankCode"]) == LINES[15]["response_body"]["value"]

    def test_stored_query(self):
        """Rows of a stored query, and its odd link."""
        tape = Tape(answer_of(16), Response(200, (), b'{"value": [{"ItemCode": "i006"}]}'))
        with connector(tape, "v1") as sap:
            found = list(sap.sql("sql0001"))

        assert found == [*LINES[16]["response_body"]["value"], {"ItemCode": "i006"}]
        assert unquote(tape.asked[1].url).startswith(f"{ROOT}/b1s/v1/SQLQueries('sql0001')/List?")
        assert "$skip=5" in unquote(tape.asked[1].url)

    def test_failed_change_set(self):
        """A read, then one flat refusal for the whole change set, with the code of v1 as a number."""
        answer = answer_of(19)
        read, refused = decode_batch(answer.header("Content-Type") or "", answer.body)

        assert (read.status, refused.status) == (200, 400)
        assert error_of(refused.body) == ("-10", "Item code 'i002' already exists")

    def test_our_batch_is_written_as_theirs(self):
        """A read and a change set of two with a reference: the same parts in the same order as the guide's."""
        ours = encode_batch(
            [
                BatchPart("GET", "/b1s/v1/Items('i001')"),
                [
                    BatchPart(
                        "POST", "/b1s/v1/Items", {"Content-Type": "application/json"}, b'{"ItemCode":"i002"}', "1"
                    ),
                    BatchPart("PATCH", "/b1s/v1/$1", {"Content-Type": "application/json"}, b'{"ItemName":"x"}', "2"),
                ],
            ],
            "batch_x",
        )[1].decode()

        assert outline(ours) == outline(LINES[19]["request_body"])

    def test_changed(self):
        """204 without a word: applied."""
        assert isinstance(update(23, Ref("erp", "Client", "c1")), Applied)


def outline(batch: str) -> list[str]:
    """The lines of a batch that say what is asked, without boundaries and protocol."""
    wanted = re.compile(r"(GET|POST|PATCH|DELETE) (\S+)|Content-ID: ?(\d+)|(\{.*\})")
    return [
        next(filter(None, (verb and f"{verb} {path}", number, body)))
        for verb, path, number, body in wanted.findall(batch)
    ]


class TestSdkFixtures:
    """Answers in the tests of other people's clients: lines 20 to 22."""

    @pytest.mark.parametrize("number", [20, 21])
    def test_change_set(self, number):
        """Three parts with their ids, inside the HTTP headers (v1) or beside them (v2), wrong lengths not believed."""
        answer = answer_of(number)
        [parts] = decode_batch(answer.header("Content-Type") or "", answer.body)

        assert [(part.status, part.content_id) for part in parts] == [(201, "1"), (204, "2"), (204, "3")]
        assert (parts[0].header("Location") or "").endswith("BusinessPartners('C00001')")

    @pytest.mark.parametrize("number", [20, 21])
    def test_as_our_creations(self, number):
        """The first part as the answer to a creation of ours: applied, under the key of Location."""
        line = answer_of(number)
        kind = line.header("Content-Type") or ""
        first = "\n\n--changesetresponse".join(re.split(r"\r?\n\r?\n--changesetresponse", line.body.decode())[:2])
        nobody = "00000000-0000-0000-0000-000000000000--"
        body = f"{first}\n\n--changesetresponse_{nobody}\n--batchresponse_{nobody}\n"
        with connector(Tape(Response(202, (("Content-Type", kind),), body.encode())), version_of(number)) as sap:
            clients = [Client(code="C00001", name="x"), Client(code="C2", name="y")]
            writes = [
                Write(str(n), "create", None, each, frozenset({"code", "name"})) for n, each in enumerate(clients)
            ]
            first_outcome, second = sap.write("Client", writes)

        assert isinstance(first_outcome, Applied)
        assert first_outcome.ref.id == "C00001"
        assert isinstance(second, Unknown)  # no part speaks of it

    def test_flat_refusal(self):
        """One part for a refused change set: a posting whose reference is missing, or that became a draft: unknown."""
        with connector(Tape(answer_of(22))) as sap:
            sap._references.check = lambda entity: None
            sap._references.refresh = lambda entities: None
            sap._references._dimensions = {}
            outcomes = sap.write("CostEntry", [posting(), posting()])

        assert isinstance(outcomes[0], Unknown)
        assert isinstance(outcomes[1], NotApplied)  # SAP stops at the first failure


def posting() -> Write:
    entry = CostEntry.transfer(
        Money.of("100.00", "COP"),
        debit=CostLine(account="613595", debit=1),
        credit="510595",
        posted_on=date(2026, 11, 20),
        memo="Costo",
    )
    return Write(str(uuid.uuid4()), "create", None, entry, frozenset(entry.model_fields_set))


class TestDocumentedRequests:
    """Requests of SAP's API Reference (no answers): our functions write them as the pages show them."""

    @pytest.mark.parametrize("number", REQUESTS)
    def test_address(self, number):
        """Set, key, action and options, written anew by the functions that write ours."""
        wanted = LINES[number]["url"].partition("/b1s/v2/")[2]
        path, _, options = wanted.partition("?")
        found = re.fullmatch(r"(\w+)(?:\((.*)\))?(/\w+)?", path)
        assert found is not None
        table, told, action = found.groups()
        ours = f"{table if told is None else key(table, key_of(told))}{action or ''}"
        given = dict(piece.split("=", 1) for piece in options.split("&")) if options else {}
        ours = query(ours, **{name[1:]: value for name, value in given.items()})

        assert unquote(ours) == unquote(wanted)

    def test_client(self):
        """Creation and change of a partner: method, path, and the fields of the page among ours."""
        tape = Tape(Response(201, (("Location", "x('c001')"),), b'{"CardCode": "c001"}'), Response(204))
        with connector(tape) as sap:
            client = Client(code="c001", name="c001")
            sap.write("Client", [Write("k", "create", None, client, frozenset({"code", "name"}))])
            ref = Ref("erp", "Client", "c001")
            changed = Client(ref=ref, name="Updated customer name")
            sap.write("Client", [Write("k", "update", ref, changed, frozenset({"name"}))])

        assert_same(tape.asked[0], 28, {"CardType": {"C": "cCustomer"}})
        assert_same(tape.asked[1], 29)

    def test_posting(self):
        """A journal entry: the accounts and sides of the page among ours."""
        with connector(Tape(Response(201, (), b'{"JdtNum": 1}'))) as sap:
            sap._references.check = lambda entity: None
            sap._references.refresh = lambda entities: None
            sap._references._dimensions = {}
            tape = sap._transport._wire if hasattr(sap._transport, "_wire") else None
            sap.write("CostEntry", [posting()])
        assert tape is not None
        [request] = [each for each in tape.asked if each.method == "POST"]
        lines = json.loads(request.body)["JournalEntryLines"]
        shown = LINES[50]["request_body"]["JournalEntryLines"]

        assert urlsplit(request.url).path == "/b1s/v2/JournalEntries"
        for ours, theirs in zip(lines, reversed(shown), strict=True):
            assert {name for name, value in theirs.items() if value} <= ours.keys()

    def test_sales_and_service(self):
        """Change of an opportunity, creation, change and end of a service call."""
        tape = Tape(Response(204), Response(201, (), b'{"ServiceCallID": 123}'), Response(204), Response(204))
        with connector(tape) as sap:
            ref = Ref("erp", "Opportunity", "123")
            opportunity = Opportunity(ref=ref, name="Updated Name")
            sap.write("Opportunity", [Write("k", "update", ref, opportunity, frozenset({"name"}))])
            call = ServiceCall(subject="Subject", client=Ref("erp", "Client", "c001"))
            sap.write("ServiceCall", [Write("k", "create", None, call, frozenset({"subject", "client"}))])
            ref = Ref("erp", "ServiceCall", "123")
            call = ServiceCall(ref=ref, subject="new subject - modified by Service Layer")
            sap.write("ServiceCall", [Write("k", "update", ref, call, frozenset({"subject"}))])
            sap.write("ServiceCall", [Write("k", "action", ref, action="close")])
        writes = [request for request in tape.asked if request.method != "GET"]

        for request, number in zip(writes, (116, 91, 92, 93), strict=True):
            assert_same(request, number)


def assert_same(request: Request, number: int, stored: dict[str, dict[str, str]] | None = None) -> None:
    """Assert the method and path of a line, and every field of its body with its value (members or stored values)."""
    line = LINES[number]
    assert (request.method, urlsplit(request.url).path) == (line["method"], unquote(urlsplit(line["url"]).path))
    body = json.loads(request.body or b"{}")
    for name, value in (line["request_body"] or {}).items():
        assert body[name] == (stored or {}).get(name, {}).get(value, value)


def key_of(text: str) -> Any:
    """The value of a documented key."""
    if "=" in text:
        pairs = (piece.split("=") for piece in text.split(","))
        return {name: key_of(value) for name, value in pairs}
    return int(text) if text.isdigit() else text.strip("'")


def test_refusals_are_typed():
    """Codes that no line shows with an answer: an unknown set tells what to do."""
    answer = Response(
        400, (), b'{"error": {"code": -1002, "message": {"lang": "en-us", "value": "Service Not Found"}}}'
    )
    with connector(Tape(answer), "v1") as sap, pytest.raises(ContractBrokenError, match="-1002"):
        list(sap.rows("U_NONE", select=["Code"], key="Code"))


def test_nothing_is_forgotten():
    """Every line is judged here or named as left out, and each grade is what the file says."""
    judged = {*range(12), 15, 16, *range(19, 24), *REQUESTS}

    assert judged | LEFT_OUT.keys() == set(range(len(LINES)))
    assert not judged & LEFT_OUT.keys()
    assert Counter(line["kind"] for line in LINES) == {
        "recorded-real": 3,
        "observed": 4,
        "documented": 14,
        "sdk-test": 3,
        "mock": 2,
        "documented-request": 95,
    }
