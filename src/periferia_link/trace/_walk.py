"""Walks the ledger from one record: upwards to what it comes from, downwards to what came of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias

from periferia_link.domain import Ref
from periferia_link.errors import ConfigurationError
from periferia_link.ledger import Ledger, Step
from periferia_link.trace._found import Gap, Node, Trace
from periferia_link.trace._gaps import gaps_of, note_of
from periferia_link.trace._kinds import HUB_RELATIONS, HUBS, RANKS

__all__ = ["Direction", "trace"]

Direction: TypeAlias = Literal["both", "up", "down"]
_Way: TypeAlias = Literal["same", "up", "down"]


class _Reached(NamedTuple):
    """A record on the way: how far it is, on which side of the root, from where and over which step."""

    ref: Ref
    depth: int
    side: Literal["root", "up", "down", "beside"]
    parent: Ref | None
    step: Step | None


def trace(
    ref: Ref | str, ledger: Ledger, *, depth: int = 12, direction: Direction = "both", limit: int = 1000
) -> Trace:
    """
    Follow one record over every system.

    Upwards goes what it comes from or belongs to, downwards what came of it; never down from something above, or every
    record of a client would belong to every other. What stands beside the way down (the ticket of an hour) is shown
    with what it belongs to.

    Args:
        ref: The record: ``system:kind:id``.

        ledger: The memory of the installation.

        depth: Steps to go at most, in each direction.

        direction: ``up``, ``down`` or both.

        limit: Records to show at most; :attr:`Trace.left_out` says whether there are more.

    Raises:
        ConfigurationError: The text is no reference, or a limit is not positive.
        LedgerError: The ledger cannot be read.
    """
    root = _parsed(ref)
    if depth < 1 or limit < 1:
        msg = "a trace needs at least one step and one record"
        raise ConfigurationError(msg, hint="give depth and limit of 1 or more")
    ledger.trail.again()
    walk = _Walk(ledger, depth, limit)
    walk.go(root, direction)
    return walk.told(root)


def _parsed(ref: Ref | str) -> Ref:
    if isinstance(ref, Ref):
        return ref
    try:
        return Ref.parse(ref)
    except ValueError:
        msg = "this is no reference to a record"
        raise ConfigurationError(msg, hint="write system:kind:id, as in crm:Opportunity:0f8e…") from None


class _Walk:
    """One walk; every record is asked once."""

    def __init__(self, ledger: Ledger, depth: int, limit: int) -> None:
        self._trail = ledger.trail
        self._depth = depth
        self._limit = limit
        self._reached: dict[Ref, _Reached] = {}
        self._known: dict[Ref, list[Step]] = {}
        self._crowd = 0

    def go(self, root: Ref, direction: Direction) -> None:
        """Reach everything: first both ways from the root, then what stands beside the way down."""
        start = _Reached(root, 0, "root", None, None)
        self._reached[root] = start
        wanted: tuple[_Way, ...] = ("same", "up", "down") if direction == "both" else ("same", direction)
        self._spread([start], root, wanted)
        if direction != "up":
            below = [one for one in self._reached.values() if one.side in ("down", "root")]
            beside = [
                _Reached(other, one.depth + 1, "beside", one.ref, step)
                for one in below
                if direction == "both" or one.side == "down"
                for way, other, step in self._around(one.ref, root)
                if way == "up" and other not in self._reached and one.depth < self._depth
            ]
            self._spread(self._added(beside), root, ("same", "up"))

    def _added(self, found: Iterable[_Reached]) -> list[_Reached]:
        fresh = []
        for one in found:
            if one.ref in self._reached:
                continue
            if len(self._reached) >= self._limit:
                self._crowd += 1
                continue
            self._reached[one.ref] = one
            fresh.append(one)
        return fresh

    def _spread(self, begun: Iterable[_Reached], root: Ref, wanted: tuple[_Way, ...]) -> None:
        waiting = deque(begun)
        while waiting:
            one = waiting.popleft()
            if one.depth >= self._depth:
                continue
            found = []
            for way, other, step in self._around(one.ref, root):
                if way not in wanted or (one.side in ("up", "beside") and way == "down"):
                    continue
                if one.side == "down" and way == "up":
                    continue
                side = one.side if way == "same" or one.side == "beside" else way
                found.append(_Reached(other, one.depth + 1, side, one.ref, step))
            waiting.extend(self._added(found))

    def _around(self, ref: Ref, root: Ref) -> list[tuple[_Way, Ref, Step]]:
        if ref.kind in HUBS and ref != root:
            return []
        if ref not in self._known:
            self._known[ref] = self._trail.steps(ref, self._limit)
        found = []
        for step in self._known[ref]:
            other = step.target if step.source == ref else step.source
            is_hub = other.kind in HUBS or step.relation in HUB_RELATIONS
            if other == ref or (is_hub and root not in (ref, other)):
                continue
            found.append((_way(step, ref), other, step))
        order = {"same": 0, "up": 1, "down": 2}
        found.sort(key=lambda one: (order[one[0]], RANKS.get(one[1].kind, 99), one[1]))
        return found

    # ------------------------------------------------------------------ what is told

    def told(self, root: Ref) -> Trace:
        """Return the trace with labels, notes and gaps."""
        nodes: list[Node] = []
        gaps: list[Gap] = []
        for one in self._reached.values():
            standings = self._trail.standings(one.ref) if one.ref.kind not in HUBS else []
            gaps += gaps_of(one.ref, standings, by=one.parent)
            label, note = self._trail.label(one.ref), note_of(one.ref, standings)
            nodes.append(Node(one.ref, label, note, one.side, one.depth, one.parent, one.step))
        if len(nodes) == 1 and not self._trail.knows(root):
            msg = f"the ledger knows nothing of {root}"
            gaps = [Gap(root, msg, "check system, kind and id, or run the flow that reads it")]
        steps = dict.fromkeys(
            step
            for steps in self._known.values()
            for step in steps
            if step.source in self._reached and step.target in self._reached
        )
        return Trace(root, tuple(nodes), tuple(steps), tuple(gaps), self._crowd)


def _way(step: Step, ref: Ref) -> _Way:
    """Say which way it goes from *ref* over a step."""
    if step.evidence == "link":
        if step.relation == "same":
            return "same"
        return "down" if step.source == ref else "up"
    if step.evidence == "posting":
        is_down = step.target == ref  # a posting is made from what it names
    else:
        ahead = RANKS.get(step.source.kind, 99) < RANKS.get(step.target.kind, -1)
        is_down = (step.source == ref) == ahead
    return "down" if is_down else "up"
