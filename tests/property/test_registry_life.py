"""The life of a registry: two sides, people who decide, systems that stop, processes that die; in the end nobody is lost."""

from __future__ import annotations

from collections import Counter
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from periferia_link.domain import Client, Ref
from periferia_link.engine import Ceilings, MatchKey
from periferia_link.errors import FlowError
from small_company import (
    client,
    client_flow,
    crm_of,
    erp_of,
    late,
    lost_after,
    lost_before,
    nit,
    refused,
    rig,
    throttled,
    unauthorised,
)


class Crash(BaseException):
    """The process dies here."""


def dies_before(system, kind, writes):
    """Nothing reached the system."""
    raise Crash


def dies_after(system, kind, writes):
    """The system did it, and nobody is left to hear."""
    system.commit(kind, writes)
    raise Crash


FAULTS = {
    "lost before": lost_before,
    "lost after": lost_after,
    "refused": refused(),
    "throttled": throttled(3),
    "late": late(20),
    "password": unauthorised,
    "dies before": dies_before,
    "dies after": dies_after,
}
TAX_IDS = {1: nit(900_123_456), 2: nit(900_123_456), 3: nit(800_222_333), 4: None}
MATCH = (
    MatchKey("tax_id", lambda one: one.tax_id.number if one.tax_id is not None and one.tax_id.is_strong else None),
    MatchKey("name", lambda one: one.name, is_strong=False),
)

faults = st.lists(st.sampled_from(sorted(FAULTS)), max_size=2)
accounts = st.integers(1, 4)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), accounts, st.sampled_from("AB"), st.sampled_from(["Cali", "Pasto"])),
        st.tuples(st.just("drop"), accounts),
        st.tuples(st.just("run"), faults),
        st.tuples(st.just("apply"), faults),
        st.tuples(st.just("adopt")),
        st.tuples(st.just("decide"), st.sampled_from(["link", "create", "ignore"])),
        st.tuples(st.just("open"), accounts, st.sampled_from("AB")),
        st.tuples(st.just("wait"), st.sampled_from([10, 200, 86_400])),
    ),
    max_size=12,
)


class Registry:
    """Accounts of the CRM, partners of the ERP, and what happens to both."""

    def __init__(self, here, flow):
        self.here = here
        self.flow = flow
        self.living = {}
        self.numbers = count()

    def put(self, number, name, city):
        tax_id = TAX_IDS[number]
        self.living[number] = client(number, name=name, city=city, **({"tax_id": tax_id} if tax_id else {}))
        self.here.crm.put(self.living[number])

    def drop(self, number):
        if self.living.pop(number, None):
            self.here.crm.drop(Ref("crm", "Client", f"c{number:03}"))

    def open(self, number, name):
        """Somebody opens a partner by hand."""
        tax_id = TAX_IDS[number]
        partner = Client(ref=Ref("erp", "Client", f"hand{next(self.numbers)}"), name=name)
        self.here.erp.put(partner.model_copy(update={"tax_id": tax_id}) if tax_id else partner)

    def decide(self, verdict):
        """Somebody answers the oldest question."""
        for review in self.here.ledger.reviews()[:1]:
            if verdict == "link" and review.candidates:
                self.here.verdict(self.flow, review.key, f"link:{review.candidates[0]}")
            elif verdict != "link":
                self.here.verdict(self.flow, review.key, verdict)

    def wait(self, seconds):
        self.here.clock.advance(seconds)

    def adopt(self):
        if self.flow.match:
            self.here.again().adopt(self.flow)

    def run(self, answers):
        self.suffer(answers, lambda engine: engine.run(self.flow))

    def apply(self, answers):
        self.suffer(answers, lambda engine: engine.apply(engine.plan(self.flow), self.flow))

    def suffer(self, answers, do):
        """Work while systems stop and processes die."""
        self.here.erp.answers = [FAULTS[name] for name in answers]
        try:
            do(self.here.again())
        except FlowError:
            return
        except Crash:
            self.here.clock.advance(130)  # the lease of the dead process ends
        finally:
            self.here.erp.answers = []

    def settle(self):
        """Let days pass until everything that was parked was tried again."""
        for _ in range(4):
            self.here.clock.advance(86_400)
            self.here.run(self.flow)


def nothing_is_left_open(registry):
    """No operation, no parked record, nothing to plan, no request of a run that follows."""
    here, flow = registry.here, registry.flow
    assert ([], []) == (here.open_operations(flow), here.ledger.parked())
    requests = len(here.erp.sent)
    assert not here.engine.plan(flow)
    assert (0, requests) == (here.run(flow).writes, len(here.erp.sent))


def nobody_is_lost(registry):
    """Every living account is linked to a partner that exists, in review, or ignored by a person."""
    here = registry.here
    stream = here.ledger.stream(registry.flow.name, "source")
    keys = {f"c{number:03}" for number in registry.living}
    known = here.ledger.records.known(stream, sorted(keys))
    linked = {key: row.target for key, row in known.items() if row.target is not None}
    asked = {review.key for review in here.ledger.reviews()}
    ignored = {key for key, verdict in here.ledger.desk.verdicts(stream).items() if verdict == "ignore"}
    assert keys <= linked.keys() | asked | ignored
    assert set(linked.values()) <= {partner.ref.id for partner in here.erp.holds("Client")}


class TestLife:
    """Whatever happens in what order."""

    @given(
        steps,
        st.sampled_from(["server-key", "marker"]),
        st.sampled_from(["delta", "scan"]),
        st.sampled_from(["delete", "ignore"]),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    )
    @settings(max_examples=80)
    def test_nobody_is_lost_and_nothing_is_doubled(self, story, guard, feed, on_delete, covers, matches, atomic):
        """Both sides agree in the end, a tax id has one partner of ours, and then there is silence."""
        match = MATCH if matches else ()
        flow = client_flow(match=match, on_delete=on_delete, ceilings=Ceilings(percent=None))
        crm = crm_of([], feed=feed, page_size=2, abilities={"version_covers_fields": covers})
        with rig(crm, erp_of(guard=guard, is_atomic=atomic, max_batch=2)) as here:
            registry = Registry(here, flow)
            for name, *values in story:
                getattr(registry, name)(*values)
            registry.settle()
            nothing_is_left_open(registry)
            nobody_is_lost(registry)

            ours = [one for one in here.erp.holds("Client") if not one.ref.id.startswith("hand")]
            if not matches and on_delete == "delete":
                wanted = Counter((one.name, one.city) for one in registry.living.values())
                assert wanted == Counter((one.name, one.city) for one in ours)
            if matches and not any(step[:2] == ("decide", "create") for step in story):
                assert {1} >= set(Counter(one.tax_id.number for one in ours if one.tax_id).values())
