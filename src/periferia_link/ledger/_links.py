"""Which record is which, what was made from what, what depends on what."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from periferia_link.domain import Ref
from periferia_link.ledger._records import PART, in_list, index_targets

__all__ = ["Links"]


class Links:
    """Links in ``record``; rows of ``edge``, ``depends`` and ``candidate``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    # ------------------------------------------------------------------ links: a record row with a target

    def twin(self, ref: Ref, system: str, kind: str) -> list[Ref]:
        """
        Return what *ref* is, or was made into, in another system: no, one, or (to review) several records.

        Goes through every system in between: lead, opportunity, project.
        """
        seen, frontier, found = {ref}, [ref], set()
        while frontier:
            near = {other for one in frontier for other in self._neighbours(one)} - seen
            found |= {other for other in near if other.system == system and other.kind == kind}
            seen |= near
            # what was found is the answer: going on from it leads to other sources of the same target
            frontier = [other for other in near if other not in found]
        return sorted(found)

    def holder(self, target: Ref, source: Ref) -> Ref | None:
        """Return another record of the kind of *source* that is linked to *target* already."""
        for other in self._neighbours(target):
            if other != source and other.system == source.system and other.kind == source.kind:
                return other
        return None

    def _neighbours(self, ref: Ref) -> list[Ref]:
        index_targets(self._db)
        forward = self._db.execute(
            # few streams first, then the record by its key: the planner would read every link there is (CROSS says so)
            "SELECT r.system, s.target_kind, r.target FROM stream s CROSS JOIN record r ON r.stream=s.id AND r.key=?"
            " WHERE s.system=? AND s.kind=? AND r.target IS NOT NULL",
            (ref.id, ref.system, ref.kind),
        )
        found = [Ref(*row) for row in forward]
        backward = self._db.execute(
            "SELECT s.system, s.kind, r.key FROM record r JOIN stream s ON s.id=r.stream"
            " WHERE r.target=? AND r.system=? AND s.target_kind=?",
            (ref.id, ref.system, ref.kind),
        )
        return found + [Ref(system, kind, key.split(PART)[0]) for system, kind, key in backward]

    # ------------------------------------------------------------------ edges: made from, belongs to

    def edges(self, rows: Iterable[tuple[str, str, str, str | None]]) -> None:
        """Note (from, to, relation, flow); refs as text. A repeated edge changes nothing."""
        self._db.executemany("INSERT INTO edge VALUES (?,?,?,?) ON CONFLICT (a, b, relation) DO NOTHING", rows)

    def forget_references(self, sources: Iterable[str], flow: str = "") -> None:
        """Forget what records pointed at, before what they point at now is noted: by their fields and for *flow*."""
        self._db.executemany(
            "DELETE FROM edge WHERE a=? AND (flow IS NULL OR flow=?)", [(source, flow) for source in sources]
        )

    def edges_of(self, ref: Ref) -> list[tuple[Ref, str, Ref]]:
        """Return the edges that touch *ref*, in both directions: (from, relation, to)."""
        text = str(ref)
        rows = self._db.execute(
            "SELECT a, relation, b FROM edge WHERE a=? UNION SELECT a, relation, b FROM edge WHERE b=?", (text, text)
        )
        return [(Ref.parse(a), relation, Ref.parse(b)) for a, relation, b in rows]

    # ------------------------------------------------------------------ dependencies

    def depend(self, stream: int, upon: Mapping[str, Iterable[str]]) -> None:
        """Replace what each key was derived from: look-up rows, links."""
        self._db.executemany("DELETE FROM depends WHERE stream=? AND key=?", [(stream, key) for key in upon])
        self._db.executemany(
            "INSERT INTO depends VALUES (?,?,?)",
            [(stream, key, name) for key, names in upon.items() for name in sorted(set(names))],
        )

    def touch(self, upon: Iterable[str]) -> int:
        """Mark as dirty every record derived from one of *upon*; return how many."""
        marked = 0
        for name in upon:
            marked += self._db.execute(
                "UPDATE record SET dirty=1 WHERE dirty=0 AND (stream, key) IN"
                " (SELECT stream, key FROM depends WHERE upon=?)",
                (name,),
            ).rowcount
        return marked

    def touch_links(self, system: str, kind: str, keys: Iterable[str]) -> None:
        """Mark as dirty what waits for a link of one of these records."""
        # most streams wait for nothing: one look-up instead of one a row
        if self._db.execute("SELECT 1 FROM depends WHERE upon>='link:' AND upon<'link;' LIMIT 1").fetchone():
            self.touch(f"link:{system}:{kind}:{key.split(PART)[0]}" for key in keys)

    # ------------------------------------------------------------------ candidates for matching

    def index(self, stream: int, rows: Iterable[tuple[str, str, str]]) -> None:
        """Add (field, value, key) of the target side."""
        self._db.executemany(
            "INSERT INTO candidate VALUES (?,?,?,?) ON CONFLICT DO NOTHING",
            [(stream, *row) for row in rows],
        )

    def unindex(self, stream: int, keys: Iterable[str]) -> None:
        """Take target rows, or creates under way, out of the index."""
        self._db.executemany("DELETE FROM candidate WHERE stream=? AND key=?", [(stream, key) for key in keys])

    def candidates(self, stream: int, field: str, values: Sequence[str]) -> dict[str, list[str]]:
        """Return value → keys on the target side."""
        found: dict[str, list[str]] = {}
        for start in range(0, len(values), 500):
            part = values[start : start + 500]
            rows = self._db.execute(
                f"SELECT value, key FROM candidate WHERE stream=? AND field=? AND value IN ({in_list(len(part))})",  # noqa: S608
                (stream, field, *part),
            )
            for value, key in rows:
                found.setdefault(value, []).append(key)
        return found

    def indexed_keys(self, stream: int) -> list[str]:
        """Return every target key in the index."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT key FROM candidate WHERE stream=?", (stream,))]

    def indexed_fields(self, stream: int, keys: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return key → {field: value} for target rows in the index."""
        found: dict[str, dict[str, str]] = {}
        for start in range(0, len(keys), 500):
            part = keys[start : start + 500]
            rows = self._db.execute(
                f"SELECT key, field, value FROM candidate WHERE stream=? AND key IN ({in_list(len(part))})",  # noqa: S608
                (stream, *part),
            )
            for key, field, value in rows:
                found.setdefault(key, {})[field] = value
        return found
