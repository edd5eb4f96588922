"""Grouped flows: many members, one posting; what changed later is posted as the difference."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal

from periferia_link.connectors.base import Row, Write
from periferia_link.domain import Entity
from periferia_link.engine._decide import group_names
from periferia_link.engine._session import Session
from periferia_link.engine._work import Item, Work, entity_body
from periferia_link.engine.context import MissingLinkError
from periferia_link.engine.flow import Group, Skip, Wait
from periferia_link.errors import IdentityError, LinkError, RejectedError
from periferia_link.ledger.protocol import OK, Known

__all__ = ["plan_groups"]

_PAGE = 500


def plan_groups(session: Session, after: str) -> tuple[list[Item], str | None]:
    """
    Plan one page of groups whose members changed, in key order after *after*.

    Returns the planned postings and where the next page begins (``None``: no more).

    Raises:
        CeilingError: The postings would go beyond what the flow allows.
    """
    stream, records = session.group_stream, session.ledger.records
    keys = records.dirty(stream, _PAGE, after)
    if not keys:
        return [], None
    opened = session.ledger.operations.open_keys(stream, keys)
    known = records.known(stream, keys)
    work = Work(session, stream)
    posted: list[tuple[str, dict[str, str | None]]] = []
    for key in keys:
        if key not in opened:
            _plan_group(session, work, key, known[key], posted)
    items = work.commit()
    if posted:
        with session.ledger.transaction():
            for key, members in posted:
                records.members_posted(session.stream, key, members)
    return items, keys[-1]


def _plan_group(
    session: Session, work: Work, key: str, known: Known, posted: list[tuple[str, dict[str, str | None]]]
) -> None:
    changed: dict[str, str | None] = {}
    delta: dict[str, Decimal] = defaultdict(Decimal)
    total: dict[str, Decimal] = defaultdict(Decimal)
    for member, desired, booked in session.ledger.records.members(session.stream, key):
        _add(total, desired, 1)
        if desired != booked:
            changed[member] = desired
            _add(delta, desired, 1)
            _add(delta, booked, -1)
    row = Row(key, known.version, b"")
    if not changed:
        work.keep(row, None, OK, known)
        work.settled.append(key)
        return
    group = Group(group_names(key), int(known.version or 0), dict(delta), dict(total), tuple(changed))
    entity = _project(session, work, row, known, group)
    if entity is None:
        return
    if not any(delta.values()) or isinstance(entity, Skip):
        # corrections that cancel each other: nothing to post, and nothing left open
        posted.append((key, changed))
        work.keep(row, None, OK, known)
        work.settled.append(key)
        return
    _post(session, work, row, known, entity, changed)


def _post(
    session: Session, work: Work, row: Row, known: Known, entity: Entity, changed: dict[str, str | None]
) -> None:
    body = entity_body(entity)
    system = session.system_for(entity)
    fields = entity.model_fields_set & session.owned_fields(type(entity))
    write = Write(
        session.key_for(system, row.key, str(int(known.version or 0))), "create", None, entity, frozenset(fields)
    )
    item = work.operate(row.key, write, system, body=body, base=body, before=None)
    if item is not None:
        item.members = changed
        work.keep(row, None, OK, known)


def _project(session: Session, work: Work, row: Row, known: Known, group: Group) -> Entity | Skip | None:
    context = session.context
    try:
        wanted = session.flow.project(group, context)
    except MissingLinkError as exc:
        work.wait(row, None, known, exc.ref)
    except (RejectedError, IdentityError) as exc:
        work.park(row, None, known, exc)
    except (ValueError, ArithmeticError, TypeError, KeyError, AttributeError) as exc:
        msg = f"the projection of flow {session.flow.name} failed: {type(exc).__name__}"
        work.park(row, None, known, LinkError(msg, hint="correct the records or the flow"))
    else:
        asked = set(context.drain())
        if asked:
            work.depends[row.key] = asked
        if isinstance(wanted, Wait):
            work.wait(row, None, known, wanted.ref)
            work.depends[row.key] = asked | {f"link:{wanted.ref}"}
            return None
        assert isinstance(wanted, (Entity, Skip))  # noqa: S101 - what a grouped projection returns
        return wanted
    work.depends[row.key] = set(context.drain())
    return None


def _add(sums: dict[str, Decimal], values: str | None, sign: int) -> None:
    if values is not None:
        for name, value in json.loads(values).items():
            sums[name] += sign * Decimal(value)
