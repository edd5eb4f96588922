"""What the ledger knows around one record: its links, references, look-ups and postings, and where it stands."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple

from periferia_link.domain import KINDS, Ref
from periferia_link.ledger._records import PART, index_targets
from periferia_link.ledger.protocol import Standing, Step

__all__ = ["Trail"]

_AFTER_PART = chr(ord(PART) + 1)
_NAMES = ("code", "number", "name", "title", "subject")  # what people call a record by
_LONGEST = 60  # characters of a label


class _Stream(NamedTuple):
    id: int
    flow: str
    part: str
    system: str | None
    kind: str | None
    target_kind: str | None
    relation: str | None


class Trail:
    """
    Reads ``record``, ``edge``, ``depends`` and ``member`` around one record; writes nothing.

    A trail sees the streams that there were when it was made (:meth:`again` looks anew).
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._streams: dict[int, _Stream] = {}
        self._by_part: dict[tuple[str, str], _Stream] = {}

    def again(self) -> None:
        """Read which streams there are: once before a walk."""
        index_targets(self._db)
        rows = [_Stream(*row) for row in self._db.execute("SELECT * FROM stream")]
        self._streams = {stream.id: stream for stream in rows}
        self._by_part = {(stream.flow, stream.part): stream for stream in rows}

    # ------------------------------------------------------------------ steps

    def steps(self, ref: Ref, limit: int) -> list[Step]:
        """Return the steps that begin or end at *ref*, each once: at most *limit* of each sort."""
        found = [
            *self._links_from(ref),
            *self._links_to(ref, limit),
            *self._edges(ref, limit),
            *self._looked_up(ref),
            *self._looked_up_by(ref, limit),
        ]
        return list(dict.fromkeys(found))

    def _links_from(self, ref: Ref) -> Iterator[Step]:
        for stream, row in self._source_rows(ref, "system, target"):
            if row[0] is not None and row[1] is not None and stream.target_kind:
                yield Step(ref, stream.relation or "same", Ref(row[0], stream.target_kind, row[1]), stream.flow, "link")

    def _links_to(self, ref: Ref, limit: int) -> Iterator[Step]:
        rows = self._db.execute(
            "SELECT stream, key FROM record WHERE target=? AND system=? LIMIT ?", (ref.id, ref.system, limit)
        )
        for number, key in rows:
            stream = self._streams.get(number)
            if stream and stream.target_kind == ref.kind and stream.system and stream.kind:
                source = Ref(stream.system, stream.kind, key.split(PART)[0])
                yield Step(source, stream.relation or "same", ref, stream.flow, "link")

    def _edges(self, ref: Ref, limit: int) -> Iterator[Step]:
        text = str(ref)
        for column, other in (("a", "b"), ("b", "a")):
            rows = self._db.execute(
                f"SELECT a, relation, b, flow FROM edge WHERE {column}=? ORDER BY {other} LIMIT ?",  # noqa: S608
                (text, limit),
            )
            for a, relation, b, flow in rows:
                yield Step(Ref.parse(a), relation, Ref.parse(b), flow, "posting" if flow else "reference")

    def _looked_up(self, ref: Ref) -> Iterator[Step]:
        for stream in self._reading(ref):
            rows = self._db.execute(
                "SELECT upon FROM depends WHERE stream=? AND key=? AND upon>='lookup:' AND upon<'lookup;'",
                (stream.id, ref.id),
            )
            for (upon,) in rows.fetchall():
                _, name, key = upon.split(":", 2)
                target = self._row_of_table(stream.flow, name, key)
                if target is not None:
                    yield Step(ref, target[1], target[0], stream.flow, "look-up")

    def _row_of_table(self, flow: str, name: str, key: str) -> tuple[Ref, str] | None:
        table = self._by_part.get((flow, f"lookup:{name}"))
        if table is None or table.system is None or not table.target_kind:
            return None
        row = self._db.execute("SELECT target FROM record WHERE stream=? AND key=?", (table.id, key)).fetchone()
        return (Ref(table.system, table.target_kind, row[0]), table.relation or name) if row and row[0] else None

    def _looked_up_by(self, ref: Ref, limit: int) -> Iterator[Step]:
        for table in self._streams.values():
            if not table.part.startswith("lookup:") or (table.system, table.target_kind) != ref[:2]:
                continue
            source = self._by_part.get((table.flow, "source"))
            keys = self._db.execute("SELECT key FROM record WHERE target=? AND stream=?", (ref.id, table.id)).fetchall()
            if source is None or not source.system or not source.kind:
                continue
            for (key,) in keys:
                rows = self._db.execute(
                    "SELECT key FROM depends WHERE upon=? AND stream=? ORDER BY key LIMIT ?",
                    (f"{table.part}:{key}", source.id, limit),
                )
                for (record,) in rows.fetchall():
                    user = Ref(source.system, source.kind, record.split(PART)[0])
                    yield Step(user, table.relation or table.part[7:], ref, table.flow, "look-up")

    # ------------------------------------------------------------------ where a record stands

    def standings(self, ref: Ref) -> list[Standing]:
        """Return where *ref* stands in each flow that reads its kind; one without ``state`` was never seen there."""
        found: list[Standing] = []
        for stream in self._reading(ref):
            rows = list(self._rows_of(stream, ref.id, "id, key, state, system, target, reason"))
            if not rows:
                found.append(Standing(stream.flow, ref.id, None, stream.target_kind or ""))
            for id_, key, state, system, target, reason in rows:
                link = Ref(system, stream.target_kind or "", target) if system and target else None
                standing = Standing(stream.flow, key, state, stream.target_kind or "", link, reason=reason or "")
                standing = self._with_operation(self._with_desk(standing, stream.id, key), id_)
                found.append(self._with_group(standing._replace(needs=self._needs(stream.id, key)), stream))
        return found

    def _with_desk(self, standing: Standing, stream: int, key: str) -> Standing:
        parked = self._db.execute(
            "SELECT reason, next_step FROM parked WHERE stream=? AND key=?", (stream, key)
        ).fetchone()
        if parked:
            return standing._replace(desk="parked", reason=parked[0], next_step=parked[1])
        review = self._db.execute(
            "SELECT reason FROM review WHERE stream=? AND key=? AND verdict IS NULL", (stream, key)
        ).fetchone()
        return standing._replace(desk="review", reason=review[0]) if review else standing

    def _with_operation(self, standing: Standing, record: int) -> Standing:
        row = self._db.execute("SELECT mode, state, not_before FROM operation WHERE record=?", (record,)).fetchone()
        return standing._replace(mode=row[0], operation=row[1], not_before=row[2]) if row else standing

    def _with_group(self, standing: Standing, stream: _Stream) -> Standing:
        """Of a member of a group, the group is what is written: its operation and its reason count."""
        groups = self._by_part.get((stream.flow, "group"))
        member = self._db.execute(
            "SELECT grp, desired, posted FROM member WHERE stream=? AND key=? ORDER BY desired IS NULL, grp LIMIT 1",
            (stream.id, standing.key),
        ).fetchone()
        if member is None or groups is None:
            return standing
        group, desired, posted = member
        standing = standing._replace(group=group, desired=desired, posted=posted)
        row = self._db.execute(
            "SELECT id, reason, dirty FROM record WHERE stream=? AND key=?", (groups.id, group)
        ).fetchone()
        if row is not None and row[1] and (desired == posted or not row[2]):
            # what is too little for a posting is settled until the group changes
            return standing._replace(reason=row[1], posted=desired)
        if row is None or desired == posted:
            return standing
        return self._with_operation(self._with_desk(standing, groups.id, group), row[0])

    def _needs(self, stream: int, key: str) -> tuple[Ref, ...]:
        rows = self._db.execute(
            "SELECT upon FROM depends WHERE stream=? AND key=? AND upon>='link:' AND upon<'link;'", (stream, key)
        )
        return tuple(Ref.parse(upon[5:]) for (upon,) in rows)

    # ------------------------------------------------------------------ what people call it

    def label(self, ref: Ref) -> str:
        """Return how people call a record, as far as the ledger knows; personal fields never are in it."""
        held = [(row[0], stream) for stream, row in self._source_rows(ref, "base") if row[0]]
        rows = self._db.execute(
            "SELECT stream, base FROM record WHERE target=? AND system=? AND base IS NOT NULL LIMIT 5",
            (ref.id, ref.system),
        )
        held += [
            (base, stream)
            for number, base in rows
            if (stream := self._streams.get(number)) and stream.target_kind == ref.kind
        ]
        for base, stream in held:
            text = _label(base, stream.target_kind or ref.kind, is_same=stream.relation == "same")
            if text:
                return text
        return self._label_of_member(ref) or self._label_of_posting(ref)

    def _label_of_member(self, ref: Ref) -> str:
        for stream in self._reading(ref):
            row = self._db.execute(
                "SELECT grp, desired FROM member WHERE stream=? AND key=? ORDER BY desired IS NULL LIMIT 1",
                (stream.id, ref.id),
            ).fetchone()
            if row:
                values = json.loads(row[1]).items() if row[1] else ()
                told = (f"{name} {_plain(value)}" for name, value in sorted(values))
                return ", ".join([_group_label(row[0]), *told])
        return ""

    def _label_of_posting(self, ref: Ref) -> str:
        row = self._db.execute("SELECT b FROM edge WHERE a=? AND flow IS NOT NULL LIMIT 1", (str(ref),)).fetchone()
        if row is None:
            return ""
        member = Ref.parse(row[0])
        for stream in self._reading(member):
            found = self._db.execute(
                "SELECT grp FROM member WHERE stream=? AND key=? LIMIT 1", (stream.id, member.id)
            ).fetchone()
            if found:
                return _group_label(found[0])
        return ""

    # ------------------------------------------------------------------ which record is meant

    def knows(self, ref: Ref) -> bool:
        """Whether anything of the record is in the ledger."""
        if any(True for _ in self._source_rows(ref, "id")) or self.steps(ref, 1):
            return True
        return bool(self._db.execute("SELECT 1 FROM depends WHERE upon=? LIMIT 1", (f"link:{ref}",)).fetchone())

    def named(self, text: str, limit: int = 20) -> list[Ref]:
        """Return records that have *text* as their id, or as a value they are matched by (code, tax id, name)."""
        found: dict[Ref, None] = {}
        for stream in self._streams.values():
            if stream.part == "source" and stream.system and stream.kind:
                for _ in self._rows_of(stream, text, "id"):
                    found[Ref(stream.system, stream.kind, text)] = None
        for number, system in self._db.execute(
            "SELECT stream, system FROM record WHERE target=? AND system IS NOT NULL LIMIT ?", (text, limit)
        ):
            held = self._streams.get(number)
            if held and held.target_kind:
                found[Ref(system, held.target_kind, text)] = None
        for ref in self._matched(text, limit):
            found[ref] = None
        return list(found)[:limit]

    def _matched(self, text: str, limit: int) -> Iterator[Ref]:
        for stream in self._streams.values():
            source = self._by_part.get((stream.flow, "source"))
            if not stream.part.startswith("index:") or source is None or not source.target_kind:
                continue
            rows = self._db.execute("SELECT DISTINCT field FROM candidate WHERE stream=?", (stream.id,))
            for (field,) in rows.fetchall():
                hits = self._db.execute(
                    "SELECT key FROM candidate WHERE stream=? AND field=? AND value=? AND key NOT LIKE '?%' LIMIT ?",
                    (stream.id, field, text, limit),
                )
                for (key,) in hits.fetchall():
                    yield Ref(stream.part[6:], source.target_kind, key)

    # ------------------------------------------------------------------ rows

    def _reading(self, ref: Ref) -> list[_Stream]:
        """Streams whose records are of that kind in that system."""
        return [
            stream
            for stream in self._streams.values()
            if stream.part == "source" and (stream.system, stream.kind) == ref[:2]
        ]

    def _source_rows(self, ref: Ref, columns: str) -> Iterator[tuple[_Stream, tuple[Any, ...]]]:
        for stream in self._reading(ref):
            for row in self._rows_of(stream, ref.id, columns):
                yield stream, row

    def _rows_of(self, stream: _Stream, key: str, columns: str) -> list[tuple[Any, ...]]:
        """Rows of a record and of the several things that it became."""
        return self._db.execute(
            f"SELECT {columns} FROM record WHERE stream=? AND (key=? OR (key>? AND key<?))",  # noqa: S608
            (stream.id, key, key + PART, key + _AFTER_PART),
        ).fetchall()


def _label(base: bytes, kind: str, *, is_same: bool) -> str:
    hidden = KINDS[kind].personal_fields if kind in KINDS else frozenset()
    if is_same:
        hidden |= {"code"}  # each side has a code of its own: an adopted record keeps that
    try:
        held = json.loads(base)
    except ValueError:
        return ""
    if not isinstance(held, dict):
        return ""  # an action: what was done, not what something is
    words = [str(held[name]) for name in _NAMES if held.get(name) and name not in hidden]
    text = " ".join(dict.fromkeys(words))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _plain(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number


def _group_label(group: str) -> str:
    try:
        return " / ".join(str(name) for name in json.loads(group))
    except (ValueError, TypeError):
        return group
