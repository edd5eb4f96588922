"""Writes to Dynamics 365 as the emulated environment stores them."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest

from dataverse_calls import Crm
from periferia_link.connectors.base import Applied, Unknown, Write
from periferia_link.domain import Client, Money, Opportunity, Ref
from periferia_link.errors import (
    RecordConflictError,
    RecordNotFoundError,
)

KEY = "8c98b2a1-7f2f-4a55-9f0e-1d7e0c5b6a10"
OTHER = "4026be43-6b69-4111-8f65-78e7d1620f5e"


def create(key=KEY, **values):
    entity = Client(**{"name": "Andes"} | values)
    return Write(key, "create", None, entity, frozenset(entity.model_fields_set))


def update(key=KEY, version='W/"7"', **values):
    ref = Ref("crm", "Client", key)
    entity = Client(**{"name": "Andes", "ref": ref} | values)
    return Write(str(uuid.uuid4()), "update", ref, entity, frozenset(values) or frozenset({"name"}), version)


def delete(key=KEY, version=None):
    return Write(str(uuid.uuid4()), "delete", Ref("crm", "Client", key), if_version=version)


class TestOverTheEmulator:
    def test_a_lost_create_is_found_again(self):
        """The answer is lost after the commit: unknown; the second attempt is refused, the read-back finds one."""
        crm = Crm()
        crm.fault("reset", path="*/accounts*", method="PATCH", when="after")
        (first,) = crm.connector.write("Client", [create()])
        (second,) = crm.connector.write("Client", [create()])
        assert [Unknown, Unknown] == [type(first), type(second)]
        assert [KEY] == [row.match for row in crm.connector.find("Client", "create_key", [KEY])]
        assert 1 == len(crm.emulator.books["accounts"])

    def test_a_taken_key(self):
        """An alternate key that another record holds is a conflict, whatever the id."""
        crm = Crm()
        crm.emulator.add_alternate_key("account", "accountnumber")
        crm.connector.write("Client", [create(OTHER, code="A-1")])
        (outcome,) = crm.connector.write("Client", [create(code="A-1")])
        assert isinstance(outcome.error, RecordConflictError)
        assert [OTHER] == list(crm.emulator.books["accounts"])

    @pytest.mark.parametrize("empty_codes", [False, True])
    def test_stale_and_gone(self, empty_codes):
        """An outdated version and a deleted record are told apart, with codes and without."""
        crm = Crm()
        crm.emulator.empty_codes = empty_codes
        crm.connector.write("Client", [create()])
        (stale,) = crm.connector.write("Client", [update(version='W/"1"')])
        crm.emulator.remove("accounts", KEY, crm.clock)
        (gone,) = crm.connector.write("Client", [update(version=None)])
        assert isinstance(stale.error, RecordConflictError)
        assert isinstance(gone.error, RecordNotFoundError)

    def test_a_batch_of_everything(self):
        """Creates, an opportunity with its client, states: one request, all applied."""
        crm = Crm()
        crm.connector.write("Client", [create()])
        deals = [
            Opportunity(name=f"D{n}", state=state, client=Ref("crm", "Client", KEY), value=Money.of("10.25", "COP"))
            for n, state in enumerate(("open", "won", "lost"))
        ]
        writes = [Write(str(uuid.uuid4()), "create", None, deal, frozenset(deal.model_fields_set)) for deal in deals]
        before = len(crm.emulator.log)
        outcomes = crm.connector.write("Opportunity", writes)
        assert [Applied] * 3 == [type(outcome) for outcome in outcomes]
        assert before + 1 == len(crm.emulator.log)
        read = crm.connector.get("Opportunity", [outcome.ref.id for outcome in outcomes])
        found = [crm.connector.decode("Opportunity", row) for row in read]
        assert ["open", "won", "lost"] == [deal.state for deal in found]
        assert {Decimal("10.25")} == {deal.value.amount for deal in found}
        assert {Ref("crm", "Client", KEY)} == {deal.client for deal in found}

    def test_plug_ins_see_the_tag(self):
        """Every operation carries the tag, alone and in a batch."""
        crm = Crm()
        crm.connector.write("Client", [create()])
        crm.connector.write("Client", [update(), update(OTHER)])
        assert "tag=periferia-link" in crm.sent("PATCH")[0]

    def test_save_and_remove_for_scripts(self):
        """The comfort of the base class works on it."""
        crm = Crm()
        ref = crm.connector.save(Client(name="Andes"), create_key=KEY)
        crm.connector.save(Client(name="Andes II", ref=ref))
        assert ["Andes II"] == [client.name for client in crm.connector.each("Client")]
        crm.connector.remove(ref)
        crm.connector.remove(ref)
        assert [] == list(crm.connector.each("Client"))
