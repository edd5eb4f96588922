"""What follows from a bad answer, in words: title, text, due time, owner; the same for ticket and work item."""

from __future__ import annotations

import html
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from periferia_link.domain import Client, Employee, Ref, Survey, Ticket
from periferia_link.engine import Context, Lookup
from periferia_link.rules import DetractorRule, read_detractors
from periferia_link.rules.promise import calendar_of, end_of, promised
from periferia_link.sla import SlaRules, read_sla

__all__ = ["FollowUp", "FollowUps", "Options", "by_id", "reference_of", "rule_of", "tables"]

_WORDS: Mapping[str, tuple[str, str]] = {
    "detractor": ("Detractor", "Detractor"),
    "nobody": ("cliente sin identificar", "client not known"),
    "why": ("Motivo", "Reason"),
    "client": ("Cliente", "Client"),
    "who": ("Responde", "Answered by"),
    "when": ("Fecha", "Date"),
    "survey": ("Encuesta", "Survey"),
    "project": ("Proyecto", "Project"),
    "comment": ("Comentario", "Comment"),
    "doubtful": ("Respuesta dudosa", "Doubtful answer"),
    "unreliable": ("no confiable; se atiende igual", "unreliable; followed up all the same"),
    "owner": ("Gerente de la cuenta", "Owner of the account"),
    "due": ("Plazo", "Due"),
    "crm": ("CRM", "CRM"),
    "ticket": ("Caso", "Ticket"),
    "work": ("Elemento de trabajo", "Work item"),
}
_LONGEST_TITLE = 200


class Options(NamedTuple):
    """What every flow of the loop is made with."""

    rule: DetractorRule
    sla: SlaRules
    language: Literal["es", "en"]
    tier: str

    @classmethod
    def of(
        cls,
        detractors: DetractorRule | Mapping[str, Any] | None,
        sla: Mapping[str, Any] | None,
        language: Literal["es", "en"],
        zone: str,
        tier: str = "tier",
    ) -> Options:
        """Read the tables; a calendar that the rule names must be there."""
        rule, rules = rule_of(detractors), read_sla(sla or {}, zone=zone)
        calendar_of(rules, rule.calendar)
        return cls(rule, rules, language, tier)

    @property
    def text(self) -> str:
        """Everything that shapes the result, for the fingerprint of a flow."""
        calendars = [f"{name} {one.version}" for name, one in sorted(self.sla.calendars.items())]
        policies = [f"{one.id} {one.mark}" for one in self.sla.policies]
        return f"{_plain(self.rule.model_dump())}|{calendars}|{policies}|{self.language}|{self.tier}"


def rule_of(detractors: DetractorRule | Mapping[str, Any] | None) -> DetractorRule:
    """Return the rule, read where it is a table."""
    return detractors if isinstance(detractors, DetractorRule) else read_detractors(detractors or {})


def _plain(value: Any) -> Any:
    """Sets have no order; a fingerprint needs one."""
    if isinstance(value, Mapping):
        return sorted((key, _plain(one)) for key, one in value.items())
    return sorted(value) if isinstance(value, (set, frozenset)) else value


class FollowUp(NamedTuple):
    """What ticket and work item have in common; ``reasons`` say why the answer asks for it."""

    title: str
    lines: tuple[str, ...]
    due_at: datetime | None
    client: Client | None
    owner: Employee | None
    reasons: tuple[str, ...]

    @property
    def markup(self) -> str:
        """The lines as paragraphs of HTML, nothing of what people wrote as markup."""
        return "".join(f"<p>{html.escape(line)}</p>" for line in self.lines)


def tables(source: str, people: str = "") -> dict[str, Lookup]:
    """Return the look-up tables that :class:`FollowUps` asks: accounts, their owners, people of the help desk."""
    found = {
        "detractor_accounts": Lookup(source, "Client", by_id, "account"),
        "detractor_owners": Lookup(source, "Employee", by_id, "user of the CRM"),
    }
    if people:
        found["detractor_people"] = Lookup(people, "Employee", _person_key, "person", several=True)
    return found


class FollowUps:
    """Makes follow-ups of answers; pure."""

    def __init__(self, options: Options) -> None:
        self._options = options

    def word(self, name: str) -> str:
        """Return a word in the language of the installation."""
        return _WORDS[name][self._options.language == "en"]

    def of(self, survey: Survey, context: Context) -> FollowUp | None:
        """Return what follows from an answer; ``None`` when it is no detractor."""
        options = self._options
        reasons = options.rule.reasons(survey)
        if not reasons:
            return None
        client: Client | None = None
        if survey.client is not None:
            client = context.find("detractor_accounts", survey.client.id)
        owner: Employee | None = None
        if client is not None and client.owner is not None:
            owner = context.find("detractor_owners", client.owner.id)
        due = self._due(survey, client)
        who = client.name if client is not None else self.word("nobody")
        title = f"{self.word('detractor')}: {who} · {', '.join(reasons)}"
        lines = tuple(self._lines(survey, context, reasons, client, owner=owner, due=due))
        return FollowUp(_cut(title), lines, due, client, owner, tuple(reasons))

    def assignee(self, owner: Employee | None, context: Context) -> str | None:
        """Return who of the help desk is the owner of the account: by e-mail, else by code; never one of two."""
        for key in (owner.email, owner.code) if owner is not None else ():
            found = context.each("detractor_people", key.strip().casefold()) if key else ()
            if len(found) == 1 and found[0].is_active:
                return found[0].ref.id if found[0].ref is not None else None
        return self._options.rule.assignee

    def line(self, word: str, text: str) -> str:
        """Return ``Word: text``."""
        return f"{self.word(word)}: {text}"

    def address(self, role: str, ref: Ref) -> str:
        """Return where a person finds a record: its address, else its name here."""
        return self._options.rule.address(role, ref.id) or str(ref)

    def _due(self, survey: Survey, client: Client | None) -> datetime | None:
        begin = survey.answered_at or survey.updated_at
        if begin is None:
            return None
        rule = self._options.rule
        tier = client.custom.get(self._options.tier) if client is not None else None
        asked = Ticket(title="-", type=rule.type, priority=rule.priority, group=rule.group, project=survey.project)
        found = promised(asked, begin, self._options.sla, tier=str(tier) if tier is not None else None)
        return found or end_of(rule.within, begin, calendar_of(self._options.sla, rule.calendar))

    def _lines(
        self,
        survey: Survey,
        context: Context,
        reasons: list[str],
        client: Client | None,
        *,
        owner: Employee | None,
        due: datetime | None,
    ) -> list[str]:
        lines = [self.line("why", ", ".join(reasons))]
        lines.append(self.line("client", client.name if client is not None else self.word("nobody")))
        who = " ".join(part for part in (survey.respondent, f"<{survey.email}>" if survey.email else "") if part)
        told = {
            "owner": owner.name if owner is not None else None,
            "who": who,
            "survey": " ".join(part for part in (survey.questionnaire, survey.wave) if part),
            "when": _local(survey.answered_at, context),
            "due": _local(due, context),
            "project": survey.project,
        }
        lines += [self.line(name, text) for name, text in told.items() if text]
        if survey.flags:
            verdict = "" if survey.is_reliable else f" ({self.word('unreliable')})"
            lines.append(self.line("doubtful", ", ".join(survey.flags) + verdict))
        if survey.comment:
            lines.append(self.line("comment", survey.comment))
        for one in survey.answers:
            if one.text or one.value is not None:
                lines.append(f"{one.question}: {one.text or one.value}")
        return lines


def by_id(record: Any) -> str | None:
    """Return the id of a record in its system: the key of a look-up table."""
    return record.ref.id if record.ref is not None else None


def reference_of(survey: Survey) -> str:
    """Return the one text by which everything that follows from an answer is found."""
    return f"detractor:{survey.ref.id}" if survey.ref is not None else ""


def _person_key(person: Employee) -> str | None:
    text = (person.email or person.code).strip().casefold()
    return text or None


def _local(moment: datetime | None, context: Context) -> str | None:
    if moment is None:
        return None
    return f"{moment.astimezone(context.zone):%Y-%m-%d %H:%M}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TITLE else f"{text[: _LONGEST_TITLE - 1]}…"
