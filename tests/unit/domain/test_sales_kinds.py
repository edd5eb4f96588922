"""Contacts, leads, interactions and campaigns: how a client is won and what was said."""

from __future__ import annotations

from datetime import date, datetime, timezone

import pytest
from pydantic import ValidationError

from periferia_link.domain import Campaign, Contact, Interaction, Lead, Money, Ref

CLIENT, SALE = Ref("crm", "Client", "1"), Ref("crm", "Opportunity", "2")
CONTACT, CASE = Ref("crm", "Contact", "3"), Ref("crm", "Ticket", "4")


class TestLead:
    def test_what_it_became(self):
        """Client, contact and opportunity, for the trace."""
        lead = Lead(subject="Mesa de ayuda", state="qualified", client=CLIENT, contact=CONTACT, opportunity=SALE)
        assert {"client": CLIENT, "contact": CONTACT, "opportunity": SALE} == lead.references()

    def test_open_by_itself(self):
        """Nobody has decided anything yet; other states do not exist."""
        assert ("open", {}) == ((lead := Lead(subject="x")).state, lead.references())
        with pytest.raises(ValidationError):
            Lead(subject="x", state="won")

    def test_money_is_exact(self):
        """A float is refused."""
        assert Money.of("12.50", "COP") == Lead(subject="x", value=Money.of("12.5", "COP")).value
        with pytest.raises(ValidationError):
            Lead(subject="x", value={"amount": 12.5, "currency": "COP"})

    def test_who_asked_is_personal(self):
        """Name, mail, phone."""
        assert {"person", "email", "phone"} == Lead.personal_fields


class TestContact:
    def test_of_a_client(self):
        """Active until somebody says that they left."""
        contact = Contact(name="Quien pregunta", client=CLIENT)
        assert ({"client": CLIENT}, True) == (contact.references(), contact.is_active)

    def test_a_name_is_there(self):
        """Blank is none."""
        with pytest.raises(ValidationError):
            Contact(name=" ")

    def test_nothing_personal_is_printed(self):
        """A contact is a person."""
        assert "Contact(crm:Contact:3)" == repr(Contact(ref=CONTACT, name="Ana", email="ana@example.com"))


class TestInteraction:
    def test_it_belongs_to_something(self):
        """A case, a sale, a client; client and contact beside it."""
        note = Interaction(subject="Llamada", channel="phone", regarding=CASE, client=CLIENT, contact=CONTACT)
        assert {"regarding": CASE, "client": CLIENT, "contact": CONTACT} == note.references()

    def test_a_note_that_is_done(self):
        """Without more."""
        note = Interaction(subject="Nota")
        assert ("note", True, None) == (note.channel, note.is_done, note.direction)

    @pytest.mark.parametrize("channel", ["fax", "", "Phone"])
    def test_other_channels_are_refused(self, channel):
        """The map of channels is drawn from them."""
        with pytest.raises(ValidationError):
            Interaction(subject="x", channel=channel)

    def test_the_moment_has_a_zone(self):
        """Kept in UTC."""
        moment = datetime(2026, 11, 2, 14, tzinfo=timezone.utc)
        assert moment == Interaction(subject="x", happened_at=moment).happened_at
        with pytest.raises(ValidationError):
            Interaction(subject="x", happened_at=datetime(2026, 11, 2, 14))


class TestCampaign:
    def test_counts_of_people(self):
        """From none upwards; unknown is not none."""
        campaign = Campaign(name="Boletín", sent=100, opened=0, starts_on=date(2026, 11, 1))
        assert (100, 0, None) == (campaign.sent, campaign.opened, campaign.clicked)
        with pytest.raises(ValidationError):
            Campaign(name="Boletín", clicked=-1)
