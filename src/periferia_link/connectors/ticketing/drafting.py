"""A first profile from a few sample answers: what can be seen in them is filled in, the rest is left to ask."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from periferia_link.errors import ConfigurationError

__all__ = ["Sample", "draft_profile"]


class Sample(NamedTuple):
    """One answer of a server: the address it came from, and its JSON."""

    address: str
    document: Any


_FIELDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Ticket": {
        "title": ("title", "subject", "summary", "short_description", "name"),
        "number": ("number", "key", "reference"),
        "description": ("description", "body", "content", "details"),
        "status": ("status", "state", "status_id"),
        "priority": ("priority", "priority_id", "urgency"),
        "category": ("category", "queue", "group", "project"),
        "assignee": ("assignee", "assigned_to", "assignedto", "owner", "responder_id", "assignee_id"),
        "caller": ("requester", "caller", "requester_email", "submitter_email", "author", "requester_id"),
        "opened_at": ("created_at", "created", "creation", "created_on", "opened_at", "date"),
        "due_at": ("due_at", "due", "due_date", "due_by"),
        "updated_at": ("updated_at", "updated", "activity", "updated_on", "modified", "date_mod", "sys_updated_on"),
    },
    "TimeEntry": {
        "person": ("person", "user", "user_id", "agent_id", "author", "person_id"),
        "project": ("project", "project_code", "project_id"),
        "worked_on": ("worked_on", "spent_on", "date", "executed_at", "started"),
        "hours": ("hours", "time_spent", "time_unit", "minutes", "timeSpentSeconds", "actiontime"),
        "ticket": ("ticket", "ticket_id", "issue", "issue_id", "tickets_id"),
        "note": ("note", "comment", "comments", "description"),
        "updated_at": ("updated_at", "updated_on", "activity", "date_mod"),
    },
}
_ROWS = ("data", "results", "items", "tickets", "issues", "result", "value", "rows", "time_entries", "collection")
_CURSORS = ("next_cursor", "cursor", "meta.after_cursor", "after_cursor")
_LINKS = ("next", "next_page", "links.next", "_links.next.href", "@odata.nextLink")


def draft_profile(name: str, tickets: Sample, work_logs: Sample | None = None) -> str:
    """
    Return the text of a profile that fits the samples; ``…`` and lines with a question mark are yours to fill in.

    Args:
        name: Name of the profile.

        tickets: A page of tickets.

        work_logs: A page of work logs.

    Raises:
        ConfigurationError: A sample holds no list of records.
    """
    rows_path, rows = _rows(tickets)
    lines = [
        f"# First draft from {1 + (work_logs is not None)} sample(s); every line with ? is a guess to check",
        "profile = 1",
        f'name = "{name}"',
        f'title = "{name.replace("-", " ").title()}"',
        'state = "untested"',
        'source = "…"',
        'root = "…"          # ? what follows the address of the server, as api/v2',
        "",
        "[auth]",
        'accepts = ["token"]  # ? token, basic, key, login',
        "",
        "[auth.who]",
        'path = "…"          # ? an address that tells who is calling',
        'identity = "…"',
        "",
        "[list]",
        f'rows = "{rows_path}"',
        "",
        *_paging(tickets.document),
        "",
        "[since]",
        'param = ""          # ? the parameter that asks for changes; without one everything is read and compared',
        "",
        *_words("status", rows),
        *_words("priority", rows),
        *_kind("Ticket", tickets, rows),
    ]
    if work_logs is not None:
        path, inner = _rows(work_logs)
        lines += ["", *_kind("TimeEntry", work_logs, inner)]
        if path != rows_path:
            lines += ["", "[kinds.TimeEntry.list]", f'rows = "{path}"']
    return "\n".join(lines) + "\n"


def _rows(sample: Sample) -> tuple[str, list[Mapping[str, Any]]]:
    for path, value in _lists(sample.document):
        rows = [row for row in value if isinstance(row, Mapping)]
        if rows and len(rows) == len(value):
            return path, rows
    msg = "the sample holds no list of records"
    raise ConfigurationError(msg, hint="save the answer to a list of tickets, with at least one in it")


def _lists(document: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, list[Any]]]:
    """Walk the lists of an answer, those with a usual name first."""
    if isinstance(document, list):
        yield path, document
    elif isinstance(document, Mapping) and depth < 3:
        for key in sorted(document, key=lambda name: (_ROWS.index(name) if name in _ROWS else len(_ROWS), name)):
            yield from _lists(document[key], f"{path}.{key}".lstrip("."), depth + 1)


def _paging(document: Any) -> list[str]:
    if isinstance(document, Mapping):
        for path in _CURSORS:
            if _has(document, path):
                return ["[paging]", 'kind = "cursor"', f'cursor = "{path}"', 'cursor_param = "cursor"  # ?']
        for path in _LINKS:
            if _has(document, path):
                return ["[paging]", 'kind = "next"', f'next = "{path}"']
        if any(name in document for name in ("offset", "total_count", "startAt")):
            return ["[paging]", 'kind = "offset"', 'offset_param = "offset"  # ?', 'size_param = "limit"  # ?']
    return ["[paging]", 'kind = "page"', 'page_param = "page"  # ?', 'size_param = "per_page"  # ?']


def _has(document: Mapping[str, Any], path: str) -> bool:
    if path in document:
        return True
    place: Any = document
    for name in path.split("."):
        if not isinstance(place, Mapping) or name not in place:
            return False
        place = place[name]
    return True


def _words(field: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    member = _member(_FIELDS["Ticket"][field], rows)
    if member is None:
        return []
    found = sorted({str(value) for row in rows if (value := _scalar(row.get(member))) is not None})
    lines = [f"[map.{field}.values]  # ? our words on the right"]
    return [*lines, *(f'{_quoted(word)} = "…"' for word in found), ""]


def _kind(kind: str, sample: Sample, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    path = re.sub(r"^\w+://[^/]+/", "", sample.address).partition("?")[0].strip("/").rpartition("/")[2] or "…"
    updated = _member(_FIELDS[kind]["updated_at"], rows)
    lines = [f"[kinds.{kind}]", f'path = "{path}"', f'key = "{_member(("id", "key", "sys_id"), rows) or "…"}"']
    lines.append(f'updated = "{updated}"' if updated else 'version = "@hash"    # no time of change was seen')
    lines += ["", f"[kinds.{kind}.fields]"]
    for field, names in _FIELDS[kind].items():
        member = _member(names, rows)
        if member is not None:
            lines.append(f"{field} = {_rule(field, member, rows)}")
    return lines


def _rule(field: str, member: str, rows: Sequence[Mapping[str, Any]]) -> str:
    value = next((row[member] for row in rows if row.get(member) is not None), None)
    path = member
    if isinstance(value, Mapping):
        inner = next((name for name in ("name", "key", "id", "value") if name in value), next(iter(value), ""))
        path = f"{member}.{inner}"
    if field in ("status", "priority"):
        return f'{{ path = "{path}", map = "{field}" }}'
    if field == "hours":
        unit = "clock" if isinstance(value, str) and ":" in value else "minutes" if "minute" in member else "hours"
        return f'{{ path = "{path}", as = "{unit}" }}  # ? hours, minutes, seconds or clock'
    if field in ("number", "opened_at", "updated_at", "external_ref"):
        return f'{{ path = "{path}", write = false }}'
    return f'"{path}"'


def _member(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str | None:
    present = {name for row in rows for name in row}
    return next((name for name in names if name in present), None)


def _scalar(value: Any) -> Any:
    if isinstance(value, Mapping):
        return next((value[name] for name in ("name", "key", "id", "value") if name in value), None)
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def _quoted(word: str) -> str:
    return word if re.fullmatch(r"[A-Za-z0-9_-]+", word) else json.dumps(word, ensure_ascii=False)
