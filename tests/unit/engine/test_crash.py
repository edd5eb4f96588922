"""Connectors that break, systems that go away at the wrong moment, processes that die: the next run finds everything."""

from __future__ import annotations

import pytest

from periferia_link.domain import Ref
from periferia_link.errors import FlowError, UnavailableError
from small_company import client, client_flow, crm_of, erp_of, lost_after, names, rig

ONE = Ref("crm", "Client", "c001")


class Crash(BaseException):
    """The process dies here."""


def marked(clients=(1,), **options):
    """Return systems whose target stores our key and searches it; a request may take 5 s more than its deadline."""
    return rig(crm_of(map(client, clients)), erp_of(guard="marker", abilities={"settle_seconds": 5.0}, **options))


def keyed(clients=(1,), **options):
    """Return systems whose target refuses a second record with one key."""
    return rig(crm_of(map(client, clients)), erp_of(**options))


class TestBrokenConnectors:
    """A connector that does not keep the contract."""

    def test_one_that_raises(self):
        """What it did is not known."""

        def broken(system, kind, writes):
            system.commit(kind, writes)
            raise UnavailableError("the contract says: never raise", system="erp")

        with keyed() as here:
            here.erp.answers = [broken]
            assert 1 == here.run(client_flow()).created
            assert (["Cliente 1"], 1) == (names(here.erp), len(here.erp.sent))

    def test_one_that_miscounts(self):
        """Two outcomes for three writes say nothing."""

        def short(system, kind, writes):
            return system.commit(kind, writes)[:-1]

        with keyed((1, 2, 3)) as here:
            here.erp.answers = [short]
            assert 3 == here.run(client_flow()).created
            assert (3, 1) == (len(names(here.erp)), len(here.erp.sent))


class TestCrash:
    """The process ended between the request and its outcome."""

    @pytest.mark.parametrize("systems", [keyed, marked])
    @pytest.mark.parametrize("commits", [True, False])
    def test_the_next_process_reads_back(self, systems, commits):
        """An intent without outcome is a request of unknown fate: one record, whatever had happened."""

        def crash(system, kind, writes):
            if commits:
                system.commit(kind, writes)
            raise Crash

        with systems((1, 2)) as here:
            here.erp.answers = [crash]
            with pytest.raises(Crash):
                here.run(client_flow())
            here.clock.advance(130)  # the lease of the dead process ends
            report = here.again().run(client_flow())["clients"]

            assert (2, ["Cliente 1", "Cliente 2"]) == (report.created, names(here.erp))
            assert (1 if commits else 2) == len(here.erp.sent)

    def test_a_request_still_under_way_after_the_crash(self):
        """The one who recovers waits as well: the request of the dead process may land."""

        def crash(system, kind, writes):
            system.commit_later(kind, writes, 33.0)
            raise Crash

        with marked() as here:
            here.erp.answers = [crash]
            with pytest.raises(Crash):
                here.run(client_flow())
            with here.ledger.transaction():
                here.ledger.leases.release(here.ledger.leases.held()[0])
            here.clock.advance(1)
            report = here.again().run(client_flow())["clients"]

            assert (1, 1) == (report.created, len(here.erp.sent))
            assert ["Cliente 1"] == [one.name for one in here.erp.held("Client")]

    def test_many_requests_in_flight(self):
        """Each of them is settled, and none is left behind in the ledger."""

        def crash_on_third(writes):
            if len(here.erp.sent) == 3:
                raise Crash

        with keyed(range(12), max_batch=3, parallel=1) as here:
            here.erp.before_write = crash_on_third
            with pytest.raises(Crash):
                here.run(client_flow())
            here.erp.before_write = None
            here.clock.advance(130)
            here.again().run(client_flow())

            stream = here.ledger.stream("clients", "source")
            assert (12, []) == (len(names(here.erp)), here.ledger.operations.inflight(stream))

    def test_the_system_is_down_at_the_read_back(self):
        """The operation stays open; the run says which system stopped."""

        def down(kind, field, values, rows):
            raise UnavailableError("connection refused", system="erp", hint="start it")

        with keyed() as here:
            here.erp.answers = [lost_after]
            here.erp.finds = down
            with pytest.raises(FlowError, match="erp"):
                here.run(client_flow())
            assert 1 == len(here.open_operations(client_flow()))

            here.erp.finds = None
            assert 1 == here.run(client_flow()).created
            assert (1, ["Cliente 1"]) == (len(here.erp.sent), names(here.erp))


class TestApplied:
    """What a read-back found counts like an answer."""

    def test_the_link_is_used_by_the_next_update(self):
        """The id of the record that was found is the target of the next write."""
        with marked() as here:
            here.erp.answers = [lost_after]
            here.run(client_flow())
            [there] = here.erp.holds("Client")
            here.crm.change(ONE, name="Nuevo")
            here.run(client_flow())

            assert there.ref == here.erp.sent[-1][0].ref
