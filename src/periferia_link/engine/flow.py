"""A flow is a declaration: where from, where to, how one record becomes another. It does no I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from periferia_link.connectors.base import Write
from periferia_link.domain import Entity, Ref
from periferia_link.errors import ConfigurationError
from periferia_link.identity import MatchKey

if TYPE_CHECKING:
    from periferia_link.engine.context import Context

__all__ = [
    "Ask",
    "Ceilings",
    "Contribution",
    "Flow",
    "Group",
    "Lookup",
    "MatchKey",
    "Projected",
    "Skip",
    "Wait",
    "in_order",
]


class Skip(NamedTuple):
    """
    The record does not belong into the target.

    ``reason`` is kept in the ledger (200 characters) and told by ``trace``: a sentence without values of the record.
    ``stays_due``, of a group: what is too little to be posted now is part of its next posting.
    """

    reason: str
    stays_due: bool = False


class Wait(NamedTuple):
    """The record needs *ref* to exist on the target side; it is tried again when it does."""

    ref: Ref


class Ask(NamedTuple):
    """
    A person must look at the record first; ``reason`` says why.

    Goes to review; when the verdict there is ``create``, ``otherwise`` is what the target should hold.
    """

    reason: str
    otherwise: Entity


class Contribution(NamedTuple):
    """
    What one record adds to a group.

    ``group`` names the group by its texts (project, centre, day, …). ``values`` add up (amount, hours); they are
    exact decimals.
    """

    group: tuple[str, ...]
    values: Mapping[str, Decimal]


class Group(NamedTuple):
    """
    What the projection of a grouped flow sees.

    ``names`` are the texts of :attr:`Contribution.group`. ``delta`` is what must be posted now: the difference
    between what the members should contribute and what the postings so far hold; ``total`` is the former.
    ``ordinal`` counts the postings of the group: 0 is the first, later ones are adjustments. ``members`` are the
    keys of the source records that this posting covers. ``posted`` is the record of the group that stands now: with
    :attr:`Flow.corrects` ``reversal`` only where this posting takes it back.
    """

    names: tuple[str, ...]
    ordinal: int
    delta: Mapping[str, Decimal]
    total: Mapping[str, Decimal]
    members: tuple[str, ...]
    posted: Ref | None = None


Projected: TypeAlias = "Entity | Sequence[Entity] | Write | Skip | Wait | Ask"


@dataclass(frozen=True, slots=True)
class Lookup:
    """
    A small table loaded when the run starts: rates, rules, accounts.

    ``key`` returns under which text an entity is found; with ``several``, many entities may stand under one text, and
    a projection asks for them with :meth:`Context.each`. A row that changes makes every record derived from it be
    looked at again.

    ``rows`` gives the rows of a table that no system keeps (a file of rates, read again by every run); ``role`` is then
    only what the trace calls it.
    """

    role: str
    kind: str
    key: Callable[[Any], str | None]
    title: str = ""
    several: bool = False
    rows: Callable[[], Iterable[Entity]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """
    How much one run may change before it stops and asks. ``None`` is no limit.

    ``percent`` counts updates and deletes against the records known from before, from 20 records on. ``money`` is
    the sum of the absolute totals posted, in the currency of the books. Bringing a creation up to date that a crash had
    left open counts neither as an update nor against ``percent``: it was allowed when it began.
    """

    creates: int | None = None
    updates: int | None = None
    deletes: int | None = None
    percent: float | None = 50.0
    money: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Flow:
    """
    One chain from a kind in one system to a kind in another.

    Args:
        name: Name in reports, ledger and configuration.

        version: Raise it when the projection changes its meaning: the next run then wants a plan first.

        source: (role, kind) to read.

        target: (role, kind) to write.

        project: Pure function ``(entity or group, context)`` to what the target should hold. Never does I/O.

        contribute: For grouped flows, ``(entity, context)`` to a :class:`Contribution`, Skip or Wait; ``project``
            then receives a :class:`Group`.

        lookups: Tables that both functions may ask, by name.

        match: How a record that already exists on the other side is recognised.

        owns: Fields of the target that this flow writes; ``None`` is all that the projection sets.

        creates: Whether a record that matches nothing on the other side is created there. Without it the record is
            parked until its match appears: such a flow links and never writes a new record.

        overwrites: Whether the owned fields are also written into a record that was just recognised on the other
            side. Without it they stay as they are there until the source changes them.

        keeps: Owned fields that are given when a record is created and never changed afterwards: keys that people
            chose there.

        on_conflict: Who wins a field that both sides changed.

        corrects: What a grouped flow does when a group changes after it was posted: post the ``difference``; a
            ``reversal`` of the whole posting, then the whole anew; or ``update`` the one record of the group, which is
            no posting then (a proposal).

        on_delete: What a deletion in the source does: nothing, delete the target, or (grouped) post the difference.

        after: Flows that run before this one.

        starts: First day whose records count; mandatory for flows that post money.

        dated: Which date of an entity ``starts`` is compared with.

        daily: Whether the result depends on the day: the first run of a day looks at every record again.

        relation: ``same`` when both records are one thing; otherwise the word of the trace (``made from``).

        route: Which instance of the target role takes an entity; ``None`` is the only one.

        apart: ``(entity, ref of the source record)`` to what the target should hold when a person decides that the
            record is another thing although its keys say otherwise: a code of its own, for example.

        rules: Everything else that shapes the result (accounts, options), as text: part of the fingerprint.
    """

    name: str
    source: tuple[str, str]
    target: tuple[str, str]
    project: Callable[[Any, Context], Projected]
    version: int = 1
    contribute: Callable[[Any, Context], Contribution | Skip | Wait | Ask] | None = None
    lookups: Mapping[str, Lookup] = field(default_factory=dict)
    match: tuple[MatchKey, ...] = ()
    creates: bool = True
    overwrites: bool = False
    owns: frozenset[str] | None = None
    keeps: frozenset[str] = frozenset()
    on_conflict: Literal["source", "target", "review"] = "source"
    corrects: Literal["difference", "reversal", "update"] = "difference"
    on_delete: Literal["ignore", "delete", "adjust"] = "ignore"
    after: tuple[str, ...] = ()
    starts: date | None = None
    dated: Callable[[Any], date | None] | None = None
    posts_money: bool = False
    daily: bool = False
    relation: str = "same"
    route: Callable[[Any], str] | None = None
    apart: Callable[[Any, Ref], Entity] | None = None
    ceilings: Ceilings = field(default_factory=Ceilings)
    rules: str = ""

    def __post_init__(self) -> None:
        if self.posts_money and self.starts is None:
            msg = f"flow {self.name} posts money and has no start date"
            raise ConfigurationError(msg, hint=f"set starts = YYYY-MM-DD under [flows.{self.name}]")
        if self.starts is not None and self.dated is None:
            msg = f"flow {self.name} has a start date and does not say which date of a record counts"
            raise ConfigurationError(msg, hint="give dated=lambda entity: entity.worked_on, for example")
        if not self.creates and not self.match:
            msg = f"flow {self.name} creates nothing and has nothing to match by"
            raise ConfigurationError(msg, hint="give match=(MatchKey(...),)")
        if self.corrects != "difference" and self.contribute is None:
            msg = f"flow {self.name}: corrects={self.corrects!r} is for grouped flows"
            raise ConfigurationError(msg, hint="give it contribute=, or leave corrects out")
        if self.on_delete == "adjust" and self.contribute is None:
            msg = f"flow {self.name}: on_delete='adjust' is for grouped flows"
            raise ConfigurationError(msg, hint="use 'ignore' or 'delete'")

    @property
    def is_grouped(self) -> bool:
        """Whether many records make one posting."""
        return self.contribute is not None

    def but(self, **changes: Any) -> Flow:
        """
        Return a copy with some of its settings replaced.

        Raises:
            ConfigurationError: The result would not be a valid flow.
        """
        return replace(self, **changes)

    def fingerprint(self, *maps: str) -> str:
        """Return a short text that changes when the meaning of the flow does: version, owned fields, rules, maps."""
        parts = [
            self.name,
            str(self.version),
            *sorted(self.owns or ()),
            "-",
            *sorted(self.keeps),
            self.rules,
            str(self.starts),
            *maps,
        ]
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()


def in_order(flows: Iterable[Flow]) -> list[Flow]:
    """
    Sort flows so that each comes after those it names in ``after``; names outside the list are taken as done.

    Raises:
        ConfigurationError: Two flows have one name, or they wait for each other.
    """
    waiting = list(flows)
    names = {flow.name for flow in waiting}
    if len(names) != len(waiting):
        msg = "two flows have the same name"
        raise ConfigurationError(msg, hint="rename one with flow.but(name=...)")
    ordered: list[Flow] = []
    done: set[str] = set()
    while waiting:
        ready = [flow for flow in waiting if all(name in done or name not in names for name in flow.after)]
        if not ready:
            msg = f"flows wait for each other: {', '.join(sorted(flow.name for flow in waiting))}"
            raise ConfigurationError(msg, hint="remove one name from their 'after'")
        ordered += ready
        done |= {flow.name for flow in ready}
        waiting = [flow for flow in waiting if flow.name not in done]
    return ordered
