"""Which rows of a page changed: versions first, then bytes, and only what is left becomes an entity."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from periferia_link.connectors.base import Capabilities, Row
from periferia_link.engine._session import Session

__all__ = ["SeenKeys", "changed_rows", "raw_digest"]


def raw_digest(row: Row, volatile: frozenset[str]) -> bytes:
    """Return 16 bytes that change when the row does, apart from columns that change by themselves."""
    body = row.body
    if not isinstance(body, bytes):
        body = _canonical(body, volatile)
    elif volatile:
        body = _canonical(json.loads(body), volatile)
    return _digest(body)


def _canonical(body: Mapping[str, Any], volatile: frozenset[str]) -> bytes:
    kept = {name: value for name, value in body.items() if name not in volatile} if volatile else body
    return json.dumps(kept, sort_keys=True, default=str, separators=(",", ":")).encode()


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()


def changed_rows(
    session: Session, rows: Sequence[Row], abilities: Capabilities, remembered: Mapping[str, str | None] | None = None
) -> tuple[list[Row], dict[str, bytes], list[str]]:
    """
    Return the rows that may have changed, their digests where one was needed, and which of their keys are known.

    A row whose version is remembered is skipped without a look at its content, if the connector vouches for its
    versions. Otherwise equal bytes are skipped; only their new version is noted.
    """
    stream, records = session.stream, session.ledger.records
    changed: list[Row] = []
    digests: dict[str, bytes] = {}
    if abilities.version_covers_fields:
        versions = records.versions(stream, [row.key for row in rows]) if remembered is None else remembered
        get = versions.get
        changed = [row for row in rows if row.version is None or get(row.key) != row.version]
        session.report.counts["unchanged"] += len(rows) - len(changed)
        return changed, digests, [row.key for row in changed if row.key in versions] if versions else []
    known = records.raws(stream, [row.key for row in rows]) if remembered != {} else {}
    again: list[tuple[str | None, bytes, int, str]] = []
    for row in rows:
        digest = raw_digest(row, abilities.volatile)
        before = known.get(row.key)
        if before is None or before[1] != digest:
            changed.append(row)
            digests[row.key] = digest
        elif before[0] != row.version:
            again.append((row.version, digest, stream, row.key))
    if again:
        with session.ledger.transaction():
            records.seen_again(again)
    session.report.counts["unchanged"] += len(rows) - len(changed)
    return changed, digests, [row.key for row in changed if row.key in known]


class SeenKeys:
    """
    Keys listed by a scan, as 64-bit hashes.

    Absence is found by membership, never by merging sorted ranges: servers sort GUIDs in their own order.
    """

    def __init__(self) -> None:
        self._hashes: set[int] = set()

    def add(self, keys: Sequence[str]) -> bool:
        """Note keys of a page; returns whether none of them was listed before."""
        before = len(self._hashes)
        self._hashes.update(map(hash, keys))
        return len(self._hashes) - before == len(keys)

    def distinct(self) -> AbstractSet[int]:
        """Return the hashes, each once."""
        return self._hashes
