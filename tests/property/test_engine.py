"""Whatever happens in what order: the engine ends where both sides agree, and then it is silent."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from periferia_link.domain import Client, Ref
from periferia_link.engine import Ceilings, MatchKey
from periferia_link.errors import FlowError
from small_company import (
    APPROVED,
    booked,
    books_of,
    centre,
    client,
    client_flow,
    crm_of,
    employee,
    entry,
    erp_of,
    helpdesk_of,
    labour_flow,
    late,
    lost_after,
    lost_before,
    nit,
    refused,
    rig,
    throttled,
    unauthorised,
)

FREE = Ceilings(percent=None)
DAYS = [date(2026, 1, 30) + timedelta(days=n) for n in range(4)]
DECIMALS = {"COP": 2, "CLP": 0, "KWD": 3}
FAULTS = {
    "lost before": lost_before,
    "lost after": lost_after,
    "refused": refused(),
    "throttled": throttled(3),
    "late": late(20),
    "password": unauthorised,
}
faults = st.lists(st.sampled_from(sorted(FAULTS)), max_size=3)
guards = st.sampled_from(["server-key", "marker"])


def run(here, flow, *answers):
    """Run; a system that stops is a part of life."""
    here.erp.answers = [FAULTS[name] for name in answers]
    try:
        return here.run(flow)
    except FlowError:
        return None
    finally:
        here.erp.answers = []


def settled(here, flow):
    """Let a day pass and run until parked records were tried again; then nothing is open, and nothing is left to do."""
    for _ in range(2):
        here.clock.advance(86_400)
        here.run(flow)
    assert [] == here.open_operations(flow)
    assert [] == here.ledger.parked()
    requests = len(here.erp.sent)
    assert not here.engine.plan(flow)
    assert 0 == here.run(flow).writes
    assert requests == len(here.erp.sent)


# ---------------------------------------------------------------------- labour

hours = st.decimals("0.01", "24", places=2).filter(bool)
amounts = st.decimals("0.01", "999999.99", places=2).map(str)
keys = st.sampled_from("abcdef")
entries = st.fixed_dictionaries(
    {
        "hours": hours,
        "person": st.sampled_from(["E1", "E2"]),
        "project": st.sampled_from(["P1", "P2"]),
        "worked_on": st.sampled_from(DAYS),
        "approved_at": st.sampled_from([None, APPROVED]),
    }
)
rates = st.lists(
    st.tuples(st.sampled_from(DAYS[1:]), amounts, st.sampled_from(sorted(DECIMALS))),
    max_size=2,
    unique_by=lambda r: r[0],
)
labour_steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), keys, entries),
        st.tuples(st.just("drop"), keys),
        st.tuples(st.just("rates"), st.sampled_from(["E1", "E2"]), amounts, st.sampled_from(sorted(DECIMALS)), rates),
        st.tuples(st.just("nobody"), st.sampled_from(["E1", "E2"])),
        st.tuples(st.just("rule"), st.booleans()),
        st.tuples(st.just("run"), faults),
    ),
    max_size=14,
)


class Company:
    """What a help desk and an ERP hold, and what must be booked of it."""

    def __init__(self, here):
        self.here = here
        self.entries = {}
        self.rates = {"E1": [(date(2020, 1, 1), "100", "COP")], "E2": [(date(2020, 1, 1), "7.77", "COP")]}

    def put(self, key, values):
        self.entries[key] = values
        self.here.helpdesk.put(entry(key, **values))

    def drop(self, key):
        if self.entries.pop(key, None):
            self.here.helpdesk.drop(Ref("helpdesk", "TimeEntry", key))

    def rates_of(self, code, amount, currency, later):
        self.rates[code] = [(date(2020, 1, 1), amount, currency), *later]
        self.here.erp.put(employee(code, *self.rates[code]))

    def nobody(self, code):
        """The ERP has no such employee for a while."""
        if Ref("erp", "Employee", code) in [one.ref for one in self.here.erp.holds("Employee")]:
            self.here.erp.drop(Ref("erp", "Employee", code))

    def rule(self, exists):
        """The cost centre has no distribution rule for a while."""
        self.here.erp.put(centre(rule="R1" if exists else None))

    def heal(self):
        """Whatever was missing is there."""
        self.rule(True)
        for code, known in self.rates.items():
            self.here.erp.put(employee(code, *known))

    def cost(self, values):
        """Hours times the rate of that day, half up to the decimals of its currency."""
        _, rate, currency = max(r for r in self.rates[values["person"]] if r[0] <= values["worked_on"])
        exact = values["hours"] * Decimal(rate)
        return currency, exact.quantize(Decimal(1).scaleb(-DECIMALS[currency]), ROUND_HALF_UP)

    def must_be_booked(self):
        """Return amounts by currency."""
        sums = Counter()
        for values in self.entries.values():
            if values["approved_at"] is not None:
                currency, cost = self.cost(values)
                sums[currency] += cost
        return {currency: amount for currency, amount in sums.items() if amount}

    def play(self, step, flow):
        name, *values = step
        if name == "run":
            run(self.here, flow, *values[0])
        else:
            getattr(self, {"rates": "rates_of"}.get(name, name))(*values)


class TestLabour:
    """Booked is the sum of hours times rate, to the cent, whatever was corrected, lost or refused on the way."""

    @given(labour_steps, guards, st.sampled_from(["day", "entry"]))
    @settings(max_examples=40)
    def test_the_books_are_right(self, steps, guard, per):
        """Entries, rates, currencies, corrections, deletions and lost answers in any order."""
        flow = labour_flow(per=per)
        with rig(helpdesk_of(), books_of(guard=guard)) as here:
            company = Company(here)
            for step in steps:
                company.play(step, flow)
            company.heal()
            settled(here, flow)

            assert company.must_be_booked() == booked(here.erp)
            assert {currency: -amount for currency, amount in booked(here.erp).items()} == booked(here.erp, "2505")

    @given(st.dictionaries(keys, entries, min_size=1), guards, faults)
    @settings(max_examples=20)
    def test_each_entry_is_booked_once(self, wanted, guard, answers):
        """One posting for each entry that counts, and its trace leads there."""
        flow = labour_flow(per="entry")
        with rig(helpdesk_of(entry(key, **values) for key, values in wanted.items()), books_of(guard=guard)) as here:
            run(here, flow, *answers)
            settled(here, flow)
            covered = Counter(
                edge[2].id
                for posting in here.erp.holds("CostEntry")
                for edge in here.ledger.links.edges_of(posting.ref)
                if edge[1] == "made from"
            )
            cost = Company(here).cost
            counts = {key for key, one in wanted.items() if one["approved_at"] is not None and cost(one)[1]}
            assert Counter(counts) == covered

    @given(labour_steps)
    @settings(max_examples=20)
    def test_a_plan_says_what_the_run_posts(self, steps):
        """Applying a plan posts just what it lists; a plan made after that is empty."""
        flow = labour_flow()
        with rig(helpdesk_of(), books_of()) as here:
            company = Company(here)
            for step in steps:
                company.play(step if step[0] != "run" else ("run", []), flow)
            company.heal()
            here.clock.advance(86_400)
            plan = here.engine.plan(flow)
            report = here.engine.apply(plan, flow)[flow.name]

            assert (len(plan), 0) == (report.writes, report.counts["refused"])
            assert not here.engine.plan(flow)
            assert company.must_be_booked() == booked(here.erp)


# ---------------------------------------------------------------------- records

texts = st.sampled_from(["Uno", "Dos", "Ñandú", "tres & más", "4"])
client_values = st.fixed_dictionaries({"name": texts}, optional={"city": texts, "email": st.none() | texts})
numbers = st.integers(1, 3)
client_steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), numbers, client_values),
        st.tuples(st.just("drop"), numbers),
        st.tuples(st.just("run"), faults),
    ),
    max_size=14,
)


def shown(record):
    """Return what the flow carries over, unset fields left out."""
    return tuple(sorted((name, getattr(record, name)) for name in record.model_fields_set & {"name", "city", "email"}))


def several(one, context):
    """Make one record for each letter of the name."""
    return [Client(name=f"{one.name} {letter}") for letter in one.name[:3]]


class Registry:
    """What the CRM holds."""

    def __init__(self, here):
        self.here = here
        self.clients = {}

    def play(self, step, flow):
        name, *values = step
        if name == "run":
            run(self.here, flow, *values[0])
        elif name == "put":
            self.clients[values[0]] = client(values[0], **values[1])
            self.here.crm.put(self.clients[values[0]])
        elif self.clients.pop(values[0], None):
            self.here.crm.drop(Ref("crm", "Client", f"c{values[0]:03}"))


class TestRecords:
    """Creates, updates and deletions."""

    @given(
        client_steps, guards, st.sampled_from(["delta", "scan"]), st.integers(1, 4), st.integers(1, 3), st.booleans()
    )
    @settings(max_examples=50)
    def test_both_sides_agree(self, steps, guard, feed, page, batch, atomic):
        """The target holds what the source holds, each record once."""
        flow = client_flow(on_delete="delete", ceilings=FREE)
        crm = crm_of([], feed=feed, page_size=page)
        with rig(crm, erp_of(guard=guard, max_batch=batch, is_atomic=atomic)) as here:
            registry = Registry(here)
            for step in steps:
                registry.play(step, flow)
            settled(here, flow)
            wanted = Counter(dict(shown(one))["name"] for one in registry.clients.values())
            assert wanted == Counter(dict(shown(one))["name"] for one in here.erp.holds("Client"))

    @given(client_steps, guards)
    @settings(max_examples=30)
    def test_nothing_is_made_twice(self, steps, guard):
        """With ignored deletions the target holds each record that ever was in the source, once."""
        flow = client_flow(ceilings=FREE)
        with rig(crm_of([]), erp_of(guard=guard)) as here:
            registry = Registry(here)
            ever = set()
            for step in steps:
                registry.play(step, flow)
                if step[0] == "run":
                    ever |= registry.clients.keys()
            settled(here, flow)
            ever |= registry.clients.keys()
            assert len(here.erp.holds("Client")) <= len(ever)
            assert len(here.erp.holds("Client")) >= len(registry.clients)

    @given(client_steps, guards)
    @settings(max_examples=30)
    def test_one_becomes_several(self, steps, guard):
        """As many as its projection says, now and after every change."""
        flow = client_flow(project=several, on_delete="delete", ceilings=FREE)
        with rig(crm_of([]), erp_of(guard=guard)) as here:
            registry = Registry(here)
            for step in steps:
                registry.play(step, flow)
            settled(here, flow)
            wanted = Counter(part.name for one in registry.clients.values() for part in several(one, None))
            assert wanted == Counter(one.name for one in here.erp.holds("Client"))

    @given(client_steps)
    @settings(max_examples=20)
    def test_a_plan_that_was_applied_is_empty(self, steps):
        """A plan lists what apply writes, and afterwards there is nothing left to list."""
        flow = client_flow(on_delete="delete", ceilings=FREE)
        with rig(crm_of([]), erp_of()) as here:
            registry = Registry(here)
            for step in steps:
                registry.play(step if step[0] != "run" else ("run", []), flow)
            plan = here.engine.plan(flow)
            report = here.engine.apply(plan, flow)[flow.name]
            assert (len(plan), False) == (report.writes, bool(here.engine.plan(flow)))

    @given(
        st.lists(
            st.tuples(
                st.dictionaries(numbers, st.tuples(st.sampled_from(["name", "city"]), texts), max_size=3),
                st.dictionaries(numbers, st.tuples(st.sampled_from(["name", "city"]), texts), max_size=3),
            ),
            max_size=4,
        ),
        st.sampled_from(["source", "target"]),
        st.sampled_from(["precondition", "compare"]),
    )
    @settings(max_examples=30)
    def test_both_sides_edit(self, rounds, policy, concurrency):
        """A field that one side changed is that side's; one that both changed goes by the policy."""
        flow = client_flow(on_conflict=policy, ceilings=FREE)
        here_values = {n: {"name": f"Cliente {n}", "city": "Bogotá"} for n in range(1, 6)}
        there = {n: dict(values) for n, values in here_values.items()}
        with rig(crm_of(map(client, here_values)), erp_of(abilities={"concurrency": concurrency})) as rigged:
            rigged.run(flow)
            place = {int(one.name.split()[1]): one.ref for one in rigged.erp.holds("Client")}
            for ours, theirs in rounds:
                for n, (name, text) in theirs.items():
                    rigged.erp.change(place[n], **{name: text})
                    there[n][name] = text
                for n, (name, text) in ours.items():
                    rigged.crm.change(Ref("crm", "Client", f"c{n:03}"), **{name: text})
                    # what both sides agreed on last is what the source held until now
                    agreed, here_values[n][name] = here_values[n][name], text
                    if agreed != text and (policy == "source" or there[n][name] == agreed):
                        there[n][name] = text
                rigged.run(flow)
                assert 0 == rigged.run(flow).writes
                rows = {n: rigged.erp.get("Client", [ref.id])[0] for n, ref in place.items()}
                found = {n: rigged.erp.decode("Client", row) for n, row in rows.items()}
                assert there == {n: {"name": one.name, "city": one.city} for n, one in found.items()}


# ---------------------------------------------------------------------- identity

MATCH = (
    MatchKey("tax_id", lambda one: one.tax_id.number if one.tax_id is not None and one.tax_id.is_strong else None),
    MatchKey("name", lambda one: one.name, is_strong=False),
)
tax_ids = st.sampled_from([None, nit(900_123_456), nit(800_222_333)])
known_clients = st.lists(st.tuples(tax_ids, st.sampled_from(["Acme", "Andina", "Sur"])), max_size=5)


def crowd(pairs, system):
    """Return clients from (tax id, name)."""
    return [
        Client(ref=Ref(system, "Client", f"{system}{n}"), name=name, **({} if number is None else {"tax_id": number}))
        for n, (number, name) in enumerate(pairs)
    ]


class TestIdentity:
    """Which record is which."""

    @given(known_clients, known_clients, st.integers(1, 5), guards)
    @settings(max_examples=40)
    def test_every_record_has_one_fate(self, ours, theirs, page, guard):
        """Linked, created or in review; a tax id that the target did not hold is created once."""
        flow = client_flow(match=MATCH)
        with rig(crm_of(crowd(ours, "crm"), page_size=page), erp_of(crowd(theirs, "erp"), guard=guard)) as here:
            here.run(flow)
            here.run(flow)
            known = here.ledger.records.known(
                here.ledger.stream(flow.name, "source"), [f"crm{n}" for n in range(len(ours))]
            )
            linked = {key for key, row in known.items() if row.target is not None}
            asked = {review.key for review in here.ledger.reviews()}
            assert ({f"crm{n}" for n in range(len(ours))}, set()) == (linked | asked, linked & asked)
            before = Counter(number for number, _ in theirs)
            after = Counter(one.tax_id for one in here.erp.holds("Client"))
            assert all(
                after[number] == before[number] or (before[number], after[number]) == (0, 1)
                for number in after
                if number
            )

    @given(known_clients, known_clients)
    @settings(max_examples=30)
    def test_pages_make_no_difference(self, ours, theirs):
        """What becomes of a record does not depend on how many stand on a page."""

        def outcome(page):
            flow = client_flow(match=MATCH)
            with rig(crm_of(crowd(ours, "crm"), page_size=page), erp_of(crowd(theirs, "erp"))) as here:
                here.run(flow)
                return (
                    Counter(one.name for one in here.erp.holds("Client")),
                    sorted(review.key for review in here.ledger.reviews()),
                )

        assert outcome(1) == outcome(100)

    @given(known_clients, known_clients)
    @settings(max_examples=20)
    def test_adoption_writes_nothing(self, ours, theirs):
        """It links and asks; the run that follows ends where a run without it ends."""
        flow = client_flow(match=MATCH)
        ends = []
        for adopts in (True, False):
            with rig(crm_of(crowd(ours, "crm")), erp_of(crowd(theirs, "erp"))) as here:
                if adopts:
                    here.engine.adopt(flow)
                    assert [] == here.erp.sent
                here.run(flow)
                reviews = sorted(review.key for review in here.ledger.reviews())
                ends.append((Counter(one.name for one in here.erp.holds("Client")), reviews))
        assert ends[0] == ends[1]
