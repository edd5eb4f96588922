"""Terms that laws of Colombia give for petitions and claims (PQR): dated, named, off by default. Not legal advice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from types import MappingProxyType

from periferia_link.domain.ticket import TicketType
from periferia_link.errors import ConfigurationError
from periferia_link.sla.calendar import BusinessCalendar
from periferia_link.sla.duration import Within
from periferia_link.sla.policy import Applies, Policy, Target

__all__ = ["LEGAL_TERMS", "NOTICE", "LegalDeadline", "LegalTerm", "legal_deadline", "legal_policy", "legal_term"]

NOTICE = "Not legal advice: check the term with your lawyers; contracts may promise more."
"""Stands in every deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalTerm:
    """
    A term in working days, counted from the working day after receipt.

    ``as_of`` is the day on which the source was read; ``is_verified`` is false for what was written from memory.
    ``longest`` is the whole term when it is extended in time, with reasons (``None``: no extension).
    """

    id: str
    title: str
    working_days: int
    longest: int | None
    source: str
    as_of: date
    is_verified: bool = True
    silence: str = ""


_READ = date(2026, 11, 1)
_LEY_1755 = "Ley 1755 de 2015, art. 14"

LEGAL_TERMS: Mapping[str, LegalTerm] = MappingProxyType(
    {
        term.id: term
        for term in (
            LegalTerm(
                id="co.ley1755.peticion",
                title="Petición, queja o reclamo en general",
                working_days=15,
                longest=30,
                source=f"{_LEY_1755}; extension by its paragraph: reasons and a new date told before the term ends",
                as_of=_READ,
            ),
            LegalTerm(
                id="co.ley1755.informacion",
                title="Petición de documentos y de información",
                working_days=10,
                longest=20,
                source=f"{_LEY_1755} num. 1",
                as_of=_READ,
                silence="counts as accepted; copies are due within the 3 days that follow",
            ),
            LegalTerm(
                id="co.ley1755.consulta",
                title="Consulta a las autoridades",
                working_days=30,
                longest=60,
                source=f"{_LEY_1755} num. 2",
                as_of=_READ,
            ),
            LegalTerm(
                id="co.ley1755.traslado",
                title="Traslado al competente",
                working_days=5,
                longest=None,
                source="Ley 1755 de 2015, art. 21",
                as_of=_READ,
            ),
            LegalTerm(
                id="co.telecom.pqr",
                title="PQR de servicios de comunicaciones",
                working_days=15,
                longest=30,
                source="rules of the sector as published by Regulatel (table for Colombia)",
                as_of=_READ,
                silence="counts as accepted; it takes effect within 72 hours",
            ),
            LegalTerm(
                id="co.ley1581.reclamo",
                title="Reclamo sobre datos personales",
                working_days=15,
                longest=23,
                source="Ley 1581 de 2012, art. 15",
                as_of=_READ,
            ),
            LegalTerm(
                id="co.ley1581.consulta",
                title="Consulta de datos personales",
                working_days=10,
                longest=15,
                source="Ley 1581 de 2012, art. 14",
                as_of=_READ,
                is_verified=False,
            ),
            LegalTerm(
                id="co.ley1480.reclamo",
                title="Reclamación del consumidor",
                working_days=15,
                longest=None,
                source="Ley 1480 de 2011, art. 58",
                as_of=_READ,
                is_verified=False,
            ),
        )
    }
)
"""Presets by id; none is used unless a configuration names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalDeadline:
    """
    The last day of a term: the answer is in time until that civil day is over (``due_at``, UTC).

    ``calendar_version`` tells which holidays it rests on: a new law moves the deadlines of the past too. ``gaps`` name
    what was not known. After :meth:`extended`, ``told_on`` and ``reason`` say when the requester was told, and why.
    """

    term: LegalTerm
    received_on: date
    due_on: date
    due_at: datetime
    calendar: str
    calendar_version: str
    gaps: tuple[str, ...] = ()
    told_on: date | None = None
    reason: str | None = None
    notice: str = NOTICE

    def extended(self, days: int, *, told_on: date, reason: str, calendar: BusinessCalendar) -> LegalDeadline:
        """
        Return the deadline of the extended term of *days* working days in all.

        Raises:
            ConfigurationError: The law knows no such extension, the requester was told too late, or no reason is given.
        """
        longest = self.term.longest
        if longest is None or not self.term.working_days < days <= longest:
            allowed = f"at most {longest} working days in all" if longest else "not at all"
            msg = f"{self.term.id} can be extended {allowed}"
            raise ConfigurationError(msg, hint=f"source: {self.term.source}")
        if told_on > self.due_on or not reason.strip():
            msg = "an extension is told before the term ends, with its reasons"
            raise ConfigurationError(msg, hint=f"the term ends on {self.due_on}")
        longer = legal_deadline(replace(self.term, working_days=days), self.received_on, calendar=calendar)
        return replace(longer, term=self.term, told_on=told_on, reason=reason)


def legal_term(name: str) -> LegalTerm:
    """
    Return the preset of that id, such as ``co.ley1755.peticion``.

    Raises:
        ConfigurationError: There is none.
    """
    try:
        return LEGAL_TERMS[name]
    except KeyError:
        msg = f"there is no legal term {name}"
        raise ConfigurationError(msg, hint=f"known are {', '.join(LEGAL_TERMS)}") from None


def legal_deadline(term: LegalTerm | str, received_on: date, *, calendar: BusinessCalendar) -> LegalDeadline:
    """
    Return until when a petition that was received on that day must be answered.

    Args:
        term: A preset or its id.

        received_on: Civil day of receipt; the term begins on the next working day.

        calendar: Its working days count; take one with the holidays of the country.

    Raises:
        ConfigurationError: There is no such term.
    """
    rule = legal_term(term) if isinstance(term, str) else term
    due_on = calendar.working_days_after(received_on, rule.working_days)
    years = [year for year in range(received_on.year, due_on.year + 1) if not calendar.holidays.knows(year)]
    gaps = [f"holidays of {year} unknown" for year in years]
    gaps += [] if rule.is_verified else ["the term was written from memory"]
    return LegalDeadline(
        term=rule,
        received_on=received_on,
        due_on=due_on,
        due_at=calendar.end_of(due_on),
        calendar=calendar.name,
        calendar_version=calendar.version,
        gaps=tuple(gaps),
    )


def legal_policy(term: LegalTerm | str, *, types: frozenset[TicketType], calendar: str, position: int = 10) -> Policy:
    """
    Return a preset as a policy for tickets of these types, so that its clock stands beside the others.

    Raises:
        ConfigurationError: There is no such term.
    """
    rule = legal_term(term) if isinstance(term, str) else term
    return Policy(
        id=rule.id,
        title=rule.title,
        version=rule.as_of.isoformat(),
        position=position,
        calendar=calendar,
        applies=Applies(types=types),
        targets=(Target(metric="resolution", within=Within(working_days=rule.working_days)),),
        reopened="goes on",
        source=f"{rule.source}. {NOTICE}",
    )
