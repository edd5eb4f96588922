"""Reports, plans and what waits for a person, as sections of a screen."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from periferia_link.cli._screens import Screen
from periferia_link.domain import KINDS, Ref
from periferia_link.engine import Change, FlowReport, Plan
from periferia_link.engine.report import COUNTS
from periferia_link.ledger import Parked, Review

__all__ = ["readable_key", "show_changes", "show_counts", "show_notes", "show_plan", "show_waiting"]

_WIDE = 110  # characters that a table of all counts takes
_GUTTER = 3  # characters between two columns
_ALWAYS = ("created", "updated", "unchanged")
_SOMETIMES = ("waiting", "skipped", "refused", "unmatched", "different")
_EXAMPLES = 3
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_FIRST = {name: place for place, name in enumerate(("code", "number", "name", "tax_id", "client"))}
_SIGNS = {"create": "+", "update": "~", "delete": "-", "action": "!"}


def show_counts(screen: Screen, reports: Mapping[str, FlowReport]) -> None:
    """Show what happened in each flow; rare counts, and on a small screen all, have a column where there are some."""
    always = COUNTS if screen.width >= _WIDE else _ALWAYS
    seen = {name for report in reports.values() for name, number in report.counts.items() if number}
    names = [name for name in (*COUNTS, *_SOMETIMES) if name in always or name in seen]
    titles = {name: screen.words(f"report.{name}") for name in names}
    flows = max((len(flow) for flow in reports), default=0)
    if flows + sum(len(title) + _GUTTER for title in titles.values()) > screen.width:
        names = [name for name in names if name in seen]
    headings = [screen.words("report.flow"), *(titles[name] for name in names)]
    screen.table(headings, [[flow, *(report.counts[name] for name in names)] for flow, report in reports.items()])


def show_notes(screen: Screen, reports: Mapping[str, FlowReport], *, limit: int = 5) -> None:
    """Show the sentences of the reports; beyond the limit of each flow they are only counted."""
    for flow, report in reports.items():
        for note in report.notes[:limit]:
            screen.line(f"{flow}: {note}", indent=2)
        left = len(report.notes) + report.more_notes - limit
        if left > 0:
            screen.line(f"{flow}: " + screen.words("report.more", n=left), indent=2)


# ---------------------------------------------------------------------- plans


def show_plan(screen: Screen, plan: Plan, *, examples: int = _EXAMPLES) -> None:
    """Show counts by flow, then the first changes of each."""
    show_counts(screen, plan.reports)
    by_flow: dict[str, list[Change]] = defaultdict(list)
    for change in plan.changes:
        by_flow[change.flow].append(change)
    for flow, changes in by_flow.items():
        screen.line()
        screen.line(screen.words("plan.changes", flow=flow, n=len(changes)), style="bold")
        show_changes(screen, changes, limit=examples)
    if not plan:
        screen.line()
        screen.line(screen.words("plan.nothing"))


def show_changes(screen: Screen, changes: Sequence[Change], *, limit: int = _EXAMPLES) -> None:
    """Show single changes, the first of each mode."""
    chosen: list[Change] = []
    seen: Counter[str] = Counter()
    for change in changes:
        seen[change.mode] += 1
        if seen[change.mode] <= limit:
            chosen.append(change)
    for change in chosen:
        mode = screen.words(f"mode.{change.mode}")
        screen.line(f"{_SIGNS.get(change.mode, '?')} {mode} {change.system} {_told(screen, change)}", indent=2)
    if len(changes) > len(chosen):
        screen.line(screen.words("report.more", n=len(changes) - len(chosen)), indent=2)


def _told(screen: Screen, change: Change) -> str:
    """Describe one change in a line; personal fields are named, never shown."""
    if change.kind == "CostEntry" and change.mode == "create":
        return _posting(screen, {name: after for name, (_, after) in change.fields.items()})
    personal = KINDS[change.kind].personal_fields if change.kind in KINDS else frozenset()
    parts = []
    for name in sorted(change.fields, key=lambda name: (_FIRST.get(name, len(_FIRST)), name)):
        before, after = change.fields[name]
        if change.mode == "create" and after in (None, "", {}, []):
            continue
        if name in personal:
            parts.append(f"{name} …")
        else:
            parts.append(
                f"{name} {_value(after)}" if change.mode == "create" else f"{name} {_value(before)} → {_value(after)}"
            )
    record = " ".join(filter(None, [change.kind, change.target]))
    return f"{record}: {', '.join(parts)}" if parts else record


def _posting(screen: Screen, fields: Mapping[str, Any]) -> str:
    lines = fields.get("lines") or []
    debit: Mapping[str, Any] = next((line for line in lines if Decimal(line.get("debit") or 0)), {})
    credit: Mapping[str, Any] = next((line for line in lines if Decimal(line.get("credit") or 0)), {})
    amount = screen.words.shown(sum((Decimal(line.get("debit") or 0) for line in lines), Decimal(0)))
    place = " / ".join(
        text for line in (debit, credit) for text in (line.get("project"), line.get("cost_centre")) if text
    )
    accounts = f"{debit.get('account')} ← {credit.get('account')}"
    return f"CostEntry {fields.get('posted_on')}: {accounts}, {place}, {amount} {fields.get('currency')}"


def _value(value: Any) -> str:
    if isinstance(value, Mapping) and set(value) == {"country", "number"}:
        return str(value["number"])  # a tax id
    if isinstance(value, list) and len(value) == len(Ref._fields) and all(isinstance(part, str) for part in value):
        return Ref(*value).id
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 50 else text[:49] + "…"


# ---------------------------------------------------------------------- parked and review


def show_waiting(
    screen: Screen,
    parked: Iterable[Parked],
    reviews: Iterable[Review],
    *,
    examples: int = 3,
    names: Mapping[str, str] | None = None,
) -> None:
    """
    Show what waits for a person: equal reasons together, each with its next step.

    Args:
        screen: Where.

        parked: Records that could not be written.

        reviews: Records that a person must decide on.

        examples: Keys to show of those with one reason.

        names: What people call the records, by key, where that is known.
    """
    known = names or {}
    set_aside = [_Waiting(row.flow, row.reason, row.next_step or "", _called(row.key, known)) for row in parked]
    asked = [
        _Waiting(row.flow, row.reason, screen.words("review.next"), _called(row.key, known) + _among(screen, row))
        for row in reviews
    ]
    for title, rows in (("parked.parked", set_aside), ("parked.review", asked)):
        if rows:
            screen.line(screen.words(title, n=len(rows)), style="bold")
            _show_reasons(screen, rows, examples)


class _Waiting(NamedTuple):
    flow: str
    reason: str
    step: str
    record: str


def _called(key: str, names: Mapping[str, str]) -> str:
    return names.get(key) or readable_key(key)


def _among(screen: Screen, review: Review) -> str:
    return f" ({screen.words('parked.candidates')}: {', '.join(review.candidates)})" if review.candidates else ""


def _show_reasons(screen: Screen, rows: Iterable[_Waiting], examples: int) -> None:
    """Show each reason once; reasons that differ in a day only are one, with the first and the last day."""
    by_reason: dict[tuple[str, str, str], list[_Waiting]] = defaultdict(list)
    for row in rows:
        by_reason[row.flow, _DAY.sub("", row.reason), row.step].append(row)
    for (flow, _, step), equal in by_reason.items():
        records = ", ".join(row.record for row in equal[:examples]) + (", …" if len(equal) > examples else "")
        screen.line(f"{flow}: {screen.words('parked.records', n=len(equal))}: {records}", indent=2)
        reason = screen.words.sentence(equal[0].reason)
        days = sorted({day for row in equal for day in _DAY.findall(row.reason)})
        if len(days) > 1:
            reason = _DAY.sub(f"{days[0]} … {days[-1]}", reason, count=1)
        screen.line(f"{screen.words('parked.reason')}: {reason}", indent=4)
        if step:
            screen.line(f"{screen.words('parked.next')}: {screen.words.sentence(step)}", indent=4)


def readable_key(key: str) -> str:
    """Return the key of a record as people read it; that of a group is a JSON list of its names."""
    if key.startswith("["):
        try:
            return " / ".join(json.loads(key))
        except (ValueError, TypeError):
            return key
    return key
