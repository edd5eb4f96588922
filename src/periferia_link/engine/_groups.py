"""Grouped flows: many members, one posting; later changes are posted as a difference, or anew after a reversal."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

from periferia_link.connectors.base import Row, Write
from periferia_link.domain import Entity, Ref, exact_sum
from periferia_link.engine._decide import changed_fields, group_names, projected
from periferia_link.engine._session import Session
from periferia_link.engine._work import Case, Item, Work, entity_body
from periferia_link.engine.flow import Ask, Group, Skip
from periferia_link.ledger import PART
from periferia_link.ledger.protocol import OK

__all__ = ["plan_groups"]

_PAGE = 500
_LEFT = Skip("left as it is in review")
_Values: TypeAlias = "Mapping[str, str | None]"


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
    page = _Page(session, Work(session, stream))
    for key in keys:
        if key not in opened:
            page.plan(Case(Row(key, known[key].version, b""), None, known[key]))
    items = page.work.commit()
    if page.posted:
        with session.ledger.transaction():
            for key, members in page.posted.items():
                records.members_posted(session.stream, key, members)
    return items, keys[-1]


class _Page:
    """Decides one page of groups; ``posted`` are members that are settled without a posting."""

    def __init__(self, session: Session, work: Work) -> None:
        self.session = session
        self.work = work
        self.posted: dict[str, dict[str, str | None]] = {}
        self._corrects = session.flow.corrects

    def plan(self, case: Case) -> None:
        members = self.session.ledger.records.members(self.session.stream, case.row.key)
        wants = {member: desired for member, desired, _ in members}
        booked = {member: held for member, _, held in members if held is not None}
        changed = {member: desired for member, desired, held in members if desired != held}
        if not changed and (self._corrects != "update" or self._standing(case) is None):
            self._settle(case)
        elif self._corrects == "reversal" and booked:
            self._replace(case, wants, booked)
        else:
            self._posting(case, self._group(case, wants, booked, changed), changed)

    def _replace(self, case: Case, wants: dict[str, str | None], booked: dict[str, str]) -> None:
        """Plan the reversal of what stands; the posting after it is planned when it is done, and shown in a plan."""
        nothing: dict[str, str | None] = dict.fromkeys(booked)
        group = self._group(case, nothing, booked, nothing)._replace(posted=self._standing(case))
        is_settled = self._posting(case, group, nothing)
        left: dict[str, str | None] = {member: one for member, one in wants.items() if one is not None}
        if is_settled:
            # what stood moved nothing: the new posting needs no reversal before it
            self.posted.pop(case.row.key, None)
            self._posting(case, self._group(case, left, {}, wants), wants)
        elif self.session.is_planning and left:
            anew = case._replace(row=case.row._replace(version=str(group.ordinal + 1)))
            self._posting(anew, self._group(anew, left, {}, left), left)

    def _group(self, case: Case, wants: _Values, booked: _Values, changed: _Values) -> Group:
        delta: dict[str, Decimal] = defaultdict(Decimal)
        total: dict[str, Decimal] = defaultdict(Decimal)
        for member, desired in wants.items():
            _add(total, desired, 1)
            if member in changed:
                _add(delta, desired, 1)
        for member in changed:
            _add(delta, booked.get(member), -1)
        stands = self._standing(case) if self._corrects == "update" else None
        ordinal = int(case.row.version or 0)
        return Group(group_names(case.row.key), ordinal, dict(delta), dict(total), tuple(changed), stands)

    def _standing(self, case: Case) -> Ref | None:
        """Return the record of the group that stands; only flows that come back to it keep its system."""
        known = case.known
        if known is None or known.target is None or known.system is None:
            return None
        return self.session.target_ref(known.system, known.target)

    def _posting(self, case: Case, group: Group, changed: dict[str, str | None]) -> bool:
        """Plan what the flow makes of a group; returns whether it is settled without a posting."""
        session, flow = self.session, self.session.flow
        project = lambda: flow.project(group, session.context) or Skip("nothing to post")  # noqa: E731 - one expression
        wanted = projected(session, self.work, case, project)
        if isinstance(wanted, Ask):
            # what was answered before is not asked again while nothing of the members changed
            wanted = self._answered(case, wanted) if changed else _LEFT
        is_even = self._corrects != "update" and not any(group.delta.values())
        if isinstance(wanted, Skip) or (wanted is not None and is_even):
            if is_even or not wanted.stays_due:
                # corrections that cancel each other: nothing to post, and nothing left open
                self.posted[case.row.key] = changed
            self._settle(case, wanted.reason if isinstance(wanted, Skip) else "")
            return True
        if wanted is not None and group.posted is not None and self._corrects == "update":
            self._update(case, wanted, group.posted, changed)
        elif wanted is not None:
            self._post(case, wanted, changed)
        return False

    def _settle(self, case: Case, reason: str = "") -> None:
        self.work.keep(case, OK)
        if reason:
            self.work.explain(case, reason)
        self.work.settle(case)

    def _answered(self, case: Case, wanted: Ask) -> Entity | Skip | None:
        """Return what a person decided about a group; it holds once: the next change is asked about again."""
        session, key, desk = self.session, case.row.key, self.session.ledger.desk
        verdict = desk.verdicts(session.group_stream).get(key)
        if verdict is None:
            self.work.ask(case, wanted.reason)
            return None
        if not session.is_planning:
            with session.ledger.transaction():
                desk.forget_verdict(session.group_stream, key)
        return wanted.otherwise if verdict == "create" else _LEFT

    def _post(self, case: Case, wanted: Entity, changed: dict[str, str | None]) -> None:
        session = self.session
        system = session.system_for(wanted)
        fields = session.owned_fields(type(wanted)) & wanted.model_fields_set
        ordinal = str(int(case.row.version or 0))
        write = Write(session.key_for(system, case.row.key, ordinal), "create", None, wanted, fields)
        # a posting that follows a reversal stands in a plan beside it
        is_anew = self._corrects == "reversal" and ordinal != "0" and any(changed.values())
        item = self.work.operate(case, write, system, entity_body(wanted), name=f"{PART}anew" if is_anew else "")
        if item is not None:
            item.members = changed
            self.work.keep(case, OK)

    def _update(self, case: Case, wanted: Entity, ref: Ref, changed: dict[str, str | None]) -> None:
        """Keep the one record of a group equal to its total."""
        known, body = case.known, entity_body(wanted)
        assert known is not None  # noqa: S101 - a group with a record is known
        fields = changed_fields(self.session, known.base, body, wanted)
        if not fields:
            self.posted[case.row.key] = changed
            self.work.keep(case, OK, body)
            self.work.settle(case, "unchanged")
            return
        key = self.session.key_for(ref.system, case.row.key)
        write = Write(key, "update", ref, wanted, fields, known.target_version)
        item = self.work.operate(case, write, ref.system, body)
        if item is not None:
            item.members = changed
            self.work.keep(case, OK)


def _add(sums: dict[str, Decimal], values: str | None, sign: int) -> None:
    if values is not None:
        for name, value in json.loads(values).items():
            sums[name] = exact_sum((sums[name], Decimal(value).copy_negate() if sign < 0 else Decimal(value)))
