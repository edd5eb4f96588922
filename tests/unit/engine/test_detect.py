"""Change detection: versions where they can be believed, bytes otherwise, entities only for what is left."""

from __future__ import annotations

import json
from datetime import date

import pytest

from periferia_link.connectors.base import Row
from periferia_link.domain import Client, Ref
from periferia_link.engine import Ceilings, MatchKey
from periferia_link.engine._detect import SeenKeys, raw_digest
from small_company import (
    booked,
    books_of,
    client,
    client_flow,
    crm_of,
    employee,
    entry,
    erp_of,
    helpdesk_of,
    labour_flow,
    names,
    rig,
)

ONE = Ref("crm", "Client", "c001")
UNSURE = {"version_covers_fields": False}


def shown(change):
    """Return a listing in which every row is changed by *change*."""
    return lambda kind, since, pages: [page._replace(rows=[change(row) for row in page.rows]) for page in pages]


def over(count=3, **options):
    """Return a rig over a CRM whose versions do not vouch for every field."""
    crm = crm_of(map(client, range(count)), feed="scan", abilities=UNSURE | options.pop("abilities", {}), **options)
    return rig(crm, erp_of())


def watched(here):
    """Count how often a row becomes an entity."""
    decoded = []
    decode = here.crm.decode
    here.crm.decode = lambda kind, row: decoded.append(row.key) or decode(kind, row)
    return decoded


class TestVersions:
    """A system whose row version covers every selected field."""

    def test_known_versions_are_not_looked_into(self):
        """Not one of a thousand rows becomes an entity."""
        with rig(crm_of(map(client, range(1_000)), feed="scan"), erp_of()) as here:
            here.run(client_flow())
            decoded = watched(here)
            assert (1_000, []) == (here.run(client_flow()).unchanged, decoded)

    def test_only_new_versions_are(self):
        """The one that changed."""
        with rig(crm_of(map(client, range(10)), feed="scan"), erp_of()) as here:
            here.run(client_flow())
            here.crm.change(ONE, city="Cali")
            decoded = watched(here)
            assert (9, 1, ["c001"]) == ((report := here.run(client_flow())).unchanged, report.updated, decoded)

    def test_a_row_without_a_version(self):
        """Nobody vouches for it: it is looked into every time, and written when it changed."""
        with rig(crm_of(map(client, range(3)), feed="scan"), erp_of()) as here:
            here.crm.pages = shown(lambda row: row._replace(version=None))
            here.run(client_flow())
            assert 0 == here.run(client_flow()).writes
            here.crm.change(ONE, city="Cali")
            assert 1 == here.run(client_flow()).updated


class TestBytes:
    """A system whose versions say nothing, or too much."""

    def test_equal_bytes_are_skipped(self):
        """Without making entities of them."""
        with over() as here:
            here.run(client_flow())
            decoded = watched(here)
            assert (3, []) == (here.run(client_flow()).unchanged, decoded)

    def test_an_equal_version_proves_nothing(self):
        """A label was added, the version stayed: the change is seen."""
        with over() as here:
            here.run(client_flow())
            here.crm.pages = shown(
                lambda row: (
                    row._replace(body=row.body.replace("Bogotá".encode(), b"Cali")) if row.key == "c001" else row
                )
            )
            report = here.run(client_flow())
            assert (1, 2) == (report.updated, report.unchanged)

    def test_a_new_version_of_equal_bytes(self):
        """Somebody saved without a change: noted, not written, not looked into again."""
        with over() as here:
            here.run(client_flow())
            here.crm.pages = shown(lambda row: row._replace(version=f"{row.version}-saved"))
            decoded = watched(here)
            assert (3, 0) == ((report := here.run(client_flow())).unchanged, report.writes)
            assert (3, []) == (here.run(client_flow()).unchanged, decoded)

    def test_a_rate_and_a_save_without_change(self):
        """The entry is derived from a rate that changed: that it was saved again meanwhile hides nothing."""
        with rig(helpdesk_of([entry("a")], abilities=UNSURE), books_of()) as here:
            here.run(labour_flow())
            here.erp.put(employee("E1", (date(2020, 1, 1), "60000", "COP")))
            here.helpdesk.put(entry("a"))
            here.run(labour_flow())
            assert {"COP": 480_000} == booked(here.erp)

    def test_a_verdict_and_a_save_without_change(self):
        """What a person decided is carried out."""
        flow = client_flow(match=(MatchKey("name", lambda one: one.name, is_strong=False),))
        partner = Client(ref=Ref("erp", "Client", "B1"), name="Cliente 1")
        with rig(crm_of([client(1)], abilities=UNSURE), erp_of([partner])) as here:
            here.run(flow)
            here.verdict(flow, "c001", "link:B1")
            here.crm.put(client(1))
            assert (1, []) == (here.run(flow).adopted, here.ledger.reviews())

    def test_columns_that_change_by_themselves(self):
        """A counter of views, the time of the answer."""

        def viewed(number):
            def change(row):
                return row._replace(body=json.dumps(json.loads(row.body) | {"custom": {"n": number}}).encode())

            return shown(change)

        with over(abilities={"volatile": frozenset({"custom"})}) as here:
            here.crm.pages = viewed(1)
            here.run(client_flow())
            here.crm.pages = viewed(2)
            assert 3 == here.run(client_flow()).unchanged

    def test_a_change_that_the_flow_does_not_carry(self):
        """Other bytes, the same projection: nothing to write."""
        with over() as here:
            here.run(client_flow())
            here.crm.change(ONE, phone="555")
            assert (0, 3) == ((report := here.run(client_flow())).writes, report.unchanged)

    def test_there_and_back(self):
        """The old bytes come again with a new version."""
        with over() as here:
            here.run(client_flow())
            for city in ("Cali", "Bogotá"):
                here.crm.change(ONE, city=city)
                assert 1 == here.run(client_flow()).updated

    def test_new_and_gone(self):
        """Creates and deletions are found as well."""
        flow = client_flow(on_delete="delete", ceilings=Ceilings(percent=None))
        with over() as here:
            here.run(flow)
            here.crm.put(client(9))
            here.crm.drop(ONE)
            assert (1, 1) == ((report := here.run(flow)).created, report.deleted)
            assert ["Cliente 0", "Cliente 2", "Cliente 9"] == names(here.erp)

    def test_after_a_mapping_change(self):
        """Everything is looked into once."""
        with over() as here:
            here.run(client_flow())
            newer = client_flow(version=2, project=lambda one, context: one.model_copy(update={"city": "Cali"}))
            newer = newer.but(owns=frozenset({"city"}))
            assert 3 == here.engine.apply(here.engine.plan(newer), newer)["clients"].updated
            assert 3 == here.run(newer).unchanged

    def test_adopted_records(self):
        """Their bytes are remembered too."""
        with over() as here:
            here.run(client_flow())
            decoded = watched(here)
            here.run(client_flow())
            assert [] == decoded

    def test_of_look_ups(self):
        """A rate whose version stayed is noticed."""
        with rig(helpdesk_of([entry("a")], abilities=UNSURE), books_of(abilities=UNSURE)) as here:
            here.run(labour_flow())
            rows = here.erp._rows["Employee"]
            number, body = rows["E1"]
            rows["E1"] = (number, body.replace(b"50000", b"60000"))
            here.run(labour_flow())
            assert {"COP": 480_000} == booked(here.erp)


class TestDigests:
    """Sixteen bytes that stand for a row."""

    @pytest.mark.parametrize("volatile", [frozenset(), frozenset({"views"})])
    def test_mappings_in_any_order(self, volatile):
        """A parsed row has no order."""
        one, two = Row("1", None, {"a": 1, "b": [1, 2]}), Row("1", None, {"b": [1, 2], "a": 1})
        assert raw_digest(one, volatile) == raw_digest(two, volatile)

    def test_values_count(self):
        """Also inside, and also their type."""
        bodies = [{"a": 1}, {"a": "1"}, {"a": None}, {"b": 1}, {"a": {"x": 1}}, {"a": {"x": 2}}]
        assert 6 == len({raw_digest(Row("1", None, body), frozenset()) for body in bodies})

    @pytest.mark.parametrize("body", [{"a": 1, "views": 7}, b'{"a": 1, "views": 7}'])
    def test_volatile_columns_do_not(self, body):
        """In bytes as in mappings."""
        other = {"a": 1, "views": 8} if isinstance(body, dict) else b'{"views": 8, "a": 1}'
        volatile = frozenset({"views"})
        assert raw_digest(Row("1", None, body), volatile) == raw_digest(Row("1", None, other), volatile)

    def test_sixteen_bytes(self):
        """Whatever the size of the row."""
        assert {16} == {len(raw_digest(Row("1", None, b"x" * size), frozenset())) for size in (0, 1, 10_000)}


class TestSeenKeys:
    """Which keys a scan listed."""

    def test_membership(self):
        """Each key once; a page that lists one again is told apart."""
        seen = SeenKeys()
        assert (True, False, False) == (seen.add(["a", "b"]), seen.add(["b", "c"]), seen.add(["d", "d"]))
        assert (4, True) == (len(seen.distinct()), hash("a") in seen.distinct())
