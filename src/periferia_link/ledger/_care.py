"""How the ledger is: what is wrong with it, what is in it, where each flow stands."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from periferia_link.domain import Ref
from periferia_link.ledger._schema import SCHEMA_VERSION

__all__ = ["Care", "FlowStanding", "LedgerInfo"]

_EXAMPLES = 10  # of one sort of damage; the others are counted

_RULES: tuple[tuple[str, str], ...] = (
    (
        "an operation belongs to no record",
        "SELECT o.record FROM operation o LEFT JOIN record r ON r.id=o.record WHERE r.id IS NULL",
    ),
    (
        "an operation of unknown fate says not when to look for it",
        "SELECT record FROM operation WHERE state=1 AND not_before IS NULL",
    ),
    (
        "an operation has neither a body nor a record that holds it",
        (
            "SELECT o.record FROM operation o JOIN record r ON r.id=o.record"
            " WHERE o.mode IN ('create','update') AND o.body IS NULL AND r.base IS NULL"
        ),
    ),
    (
        "a change or a deletion names no target",
        "SELECT record FROM operation WHERE mode IN ('update','delete') AND target IS NULL",
    ),
    (
        "a request is in flight and covers no operation",
        (
            "SELECT q.id FROM request q WHERE q.first>q.last"
            " OR NOT EXISTS (SELECT 1 FROM operation o WHERE o.record BETWEEN q.first AND q.last)"
        ),
    ),
    (
        "a request belongs to no run",
        "SELECT q.id FROM request q LEFT JOIN run r ON r.id=q.run WHERE r.id IS NULL",
    ),
    (
        "a request is newer than the lease of its flow",
        (
            "SELECT q.id FROM request q JOIN stream s ON s.id=q.stream LEFT JOIN lease l ON l.flow=s.flow"
            " GROUP BY q.id HAVING q.epoch>coalesce(max(l.epoch), 0)"
        ),
    ),
    (
        "a record belongs to no stream",
        "SELECT r.id FROM record r LEFT JOIN stream s ON s.id=r.stream WHERE s.id IS NULL",
    ),
    (
        "a link names no system",
        (
            "SELECT r.id FROM record r JOIN stream s ON s.id=r.stream"
            " WHERE s.part='source' AND r.target IS NOT NULL AND r.system IS NULL"
        ),
    ),
    (
        "two records of one flow write one target",
        (
            "SELECT min(r.id) FROM record r JOIN stream s ON s.id=r.stream WHERE s.part='source' AND s.relation='same'"
            " AND r.target IS NOT NULL AND r.state=0 GROUP BY r.stream, r.system, r.target HAVING count(*)>1"
        ),
    ),
    (
        "a member belongs to no group",
        (
            "SELECT m.key FROM member m JOIN stream s ON s.id=m.stream"
            " LEFT JOIN stream g ON g.flow=s.flow AND g.part='group'"
            " LEFT JOIN record r ON r.stream=g.id AND r.key=m.grp"
            " WHERE r.id IS NULL"
        ),
    ),
    (
        "what is posted of a member can be traced to no posting",
        (
            "SELECT m.key FROM member m JOIN stream s ON s.id=m.stream"
            " WHERE m.posted IS NOT NULL AND s.system IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM edge e WHERE e.b=s.system||':'||s.kind||':'||m.key AND e.flow=s.flow)"
        ),
    ),
    (
        "something waits for a person and belongs to no stream",
        (
            "SELECT key FROM (SELECT stream, key FROM parked UNION ALL SELECT stream, key FROM review) w"
            " LEFT JOIN stream s ON s.id=w.stream WHERE s.id IS NULL"
        ),
    ),
    (
        "a cursor belongs to no stream",
        "SELECT c.stream FROM cursor c LEFT JOIN stream s ON s.id=c.stream WHERE s.id IS NULL",
    ),
    (
        "an audit row belongs to no run",
        "SELECT a.id FROM audit a LEFT JOIN run r ON r.id=a.run WHERE a.run<>0 AND r.id IS NULL",
    ),
)
"""(what is wrong, query that finds it): each holds after every transaction of the engine."""


class LedgerInfo(NamedTuple):
    """What is in a ledger; ``bytes`` counts the file and what waits beside it to be copied in."""

    path: str
    bytes: int
    mode: str
    schema: int
    schema_of_library: int
    sqlite: str
    systems: Mapping[str, str]
    tables: Mapping[str, int]


class FlowStanding(NamedTuple):
    """
    Where one flow stands; times are seconds since the epoch.

    ``started``, ``ended`` and ``how`` are of the last run, ``well`` is when the last one began that came to its end:
    what changed later is not carried yet. ``open`` are writes that are planned, of unknown fate, or held for approval.
    """

    flow: str
    records: int = 0
    linked: int = 0
    waiting: int = 0
    parked: int = 0
    review: int = 0
    open: int = 0
    started: float | None = None
    ended: float | None = None
    how: str = ""
    counts: Mapping[str, int] = {}
    well: float | None = None
    runner: str = ""
    since: float | None = None
    expires: float | None = None


class Care:
    """Looks after the file; changes nothing in it."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._db = connection
        self._path = path

    # ------------------------------------------------------------------ what is wrong

    def problems(self) -> list[str]:
        """Return what is wrong, in sentences: first with the file, then with what it says. Empty: a healthy ledger."""
        damage = [row[0] for row in self._db.execute("PRAGMA integrity_check") if row[0] != "ok"]
        return damage or [*self._broken_rules(), *self._broken_edges()]

    def _broken_rules(self) -> Iterator[str]:
        for what, query in _RULES:
            found = [row[0] for row in self._db.execute(f"{query} LIMIT {_EXAMPLES + 1}")]
            if found:
                more = ", …" if len(found) > _EXAMPLES else ""
                yield f"{what}: {', '.join(str(key) for key in found[:_EXAMPLES])}{more}"

    def _broken_edges(self) -> Iterator[str]:
        """Both ends of a step of the trace are references into systems that the ledger knows."""
        known = {name for (name,) in self._db.execute("SELECT name FROM instance")}
        known |= {name for (name,) in self._db.execute("SELECT DISTINCT system FROM stream WHERE system IS NOT NULL")}
        broken = 0
        for a, b in self._db.execute("SELECT a, b FROM edge"):
            for text in (a, b):
                system = _system_of(text)
                if system is None or system not in known:
                    broken += 1
                    if broken <= _EXAMPLES:
                        yield f"a step of the trace leads nowhere: {text}"
        if broken > _EXAMPLES:
            yield f"… and {broken - _EXAMPLES} more steps of the trace lead nowhere"

    # ------------------------------------------------------------------ what is in it

    def info(self) -> LedgerInfo:
        """Return size, version, tables and systems."""
        files = [Path(self._path + ending) for ending in ("", "-wal")]
        size = sum(file.stat().st_size for file in files if file.exists())
        mode = f"{files[0].stat().st_mode & 0o777:04o}" if files[0].exists() else ""
        names = [
            name for (name,) in self._db.execute("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name")
        ]
        tables = {
            name: self._number(f"SELECT count(*) FROM {name}")  # noqa: S608 - names of our own schema
            for name in names
            if not name.startswith("sqlite_")
        }
        schema = self._number("PRAGMA user_version")
        systems = dict(self._db.execute("SELECT name, system_id FROM instance ORDER BY name"))
        return LedgerInfo(self._path, size, mode, schema, SCHEMA_VERSION, sqlite3.sqlite_version, systems, tables)

    def _number(self, query: str, *values: Any) -> int:
        return int(self._db.execute(query, values).fetchone()[0])

    # ------------------------------------------------------------------ where flows stand

    def flows(self) -> dict[str, FlowStanding]:
        """Return where each flow stands that ever ran here, by name."""
        names = [row[0] for row in self._db.execute("SELECT DISTINCT flow FROM stream ORDER BY flow")]
        return {name: self.flow(name) for name in names}

    def flow(self, name: str) -> FlowStanding:
        """Return where one flow stands; zeros for one that never ran here."""
        streams = dict(self._db.execute("SELECT part, id FROM stream WHERE flow=?", (name,)))
        source, group = streams.get("source", -1), streams.get("group", -1)
        posted = self._number("SELECT count(*) FROM record WHERE stream=? AND target IS NOT NULL", group)
        linked = self._number("SELECT count(*) FROM record WHERE stream=? AND target IS NOT NULL", source)
        standing = FlowStanding(
            name,
            records=self._number("SELECT count(*) FROM record WHERE stream=?", source),
            linked=linked or posted,
            waiting=self._number("SELECT count(*) FROM record WHERE stream=? AND state=1", source),
            parked=self._number("SELECT count(*) FROM parked WHERE stream IN (?,?)", source, group),
            review=self._number("SELECT count(*) FROM review WHERE stream IN (?,?) AND verdict IS NULL", source, group),
            open=self._number(
                "SELECT count(*) FROM operation o CROSS JOIN record r ON r.id=o.record WHERE r.stream IN (?,?)",
                source,
                group,
            ),
        )
        return self._with_lease(self._with_runs(standing))

    def _with_runs(self, standing: FlowStanding) -> FlowStanding:
        last = self._db.execute(
            "SELECT started, ended, result FROM run WHERE flow=? ORDER BY id DESC LIMIT 1", (standing.flow,)
        ).fetchone()
        if last is None:
            return standing
        told = json.loads(last[2]) if last[2] else {}
        well = self._db.execute(
            'SELECT started FROM run WHERE flow=? AND result LIKE \'{"how": "done"%\' ORDER BY id DESC LIMIT 1',
            (standing.flow,),
        ).fetchone()
        return standing._replace(
            started=last[0], ended=last[1], how=told.get("how", ""), counts=told.get("counts", {}),
            well=well[0] if well else None,
        )  # fmt: skip

    def _with_lease(self, standing: FlowStanding) -> FlowStanding:
        row = self._db.execute(
            "SELECT owner, since, expires FROM lease WHERE flow=? AND owner<>''", (standing.flow,)
        ).fetchone()
        return standing._replace(runner=row[0], since=row[1], expires=row[2]) if row else standing


def _system_of(text: str) -> str | None:
    try:
        return Ref.parse(text).system
    except ValueError:
        return None
