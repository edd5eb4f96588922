"""
What Microsoft documents as answers of Dataverse goes through our parsers as what it means.

The requests of the same exchanges are replayed against the emulator in
``tests/unit/testing/test_dynamics365_emulator_exchanges.py``; the lines left out there are left out here.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from dataverse_calls import BASE, scripted
from periferia_link.connectors.base import Applied, NotApplied, Unknown, Write
from periferia_link.connectors.dynamics365.writing._outcomes import outcome_of
from periferia_link.connectors.dynamics365.writing._requests import Operation
from periferia_link.domain import Client, Ref
from periferia_link.errors import RecordConflictError, RecordInvalidError, RejectedError
from periferia_link.transport._odata import BatchPart, decode_batch, error_of
from periferia_link.typing import Response

EXCHANGES = Path(__file__).resolve().parents[3] / "shared" / "exchanges" / "dataverse.jsonl"
KEY = "00000000-0000-0000-0000-000000000001"
NOW = datetime(2026, 11, 20, 14, tzinfo=timezone.utc)


def recorded() -> dict[str, dict[str, Any]]:
    if not EXCHANGES.exists():
        return {}
    lines = map(json.loads, EXCHANGES.read_text(encoding="utf-8").splitlines())
    return {line["id"]: line for line in lines if line["contract_ready"]}


LINES = recorded()
BATCHES = {name for name, line in LINES.items() if line["url"].endswith("$batch")}
LISTS = {n for n, line in LINES.items() if isinstance(line["response_body"], dict) and "value" in line["response_body"]}
WRITES = {name for name, line in LINES.items() if line["method"] != "GET"} - BATCHES
DONE = {name for name in WRITES if LINES[name]["status"] < 300}

pytestmark = pytest.mark.skipif(not LINES, reason="the folder shared/exchanges is not beside this repository")


def answer_of(line: dict[str, Any]) -> Response:
    """The documented answer as it comes over the wire; the placeholder is the address of the environment."""
    body = line["response_body"]
    text = body.replace("\n", "\r\n") if isinstance(body, str) else "" if body is None else json.dumps(body)
    for placeholder in ("[Organization URI]", "[Organization Uri]"):
        text = text.replace(placeholder, BASE)
    headers = dict(line["response_headers"])
    if text and line["id"] not in BATCHES:
        headers.setdefault("Content-Type", "application/json; odata.metadata=minimal")
    if line["id"] in BATCHES:
        boundary = text.splitlines()[0][2:]
        headers["Content-Type"] = f"multipart/mixed; boundary={boundary}"
    headers.setdefault("OData-Version", "4.0")
    return Response(line["status"], tuple(headers.items()), text.encode())


def operation_of(line: dict[str, Any]) -> Operation:
    """Our write that would have sent the documented request."""
    headers = line["request_headers"]
    modes = {"POST": "create", "DELETE": "delete", "PUT": "update"}
    mode = modes.get(line["method"], "create" if headers.get("If-None-Match") == "*" else "update")
    ref = Ref("crm", "Client", KEY)
    write = Write(KEY, mode, ref, Client(name="A"), frozenset({"name"}))
    return Operation(write, ref, (BatchPart(line["method"], "accounts", headers, b""),))


class TestLists:
    @pytest.mark.parametrize("name", sorted(LISTS))
    def test_rows_and_links(self, name):
        """Every documented row arrives with its values; next and delta links are ours to follow."""
        connector, _ = scripted(answer_of(LINES[name]))
        with connector:
            rows, rest = connector._api.page("accounts")
            body = json.loads(answer_of(LINES[name]).body)
            assert body["value"] == json.loads(json.dumps(rows, default=float))
            if "@odata.nextLink" in body:
                assert connector._api.following(rest, set()).startswith("/api/data/v9.2/")
            if "@odata.deltaLink" in body:
                assert "$deltatoken=" in connector._api.changes(rest)

    @pytest.mark.parametrize("name", sorted(set(LINES) - LISTS - WRITES - BATCHES))
    def test_single_records(self, name):
        """A single record is an object with its etag."""
        connector, _ = scripted(answer_of(LINES[name]))
        with connector:
            row = connector._api.whole(connector._api.ask("accounts"))
        assert LINES[name]["response_body"]["@odata.etag"] == row["@odata.etag"]


class TestWrites:
    @pytest.mark.parametrize("name", sorted(DONE))
    def test_done(self, name):
        """200, 201 and 204 are done; the version is taken where it is told."""
        outcome = outcome_of(operation_of(LINES[name]), answer_of(LINES[name]), now=NOW)
        assert isinstance(outcome, Applied)
        assert LINES[name]["response_headers"].get("ETag") == outcome.version

    @pytest.mark.parametrize("name", sorted(WRITES - DONE))
    def test_codes_and_words(self, name):
        """Code and message of a refusal are read as documented."""
        body = LINES[name]["response_body"]["error"]
        assert (body["code"], body["message"]) == error_of(answer_of(LINES[name]).body)

    @pytest.mark.parametrize(
        ("name", "kind", "error"),
        [
            ("dv-011", NotApplied, RejectedError),  # update only, and nothing is there
            ("dv-012", Unknown, RecordConflictError),  # create only, and our own record may be there
            ("dv-014", NotApplied, RecordConflictError),  # a stale version
            ("dv-033", NotApplied, RecordConflictError),  # a duplicate, told with status 500
            ("dv-034", NotApplied, RecordConflictError),
            ("dv-063", NotApplied, RecordInvalidError),  # a plug-in stopped it
            ("dv-064", NotApplied, RecordInvalidError),  # the key columns in the body
        ],
    )
    def test_refusals(self, name, kind, error):
        """Each refusal is classified by its code, whatever its status."""
        outcome = outcome_of(operation_of(LINES[name]), answer_of(LINES[name]), now=NOW)
        assert (kind, True) == (type(outcome), isinstance(outcome.error, error)), outcome

    def test_every_refusal_is_judged(self):
        """No documented refusal is left out."""
        assert {"dv-011", "dv-012", "dv-014", "dv-033", "dv-034", "dv-063", "dv-064"} == WRITES - DONE


class TestBatches:
    @pytest.mark.parametrize(("name", "statuses"), [("dv-043", [204, 204, 204, 200]), ("dv-046", [400])])
    def test_parts(self, name, statuses):
        """Every documented part is found with its status and body."""
        answer = answer_of(LINES[name])
        parts = decode_batch(answer.header("Content-Type"), answer.body)
        assert statuses == [part.status for part in parts]
        if name == "dv-046":
            assert "0x80044331" == error_of(parts[0].body)[0]

    def test_nothing_is_forgotten(self):
        """Every contract-ready exchange is judged here."""
        assert set(LINES) == LISTS | WRITES | BATCHES | {"dv-053", "dv-054"}
