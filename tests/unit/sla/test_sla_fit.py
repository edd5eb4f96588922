"""Finding the plain policy behind recorded verdicts, and why the rest differs."""

from __future__ import annotations

from datetime import timedelta

from periferia_link.sla.fit import Sample, agreement, best_rules, halves
from sla_examples import OFFICE, at, ticket

NOW = at("+60 08:00")
CALENDARS = {"office": OFFICE}


def sample(*steps, made, number="T-1", **values):
    """Return a ticket and its verdict."""
    return Sample(ticket(*steps, **values).model_copy(update={"number": number}), made)


def closed_after(days, made, number="T-1", **values):
    """Return a ticket that was resolved in an hour and closed later."""
    return sample(("09:00", "resolved"), (f"+{days} 08:00", "closed"), made=made, number=number, **values)


class TestBestRules:
    def test_until_closed(self):
        """What was recorded follows the closing, so the resolution is not what counts."""
        samples = [closed_after(days, days <= 7) for days in range(1, 15)]
        (rule,) = best_rules(samples, now=NOW, calendars=CALENDARS)
        assert (14, 14) == (rule.agrees, rule.of)
        assert timedelta(days=7) == rule.policy.targets[0].within.time
        assert "resolved" not in rule.policy.resolved_by
        assert "normal: closed within 168h00m on always (14 of 14)" == str(rule)

    def test_pauses(self):
        """A target that only holds without the time that the client took."""
        samples = [
            sample(
                ("08:30", "pending_customer"),
                (f"+{days} 08:00", "open"),
                (f"+{days} {hour}:00", "resolved"),
                made=hour <= 12,
            )
            for days in range(1, 4)
            for hour in range(10, 16)
        ]
        (rule,) = best_rules(samples, now=NOW)
        assert rule.agrees == rule.of
        assert "waits for the client" in str(rule)

    def test_business_hours(self):
        """A calendar that is given is tried too."""
        samples = [closed_after(days, days <= 2) for days in (1, 2, 3, 4)]
        samples += [closed_after(days, days <= 4, opened="+3 17:00") for days in (4, 7)]
        rules = best_rules(samples, now=NOW, calendars=CALENDARS)
        assert rules[0].agrees >= 5

    def test_each_priority_its_own(self):
        """From the most urgent one on."""
        samples = [closed_after(2, False, priority="critical"), closed_after(2, True, priority="low")]
        assert ["critical", "low"] == [rule.priority for rule in best_rules(samples, now=NOW)]


class TestAgreement:
    def test_reasons(self):
        """Each difference has the first reason that fits, with the numbers of the tickets."""
        rules = [rule.policy for rule in best_rules([closed_after(d, d <= 7) for d in range(1, 15)], now=NOW)]
        samples = [
            closed_after(3, True, "right"),
            closed_after(7, False, "near"),
            closed_after(14, True, "odd"),
            sample(("09:00", "pending_customer"), ("+14 08:00", "closed"), made=True, number="waited"),
            sample(("09:00", "resolved"), ("10:00", "open"), ("+14 08:00", "closed"), made=True, number="reopened"),
            sample(("09:00", "!high"), ("10:00", "!normal"), ("+14 08:00", "closed"), made=True, number="changed"),
            sample(("07:00", "open"), ("+14 08:00", "closed"), made=True, number="early"),
            closed_after(3, True, "else", priority="low"),
        ]
        found = agreement(samples, rules, now=NOW)
        assert (1, 8, 0.125) == (found.agrees, found.of, found.share)
        assert {
            "within 10 % of the target (168h00m)": ("near",),
            "recorded as kept, late by us: nothing in the log says why": ("odd",),
            "recorded as kept, late by us: it waited for somebody outside": ("waited",),
            "it was reopened": ("reopened",),
            "the priority changed on the way": ("changed",),
            "the log is out of order or begins before the opening": ("early",),
            "no policy covers it": ("else",),
        } == dict(found.differs)
        assert "agrees in 1 of 8 (12.5 %)" in str(found)

    def test_nothing_to_compare(self):
        """An empty half agrees in nothing, without an error."""
        assert 0.0 == agreement([], [], now=NOW).share


class TestHalves:
    def test_always_the_same(self):
        """A ticket is on one side, whatever the others are."""
        samples = [closed_after(1, True, f"INC{n}") for n in range(100)]
        chosen, checked = halves(samples)
        again, _ = halves(reversed(samples))
        assert {s.ticket.number for s in chosen} == {s.ticket.number for s in again}
        assert 100 == len(chosen) + len(checked)
        assert 30 < len(chosen) < 70
