"""Declarations of flows: what is valid, what is a copy, and in which order they run."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from periferia_link.engine import Ceilings, Flow
from periferia_link.engine.flow import in_order
from periferia_link.errors import ConfigurationError
from small_company import client_flow, labour_flow


def named(name, *after):
    """Return a flow of that name."""
    return client_flow(name=name, after=after)


class TestValid:
    """A flow that contradicts itself cannot be made."""

    @pytest.mark.parametrize(
        ("changes", "word"),
        [
            ({"posts_money": True}, "start date"),
            ({"starts": date(2026, 1, 1)}, "which date"),
            ({"on_delete": "adjust"}, "grouped"),
        ],
    )
    def test_contradictions(self, changes, word):
        """Each is named with the way out."""
        with pytest.raises(ConfigurationError, match=word) as caught:
            client_flow(**changes)
        assert ("clients" in caught.value.message, True) == (True, bool(caught.value.hint))

    def test_the_defaults_are_careful(self):
        """Deletions are ignored, half of the records at most, the source wins."""
        flow = client_flow()
        assert ("ignore", "source", 50.0, False) == (
            flow.on_delete,
            flow.on_conflict,
            flow.ceilings.percent,
            flow.is_grouped,
        )

    def test_grouped(self):
        """A flow with contributions is."""
        assert labour_flow().is_grouped


class TestCopies:
    """Ours are changed, never edited."""

    def test_but(self):
        """Some settings replaced; the original is what it was."""
        flow = client_flow()
        other = flow.but(name="partners", ceilings=Ceilings(money=Decimal(1)))
        assert ("clients", "partners", Decimal(1)) == (flow.name, other.name, other.ceilings.money)
        assert flow.project is other.project

    def test_but_is_checked(self):
        """The result must be valid."""
        with pytest.raises(ConfigurationError):
            labour_flow().but(starts=None)

    def test_frozen(self):
        """A running flow does not change under anybody's hands."""
        with pytest.raises(AttributeError):
            client_flow().name = "x"

    def test_unknown_settings(self):
        """A misspelt setting is an error, not a wish."""
        with pytest.raises(TypeError):
            client_flow().but(on_delet="delete")


class TestFingerprint:
    """It changes when the meaning of the flow does."""

    @pytest.mark.parametrize(
        "changes",
        [
            {"version": 2},
            {"owns": frozenset({"name"})},
            {"rules": "6105"},
            {"name": "other"},
            {"starts": date(2026, 1, 1), "dated": lambda one: None},
        ],
    )
    def test_meaning(self, changes):
        """Version, owned fields, rules, name, start."""
        assert client_flow().fingerprint() != client_flow(**changes).fingerprint()

    def test_columns(self):
        """The maps of both connectors are part of it."""
        flow = client_flow()
        assert 3 == len({flow.fingerprint(), flow.fingerprint("a"), flow.fingerprint("a", "b")})

    @pytest.mark.parametrize(
        "changes",
        [
            {"project": lambda one, context: None},
            {"ceilings": Ceilings(creates=1)},
            {"on_conflict": "target"},
            {"after": ("x",)},
            {"owns": None},
        ],
    )
    def test_no_meaning(self, changes):
        """Function source and safety settings are not: a library upgrade updates nothing by itself."""
        assert client_flow().fingerprint() == client_flow(**changes).fingerprint()

    def test_the_order_of_fields_is_none(self):
        """A set has no order."""
        one, two = frozenset(["a", "b", "name", "city"]), frozenset(["city", "name", "b", "a"])
        assert client_flow(owns=one).fingerprint() == client_flow(owns=two).fingerprint()

    def test_rules_of_labour(self):
        """Accounts, grouping, corrections and decimals are rules."""
        usual = labour_flow().fingerprint()
        others = [
            labour_flow(debit="5205"),
            labour_flow(credit="2610"),
            labour_flow(per="entry"),
            labour_flow(corrections="today"),
            labour_flow(decimals=0),
            labour_flow(starts=date(2026, 2, 1)),
        ]
        assert 7 == len({usual, *(flow.fingerprint() for flow in others)})


class TestOrder:
    """Flows run after those they name."""

    def test_after(self):
        """Whatever the order of the list."""
        flows = [named("c", "b"), named("b", "a"), named("a")]
        assert ["a", "b", "c"] == [flow.name for flow in in_order(flows)]

    def test_names_outside_the_list(self):
        """They are taken as done."""
        assert ["b"] == [flow.name for flow in in_order([named("b", "a")])]

    @pytest.mark.parametrize(
        "flows",
        [[named("a", "a")], [named("a", "b"), named("b", "a")], [named("a", "c"), named("b", "a"), named("c", "b")]],
    )
    def test_circles(self, flows):
        """Refused with the names."""
        with pytest.raises(ConfigurationError, match=r"wait for each other.*a") as caught:
            in_order(flows)
        assert caught.value.hint

    def test_two_of_one_name(self):
        """Their ledger entries would mix."""
        with pytest.raises(ConfigurationError, match="same name"):
            in_order([named("a"), named("a")])

    @given(st.permutations(range(6)), st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5))))
    def test_every_order_without_circles(self, order, pairs):
        """Each flow stands behind all that it names."""
        after = {n: tuple(f"f{m}" for m in range(n) if (m, n) in pairs) for n in range(6)}
        flows = [named(f"f{n}", *after[n]) for n in order]
        places = {flow.name: place for place, flow in enumerate(in_order(flows))}
        assert all(places[name] < places[flow.name] for flow in flows for name in flow.after)

    def test_none(self):
        """An empty list is one."""
        assert [] == in_order([])


class TestSmall:
    """A flow in ten lines."""

    def test_four_things_are_enough(self):
        """Name, where from, where to, how."""
        flow = Flow(name="x", source=("a", "Client"), target=("b", "Client"), project=lambda one, context: one)
        assert ("x", 1, "same") == (flow.name, flow.version, flow.relation)
