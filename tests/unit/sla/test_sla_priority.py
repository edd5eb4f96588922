"""The priority rule: points, levels, and the reasons in words."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from periferia_link.domain import Money
from periferia_link.domain.client_context import ClientContext
from periferia_link.sla import PriorityRule, decide_priority
from periferia_link.sla.priority import higher

TODAY = date(2026, 11, 22)
RULE = PriorityRule(
    tiers={"gold": 20},
    renewal_within_days={"30": 40, "90": 15},
    value_from={"100000000": 10, "500000000": 25},
    open_value_from={"50000000": 10},
    satisfaction_below={"50": 25, "70": 10},
    open_opportunity=5,
    breach=15,
    open_pqr=2,
    overdue_pqr=10,
    levels={"normal": 10, "high": 40, "critical": 70},
)


def context(**values):
    """Return what is known of a client."""
    return ClientContext(code="900123456", name="ACME", **values)


def decide(was=None, **values):
    """Return what the rule says today."""
    return decide_priority(RULE, context(**values), today=TODAY, was=was)


class TestWords:
    def test_the_reasons_of_a_raise(self):
        """Renewal and breaches, in English and in Spanish."""
        found = decide("normal", renews_on=TODAY + timedelta(days=20), breaches=2)
        assert "raised from normal to critical because renewal in 20 days and two breaches" == found.words()
        assert "subida de normal a crítica por renovación en 20 días y dos incumplimientos" == found.words("es")
        assert found.is_raised

    def test_all_reasons_the_weightiest_first(self):
        """Each says what it saw."""
        found = decide(
            "low",
            tier="gold",
            renews_on=TODAY,
            value=Money.of(600_000_000, "COP"),
            open_value=Money.of(60_000_000, "COP"),
            satisfaction=Decimal("40"),
            open_opportunities=1,
            breaches=1,
            overdue_pqrs=1,
            open_pqrs=11,
        )
        assert (
            "raised from low to critical because renewal today, value 600,000,000 COP, satisfaction 40 of 100, tier gold, "
            "one breach, 60,000,000 COP in open opportunities, one overdue PQR, 11 open PQRs and one open opportunity"
        ) == found.words()
        assert "11 PQR abiertas y una oportunidad abierta" in found.words("es")
        assert 40 + 25 + 25 + 20 + 15 + 10 + 10 + 6 + 5 == found.score

    def test_nothing_changes(self):
        """A priority that is high enough stays, and says why it is right."""
        found = decide("critical", tier="gold")
        assert "stays critical: tier gold" == found.words()
        assert "sigue crítica: nivel gold" == found.words("es")
        assert not found.is_raised

    def test_no_rule_applies(self):
        """No priority, no reasons."""
        assert ("no priority by rule", "sin prioridad por regla") == (decide().words(), decide().words("es"))

    def test_without_a_priority_before(self):
        """As for a client, whose tickets get at least that."""
        assert "raised to high because renewal tomorrow" == decide(renews_on=TODAY + timedelta(days=1)).words()
        assert "renovación mañana" in decide(renews_on=TODAY + timedelta(days=1)).words("es")


class TestPoints:
    @pytest.mark.parametrize(("days", "points"), [(-1, 0), (0, 40), (30, 40), (31, 15), (90, 15), (91, 0)])
    def test_days_to_the_renewal(self, days, points):
        """The nearest band counts; a renewal that is past does not."""
        assert points == decide(renews_on=TODAY + timedelta(days=days)).score

    @pytest.mark.parametrize(("value", "points"), [("99999999.99", 0), ("100000000", 10), ("500000000", 25)])
    def test_value(self, value, points):
        """The largest amount that is reached counts."""
        assert points == decide(value=Money.of(value, "COP")).score

    @pytest.mark.parametrize(("mark", "points"), [("70", 0), ("69.9", 10), ("50", 10), ("49", 25)])
    def test_satisfaction(self, mark, points):
        """The smallest mark that the mean lies below counts."""
        assert points == decide(satisfaction=Decimal(mark)).score

    def test_many_breaches_count_as_three(self):
        """One thing alone does not outweigh all."""
        assert 45 == decide(breaches=3).score == decide(breaches=30).score

    def test_never_lowered(self):
        """A rule only ever raises."""
        assert "critical" == decide("critical").priority
        assert ("high", "low", None) == (higher("high", "low"), higher(None, "low"), higher(None, None))

    def test_levels_must_rise(self):
        """A critical client cannot need fewer points than a high one."""
        with pytest.raises(ValueError, match="must rise"):
            PriorityRule(levels={"high": 50, "critical": 40})
