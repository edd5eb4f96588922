"""Which record is which, what was made from what, what depends on what."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from periferia_link.domain import Ref
from periferia_link.ledger._records import in_list

__all__ = ["Links"]


class Links:
    """Rows of ``identity``, ``edge``, ``depends`` and ``candidate``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    # ------------------------------------------------------------------ identity: the same thing

    def same(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Note that both refs (as text) of each pair are the same thing; clusters grow together."""
        if not pairs:
            return
        texts = [text for pair in pairs for text in pair]
        clusters: dict[str, int] = {}
        for start in range(0, len(texts), 500):
            part = texts[start : start + 500]
            clusters.update(
                self._db.execute(f"SELECT ref, cluster FROM identity WHERE ref IN ({in_list(len(part))})", part)  # noqa: S608
            )
        following = self._db.execute("SELECT coalesce(max(cluster), 0) + 1 FROM identity").fetchone()[0]
        fresh: list[tuple[str, int]] = []
        for a, b in pairs:
            left, right = clusters.get(a), clusters.get(b)
            if left is None and right is None:
                clusters[a] = clusters[b] = following
                fresh += [(a, following), (b, following)]
                following += 1
            elif left is None or right is None:
                known = left if right is None else right
                missing = b if right is None else a
                assert known is not None  # noqa: S101 - one side is known here
                clusters[missing] = known
                fresh.append((missing, known))
            elif left != right:
                # rows planned above may not be in the table yet
                self._insert(fresh)
                fresh = []
                self._db.execute("UPDATE identity SET cluster=? WHERE cluster=?", (left, right))
                clusters = {text: left if number == right else number for text, number in clusters.items()}
        self._insert(fresh)

    def _insert(self, rows: list[tuple[str, int]]) -> None:
        self._db.executemany("INSERT INTO identity VALUES (?,?)", rows)

    def separate(self, ref: Ref) -> None:
        """Take one record out of its cluster: matching is reversible, nothing is merged."""
        self._db.execute("DELETE FROM identity WHERE ref=?", (str(ref),))

    def twin(self, ref: Ref, system: str, kind: str) -> list[Ref]:
        """Return what *ref* is, or was made into, in another system: no, one, or (to review) several records."""
        text, low, high = str(ref), f"{system}:{kind}:", f"{system}:{kind};"
        rows = self._db.execute(
            "SELECT ref FROM identity WHERE cluster=(SELECT cluster FROM identity WHERE ref=?1)"
            " AND ref>=?2 AND ref<?3 UNION SELECT a FROM edge WHERE b=?1 AND a>=?2 AND a<?3"
            " UNION SELECT b FROM edge WHERE a=?1 AND b>=?2 AND b<?3 ORDER BY 1",
            (text, low, high),
        )
        return [Ref.parse(row[0]) for row in rows]

    def taken(self, refs: Sequence[Ref], system: str, kind: str) -> dict[Ref, Ref]:
        """Return which of *refs* already are something in (system, kind), and what."""
        found = {}
        for ref in refs:
            twins = self.twin(ref, system, kind)
            if twins:
                found[ref] = twins[0]
        return found

    # ------------------------------------------------------------------ edges: made from, belongs to

    def edges(self, rows: Iterable[tuple[str, str, str, str | None]]) -> None:
        """Note (from, to, relation, flow); refs as text. A repeated edge changes nothing."""
        self._db.executemany("INSERT INTO edge VALUES (?,?,?,?) ON CONFLICT (a, b, relation) DO NOTHING", rows)

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

    def touch_links(self, refs: Iterable[str]) -> None:
        """Mark as dirty what waits for a link of one of these refs (as text)."""
        # most streams wait for nothing: one look-up instead of one a row
        if self._db.execute("SELECT 1 FROM depends WHERE upon>='link:' AND upon<'link;' LIMIT 1").fetchone():
            self.touch(f"link:{ref}" for ref in refs)

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
