"""Timeline: one note on the case for each step of the ticket."""

from __future__ import annotations

import pytest

from periferia_link.domain import Ref
from periferia_link.engine import Skip
from periferia_link.flows import ticket_timeline
from small_company import lost_after, rig
from ticket_company import (
    CHAIN,
    CLIENTS,
    HISTORY,
    OPENED,
    TICKETS,
    TIMELINE,
    account,
    context_of,
    crm_of,
    desk_client,
    desk_of,
    erp_of,
    step,
    ticket,
)

CASE = Ref("crm", "Ticket", "k1")
LINKS = {Ref("helpdesk", "Ticket", "tk1"): CASE}


def notes(*events, flow=TIMELINE):
    """Return the notes of a ticket with these events."""
    return flow.project(ticket(events=events), context_of(flow, LINKS))


def lines(*events, flow=TIMELINE):
    """Return the lines of the last note, without its time."""
    return notes(*events, flow=flow)[-1].text.splitlines()[1:]


class TestSteps:
    """What one person did at one moment."""

    def test_a_note_a_step(self):
        """In order of time, on the case, with the moment of each in the company's zone."""
        found = notes(*reversed(HISTORY))
        assert [CASE, CASE] == [note.regarding for note in found]
        assert [event.at for event in HISTORY] == [note.happened_at for note in found]
        assert ["2026-11-02 09:00", "2026-11-02 09:05"] == [note.text.splitlines()[0] for note in found]

    def test_several_changes_are_one_step(self):
        """Same person, same moment."""
        one = (step(0, status="new"), step(0, group="Mesa 1", id="b"), step(0, priority="high", id="c"))
        (note,) = notes(*one)
        assert ["Estado: Nuevo", "Grupo: Mesa 1", "Prioridad: Alta"] == note.text.splitlines()[1:]

    def test_two_people_at_one_moment(self):
        """Are two steps."""
        assert 2 == len(notes(step(0, status="new", actor="E1"), step(0, note="Hola", actor="E2")))

    def test_what_did_not_change_is_not_told(self):
        """Group and person stand in every event; a note tells them when they change."""
        assert ["Prioridad: Baja"] == lines(step(0, group="Mesa 1"), step(1, group="Mesa 1", priority="low"))

    def test_a_step_that_changed_nothing_that_people_see(self):
        """Is told as such: the history has no holes."""
        assert "Actualización" == notes(step(0, status="new"), step(1, status="new"))[-1].subject


class TestWords:
    """People read them."""

    def test_a_reopening(self):
        """Is called by its name."""
        events = (step(0, status="closed"), step(1, status="in_progress"))
        assert "Reabierto: En curso" == notes(*events)[-1].subject
        assert "Reopened: In progress" == notes(*events, flow=ticket_timeline(language="en"))[-1].subject

    def test_people_by_name(self):
        """Who acts and who holds it."""
        assert ["Asignado a: Persona E1", "Por: Persona E2"] == lines(step(0, assignee="E1", actor="E2"))

    def test_without_a_list_of_people(self):
        """Ids stand as they are."""
        flow = ticket_timeline(people=False)
        assert ({}, ["Por: E2"]) == (flow.lookups, lines(step(0, status="new", actor="E2"), flow=flow)[1:])

    @pytest.mark.parametrize(
        ("reply", "subject"),
        [("agent", "Respuesta al cliente"), ("customer", "Mensaje del cliente"), (None, "Nota interna")],
    )
    def test_messages(self, reply, subject):
        """Who wrote to whom, and what."""
        note = notes(step(0, reply=reply, note="Ya puede entrar.\nGracias."))[0]
        assert (subject, [f"{subject}:", "Ya puede entrar.", "Gracias."]) == (note.subject, note.text.splitlines()[1:])

    def test_a_long_subject_is_cut(self):
        """500 characters; the text has the whole."""
        note = notes(step(0, group="x" * 190, status="new", priority="low"))[0]
        assert len(note.subject) <= 500


class TestWhichTickets:
    """Not every one has a timeline."""

    def test_without_history(self):
        """The help desk serves none."""
        assert Skip("the help desk serves no history") == notes()

    def test_types_that_are_no_cases(self):
        """As in the flow of the cases."""
        assert isinstance(TIMELINE.project(ticket(type="allocation"), context_of(TIMELINE, LINKS)), Skip)


def world(*tickets):
    """Return a help desk, a CRM and an ERP."""
    return desk_of(desk_client(), *tickets), crm_of(account()), erp_of()


def told(here):
    """Return what stands on the timelines: (case, time, subject), sorted."""
    return sorted((note.regarding.id, note.happened_at, note.subject) for note in here.crm.holds("Interaction"))


class TestRuns:
    """From one memory to another."""

    def test_complete_and_once(self):
        """Every step of every ticket; the second run writes nothing."""
        with rig(*world(ticket("tk1"), ticket("tk2"))) as here:
            here.engine.run(CHAIN)
            assert 4 == len(told(here))
            here.crm.sent.clear()
            here.engine.run(CHAIN)
            assert ([], 4) == (here.crm.sent, len(told(here)))

    def test_its_own_notes_are_no_reason_to_look_again(self):
        """Each ticket is looked at once a run: what is linked to it meanwhile changes nothing."""
        with rig(*world(ticket("tk1"), ticket("tk2"))) as here:
            here.run(CLIENTS)
            here.run(TICKETS)
            assert (4, 0) == ((report := here.run(TIMELINE)).created, report.unchanged)

    def test_history_grows(self):
        """A new step is one new note; the others are not touched."""
        with rig(*world(ticket())) as here:
            here.engine.run(CHAIN)
            here.crm.sent.clear()
            here.helpdesk.put(ticket(events=(*HISTORY, step(60, status="closed", actor="E1")), status="closed"))
            here.engine.run(CHAIN)
            assert [("update", "Ticket"), ("create", "Interaction")] == [
                (write.mode, type(write.entity).__name__) for request in here.crm.sent for write in request
            ]
            assert (OPENED, 3) == (told(here)[0][1], len(told(here)))

    def test_it_waits_for_its_case(self):
        """Notes come after the case, never before it."""
        with rig(*world(ticket())) as here:
            here.run(TIMELINE)
            assert [] == told(here)
            for flow in (CLIENTS, TICKETS, TIMELINE):
                here.run(flow)
            assert 2 == len(told(here))

    def test_a_lost_answer_doubles_no_note(self):
        """Read back first."""
        with rig(*world(ticket("tk1"), ticket("tk2"))) as here:
            here.run(CLIENTS)
            here.run(TICKETS)
            here.crm.answers = [lost_after]
            here.run(TIMELINE)
            here.clock.advance(3600)
            here.run(TIMELINE)
            assert 4 == len(told(here))
