"""Look-up tables that come with the flow: a file of rates, for example, that no system keeps."""

from __future__ import annotations

from datetime import date

from periferia_link.domain import Employee, Interaction, Money, Rate, Ref
from periferia_link.engine import Flow, Lookup, MatchKey
from small_company import Awkward, entry, helpdesk_of, rig


class Card:
    """A list of people and what an hour of each costs; somebody edits it between two runs."""

    def __init__(self, **hourly):
        self.hourly = hourly

    def __call__(self):
        for code, amount in self.hourly.items():
            rate = Rate(valid_from=date(2026, 1, 1), hourly=Money.of(amount, "COP"))
            yield Employee(code=code, name=code, rates=(rate,))


def flow(card):
    """Return a flow that notes what an hour of each person costs."""

    def project(one, context):
        return Interaction(subject=one.person, text=str(context.lookup("rates", one.person).rates[0].hourly))

    return Flow(
        name="costs",
        source=("helpdesk", "TimeEntry"),
        target=("erp", "Interaction"),
        project=project,
        lookups={"rates": Lookup("rate card", "Employee", lambda one: one.code, "rate", rows=card)},
    )


def noted(here):
    """Return what was noted."""
    return sorted((one.subject, one.text) for one in here.erp.holds("Interaction"))


class TestRowsOfTheFlow:
    """Read again by every run; no system plays the role."""

    def test_asked_like_any_table(self):
        """A missing row parks the record until it is there."""
        card = Card(E1=100)
        with rig(helpdesk_of([entry("a"), entry("b", person="E2")]), Awkward("erp", [Interaction])) as here:
            assert 1 == here.run(flow(card)).parked
            card.hourly["E2"] = 200
            here.run(flow(card))
            assert [("E1", "100 COP"), ("E2", "200 COP")] == noted(here)

    def test_a_changed_row_reaches_what_was_derived_from_it(self):
        """And nothing else is looked at."""
        card = Card(E1=100, E2=200)
        with rig(helpdesk_of([entry("a"), entry("b", person="E2")]), Awkward("erp", [Interaction])) as here:
            here.run(flow(card))
            card.hourly["E2"] = 250
            report = here.run(flow(card))
            assert ([("E1", "100 COP"), ("E2", "250 COP")], 1) == (noted(here), report.updated)
            assert 0 == here.run(flow(card)).writes

    def test_two_rows_of_one_key(self):
        """Nobody guesses: the record waits."""

        def twice():
            yield from Card(E1=100)()
            yield from Card(E1=101)()

        with rig(helpdesk_of([entry("a")]), Awkward("erp", [Interaction])) as here:
            assert 1 == here.run(flow(twice)).parked

    def test_in_a_plan(self):
        """A plan reads it too."""
        with rig(helpdesk_of([entry("a")]), Awkward("erp", [Interaction])) as here:
            assert 1 == len(here.engine.plan(flow(Card(E1=100))))

    def test_adoption_reads_it(self):
        """Flows that match may ask it as well."""
        there = Awkward("erp", [Interaction], [Interaction(ref=Ref("erp", "Interaction", "9"), subject="E1")])
        with rig(helpdesk_of([entry("a")]), there) as here:
            one = flow(Card(E1=100)).but(match=(MatchKey("subject", lambda note: note.subject),))
            assert 1 == here.engine.adopt(one).adopted
