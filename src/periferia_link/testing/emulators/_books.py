"""The books of an emulator: tables of records that can be put back when a change set fails."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

__all__ = ["Books", "Journal", "Record"]

Record: TypeAlias = dict[str, Any]


class Journal:
    """How to undo what the open transaction did, newest last."""

    def __init__(self) -> None:
        self._undo: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self._depth = 0

    @property
    def is_open(self) -> bool:
        """Whether a transaction is under way."""
        return self._depth > 0

    def note(self, undo: Callable[..., object], *about: Any) -> None:
        """Remember to call *undo* with *about*; outside a transaction nothing is remembered."""
        if self._depth:
            self._undo.append((undo, about))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Undo everything noted inside when an exception leaves the block; blocks nest."""
        mark = len(self._undo)
        self._depth += 1
        try:
            yield
        except BaseException:
            while len(self._undo) > mark:
                undo, about = self._undo.pop()
                undo(*about)
            raise
        finally:
            self._depth -= 1
            if not self._depth:
                self._undo.clear()


class Table(dict[str, Record]):
    """
    Records by key; inside a transaction it remembers every record that is set, removed or looked up.

    Looked-up records count as touched because they may be edited in place. Scanning (``values``,
    ``items``) is not looking up: replace a record found that way instead of editing it.
    """

    def __init__(self, journal: Journal, rows: Mapping[str, Record]) -> None:
        super().__init__(rows)
        self._journal = journal

    def _touch(self, key: str, *, is_set: bool = False) -> None:
        if not self._journal.is_open:
            return
        record = super().get(key)
        if record is not None:
            self._journal.note(self._put_back, key, record, copy.deepcopy(record))
        elif is_set:
            self._journal.note(dict.pop, self, key, None)

    def _put_back(self, key: str, record: Record, before: Record) -> None:
        record.clear()
        record.update(before)
        dict.__setitem__(self, key, record)

    def __getitem__(self, key: str) -> Record:
        self._touch(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._touch(key)
        return super().get(key, default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        self._touch(key, is_set=True)
        return super().setdefault(key, default)

    def __setitem__(self, key: str, record: Record) -> None:
        self._touch(key, is_set=True)
        super().__setitem__(key, record)

    def __delitem__(self, key: str) -> None:
        self._touch(key)
        super().__delitem__(key)

    def pop(self, key: str, *default: Any) -> Any:
        self._touch(key)
        return super().pop(key, *default)

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, record in dict(*args, **kwargs).items():
            self[key] = record

    def clear(self) -> None:
        for key in list(self):
            del self[key]


class Books(dict[str, dict[str, Record]]):
    """Tables by name; asking for one that is not there makes it."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def __missing__(self, name: str) -> dict[str, Record]:
        self[name] = {}
        return self[name]

    def __setitem__(self, name: str, rows: Mapping[str, Record]) -> None:
        before = super().get(name)
        if before is None:
            self._journal.note(dict.pop, self, name, None)
        else:
            self._journal.note(dict.__setitem__, self, name, before)
        super().__setitem__(name, Table(self._journal, rows))

    def setdefault(self, name: str, rows: Any = None) -> dict[str, Record]:
        if name not in self:
            self[name] = rows or {}
        return self[name]

    def update(self, *args: Any, **kwargs: Any) -> None:
        for name, rows in dict(*args, **kwargs).items():
            self[name] = rows
