"""Deletions: from a feed or from a completed scan, and what a flow does about them."""

from __future__ import annotations

import pytest

from periferia_link.domain import Client, Ref
from periferia_link.engine import Ceilings
from periferia_link.errors import ExpiredCursorError, FlowError, UnavailableError
from small_company import client, client_flow, crm_of, erp_of, names, refused, rig

ONE = Ref("crm", "Client", "c001")
DELETE = client_flow(on_delete="delete", ceilings=Ceilings(percent=None))
feeds = pytest.mark.parametrize("feed", ["delta", "scan"])


def over(count=3, **options):
    """Return a rig with that many clients in the source."""
    return rig(crm_of(map(client, range(count)), **options), erp_of())


class TestPolicies:
    """What a deletion in the source does."""

    @feeds
    def test_delete(self, feed):
        """The target record goes, once."""
        with over(feed=feed) as here:
            here.run(DELETE)
            here.crm.drop(ONE)
            assert (1, ["Cliente 0", "Cliente 2"]) == (here.run(DELETE).deleted, names(here.erp))
            assert 0 == here.run(DELETE).writes

    @feeds
    def test_ignore(self, feed):
        """The default: the target record stays."""
        with over(feed=feed) as here:
            here.run(client_flow())
            here.crm.drop(ONE)
            assert (0, 3) == (here.run(client_flow()).writes, len(names(here.erp)))
            assert 0 == here.run(client_flow()).writes

    @feeds
    @pytest.mark.parametrize("guard", ["server-key", "marker", "none"])
    def test_ignored_and_restored(self, feed, guard):
        """It comes back as the same record: nothing is created again, its new values arrive."""
        with rig(crm_of([client(1), client(2)], feed=feed), erp_of(guard=guard)) as here:
            here.run(client_flow())
            here.crm.drop(ONE)
            here.run(client_flow())
            here.crm.put(client(1, name="De vuelta"))
            report = here.run(client_flow())
            assert (0, 1, ["Cliente 2", "De vuelta"]) == (report.created, report.updated, names(here.erp))

    @feeds
    @pytest.mark.parametrize("guard", ["server-key", "marker"])
    def test_deleted_and_restored(self, feed, guard):
        """A new record on the other side: the old one is gone."""
        with rig(crm_of([client(1), client(2)], feed=feed), erp_of(guard=guard)) as here:
            here.run(DELETE)
            here.crm.drop(ONE)
            here.run(DELETE)
            here.crm.put(client(1, name="De vuelta"))
            assert (1, ["Cliente 2", "De vuelta"]) == (here.run(DELETE).created, names(here.erp))
            assert 0 == here.run(DELETE).writes

    @feeds
    def test_deleted_and_restored_between_two_runs(self, feed):
        """The same record, with other values."""
        with over(feed=feed) as here:
            here.run(DELETE)
            here.crm.drop(ONE)
            here.crm.put(client(1, name="De vuelta"))
            report = here.run(DELETE)
            assert (0, 0, 1) == (report.created, report.deleted, report.updated)

    def test_never_written(self):
        """A record that was parked, in review or skipped is forgotten with its reasons."""
        with over() as here:
            here.erp.always = refused(where=lambda write: write.entity.name == "Cliente 1")
            here.run(DELETE)
            here.crm.drop(ONE)
            assert (0, []) == (here.run(DELETE).deleted, here.ledger.parked())

    def test_several_made_of_one(self):
        """All of them go."""
        flow = DELETE.but(project=lambda one, context: [Client(name=f"{one.name} {n}") for n in "AB"])
        with over(2) as here:
            here.run(flow)
            here.crm.drop(ONE)
            assert (2, ["Cliente 0 A", "Cliente 0 B"]) == (here.run(flow).deleted, names(here.erp))

    def test_fewer_made_of_one(self):
        """Those that are left over go; or stay, by policy."""

        def letters(one, context):
            return [Client(name=letter) for letter in one.name]

        for policy, left in (("delete", ["A"]), ("ignore", ["A", "B", "C"])):
            with rig(crm_of([client(1, name="ABC")]), erp_of()) as here:
                flow = client_flow(project=letters, on_delete=policy)
                here.run(flow)
                here.crm.change(ONE, name="A")
                here.run(flow)
                assert left == names(here.erp)
                here.crm.change(ONE, name="ABC")
                here.run(flow)
                assert ["A", "B", "C"] == names(here.erp)

    def test_a_refused_deletion(self):
        """Parked with the reason, tried again later."""
        with over() as here:
            here.run(DELETE)
            here.crm.drop(ONE)
            here.erp.answers = [refused()]
            assert 1 == here.run(DELETE).parked
            assert ["c001"] == [parked.key for parked in here.ledger.parked()]
            here.clock.advance(86_400)
            assert (1, []) == (here.run(DELETE).deleted, here.ledger.parked())

    def test_the_target_changed_since(self):
        """A person worked on the record: read again, then deleted on the version that was seen."""
        with over() as here:
            here.run(DELETE)
            there = next(record.ref for record in here.erp.holds("Client") if record.name == "Cliente 1")
            here.erp.change(there, city="Cali")
            here.crm.drop(ONE)
            assert 1 == here.run(DELETE).deleted
            assert here.erp.sent[-1][0].if_version is not None


class TestScans:
    """Absence proves a deletion only when everything was listed."""

    def cut(self, here, error=None):
        """Let the listing end early."""

        def torn(kind, since, pages):
            yield next(iter(pages))
            if error is not None:
                raise error

        here.crm.pages = torn

    @pytest.mark.parametrize("error", [UnavailableError("down", system="crm"), KeyError("a bug")])
    def test_a_scan_that_was_cut(self, error):
        """Nothing is deleted."""
        with over(4, feed="scan", page_size=2) as here:
            here.run(DELETE)
            self.cut(here, error)
            with pytest.raises((FlowError, KeyError)):
                here.run(DELETE)
            assert 4 == len(names(here.erp))

    def test_a_scan_without_its_last_page(self):
        """Nobody said that this was all."""
        with over(4, feed="scan", page_size=2) as here:
            here.run(DELETE)
            self.cut(here)
            assert (0, 4) == (here.run(DELETE).deleted, len(names(here.erp)))

    def test_a_listing_that_is_no_scan(self):
        """Changes only: what is not among them exists."""
        with over(4, feed="scan") as here:
            here.run(DELETE)
            here.crm.pages = lambda kind, since, pages: [
                page._replace(rows=page.rows[:3], is_scan=False) for page in pages
            ]
            assert (0, 4) == (here.run(DELETE).deleted, len(names(here.erp)))

    def test_keys_in_any_order(self):
        """Servers sort in their own order: membership counts, never the neighbour."""
        with over(12, feed="scan", page_size=5) as here:
            here.run(DELETE)
            here.crm.drop(ONE)
            here.crm.pages = lambda kind, since, pages: [
                page._replace(rows=list(reversed(page.rows))) for page in pages
            ]
            assert (1, 11) == (here.run(DELETE).deleted, len(names(here.erp)))

    def test_more_records_than_a_list_of_keys(self):
        """6,000 known keys, one of them gone."""
        with rig(crm_of(map(client, range(6_000)), feed="scan"), erp_of(max_batch=10_000)) as here:
            here.run(DELETE)
            here.crm.drop(Ref("crm", "Client", "c5555"))
            assert (1, 5_999) == ((report := here.run(DELETE)).deleted, report.unchanged)


class TestDelta:
    """A feed that reports what is gone."""

    def test_of_a_record_that_nobody_knew(self):
        """Created and deleted between two runs: nothing."""
        with over() as here:
            here.run(DELETE)
            here.crm.put(client(9))
            here.crm.drop(Ref("crm", "Client", "c009"))
            assert 0 == here.run(DELETE).writes

    def test_of_a_record_that_lives(self):
        """A feed that lists a record as changed and as deleted contradicts itself: it is asked for."""
        with over() as here:
            here.run(DELETE)
            here.crm.change(ONE, name="Vivo")
            here.crm.pages = lambda kind, since, pages: [page._replace(deleted=["c001"]) for page in pages]
            here.run(DELETE)
            assert ["Cliente 0", "Cliente 2", "Vivo"] == names(here.erp)

    def test_of_a_record_that_is_listed_for_the_first_time(self):
        """The same contradiction about a record that nobody knew: it is asked for, and the page goes on."""
        with over() as here:
            here.crm.pages = lambda kind, since, pages: [page._replace(deleted=["c001"]) for page in pages]
            assert (3, 0) == ((report := here.run(DELETE)).created, report.parked)

    def test_twice(self):
        """Pages may repeat a deletion."""
        with over() as here:
            here.run(DELETE)
            here.crm.drop(ONE)
            here.crm.pages = lambda kind, since, pages: [page._replace(deleted=[*page.deleted] * 2) for page in pages]
            assert (1, 2) == (here.run(DELETE).deleted, len(names(here.erp)))


class TestExpiredCursor:
    """The feed forgot our place."""

    def forget(self, here):
        """Refuse the cursor once."""

        def forgotten(kind, since, pages):
            if since is not None:
                raise ExpiredCursorError("too old", system="crm", hint="read everything")
            return pages

        here.crm.pages = forgotten

    def test_everything_is_read_and_compared(self):
        """Changes and deletions since are found; unchanged records are not written."""
        with over(5) as here:
            here.run(DELETE)
            here.crm.change(ONE, name="Nuevo")
            here.crm.drop(Ref("crm", "Client", "c002"))
            here.crm.put(client(9))
            self.forget(here)
            report = here.run(DELETE)
            assert (1, 1, 1) == (report.created, report.updated, report.deleted)
            assert ["Cliente 0", "Cliente 3", "Cliente 4", "Cliente 9", "Nuevo"] == names(here.erp)
            assert [True] == ["read again" in note for note in report.notes]

    def test_afterwards_the_feed_goes_on(self):
        """With the new cursor."""
        with over(5) as here:
            here.run(DELETE)
            self.forget(here)
            here.run(DELETE)
            here.crm.pages = None
            here.crm.change(ONE, name="Nuevo")
            report = here.run(DELETE)
            assert (1, 0) == (report.updated, report.unchanged)
