"""Survey: one answered questionnaire (encuesta), with the scores that were read from it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import Field

from periferia_link.domain._base import Entity, Exact, Instant, Ref, Text, _Value

__all__ = ["Measure", "Survey", "SurveyAnswer"]

Measure = Literal["nps", "csat", "ces"]


class SurveyAnswer(_Value):
    """
    One question and what was answered; ``value`` is the number on the question's scale where the answer is a score.

    ``measure`` says what the question measures: ``nps`` 0 to 10, ``csat`` 1 to 5, ``ces`` 1 to 7. ``is_reversed`` says
    that a low value is the good one there: the scores of the survey are turned around, ``value`` is as it was given.
    """

    question: Text
    text: str | None = Field(default=None, max_length=100_000)
    value: Exact | None = None
    measure: Measure | None = None
    is_reversed: bool = False


class Survey(Entity):
    """
    The answers of one person to one questionnaire.

    ``questionnaire`` is the id of the form and ``wave`` the round it belongs to (``2025-Q3``). ``flags`` name what
    makes the answer doubtful (``fast``, ``straight-line``, ``contradiction``, ``duplicate`` …); two make it unreliable.
    Nothing is deleted for that: ``weight`` says how much it counts. ``external_ref`` is our key where this library
    wrote it. What follows from a bad answer stands with it: the ticket and the work item that were opened, when each
    of them ended, when the loop was closed by that, and from which day on the person may be asked again.
    """

    personal_fields: ClassVar[frozenset[str]] = frozenset({"respondent", "email", "answers", "comment"})

    questionnaire: str = Field(min_length=1, max_length=200)
    wave: str | None = Field(default=None, max_length=100)
    respondent: str | None = Field(default=None, max_length=400)
    email: str | None = Field(default=None, max_length=200)
    started_at: Instant | None = None
    answered_at: Instant | None = None
    answers: tuple[SurveyAnswer, ...] = Field(default=(), max_length=1_000)
    nps: int | None = Field(default=None, ge=0, le=10)
    csat: int | None = Field(default=None, ge=1, le=5)
    ces: int | None = Field(default=None, ge=1, le=7)
    comment: str | None = Field(default=None, max_length=100_000)
    client: Ref | None = None
    contact: Ref | None = None
    ticket: Ref | None = None
    project: str | None = Field(default=None, max_length=100)
    client_key: str | None = Field(default=None, max_length=400)
    flags: tuple[str, ...] = Field(default=(), max_length=50)
    weight: Exact = Field(default=Decimal(1), ge=0, le=1)
    external_ref: str | None = Field(default=None, max_length=200)
    follow_up_ticket: str | None = Field(default=None, max_length=2000)
    follow_up_work: str | None = Field(default=None, max_length=2000)
    ticket_ended_at: Instant | None = None
    work_ended_at: Instant | None = None
    loop_closed_at: Instant | None = None
    ask_again_on: date | None = None
    updated_at: Instant | None = None

    @property
    def is_reliable(self) -> bool:
        """Whether fewer than two flags speak against the answer."""
        return len(self.flags) < 2
