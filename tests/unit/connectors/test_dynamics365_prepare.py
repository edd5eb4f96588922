"""Requests that are written down before they are sent, and what is known before the first of them."""

from __future__ import annotations

import json
import uuid

import pytest

from dataverse_calls import API, BASE, Crm, answering, refusing, scripted
from periferia_link.connectors.base import Applied, NotApplied, Write
from periferia_link.connectors.dynamics365 import DYNAMICS365_FIELDS, Dynamics365
from periferia_link.domain import Client, Money, Opportunity, Ref
from periferia_link.errors import ConfigurationError, RecordInvalidError

USER = "6c98b2a1-7f2f-4a55-9f0e-1d7e0c5b6a11"


def creates(count, **values):
    """Return that many creates of clients."""
    made = []
    for number in range(count):
        entity = Client(**{"name": f"Compañía «{number}»", "code": f"K-{number}"} | values)
        made.append(Write(str(uuid.UUID(int=number + 1)), "create", None, entity, frozenset(entity.model_fields_set)))
    return made


def environment(answers):
    """Return what answers as an environment with two tables does, apart from *answers* by a part of the address."""
    tables = {"accounts": "account", "opportunities": "opportunity"}
    usual = {
        "EntityDefinitions": {
            "value": [
                {"EntitySetName": each, "LogicalName": name, "PrimaryIdAttribute": f"{name}id"}
                for each, name in tables.items()
            ]
        },
        "WhoAmI": {"OrganizationId": USER, "UserId": USER},
    }

    def answer(request):
        for part, told in answers.items():
            if part in request.url:
                return told
        for part, told in usual.items():
            if part in request.url:
                return answering(200, told)
        return answering(200, {"value": [], "RolePrivileges": []}) if request.method == "GET" else answering(500)

    return answer


def bodies(request):
    """Return the JSON objects of the parts of a batch, or of the plain request."""
    return [json.loads(line) for line in request.body.decode().splitlines() if line.startswith("{")]


class TestInTwoSteps:
    """``prepare`` works, what it returns sends."""

    def test_nothing_leaves_before(self):
        """Preparing asks nothing and sends nothing; sending is one request."""
        connector, wire = scripted(answering(204, ETag='W/"7"'))
        send = connector.prepare("Client", creates(1))
        assert [] == wire.requests
        assert [Applied(Ref("crm", "Client", str(uuid.UUID(int=1))), 'W/"7"')] == send()
        assert 1 == len(wire.requests)

    def test_one_that_cannot_be_written(self):
        """It is refused at its place, alone."""
        connector, wire = scripted(answering(204))
        good, other = creates(2)
        bad = other._replace(entity=other.entity.model_copy(update={"name": "\ud800"}))
        outcomes = connector.prepare("Client", [bad, good])()
        assert [NotApplied, Applied] == [type(outcome) for outcome in outcomes]
        assert isinstance(outcomes[0].error, RecordInvalidError)
        assert 1 == len(wire.requests)

    def test_a_wrong_call(self):
        """More writes than a request takes are a mistake of the caller, said before anything leaves."""
        connector, wire = scripted(answering(204), max_batch=2)
        with pytest.raises(ConfigurationError, match="2 writes"):
            connector.prepare("Client", creates(3))
        assert [] == wire.requests

    def test_a_connector_made_of_this_one(self):
        """One that writes in a way of its own is asked to."""

        class Mine(Dynamics365):
            def write(self, kind, writes):
                return [len(writes)]

        assert [3] == Mine(BASE, credential=object()).prepare("Client", creates(3))()


class TestOneBody:
    """The columns of a record are written once, whichever way it travels."""

    def test_alone_and_in_a_message(self):
        """A bulk message says what the single requests say, and of which record."""
        known = answering(200, {"value": [{"primaryobjecttypecode": "account"}]})
        connector, wire = scripted(environment({"sdkmessagefilters": known}), tag=None)
        connector.check()
        values = {"email": None, "city": '"B\\gotá"\n'}
        connector.write("Client", creates(10, **values))
        connector.write("Client", creates(9, **values))
        message, batch = [request for request in wire.requests if request.method == "POST"]
        assert message.url.endswith("/accounts/Microsoft.Dynamics.CRM.CreateMultiple")
        for number, (target, single) in enumerate(
            zip(json.loads(message.body)["Targets"], bodies(batch), strict=False)
        ):
            told = {"@odata.type": "Microsoft.Dynamics.CRM.account", "accountid": str(uuid.UUID(int=number + 1))}
            assert told | single == target
            assert {"name", "accountnumber", "address1_city"} == set(single)

    def test_without_columns(self):
        """A record of which nothing travels is made all the same."""
        crm = Crm()
        crm.connector.check()
        writes = [write._replace(fields=frozenset()) for write in creates(10)]
        assert {Applied} == {type(outcome) for outcome in crm.connector.write("Client", writes)}
        assert 10 == len(crm.emulator.books["accounts"])

    def test_a_key_among_the_columns(self):
        """Where an installation maps the key as a column, records go in a batch: a message would name them twice."""
        fields = DYNAMICS365_FIELDS.merged({"Client": {"extra": ["accountid"]}})
        crm = Crm(fields=fields)
        crm.connector.check()
        writes = creates(10)
        writes = [
            write._replace(entity=write.entity.model_copy(update={"custom": {"accountid": write.create_key}}))
            for write in writes
        ]
        crm.connector.write("Client", [write._replace(fields=write.fields | {"custom"}) for write in writes])
        assert ["POST /api/data/v9.2/$batch"] == crm.sent("POST")

    def test_messages_repeat_no_value(self):
        """What a refusal quotes of our columns is left out, in a bulk message too."""
        connector, _ = scripted(refusing(400, "0x80044331", "Compañía «0» is too long"))
        (outcome,) = connector.write("Client", creates(1))
        assert "Compañía" not in outcome.error.message

    def test_references_are_looked_at(self):
        """A link to a record of another system is refused, whatever the others do."""
        ours, theirs = (Ref(system, "User", USER) for system in ("crm", "erp"))
        connector, wire = scripted(answering(204))
        writes = [*creates(1, owner=ours), *creates(2, owner=theirs)[1:]]
        outcomes = connector.write("Client", writes)
        assert [Applied, NotApplied] == [type(outcome) for outcome in outcomes]
        assert b"ownerid@odata.bind" in wire.requests[0].body

    def test_different_fields_in_one_request(self):
        """What is the same for all is looked up once for those that write the same fields, and no further."""
        connector, wire = scripted(answering(500))
        deal = Opportunity(name="Nube", value=Money.of("10", "COP"))
        writes = [
            Write(str(uuid.UUID(int=number + 1)), "create", None, deal, frozenset(names))
            for number, names in enumerate([{"name"}, {"name", "value"}, {"name"}])
        ]
        connector.write("Opportunity", writes)
        assert [1, 2, 1] == [len(body) for body in bodies(wire.requests[-1])]


class TestAskedBefore:
    """Which tables have bulk messages is known when the first one is due."""

    def questions(self, crm):
        return [line for line in crm.sent("GET") if "sdkmessagefilters" in line]

    def test_with_the_check(self):
        """``check`` asks once for all tables; a write asks nothing more."""
        crm = Crm()
        crm.connector.check()
        (asked,) = self.questions(crm)
        assert "account" in asked
        assert "opportunity" in asked
        crm.connector.write("Client", creates(10))
        crm.connector.check()
        assert [asked] == self.questions(crm)

    def test_updates_of_a_sole_owner(self):
        """Their message is asked for as well."""
        crm = Crm(sole_owner=["Client"])
        crm.connector.check()
        assert ["CreateMultiple", "UpdateMultiple"] == [
            name for line in self.questions(crm) for name in ("CreateMultiple", "UpdateMultiple") if name in line
        ]

    @pytest.mark.parametrize("options", [{"plan_only": True}, {"max_batch": 5}])
    def test_where_none_will_be_sent(self, options):
        """A connector that never sends one does not ask."""
        crm = Crm(**options)
        crm.connector.check()
        assert [] == self.questions(crm)

    @pytest.mark.parametrize(
        "answer",
        [refusing(403, "0x80040220"), answering(200, {"value": [{"primaryobjecttypecode": "opportunity"}]})],
    )
    def test_a_table_that_the_answer_does_not_name(self, answer):
        """It has no message, and where nobody says so none is sent: a batch does."""
        connector, wire = scripted(environment({"sdkmessagefilters": answer}))
        connector.check()
        connector.write("Client", creates(10))
        assert [f"{API}/$batch"] == [request.url for request in wire.requests if request.method == "POST"]
