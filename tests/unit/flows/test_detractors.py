"""Detractors: one ticket and one work item an answer, linked to each other and to the client."""

from __future__ import annotations

from datetime import date, datetime, timezone

import pytest

from detractor_company import ANSWERED, BOGOTA, RULES, SLA, answer, chain, crm_of, desk_of, devops_of, forms_of
from periferia_link.domain import Client, Employee, Ref, Ticket, WorkItem
from periferia_link.errors import ConfigurationError
from periferia_link.flows import detractors
from small_company import lost_after, lost_before, rig


@pytest.fixture
def office():
    """Every system, with one bad answer."""
    with rig(forms_of(answer()), crm_of(), desk_of(), devops_of(), zone=BOGOTA) as office:
        yield office


def run(office, **options):
    """Run the chain."""
    return office.engine.run(chain(**options))


class TestOneOfEach:
    def test_a_detractor_opens_a_ticket_and_a_work_item(self, office):
        """One of each, with the reason, the answer's text and the client; the next run writes nothing."""
        run(office)
        (ticket,) = office.helpdesk.holds("Ticket")
        (item,) = office.devops.holds("WorkItem")
        assert (ticket.title, item.title) == ("Detractor: ACME S.A.S. · NPS 3",) * 2
        assert ticket.client == Ref("helpdesk", "Client", "cl1")
        assert (ticket.type, ticket.priority, ticket.assignee) == ("complaint", "high", "pe1")
        assert "Comentario: Los plazos no se cumplen" in ticket.description
        assert "<p>Comentario: Los plazos no se cumplen</p>" in item.description
        assert item.assignee == "olga@periferia.example"
        before = [list(system.requests) for system in office.systems.values()]
        run(office)
        assert before == [list(system.requests) for system in office.systems.values()]

    def test_they_are_linked_to_each_other_and_to_the_client(self, office):
        """The item leads to ticket and client, the ticket names the item, and the CRM names both."""
        run(office)
        (ticket,), (item,) = office.helpdesk.holds("Ticket"), office.devops.holds("WorkItem")
        (survey,) = office.crm.holds("Survey")
        desk = f"https://desk.example/tickets/{ticket.ref.id}"
        work = f"https://dev.azure.example/periferia/_workitems/edit/{item.ref.id}"
        assert {link.target for link in item.links} == {desk, "https://crm.example/accounts/a1"}
        assert f"Elemento de trabajo: {work}" in ticket.description
        assert (survey.follow_up_ticket, survey.follow_up_work) == (desk, work)
        assert survey.client == Ref("crm", "Client", "a1")
        assert item.external_ref == f"detractor:{survey.ref.id}"

    def test_the_due_time_is_the_promise_of_the_sla(self, office):
        """Nine business hours from Thursday 16:30 end on Friday at 16:30; gold clients are promised two."""
        run(office)
        (ticket,), (item,) = office.helpdesk.holds("Ticket"), office.devops.holds("WorkItem")
        assert ticket.due_at == datetime(2026, 11, 20, 21, 30, tzinfo=timezone.utc)
        assert item.due_on == date(2026, 11, 20)
        with rig(forms_of(answer()), crm_of(), desk_of(), devops_of(), zone=BOGOTA) as other:
            other.crm.change(Ref("crm", "Client", "a1"), custom={"tier": "gold"})
            run(other)
            (ticket,) = other.helpdesk.holds("Ticket")
            assert ticket.due_at == datetime(2026, 11, 20, 14, 30, tzinfo=timezone.utc)

    def test_without_a_policy_the_rule_says_when(self, office):
        """Two working days on the calendar of the rule; without anything 48 hours."""
        rules = {**RULES, "within": "2 working days", "calendar": "office"}
        run(office, rules=rules, sla={"calendars": SLA["calendars"]})
        (ticket,) = office.helpdesk.holds("Ticket")
        assert ticket.due_at == datetime(2026, 11, 24, 5, tzinfo=timezone.utc)
        with rig(forms_of(answer()), crm_of(), desk_of(), devops_of(), zone=BOGOTA) as other:
            run(other, rules={}, sla={})
            (ticket,) = other.helpdesk.holds("Ticket")
            assert (ticket.due_at - ANSWERED).total_seconds() == 48 * 3600

    @pytest.mark.parametrize("system", ["crm", "helpdesk", "devops"])
    @pytest.mark.parametrize("fate", [lost_before, lost_after])
    def test_a_lost_answer_of_any_system(self, office, system, fate):
        """Whatever the line does, there is one of each in the end."""
        office.systems[system].answers.append(fate)
        run(office)
        office.clock.advance(500)
        run(office)
        assert len(office.helpdesk.holds("Ticket")) == len(office.devops.holds("WorkItem")) == 1
        assert "Elemento de trabajo" in office.helpdesk.holds("Ticket")[0].description

    def test_an_item_that_has_the_reference_is_taken_over(self, office):
        """An item that an earlier installation made is not made again."""
        office.engine.run(chain()[:3])
        (survey,) = office.crm.holds("Survey")
        office.devops.put(WorkItem(title="Ya está", external_ref=f"detractor:{survey.ref.id}"))
        run(office)
        assert len(office.devops.holds("WorkItem")) == 1


class TestWho:
    @pytest.mark.parametrize(
        ("values", "is_one"),
        [
            ({"nps": 6}, True),
            ({"nps": 7}, False),
            ({"nps": None, "csat": 2}, True),
            ({"nps": None, "csat": 3}, False),
            ({"nps": 9, "csat": 1}, True),
            ({"nps": None}, False),
            ({"nps": 0, "flags": ("fast", "straight-line"), "weight": "0.25"}, True),
        ],
    )
    def test_by_the_usual_limits(self, values, is_one):
        """NPS up to 6 or CSAT up to 2, unreliable ones too."""
        with rig(forms_of(answer(**values)), crm_of(), desk_of(), devops_of(), zone=BOGOTA) as office:
            run(office)
            assert len(office.helpdesk.holds("Ticket")) == len(office.devops.holds("WorkItem")) == is_one

    def test_an_unreliable_one_is_marked(self):
        """The flags stand in the text, with the words that it is followed up all the same."""
        with rig(forms_of(answer(flags=("fast", "duplicate"))), crm_of(), desk_of(), devops_of()) as office:
            run(office)
            (ticket,) = office.helpdesk.holds("Ticket")
            assert "Respuesta dudosa: fast, duplicate (no confiable; se atiende igual)" in ticket.description

    @pytest.mark.parametrize(
        "rules",
        [
            {"nps": False, "words": ["CANCELAR el contrato"]},
            {"nps": False, "questions": {"¿cumplimos": 2}},
            {"nps": False, "ces": 3},
        ],
    )
    def test_by_a_rule_of_ones_own(self, rules):
        """Words, questions and effort open a follow-up where the rule says so."""
        bad = answer(
            nps=9,
            ces=3,
            comment="Vamos a cancelar  el contrato",
            answers=[{"question": "¿Cumplimos los plazos?", "value": 2}],
        )
        with rig(forms_of(bad), crm_of(), desk_of(), devops_of()) as office:
            run(office, rules=rules)
            assert len(office.helpdesk.holds("Ticket")) == 1
        with rig(forms_of(bad), crm_of(), desk_of(), devops_of()) as office:
            run(office, rules={})
            assert office.helpdesk.holds("Ticket") == []

    def test_other_questionnaires(self):
        """Only the named forms count."""
        with rig(forms_of(answer()), crm_of(), desk_of(), devops_of()) as office:
            run(office, rules={"questionnaires": ["F2"]})
            assert office.helpdesk.holds("Ticket") == []

    def test_answers_from_before_the_start(self):
        """A start date leaves old answers alone."""
        flow = detractors(starts=date(2026, 11, 20))
        with rig(forms_of(answer()), crm_of(), desk_of(), devops_of()) as office:
            office.engine.run([*chain()[:2], flow])
            assert office.helpdesk.holds("Ticket") == []


class TestOwner:
    def test_by_code_when_the_help_desk_has_no_mail(self):
        """The code of the user finds the person."""
        with rig(forms_of(answer()), crm_of(), desk_of(), devops_of()) as office:
            office.helpdesk.change(Ref("helpdesk", "Employee", "pe1"), email=None)
            run(office)
            assert office.helpdesk.holds("Ticket")[0].assignee == "pe1"

    def test_one_of_two_is_never_chosen(self):
        """Two people with one mail: the rule says who gets it."""
        twin = Employee(ref=Ref("helpdesk", "Employee", "pe2"), code="E9", name="X", email="olga@periferia.example")
        with rig(forms_of(answer()), crm_of(), desk_of(twin), devops_of()) as office:
            office.helpdesk.change(Ref("helpdesk", "Employee", "pe1"), code="E8")
            run(office, rules={**RULES, "assignee": "mesa", "group": "Help Care"})
            (ticket,) = office.helpdesk.holds("Ticket")
            assert (ticket.assignee, ticket.group) == ("mesa", "Help Care")


class TestLater:
    def test_what_people_change_stays(self, office):
        """Priority, assignee and due time belong to the help desk once the ticket is open."""
        run(office)
        (ticket,) = office.helpdesk.holds("Ticket")
        office.helpdesk.change(ticket.ref, priority="critical", assignee="pe9")
        office.forms.change(Ref("forms", "Survey", "r1"), nps=1, comment="Peor aún")
        run(office)
        (ticket,) = office.helpdesk.holds("Ticket")
        assert (ticket.priority, ticket.assignee) == ("critical", "pe9")
        assert "Comentario: Peor aún" in ticket.description

    def test_a_good_answer_later_closes_nothing(self, office):
        """An answer that is edited into a good one leaves ticket and item as they are."""
        run(office)
        office.forms.change(Ref("forms", "Survey", "r1"), nps=10)
        run(office)
        assert len(office.helpdesk.holds("Ticket")) == len(office.devops.holds("WorkItem")) == 1

    def test_a_client_that_appears_later_is_filled_in(self):
        """A ticket waits for no client of the help desk; it gets it when it is there."""
        empty = desk_of()
        empty.drop(Ref("helpdesk", "Client", "cl1"))
        with rig(forms_of(answer()), crm_of(), empty, devops_of()) as office:
            run(office)
            assert office.helpdesk.holds("Ticket")[0].client is None
            acme = office.crm.holds("Client")[0]
            ref = office.helpdesk.put(Client(ref=Ref("helpdesk", "Client", "cl7"), name="A", tax_id=acme.tax_id))
            run(office)
            assert office.helpdesk.holds("Ticket")[0].client == ref

    def test_a_ticket_of_people_is_no_concern(self):
        """Tickets that people open are not told to the CRM as follow-ups."""
        with rig(forms_of(), crm_of(), desk_of(Ticket(title="x")), devops_of(WorkItem(title="y"))) as office:
            run(office)
            assert office.crm.holds("Survey") == []


class TestRules:
    @pytest.mark.parametrize(
        ("table", "message", "hint"),
        [
            ({"nsp": 3}, r"periferia.toml \[detractors\] nsp: unknown key", "did you mean nps"),
            ({"nps": 11}, r"\[detractors\] nps", "largest mark"),
            ({"within": "soon"}, r"\[detractors\] within: is no duration", "48h"),
            ({"work": {"priority": 9}}, r"work.priority", "1 is the most urgent"),
            ({"work": {"kind": "Bug"}}, r"work.kind: unknown key", "known are type"),
            ({"ask_again": {"hour": 25}}, r"ask_again.hour", "hour of the day"),
            ({"addresses": {"crm": "http://x/{id}"}}, r"addresses: needs addresses", "by role"),
            ({"words": [" "]}, "needs words", "cancelar"),
            ({"calendar": "office"}, "there is no calendar office", "sla.calendars.office"),
        ],
    )
    def test_mistakes_name_the_place_and_the_next_step(self, table, message, hint):
        """Whoever wrote the file can correct it."""
        with pytest.raises(ConfigurationError, match=message) as caught:
            detractors(detractors=table)
        assert hint in (caught.value.hint or "")
