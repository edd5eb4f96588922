"""The key of one effect: for ever the same, and of that effect only."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from periferia_link.domain import Client, Ref
from periferia_link.engine._session import create_key
from small_company import Awkward, client, client_flow, crm_of, erp_of, lost_before, rig

NAMESPACE = uuid.UUID("6f6f7d1a-6d0c-5a57-9a57-3a2f6f5d4c21")


def keys(here):
    """Return the create keys that reached the ERP."""
    return [write.create_key for writes in here.erp.sent for write in writes]


def run(flow, crm=None, erp=None):
    """Run over fresh systems and a fresh ledger; return the keys."""
    with rig(crm or crm_of([client(1), client(2)]), erp or erp_of()) as here:
        here.engine.run(flow)
        return keys(here)


class TestValue:
    """What it is made of."""

    @given(st.text(), st.text(), st.text())
    def test_it_is_a_name_based_uuid(self, edge, key, part):
        """The standard construction, so that anybody can compute it again."""
        assert str(uuid.uuid5(NAMESPACE, f"{edge}|{key}|{part}")) == create_key(edge, key, part)

    def test_it_never_changes(self):
        """Ledgers are rebuilt from the markers in the targets: this value is a promise."""
        edge = "clients|memory-crm|memory-erp|Client>Client"
        wanted = str(uuid.uuid5(NAMESPACE, f"{edge}|c001|"))
        assert [wanted] == run(client_flow(), crm_of([client(1)]))

    def test_a_fresh_ledger_makes_the_same_keys(self):
        """A ledger that was lost leads to the same records."""
        assert run(client_flow()) == run(client_flow())


class TestWhatItHolds:
    """Neither version nor value; flow, both installations, record and part."""

    def test_values_do_not_count(self):
        """Another name, the same creation."""
        assert run(client_flow(), crm_of([client(1)])) == run(client_flow(), crm_of([client(1, name="Otro")]))

    def test_the_version_of_the_mapping_does_not_count(self):
        """A new mapping is no new effect."""
        assert run(client_flow()) == run(client_flow(version=7))

    def test_records_count(self):
        """Two records, two keys."""
        assert 2 == len(set(run(client_flow())))

    def test_flows_count(self):
        """Two flows may make two things of one record."""
        assert not set(run(client_flow())) & set(run(client_flow(name="others")))

    def test_installations_count(self):
        """A test system and production are told apart, on both sides."""
        usual = set(run(client_flow()))
        other_source = run(client_flow(), crm_of([client(1), client(2)], system_id="crm-test"))
        other_target = run(client_flow(), erp=erp_of(system_id="erp-test"))
        assert (set(), set()) == (usual & set(other_source), usual & set(other_target))

    def test_the_instance_name_does_not_count(self):
        """It is a name of the configuration; the installation is what it was."""
        renamed = Awkward("sales", [Client], [client(1), client(2)], system_id="memory-crm")
        assert run(client_flow()) == run(client_flow(source=("sales", "Client")), renamed)

    def test_parts_count(self):
        """Each of several things made of one record has its own."""
        flow = client_flow(project=lambda one, context: [Client(name="A"), Client(name="B")])
        assert 4 == len(set(run(flow)))

    def test_a_part_is_no_other_record(self):
        """Keys that contain separators do not collide."""
        crm = crm_of([client(1, id="a"), client(2, id="a|0"), client(3, id="a\x1f0")])
        flow = client_flow(project=lambda one, context: [Client(name="A"), Client(name="B")])
        assert 6 == len(set(run(flow, crm)))


class TestUse:
    """It is what makes an effect one effect."""

    def test_a_second_attempt_with_newer_values(self):
        """The create was lost, the record changed: the same key again."""
        with rig(crm_of([client(1)]), erp_of()) as here:
            here.erp.answers = [lost_before] * 3
            here.run(client_flow())
            here.crm.change(Ref("crm", "Client", "c001"), name="Nuevo")
            here.clock.advance(86_400)
            here.run(client_flow())
            assert (1, ["Nuevo"]) == (len(set(keys(here))), [one.name for one in here.erp.holds("Client")])

    def test_updates_have_the_key_of_their_record(self):
        """The marker of the target record stays what it was."""
        with rig(crm_of([client(1)]), erp_of()) as here:
            here.run(client_flow())
            here.crm.change(Ref("crm", "Client", "c001"), name="Nuevo")
            here.run(client_flow())
            assert 1 == len(set(keys(here)))

    def test_a_lost_ledger(self):
        """With a key that the server enforces, a second first run makes nothing twice."""
        crm, erp = crm_of([client(1), client(2)]), erp_of()
        for _ in range(2):
            with rig(crm, erp) as here:
                here.run(client_flow())
        assert 2 == len(erp.holds("Client"))
