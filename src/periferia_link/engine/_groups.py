"""Grouped flows: many members, one posting; what changed later is posted as the difference."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import TypeAlias

from periferia_link.connectors.base import Row, Write
from periferia_link.domain import Entity, exact_sum
from periferia_link.engine._decide import group_names, projected
from periferia_link.engine._session import Session
from periferia_link.engine._work import Case, Item, Work, entity_body
from periferia_link.engine.flow import Group, Skip
from periferia_link.ledger.protocol import OK, Known

__all__ = ["plan_groups"]

_PAGE = 500
_Posted: TypeAlias = "list[tuple[str, dict[str, str | None]]]"


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
    posted: _Posted = []
    for key in keys:
        if key not in opened:
            _plan_group(session, work, key, known[key], posted)
    items = work.commit()
    if posted:
        with session.ledger.transaction():
            for key, members in posted:
                records.members_posted(session.stream, key, members)
    return items, keys[-1]


def _plan_group(session: Session, work: Work, key: str, known: Known, posted: _Posted) -> None:
    changed: dict[str, str | None] = {}
    delta: dict[str, Decimal] = defaultdict(Decimal)
    total: dict[str, Decimal] = defaultdict(Decimal)
    for member, desired, booked in session.ledger.records.members(session.stream, key):
        _add(total, desired, 1)
        if desired != booked:
            changed[member] = desired
            _add(delta, desired, 1)
            _add(delta, booked, -1)
    case = Case(Row(key, known.version, b""), None, known)
    if not changed:
        work.keep(case, OK)
        work.settle(case)
        return
    group = Group(group_names(key), int(known.version or 0), dict(delta), dict(total), tuple(changed))
    wanted = projected(
        session, work, case, lambda: session.flow.project(group, session.context) or Skip("nothing to post")
    )
    if isinstance(wanted, Skip) or (wanted is not None and not any(delta.values())):
        # corrections that cancel each other: nothing to post, and nothing left open
        posted.append((key, changed))
        work.keep(case, OK)
        if isinstance(wanted, Skip):
            work.explain(case, wanted.reason)
        work.settle(case)
    elif wanted is not None:
        _post(session, work, case, wanted, changed)


def _post(session: Session, work: Work, case: Case, wanted: Entity, changed: dict[str, str | None]) -> None:
    system = session.system_for(wanted)
    fields = session.owned_fields(type(wanted)) & wanted.model_fields_set
    ordinal = str(int(case.row.version or 0))
    write = Write(session.key_for(system, case.row.key, ordinal), "create", None, wanted, fields)
    item = work.operate(case, write, system, entity_body(wanted))
    if item is not None:
        item.members = changed
        work.keep(case, OK)


def _add(sums: dict[str, Decimal], values: str | None, sign: int) -> None:
    if values is not None:
        for name, value in json.loads(values).items():
            sums[name] = exact_sum((sums[name], Decimal(value).copy_negate() if sign < 0 else Decimal(value)))
