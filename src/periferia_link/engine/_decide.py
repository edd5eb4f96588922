"""From changed rows to decisions: decode, project, match, and say what must be written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from periferia_link.connectors.base import Row, Write
from periferia_link.domain import Entity, Ref
from periferia_link.engine._session import Session
from periferia_link.engine._work import Work, entity_body
from periferia_link.engine.context import MissingLinkError
from periferia_link.engine.flow import Ask, Contribution, Skip, Wait
from periferia_link.errors import IdentityError, LinkError, RejectedError
from periferia_link.identity import Judgement
from periferia_link.ledger import PART
from periferia_link.ledger.protocol import FOLLOWER, OK, Known

__all__ = ["decide", "decide_deleted", "group_key", "group_names"]


def group_key(names: Sequence[str]) -> str:
    """Return the text under which a group is kept."""
    return json.dumps(list(names), ensure_ascii=False, separators=(",", ":"))


def group_names(key: str) -> tuple[str, ...]:
    """Return the names of a kept group."""
    return tuple(json.loads(key))


def decide(
    session: Session, rows: Sequence[Row], digests: Mapping[str, bytes], known: Mapping[str, Known]
) -> Work:
    """
    Turn changed rows into one page of work; a row that cannot be understood is parked and the rest goes on.

    Raises:
        ConnectorError: The target cannot be read where matching needs it.
    """
    work = Work(session, session.stream)
    fresh: dict[str, tuple[Row, Entity, Any]] = {}
    verdicts = session.ledger.desk.verdicts(session.stream)
    opened = session.ledger.operations.open_keys(session.stream, [row.key for row in rows])
    for row in rows:
        before, raw = known.get(row.key), digests.get(row.key)
        if row.key in opened:
            # one open operation a link: the newer version waits and becomes an update
            work.later.append(row.key)
            continue
        entity, wanted = _project(session, work, row, raw, before)
        if entity is None:
            continue
        if isinstance(wanted, Ask):
            verdict = verdicts.get(row.key)
            if verdict == "create":
                wanted = wanted.otherwise
            elif verdict != "ignore":
                work.ask(row, raw, before, wanted.reason)
                continue
        if wanted is None or isinstance(wanted, Skip) or verdicts.get(row.key) == "ignore":
            _leave(session, work, row, raw, before)
        elif isinstance(wanted, Contribution):
            _contribute(session, work, row, raw, before, wanted)
        elif before is not None and before.target is not None:
            _change(session, work, row, raw, before, wanted)
        else:
            fresh[row.key] = (row, entity, wanted)
    if fresh:
        _decide_fresh(session, work, fresh, digests, known, verdicts)
    return work


def _project(
    session: Session, work: Work, row: Row, raw: bytes | None, before: Known | None
) -> tuple[Entity | None, Any]:
    """Decode and project; parks, waits or asks by itself and returns ``(None, None)`` then."""
    flow, context = session.flow, session.context
    try:
        entity = session.source.decode(flow.source[1], row)
        work.edges.extend(
            (str(entity.ref), str(ref), name, None) for name, ref in entity.references().items() if entity.ref
        )
        if flow.starts is not None and flow.dated is not None:
            day = flow.dated(entity)
            if day is None or day < flow.starts:
                return entity, Skip("before the start date")
        wanted = (flow.contribute or flow.project)(entity, context)
        if isinstance(wanted, Wait):
            work.wait(row, raw, before, wanted.ref)
            work.depends[row.key] = {*context.drain(), f"link:{wanted.ref}"}
            return None, None
    except MissingLinkError as exc:
        work.wait(row, raw, before, exc.ref)
    except (RejectedError, IdentityError) as exc:
        work.park(row, raw, before, exc)
    except (ValueError, ArithmeticError, TypeError, KeyError, AttributeError) as exc:
        # a projection that stumbles over one record must not stop the others
        error = LinkError(
            f"the projection of flow {flow.name} failed: {type(exc).__name__}", hint="correct the record or the flow"
        )
        work.park(row, raw, before, error)
    else:
        asked = set(context.drain())
        if asked or (before is not None and flow.lookups):
            work.depends[row.key] = asked
        return entity, wanted
    work.depends[row.key] = set(context.drain())
    return None, None


# ---------------------------------------------------------------------- records with a target


def _change(session: Session, work: Work, row: Row, raw: bytes | None, before: Known, wanted: Any) -> None:
    assert before.target is not None  # noqa: S101 - the caller looked
    system = before.system or session.system_for(wanted)
    ref = session.target_ref(system, before.target)
    if isinstance(wanted, Write):
        _act(session, work, row, raw, before, wanted)
        return
    body = entity_body(wanted)
    if before.state == FOLLOWER:
        work.keep(row, raw, FOLLOWER, before)
        work.count("unchanged")
        return
    if body == before.base:
        work.keep(row, raw, OK, before)
        work.settled.append(row.key)
        work.count("unchanged")
        return
    owned = session.owned_fields(type(wanted))
    old = json.loads(before.base) if before.base else {}
    new = json.loads(body)
    fields = frozenset(name for name, value in new.items() if name in owned and old.get(name, _ABSENT) != value)
    if not fields:
        work.keep(row, raw, OK, before, body)
        work.settled.append(row.key)
        work.count("unchanged")
        return
    if session.ledger.operations.open_targets(system, ref.kind, [ref.id]):
        work.later.append(row.key.split(PART)[0])
        return
    write = Write(
        session.key_for(system, row.key), "update", ref, wanted, fields, before.target_version
    )
    if work.operate(row.key, write, system, body=body, base=body, before=before.base):
        work.keep(row, raw, OK, before)
        work.settled.append(row.key)


_ABSENT = object()


def _act(session: Session, work: Work, row: Row, raw: bytes | None, before: Known | None, wanted: Write) -> None:
    """An action is done once for one content: its text is kept as the base."""
    body = json.dumps([wanted.action, str(wanted.ref)]).encode()
    if before is not None and before.base == body:
        work.keep(row, raw, OK, before)
        work.count("unchanged")
        return
    system = wanted.ref.system if wanted.ref else session.system_for(wanted)
    write = wanted._replace(create_key=session.key_for(system, row.key, wanted.action or ""))
    if work.operate(row.key, write, system, body=body, base=body, before=None):
        work.keep(row, raw, OK, before)


# ---------------------------------------------------------------------- records without a target


def _decide_fresh(
    session: Session,
    work: Work,
    fresh: Mapping[str, tuple[Row, Entity, Any]],
    digests: Mapping[str, bytes],
    known: Mapping[str, Known],
    verdicts: Mapping[str, str],
) -> None:
    judged: dict[str, Judgement] = {}
    by_system: dict[str, dict[str, Entity]] = {}
    if session.flow.match:
        for key, (_, _, wanted) in fresh.items():
            if isinstance(wanted, Entity):
                by_system.setdefault(session.system_for(wanted), {})[key] = wanted
    for system, entities in by_system.items():
        judged.update(session.matcher(system).judge(entities))
    plain = Judgement("create")
    for key, (row, _, wanted) in fresh.items():
        verdict = verdicts.get(key, "")
        judgement = judged.get(key, plain)
        if verdict.startswith("link:"):
            judgement = Judgement("adopt", verdict[5:], "decided in review")
        elif verdict == "create":
            judgement = plain
        _one_fresh(session, work, row, digests.get(key), known.get(key), wanted, judgement)


def _one_fresh(
    session: Session,
    work: Work,
    row: Row,
    raw: bytes | None,
    before: Known | None,
    wanted: Any,
    judgement: Judgement,
) -> None:
    if isinstance(wanted, Write):
        _act(session, work, row, raw, before, wanted)
        return
    if not isinstance(wanted, Entity):
        _several(session, work, row, raw, before, wanted)
        return
    system = session.system_for(wanted)
    verdict, target = judgement.verdict, judgement.target
    if verdict == "defer":
        work.later.append(row.key)
    elif verdict == "review":
        work.ask(row, raw, before, judgement.reason, judgement.candidates)
    elif verdict in ("adopt", "follow") and target is not None:
        work.link(row, raw, system, target, entity_body(wanted), OK if verdict == "adopt" else FOLLOWER)
        if verdict == "follow":
            session.report.note(f"linked {row.key} to {target}: {judgement.reason}")
    else:
        _create(session, work, row, raw, before, wanted, system)


def _create(
    session: Session, work: Work, row: Row, raw: bytes | None, before: Known | None, wanted: Entity, system: str
) -> None:
    body = entity_body(wanted)
    fields = wanted.model_fields_set & session.owned_fields(type(wanted))
    main, _, part = row.key.partition(PART)
    write = Write(session.key_for(system, main, part), "create", None, wanted, frozenset(fields))
    if work.operate(row.key, write, system, body=body, base=body, before=None):
        work.keep(row, raw, OK, before, body)
        work.settled.append(row.key)
        if session.flow.match:
            for name, value in session.matcher(system).values(wanted):
                work.pending.append((system, name, value, row.key))


def _several(
    session: Session, work: Work, row: Row, raw: bytes | None, before: Known | None, wanted: Iterable[Entity]
) -> None:
    """One record becomes several things, told apart by their place in the list; each has its own link."""
    records = session.ledger.records
    former = set(records.parts(session.stream, row.key))
    parts = {f"{row.key}{PART}{place}": entity for place, entity in enumerate(wanted)}
    if session.ledger.operations.open_keys(session.stream, sorted(former | parts.keys())):
        work.later.append(row.key)
        return
    known = records.known(session.stream, sorted(former | parts.keys()))
    for key, entity in parts.items():
        named, linked = row._replace(key=key), known.get(key)
        if linked is not None and linked.target is not None:
            _change(session, work, named, None, linked, entity)
        else:
            _create(session, work, named, None, linked, entity, session.system_for(entity))
    for key in former - parts.keys():
        linked = known[key]
        if session.flow.on_delete == "delete" and linked.target is not None:
            _delete(session, work, key, linked)
        else:
            work.drops.append(key)
    work.keep(row, raw, OK, before)


# ---------------------------------------------------------------------- groups, skips, deletions


def _contribute(
    session: Session, work: Work, row: Row, raw: bytes | None, before: Known | None, wanted: Contribution
) -> None:
    group = group_key(wanted.group)
    desired = json.dumps({name: str(value) for name, value in sorted(wanted.values.items())})
    for other in session.ledger.records.member_groups(session.stream, [row.key]).get(row.key, ()):
        if other != group:
            work.members.append((session.stream, other, row.key, None))
            work.dirty_groups.add(other)
    work.members.append((session.stream, group, row.key, desired))
    work.dirty_groups.add(group)
    work.keep(row, raw, OK, before)
    work.settled.append(row.key)


def _leave(session: Session, work: Work, row: Row, raw: bytes | None, before: Known | None) -> None:
    """The record does not count (any more): take back what it contributed."""
    if session.flow.is_grouped:
        _withdraw(session, work, row.key)
    work.skip(row, raw, before)
    work.settled.append(row.key)


def _withdraw(session: Session, work: Work, key: str) -> bool:
    groups = session.ledger.records.member_groups(session.stream, [key]).get(key, set())
    for group in groups:
        work.members.append((session.stream, group, key, None))
        work.dirty_groups.add(group)
    return bool(groups)


def decide_deleted(session: Session, keys: Iterable[str]) -> Work:
    """Turn deletions in the source into what the flow says about them."""
    work = Work(session, session.stream)
    listed = list(keys)
    known = session.ledger.records.known(session.stream, listed)
    opened = session.ledger.operations.open_keys(session.stream, listed)
    for key in listed:
        before = known.get(key)
        if before is None:
            continue
        if key in opened:
            work.later.append(key)
        elif session.flow.on_delete == "adjust":
            _withdraw(session, work, key)
            work.drops.append(key)
        elif session.flow.on_delete == "delete" and before.target is not None:
            _delete(session, work, key, before)
        else:
            work.drops.append(key)
    return work


def _delete(session: Session, work: Work, key: str, before: Known) -> None:
    assert before.target is not None  # noqa: S101 - the caller looked
    system = before.system or next(iter(session.targets))
    ref = Ref(system, session.flow.target[1], before.target)
    write = Write(session.key_for(system, key, "delete"), "delete", ref, if_version=before.target_version)
    if not session.ledger.operations.open_targets(system, ref.kind, [ref.id]):
        work.operate(key, write, system, body=None, base=None, before=before.base)
    else:
        work.later.append(key)
