"""Suggestions: skill, load, calendar and SLA, all tickets at once, with reasons."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from periferia_link.assignment import (
    Arrival,
    Effort,
    Open,
    Person,
    as_suggested,
    first_come,
    people_from,
    replay,
    suggest_assignee,
    with_allocations,
    with_tickets,
)
from periferia_link.assignment._cheapest import cheapest
from periferia_link.domain import Allocation
from sla_examples import MONDAY, OFFICE, at, ticket

HOUR = timedelta(hours=1)
NOW = at("09:00")


def effort(newcomer=2.0):
    """Return an effort of one hour, twice as long for newcomers."""
    found = Effort([ticket(category="mail")], lambda _: HOUR)
    found.newcomer = newcomer
    return found


def person(code, *solved, load=0, groups=("desk",), calendar=OFFICE):
    """Return somebody who solved five tickets of each named category."""
    return Person(
        code=code, calendar=calendar, groups=frozenset(groups), solved=dict.fromkeys(solved, 5), load=load * HOUR
    )


def waiting(category="mail", due="17:00", priority="normal", group="desk"):
    """Return a ticket without an assignee."""
    return Open(ticket(category=category, priority=priority, group=group), at(due) if due else None)


def chosen(tickets, people, **values):
    """Return who gets what."""
    return [one.person for one in suggest_assignee(tickets, people, now=NOW, effort=effort(), **values)]


class TestWho:
    def test_skill(self):
        """Who solved such tickets before takes half the time."""
        assert ["bo"] == chosen([waiting()], [person("al", "web"), person("bo", "mail")])

    def test_load(self):
        """Five hours of work wait before it: the newcomer is in time, the expert is not."""
        assert ["al"] == chosen([waiting(due="11:30")], [person("al"), person("bo", "mail", load=5)])

    def test_calendar(self):
        """Somebody who comes at two in the afternoon is too late."""
        from periferia_link.sla import BusinessCalendar

        late = BusinessCalendar.weekdays("late", ("14:00", "20:00"))
        assert ["al"] == chosen([waiting(due="13:30")], [person("bo", "mail", calendar=late), person("al")])

    def test_sla(self):
        """One person, two tickets: the one that would breach goes first."""
        assert [None, "al"] == chosen([waiting(due="+3 17:00"), waiting(due="10:30")], [person("al", "mail")])

    def test_priority(self):
        """With equal promises the critical one goes first."""
        tickets = [waiting(priority="low"), waiting(priority="critical")]
        assert [None, "al"] == chosen(tickets, [person("al", "mail")])

    def test_all_at_once(self):
        """The expert of both leaves the first to the one who can do nothing else."""
        people = [person("both", "mail", "web"), person("mail-only", "mail", groups=())]
        assert ["mail-only", "both"] == chosen([waiting("mail"), waiting("web")], people)

    def test_a_ticket_that_is_late_anyway(self):
        """Waits for one that can still be saved."""
        assert [None, "al"] == chosen([waiting(due="09:10"), waiting(due="16:00")], [person("al", "mail")])

    def test_several_each(self):
        """The second one waits for the first."""
        found = suggest_assignee(
            [waiting(due="11:00"), waiting()], [person("al", "mail")], now=NOW, effort=effort(), each=2
        )
        assert ["al", "al"] == [one.person for one in found]
        assert [at("09:00"), at("10:00")] == [one.begins_at for one in found]

    def test_nobody_may(self):
        """A team that is not there and a skill that nobody has."""
        (found,) = suggest_assignee([waiting("sap", group="erp")], [person("al", "mail")], now=NOW, effort=effort())
        assert (None, 0) == (found.person, found.can_take)
        assert ("nobody has the skill or the team for it", False) == (found.words(), found.is_in_time)

    def test_no_people_and_no_tickets(self):
        """Nothing to suggest is no error."""
        assert ([None], []) == (chosen([waiting()], []), chosen([], [person("al")]))


class TestWords:
    def test_in_time(self):
        """Skill, load, calendar and SLA stand in the sentence."""
        (found,) = suggest_assignee([waiting()], [person("al", "mail", load=1)], now=NOW, effort=effort())
        assert (
            "al: solved 5 of mail, 1h00m of work before it, from 07 15:00 to 07 16:00 UTC by calendar, "
            "6h00m before the SLA breach"
        ) == found.words()
        assert found.words("es").startswith("al: ha resuelto 5 de mail, 1h00m de trabajo antes")

    def test_late_and_new(self):
        """The best there is, said as it is."""
        (found,) = suggest_assignee([waiting(due="09:30")], [person("al")], now=NOW, effort=effort())
        assert "has solved none of mail yet, free" in found.words()
        assert "1h30m after the SLA breach, nobody is sooner" in found.words()

    def test_waits(self):
        """Others need everybody more."""
        first, _ = suggest_assignee(
            [waiting(priority="low"), waiting(priority="critical")], [person("al", "mail")], now=NOW, effort=effort()
        )
        assert "waits: the 1 people who could take it are needed more elsewhere" == first.words()
        assert "espera" in first.words("es")


class TestLearned:
    TICKETS = [
        *(ticket(category="mail", resolver="al", group="desk") for _ in range(4)),
        ticket(category="web", assignee="bo", group="erp"),
        ticket(category="web"),
    ]

    def test_people(self):
        """What they solved, and for which teams."""
        al, bo = people_from(self.TICKETS, calendar=OFFICE)
        assert ("al", {"mail": 4}, {"desk"}) == (al.code, al.solved, al.groups)
        assert ("bo", {"web": 1}) == (bo.code, bo.solved)

    def test_effort(self):
        """The median of the category where there are enough, else of all; newcomers take longer."""
        spent = {"mail": HOUR, "web": 3 * HOUR}
        found = Effort(self.TICKETS, lambda one: spent[one.category])
        al, bo = people_from(self.TICKETS, calendar=OFFICE)
        assert (HOUR, 3.0) == (found.of(ticket(category="mail"), al), found.newcomer)
        assert 3 * HOUR == found.of(ticket(category="mail"), bo)
        assert HOUR == found.of(ticket(category="web"), bo)

    def test_from_nothing(self):
        """An empty log gives an hour for everything."""
        assert (HOUR, 1.0) == (Effort([], lambda _: HOUR).usual, Effort([], lambda _: HOUR).newcomer)


class TestTimeThatIsLeft:
    def test_tickets_in_hand(self):
        """Open tickets of a person are load, by how long that person takes; closed ones are not."""
        held = [ticket(category="mail", assignee="al"), ticket(category="sap", assignee="al")]
        over = ticket(("09:00", "resolved"), category="mail", assignee="al")
        al, bo = with_tickets([person("al", "mail"), person("bo")], [*held, over], effort=effort())
        assert (3 * HOUR, timedelta(0)) == (al.load, bo.load)

    def test_projects_leave_less(self):
        """Half a week for a project: everything takes twice as long, and the sentence says why."""
        allocations = [
            Allocation(person="al", project="P-1", hours_per_week=Decimal(20), starts_on=MONDAY),
            Allocation(person="al", project="P-2", hours_per_week=Decimal(20), starts_on=date(2027, 1, 1)),
            Allocation(
                person="al",
                project="P-3",
                hours_per_week=Decimal(20),
                starts_on=date(2026, 1, 1),
                ends_on=date(2026, 9, 6),
            ),
        ]
        people = with_allocations([person("al", "mail"), person("bo", "mail")], allocations, on=MONDAY)
        assert [0.5, 1.0] == [one.share for one in people]
        assert ["bo"] == chosen([waiting()], people)
        (found,) = suggest_assignee([waiting()], people[:1], now=NOW, effort=effort())
        assert (at("11:00"), True) == (found.ends_at, "50 % of the week for tickets" in found.words())

    def test_a_whole_week_for_projects(self):
        """Leaves nothing: nobody is asked who has no time."""
        full = Allocation(person="al", project="P-1", hours_per_week=Decimal(45), starts_on=MONDAY)
        assert [None] == chosen([waiting()], with_allocations([person("al", "mail")], [full], on=MONDAY))


class TestReplay:
    def test_the_desk_saves_a_promise(self):
        """First come: the long-dated ticket takes the only person, and the other one is late."""
        people = [person("al", "mail")]
        arrivals = [
            Arrival(waiting(due="+3 17:00"), NOW, 2 * HOUR),
            Arrival(waiting(due="11:30"), NOW, 2 * HOUR),
        ]
        plain = replay(arrivals, people, first_come, effort=effort())
        better = replay(arrivals, people, as_suggested, effort=effort())
        assert (1, 0) == (plain.breaches, better.breaches)
        assert (2, 0) == (better.tickets, better.unsolved)
        assert 3 * HOUR == plain.mean

    def test_tickets_that_nobody_may_take(self):
        """Stay unsolved and count as breaches."""
        found = replay([Arrival(waiting("sap", group="erp"), NOW, HOUR)], [person("al")], first_come, effort=effort())
        assert (1, 1, timedelta(0)) == (found.unsolved, found.breaches, found.mean)


class TestCheapest:
    def test_shapes(self):
        """No rows, no columns, more rows than columns."""
        assert ([], [None, None]) == (cheapest([]), cheapest([[], []]))
        assert [None, 0, None] == cheapest([[5.0], [1.0], [3.0]])
