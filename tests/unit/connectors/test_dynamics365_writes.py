"""Writes to Dynamics 365: the requests that leave, and what each answer means."""

from __future__ import annotations

import json
import uuid

import pytest

from dataverse_calls import BASE, Crm, answering, refusing, scripted
from periferia_link.connectors.base import Applied, NotApplied, Unknown, Write
from periferia_link.domain import Client, Money, Opportunity, Ref
from periferia_link.errors import (
    AuthenticationError,
    ConfigurationError,
    ContractBrokenError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RecordConflictError,
    RecordInvalidError,
    RecordNotFoundError,
    ThrottledError,
    UnavailableError,
    WriteRefusedError,
)
from periferia_link.testing.emulators._odata import parse_batch
from periferia_link.typing import Response

KEY = "8c98b2a1-7f2f-4a55-9f0e-1d7e0c5b6a10"
OTHER = "4026be43-6b69-4111-8f65-78e7d1620f5e"
PATH = f"{BASE}/api/data/v9.2/accounts({KEY})?tag=periferia-link"
APPLIED = answering(204, OData_EntityId=f"{BASE}/api/data/v9.2/accounts({KEY})")


def create(key=KEY, **values):
    entity = Client(**{"name": "Andes"} | values)
    return Write(key, "create", None, entity, frozenset(entity.model_fields_set))


def update(key=KEY, version='W/"7"', **values):
    ref = Ref("crm", "Client", key)
    entity = Client(**{"name": "Andes", "ref": ref} | values)
    return Write(str(uuid.uuid4()), "update", ref, entity, frozenset(values) or frozenset({"name"}), version)


def delete(key=KEY, version=None):
    return Write(str(uuid.uuid4()), "delete", Ref("crm", "Client", key), if_version=version)


def one(write, *answers, **options):
    """Write one record against scripted answers; the outcome."""
    connector, _ = scripted(*answers, **options)
    (outcome,) = connector.write("Client", [write])
    return outcome


def batch_answer(*parts: bytes, status: int = 200) -> Response:
    lines = b"".join(
        b"--batchresponse_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n%s\r\n" % part
        for part in parts
    )
    return answering(
        status, lines + b"--batchresponse_1--\r\n", Content_Type="multipart/mixed; boundary=batchresponse_1"
    )


DONE = b"HTTP/1.1 204 No Content\r\nOData-Version: 4.0\r\n\r\n"


class TestRequests:
    def test_create_is_a_guarded_patch(self):
        """A create goes to the id that the engine chose, and only creates."""
        connector, wire = scripted(APPLIED)
        outcomes = connector.write("Client", [create(city="Bogotá", email=None)])
        (request,) = wire.requests
        assert ("PATCH", PATH) == (request.method, request.url)
        assert {"*"} == {value for name, value in request.headers if name == "If-None-Match"}
        assert request.header("If-Match") is None
        assert "Bearer a-static-token" == request.header("Authorization")
        assert ("4.0", "4.0") == (request.header("OData-Version"), request.header("OData-MaxVersion"))
        assert '{"address1_city":"Bogotá","name":"Andes"}'.encode() == request.body
        assert "write" == request.intent
        assert [Applied(Ref("crm", "Client", KEY))] == outcomes

    def test_update_sends_the_changed_columns_on_the_version(self):
        """Only the named fields travel, under the version that was planned on."""
        connector, wire = scripted(APPLIED)
        connector.write("Client", [update(city="Lima", version='W/"470867"')])
        (request,) = wire.requests
        assert ("PATCH", PATH, 'W/"470867"') == (request.method, request.url, request.header("If-Match"))
        assert "null" == request.header("If-None-Match")
        assert b'{"address1_city":"Lima"}' == request.body

    def test_update_without_version_never_creates(self):
        """Without a version an update still only updates."""
        connector, wire = scripted(APPLIED)
        connector.write("Client", [update(version=None)])
        assert "*" == wire.requests[0].header("If-Match")

    @pytest.mark.parametrize("version", [None, 'W/"3"'])
    def test_delete(self, version):
        """A delete carries the version where there is one."""
        connector, wire = scripted(APPLIED)
        connector.write("Client", [delete(version=version)])
        assert ("DELETE", PATH, version) == (
            wire.requests[0].method,
            wire.requests[0].url,
            wire.requests[0].header("If-Match"),
        )

    def test_exact_money(self):
        """An amount travels digit by digit."""
        connector, wire = scripted(APPLIED)
        deal = Opportunity(name="A", value=Money.of("123456789012345678.91", "COP"))
        connector.write("Opportunity", [Write(KEY, "create", None, deal, frozenset({"name", "value"}))])
        assert b'{"estimatedvalue":123456789012345678.91,"name":"A"}' == wire.requests[0].body

    def test_nothing_to_send_is_not_sent(self):
        """An update whose fields have no column leaves nothing to do."""
        connector, wire = scripted(APPLIED)
        assert [Applied(Ref("crm", "Client", KEY), 'W/"7"')] == connector.write("Client", [update(currency="COP")])
        assert [] == wire.requests

    def test_tag_and_caller(self):
        """The tag can be another one or none; calls may be made on behalf of a user."""
        connector, wire = scripted(APPLIED, tag="our sync", caller_id=OTHER)
        connector.write("Client", [create()])
        assert wire.requests[0].url.endswith("?tag=our%20sync")
        assert OTHER == wire.requests[0].header("CallerObjectId")
        connector, wire = scripted(APPLIED, tag=None)
        connector.write("Client", [create()])
        assert wire.requests[0].url.endswith(f"accounts({KEY})")

    def test_several_are_one_batch(self):
        """Several writes are one $batch that goes on after a refusal, operations in order."""
        connector, wire = scripted(batch_answer(DONE, DONE, DONE))
        connector.write("Client", [create(), update(OTHER, city="Lima"), delete(OTHER)])
        (request,) = wire.requests
        assert ("POST", f"{BASE}/api/data/v9.2/$batch") == (request.method, request.url)
        assert "odata.continue-on-error" == request.header("Prefer")
        parts = parse_batch(request.header("Content-Type"), request.body)
        place = "/api/data/v9.2/accounts({})?tag=periferia-link"
        assert [
            ("PATCH", place.format(KEY)),
            ("PATCH", place.format(OTHER)),
            ("DELETE", place.format(OTHER)),
        ] == [(part.method, part.url) for part in parts]
        assert ("If-None-Match", "*") in parts[0].headers
        assert ("If-Match", 'W/"7"') in parts[1].headers
        assert b'{"address1_city":"Lima"}' == parts[1].body

    def test_a_record_born_closed(self):
        """A new record is always open; another state is set in the same change set, so both happen or none."""
        connector, wire = scripted(batch_answer(DONE))
        connector.write("Client", [create(is_active=False)])
        ((first, second),) = parse_batch(wire.requests[0].header("Content-Type"), wire.requests[0].body)
        assert {"name": "Andes"} == json.loads(first.body)
        assert {"statecode": 1, "statuscode": 2} == json.loads(second.body)
        assert ("If-None-Match", "*") in first.headers
        assert ("If-Match", "*") in second.headers

    def test_a_write_that_cannot_be_said(self):
        """One record that does not fit the wire is refused by itself; the others are sent."""
        connector, wire = scripted(APPLIED)
        wrong = create(OTHER, owner=Ref("erp", "User", "7"))
        outcomes = connector.write("Client", [wrong, create()])
        assert isinstance(outcomes[0].error, RecordInvalidError)
        assert Ref("crm", "Client", OTHER) == outcomes[0].error.ref
        assert isinstance(outcomes[1], Applied)
        assert 1 == len(wire.requests)


class TestMistakes:
    @pytest.mark.parametrize(
        "write",
        [
            create("not-a-uuid"),
            update()._replace(ref=None),
            update()._replace(ref=Ref("erp", "Client", KEY)),
            update()._replace(ref=Ref("crm", "Client", "7")),
            update()._replace(entity=None),
            create()._replace(mode="action", action="QualifyLead"),
        ],
        ids=["create_key", "no ref", "other system", "no guid", "no entity", "action"],
    )
    def test_calls_that_make_no_sense(self, write):
        """Mistakes of the caller are told before a byte is sent."""
        connector, wire = scripted(APPLIED)
        with pytest.raises(ConfigurationError):
            connector.write("Client", [write])
        assert [] == wire.requests

    def test_too_many(self):
        """More writes than a batch takes are refused."""
        connector, wire = scripted(APPLIED, max_batch=2)
        with pytest.raises(ConfigurationError, match="2 writes"):
            connector.write("Client", [create()] * 3)
        assert [] == wire.requests

    def test_plan_only(self):
        """A plan-only connector refuses in the transport, and says so."""
        connector, wire = scripted(APPLIED, plan_only=True)
        (outcome,) = connector.write("Client", [create()])
        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, WriteRefusedError)
        assert [] == wire.requests


class TestApplied:
    @pytest.mark.parametrize("write", [create(), update(), delete()], ids=["create", "update", "delete"])
    @pytest.mark.parametrize("status", [200, 201, 204])
    def test_success(self, write, status):
        """Any success of the server's own is applied; the version is told only where the answer has it."""
        assert Applied(Ref("crm", "Client", KEY)) == one(write, answering(status))
        assert Applied(Ref("crm", "Client", KEY), 'W/"8"') == one(write, answering(status, ETag='W/"8"'))

    @pytest.mark.parametrize(
        "answer",
        [
            Response(204),
            Response(200, (("Content-Type", "text/html"),), b"<html>Sign in</html>"),
            answering(200, b"<!DOCTYPE html>", Content_Type="text/html"),
            Response(200, (), b'{"ok": true}'),
            Response(302, (("Location", "https://login.example/"),)),
            answering(304),
        ],
        ids=["bare 204", "html", "html with header", "other json", "redirect", "304"],
    )
    def test_success_of_somebody_else(self, answer):
        """A proxy or a sign-in page says nothing about the write."""
        assert isinstance(one(create(), answer), Unknown)


class TestRefusals:
    @pytest.mark.parametrize(
        ("write", "status", "code", "message", "outcome", "error"),
        [
            # the id is taken: most likely by our own lost request
            (create(), 412, "", "A record with matching key values already exists.", Unknown, RecordConflictError),
            (create(), 412, "0x80040237", "A record with matching…", Unknown, RecordConflictError),
            (create(), 500, "0x80040237", "Cannot insert duplicate key.", Unknown, OutcomeUnknownError),
            # another record holds the key
            (create(), 412, "0x80060892", "Entity Key nit violated.", NotApplied, RecordConflictError),
            (create(), 412, "", "Entity Key nit violated.", NotApplied, RecordConflictError),
            (update(), 412, "0x80060892", "Entity Key nit violated.", NotApplied, RecordConflictError),
            (create(), 500, "0x80040333", "A record was not created or updated because…", NotApplied, RecordConflictError),
            # it changed
            (update(), 412, "0x80060882", "The version of the existing record…", NotApplied, RecordConflictError),
            (update(), 412, "", "The version of the existing record…", NotApplied, RecordConflictError),
            (delete(), 412, "0x80060882", "The version of the existing record…", NotApplied, RecordConflictError),
            # it is not there
            (update(), 404, "0x80040217", f"account With Id = {KEY} Does Not Exist", NotApplied, RecordNotFoundError),
            (update(), 404, "", f"account With Id = {KEY} Does Not Exist", NotApplied, RecordNotFoundError),
            (delete(), 404, "0x80040217", f"account With Id = {KEY} Does Not Exist", NotApplied, RecordNotFoundError),
            (update(), 404, "0x80060891", "A record with the specified key values…", NotApplied, RecordNotFoundError),
            # something that it links to is not there
            (update(), 404, "0x80040217", f"contact With Id = {OTHER} Does Not Exist", NotApplied, RecordInvalidError),
            (create(), 404, "0x80040217", f"contact With Id = {OTHER} Does Not Exist", NotApplied, RecordInvalidError),
            # values
            (create(), 400, "0x80044331", "The length of the 'name' attribute…", NotApplied, RecordInvalidError),
            (create(), 400, "0x80048d19", "Error identified in Payload", NotApplied, RecordInvalidError),
            (create(), 400, "0x80040265", "Plug-in says no", NotApplied, RecordInvalidError),
            (create(), 400, "0x80060888", "Could not find a property", NotApplied, RecordInvalidError),
            (create(), 405, "", "CannotDeleteDueToAssociation", NotApplied, RecordInvalidError),
            (create(), 413, "", "Too large", NotApplied, RecordInvalidError),
            # rights
            (create(), 403, "0x80040220", "… is missing prvCreateAccount privilege …", NotApplied, PermissionDeniedError),
            (create(), 403, "", "Forbidden", NotApplied, PermissionDeniedError),
            (create(), 400, "0x80048306", "Privilege denied", NotApplied, PermissionDeniedError),
            # nobody knows
            (create(), 500, "0x80040216", "An unexpected error occurred.", Unknown, OutcomeUnknownError),
            (create(), 500, "0x80044151", "SQL timeout", Unknown, OutcomeUnknownError),
            (create(), 400, "0x80044151", "SQL timeout", Unknown, OutcomeUnknownError),
            (create(), 502, "", "Bad gateway", Unknown, OutcomeUnknownError),
            (create(), 503, "", "Unavailable", Unknown, OutcomeUnknownError),
            (create(), 504, "", "Gateway timeout", Unknown, OutcomeUnknownError),
            (create(), 408, "", "Request timeout", Unknown, OutcomeUnknownError),
        ],
    )  # fmt: skip
    def test_by_code(self, write, status, code, message, outcome, error):
        """The code decides, the status only where there is none; the error says record, status and code."""
        found = one(write, refusing(status, code, message, x_ms_service_request_id="a,b"))
        assert outcome is type(found)
        assert error is type(found.error)
        assert (code or None, status, Ref("crm", "Client", KEY)) == (
            found.error.code,
            found.error.status_code,
            found.error.ref,
        )
        assert "a,b" == found.error.request_id
        assert found.error.hint

    @pytest.mark.parametrize("status", [400, 404, 409, 500, 502])
    def test_pages_of_somebody_else(self, status):
        """An error page that is no OData error may hide anything."""
        assert isinstance(one(create(), answering(status, b"<html>Oops</html>", Content_Type="text/html")), Unknown)

    @pytest.mark.parametrize(("status", "error"), [(403, PermissionDeniedError), (413, RecordInvalidError)])
    def test_gateways(self, status, error):
        """A gateway refuses without a code: that much is sure."""
        outcome = one(create(), answering(status, b"no", Content_Type="text/plain"))
        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, error)

    def test_words_of_the_server_without_our_values(self):
        """The server's reason is told; the values that we sent, which may be personal, are not."""
        message = "Cannot convert 'ana@andes.example' of 'emailaddress1'"
        outcome = one(create(email="ana@andes.example"), refusing(400, "0x80048d19", message))
        assert "ana@" not in str(outcome.error)
        assert "emailaddress1" in str(outcome.error)

    def test_missing_privilege_is_named(self):
        """The privilege that is missing is in the message."""
        outcome = one(create(), refusing(403, "0x80040220", "Principal user is missing prvCreateAccount privilege"))
        assert "prvCreateAccount" in outcome.error.message

    @pytest.mark.parametrize(("header", "seconds"), [("17", 17.0), (None, 5.0), ("soon", 5.0), ("1e9", 5.0)])
    def test_throttling(self, header, seconds):
        """429 did nothing; it says how long to wait, or five seconds do."""
        headers = {} if header is None else {"Retry_After": header}
        outcome = one(create(), refusing(429, "0x80072322", "Number of requests exceeded the limit", **headers))
        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, ThrottledError)
        assert (seconds, "0x80072322") == (outcome.retry_after, outcome.error.code)

    @pytest.mark.parametrize(
        ("error", "outcome"),
        [
            (UnavailableError("nothing was sent", retry_after=3.0), NotApplied),
            (OutcomeUnknownError("it was sent"), Unknown),
        ],
    )
    def test_broken_lines(self, error, outcome):
        """Not one byte left: not applied. Something left: nobody knows."""
        found = one(create(), error)
        assert outcome is type(found)
        if outcome is NotApplied:
            assert 3.0 == found.retry_after


class TestSignIn:
    def test_one_401_is_an_expired_token(self):
        """The first 401 renews the token: not applied, again at once."""
        outcome = one(create(), Response(401))
        assert isinstance(outcome.error, UnavailableError)
        assert 0.0 == outcome.retry_after

    def test_two_in_a_row_are_refused_credentials(self):
        """A fresh token that is refused as well is a matter of credentials."""
        connector, _ = scripted(Response(401), Response(401), APPLIED)
        outcomes = [connector.write("Client", [create()])[0] for _ in range(3)]
        assert [UnavailableError, AuthenticationError] == [type(outcome.error) for outcome in outcomes[:2]]
        assert isinstance(outcomes[2], Applied)

    def test_a_success_between_makes_it_new(self):
        """Two expiries with successes between are two expiries."""
        connector, _ = scripted(Response(401), APPLIED, Response(401))
        outcomes = [connector.write("Client", [create()])[0] for _ in range(3)]
        assert [NotApplied, Applied, NotApplied] == [type(outcome) for outcome in outcomes]
        assert isinstance(outcomes[2].error, UnavailableError)

    def test_threads_that_share_an_expired_token(self):
        """Requests that were under way with the old token do not count as a second refusal."""
        connector, wire = scripted(APPLIED)

        def nested(request):
            wire.answers[:] = [Response(401)]
            connector.write("Client", [create(OTHER)])  # another thread, meeting the same token first
            return Response(401)

        wire.answers[:] = [nested]
        (outcome,) = connector.write("Client", [create()])
        assert isinstance(outcome.error, UnavailableError)

    def test_a_renewed_token_over_the_emulator(self):
        """The token is revoked: the write is refused, the next one brings a fresh token."""
        crm = Crm()
        crm.connector.write("Client", [create(OTHER)])
        crm.emulator.entra.revoke()
        (refused,) = crm.connector.write("Client", [create()])
        (applied,) = crm.connector.write("Client", [create()])
        assert isinstance(refused, NotApplied)
        assert isinstance(applied, Applied)


class TestBatches:
    def test_each_part_has_its_outcome(self):
        """Applied, conflict and refusal side by side, in the order of the writes."""
        stale = b'HTTP/1.1 412 Precondition Failed\r\nREQ_ID: r-1\r\n\r\n{"error":{"code":"0x80060882","message":"x"}}'
        long = b'HTTP/1.1 400 Bad Request\r\n\r\n{"error":{"code":"0x80044331","message":"too long"}}'
        connector, _ = scripted(batch_answer(DONE, stale, long))
        outcomes = connector.write("Client", [create(), update(OTHER), update(OTHER)])
        assert isinstance(outcomes[0], Applied)
        assert isinstance(outcomes[1].error, RecordConflictError)
        assert "r-1" == outcomes[1].error.request_id
        assert isinstance(outcomes[2].error, RecordInvalidError)

    def test_a_change_set_that_failed(self):
        """A refused change set is one flat part; nothing of it happened."""
        taken = b'HTTP/1.1 412 Precondition Failed\r\n\r\n{"error":{"code":"0x80060892","message":"Entity Key"}}'
        connector, _ = scripted(batch_answer(taken))
        (outcome,) = connector.write("Client", [create(is_active=False)])
        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, RecordConflictError)

    @pytest.mark.parametrize(
        "answer",
        [
            batch_answer(DONE),
            batch_answer(b'HTTP/1.1 400 Bad Request\r\n\r\n{"error":{"code":"","message":""}}', status=400),
            answering(
                200,
                b"--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204",
                Content_Type="multipart/mixed; boundary=b",
            ),
            answering(200, b"<html>", Content_Type="text/html"),
            answering(200, {"value": []}),
            refusing(503, "", "later"),
            OutcomeUnknownError("cut"),
        ],
        ids=["too few parts", "stopped", "cut", "html", "json", "503", "lost"],
    )
    def test_unclear_answers(self, answer):
        """Whatever leaves a part untold leaves all of them unknown."""
        connector, _ = scripted(answer)
        assert [Unknown, Unknown] == [type(each) for each in connector.write("Client", [create(), update(OTHER)])]

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (refusing(400, "0x80060888", "Incomplete Batch Request Body!"), ContractBrokenError),
            (refusing(429, "0x80072326", "slow down", Retry_After="2"), ThrottledError),
            (refusing(403, "0x80040220", "no"), PermissionDeniedError),
            (Response(401), UnavailableError),
            (UnavailableError("refused"), UnavailableError),
        ],
        ids=["400", "429", "403", "401", "not sent"],
    )
    def test_a_batch_refused_as_a_whole(self, answer, error):
        """A batch that was not taken did nothing."""
        connector, _ = scripted(answer)
        outcomes = connector.write("Client", [create(), update(OTHER)])
        assert [(NotApplied, error)] * 2 == [(type(each), type(each.error)) for each in outcomes]
