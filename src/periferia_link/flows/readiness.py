"""Definition of Ready and Definition of Done: what an item lacks, reported, and by choice written as a comment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from periferia_link.domain import Interaction, WorkItem
from periferia_link.engine import Context, Flow, Skip
from periferia_link.rules import Checklists, read_checklists
from periferia_link.rules.checklist import Failure, failures

__all__ = ["Readiness", "readiness", "readiness_of"]

_WORDS: Mapping[str, tuple[str, str]] = {
    "ready": ("Definición de preparado", "Definition of Ready"),
    "done": ("Definición de terminado", "Definition of Done"),
    "missing": ("falta", "missing"),
    "met": ("Los puntos de las listas se cumplen.", "Every point of the checklists is met."),
    "subject": ("Revisión de listas", "Checklist review"),
}


class Readiness(NamedTuple):
    """What one item lacks; without failures everything that is asked of it holds."""

    item: WorkItem
    failures: tuple[Failure, ...]

    @property
    def is_ready(self) -> bool:
        """Whether nothing is missing."""
        return not self.failures

    def __str__(self) -> str:
        number = self.item.ref.id if self.item.ref is not None else "-"
        told = "; ".join(f"{one.checklist}: {one.says}" for one in self.failures) or "ok"
        return f"#{number} {told}"


def readiness_of(items: Iterable[WorkItem], checklists: Checklists | Mapping[str, Any]) -> list[Readiness]:
    """
    Report the items of which something is asked, in the order given: ``readiness_of(devops.each("WorkItem"), rules)``.

    Args:
        items: Work items as they are now.

        checklists: The rules, or the table ``[readiness]``.

    Raises:
        ConfigurationError: The table is not valid.
    """
    rules = _rules(checklists)
    asked = ((item, failures(rules, item)) for item in items)
    return [Readiness(item, tuple(found)) for item, found in asked if found is not None]


def readiness(
    *,
    checklists: Checklists | Mapping[str, Any] | None = None,
    language: Literal["es", "en"] = "es",
    role: str = "devops",
    **changes: Any,
) -> Flow:
    """
    Return the flow that writes what an item lacks as one comment on it, and keeps that comment true.

    An item that lacks nothing gets no comment; one that lacked something is told when it does not any more. For a
    report without comments use :func:`readiness_of`, or look at the plan of this flow.

    Args:
        checklists: The table ``[readiness]``.

        language: Of the comment.

        role: Role of the delivery tool.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The rules or the changes are not valid.
    """
    rules = _rules(checklists or {})

    def word(name: str) -> str:
        return _WORDS[name][language == "en"]

    def project(item: WorkItem, context: Context) -> Interaction | Skip:
        found = failures(rules, item)
        if item.ref is None or (not found and context.linked(item.ref, role, "Interaction") is None):
            return Skip("nothing is asked of it" if found is None else "nothing is missing")
        lines = [f"{word(one.stage)} ({one.checklist}), {word('missing')}: {one.says}" for one in found or ()]
        return Interaction(
            subject=word("subject"), text="\n".join(lines or [word("met")]), channel="note", regarding=item.ref
        )

    flow = Flow(
        name="readiness",
        source=(role, "WorkItem"),
        target=(role, "Interaction"),
        project=project,
        keeps=frozenset({"regarding", "channel"}),
        owns=frozenset({"subject", "text", "regarding", "channel"}),
        after=("requirements_to_devops", "detractor_work"),
        relation="event of",
        rules=f"{_text(rules)}|{language}",
    )
    return flow.but(**changes) if changes else flow


def _rules(checklists: Checklists | Mapping[str, Any]) -> Checklists:
    return checklists if isinstance(checklists, Checklists) else read_checklists(checklists)


def _text(rules: Checklists) -> str:
    told = []
    for name, one in sorted(rules.checklists.items()):
        sets = [sorted(one.types), sorted(one.categories), sorted(one.tags)]
        told.append((name, one.title, one.stage, *sets, [check.model_dump_json() for check in one.checks]))
    return str(told)
