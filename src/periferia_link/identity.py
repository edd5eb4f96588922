"""
Which record here is which record there.

No hit: create. One strong hit: adopt. Several, or only a weak one: a person decides. Nothing is merged, and every
link can be taken apart again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from periferia_link.connectors.base import Connector, Page, Row
from periferia_link.domain import Entity, Ref
from periferia_link.errors import ExpiredCursorError, RejectedError
from periferia_link.ledger.protocol import Ledger

__all__ = ["PENDING", "Judgement", "MatchKey", "Matcher"]

PENDING = "?"  # prefix of the source key while its create is under way


@dataclass(frozen=True, slots=True)
class MatchKey:
    """
    A value by which both sides recognise the same thing.

    ``of`` returns it in normal form, or ``None`` when the record has none. A strong key identifies by itself; a weak
    one only raises a question.
    """

    name: str
    of: Callable[[Any], str | None]
    is_strong: bool = True


class Judgement(NamedTuple):
    """
    What matching says of one new record.

    ``follow`` links it to a target that another source record already writes: same id, same name. ``defer`` waits for
    a create of the same thing that is under way.
    """

    verdict: Literal["create", "adopt", "follow", "review", "defer"]
    target: str | None = None
    reason: str = ""
    candidates: tuple[str, ...] = ()


class Matcher:
    """Matches source records of one flow against an index of the target side, kept in the ledger."""

    def __init__(
        self, ledger: Ledger, connector: Connector, kind: str, *, keys: Sequence[MatchKey], flow: str, source: Ref
    ) -> None:
        self._ledger = ledger
        self._connector = connector
        self._kind = kind
        self._keys = keys
        self._source = source
        self._stream = ledger.stream(flow, f"index:{connector.name}")
        self._is_fresh = False

    @property
    def stream(self) -> int:
        """Stream of the index in the ledger."""
        return self._stream

    def refresh(self) -> None:
        """
        Bring the index up to date with the target, once a run; the first time reads every record there.

        Raises:
            ConnectorError: The target cannot be read.
        """
        if self._is_fresh:
            return
        cursor = self._ledger.cursor(self._stream)[0]
        try:
            self._read(cursor)
        except ExpiredCursorError:
            self._read(None)
        self._is_fresh = True

    def _read(self, cursor: str | None) -> None:
        listed: set[str] | None = set() if cursor is None else None
        for page in self._connector.pull(self._kind, cursor):
            self._store(page)
            if listed is not None:
                listed.update(row.key for row in page.rows)
            if page.is_last and page.is_scan and listed is not None:
                self._forget_absent(listed)

    def _store(self, page: Page) -> None:
        rows = [found for row in page.rows for found in self._indexed(row)]
        with self._ledger.transaction():
            self._ledger.links.unindex(self._stream, [row.key for row in page.rows])
            self._ledger.links.unindex(self._stream, page.deleted)
            self._ledger.links.index(self._stream, rows)
            # a scan starts anew every time: only a feed that can continue keeps a cursor
            if page.cursor is not None and self._connector.supports(self._kind).feed != "scan":
                self._ledger.set_cursor(self._stream, page.cursor, None, None)

    def _indexed(self, row: Row) -> list[tuple[str, str, str]]:
        try:
            return [(*pair, row.key) for pair in self.values(self._connector.decode(self._kind, row))]
        except (RejectedError, ValueError, TypeError, LookupError, AttributeError):
            return []  # a target row that makes no sense cannot be matched; it is not ours to repair

    def _forget_absent(self, listed: set[str]) -> None:
        known = self._ledger.links.indexed_keys(self._stream)
        gone = [key for key in known if key not in listed and not key.startswith(PENDING)]
        if gone:
            with self._ledger.transaction():
                self._ledger.links.unindex(self._stream, gone)

    def others(self, values: Sequence[tuple[str, str]], but: str | None) -> tuple[str, ...]:
        """
        Return the targets, apart from one, that have one of these (field, value) pairs.

        Raises:
            ConnectorError: The target cannot be read for the index.
        """
        self.refresh()
        found: set[str] = set()
        for name, value in values:
            found.update(self._ledger.links.candidates(self._stream, name, [value]).get(value, ()))
        return tuple(sorted(key for key in found if key != but and not key.startswith(PENDING)))

    def values(self, entity: Entity) -> list[tuple[str, str]]:
        """Return (field, value) pairs by which *entity* can be recognised."""
        return [(key.name, value) for key in self._keys if (value := key.of(entity))]

    def judge(self, records: Mapping[str, Entity]) -> dict[str, Judgement]:
        """
        Judge new records of one page together: source key → judgement.

        Raises:
            ConnectorError: The target cannot be read for the index.
        """
        self.refresh()
        found = {
            key.name: self._ledger.links.candidates(self._stream, key.name, _values(key, records)) for key in self._keys
        }
        claims: dict[tuple[str, str], bool] = {}  # value -> whether the record that goes first has a strong one
        judged = {}
        for source_key, entity in records.items():
            judgement = self._judge(source_key, entity, found)
            if judgement.verdict in ("create", "adopt") and self._is_claimed(entity, judgement, claims):
                judgement = Judgement("defer", reason="a record of the same page goes first")
            elif judgement.verdict in ("create", "adopt"):
                self._claim(entity, judgement, claims)
            judged[source_key] = judgement
        return judged

    def _is_claimed(self, entity: Entity, judgement: Judgement, claims: Mapping[tuple[str, str], bool]) -> bool:
        """Whether an earlier record of the page takes what this one would take, or creates what it must see."""
        has_strong = self._has_strong(entity)
        for key in self._keys:
            claimed = claims.get((key.name, key.of(entity) or ""))
            if claimed is not None and (
                key.is_strong or (judgement.verdict == "create" and not (claimed and has_strong))
            ):
                return True
        return False

    def _claim(self, entity: Entity, judgement: Judgement, claims: dict[tuple[str, str], bool]) -> None:
        has_strong = self._has_strong(entity)
        for key in self._keys:
            value = key.of(entity)
            # what is adopted creates nothing that a name could hit
            if value is not None and (key.is_strong or judgement.verdict == "create"):
                claims.setdefault((key.name, value), has_strong)

    def _has_strong(self, entity: Entity) -> bool:
        return any(key.of(entity) for key in self._keys if key.is_strong)

    def _judge(self, source_key: str, entity: Entity, found: Mapping[str, Mapping[str, list[str]]]) -> Judgement:
        strong: dict[str, str] = {}
        weak: dict[str, str] = {}
        has_strong = self._has_strong(entity)
        for key in self._keys:
            value = key.of(entity)
            if value is None:
                continue
            hits = found[key.name].get(value, ())
            if any(self._is_under_way(hit, source_key, key, has_strong=has_strong) for hit in hits):
                return Judgement("defer", reason=f"another record with {key.name} {value} is being created")
            (strong if key.is_strong else weak).update((hit, key.name) for hit in hits if not hit.startswith(PENDING))
        if len(strong) == 1:
            return self._one(source_key, entity, *strong.popitem())
        if strong:
            reason = f"{len(strong)} records on the other side have the same {'/'.join(sorted(set(strong.values())))}"
            return Judgement("review", None, reason, tuple(sorted(strong)))
        return self._weak(entity, weak)

    def _is_under_way(self, hit: str, source_key: str, key: MatchKey, *, has_strong: bool) -> bool:
        """Whether *hit* is a create of another record that this one must wait for."""
        if not hit.startswith(PENDING) or hit == PENDING + source_key:
            return False
        if key.is_strong or not has_strong:
            return True
        fields = self._ledger.links.indexed_fields(self._stream, [hit]).get(hit, {})
        return not any(other.is_strong and other.name in fields for other in self._keys)

    def _one(self, source_key: str, entity: Entity, target: str, field: str) -> Judgement:
        ref = Ref(self._connector.name, self._kind, target)
        holder = self._ledger.links.holder(ref, self._source._replace(id=source_key))
        if holder is None:
            return Judgement("adopt", target, f"same {field}")
        known = self._ledger.links.indexed_fields(self._stream, [target]).get(target, {})
        others = [key for key in self._keys if not key.is_strong]
        if others and all(known.get(key.name) == key.of(entity) for key in others):
            return Judgement("follow", target, f"same {field} and {others[0].name} as {holder.id}")
        return Judgement("review", None, f"{holder.id} already is {target}, and has the same {field}", (target,))

    def _weak(self, entity: Entity, weak: Mapping[str, str]) -> Judgement:
        strong_names = [key.name for key in self._keys if key.is_strong]
        has_strong = self._has_strong(entity)
        fields = self._ledger.links.indexed_fields(self._stream, sorted(weak)) if weak else {}
        # two valid ids that differ are two companies, however equal their names
        open_hits = [
            hit for hit in weak if not (has_strong and any(name in fields.get(hit, {}) for name in strong_names))
        ]
        if not open_hits:
            return Judgement("create")
        names = "/".join(sorted({weak[hit] for hit in open_hits}))
        return Judgement("review", None, f"same {names}, and no id that proves it", tuple(sorted(open_hits)))


def _values(key: MatchKey, records: Mapping[str, Entity]) -> list[str]:
    return sorted({value for entity in records.values() if (value := key.of(entity))})
