"""The kinds of the CRM, each written to the emulated environment and read back."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataverse_calls import Crm
from periferia_link.connectors.base import Applied, NotApplied, Write
from periferia_link.connectors.dynamics365 import (
    DYNAMICS365_FIELDS,
    interaction_to_wire,
    own_survey_table,
    survey_from_wire,
    ticket_from_wire,
    ticket_to_wire,
)
from periferia_link.connectors.dynamics365.kinds._contact import name_columns
from periferia_link.connectors.dynamics365.kinds._links import Terms, bind
from periferia_link.domain import (
    Campaign,
    Contact,
    Interaction,
    Lead,
    Money,
    Opportunity,
    Project,
    Ref,
    Survey,
    SurveyAnswer,
    Ticket,
)
from periferia_link.errors import ConfigurationError, RecordInvalidError

KEY = "8c98b2a1-7f2f-4a55-9f0e-1d7e0c5b6a10"
ANDES = Ref("crm", "Client", "11111111-2222-4333-8444-555555555555")


def create(entity):
    return Write(str(uuid.uuid4()), "create", None, entity, frozenset(entity.model_fields_set))


@pytest.fixture
def crm():
    crm = Crm()
    crm.emulator.load({"accounts": [{"accountid": ANDES.id, "name": "Andes"}]})
    crm.connector.check()
    return crm


@pytest.fixture
def store(crm):
    def stored(entity):
        kind = type(entity).kind()
        (outcome,) = crm.connector.write(kind, [create(entity)])
        assert isinstance(outcome, Applied), outcome
        return read(crm, kind, outcome.ref.id)

    return stored


def read(crm, kind, key):
    (row,) = crm.connector.get(kind, [key])
    return crm.connector.decode(kind, row)


def change(crm, before, **values):
    wanted = type(before).model_validate(dict(before) | values)
    kind = type(before).kind()
    write = Write(str(uuid.uuid4()), "update", before.ref, wanted, frozenset(values), before.version)
    (outcome,) = crm.connector.write(kind, [write])
    return outcome


class TestContact:
    def test_a_person_at_a_client(self, store):
        """The server makes the full name of the two that are written; the client is a lookup with two targets."""
        contact = store(Contact(name="Ana María Pérez Gómez", client=ANDES, email="ana@andes.example", role="CFO"))
        assert ("Ana María Pérez Gómez", ANDES, "CFO") == (contact.name, contact.client, contact.role)

    def test_someone_who_left(self, crm, store):
        """An inactive contact is made and set inactive at once, and becomes active again."""
        contact = store(Contact(name="Luis Paz", is_active=False))
        assert not contact.is_active
        assert isinstance(change(crm, contact, is_active=True), Applied)
        assert read(crm, "Contact", contact.ref.id).is_active

    @given(st.lists(st.text("abcñ", min_size=1, max_size=8), min_size=1, max_size=6))
    def test_names_come_together_again(self, words):
        """First and last name, joined as the server does, are the name."""
        parts = name_columns(" ".join(words))
        assert " ".join(words) == " ".join(filter(None, (parts["firstname"], parts["lastname"])))
        assert parts["lastname"]

    def test_no_name(self):
        """Nobody is two empty names."""
        assert {"firstname": None, "lastname": None} == name_columns(None)


class TestLead:
    def test_every_field(self, store):
        """A lead reads back as it was written, its source by name."""
        value = Money.of("1500000.50", "COP")
        lead = store(Lead(subject="Nube", company="Andes", person="Ana Paz", source="web", value=value, client=ANDES))
        assert ("Nube", "Andes", "Ana Paz", "web", value, "open", ANDES) == (
            lead.subject, lead.company, lead.person, lead.source, lead.value, lead.state, lead.client
        )  # fmt: skip
        assert lead.opened_at is not None

    def test_what_it_became(self, crm, store):
        """A qualified lead names client, contact and opportunity."""
        lead = store(Lead(subject="Nube", company="Nueva SAS", person="Ana Paz"))
        (outcome,) = crm.connector.write("Lead", [Write(KEY, "action", lead.ref, action="QualifyLead")])
        assert isinstance(outcome, Applied)
        lead = read(crm, "Lead", lead.ref.id)
        assert ("qualified", "Client", "Contact", "Opportunity") == (
            lead.state, lead.client.kind, lead.contact.kind, lead.opportunity.kind
        )  # fmt: skip

    def test_a_source_of_the_installation(self, crm):
        """A number that nobody named is kept and written back; a word that has none is refused with the way out."""
        (outcome,) = crm.connector.write("Lead", [create(Lead(subject="x", source="pigeon"))])
        assert isinstance(outcome.error, RecordInvalidError)
        assert "choices.source" in outcome.error.hint
        fields = DYNAMICS365_FIELDS.merged({"Lead": {"choices": {"source": {"pigeon": 1}}}})
        assert {"pigeon": 1} == dict(fields["Lead"].choices["source"])


class TestTicket:
    def make(self, **values):
        usual = {"title": "No enciende", "client": ANDES, "type": "incident", "priority": "high", "channel": "email"}
        return Ticket(**(usual | values))

    def test_every_field(self, store):
        """A case reads back as it was written."""
        due = datetime(2026, 3, 4, 12, tzinfo=timezone.utc)
        wanted = self.make(number="PT-1", description="Ayuda", status="on_hold", external_ref="desk:1", due_at=due)
        ticket = store(wanted)
        for name in wanted.model_fields_set:
            assert getattr(wanted, name) == getattr(ticket, name), name
        assert "2" == ticket.raw_status

    def test_its_life(self, crm, store):
        """Resolved at birth, reopened, resolved with another title, cancelled: each is one write with its version."""
        ticket = store(self.make(status="resolved"))
        assert "resolved" == ticket.status
        assert isinstance(change(crm, ticket, status="in_progress"), Applied)
        ticket = read(crm, "Ticket", ticket.ref.id)
        assert "in_progress" == ticket.status
        assert isinstance(change(crm, ticket, status="resolved", title="Enciende"), Applied)
        ticket = read(crm, "Ticket", ticket.ref.id)
        assert ("resolved", "Enciende") == (ticket.status, ticket.title)
        assert isinstance(change(crm, ticket, status="cancelled"), Applied)
        assert "cancelled" == read(crm, "Ticket", ticket.ref.id).status

    def test_a_stale_resolution_is_refused(self, crm, store):
        """Who changed the case in between is not overwritten, although an action has no precondition."""
        ticket = store(self.make())
        crm.clock.advance(5)
        crm.emulator.edit("incidents", ticket.ref.id, {"description": "more"}, crm.clock)
        outcome = change(crm, ticket, status="resolved")
        assert isinstance(outcome, NotApplied)
        assert "in_progress" == read(crm, "Ticket", ticket.ref.id).status

    def test_the_owner(self, crm, store):
        """A case is handed over to a user, found among the employees."""
        other = "4026be43-6b69-4111-8f65-78e7d1620f5e"
        crm.emulator.load(
            {"systemusers": [{"systemuserid": other, "fullname": "Luis", "domainname": "luis@p.example"}]}
        )
        (row,) = crm.connector.find("Employee", "name", ["Luis"])
        person = crm.connector.decode("Employee", row)
        assert ("luis@p.example", True) == (person.code, person.is_active)
        ticket = store(self.make())
        assert isinstance(change(crm, ticket, owner=person.ref), Applied)
        assert Ref("crm", "User", other) == read(crm, "Ticket", ticket.ref.id).owner

    def test_a_case_of_a_person(self, store):
        """The customer of a case may be a person: then that is its contact."""
        contact = store(Contact(name="Ana Paz"))
        body = ticket_to_wire(self.make(client=contact.ref), {"client"}, DYNAMICS365_FIELDS)
        assert ["customerid_contact@odata.bind"] == list(body)
        ticket = store(self.make(client=contact.ref))
        assert (None, contact.ref) == (ticket.client, ticket.contact)

    @pytest.mark.parametrize(("state", "status", "word"), [(0, 100000001, "in_progress"), (1, 1000, "resolved"), (2, 2000, "cancelled"), (0, 4, "in_progress")])  # fmt: skip
    def test_status_reasons_of_the_installation(self, state, status, word):
        """A reason that nobody named counts as what its state says."""
        row = {"incidentid": KEY, "title": "x", "statecode": state, "statuscode": status}
        assert word == ticket_from_wire(row, DYNAMICS365_FIELDS, "crm").status

    def test_labels(self):
        """Where labels are asked for, the system's own word is the one that people see."""
        crm = Crm(labels=True)
        crm.emulator.load({"incidents": [{"title": "x", "statuscode": 2}]})
        (page,) = crm.connector.pull("Ticket")
        assert "On Hold" == crm.connector.decode("Ticket", page.rows[0]).raw_status

    def test_no_such_state(self):
        """A state that is none parks the record."""
        with pytest.raises(RecordInvalidError, match="not a state of a case"):
            ticket_from_wire({"incidentid": KEY, "title": "x", "statecode": 9}, DYNAMICS365_FIELDS, "crm")


class TestInteraction:
    @pytest.mark.parametrize(
        ("channel", "table"),
        [
            ("note", ""),
            ("phone", "phonecalls/"),
            ("email", "emails/"),
            ("meeting", "appointments/"),
            ("task", "tasks/"),
        ],
    )
    def test_the_channel_decides_the_table(self, store, channel, table):
        """Each channel has its table; the key says which, and every one is about its record."""
        found = store(Interaction(subject="Llamada", channel=channel, text="Todo bien", regarding=ANDES, is_done=True))
        assert table == found.ref.id[:-36]
        assert (channel, "Todo bien", ANDES, ANDES, True) == (
            found.channel, found.text, found.regarding, found.client, found.is_done
        )  # fmt: skip

    def test_a_channel_without_a_table_is_a_note(self, store):
        """What the CRM has no table for is written down all the same."""
        found = store(Interaction(subject="x", channel="chat", regarding=ANDES))
        assert ("note", "x") == (found.channel, found.subject)

    def test_direction(self, store):
        """Who called whom stands where the table knows it."""
        call = Interaction(subject="x", channel="phone", direction="incoming", regarding=ANDES)
        assert "incoming" == store(call).direction

    def test_about_nothing_in_particular(self):
        """One without a record of its own is filed with its contact, else with its client."""
        body = interaction_to_wire(Interaction(subject="x", client=ANDES), {"client"}, DYNAMICS365_FIELDS)
        assert {"objectid_account@odata.bind": f"/accounts({ANDES.id})"} == body

    def test_all_tables_are_one_feed(self, crm, store):
        """A pull lists every table; the next one brings what changed in any of them, deletions where they are tracked."""
        for table in ("annotation", "phonecall", "email", "appointment", "task"):
            crm.emulator.tables[table].change_tracking = True
        with crm.connect() as connector:
            connector.check()
            assert connector.supports("Interaction").reports_deletions
            note = store(Interaction(subject="a", regarding=ANDES))
            call = store(Interaction(subject="b", channel="phone", regarding=ANDES))
            pages = list(connector.pull("Interaction"))
            assert {note.ref.id, call.ref.id} == {row.key for page in pages for row in page.rows}
            assert [False] * (len(pages) - 1) + [True] == [page.is_last for page in pages]
            crm.emulator.remove("phonecalls", call.ref.id[-36:], crm.clock)
            changes = list(connector.pull("Interaction", pages[-1].cursor))
            assert [f"phonecalls/{call.ref.id[-36:]}"] == [key for page in changes for key in page.deleted]

    def test_a_note_without_a_subject(self, crm):
        """People leave the subject empty: the first line serves."""
        crm.emulator.load({"annotations": [{"notetext": "\n  Primera línea\nsegunda"}]})
        found = [row for page in crm.connector.pull("Interaction") for row in page.rows]
        assert "Primera línea" == crm.connector.decode("Interaction", found[0]).subject


class TestSurvey:
    def test_customer_voice_is_read(self, crm):
        """An answer of Customer Voice: its score, its person, its answers, what it is about; nothing is written there."""
        answers = (
            '[{"questionName": "¿Recomendaría?", "response": "9"}, {"questionName": "¿Por qué?", "response": "Sí"}]'
        )
        crm.emulator.load({"msfp_surveyresponses": [{
            "subject": "x", "msfp_npsscore": 9, "msfp_respondentemailaddress": "ana@andes.example",
            "msfp_sourcesurveyidentifier": "S1", "msfp_questionresponseslist": answers,
            "_regardingobjectid_value": ANDES.id,
            "_regardingobjectid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "account",
        }]})  # fmt: skip
        (page,) = crm.connector.pull("Survey")
        survey = crm.connector.decode("Survey", page.rows[0])
        assert (9, "S1", "ana@andes.example", ANDES) == (survey.nps, survey.questionnaire, survey.email, survey.client)
        assert [("¿Recomendaría?", Decimal(9)), ("¿Por qué?", None)] == [(a.question, a.value) for a in survey.answers]
        assert frozenset() == crm.connector.supports("Survey").writes

    def test_answers_that_are_none(self):
        """A list that cannot be read parks the record."""
        with pytest.raises(RecordInvalidError, match="as JSON"):
            survey_from_wire({"activityid": KEY, "msfp_questionresponseslist": "[1,"}, DYNAMICS365_FIELDS, "crm")

    def test_an_own_table_is_written(self):
        """A table of one's own holds every field, answers included."""
        own = own_survey_table("pl")
        told = {"table": own.table, "key": own.key, "columns": dict(own.columns) | {"started_at": ""}}
        fields = DYNAMICS365_FIELDS.merged({"Survey": told})
        crm = Crm(fields=fields)
        kinds = {"answers": "Memo", "comment": "Memo", "nps": "Integer", "csat": "Integer", "ces": "Integer"}
        kinds |= {"answeredat": "DateTime", "weight": "String", "flags": "Memo"}
        texts = [column for column in fields["Survey"].columns.values() if column[0] != "_" and column != "modifiedon"]
        crm.emulator.add_table(
            "pl_survey",
            "pl_surveies",
            {column: kinds.get(column[3:], "String") for column in texts},
            title="pl_respondent",
        )
        for name, target in (("client", "account"), ("contact", "contact"), ("ticket", "incident")):
            crm.emulator.add_column("pl_survey", f"pl_{name}", "Lookup", targets=target)
        crm.emulator.load({"accounts": [{"accountid": ANDES.id, "name": "Andes"}]})
        crm.connector.check()
        asked = SurveyAnswer(question="¿Qué tal?", text="Bien", value=Decimal(9), measure="nps")
        wanted = Survey(questionnaire="F1", nps=9, answers=(asked,), client=ANDES, flags=("fast",), email="a@b.example")
        (outcome,) = crm.connector.write("Survey", [create(wanted)])
        assert isinstance(outcome, Applied), outcome
        found = read(crm, "Survey", outcome.ref.id)
        assert {name: getattr(wanted, name) for name in wanted.model_fields_set} == {
            name: getattr(found, name) for name in wanted.model_fields_set
        }


class TestCampaign:
    def test_counts_by_the_field_map(self):
        """What came of a campaign stands in columns that the installation names."""
        fields = DYNAMICS365_FIELDS.merged({"Campaign": {"columns": {"sent": "pl_sent", "opened": "pl_opened"}}})
        crm = Crm(fields=fields)
        campaign = Campaign(
            name="Lanzamiento", code="L-1", channel="event", sent=500, opened=120, starts_on=date(2026, 3, 1)
        )
        (outcome,) = crm.connector.write("Campaign", [create(campaign)])
        found = read(crm, "Campaign", outcome.ref.id)
        assert (500, 120, "event", date(2026, 3, 1)) == (found.sent, found.opened, found.channel, found.starts_on)


class TestOwnTables:
    def test_a_kind_of_the_domain(self):
        """Projects may live in a table of the CRM."""
        told = {"table": "cr123_projects", "key": "cr123_projectid", "columns": {"name": "cr123_name", "code": "cr123_code", "client": "_cr123_client_value", "starts_on": "cr123_start", "is_active": "cr123_active"}}  # fmt: skip
        crm = Crm(fields=DYNAMICS365_FIELDS.merged({"Project": told}, own_kinds=True))
        columns = {"cr123_name": "String", "cr123_code": "String", "cr123_start": "DateOnly", "cr123_active": "Boolean"}
        crm.emulator.add_table("cr123_project", "cr123_projects", columns)
        crm.emulator.tables["cr123_project"].add(
            crm.emulator.tables["account"]
            .columns["primarycontactid"]
            ._replace(name="cr123_client", targets={"cr123_Client": "account"})
        )
        crm.emulator.load({"accounts": [{"accountid": ANDES.id, "name": "Andes"}]})
        crm.connector.check()
        project = Project(name="Nube", code="P-1", client=ANDES, starts_on=date(2026, 3, 1), is_active=True)
        (outcome,) = crm.connector.write("Project", [create(project)])
        assert isinstance(outcome, Applied), outcome
        found = read(crm, "Project", outcome.ref.id)
        for name in project.model_fields_set:
            assert getattr(project, name) == getattr(found, name), name

    def test_a_kind_of_ones_own(self):
        """A table that the domain has no word for is a kind whose columns travel in custom."""
        told = {"table": "cr123_assets", "key": "cr123_assetid", "extra": ["cr123_name"]}
        crm = Crm(fields=DYNAMICS365_FIELDS.merged({"Cr123Asset": told}, own_kinds=True))
        crm.emulator.add_table("cr123_asset", "cr123_assets", {"cr123_name": "String"})
        crm.emulator.load({"cr123_assets": [{"cr123_name": "Servidor"}]})
        (asset,) = crm.connector.each("Cr123Asset")
        assert {"cr123_name": "Servidor"} == asset.custom
        changed = asset.model_copy(update={"custom": {"cr123_name": "Nube"}})
        assert asset.ref == crm.connector.save(changed)
        assert [{"cr123_name": "Nube"}] == [each.custom for each in crm.connector.each("Cr123Asset")]

    @pytest.mark.parametrize("told", [{"table": "x"}, {"key": "y"}, {"table": "x x", "key": "y"}])
    def test_a_table_needs_name_and_key(self, told):
        """A kind that nobody knows is told with its table and key, or it is a typing error."""
        with pytest.raises(ConfigurationError):
            DYNAMICS365_FIELDS.merged({"Asset": told}, own_kinds=True)

    def test_a_name_that_is_none(self):
        """The name of a kind is that of a class."""
        fields = DYNAMICS365_FIELDS.merged({"my asset": {"table": "xs", "key": "y"}}, own_kinds=True)
        with pytest.raises(ConfigurationError, match="no name of a kind"):
            Crm(fields=fields)


class TestLinks:
    def test_by_what_the_environment_tells(self):
        """The navigation property is the environment's, for the table and the target."""
        terms = Terms(
            logical_names={"cr123_assets": "cr123_asset", "accounts": "account"},
            relations={("cr123_asset", "_cr123_for_value", "account"): "cr123_For_account"},
        )
        told = bind("_cr123_for_value", ANDES, DYNAMICS365_FIELDS, terms, table="cr123_assets")
        assert {"cr123_For_account@odata.bind": f"/accounts({ANDES.id})"} == told

    def test_emptied(self):
        """A lookup with several targets is emptied by one of its names."""
        assert {"customerid_account@odata.bind": None} == bind("_customerid_value", None, DYNAMICS365_FIELDS)

    def test_deals_are_won_by_an_action(self, crm, store):
        """A won deal carries its amount and day in the record of the closing."""
        value = Money.of("900", "COP")
        won = store(Opportunity(name="Nube", state="won", value=value, closed_on=date(2026, 3, 1), client=ANDES))
        assert ("won", value, date(2026, 3, 1)) == (won.state, won.value, won.closed_on)
        lost = store(Opportunity(name="Red", client=ANDES))
        assert isinstance(change(crm, lost, state="lost"), Applied)
        assert "lost" == read(crm, "Opportunity", lost.ref.id).state
        assert isinstance(change(crm, read(crm, "Opportunity", lost.ref.id), state="open"), Applied)
