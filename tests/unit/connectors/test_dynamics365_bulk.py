"""Bulk messages, headers of writes, actions, upserts, files: the requests that leave, and what came of them."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timezone

import pytest

from dataverse_calls import API, Crm, answering, refusing, scripted
from periferia_link.connectors.base import Applied, NotApplied, Unknown, Write
from periferia_link.connectors.dynamics365 import DYNAMICS365_FIELDS, Attachment, Dynamics365
from periferia_link.domain import KINDS, Client, Lead, Opportunity, Ref, Ticket
from periferia_link.errors import (
    ConfigurationError,
    ContractBrokenError,
    RecordConflictError,
    RecordInvalidError,
    RecordNotFoundError,
    UnavailableError,
)
from periferia_link.typing import Response

KEY = "8c98b2a1-7f2f-4a55-9f0e-1d7e0c5b6a10"


def creates(count, **values):
    made = []
    for number in range(count):
        entity = Client(**{"name": f"Cliente {number}", "code": f"K-{number}"} | values)
        key = str(uuid.UUID(int=number + 1))
        made.append(Write(key, "create", None, entity, frozenset(entity.model_fields_set)))
    return made


def posts(crm):
    return [line.partition("/v9.2/")[2].partition("?")[0] for line in crm.sent("POST")]


@pytest.fixture
def crm():
    crm = Crm()
    crm.connector.check()
    return crm


class TestCreateMultiple:
    def test_many_creates_are_one_message(self, crm):
        """From ten on, creates travel as one message, each under the id that was chosen for it."""
        writes = creates(10)
        outcomes = crm.connector.write("Client", writes)
        assert [Applied(Ref("crm", "Client", write.create_key)) for write in writes] == outcomes
        assert ["accounts/Microsoft.Dynamics.CRM.CreateMultiple"] == posts(crm)
        assert {write.create_key for write in writes} == set(crm.emulator.books["accounts"])

    def test_few_are_a_batch(self, crm):
        """Nine are a batch."""
        crm.connector.write("Client", creates(9))
        assert ["$batch"] == posts(crm)

    def test_one_bad_record(self, crm):
        """A message is refused as a whole; then they go one by one, and only the bad one stays out."""
        writes = [*creates(11), *creates(12, name="x" * 200)[11:]]
        first = crm.connector.write("Client", writes)
        assert {UnavailableError} == {type(outcome.error) for outcome in first}
        assert {0.0} == {outcome.retry_after for outcome in first}
        assert {} == crm.emulator.books["accounts"]
        second = crm.connector.write("Client", writes)
        assert [Applied] * 11 + [NotApplied] == [type(outcome) for outcome in second]
        assert isinstance(second[-1].error, RecordInvalidError)

    def test_never_twice(self, crm):
        """The same creates again change nothing: first the message is refused, then each is found to be there."""
        writes = creates(10)
        crm.connector.write("Client", writes)
        crm.connector.write("Client", writes)
        third = crm.connector.write("Client", writes)
        assert {Unknown} == {type(outcome) for outcome in third}
        assert {RecordConflictError} == {type(outcome.error) for outcome in third}
        assert 10 == len(crm.emulator.books["accounts"])

    def test_lost_after_the_commit(self, crm):
        """When the answer is lost nobody knows, and the read-back finds every record once."""
        crm.fault("reset", method="POST", when="after")
        writes = creates(10)
        assert {Unknown} == {type(outcome) for outcome in crm.connector.write("Client", writes)}
        assert 10 == len(crm.connector.find("Client", "create_key", [write.create_key for write in writes]))

    def test_a_table_without_the_message(self):
        """A table that has no such message gets its batch."""

        def answer(request):
            if "EntityDefinitions" in request.url:
                row = {"EntitySetName": "accounts", "LogicalName": "account", "PrimaryIdAttribute": "accountid"}
                return answering(200, {"value": [row]})
            return answering(200, {"value": []}) if request.method == "GET" else Response(500)

        connector, wire = scripted(answer)
        list(connector.get("Client", []))
        connector._defined()
        connector.write("Client", creates(10))
        connector.write("Client", creates(10))
        assert [f"{API}/$batch"] * 2 == [request.url for request in wire.requests if request.method == "POST"]
        assert 1 == sum("sdkmessagefilters" in request.url for request in wire.requests)

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (answering(200, {"Ids": []}), Unknown),
            (answering(200, {"Ids": [KEY] * 10}), Unknown),
            (answering(200, b"<html>"), Unknown),
            (refusing(500, "0x80040216", "An unexpected error occurred."), Unknown),
            (refusing(429, "0x80072322", "slow", Retry_After="3"), NotApplied),
            (Response(401), NotApplied),
            (refusing(403, "0x80040220", "lacks prvCreateAccount"), NotApplied),
            (refusing(400, "0x80040265", "a plug-in says no"), NotApplied),
        ],
    )
    def test_answers(self, answer, kind):
        """Other ids than those that were chosen prove nothing; every refusal is one of all records."""

        def answers(request):
            if "EntityDefinitions" in request.url:
                row = {"EntitySetName": "accounts", "LogicalName": "account", "PrimaryIdAttribute": "accountid"}
                return answering(200, {"value": [row]})
            return answering(200, {"value": [{}]}) if request.method == "GET" else answer

        connector, _ = scripted(answers)
        connector._defined()
        assert {kind} == {type(outcome) for outcome in connector.write("Client", creates(10))}


class TestUpdateMultiple:
    def changes(self, crm):
        rows = [row for page in crm.connector.pull("Client") for row in page.rows]
        changed = []
        for row in rows:
            entity = crm.connector.decode("Client", row).model_copy(update={"city": "Lima"})
            changed.append(Write(str(uuid.uuid4()), "update", entity.ref, entity, frozenset({"city"}), entity.version))
        return changed

    def test_only_for_a_sole_owner(self, crm):
        """A bulk update carries no version, so it is for kinds that nobody else writes; others are a batch."""
        crm.connector.write("Client", creates(10))
        changes = self.changes(crm)
        before = len(crm.sent("POST"))
        assert {Applied} == {type(outcome) for outcome in crm.connector.write("Client", changes)}
        assert ["$batch"] == posts(crm)[before:]
        with crm.connect(sole_owner=["Client"]) as owner:
            owner.check()
            assert {Applied} == {type(outcome) for outcome in owner.write("Client", changes)}
        assert "accounts/Microsoft.Dynamics.CRM.UpdateMultiple" == posts(crm)[-1]
        assert {"Lima"} == {row["address1_city"] for row in crm.emulator.books["accounts"].values()}


class TestHeaders:
    def test_how_the_environment_treats_our_writes(self):
        """Bypass, duplicate rules and solution stand on every write, alone and in a batch; on behalf of whom, on all."""
        options = {"bypass": "CustomSync", "detect_duplicates": True, "solution": "periferia", "caller_id": KEY}
        connector, wire = scripted(answering(204), **options)
        connector.write("Client", creates(1))
        connector.write("Client", creates(2))
        for request in wire.requests:
            assert ("CustomSync", "false", "periferia", KEY) == tuple(
                request.header(name)
                for name in (
                    "MSCRM.BypassBusinessLogicExecution",
                    "MSCRM.SuppressDuplicateDetection",
                    "MSCRM.SolutionUniqueName",
                    "CallerObjectId",
                )
            )
        assert 2 == wire.requests[1].body.count(b"MSCRM.BypassBusinessLogicExecution: CustomSync")

    def test_a_duplicate_rule_refuses(self):
        """With the rules of the environment on, a duplicate is refused although the answer is a 500."""
        crm = Crm(detect_duplicates=True)
        crm.emulator.load({"accounts": [{"name": "Andes", "emailaddress1": "a@andes.example"}]})
        client = Client(name="Andes 2", email="a@andes.example")
        (outcome,) = crm.connector.write("Client", [Write(KEY, "create", None, client, frozenset({"name", "email"}))])
        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, RecordConflictError)

    def test_on_behalf_of(self, crm):
        """Reads carry the caller, too."""
        connector, wire = scripted(answering(200, {"value": []}), caller_id=KEY)
        connector.get("Client", [KEY])
        assert KEY == wire.requests[0].header("CallerObjectId")


class TestActions:
    def store(self, crm, entity):
        kind = type(entity).kind()
        key = str(uuid.uuid4())
        crm.connector.write(kind, [Write(key, "create", None, entity, frozenset(entity.model_fields_set))])
        return Ref("crm", kind, key)

    @pytest.mark.parametrize(("name", "state"), [("WinOpportunity", 1), ("LoseOpportunity", 2)])
    def test_closing_a_deal(self, crm, name, state):
        """The engine's action closes the record that the write names."""
        deal = self.store(crm, Opportunity(name="Nube"))
        assert [Applied(deal)] == crm.connector.write("Opportunity", [Write(KEY, "action", deal, action=name)])
        assert state == crm.emulator.books["opportunities"][deal.id]["statecode"]

    def test_with_its_answer(self, crm):
        """A script calls an action once and reads what it made."""
        lead = self.store(crm, Lead(subject="Nube", company="Nueva", person="Ana Paz"))
        told = crm.connector.call("QualifyLead", lead, CreateOpportunity=False)
        assert ["account", "contact"] == [row["@odata.type"].rpartition(".")[2] for row in told["value"]]

    def test_bound_and_unbound(self):
        """A bound action has its full name below the record, an unbound one stands alone."""
        connector, wire = scripted(answering(204))
        lead = Ref("crm", "Lead", KEY)
        text = Dynamics365.action("AddToQueue", QueueId=KEY)
        connector.write("Lead", [Write(KEY, "action", lead, action=text)])
        connector.write("Lead", [Write(KEY, "action", lead, action=Dynamics365.action("cr123_Go", is_bound=False))])
        assert {} == connector.call("cr123_Recalculate", Amount=5)
        urls = [request.url.partition("/v9.2/")[2].partition("?")[0] for request in wire.requests]
        assert [f"leads({KEY})/Microsoft.Dynamics.CRM.AddToQueue", "cr123_Go", "cr123_Recalculate"] == urls
        assert [{"QueueId": KEY}, {}, {"Amount": 5}] == [json.loads(request.body) for request in wire.requests]

    @pytest.mark.parametrize("name", ["", "Qualify Lead", "../accounts", "x?y", "1x"])
    def test_names_that_are_none(self, name):
        """A name is a name: it cannot lead to another address."""
        with pytest.raises(ConfigurationError):
            Dynamics365.action(name)

    @pytest.mark.parametrize("text", ["", "Go {", "Go [1]", "a b", "$batch"])
    def test_texts_that_cannot_be_read(self, text):
        """An action that the connector did not write is refused before anything is sent."""
        connector, wire = scripted(answering(204))
        with pytest.raises(ConfigurationError):
            connector.write("Lead", [Write(KEY, "action", Ref("crm", "Lead", KEY), action=text)])
        assert [] == wire.requests

    def test_a_refusal_is_an_error(self, crm):
        """A call that is refused raises what the engine would park."""
        with pytest.raises(RecordNotFoundError):
            crm.connector.call("QualifyLead", Ref("crm", "Lead", KEY))


class TestUpsert:
    def test_created_and_updated(self, crm):
        """Under an alternate key a record is created once and updated ever after; the answer tells which."""
        crm.emulator.add_alternate_key("account", "accountnumber")
        first = crm.connector.upsert(Client(name="Andes", code="A-1"), by="code")
        second = crm.connector.upsert(Client(name="Los Andes", code="A-1"), by="code")
        assert (True, False, first[0]) == (first[1], second[1], second[0])
        assert ["Los Andes"] == [row["name"] for row in crm.emulator.books["accounts"].values()]

    def test_the_key_stays_out_of_the_body(self):
        """A key column in the body would win over the address when the record is created."""
        connector, wire = scripted(answering(200, {"value": []}), answering(201, {"accountid": KEY}))
        connector.upsert(Client(name="A", code="L'A/1"), by="code")
        assert b"accountnumber" not in wire.requests[-1].body
        assert "accounts(accountnumber='L''A%2F1')" in wire.requests[-1].url

    def test_mistakes(self, crm):
        """An empty key, a kind that is read only, an answer without the record."""
        with pytest.raises(RecordInvalidError):
            crm.connector.upsert(Client(name="A"), by="code")
        connector, _ = scripted(answering(200, {"value": []}))
        with pytest.raises(ContractBrokenError):
            connector.upsert(Client(name="A", code="1"), by="code")


class TestFiles:
    def test_a_note_with_a_file(self, crm):
        """A file is attached once, however often it is sent, and comes back byte by byte."""
        crm.emulator.load({"accounts": [{"accountid": KEY, "name": "Andes"}]})
        andes = Ref("crm", "Client", KEY)
        content = bytes(range(256))
        note = crm.connector.attach(andes, "acta.pdf", content, mime_type="application/pdf")
        assert note == crm.connector.attach(andes, "acta.pdf", content, mime_type="application/pdf")
        assert Attachment("acta.pdf", "application/pdf", content) == crm.connector.attachment(note)
        assert 1 == len(crm.emulator.books["annotations"])

    def test_no_file(self, crm):
        """A note that is not there has no file."""
        with pytest.raises(RecordNotFoundError):
            crm.connector.attachment(Ref("crm", "Interaction", KEY))

    def test_too_large(self, crm):
        """A note takes 32 MB."""
        with pytest.raises(RecordInvalidError, match="bytes"):
            crm.connector.attach(Ref("crm", "Client", KEY), "x", bytes(32 * 1024 * 1024 + 1))

    def test_a_file_column(self):
        """A file column is put in one request with its name, and read back whole."""
        connector, wire = scripted(answering(204), answering(200, b"content", Content_Type="application/octet-stream"))
        andes = Ref("crm", "Client", KEY)
        connector.put_file(andes, "cr123_contract", "contrato ñ.pdf", b"content")
        assert b"content" == connector.get_file(andes, "cr123_contract")
        put, got = wire.requests
        assert ("PATCH", "contrato%20%C3%B1.pdf", b"content") == (put.method, put.header("x-ms-file-name"), put.body)
        assert got.url.endswith(f"/accounts({KEY})/cr123_contract/$value")

    @pytest.mark.parametrize(
        ("status", "error"), [(204, RecordNotFoundError), (404, RecordNotFoundError), (400, ContractBrokenError)]
    )
    def test_a_file_that_is_not_there(self, status, error):
        """An empty column has no file."""
        connector, _ = scripted(answering(status))
        with pytest.raises(error):
            connector.get_file(Ref("crm", "Client", KEY), "cr123_contract")

    def test_a_kind_that_nobody_knows(self, crm):
        """A reference of another system's kind is a mistake."""
        with pytest.raises(ConfigurationError):
            crm.connector.get_file(Ref("crm", "Invoice", KEY), "x")


class TestElasticTables:
    def test_what_was_written_is_read(self):
        """The session token of a write goes along with the reads after it."""
        connector, wire = scripted(
            answering(204, x_ms_session_token="240:8#3"),
            answering(200, {"value": []}),
        )
        connector.write("Client", creates(1))
        connector.get("Client", [KEY])
        assert "240:8#3" == wire.requests[1].header("MSCRM.SessionToken")

    def test_a_partition_is_part_of_the_address(self):
        """A record of a partition is addressed by both, and the partition stays out of the body."""
        told = {"table": "cr123_events", "key": "cr123_eventid", "extra": ["cr123_name", "partitionid"]}
        fields = DYNAMICS365_FIELDS.merged({"Event": told}, own_kinds=True)
        connector, wire = scripted(answering(204), fields=fields)
        event = KINDS["Event"](custom={"cr123_name": "x", "partitionid": "d'1"})
        connector.write("Event", [Write(KEY, "create", None, event, frozenset({"custom"}))])
        assert f"cr123_events(cr123_eventid={KEY},partitionid='d''1')" in wire.requests[0].url
        assert {"cr123_name": "x"} == json.loads(wire.requests[0].body)


class TestBackdating:
    @pytest.mark.parametrize("backdate", [False, True])
    def test_records_of_an_earlier_day(self, backdate):
        """A case that was opened elsewhere last year is created as of then, where that is wanted."""
        connector, wire = scripted(answering(204), backdate=backdate)
        opened = datetime(2025, 3, 1, 8, tzinfo=timezone.utc)
        ticket = Ticket(title="x", opened_at=opened)
        connector.write("Ticket", [Write(KEY, "create", None, ticket, frozenset({"title", "opened_at"}))])
        told = json.loads(wire.requests[0].body)
        assert ("2025-03-01T08:00:00Z" if backdate else None) == told.get("overriddencreatedon")
