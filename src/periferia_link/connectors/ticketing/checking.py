"""Asks a live server whether a profile says the truth about it; what is not proved is said, too."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from periferia_link.clock import SystemClock
from periferia_link.connectors.base import Applied, NotApplied, Row, Unknown, Write
from periferia_link.connectors.ticketing._connector import Ticketing
from periferia_link.connectors.ticketing._paths import look_up
from periferia_link.connectors.ticketing.profile import TicketProfile
from periferia_link.domain import Entity, Ref, Ticket, TimeEntry
from periferia_link.errors import AuthenticationError, ConnectorError, LinkError, PermissionDeniedError, RejectedError
from periferia_link.typing import Clock

__all__ = ["SENTENCES", "Finding", "check_profile"]

_State = Literal["proved", "failed", "open"]

SENTENCES: Mapping[str, str] = {
    "let_in.proved": "the credentials are accepted; the installation is {system_id}",
    "let_in.failed": "the server does not let us in: {reason}",
    "wrong_key.proved": "a wrong key is refused",
    "wrong_key.failed": "a wrong key is let in: name an address that proves a real login",
    "list.proved": "{kind}: {rows} records read, all of them fit",
    "list.failed": "{kind}: {reason}",
    "list.open": "{kind}: there are no records to look at",
    "words.failed": "{kind}: the server uses words that the profile does not know: {words}",
    "since.proved": "{kind}: nothing changed after the year 2999, so the filter by time is heard",
    "since.failed": "{kind}: {rows} records changed after the year 2999: the filter by time is ignored",
    "since.open": "{kind}: the profile names no filter by time: everything is read and compared by content",
    "pages.proved": "{kind}: the second page has other records than the first",
    "pages.failed": "{kind}: the second page repeats the first",
    "pages.open": "{kind}: too few records to fill two pages",
    "past_end.proved": "{kind}: a page past the end is as the profile says ({told})",
    "past_end.failed": "{kind}: a page past the end is {told}, and the profile says {said}",
    "clamp.proved": "{kind}: asked for {asked} records at once, the server gave {rows}",
    "clamp.failed": "{kind}: asked for {asked} records at once, the server gave {rows} and says that more follow",
    "closed.proved": "closed tickets are listed",
    "closed.failed": "a ticket that was closed is not listed any more",
    "closed.open": "no closed ticket was among those that were read",
    "ticket.proved": "a ticket was created, read, changed, read and closed; accents, time and words came back",
    "ticket.failed": "the round trip of a ticket failed: {reason}",
    "ticket.open": "no ticket was written: allow it with --write, on a system where that disturbs nobody",
    "stale.proved": "a change of an old version is refused",
    "stale.failed": "a change of an old version is accepted",
    "stale.open": "the server checks no versions: every change is read and compared before it is written",
    "once.proved": "the same create twice made one ticket",
    "once.failed": "the same create twice made {rows} tickets",
    "worklog.proved": "a work log was written and came back",
    "worklog.failed": "the round trip of a work log failed: {reason}",
    "worklog.open": "no work log was written",
}
"""What is found, by name and state; values are filled in."""

_Read = dict[str, list[Entity]]
_Look = Callable[[Ticketing, str, _Read], "Finding | None"]
_ENDED = frozenset({"resolved", "closed", "cancelled"})
_MANY = 10_000


class Finding(NamedTuple):
    """
    One answer of a check.

    ``state`` is ``proved``, ``failed`` or ``open`` (nothing could be shown). ``details`` fill the sentence;
    ``change`` are the lines of the profile to change.
    """

    name: str
    state: _State
    details: Mapping[str, Any] = {}
    change: str = ""

    def __str__(self) -> str:
        return SENTENCES[f"{self.name}.{self.state}"].format(**self.details)


def check_profile(
    profile: TicketProfile,
    connect: Callable[..., Ticketing],
    *,
    writes: bool = False,
    clock: Clock | None = None,
    person: str | None = None,
) -> Iterator[Finding]:
    """
    Compare a profile with a live server.

    Args:
        profile: What it should be like.

        connect: Makes the connector: ``connect()`` with the right credentials, ``connect(wrong=True)`` with others.

        writes: One ticket and one work log may be created; what can be deleted is deleted afterwards.

        clock: Source of time.

        person: Id of the person of the work log; that of an existing one by default.
    """
    clock = clock or SystemClock()
    desk = connect()
    with desk:
        try:
            info = desk.check()
        except AuthenticationError as exc:
            yield Finding("let_in", "failed", {"reason": exc.message})
            return
        except ConnectorError:
            info = None  # the filter by time is looked at below
        if info is not None:
            yield Finding("let_in", "proved", {"system_id": info.system_id})
        yield _wrong_key(connect)
        read: _Read = {}
        for kind, rules in profile.kinds.items():
            if not rules.records:
                yield from _kind(desk, kind, read)
        tickets = read.get("Ticket", [])
        ended = any(isinstance(ticket, Ticket) and ticket.status in _ENDED for ticket in tickets)
        if "Ticket" in profile.kinds:
            yield from _tickets(desk, writes=writes, clock=clock, ended=ended)
        if "TimeEntry" in profile.kinds:
            yield _work_log(desk, read, writes=writes, clock=clock, person=person)


def _wrong_key(connect: Callable[..., Ticketing]) -> Finding:
    stranger = connect(wrong=True)
    with stranger:
        try:
            stranger.check()
        except (AuthenticationError, PermissionDeniedError):
            return Finding("wrong_key", "proved")
        except ConnectorError as exc:
            return Finding("let_in", "failed", {"reason": exc.message})
    change = '[auth.who]\npath = "…"          # an address that tells who is calling\nidentity = "…"      # path of the name\nanonymous = [""]    # what it says to nobody'  # noqa: E501
    return Finding("wrong_key", "failed", {}, change)


# ---------------------------------------------------------------------- lists


def _kind(desk: Ticketing, kind: str, read: _Read) -> Iterator[Finding]:
    looks: tuple[_Look, ...] = (_since, _rows, _pages, _past_end, _clamp)
    for look in looks:
        try:
            found = look(desk, kind, read)
        except LinkError as exc:
            found = Finding("list", "failed", {"kind": kind, "reason": exc.message}, f"[kinds.{kind}]\npath = …")
        if found is not None:
            yield found
            if found.name == "list" and found.state != "proved":
                return


def _since(desk: Ticketing, kind: str, _read: _Read) -> Finding | None:
    if not desk.reader(kind).feeds_changes:
        return Finding("since", "open", {"kind": kind})
    if not desk.profile.kinds[kind].since.future:
        return None
    rows = desk.reader(kind).newer_than_any()
    if not rows:
        return Finding("since", "proved", {"kind": kind})
    return Finding("since", "failed", {"kind": kind, "rows": rows}, f'[kinds.{kind}.since]\nparam = ""')


def _rows(desk: Ticketing, kind: str, read: _Read) -> Finding:
    rows: list[Row] = []
    for page in desk.pull(kind):
        rows += page.rows
        if len(rows) >= 200:  # the first ones: a check is no migration
            break
    if not rows:
        return Finding("list", "open", {"kind": kind})
    unreadable: Counter[str] = Counter()
    entities = read.setdefault(kind, [])
    for row in rows:
        try:
            entities.append(desk.decode(kind, row))
        except RejectedError as exc:  # noqa: PERF203 - one bad row is counted, the others are looked at
            unreadable[exc.message.partition(": ")[2]] += 1
    if not unreadable:
        return Finding("list", "proved", {"kind": kind, "rows": len(rows)})
    words = _unknown_words(desk, kind, rows)
    if words:
        shown = "; ".join(f"{name}: {', '.join(sorted(each))}" for name, each in words.items())
        lines = [f'[map.{name}.values]\n{_quoted(word)} = "…"' for name, each in words.items() for word in sorted(each)]
        return Finding("words", "failed", {"kind": kind, "words": shown}, "\n".join(lines))
    reason, count = unreadable.most_common(1)[0]
    text = f"{count} of {len(rows)} records do not fit: {reason}"
    return Finding("list", "failed", {"kind": kind, "reason": text}, f"[kinds.{kind}.fields]")


def _unknown_words(desk: Ticketing, kind: str, rows: list[Row]) -> dict[str, set[str]]:
    """Collect the words of the server that no map has: states and priorities, never texts of people."""
    found: dict[str, set[str]] = {}
    for field in desk.profile.kinds[kind].fields.values():
        words = desk.profile.map[field.map] if field.map else None
        if words is None or words.keep or words.default is not None:
            continue
        for row in rows:
            value = look_up(row.body, field.paths[0])
            if isinstance(value, str | int | Decimal) and str(value) not in words.values and value != "":
                found.setdefault(str(field.map), set()).add(str(value)[:60])
    return found


def _quoted(word: str) -> str:
    return word if re.fullmatch(r"[A-Za-z0-9_-]+", word) else '"' + word.replace('"', '\\"') + '"'


def _pages(desk: Ticketing, kind: str, _read: _Read) -> Finding | None:
    if desk.profile.kinds[kind].paging.kind == "none":
        return None
    try:
        found = desk.reader(kind).first_page(2, pages_wanted=2)
    except ConnectorError as exc:
        if "repeat" not in exc.message:
            raise
        return Finding("pages", "failed", {"kind": kind}, f"[kinds.{kind}.paging]\nkind = …")
    if len(found) < 2 or not found[1].rows:
        return Finding("pages", "open", {"kind": kind})
    key = desk.profile.kinds[kind].key
    first, second = ([str(look_up(row, key)) for row in page.rows] for page in found)
    state: _State = "failed" if first == second else "proved"
    return Finding("pages", state, {"kind": kind}, f"[kinds.{kind}.paging]\nkind = …" if state == "failed" else "")


def _past_end(desk: Ticketing, kind: str, _read: _Read) -> Finding | None:
    try:
        beyond = desk.reader(kind).beyond_the_end()
    except ConnectorError as exc:
        beyond = (exc.status_code or 0, 0)
    if beyond is None:
        return None
    status, rows = beyond
    told = "empty" if status == 200 and not rows else str(status) if status != 200 else f"full of {rows} records"
    said = desk.profile.kinds[kind].paging.past_end
    if told == said:
        return Finding("past_end", "proved", {"kind": kind, "told": told})
    fixed = f'[paging]\npast_end = "{told}"' if told in ("empty", "404") else "[paging]\nkind = …"
    return Finding("past_end", "failed", {"kind": kind, "told": told, "said": said}, fixed)


def _clamp(desk: Ticketing, kind: str, _read: _Read) -> Finding | None:
    rules = desk.profile.kinds[kind].paging
    if rules.kind == "none" or rules.size_param is None:
        return None
    asked = rules.largest or _MANY
    (page,) = desk.reader(kind).first_page(asked)
    told = {"kind": kind, "asked": asked, "rows": len(page.rows)}
    is_short = page.following is not None and len(page.rows) < asked
    # a numbered list does not say that it ended: it ends with the empty page that follows
    is_clamped = is_short and (rules.kind in ("cursor", "next") or rules.more is not None)
    if not is_clamped:
        return Finding("clamp", "proved", told)
    return Finding("clamp", "failed", told, f"[paging]\nsize = {len(page.rows)}\nlargest = {len(page.rows)}")


# ---------------------------------------------------------------------- round trips


def _tickets(desk: Ticketing, *, writes: bool, clock: Clock, ended: bool) -> Iterator[Finding]:
    can = desk.supports("Ticket")
    if not writes or not {"create", "update"} <= can.writes:
        yield Finding("closed", "proved" if ended else "open")
        yield Finding("ticket", "open")
        return
    write = _creation(_sample(desk, clock.now()))
    outcome = desk.write("Ticket", [write])[0]
    if not isinstance(outcome, Applied):
        yield Finding("ticket", "failed", {"reason": outcome.error.message}, "[kinds.Ticket.write.create]")
        return
    try:
        yield _read_change_close(desk, outcome.ref, write)
        yield _stale(desk, outcome.ref)
        yield _closed(desk, outcome.ref)
        yield _once(desk, write)
    except LinkError as exc:
        yield Finding("ticket", "failed", {"reason": exc.message})
    finally:
        _clean_up(desk, write)


def _sample(desk: Ticketing, now: datetime) -> Ticket:
    fields = desk.profile.kinds["Ticket"].fields
    due = (now + timedelta(days=7)).replace(hour=22, minute=30, second=0, microsecond=0)
    values: dict[str, Any] = {
        "title": "Verificación de periferia_link: ñandú, Ç, 日本",
        "description": "Ticket de prueba; se puede cerrar.\nSegunda línea: áéíóú.",
        "priority": "high",
        "due_at": due,
    }
    return Ticket(
        **{name: value for name, value in values.items() if name in fields and fields[name].write is not False}
    )


def _creation(entity: Entity) -> Write:
    return Write(str(uuid.uuid4()), "create", None, entity, frozenset(entity.model_fields_set))


def _read(desk: Ticketing, ref: Ref) -> Entity:
    rows = desk.get(ref.kind, [ref.id])
    if not rows:
        msg = "the record cannot be read by its id"
        raise RejectedError(msg)
    return desk.decode(ref.kind, rows[0])


def _different(wanted: Entity, there: Entity, fields: frozenset[str]) -> list[str]:
    return sorted(name for name in fields if getattr(wanted, name) != getattr(there, name))


def _read_change_close(desk: Ticketing, ref: Ref, write: Write) -> Finding:
    assert write.entity is not None  # noqa: S101 - made by _creation()
    there = _read(desk, ref)
    wrong = _different(write.entity, there, write.fields)
    if not wrong:
        for changes in ({"title": "Verificación: otro asunto"}, {"status": "resolved"}):
            wanted = there.model_copy(update=changes)
            update = Write(str(uuid.uuid4()), "update", ref, wanted, frozenset(changes), there.version)
            outcome = desk.write("Ticket", [update])[0]
            if not isinstance(outcome, Applied):
                reason = f"the change of {', '.join(changes)}: {outcome.error.message}"
                return Finding("ticket", "failed", {"reason": reason}, "[kinds.Ticket.write.update]")
            there = _read(desk, ref)
            wrong += _different(wanted, there, frozenset(changes))
    if not wrong:
        return Finding("ticket", "proved")
    lines = "\n".join(f"{name} = …" for name in wrong)
    reason = f"what was sent and what came back differ in {', '.join(wrong)}"
    return Finding("ticket", "failed", {"reason": reason}, f"[kinds.Ticket.fields]\n{lines}")


def _stale(desk: Ticketing, ref: Ref) -> Finding:
    if desk.supports("Ticket").concurrency != "precondition":
        return Finding("stale", "open")
    there = _read(desk, ref)
    for title in ("Verificación: primera", "Verificación: segunda"):
        wanted = there.model_copy(update={"title": title})
        update = Write(str(uuid.uuid4()), "update", ref, wanted, frozenset({"title"}), there.version)
        outcome = desk.write("Ticket", [update])[0]
    if isinstance(outcome, NotApplied):
        return Finding("stale", "proved")
    return Finding("stale", "failed", {}, '[write]\nif_match = "none"')


def _closed(desk: Ticketing, ref: Ref) -> Finding:
    for page in desk.pull("Ticket"):
        if any(row.key == ref.id for row in page.rows):
            return Finding("closed", "proved")
    return Finding("closed", "failed", {}, "[kinds.Ticket.list.params]\n… = …    # what shows all states")


def _once(desk: Ticketing, write: Write) -> Finding:
    outcome = desk.write("Ticket", [write])[0] if desk.supports("Ticket").create_guard == "server-key" else None
    rows = desk.find("Ticket", "create_key", [write.create_key])
    if len(rows) == 1 and not (isinstance(outcome, Unknown) and not outcome.is_answered):
        return Finding("once", "proved")
    return Finding("once", "failed", {"rows": len(rows)}, '[write]\nis_unique = false\nonce = "none"')


def _work_log(
    desk: Ticketing, read: Mapping[str, list[Entity]], *, writes: bool, clock: Clock, person: str | None
) -> Finding:
    known = [entry for entry in read.get("TimeEntry", []) if isinstance(entry, TimeEntry)]
    people = [entity.ref.id for entity in read.get("Employee", []) if entity.ref is not None]
    tickets = [entity.ref for entity in read.get("Ticket", []) if entity.ref is not None]
    who = person or next((entry.person for entry in known), None) or next(iter(people), None)
    if not writes or "create" not in desk.supports("TimeEntry").writes or who is None:
        return Finding("worklog", "open")
    fields = desk.profile.kinds["TimeEntry"].fields
    values: dict[str, Any] = {"hours": Decimal("0.25"), "note": "Verificación: ñandú"}
    if tickets:
        values["ticket"] = tickets[0]
    entry = TimeEntry(person=who, worked_on=clock.now().date(), **{k: v for k, v in values.items() if k in fields})
    sent = frozenset(name for name in entry.model_fields_set if name in fields and fields[name].write is not False)
    write = _creation(entry)._replace(fields=sent)
    outcome = desk.write("TimeEntry", [write])[0]
    try:
        if not isinstance(outcome, Applied):
            return Finding("worklog", "failed", {"reason": outcome.error.message}, "[kinds.TimeEntry.write.create]")
        wrong = _different(entry, _read(desk, outcome.ref), sent)
    except LinkError as exc:
        return Finding("worklog", "failed", {"reason": exc.message})
    finally:
        _clean_up(desk, write, "TimeEntry")
    if not wrong:
        return Finding("worklog", "proved")
    lines = "\n".join(f"{name} = …" for name in wrong)
    reason = f"what was sent and what came back differ in {', '.join(wrong)}"
    return Finding("worklog", "failed", {"reason": reason}, f"[kinds.TimeEntry.fields]\n{lines}")


def _clean_up(desk: Ticketing, write: Write, kind: str = "Ticket") -> None:
    """Delete what the check created, where deleting is allowed."""
    if "delete" not in desk.supports(kind).writes:
        return
    for row in desk.find(kind, "create_key", [write.create_key]):
        desk.write(kind, [Write(str(uuid.uuid4()), "delete", Ref(desk.name, kind, row.key), if_version=row.version)])
