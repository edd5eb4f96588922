"""Source records, groups and their members."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from periferia_link.ledger._binding import bound, write_all
from periferia_link.ledger.protocol import Known

__all__ = ["PART", "Records", "in_list", "index_targets"]

PART = "\x1f"
"""Stands between the key of a record and the name of one of the several things that it became."""

_CHUNK = 500  # SQLite takes 32,766 variables; 500 is where the look-up cost per key is lowest (measured)

_ADD = "INSERT INTO record (stream, key, version, raw, state, system, target, target_version, base, create_key) VALUES "
_AT_ONCE = 25  # a fifth less CPU than row by row; more at once gain nothing (measured)


def in_list(size: int) -> str:
    """Return ``?,?,…`` for a look-up by key list."""
    return ",".join("?" * size)


def index_targets(connection: sqlite3.Connection) -> None:
    """
    Make the index of records by target, unless it stands.

    Targets are GUIDs: kept up row by row, the index cost a first load a tenth of its CPU (measured). It is built
    at once when somebody first asks what a target was made from; flows that never ask go without.
    """
    connection.execute("CREATE INDEX IF NOT EXISTS record_target ON record (target) WHERE target IS NOT NULL")


class Records:
    """Rows of ``record`` and ``member``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def _select(self, columns: str, stream: int, keys: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(keys), _CHUNK):
            part = keys[start : start + _CHUNK]
            yield from self._db.execute(
                f"SELECT {columns} FROM record WHERE stream=? AND key IN ({in_list(len(part))})",  # noqa: S608
                (stream, *part),
            )

    def versions(self, stream: int, keys: Sequence[str]) -> dict[str, str | None]:
        """Return key → remembered version."""
        found: dict[str, str | None] = {}
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            found.update(
                self._db.execute(
                    f"SELECT key, version FROM record WHERE stream=? AND key IN ({in_list(len(chunk))})",  # noqa: S608
                    (stream, *chunk),
                )
            )
        return found

    def every_version(self, stream: int, limit: int) -> dict[str, str | None] | None:
        """
        Return all remembered versions of a stream, or ``None`` when there are more than *limit*.

        For a scan of everything: read in one go at a quarter of the cost of asking page by page.
        """
        if not 0 < self.count(stream) <= limit:
            return None
        return dict(self._db.execute("SELECT key, version FROM record WHERE stream=?", (stream,)))

    def raws(self, stream: int, keys: Sequence[str]) -> dict[str, tuple[str | None, bytes | None]]:
        """Return key → (version, hash of the raw row)."""
        return {key: (version, raw) for key, version, raw in self._select("key, version, raw", stream, keys)}

    def known(self, stream: int, keys: Sequence[str]) -> dict[str, Known]:
        """Return key → all that is remembered."""
        columns = "key, id, version, raw, state, system, target, target_version, base"
        return {row[0]: Known(*row[1:]) for row in self._select(columns, stream, keys)}

    def add(self, rows: Sequence[tuple[Any, ...]]) -> int:
        """
        Append (stream, key, version, raw, state, system, target, target_version, base, create_key) of unknown records.

        Returns the id of the first; the others follow in order.
        """
        # SQLite numbers rows from the largest on, and nobody else writes during the transaction
        first = int(self._db.execute("SELECT coalesce(max(id), 0) + 1 FROM record").fetchone()[0])
        places, values = bound(rows)
        one = f"({','.join(places)})"
        several = _ADD + ",".join([one] * _AT_ONCE)
        whole = len(values) // _AT_ONCE * _AT_ONCE
        for start in range(0, whole, _AT_ONCE):
            self._db.execute(several, list(chain.from_iterable(values[start : start + _AT_ONCE])))
        if whole < len(values):
            self._db.executemany(_ADD + one, values[whole:])
        return first

    def replace(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Write (version, raw, state, system, target, target_version, base, id) of known records."""
        write_all(
            self._db,
            "UPDATE record SET version={}, raw={}, state={}, system={}, target={}, target_version={}, base={}, dirty=0,"
            " reason=NULL WHERE id={}",
            rows,
        )

    def explain(self, rows: Iterable[tuple[str, int]]) -> None:
        """Write (reason, id) of records of which nothing is made; the next :meth:`replace` takes the reason away."""
        self._db.executemany("UPDATE record SET reason=? WHERE id=?", rows)

    def bases(self, stream: int, keys: Sequence[str]) -> dict[str, bytes | None]:
        """Return key → remembered owned values; a planned create keeps its body there."""
        return dict(self._select("key, base", stream, keys))

    def seen_again(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Update (version, raw, stream, key) of rows whose content is unchanged; a mark to look again stays."""
        write_all(self._db, "UPDATE record SET version={}, raw={} WHERE stream={} AND key={}", rows)

    def linked(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Note an effect: (state, system, target, target_version, base or NULL to keep, id)."""
        write_all(
            self._db,
            "UPDATE record SET state={}, system={}, target={}, target_version={}, base=coalesce({}, base) WHERE id={}",
            rows,
        )

    def created(self, rows: Iterable[tuple[int, str, str, str | None, int]]) -> None:
        """Note creates that arrived: (state, system, target, target_version, id); their base stands already."""
        write_all(
            self._db,
            "UPDATE record SET state={}, system={}, target={}, target_version={}, create_key=NULL WHERE id={}",
            rows,
        )

    def set_state(self, records: Iterable[int], state: int) -> None:
        """Set the state of records."""
        self._db.executemany("UPDATE record SET state=? WHERE id=?", [(state, id_) for id_ in records])

    def drop(self, stream: int, keys: Iterable[str]) -> None:
        """Forget records that are gone on both sides."""
        gone = [(stream, key) for key in keys]
        self._db.executemany("DELETE FROM record WHERE stream=? AND key=?", gone)
        self._db.executemany("DELETE FROM depends WHERE stream=? AND key=?", gone)
        self._db.executemany("DELETE FROM parked WHERE stream=? AND key=?", gone)
        self._db.executemany("DELETE FROM review WHERE stream=? AND key=?", gone)

    def has_followers(self) -> bool:
        """Whether any record follows a target that another one writes."""
        return self._db.execute("SELECT 1 FROM record WHERE state=5 AND target>'' LIMIT 1").fetchone() is not None

    def has_follower(self, stream: int, system: str, target: str) -> bool:
        """Whether another living record of the stream is linked to the target."""
        return bool(
            self._db.execute(
                "SELECT 1 FROM record WHERE target=? AND system=? AND stream=? AND state=5 LIMIT 1",
                (target, system, stream),
            ).fetchone()
        )

    def promote(self, stream: int, system: str, target: str) -> None:
        """Let the first follower of a target write it: the record that did is gone."""
        self._db.execute(
            "UPDATE record SET state=0, dirty=1 WHERE id=(SELECT min(id) FROM record WHERE target=? AND system=?"
            " AND stream=? AND state=5)",
            (target, system, stream),
        )

    def count(self, stream: int) -> int:
        """Return how many records of the stream are known."""
        return int(self._db.execute("SELECT count(*) FROM record WHERE stream=?", (stream,)).fetchone()[0])

    def keys(self, stream: int) -> Iterator[list[str]]:
        """Yield all keys in lists, in key order, without keeping a cursor open over writes."""
        last = ""
        while True:
            found = [
                row[0]
                for row in self._db.execute(
                    "SELECT key FROM record WHERE stream=? AND key>? ORDER BY key LIMIT 5000", (stream, last)
                )
            ]
            if not found:
                return
            yield found
            last = found[-1]

    def parts(self, stream: int, key: str) -> list[str]:
        """Return the keys of the parts that one record became (see ``PART``)."""
        found = self._db.execute(
            "SELECT key FROM record WHERE stream=? AND key>? AND key<?", (stream, key + PART, key + chr(ord(PART) + 1))
        )
        return [row[0] for row in found]

    def dirty(self, stream: int, limit: int, after: str = "") -> list[str]:
        """Return keys that must be looked at again, in key order."""
        found = self._db.execute(
            "SELECT key FROM record WHERE dirty AND stream=? AND key>? ORDER BY key LIMIT ?", (stream, after, limit)
        )
        return [row[0] for row in found]

    def mark_dirty(self, stream: int, keys: Iterable[str]) -> None:
        """Ask to look at records again, whatever their version; an unknown one is noted."""
        self._db.executemany(
            "INSERT INTO record (stream, key, dirty) VALUES (?,?,1) ON CONFLICT (stream, key) DO UPDATE SET dirty=1",
            ((stream, key) for key in keys),
        )

    # ------------------------------------------------------------------ members of groups

    def set_members(self, rows: Iterable[tuple[int, str, str, str | None]]) -> None:
        """Write what (stream, group, key) should contribute now; ``None`` means nothing any more."""
        self._db.executemany(
            "INSERT INTO member (stream, grp, key, desired) VALUES (?,?,?,?)"
            " ON CONFLICT (stream, grp, key) DO UPDATE SET desired=excluded.desired",
            rows,
        )

    def member_groups(self, stream: int, keys: Sequence[str]) -> dict[str, set[str]]:
        """Return key → groups that it contributes to, or did."""
        groups: dict[str, set[str]] = {}
        for start in range(0, len(keys), _CHUNK):
            part = keys[start : start + _CHUNK]
            rows = self._db.execute(
                f"SELECT key, grp FROM member WHERE stream=? AND key IN ({in_list(len(part))})",  # noqa: S608
                (stream, *part),
            )
            for key, group in rows:
                groups.setdefault(key, set()).add(group)
        return groups

    def members(self, stream: int, group: str) -> list[tuple[str, str | None, str | None]]:
        """Return (key, desired, posted) of a group."""
        return self._db.execute(
            "SELECT key, desired, posted FROM member WHERE stream=? AND grp=? ORDER BY key", (stream, group)
        ).fetchall()

    def posted(self, stream: int, group: str, target: str | None, system: str | None) -> None:
        """Count one posting of a group, for the next create key; *system* is set where it is the whole of its group."""
        self._db.execute(
            "UPDATE record SET version=CAST(coalesce(version, '0') AS INTEGER) + 1, state=0, target=?, system=?"
            " WHERE stream=? AND key=?",
            (target, system, stream, group),
        )

    def mark_unposted(self, stream: int, groups: int, group: str) -> None:
        """Ask to look at a group again when its members want more than the postings hold."""
        self._db.execute(
            "UPDATE record SET dirty=1 WHERE stream=? AND key=?"
            " AND EXISTS (SELECT 1 FROM member WHERE stream=? AND grp=? AND desired IS NOT posted)",
            (groups, group, stream, group),
        )

    def members_posted(self, stream: int, group: str, posted: Mapping[str, str | None]) -> None:
        """Note what a posting holds of each member; members with neither side left are forgotten."""
        self._db.executemany(
            "UPDATE member SET posted=? WHERE stream=? AND grp=? AND key=?",
            [(value, stream, group, key) for key, value in posted.items()],
        )
        self._db.execute(
            "DELETE FROM member WHERE stream=? AND grp=? AND desired IS NULL AND posted IS NULL", (stream, group)
        )
