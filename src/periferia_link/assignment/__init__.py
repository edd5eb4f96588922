"""Resource allocation on the help desk: who should take which ticket, and what that is worth."""

from periferia_link.assignment.person import Effort, Person, people_from, with_allocations, with_tickets
from periferia_link.assignment.replay import Arrival, Played, as_suggested, first_come, replay
from periferia_link.assignment.suggest import Open, Suggestion, suggest_assignee

__all__ = [
    "Arrival",
    "Effort",
    "Open",
    "Person",
    "Played",
    "Suggestion",
    "as_suggested",
    "first_come",
    "people_from",
    "replay",
    "suggest_assignee",
    "with_allocations",
    "with_tickets",
]
