"""Tickets and their history: what a client asked for, and everything that happened to it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from periferia_link.domain import Ref, Ticket, TicketEvent

AT = datetime(2026, 11, 2, 14, tzinfo=timezone.utc)
STATES = ["new", "open", "in_progress", "pending_customer", "on_hold", "resolved", "closed", "cancelled"]
ENDED = {"resolved", "closed", "cancelled"}


def lived(*states):
    """Return a ticket that went through these states; ``None`` is an event that touched something else."""
    events = tuple(TicketEvent(at=AT + timedelta(hours=n), status=state) for n, state in enumerate(states))
    return Ticket(title="No abre", events=events)


class TestStates:
    """Neutral words."""

    @pytest.mark.parametrize("status", STATES)
    def test_what_is_open(self, status):
        """Until it is resolved, closed or cancelled."""
        assert (status not in ENDED) == Ticket(title="x", status=status).is_open

    @pytest.mark.parametrize("status", ["Abierto", "CLOSED", "", None])
    def test_other_words_are_refused(self, status):
        """A connector maps them, or says that it cannot."""
        with pytest.raises(ValidationError):
            Ticket(title="x", status=status)

    def test_a_title_is_there(self):
        """Blank is none."""
        with pytest.raises(ValidationError):
            Ticket(title="  ")


class TestReopenings:
    """How often it came back."""

    @pytest.mark.parametrize(
        ("states", "count"),
        [
            ((), 0),
            (("new", "in_progress", "resolved", "closed"), 0),
            (("new", "resolved", "in_progress"), 1),
            (("new", "resolved", None, "in_progress"), 1),
            (("resolved", "open", "closed", "open"), 2),
            (("cancelled", "closed", "new"), 1),
        ],
    )
    def test_counted(self, states, count):
        """From an ended state to one that is not, whatever stands between."""
        assert count == lived(*states).reopenings

    @given(st.lists(st.sampled_from([*STATES, None])))
    def test_never_more_than_ends(self, states):
        """It cannot come back more often than it ended."""
        assert lived(*states).reopenings <= sum(state in ENDED for state in states)


class TestHistory:
    """Events."""

    def test_moments_are_kept_in_utc(self):
        """Whatever the zone of the system."""
        bogota = timezone(timedelta(hours=-5))
        assert AT == TicketEvent(at=datetime(2026, 11, 2, 9, tzinfo=bogota)).at
        with pytest.raises(ValidationError):
            TicketEvent(at=datetime(2026, 11, 2, 9))

    def test_it_goes_through_json_unchanged(self):
        """The ledger keeps it as text."""
        ticket = lived("new", None, "closed")
        assert ticket == Ticket.model_validate_json(ticket.model_dump_json())

    def test_who_wrote_to_whom(self):
        """A message has a side; other sides do not exist."""
        assert "customer" == TicketEvent(at=AT, reply="customer", note="Gracias").reply
        with pytest.raises(ValidationError):
            TicketEvent(at=AT, reply="boss")


class TestTrace:
    """What it points at."""

    def test_references(self):
        """Client, contact and owner; codes are no references."""
        client, owner = Ref("crm", "Client", "1"), Ref("crm", "User", "2")
        ticket = Ticket(title="x", client=client, owner=owner, project="P-1", assignee="E1")
        assert {"client": client, "owner": owner} == ticket.references()

    def test_nothing_personal_is_printed(self):
        """Neither the text nor who asked."""
        told = repr(Ticket(title="Secreto", description="detalle", caller="ana@example.com"))
        assert "Ticket(new)" == told
        assert {"description", "caller", "assignee", "resolver", "events"} == Ticket.personal_fields
