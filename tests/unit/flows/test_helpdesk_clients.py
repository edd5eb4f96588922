"""Clients of the help desk: which account each of them is."""

from __future__ import annotations

from periferia_link.domain import TaxId
from periferia_link.engine import Ask
from small_company import nit, rig
from ticket_company import (
    ACCOUNT,
    ACME,
    ANDINA,
    CLIENTS,
    DESK_CLIENT,
    account,
    context_of,
    crm_of,
    desk_client,
    desk_of,
)


def linked(here, ref=DESK_CLIENT):
    """Return the account that a client is linked to."""
    return here.ledger.links.twin(ref, "crm", "Client")


class TestQuestions:
    """What a person must say."""

    def test_a_wrong_check_digit(self):
        """Asked, with the reason; the number stands nowhere."""
        found = CLIENTS.project(desk_client(tax_id=TaxId.parse("900123456-1")), context_of(CLIENTS))
        assert (Ask, True) == (type(found), "900123456" not in found.reason)

    def test_one_name_and_no_tax_id(self):
        """Equal names prove nothing: a review."""
        with rig(desk_of(desk_client(tax_id=None)), crm_of(account())) as here:
            assert (1, []) == (here.run(CLIENTS).review, linked(here))

    def test_a_tax_id_that_stands_twice(self):
        """Both accounts are named; what the person says is done."""
        with rig(desk_of(desk_client()), crm_of(account("a1"), account("a2"))) as here:
            assert 1 == here.run(CLIENTS).review
            (question,) = here.ledger.reviews()
            assert {"a1", "a2"} == set(question.candidates)
            here.verdict(CLIENTS, "cl1", "link:a1")
            here.run(CLIENTS)
            assert [ACCOUNT] == linked(here)

    def test_a_person_cannot_have_one_created(self):
        """Accounts are entered in the CRM: it stays parked and says so."""
        with rig(desk_of(desk_client()), crm_of(account("a1"), account("a2"))) as here:
            here.run(CLIENTS)
            here.verdict(CLIENTS, "cl1", "create")
            assert 1 == here.run(CLIENTS).parked
            assert [] == here.crm.sent


class TestLinks:
    """By tax id."""

    def test_linked_and_nothing_written(self):
        """With or without check digit; the second run has nothing to do."""
        with rig(desk_of(desk_client(name="Otro nombre", tax_id=nit(900_123_456))), crm_of(account())) as here:
            assert (1, 0) == (here.run(CLIENTS).adopted, here.run(CLIENTS).adopted)
            assert ([ACCOUNT], [], []) == (linked(here), here.crm.sent, here.helpdesk.sent)

    def test_two_clients_of_one_account(self):
        """The help desk has it twice under one name: both are that account."""
        with rig(desk_of(desk_client("cl1"), desk_client("cl2")), crm_of(account(name="Acme"))) as here:
            here.run(CLIENTS)
            here.run(CLIENTS)
            assert [ACCOUNT] == linked(here, DESK_CLIENT._replace(id="cl2"))

    def test_an_unknown_client_waits(self):
        """Parked with what to do, tried again by itself, linked when the account is there."""
        with rig(desk_of(desk_client(tax_id=ANDINA)), crm_of(account())) as here:
            assert 1 == here.run(CLIENTS).parked
            (parked,) = here.ledger.parked()
            assert "no Client of crm has its tax_id or name" == parked.reason
            assert "add it in crm" in parked.next_step
            here.crm.put(account("a9", name="Andina", tax_id=ANDINA))
            here.clock.advance(3600)
            assert 1 == here.run(CLIENTS).adopted
            assert (0, []) == (len(list(here.ledger.parked())), here.crm.sent)

    def test_renamed_on_either_side(self):
        """The link stays, and no name travels: neither side owns the other's."""
        with rig(desk_of(desk_client()), crm_of(account())) as here:
            here.run(CLIENTS)
            here.helpdesk.put(desk_client(name="Acme Colombia", tax_id=ACME))
            here.crm.put(account(name="ACME COLOMBIA S.A.S."))
            assert 0 == here.run(CLIENTS).updated
            assert [] == here.crm.sent
