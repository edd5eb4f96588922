"""From changed rows to decisions: decode, project, match, and say what must be written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from periferia_link.connectors.base import Row, Write
from periferia_link.domain import Entity, Ref
from periferia_link.engine._session import Session
from periferia_link.engine._work import Case, Item, Work, entity_body
from periferia_link.engine.context import MissingLinkError
from periferia_link.engine.flow import Ask, Contribution, Skip, Wait
from periferia_link.errors import IdentityError, LinkError, MissingReferenceError, RejectedError
from periferia_link.identity import Judgement
from periferia_link.ledger import PART
from periferia_link.ledger.protocol import FOLLOWER, GONE, OK, Known

__all__ = ["STUMBLES", "changed_fields", "decide", "decide_deleted", "group_key", "group_names", "projected"]

# what a projection does wrong with one record must not stop the others
STUMBLES = (ValueError, ArithmeticError, TypeError, LookupError, AttributeError)
_ABSENT = object()
_PLAIN = Judgement("create")


def group_key(names: Sequence[str]) -> str:
    """Return the text under which a group is kept."""
    return json.dumps(list(names), ensure_ascii=False, separators=(",", ":"))


def group_names(key: str) -> tuple[str, ...]:
    """Return the names of a kept group."""
    return tuple(json.loads(key))


def decide(session: Session, rows: Sequence[Row], digests: Mapping[str, bytes], known: Mapping[str, Known]) -> Work:
    """
    Turn changed rows into one page of work; a row that cannot be understood is parked and the rest goes on.

    Raises:
        ConnectorError: The target cannot be read where matching needs it.
    """
    work = Work(session, session.stream)
    fresh: dict[str, tuple[Case, Any]] = {}
    verdicts = session.ledger.desk.verdicts(session.stream)
    # what has an open operation has a record, so that new records need no look; many may be on their way
    opened = session.ledger.operations.open_keys(session.stream, [row.key for row in rows]) if known else frozenset()
    project = _projection(session, work)
    is_plain = not verdicts and not session.flow.match and session.flow.route is None
    create = _creation(session, work)
    # a page may list a record twice: the last row is the newest
    for key, row in {row.key: row for row in rows}.items():
        # the constructor of a named tuple costs as much as all else here
        case = tuple.__new__(Case, (row, digests.get(key), known.get(key)))
        if key in opened:
            # one open operation a link: the newer version waits and becomes an update
            work.defer(key)
            continue
        wanted = projected(session, work, case, project, row)
        if is_plain and case.known is None and isinstance(wanted, Entity):
            create(case, wanted)  # a new record, as all are in a first load
            continue
        if wanted is None:
            continue
        if isinstance(wanted, Ask):
            if key not in verdicts:
                work.ask(case, wanted.reason)
                continue
            wanted = wanted.otherwise
        try:
            if _decide_known(session, work, case, wanted, verdicts.get(key, "")):
                continue
            # what matching and routing would stumble over is parked here, alone
            fresh[key] = (case, _checked(session, wanted))
        except STUMBLES as exc:
            _stumbled(session, work, case, exc)
    if fresh:
        _decide_fresh(session, work, fresh, verdicts)
    return work


def _decide_known(session: Session, work: Work, case: Case, wanted: Any, verdict: str) -> bool:
    """Decide what needs no matching; returns whether it was decided."""
    known = case.known
    if isinstance(wanted, Skip) or verdict == "ignore":
        _leave(session, work, case, wanted.reason if isinstance(wanted, Skip) else "left out in review")
    elif isinstance(wanted, Contribution):
        _contribute(session, work, case, wanted)
    elif known is not None and known.target is not None:
        if not isinstance(wanted, (Entity, Write)):
            msg = "the record was one thing before and is several now"
            work.park(case, LinkError(msg, hint="separate it by hand, or give the flow another name"))
        else:
            _change(session, work, case, known, wanted, is_decided=verdict == "create")
    else:
        return False
    return True


def _checked(session: Session, wanted: Any) -> Any:
    if isinstance(wanted, Entity):
        system = session.system_for(wanted)
        if session.flow.match:
            session.matcher(system).values(wanted)
    return wanted


def _stumbled(session: Session, work: Work, case: Case, exc: Exception) -> None:
    """Park a record that the functions of the flow cannot deal with."""
    msg = f"the projection of flow {session.flow.name} failed: {type(exc).__name__}"
    work.park(case, LinkError(msg, hint="correct the record or the flow"))


def _projection(session: Session, work: Work) -> Callable[[Row], Any]:
    """Return what decodes a row and projects it; everything that is the same for all rows is looked up once."""
    flow, edges, context = session.flow, work.edges, session.context
    decode, kind, make = session.source.decode, flow.source[1], flow.contribute or flow.project
    starts, dated = flow.starts, flow.dated
    last: type[Entity] | None = None  # most pages hold one kind: the fields that may point elsewhere are asked for once
    pointing: tuple[str, ...] = ()

    def project(row: Row) -> Any:
        nonlocal last, pointing
        entity = decode(kind, row)
        if type(entity) is not last:
            last, pointing = type(entity), entity.reference_fields()
        held = entity.__dict__
        for name in pointing:
            if held[name] is not None:
                edges.append((str(entity.ref), str(held[name]), name, None))
        if starts is not None and dated is not None:
            day = dated(entity)
            if day is None or day < starts:
                return Skip("before the start date")
        wanted = make(entity, context)
        if context.related:
            edges.extend((str(entity.ref), str(ref), name, flow.name) for name, ref in context.related)
        return Skip("nothing to write") if wanted is None else wanted

    return project


def projected(session: Session, work: Work, case: Case, project: Callable[..., Any], *about: Any) -> Any:
    """
    Call a function of the flow for one record, and note what it asked for.

    What it raises parks the record or lets it wait, alone; ``None`` is returned then.
    """
    context, key = session.context, case.row.key
    try:
        wanted = project(*about)
    except MissingLinkError as exc:
        work.wait(case, exc.ref)
    except (RejectedError, IdentityError) as exc:
        work.park(case, exc)
    except STUMBLES as exc:
        _stumbled(session, work, case, exc)
    else:
        asked = context.drain() if context.upon or context.related else set()
        if not asked and case.known is None and type(wanted) is not Wait:
            return wanted
        if isinstance(wanted, Wait):
            work.wait(case, wanted.ref)
            work.depends[key] = asked | {f"link:{wanted.ref}"}
            return None
        if asked or (case.known is not None and session.flow.lookups):
            work.depends[key] = asked
        return wanted
    work.depends[key] = context.drain()
    return None


# ---------------------------------------------------------------------- records with a target


def _change(session: Session, work: Work, case: Case, known: Known, wanted: Any, *, is_decided: bool = False) -> None:
    if isinstance(wanted, Write):
        _act(session, work, case, wanted)
        return
    assert known.target is not None  # noqa: S101 - the caller looked
    body = entity_body(wanted)
    if known.state == FOLLOWER:
        work.keep(case, FOLLOWER)
        work.count("unchanged")
        return
    fields = changed_fields(session, known.base, body, wanted)
    if not fields:
        work.keep(case, OK, body)
        work.settle(case, "unchanged")
        return
    system = known.system or session.system_for(wanted)
    if "update" not in session.targets[system].supports(session.flow.target[1]).writes:
        # it stays as it was created there; what it was compared with stays too
        work.keep(case, OK)
        work.explain(case, f"{system} cannot change {session.flow.target[1]} records: {', '.join(sorted(fields))}")
        work.settle(case, "unchanged")
        return
    ref = session.target_ref(system, known.target)
    if work.is_taken(system, ref.id):
        work.defer(case.row.key)
        return
    others = () if is_decided else _others_now(session, known, wanted, system)
    if others:
        work.ask(case, f"its keys changed into those of {', '.join(others)}", others)
        return
    write = Write(session.key_for(system, case.row.key), "update", ref, wanted, fields, known.target_version)
    if work.operate(case, write, system, body):
        work.keep(case, OK)


def _others_now(session: Session, known: Known, wanted: Entity, system: str) -> tuple[str, ...]:
    """Return targets that have a strong key which the record has only now: linked to one, it claims to be another."""
    if not session.flow.match or not known.base:
        return ()
    before = type(wanted).model_validate_json(known.base)
    fresh = [
        (key.name, value)
        for key in session.flow.match
        if key.is_strong and (value := key.of(wanted)) and value != key.of(before)
    ]
    return session.matcher(system).others(fresh, known.target) if fresh else ()


def changed_fields(session: Session, base: bytes | None, body: bytes, wanted: Entity) -> frozenset[str]:
    """Return the owned fields whose values are not those that were written last."""
    if body == base:
        return frozenset()
    owned = session.owned_fields(type(wanted)) - session.flow.keeps
    old = json.loads(base) if base else {}
    return frozenset(n for n, value in json.loads(body).items() if n in owned and old.get(n, _ABSENT) != value)


def _act(session: Session, work: Work, case: Case, wanted: Write) -> None:
    """An action is done once for one content: its text is kept as the base."""
    body = json.dumps([wanted.action, str(wanted.ref)]).encode()
    if case.known is not None and case.known.base == body:
        work.keep(case, OK)
        work.count("unchanged")
        return
    system = wanted.ref.system if wanted.ref else session.only_target
    write = wanted._replace(create_key=session.key_for(system, case.row.key, wanted.action or ""))
    if work.operate(case, write, system, body):
        work.keep(case, OK)


# ---------------------------------------------------------------------- records without a target


def _decide_fresh(
    session: Session, work: Work, fresh: Mapping[str, tuple[Case, Any]], verdicts: Mapping[str, str]
) -> None:
    judged = _judge(session, {key: wanted for key, (_, wanted) in fresh.items()}) if session.flow.match else {}
    for key, (case, wanted) in fresh.items():
        if isinstance(wanted, Write):
            _act(session, work, case, wanted)
        elif not isinstance(wanted, Entity):
            _several(session, work, case, wanted)
        elif case.known is not None and session.ledger.records.parts(session.stream, key):
            _several(session, work, case, [wanted])  # it became several things before, and is one now
        elif judged:
            verdict = verdicts.get(key, "")
            if verdict == "create" and session.flow.apart is not None and judged[key].verdict != "create":
                wanted = session.flow.apart(wanted, session.source_ref(key))  # noqa: PLW2901 - decided by a person
            _one_fresh(session, work, case, wanted, _by_verdict(verdict, judged[key]))
        else:
            _create(session, work, case, wanted)


def _judge(session: Session, wanted: Mapping[str, Any]) -> dict[str, Judgement]:
    by_system: dict[str, dict[str, Entity]] = {}
    for key, entity in wanted.items():
        if isinstance(entity, Entity):
            by_system.setdefault(session.system_for(entity), {})[key] = entity
    judged: dict[str, Judgement] = {}
    for system, entities in by_system.items():
        judged.update(session.matcher(system).judge(entities))
    return judged


def _by_verdict(verdict: str, judgement: Judgement) -> Judgement:
    if verdict.startswith("link:"):
        return Judgement("adopt", verdict[5:], "decided in review")
    return _PLAIN if verdict == "create" else judgement


def _one_fresh(session: Session, work: Work, case: Case, wanted: Entity, judgement: Judgement) -> None:
    verdict, target = judgement.verdict, judgement.target
    if verdict == "defer":
        work.defer(case.row.key)
    elif verdict == "review":
        work.ask(case, judgement.reason, judgement.candidates)
    elif verdict == "create" or target is None:
        if session.flow.creates:
            _create(session, work, case, wanted)
        else:
            work.park(case, _unmatched(session, wanted))
    else:
        ref = session.target_ref(session.system_for(wanted), target)
        held = session.ledger.links.holder(ref, session.source_ref(case.row.key))
        state = OK if verdict == "adopt" and not held else FOLLOWER
        overwrites = session.flow.overwrites and state == OK
        body = entity_body(wanted)
        work.link(case, session.system_for(wanted), target, base=body, state=state, overwrites=overwrites)
        if verdict == "follow":
            session.report.note(f"linked {case.row.key} to {target}: {judgement.reason}")


def _unmatched(session: Session, wanted: Entity) -> LinkError:
    """Say what a record of a flow that creates nothing waits for; keys are named, their values may be personal."""
    system, keys = session.system_for(wanted), [key.name for key in session.flow.match if key.of(wanted)]
    kind = session.flow.target[1]
    msg = f"no {kind} of {system} has its {' or '.join(keys)}" if keys else "it has nothing to be recognised by"
    return MissingReferenceError(msg, hint=f"add it in {system} or correct its keys; it is tried again then")


def _creation(session: Session, work: Work) -> Callable[[Case, Entity], None]:
    """Return what plans the creation of a new record of a plain flow: what is the same for all is looked up once."""
    if session.is_planning or session.allowed is not None:
        return partial(_create, session, work)
    stream, system, fresh, plan = session.stream, session.only_target, work.fresh, work.items.append
    key_for, fields_to_send, new = session.key_for, session.fields_to_send, tuple.__new__

    def create(case: Case, wanted: Entity) -> None:
        row = case.row
        key = row.key
        body = entity_body(wanted)
        main, _, part = key.partition(PART)
        create_key = key_for(system, main, part)
        write = new(Write, (create_key, "create", None, wanted, fields_to_send(wanted), None, None, body))
        plan(Item(key, write, system, body, body))
        fresh[key] = (stream, key, row.version, case.raw, OK, None, None, None, body, create_key)

    return create


def _create(session: Session, work: Work, case: Case, wanted: Entity) -> None:
    system = session.system_for(wanted)
    body = entity_body(wanted)
    fields = session.fields_to_send(wanted)
    main, _, part = case.row.key.partition(PART)
    write = Write(session.key_for(system, main, part), "create", None, wanted, fields, body=body)
    if work.operate(case, write, system, body):
        work.keep(case, OK, body, write.create_key)
        if session.flow.match:
            values = session.matcher(system).values(wanted)
            work.pending.extend((system, name, value, case.row.key) for name, value in values)


def _several(session: Session, work: Work, case: Case, wanted: Iterable[Entity]) -> None:
    """One record becomes several things, told apart by their place in the list; each has its own link."""
    row, records = case.row, session.ledger.records
    former = set(records.parts(session.stream, row.key))
    parts = {f"{row.key}{PART}{place}": entity for place, entity in enumerate(wanted)}
    if session.ledger.operations.open_keys(session.stream, sorted(former | parts.keys())):
        work.defer(row.key)
        return
    known = records.known(session.stream, sorted(former | parts.keys()))
    for key, entity in parts.items():
        linked = known.get(key)
        named = Case(row._replace(key=key), None, linked)
        if linked is not None and linked.target is not None:
            _change(session, work, named, linked, entity)
        else:
            _create(session, work, named, entity)
    for key in sorted(former - parts.keys()):
        _gone(session, work, key, known[key])
    work.keep(case, OK)


# ---------------------------------------------------------------------- groups, skips, deletions


def _contribute(session: Session, work: Work, case: Case, wanted: Contribution) -> None:
    group, key = group_key(wanted.group), case.row.key
    desired = json.dumps({name: str(value) for name, value in sorted(wanted.values.items())})
    if case.known is not None:
        _withdraw(session, work, key, but=group)
    work.members.append((session.stream, group, key, desired))
    work.dirty_groups.add(group)
    work.keep(case, OK)
    work.settle(case)


def _leave(session: Session, work: Work, case: Case, reason: str) -> None:
    """The record does not count (any more): take back what it contributed."""
    if session.flow.is_grouped and case.known is not None:
        _withdraw(session, work, case.row.key)
    work.skip(case, reason)


def _withdraw(session: Session, work: Work, key: str, *, but: str = "") -> None:
    for group in session.ledger.records.member_groups(session.stream, [key]).get(key, ()):
        if group != but:
            work.members.append((session.stream, group, key, None))
            work.dirty_groups.add(group)


def decide_deleted(session: Session, keys: Iterable[str]) -> Work:
    """Turn deletions in the source into what the flow says about them."""
    work = Work(session, session.stream)
    listed = list(keys)
    every = [part for key in listed for part in (key, *session.ledger.records.parts(session.stream, key))]
    known = session.ledger.records.known(session.stream, every)
    opened = session.ledger.operations.open_keys(session.stream, every)
    for key in every:
        before = known.get(key)
        if before is None:
            continue
        if key in opened:
            work.defer(key)
        elif session.flow.on_delete == "adjust":
            _withdraw(session, work, key)
            work.drops.append(key)
        else:
            _gone(session, work, key, before)
    return work


def _gone(session: Session, work: Work, key: str, known: Known) -> None:
    if known.target is None or known.state == FOLLOWER:
        work.drops.append(key)
        return
    if session.flow.on_delete != "delete":
        # the link stays: a record that comes back is the same one, not a new one
        if known.state != GONE:
            work.keep(Case(Row(key, None, b""), None, known), GONE)
            work.settled.append(key)
            work.orphaned.append((known.system or session.only_target, known.target))
        return
    system = known.system or session.only_target
    ref = Ref(system, session.flow.target[1], known.target)
    if session.ledger.records.has_follower(session.stream, system, known.target):
        # another living record is the same thing: the target stays, and that one writes it from now on
        work.drops.append(key)
        work.orphaned.append((system, known.target))
        return
    # a lost create that arrives after the delete would bring the record back
    if work.is_taken(system, ref.id) or session.ledger.operations.arrives_until(known.id) > session.now():
        work.defer(key)
        return
    write = Write(session.key_for(system, key, "delete"), "delete", ref, if_version=known.target_version)
    work.operate(Case(Row(key, known.version, b""), None, known), write, system, None)
