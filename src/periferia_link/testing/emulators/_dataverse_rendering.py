"""Pages of the emulated Dataverse as bytes: rows of large tables are written once and kept until they change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from periferia_link.testing.emulators._dataverse_calls import Call
from periferia_link.testing.emulators._dataverse_rows import Rows
from periferia_link.testing.emulators._dataverse_shapes import LABEL, Shape, chosen_columns, shaped
from periferia_link.testing.emulators._emulator import Record, dump_json

__all__ = ["LARGE", "Rendering"]

LARGE = 1000
"""From this many rows on a table is read with caches: a stand-in shall not be slower than what it stands for."""

_SHAPES_KEPT = 4

_Kept = dict[str, tuple[int, bytes]]


class Rendering:
    """Rows as JSON; what is kept is looked up by shape and annotations, and counts only for the version it shows."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._kept: OrderedDict[tuple[object, ...], _Kept] = OrderedDict()

    def forget(self) -> None:
        """Write every row again."""
        self._kept.clear()

    def written(self, call: Call, shape: Shape, rows: Iterable[Record]) -> bytes:
        """Return the rows of a page as a JSON array."""
        columns = chosen_columns(shape)
        kept = self._of(call, shape)
        if kept is None:
            return dump_json([shaped(self.rows, call, shape, row, columns=columns) for row in rows])
        pieces = []
        key = shape.table.key
        for row in rows:
            known = kept.get(row[key])
            if known is None or known[0] != row["versionnumber"]:
                piece = dump_json(shaped(self.rows, call, shape, row, columns=columns))
                known = kept[row[key]] = (row["versionnumber"], piece)
            pieces.append(known[1])
        return b"[" + b",".join(pieces) + b"]"

    def _of(self, call: Call, shape: Shape) -> _Kept | None:
        """Return what is kept for a shape; None where a row shows more than itself: links or labels of others."""
        table = shape.table
        if shape.expansions or call.annotates(LABEL) or len(self.rows.of(table)) < LARGE:
            return None
        place = table.entity_set, shape.columns, call.preferences.get("odata.include-annotations"), len(table.columns)
        kept = self._kept.setdefault(place, {})
        self._kept.move_to_end(place)
        while len(self._kept) > _SHAPES_KEPT:
            self._kept.popitem(last=False)
        return kept
