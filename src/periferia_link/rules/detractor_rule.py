"""Detractors: whose answer asks for a follow-up, and what the follow-up is."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from periferia_link.domain import Survey
from periferia_link.domain.ticket import TicketPriority, TicketType
from periferia_link.rules.reading import Addresses, Rule, read_rule
from periferia_link.sla.duration import Within, within_of

__all__ = ["AskAgain", "DetractorRule", "WorkRule", "folded", "read_detractors"]


def _within(value: Any) -> Any:
    return within_of(value) if isinstance(value, str) else value


class WorkRule(Rule):
    """The work item of a detractor."""

    type: str = Field(default="User Story", min_length=1, max_length=128, description='its type, as "User Story"')
    project: str | None = Field(default=None, description="the team project; without it that of the connector")
    area: str | None = Field(default=None, description='the area path, as "Entrega\\\\Calidad"')
    iteration: str | None = Field(default=None, description="the iteration path")
    priority: int = Field(default=1, ge=1, le=4, description="its priority, 1 is the most urgent")
    tags: tuple[str, ...] = Field(default=("detractor",), max_length=20, description='its tags, as ["detractor"]')
    assign: bool = Field(default=True, description="true or false: whether the owner of the account gets it, by e-mail")


class AskAgain(Rule):
    """When the person is asked again after the loop was closed."""

    after_days: int = Field(default=30, ge=0, le=3650, description="days from the closing until the person is asked")
    quarantine_days: int = Field(
        default=90, ge=0, le=3650, description="days from the last answer of that person in which nobody asks again"
    )
    hour: int = Field(default=9, ge=0, le=23, description="the hour of the day of the task, 0 to 23")


class DetractorRule(Rule):
    """
    Who is a detractor: any of the limits is enough. What follows: a ticket, a work item, and a day to ask again.

    ``questions`` are limits of one's own: the text of a question (or its beginning) and the largest number that asks
    for a follow-up. ``words`` are looked for in the comment and in free answers, without accents and case.
    """

    nps: int | Literal[False] = Field(default=6, ge=0, le=10, description="the largest mark 0 to 10, or false")
    csat: int | Literal[False] = Field(default=2, ge=1, le=5, description="the largest mark 1 to 5, or false")
    ces: int | Literal[False] = Field(default=False, ge=1, le=7, description="the largest mark 1 to 7, or false")
    questions: Mapping[str, Decimal] = Field(
        default_factory=dict, description='a question and its largest mark, as { "¿Cumplimos los plazos?" = 2 }'
    )
    words: tuple[str, ...] = Field(default=(), max_length=500, description='words in the answers, as ["cancelar"]')
    questionnaires: frozenset[str] = Field(default=frozenset(), description="ids of forms; without it all of them")
    type: TicketType = Field(default="complaint", description='the type of the ticket, as "complaint"')
    priority: TicketPriority = Field(default="high", description='"critical", "high", "normal" or "low"')
    group: str | None = Field(default=None, description="the team of the help desk that gets the ticket")
    assignee: str | None = Field(default=None, description="who gets it when the account has no owner there")
    within: Annotated[Within, BeforeValidator(_within)] = Field(
        default_factory=lambda: Within(timedelta(hours=48)),
        description='the time to resolve where no policy of [sla] promises one, as "48h" or "2 working days"',
    )
    calendar: str = Field(default="always", description='the calendar of that time, one of [sla.calendars] or "always"')
    work: WorkRule = Field(default_factory=WorkRule, description="a table: the work item")
    ask_again: AskAgain = Field(default_factory=AskAgain, description="a table: when the person is asked again")
    addresses: Addresses = Field(
        default_factory=dict,
        description='addresses of records by role, as { helpdesk = "https://desk.example/tickets/{id}" }',
    )

    @field_validator("words")
    @classmethod
    def _words_say_something(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if not all(folded(word) for word in words):
            msg = "needs words, not blanks"
            raise ValueError(msg)
        return words

    def reasons(self, survey: Survey) -> list[str]:
        """Say why the answer asks for a follow-up, one text a limit; empty when it does not."""
        if self.questionnaires and survey.questionnaire not in self.questionnaires:
            return []
        found = [
            f"{name.upper()} {mark}"
            for name in ("nps", "csat", "ces")
            if (mark := getattr(survey, name)) is not None
            and (limit := getattr(self, name)) is not False
            and mark <= limit
        ]
        for answer in survey.answers:
            asked = folded(answer.question)
            for question, limit in self.questions.items():
                if answer.value is not None and asked.startswith(folded(question)) and answer.value <= limit:
                    found.append(f"{answer.question} {answer.value:f}")
        told = folded(" ".join([survey.comment or "", *(a.text or "" for a in survey.answers if a.value is None)]))
        return found + [f"«{word}»" for word in self.words if folded(word) in told]

    def ask_again_on(self, closed_on: date, last_answer: date | None) -> date:
        """Return the first day on which the person may be asked: after the closing, and out of quarantine."""
        asked = closed_on + timedelta(days=self.ask_again.after_days)
        if last_answer is None:
            return asked
        return max(asked, last_answer + timedelta(days=self.ask_again.quarantine_days))

    def address(self, role: str, key: str) -> str | None:
        """Return the address of a record of that role, where the rule gives one."""
        template = self.addresses.get(role)
        return template.replace("{id}", key) if template else None


def folded(text: str) -> str:
    """Return a text without accents, case and double blanks: for comparing."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(sign for sign in plain if not unicodedata.combining(sign)).split())


def read_detractors(table: Mapping[str, Any], *, file: str = "periferia.toml") -> DetractorRule:
    """
    Read the table ``[detractors]``.

    Raises:
        ConfigurationError: A name or a value that does not fit, with section, key and the next step.
    """
    return read_rule(DetractorRule, table, section="detractors", file=file)
