"""What is missing on the way, in a sentence, with the next step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from periferia_link.domain import Ref
from periferia_link.ledger import PART, Standing
from periferia_link.ledger.protocol import AMBIGUOUS, FOLLOWER, GONE, HELD, OK, PARKED, SKIPPED, WAITING
from periferia_link.trace._found import Gap
from periferia_link.trace._kinds import LEFT_OUT, MISSING

__all__ = ["gaps_of", "note_of"]


def gaps_of(ref: Ref, standings: Iterable[Standing], *, by: Ref | None) -> list[Gap]:
    """Return what is missing at one record; *by* is the record that led to it."""
    gaps: list[Gap] = []
    found = list(standings)
    # a record that became several things: its parts stand for it
    parted = {one.flow for one in found if PART in one.key}
    for one in found:
        if one.flow in parted and PART not in one.key and one.state == OK and not one.desk:
            continue
        if one.state is None:
            if by is not None:
                said = f"{ref} is named by {by} and flow {one.flow} has not seen it"
                gaps.append(Gap(ref, said, f"periferia-link run {one.flow}", one.flow))
        elif one.state not in (SKIPPED, GONE, FOLLOWER):
            gaps += _gaps_in(ref, one)
    return gaps


def _gaps_in(ref: Ref, one: Standing) -> Iterator[Gap]:
    missing = MISSING.get((ref.kind, one.target_kind), f"has no {one.target_kind} that flow {one.flow} makes of it")
    if one.group is not None:
        if one.desired == one.posted:
            return
        if one.posted is not None:
            missing = "changed after it was posted, and the difference is not posted yet"
    elif one.target is not None:
        if not one.desk and one.operation is None:
            return
        missing = f"is linked to {one.target}, and its last change is not there yet"
    why, step = _why(one)
    yield Gap(ref, f"{ref} {missing}{why}", step, one.flow)


def _why(one: Standing) -> tuple[str, str]:
    """Return the reason, as the end of a sentence, and what to do."""
    if one.desk == "parked":
        return f": {one.reason}", one.next_step or "correct the record; it is tried again then"
    if one.desk == "review":
        return f": {one.reason}", f"periferia-link review list {one.flow}"
    if one.operation == AMBIGUOUS:
        return ": it was sent and its fate is not known yet", "the next run looks for it"
    if one.operation == HELD:
        return ": it waits for approval there", "finish it in the system; the next run takes the result over"
    if one.operation is not None:
        return ": it is planned and not sent yet", f"periferia-link run {one.flow}"
    if one.state == PARKED:
        return ": it was let go by hand", "change it in its system: it is looked at again then"
    if one.state == WAITING and one.needs:
        needs = ", ".join(str(need) for need in one.needs)
        return f": it waits until {needs} is linked", "run the flow that carries it, or settle it in review"
    return "", f"periferia-link run {one.flow}"


def note_of(ref: Ref, standings: Iterable[Standing]) -> str:
    """Return what is said beside a record that is as it should be."""
    notes = []
    for one in standings:
        if one.state == GONE:
            notes.append(f"deleted in {ref.system}; what was made of it stays")
        elif one.state == FOLLOWER:
            notes.append("another record writes its target")
        elif one.state == SKIPPED:
            notes.append(_left_out(ref, one))
        elif one.group is not None and one.desired == one.posted and one.reason:
            notes.append(f"{one.reason}: {LEFT_OUT.get((ref.kind, one.target_kind), 'nothing is made of its group')}")
    return "; ".join(dict.fromkeys(notes))


def _left_out(ref: Ref, one: Standing) -> str:
    due = LEFT_OUT.get((ref.kind, one.target_kind))
    if due is None:
        return f"left out by flow {one.flow}" + (f": {one.reason}" if one.reason else "")
    return f"{one.reason}: {due}" if one.reason else due
