"""What waits: for a person (review), or for a cause to go away (parked). And who works on which flow."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from collections.abc import Iterable
from typing import Any

from periferia_link.errors import LeaseHeldError
from periferia_link.ledger.protocol import Held, Parked, Review

__all__ = ["Desk", "Leases", "owner_name"]


class Desk:
    """Rows of ``parked`` and ``review``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def park(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """
        Write (stream, key, error, reason, next_step, now, retry_at, body).

        A record parked again keeps its first date and counts one attempt more.
        """
        self._db.executemany(
            "INSERT INTO parked (stream, key, error, reason, next_step, since, attempts, retry_at, body)"
            " VALUES (?,?,?,?,?,?,1,?,?) ON CONFLICT (stream, key) DO UPDATE SET error=excluded.error,"
            " reason=excluded.reason, next_step=excluded.next_step, attempts=attempts+1, retry_at=excluded.retry_at,"
            " body=excluded.body",
            rows,
        )

    def is_empty(self, stream: int) -> bool:
        """Whether nothing of the stream waits: the rule in a first load, where looking row by row would be waste."""
        found = self._db.execute(
            "SELECT EXISTS (SELECT 1 FROM parked WHERE stream=?) OR EXISTS (SELECT 1 FROM review WHERE stream=?)",
            (stream, stream),
        )
        return not found.fetchone()[0]

    def attempts(self, stream: int, key: str) -> int:
        """Return how often a record was parked so far."""
        row = self._db.execute("SELECT attempts FROM parked WHERE stream=? AND key=?", (stream, key)).fetchone()
        return int(row[0]) if row else 0

    def unpark(self, stream: int, keys: Iterable[str]) -> None:
        """Forget records that went through."""
        self._db.executemany("DELETE FROM parked WHERE stream=? AND key=?", [(stream, key) for key in keys])

    def parked(self, flow: str | None = None) -> list[Parked]:
        """Return parked records, oldest first."""
        rows = self._db.execute(
            "SELECT s.flow, p.key, p.error, p.reason, p.next_step, p.since, p.attempts, p.retry_at FROM parked p"
            " JOIN stream s ON s.id=p.stream WHERE ? IS NULL OR s.flow=? ORDER BY p.since, s.flow, p.key",
            (flow, flow),
        )
        return [Parked(*row) for row in rows]

    def due(self, stream: int, now: float) -> list[str]:
        """Return parked keys whose time to try again has come."""
        rows = self._db.execute(
            "SELECT key FROM parked WHERE stream=? AND (retry_at IS NULL OR retry_at<=?) ORDER BY key", (stream, now)
        )
        return [row[0] for row in rows]

    def review(self, rows: Iterable[tuple[int, str, str, str, float]]) -> None:
        """Write (stream, key, reason, candidates as JSON, now); a verdict that was given stays."""
        self._db.executemany(
            "INSERT INTO review (stream, key, reason, candidates, since) VALUES (?,?,?,?,?)"
            " ON CONFLICT (stream, key) DO UPDATE SET reason=excluded.reason, candidates=excluded.candidates",
            rows,
        )

    def reviews(self, flow: str | None = None) -> list[Review]:
        """Return open reviews, oldest first."""
        rows = self._db.execute(
            "SELECT s.flow, r.key, r.reason, r.candidates, r.since, r.verdict FROM review r"
            " JOIN stream s ON s.id=r.stream WHERE r.verdict IS NULL AND (? IS NULL OR s.flow=?)"
            " ORDER BY r.since, s.flow, r.key",
            (flow, flow),
        )
        return [
            Review(f, key, reason, json.loads(found), since, verdict) for f, key, reason, found, since, verdict in rows
        ]

    def decide(self, stream: int, key: str, verdict: str) -> None:
        """Record a verdict: ``link:ID``, ``create`` or ``ignore``; the record is looked at again."""
        self._db.execute("UPDATE review SET verdict=? WHERE stream=? AND key=?", (verdict, stream, key))
        self._db.execute("UPDATE record SET dirty=1 WHERE stream=? AND key=?", (stream, key))

    def verdicts(self, stream: int) -> dict[str, str]:
        """Return key → verdict for reviews that a person decided."""
        return dict(
            self._db.execute("SELECT key, verdict FROM review WHERE stream=? AND verdict IS NOT NULL", (stream,))
        )

    def forget_verdict(self, stream: int, key: str) -> None:
        """Take away a review with its verdict: the next change of a group is asked about again."""
        self._db.execute("DELETE FROM review WHERE stream=? AND key=?", (stream, key))

    def close_reviews(self, stream: int, keys: Iterable[str]) -> None:
        """Forget reviews that are settled; the verdict to ignore a record is kept, or it would be asked again."""
        self._db.executemany(
            "DELETE FROM review WHERE stream=? AND key=? AND (verdict IS NULL OR verdict<>'ignore')",
            [(stream, key) for key in keys],
        )


def _started(pid: int) -> str:
    # a process number is used again after a while; its start time tells the two apart (Linux)
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123 - one tiny read
            return stat.read().rsplit(b")", 1)[1].split()[19].decode()
    except (OSError, IndexError):
        return "?"


def owner_name() -> str:
    """Return who this process is: host, process number, start tick."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def _is_dead(owner: str) -> bool:
    host, _, rest = owner.partition(":")
    pid, _, started = rest.partition(":")
    # on Windows asking with os.kill would send the holder a Ctrl-C
    if host != socket.gethostname() or not pid.isdigit() or os.name == "nt":
        return False  # another machine, or a name that a person chose: alive until the lease ends
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return started != "?" and _started(int(pid)) != started


def _readable(owner: str) -> str:
    host, _, rest = owner.partition(":")
    pid = rest.partition(":")[0]
    return f"process {pid} on {host}" if pid.isdigit() else owner


class Leases:
    """Rows of ``lease``: one runner a flow, the others say who holds it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def take(self, flow: str, owner: str, *, now: float, seconds: float, partition: str = "") -> Held:
        """
        Take the lease of a flow, or take it over from a runner that is gone.

        Raises:
            LeaseHeldError: A living runner holds it.
        """
        row = self._db.execute(
            "SELECT owner, epoch, since, expires FROM lease WHERE flow=? AND partition=?", (flow, partition)
        ).fetchone()
        if row and row[0] and row[3] > now and not _is_dead(row[0]):
            msg = f"flow {flow} is being worked on by {_readable(row[0])}, since {now - row[2]:.0f} s"
            raise LeaseHeldError(msg, hint=f"wait for it; its lease ends in {row[3] - now:.0f} s if it is gone")
        held = Held(flow, partition, owner, (row[1] if row else 0) + 1, now, now + seconds)
        self._db.execute(
            "INSERT INTO lease VALUES (?,?,?,?,?,?) ON CONFLICT (flow, partition) DO UPDATE SET owner=excluded.owner,"
            " epoch=excluded.epoch, since=excluded.since, expires=excluded.expires",
            held,
        )
        return held

    def renew(self, lease: Held, *, now: float, seconds: float) -> Held:
        """
        Move the end of our lease.

        Raises:
            LeaseHeldError: Another runner took it over meanwhile; this one must not send any more.
        """
        changed = self._db.execute(
            "UPDATE lease SET expires=? WHERE flow=? AND partition=? AND owner=? AND epoch=?",
            (now + seconds, lease.flow, lease.partition, lease.owner, lease.epoch),
        ).rowcount
        if not changed:
            msg = f"the lease of flow {lease.flow} was taken over by another runner"
            raise LeaseHeldError(msg, hint="this run stops here; nothing is lost, the other one goes on")
        return lease._replace(expires=now + seconds)

    def release(self, lease: Held) -> None:
        """Give the lease back; its epoch stays, for fencing."""
        self._db.execute(
            "UPDATE lease SET owner='', expires=0 WHERE flow=? AND partition=? AND owner=? AND epoch=?",
            (lease.flow, lease.partition, lease.owner, lease.epoch),
        )

    def held(self) -> list[Held]:
        """Return the leases that somebody holds."""
        return [Held(*row) for row in self._db.execute("SELECT * FROM lease WHERE owner<>'' ORDER BY flow")]
