"""Reads of Dynamics 365: who answers, feeds and their cursors, look-ups, and what a broken answer becomes."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from dataverse_calls import BASE, Crm, answering, refusing, scripted
from periferia_link.connectors.dynamics365 import DYNAMICS365_FIELDS
from periferia_link.domain import Ref
from periferia_link.errors import (
    AuthenticationError,
    ContractBrokenError,
    ExpiredCursorError,
    OriginError,
    PaginationError,
    PermissionDeniedError,
    ThrottledError,
    UnavailableError,
)
from periferia_link.typing import Response

ROOT = f"{BASE}/api/data/v9.2"
TRACKED = answering(
    200,
    {"value": [{"EntitySetName": "accounts", "SchemaName": "Account", "PrimaryIdAttribute": "accountid", "ChangeTrackingEnabled": True}]},
)  # fmt: skip
UNTRACKED = answering(
    200,
    {"value": [{"EntitySetName": "accounts", "SchemaName": "Account", "PrimaryIdAttribute": "accountid", "ChangeTrackingEnabled": False}]},
)  # fmt: skip


def row(n=1, **values):
    return {"accountid": str(uuid.UUID(int=n)), "name": f"n{n}", "@odata.etag": f'W/"{n}"'} | values


def page(*rows, link=None, delta=None):
    body = {"value": list(rows)}
    if link is not None:
        body["@odata.nextLink"] = link
    if delta is not None:
        body["@odata.deltaLink"] = delta
    return answering(200, body)


def accounts(count, **values):
    return {"accounts": [{"name": f"n{n:03}", "accountnumber": f"A-{n:03}"} | values for n in range(count)]}


def keys(pages):
    return [row.key for page in pages for row in page.rows]


class TestCheck:
    def test_who_answers(self):
        """The organisation is the system_id; the feeds of the tables are told."""
        crm = Crm()
        crm.emulator.tables["opportunity"].change_tracking = False
        info = crm.connector.check()
        assert crm.emulator.organization_id == info.system_id
        assert ("Dynamics 365", "v9.2", (), None) == (info.product, info.version, tuple(info.missing), info.next_step)
        assert {"feed of Client": "delta", "feed of Opportunity": "watermark", "parallelism": "4"} == info.details
        assert "delta" == crm.connector.supports("Client").feed
        assert crm.connector.supports("Client").reports_deletions
        assert not crm.connector.supports("Opportunity").reports_deletions

    def test_it_writes_nothing(self):
        """A check only reads."""
        crm = Crm()
        crm.connector.check()
        assert {"GET"} == {entry.method for entry in crm.emulator.log}

    def test_missing_privileges(self):
        """Privileges that the flows need are named, change tracking's organisation-wide read among them."""
        crm = Crm()
        crm.emulator.metadata.denied |= {"prvWriteAccount", "prvCreateOpportunity"}
        crm.emulator.metadata.local |= {"prvReadOpportunity"}
        info = crm.connector.check()
        assert {"prvWriteAccount", "prvCreateOpportunity", "prvReadOpportunity at organization level"} == set(
            info.missing
        )
        assert "prvWriteAccount" in info.next_step

    def test_plan_only_needs_no_right_to_write(self):
        """Who only plans needs only to read."""
        crm = Crm(plan_only=True)
        crm.emulator.metadata.denied |= {"prvWriteAccount", "prvCreateAccount"}
        assert () == tuple(crm.connector.check().missing)

    def test_missing_columns(self):
        """Columns of the mapping that the environment does not have are named, each."""
        fields = DYNAMICS365_FIELDS.merged(
            {
                "Client": {"columns": {"tax_id": "cr123_nit"}, "extra": ["cr123_segment"]},
                "Opportunity": {"table": "opps"},
            }
        )
        crm = Crm(fields=fields)
        info = crm.connector.check()
        assert ["column cr123_nit of accounts", "column cr123_segment of accounts", "table opps"] == list(info.missing)

    def test_no_right_to_read_the_rights(self):
        """An environment that does not tell privileges is not broken."""
        who = answering(
            200, {"OrganizationId": str(uuid.UUID(int=7)), "UserId": str(uuid.UUID(int=8))}, x_ms_dop_hint="2"
        )

        def answer(request):
            if "WhoAmI" in request.url:
                return who
            if "EntityDefinitions" in request.url:
                return TRACKED
            if "RetrieveUserPrivileges" in request.url:
                return refusing(403, "0x80040220", "no")
            return page()

        connector, _ = scripted(answer, fields=DYNAMICS365_FIELDS)
        assert ["table opportunities"] == list(connector.check().missing)

    @pytest.mark.parametrize(
        ("probe", "granted"),
        [(refusing(403, "0x80040220", "no"), {"RolePrivileges": 5}), (refusing(404, "0x80060888", "gone"), {})],
    )
    def test_odd_answers(self, probe, granted):
        """A table that may not be read is told as a privilege; anything else is a broken contract."""

        def answer(request):
            if "WhoAmI" in request.url:
                return answering(200, {"OrganizationId": str(uuid.UUID(int=7)), "UserId": str(uuid.UUID(int=8))})
            if "EntityDefinitions" in request.url:
                return TRACKED
            return answering(200, granted) if "RetrieveUserPrivileges" in request.url else probe

        connector, _ = scripted(answer)
        if probe.status == 403:
            assert ["table opportunities"] == list(connector.check().missing)
        else:
            with pytest.raises(ContractBrokenError):
                connector.check()

    def test_an_application_that_is_no_user(self):
        """The message says what to do in the admin centre."""
        connector, _ = scripted(refusing(403, "0x80072560", "The user is not a member of the organization."))
        with pytest.raises(PermissionDeniedError, match="application user"):
            connector.check()

    @pytest.mark.parametrize("body", [{}, {"OrganizationId": 5, "UserId": None}, []])
    def test_something_else_answers(self, body):
        """A server that does not say who it is, is none that we know."""
        connector, _ = scripted(answering(200, body))
        with pytest.raises(ContractBrokenError):
            connector.check()


class TestDeltaFeed:
    def test_changes_and_deletions(self):
        """After the first pass the feed lists what changed and what is gone, and nothing else."""
        crm = Crm(page_size=4)
        crm.emulator.load(accounts(9))
        first = list(crm.connector.pull("Client"))
        assert [4, 4, 1] == [len(page.rows) for page in first]
        assert all(page.is_scan for page in first)
        ids = list(crm.emulator.books["accounts"])
        crm.emulator.edit("accounts", ids[0], {"name": "changed"}, crm.clock)
        crm.emulator.remove("accounts", ids[1], crm.clock)
        (second,) = crm.connector.pull("Client", first[-1].cursor)
        assert ([ids[0]], [ids[1]], True, False) == (
            keys([second]),
            list(second.deleted),
            second.is_last,
            second.is_scan,
        )
        (third,) = crm.connector.pull("Client", second.cursor)
        assert ([], []) == (list(third.rows), list(third.deleted))

    def test_links_are_followed_as_they_are(self):
        """Next and delta links go back character for character, with the same preferences."""
        following = (
            f"{ROOT}/accounts?$select=name&$skiptoken=%3Ccookie%20pagenumber=%222%22%20x=%22%253ccookie%253e%22/%3E"
        )
        delta = f"{ROOT}/accounts?$select=name&$deltatoken=919042%2108%2f22%2f2017%2008%3a10%3a44"
        connector, wire = scripted(TRACKED, page(row(1), link=following), page(row(2), delta=delta), page(delta=delta))
        pages = list(connector.pull("Client"))
        list(connector.pull("Client", pages[-1].cursor))
        _, first, second, changes = wire.requests
        assert (following, delta) == (second.url, changes.url)
        assert "odata.track-changes" == first.header("Prefer") == second.header("Prefer")
        assert changes.header("Prefer") is None

    def test_the_first_request(self):
        """The first pass asks for the mapped columns and for tracking, and for nothing that tracking refuses."""
        crm = Crm(page_size=10)
        list(crm.connector.pull("Client"))
        query = parse_qs(urlsplit(crm.sent()[-1]).query)
        assert ["$select"] == list(query)
        assert set(DYNAMICS365_FIELDS["Client"].select) == set(query["$select"][0].split(","))

    def test_resumed_in_the_middle(self):
        """A run that was killed goes on after its last page, and is no scan."""
        crm = Crm(page_size=2)
        crm.emulator.load(accounts(5))
        pages = list(crm.connector.pull("Client"))
        rest = list(crm.connector.pull("Client", pages[0].cursor))
        assert keys(pages[1:]) == keys(rest)
        assert not any(page.is_scan for page in rest)
        assert pages[-1].cursor == rest[-1].cursor

    def test_expired(self):
        """A place older than the environment remembers is forgotten: read everything again."""
        crm = Crm()
        cursor = list(crm.connector.pull("Client"))[-1].cursor
        crm.clock.advance(8 * 86400)
        with pytest.raises(ExpiredCursorError) as raised:
            list(crm.connector.pull("Client", cursor))
        assert "0x80044352" == raised.value.code

    @pytest.mark.parametrize("status", [400, 404, 410])
    def test_a_stored_link_that_is_refused(self, status):
        """Whatever the server dislikes about a stored link, a full read is the way on."""
        connector, _ = scripted(TRACKED, refusing(status, "0x80040203", "Malformed XML in the Paging Cookie"))
        cursor = '{"feed":"delta","link":"/api/data/v9.2/accounts?x","tracking":false,"since":null,"latest":null}'
        with pytest.raises(ExpiredCursorError):
            list(connector.pull("Client", cursor))

    def test_a_refusal_later_is_no_expiry(self):
        """The same refusal in the middle of a pull is an error of its own."""
        connector, _ = scripted(TRACKED, page(row(1), link=f"{ROOT}/accounts?p=2"), refusing(400, "0x80040203", "x"))
        with pytest.raises(ContractBrokenError):
            list(connector.pull("Client"))

    def test_no_right_to_track(self):
        """Tracking needs organisation-wide read; the hint says so."""
        crm = Crm()
        crm.emulator.metadata.local.add("prvReadAccount")
        with pytest.raises(PermissionDeniedError, match="organization level"):
            list(crm.connector.pull("Client"))

    def test_a_feed_without_a_link(self):
        """A last page without delta link cannot be resumed: the cursor before stays."""
        connector, _ = scripted(TRACKED, page(row(1)))
        (only,) = connector.pull("Client")
        assert (None, True) == (only.cursor, only.is_last)

    def test_a_delta_link_that_is_none(self):
        """A link that is no text is a broken contract."""
        connector, _ = scripted(TRACKED, answering(200, {"value": [], "@odata.deltaLink": 5}))
        with pytest.raises(ContractBrokenError) as raised:
            list(connector.pull("Client"))
        assert "crm" == raised.value.system

    def test_rows_without_empty_columns(self):
        """Delta pages may leave out selected columns that are empty (documented sample)."""
        deleted = {
            "@odata.context": f"{ROOT}/$metadata#accounts/$deletedEntity",
            "id": str(uuid.UUID(int=5)).upper(),
            "reason": "deleted",
        }
        connector, _ = scripted(
            TRACKED, page({"accountid": str(uuid.UUID(int=1)), "name": "A"}, deleted, delta=f"{ROOT}/d")
        )
        (only,) = connector.pull("Client")
        assert "A" == connector.decode("Client", only.rows[0]).name
        assert only.rows[0].version is None
        assert [str(uuid.UUID(int=5))] == list(only.deleted)


class TestWatermarkFeed:
    @pytest.fixture
    def crm(self):
        crm = Crm(page_size=3, overlap=60.0)
        crm.emulator.tables["account"].change_tracking = False
        return crm

    def test_changes_since(self, crm):
        """The next pull asks for what changed since the latest change, less the overlap."""
        crm.emulator.load(accounts(4, modifiedon="2026-03-02T10:00:00Z"))
        first = list(crm.connector.pull("Client"))
        assert "2026-03-02T09:59:00Z" == json.loads(first[-1].cursor)["since"]
        key = next(iter(crm.emulator.books["accounts"]))
        crm.emulator.edit("accounts", key, {"name": "changed"}, crm.clock)
        found = list(crm.connector.pull("Client", first[-1].cursor))
        assert key in keys(found)
        assert "modifiedon ge 2026-03-02T09:59:00Z" in parse_qs(urlsplit(crm.sent()[-2]).query)["$filter"][0]
        assert "2026-03-02T12:59:00Z" == json.loads(found[-1].cursor)["since"]

    def test_the_watermark_never_goes_back(self, crm):
        """A pull that sees nothing keeps its place."""
        crm.emulator.load(accounts(1, modifiedon="2026-03-02T10:00:00Z"))
        cursor = list(crm.connector.pull("Client"))[-1].cursor
        crm.emulator.remove("accounts", next(iter(crm.emulator.books["accounts"])), crm.clock)
        assert cursor == list(crm.connector.pull("Client", cursor))[-1].cursor

    def test_a_row_from_the_future(self, crm):
        """One row dated 2099 does not hide all other changes until then."""
        crm.emulator.load(accounts(1, modifiedon="2099-01-01T00:00:00Z"))
        cursor = list(crm.connector.pull("Client"))[-1].cursor
        assert "2026-03-02T12:59:00Z" == json.loads(cursor)["since"]

    def test_a_row_without_a_time(self):
        """A time that is none does not disturb the feed; the row is refused when it is decoded."""
        connector, _ = scripted(UNTRACKED, page(row(1, modifiedon="soon"), row(2)))
        (only,) = connector.pull("Client")
        assert (2, None) == (len(only.rows), json.loads(only.cursor)["since"])

    def test_pages_that_overlap(self):
        """A row that comes again on the next page unchanged is not told twice; a changed one is."""
        again = row(2, **{"@odata.etag": 'W/"9"'})
        connector, _ = scripted(UNTRACKED, page(row(1), row(2), link=f"{ROOT}/accounts?p=2"), page(row(1), again))
        assert [str(uuid.UUID(int=n)) for n in (1, 2, 2)] == keys(connector.pull("Client"))

    def test_tracking_was_switched_on(self, crm):
        """A table that tracks changes now is read once more: then deletions are reported."""
        cursor = list(crm.connector.pull("Client"))[-1].cursor
        crm.emulator.tables["account"].change_tracking = True
        with pytest.raises(ExpiredCursorError), crm.connect() as connector:
            list(connector.pull("Client", cursor))

    def test_tracking_is_not_wanted(self):
        """The setting turns change tracking off."""
        crm = Crm(change_tracking=False)
        list(crm.connector.pull("Client"))
        assert "%24orderby=modifiedon" in crm.sent()[-1] or "$orderby=modifiedon" in crm.sent()[-1]


class TestPagesThatNeverEnd:
    def test_a_page_that_leads_to_itself(self):
        """A next link that was followed before ends the pull."""
        connector, _ = scripted(
            TRACKED, page(row(1), link=f"{ROOT}/accounts?p=2"), page(row(2), link=f"{ROOT}/accounts?p=2")
        )
        with pytest.raises(PaginationError):
            list(connector.pull("Client"))

    def test_a_circle(self):
        """So does a circle of two."""
        links = [f"{ROOT}/accounts?p={n}" for n in (2, 3, 2)]
        connector, _ = scripted(TRACKED, *(page(row(n), link=link) for n, link in enumerate(links, 1)))
        with pytest.raises(PaginationError):
            list(connector.pull("Client"))

    def test_the_same_rows_under_new_links(self):
        """Two equal pages in a row under different links are a loop as well."""
        connector, _ = scripted(TRACKED, page(row(1), link=f"{ROOT}/a?p=2"), page(row(1), link=f"{ROOT}/a?p=3"))
        with pytest.raises(PaginationError):
            list(connector.pull("Client"))

    def test_empty_pages_are_no_loop(self):
        """Empty pages with a next one are unusual and allowed."""
        answers = [page(link=f"{ROOT}/a?p={n}") for n in range(2, 6)]
        connector, _ = scripted(TRACKED, *answers, page(row(1), delta=f"{ROOT}/d"))
        assert [str(uuid.UUID(int=1))] == keys(connector.pull("Client"))


class TestForeignLinks:
    @pytest.mark.parametrize(
        "link",
        [
            "https://evil.example/api/data/v9.2/accounts?p=2",
            "http://org.crm.dynamics.com/api/data/v9.2/accounts?p=2",
            "https://org.crm.dynamics.com@evil.example/",
            "https://org.crm.dynamics.com.evil.example/",
            "https://org.crm.dynamics.com:8443/",
            "//evil.example/",
        ],
    )
    @pytest.mark.parametrize("kind", ["link", "delta"])
    def test_nobody_else_gets_the_token(self, link, kind):
        """Links to another origin are refused before a byte leaves."""
        connector, wire = scripted(TRACKED, page(row(1), **{kind: link}))
        with pytest.raises(OriginError):
            list(connector.pull("Client"))
        assert 2 == len(wire.requests)

    @pytest.mark.parametrize("link", ["https://evil.example/x", "//evil.example/x", "accounts", "", 5])
    def test_stored_links(self, link):
        """A cursor never leads elsewhere, whoever wrote it."""
        connector, wire = scripted(TRACKED, page(row(1)))
        cursor = json.dumps({"feed": "delta", "link": link, "tracking": False, "since": None, "latest": None})
        with pytest.raises((ExpiredCursorError, OriginError)):
            list(connector.pull("Client", cursor))
        assert all(request.url.startswith(ROOT) for request in wire.requests)


class TestLookUps:
    def test_get_in_chunks(self):
        """Many ids are a few requests, each within the limits of a URL; the order is kept."""
        crm = Crm()
        crm.emulator.load(accounts(250))
        ids = sorted(crm.emulator.books["accounts"])
        before = len(crm.emulator.log)
        assert ids == [row.key for row in crm.connector.get("Client", ids)]
        assert 3 == len(crm.emulator.log) - before
        assert all(len(entry.query) < 32_000 for entry in crm.emulator.log)

    def test_ids_in_any_spelling(self):
        """Upper case and braces are the same id; what is no GUID is no record."""
        crm = Crm()
        crm.emulator.load(accounts(1))
        (key,) = crm.emulator.books["accounts"]
        assert [key] == [row.key for row in crm.connector.get("Client", [key.upper(), f"{{{key}}}", "C900"])]

    def test_find_by_code_name_and_tax_id(self):
        """Each declared field finds its record, whatever case or form people typed."""
        crm = Crm()
        crm.emulator.load({"accounts": [{"name": "L'Éclair & Co", "accountnumber": "A-1", "pl_nit": "900.123.456-8"}]})
        for field, value in (("name", "l'éclair & co"), ("code", "a-1"), ("tax_id", "9001234568")):
            (row,) = crm.connector.find("Client", field, [value, "nobody"])
            assert value == row.match

    def test_find_by_create_key(self):
        """The read-back of a create is the record under that id."""
        crm = Crm()
        crm.emulator.load(accounts(1))
        (key,) = crm.emulator.books["accounts"]
        (row,) = crm.connector.find("Client", "create_key", [key.upper(), str(uuid.uuid4())])
        assert (key, key.upper()) == (row.key, row.match)

    def test_reads_bypass_caches(self):
        """Every read carries the word that keeps caches from answering."""
        connector, wire = scripted(page(row(1)))
        connector.get("Client", [str(uuid.UUID(int=1))])
        assert "null" == wire.requests[0].header("If-None-Match")
        assert "read" == wire.requests[0].intent


class TestBrokenReads:
    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (answering(200, {"value": "x"}), ContractBrokenError),
            (answering(200, {"rows": []}), ContractBrokenError),
            (answering(200, b"not json"), ContractBrokenError),
            (answering(200, {"value": [{"name": "no key"}]}), ContractBrokenError),
            (answering(200, {"value": [], "@odata.nextLink": 5}), ContractBrokenError),
            (answering(200, b"<html>", Content_Type="text/html"), AuthenticationError),
            (Response(401), AuthenticationError),
            (refusing(403, "0x80040220", "is missing prvReadAccount privilege"), PermissionDeniedError),
            (refusing(400, "0x80060888", "Could not find a property named 'pl_nit' on type"), ContractBrokenError),
            (refusing(404, "0x80060888", "Resource not found"), ContractBrokenError),
            (refusing(500, "0x80040216", "An unexpected error occurred."), UnavailableError),
            (refusing(429, "0x80072322", "slow", Retry_After="1"), ThrottledError),
            (answering(204), ContractBrokenError),
        ],
    )
    def test_typed_errors(self, answer, error):
        """Whatever comes, a read ends in rows or in an error that says what happens next."""
        connector, _ = scripted(answer)
        with pytest.raises(error) as raised:
            connector.get("Client", [str(uuid.UUID(int=1))])
        assert "crm" == raised.value.system

    def test_a_missing_column_is_named(self):
        """The message names the column that the mapping has and the table has not."""
        connector, _ = scripted(refusing(400, "0x80060888", "Could not find a property named 'pl_nit' on type 'x'."))
        with pytest.raises(ContractBrokenError, match="pl_nit"):
            connector.get("Client", [str(uuid.UUID(int=1))])

    def test_what_was_asked_for_is_not_told(self):
        """The server's text may quote the question; it is not repeated."""
        connector, _ = scripted(refusing(400, "0x80060888", "unterminated literal in 'ana@andes.example'"))
        with pytest.raises(ContractBrokenError) as raised:
            connector.find("Client", "name", ["ana@andes.example"])
        assert "ana" not in str(raised.value)

    def test_throttling_pauses_and_goes_on(self):
        """A read waits as long as it is asked to, and then succeeds."""
        crm = Crm()
        crm.emulator.load(accounts(2))
        crm.fault("throttle", path="*/accounts", params={"retry_after": "7", "code": "0x80072322"})
        assert 2 == len(keys(crm.connector.pull("Client")))
        assert 7.0 in crm.clock.sleeps

    def test_service_protection(self):
        """The emulated limits are met and waited for: nothing is lost."""
        crm = Crm(page_size=2)
        crm.emulator.load(accounts(9))
        crm.connector.check()
        crm.emulator.limits.requests = len(crm.emulator.log) + 2
        crm.emulator.limits.window = 10.0
        assert 9 == len(set(keys(crm.connector.pull("Client"))))


class TestReferences:
    def test_the_row_knows_itself(self):
        """A decoded row refers to itself under the name of the instance."""
        crm = Crm(name="crm-pe")
        crm.emulator.load(accounts(1))
        (only,) = crm.connector.pull("Client")
        client = crm.connector.decode("Client", only.rows[0])
        assert (Ref("crm-pe", "Client", only.rows[0].key), only.rows[0].version) == (client.ref, client.version)
        assert timedelta(0) == client.updated_at.utcoffset()
