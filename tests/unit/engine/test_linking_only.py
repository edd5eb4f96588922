"""Flows that create nothing, and edges that no field says."""

from __future__ import annotations

import pytest

from periferia_link.domain import Ref
from periferia_link.engine import MatchKey, Skip
from periferia_link.errors import ConfigurationError
from small_company import client, client_flow, copy_client, crm_of, erp_of, names, nit, rig

ACME = nit(900_123_456)
KEYS = (MatchKey("tax_id", lambda one: one.tax_id.number if one.tax_id is not None else None),)
LINKING = client_flow(match=KEYS, creates=False)


class TestCreatesNothing:
    """``creates=False``."""

    def test_it_needs_something_to_match_by(self):
        """A declaration without it could only park."""
        with pytest.raises(ConfigurationError, match="match by"):
            client_flow(creates=False)

    def test_an_unmatched_record_is_parked(self):
        """In plan and run alike; nothing is sent."""
        with rig(crm_of([client(1, tax_id=ACME)]), erp_of()) as here:
            assert (1, 0) == ((plan := here.engine.plan(LINKING)).reports["clients"].parked, len(plan))
            assert (1, 0, []) == ((report := here.run(LINKING)).parked, report.created, here.erp.sent)

    def test_a_record_without_keys(self):
        """Is parked, and says that it has none."""
        with rig(crm_of([client(1)]), erp_of()) as here:
            here.run(LINKING)
            assert ["it has nothing to be recognised by"] == [one.reason for one in here.ledger.parked()]

    def test_a_match_is_linked_and_then_follows(self):
        """What is linked is written like in any flow."""
        with rig(crm_of([client(1, tax_id=ACME)]), erp_of([client(7, id="B1", tax_id=ACME)])) as here:
            assert 1 == here.run(LINKING).adopted
            here.crm.put(client(1, tax_id=ACME, name="Otro nombre"))
            assert 1 == here.run(LINKING).updated
            assert ["Otro nombre"] == names(here.erp)

    def test_flows_create_by_default(self):
        """Only those that say so do not."""
        with rig(crm_of([client(1, tax_id=ACME)]), erp_of()) as here:
            assert 1 == here.run(client_flow(match=KEYS)).created


class TestRelated:
    """``context.relate``."""

    def test_an_edge_for_the_trace(self):
        """From the record to what it belongs to, from both ends; told once however often the record changes."""
        there = Ref("erp", "Project", "P1")

        def project(one, context):
            context.relate("project", there)
            return copy_client(one)

        with rig(crm_of([client(1)]), erp_of()) as here:
            flow = client_flow(project=project)
            here.run(flow)
            here.crm.put(client(1, city="Cali"))
            here.run(flow)
            mine = Ref("crm", "Client", "c001")
            assert [(mine, "project", there)] == here.ledger.links.edges_of(mine) == here.ledger.links.edges_of(there)

    def test_a_skipped_record_keeps_its_edge(self):
        """It is not written, and still belongs there."""

        def project(one, context):
            context.relate("project", Ref("erp", "Project", one.city))
            return Skip("not ours")

        with rig(crm_of([client(1, city="P1"), client(2, city="P2")]), erp_of()) as here:
            here.run(client_flow(project=project))
            for key, code in (("c001", "P1"), ("c002", "P2")):
                mine = Ref("crm", "Client", key)
                assert [(mine, "project", Ref("erp", "Project", code))] == here.ledger.links.edges_of(mine)

    def test_what_a_failed_projection_related_goes_to_no_other_record(self):
        """The next record begins with nothing."""

        def project(one, context):
            if one.ref.id == "c001":
                context.relate("project", Ref("erp", "Project", "P1"))
                raise ValueError
            return copy_client(one)

        with rig(crm_of([client(1), client(2)]), erp_of()) as here:
            here.run(client_flow(project=project))
            assert [] == here.ledger.links.edges_of(Ref("crm", "Client", "c002"))

    def test_it_follows_the_record(self):
        """A record that belongs elsewhere now has left the other place; what another flow related stays."""

        def project(one, context):
            context.relate("project", Ref("erp", "Project", one.city))
            return copy_client(one)

        def other(one, context):
            context.relate("team", Ref("erp", "Project", "T1"))
            return Skip("read only")

        with rig(crm_of([client(1, city="P1")]), erp_of()) as here:
            flow, second = client_flow(project=project), client_flow(project=other, name="second")
            mine = Ref("crm", "Client", "c001")
            for city in ("P1", "P2"):
                here.crm.put(client(1, city=city))
                here.run(flow)
                here.run(second)
                assert {
                    (mine, "project", Ref("erp", "Project", city)),
                    (mine, "team", Ref("erp", "Project", "T1")),
                } == set(here.ledger.links.edges_of(mine))
