"""What all kinds share: references, immutability, silence about people."""

from __future__ import annotations

from datetime import date, datetime, timezone

import pytest
from pydantic import ValidationError

from periferia_link.domain import (
    KINDS,
    Allocation,
    Campaign,
    Client,
    ClientContext,
    Contact,
    CostCentre,
    CostEntry,
    CostLine,
    Employee,
    Entity,
    ExchangeRate,
    Interaction,
    Invoice,
    InvoiceLine,
    Lead,
    Money,
    Opportunity,
    Project,
    Rate,
    Ref,
    ServiceCall,
    Survey,
    SurveyAnswer,
    Ticket,
    TicketEvent,
    TimeEntry,
    WorkItem,
    WorkItemLink,
)

DAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 15, tzinfo=timezone.utc)
CANARY = "canary-7f3a"
EXAMPLES = {
    "Allocation": Allocation(person=CANARY, project="P-1", hours_per_week=20, starts_on=DAY),
    "Campaign": Campaign(name="Boletín", sent=10, cost=Money.of(1, "COP")),
    "Client": Client(name="ACME", email=f"{CANARY}@example.com", phone=CANARY, owner=Ref("crm", "User", "1")),
    "ClientContext": ClientContext(code="900123456", name="ACME", client=Ref("crm", "Client", "2"), renews_on=DAY),
    "Contact": Contact(name=CANARY, email=CANARY, phone=CANARY, client=Ref("crm", "Client", "2")),
    "CostCentre": CostCentre(code="CC1", name="Centro"),
    "CostEntry": CostEntry(
        posted_on=DAY, currency="COP", lines=(CostLine(account="1", debit=1), CostLine(account="2", credit=1))
    ),
    "Employee": Employee(
        code="E7",
        name=CANARY,
        email=CANARY,
        document=CANARY,
        rates=(Rate(valid_from=DAY, hourly=Money.of(987654321, "COP")),),
    ),
    "ExchangeRate": ExchangeRate(currency="USD", into="COP", on=DAY, factor=4_100, source="TRM"),
    "Interaction": Interaction(subject="Llamada", text=CANARY, author=CANARY, regarding=Ref("crm", "Ticket", "4")),
    "Invoice": Invoice(
        client=Ref("erp", "Client", "C1"),
        currency="COP",
        lines=(InvoiceLine(description="Horas", quantity=1, unit_price=1),),
        posted_on=DAY,
    ),
    "Lead": Lead(
        subject="Portal", person=CANARY, email=CANARY, phone=CANARY, opportunity=Ref("crm", "Opportunity", "3")
    ),
    "Opportunity": Opportunity(name="Portal", client=Ref("crm", "Client", "2"), owner=Ref("crm", "User", "1")),
    "Project": Project(name="Portal", opportunity=Ref("crm", "Opportunity", "3")),
    "ServiceCall": ServiceCall(subject="Portal", description=CANARY, resolution=CANARY),
    "Survey": Survey(
        questionnaire="q1",
        respondent=CANARY,
        email=CANARY,
        comment=CANARY,
        answers=(SurveyAnswer(question="¿Por qué?", text=CANARY),),
        ticket=Ref("desk", "Ticket", "9"),
    ),
    "Ticket": Ticket(
        title="Portal",
        description=CANARY,
        caller=CANARY,
        assignee=CANARY,
        resolver=CANARY,
        client=Ref("crm", "Client", "2"),
        events=(TicketEvent(at=NOW, status="new", note=CANARY),),
    ),
    "TimeEntry": TimeEntry(person=CANARY, worked_on=DAY, hours=8, note=CANARY, ticket=Ref("desk", "Ticket", "9")),
    "WorkItem": WorkItem(
        title="Portal",
        assignee=CANARY,
        parent=Ref("devops", "WorkItem", "1"),
        links=(WorkItemLink(relation="related", target="2"),),
    ),
}


class TestRef:
    @pytest.mark.parametrize("text", ["crm:Client:0f8e", "desk:Ticket:a:b:c", "erp:CostEntry:Código 1"])
    def test_text_reads_back(self, text):
        """A reference is one text, and the id may hold colons."""
        assert text == str(Ref.parse(text))

    @pytest.mark.parametrize("text", ["", "crm", "crm:Client", "crm:Client:", ":Client:1", "crm::1", "::"])
    def test_a_part_that_is_missing_is_refused(self, text):
        """Half a reference points nowhere."""
        with pytest.raises(ValueError, match="system:kind:id"):
            Ref.parse(text)


class TestEveryKind:
    def test_each_kind_has_an_example_here(self):
        """A new kind is covered by these tests, or this one fails."""
        ours = {kind for kind, model in KINDS.items() if model.__module__.startswith("periferia_link.domain.")}
        assert ours == set(EXAMPLES)

    @pytest.mark.parametrize("kind", sorted(KINDS))
    def test_known_by_its_name(self, kind):
        """The name of the kind is the name of the class."""
        assert kind == KINDS[kind].kind() == type(EXAMPLES[kind]).__name__

    @pytest.mark.parametrize("kind", sorted(KINDS))
    def test_json_reads_back(self, kind):
        """What the ledger stores is what was there."""
        example = EXAMPLES[kind].model_copy(update={"ref": Ref("crm", kind, "1"), "version": 'W/"5"'})
        assert example == KINDS[kind].model_validate_json(example.model_dump_json())

    @pytest.mark.parametrize("kind", sorted(KINDS))
    def test_frozen_and_closed(self, kind):
        """Nobody changes a record in place, or adds a field by a typing error."""
        with pytest.raises(ValidationError):
            EXAMPLES[kind].version = "2"
        with pytest.raises(ValidationError, match="nmae"):
            KINDS[kind].model_validate({**EXAMPLES[kind].model_dump(), "nmae": "x"})

    @pytest.mark.parametrize("kind", sorted(KINDS))
    def test_personal_fields_exist(self, kind):
        """A renamed field cannot leave the list of personal ones behind."""
        assert KINDS[kind].personal_fields <= set(KINDS[kind].model_fields)


class TestReferences:
    def test_fields_that_point_elsewhere(self):
        """They feed the trace; the record's own place is none of them."""
        assert {"client": Ref("crm", "Client", "2"), "owner": Ref("crm", "User", "1")} == EXAMPLES[
            "Opportunity"
        ].references()
        assert {"ticket": Ref("desk", "Ticket", "9")} == EXAMPLES["TimeEntry"].references()
        assert {} == EXAMPLES["CostCentre"].references()

    def test_outsiders_kinds_have_them_too(self):
        """A kind that a connector adds is read the same way."""

        class Ticket(Entity):
            client: Ref | None = None

        ticket = Ticket(ref=Ref("desk", "Ticket", "1"), client=Ref("desk", "Client", "2"))
        assert {"client": Ref("desk", "Client", "2")} == ticket.references()


class TestPersonalData:
    @pytest.mark.parametrize("kind", sorted(KINDS))
    def test_printing_a_record_says_only_where_it_is(self, kind):
        """Reprs end up in logs and tracebacks: they show the reference and nothing else."""
        example = EXAMPLES[kind]
        assert f"{kind}(new)" == repr(example) == str(example)
        placed = example.model_copy(update={"ref": Ref("crm", kind, "1")})
        assert f"{kind}(crm:{kind}:1)" == repr(placed) == f"{placed}"

    @pytest.mark.parametrize("kind", sorted(KINDS))
    def test_pretty_printers_see_no_more(self, kind):
        """Rich prints the locals of a traceback through its own door."""
        assert ["new"] == list(EXAMPLES[kind].__rich_repr__())

    def test_a_rate_shows_no_salary(self):
        """What a person earns is in no log, not even inside a tuple."""
        assert "987654321" not in repr(EXAMPLES["Employee"].rates)

    @pytest.mark.parametrize(
        ("model", "fields"),
        [
            (Client, {"name": "ACME", "email": CANARY * 50}),
            (Client, {"name": "ACME", "tax_id": CANARY}),
            (Employee, {"code": "E7", "name": {"first": CANARY}}),
            (Employee, {"code": "E7", "name": "Ana", "rates": [{"valid_from": DAY, "hourly": CANARY}]}),
            (TimeEntry, {"person": CANARY, "worked_on": CANARY, "hours": CANARY}),
            (TimeEntry, {"person": CANARY, "worked_on": DAY, "hours": 25, "note": CANARY}),
        ],
    )
    def test_errors_do_not_repeat_what_was_given(self, model, fields):
        """The message names the field and the rule, never the value."""
        with pytest.raises(ValidationError) as caught:
            model.model_validate(fields)
        assert CANARY not in str(caught.value)
        assert CANARY not in repr(caught.value)


class TestText:
    @pytest.mark.parametrize("name", ["", " ", "\t\n", "x" * 4001, None, 5, "\ud800"])
    def test_a_name_is_there(self, name):
        """Blank, endless and broken names are refused."""
        with pytest.raises(ValidationError):
            Client(name=name)
