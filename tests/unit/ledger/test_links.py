"""Which record is which, what was made from what, what depends on what."""

from __future__ import annotations

import pytest

from periferia_link.domain import Ref
from periferia_link.ledger import PART, SqliteLedger


@pytest.fixture
def ledger():
    """A ledger that forgets everything."""
    with SqliteLedger.open(":memory:") as one:
        yield one


def link(ledger, flow, pairs, *, kinds=("Client", "Client"), systems=("crm", "erp"), relation="same"):
    """Link source keys to targets."""
    stream = ledger.stream(flow, "source")
    ledger.describe(stream, system=systems[0], kind=kinds[0], target_kind=kinds[1], relation=relation)
    with ledger.transaction():
        rows = [
            (stream, key, "1", None, 0, systems[1], target, None, b"{}", None) for key, target in sorted(pairs.items())
        ]
        ledger.records.add(rows)
    return stream


def crm(key, kind="Client"):
    """Return a ref of the CRM."""
    return Ref("crm", kind, key)


def erp(key, kind="Client"):
    """Return a ref of the ERP."""
    return Ref("erp", kind, key)


class TestTwins:
    """The same thing in another system."""

    def test_in_both_directions(self, ledger):
        """A link is read from both ends."""
        link(ledger, "clients", {"1": "B1"})
        assert [erp("B1")] == ledger.links.twin(crm("1"), "erp", "Client")
        assert [crm("1")] == ledger.links.twin(erp("B1"), "crm", "Client")

    def test_not_linked(self, ledger):
        """No twin."""
        link(ledger, "clients", {"1": "B1"})
        assert [] == ledger.links.twin(crm("2"), "erp", "Client")
        assert [] == ledger.links.twin(crm("1"), "erp-pe", "Client")

    def test_of_the_right_kind(self, ledger):
        """Ids repeat over kinds."""
        link(ledger, "clients", {"1": "X"})
        link(ledger, "projects", {"1": "X"}, kinds=("Opportunity", "Project"))
        assert [erp("X", "Project")] == ledger.links.twin(crm("1", "Opportunity"), "erp", "Project")
        assert [erp("X")] == ledger.links.twin(crm("1"), "erp", "Client")

    def test_over_several_systems(self, ledger):
        """Ticket, work item, posting: through every system in between."""
        link(ledger, "a", {"1": "w1"}, systems=("helpdesk", "devops"), kinds=("Ticket", "WorkItem"))
        link(ledger, "b", {"w1": "i1"}, systems=("devops", "erp"), kinds=("WorkItem", "Invoice"))
        assert [erp("i1", "Invoice")] == ledger.links.twin(Ref("helpdesk", "Ticket", "1"), "erp", "Invoice")

    def test_several(self, ledger):
        """A record that became three things has three."""
        link(ledger, "clients", {f"1{PART}{n}": f"B{n}" for n in range(3)})
        link(ledger, "others", {"1": "B9"})
        assert [erp("B9")] == ledger.links.twin(crm("1"), "erp", "Client")
        assert [crm("1")] == ledger.links.twin(erp("B1"), "crm", "Client")

    def test_a_circle_ends(self, ledger):
        """Links in both directions between two systems."""
        link(ledger, "there", {"1": "B1"})
        link(ledger, "back", {"B1": "1"}, systems=("erp", "crm"))
        assert [erp("B1")] == ledger.links.twin(crm("1"), "erp", "Client")
        assert [] == ledger.links.twin(crm("1"), "helpdesk", "Client")

    def test_other_sources_of_one_target(self, ledger):
        """Going on from what was found would lead to them: it does not."""
        link(ledger, "clients", {"1": "B1", "2": "B1"})
        assert [erp("B1")] == ledger.links.twin(crm("1"), "erp", "Client")

    def test_holder(self, ledger):
        """Which other source record has the target; the record itself is none."""
        link(ledger, "clients", {"1": "B1"})
        assert crm("1") == ledger.links.holder(erp("B1"), crm("2"))
        assert [None] * 3 == [
            ledger.links.holder(erp("B1"), crm("1")),
            ledger.links.holder(erp("B2"), crm("2")),
            ledger.links.holder(erp("B1"), Ref("helpdesk", "Client", "1")),
        ]


class TestEdges:
    """Made from, belongs to."""

    def test_in_both_directions(self, ledger):
        """Each edge is found from both ends."""
        ticket, log = Ref("helpdesk", "Ticket", "7"), Ref("helpdesk", "TimeEntry", "9")
        with ledger.transaction():
            ledger.links.edges([(str(log), str(ticket), "ticket", None)])
        assert [(log, "ticket", ticket)] == ledger.links.edges_of(log) == ledger.links.edges_of(ticket)

    def test_repeated(self, ledger):
        """Once."""
        row = ("a:B:1", "c:D:2", "made from", "flow")
        with ledger.transaction():
            ledger.links.edges([row, row])
            ledger.links.edges([row])
        assert 1 == len(ledger.links.edges_of(Ref("a", "B", "1")))

    def test_ids_with_colons(self, ledger):
        """As URNs have them."""
        odd = Ref("a", "B", "urn:x:1")
        with ledger.transaction():
            ledger.links.edges([(str(odd), "c:D:2", "made from", None)])
        assert [odd] == [edge[0] for edge in ledger.links.edges_of(odd)]


class TestDependencies:
    """What a record was derived from."""

    @pytest.fixture
    def stream(self, ledger):
        """Three records, two of them derived from something."""
        number = link(ledger, "clients", {"1": "B1", "2": "B2", "3": "B3"})
        with ledger.transaction():
            upon = {"1": ["lookup:rates:E1", "link:crm:Client:9"], "2": ["lookup:rates:E1", "lookup:rates:E1"], "3": []}
            ledger.links.depend(number, upon)
        return number

    def test_touched(self, ledger, stream):
        """A change marks just its records, once."""
        with ledger.transaction():
            assert 2 == ledger.links.touch(["lookup:rates:E1"])
            assert 0 == ledger.links.touch(["lookup:rates:E1", "lookup:rates:E2"])
        assert ["1", "2"] == ledger.records.dirty(stream, 10)

    def test_replaced(self, ledger, stream):
        """What a record does not ask any more does not mark it."""
        with ledger.transaction():
            ledger.links.depend(stream, {"1": ["lookup:rates:E2"]})
            ledger.links.touch(["lookup:rates:E1"])
        assert ["2"] == ledger.records.dirty(stream, 10)

    def test_links(self, ledger, stream):
        """A record that waits for another one is marked when that is linked; a part counts for its record."""
        with ledger.transaction():
            ledger.links.touch_links("crm", "Client", ["8", f"9{PART}0"])
        assert ["1"] == ledger.records.dirty(stream, 10)

    def test_of_a_record_that_is_gone(self, ledger, stream):
        """Nothing is left of it."""
        with ledger.transaction():
            ledger.records.drop(stream, ["1", "2"])
            assert 0 == ledger.links.touch(["lookup:rates:E1"])


class TestCandidates:
    """The index of the target side."""

    @pytest.fixture
    def stream(self, ledger):
        """Two partners of one name."""
        number = ledger.stream("clients", "index:erp")
        with ledger.transaction():
            ledger.links.index(number, [("tax_id", "900", "B1"), ("name", "ACME", "B1"), ("name", "ACME", "B2")])
        return number

    def test_by_value(self, ledger, stream):
        """Every key that has it."""
        found = ledger.links.candidates(stream, "name", ["ACME", "SUR"])
        assert {"ACME": ["B1", "B2"]} == {value: sorted(keys) for value, keys in found.items()}
        assert {} == ledger.links.candidates(stream, "tax_id", ["ACME"])

    def test_many_values(self, ledger, stream):
        """More than one query takes."""
        with ledger.transaction():
            ledger.links.index(stream, [("name", f"N{n}", f"K{n}") for n in range(1_200)])
        found = ledger.links.candidates(stream, "name", [f"N{n}" for n in range(1_200)])
        assert 1_200 == len(found)
        assert 1_202 == len(ledger.links.indexed_fields(stream, ledger.links.indexed_keys(stream)))

    def test_fields_of_a_key(self, ledger, stream):
        """For comparing."""
        assert {"B1": {"tax_id": "900", "name": "ACME"}} == ledger.links.indexed_fields(stream, ["B1", "B9"])

    def test_taken_out(self, ledger, stream):
        """A partner that is gone is no candidate."""
        with ledger.transaction():
            ledger.links.unindex(stream, ["B1"])
        assert (["B2"], {"ACME": ["B2"]}) == (
            ledger.links.indexed_keys(stream),
            ledger.links.candidates(stream, "name", ["ACME"]),
        )


class TestRecords:
    """What is remembered of a source record."""

    def test_many_keys(self, ledger):
        """Look-ups by list, whatever its length."""
        stream = link(ledger, "clients", {f"{n:04}": f"B{n}" for n in range(1_200)})
        keys = [f"{n:04}" for n in range(0, 2_400, 2)]
        assert (600, 600, 600) == (
            len(ledger.records.known(stream, keys)),
            len(ledger.records.versions(stream, keys)),
            len(ledger.records.raws(stream, keys)),
        )

    def test_keys_in_pages(self, ledger):
        """Also while they are being deleted."""
        stream = link(ledger, "clients", {f"{n:05}": f"B{n}" for n in range(12_000)})
        found = []
        for keys in ledger.records.keys(stream):
            found += keys
            with ledger.transaction():
                ledger.records.drop(stream, keys[:3])
        assert (12_000, 11_991) == (len(set(found)), ledger.records.count(stream))

    def test_parts(self, ledger):
        """Only its own: not those of a record whose key begins alike."""
        stream = link(ledger, "clients", {"a": "1", f"a{PART}0": "2", f"a{PART}1": "3", f"ab{PART}0": "4", "a ": "5"})
        assert [f"a{PART}0", f"a{PART}1"] == sorted(ledger.records.parts(stream, "a"))

    def test_dirty(self, ledger):
        """In pages, in key order; unknown records are noted."""
        stream = link(ledger, "clients", {"a": "1", "b": "2"})
        with ledger.transaction():
            ledger.records.mark_dirty(stream, ["b", "z", "b"])
        assert (["b"], ["z"]) == (ledger.records.dirty(stream, 1), ledger.records.dirty(stream, 5, "b"))

    def test_members(self, ledger):
        """What each should contribute, and what the postings hold of it."""
        stream = ledger.stream("hours", "source")
        with ledger.transaction():
            ledger.records.set_members([(stream, "g", "a", "1"), (stream, "g", "b", "2"), (stream, "h", "a", "3")])
            ledger.records.members_posted(stream, "g", {"a": "1"})
        assert [("a", "1", "1"), ("b", "2", None)] == ledger.records.members(stream, "g")
        assert {"a": {"g", "h"}, "b": {"g"}} == ledger.records.member_groups(stream, ["a", "b", "c"])

    def test_members_that_left(self, ledger):
        """They are forgotten when nothing of them is booked any more."""
        stream = ledger.stream("hours", "source")
        with ledger.transaction():
            ledger.records.set_members([(stream, "g", "a", "1")])
            ledger.records.members_posted(stream, "g", {"a": "1"})
            ledger.records.set_members([(stream, "g", "a", None)])
        assert [("a", None, "1")] == ledger.records.members(stream, "g")
        with ledger.transaction():
            ledger.records.members_posted(stream, "g", {"a": None})
        assert [] == ledger.records.members(stream, "g")
