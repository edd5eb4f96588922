"""Look-ups: by the key of a creation (tag, field or comment), by title, by what an item stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.azure_devops._api import MOST, Api
from periferia_link.connectors.azure_devops._comments import comments_of, marker_in
from periferia_link.connectors.azure_devops._feed import Place
from periferia_link.connectors.azure_devops._items import key_tag, ref_tag
from periferia_link.connectors.azure_devops._options import Options
from periferia_link.connectors.azure_devops._projects import projects
from periferia_link.connectors.azure_devops._pull import discussed
from periferia_link.connectors.azure_devops._reading import Reader
from periferia_link.connectors.azure_devops._values import split_tags, us_instant
from periferia_link.connectors.azure_devops._wiql import all_of, any_of, chunked, eq, tagged
from periferia_link.connectors.base import Row
from periferia_link.errors import ContractBrokenError, RecordInvalidError, RecordNotFoundError
from periferia_link.typing import Clock

__all__ = ["Finder"]

_IN_BIN = "it is in the recycle bin: restore it there, or destroy it and try again"


class Finder:
    """Finds records; every question goes to the service."""

    def __init__(self, api: Api, reader: Reader, fields: FieldMap, *, options: Options, clock: Clock) -> None:
        self._api = api
        self._reader = reader
        self._fields = fields
        self._options = options
        self._clock = clock

    def scoped(self, where: str) -> str:
        """Restrict a condition to the configured project and types."""
        options = self._options
        return all_of(
            [
                eq("System.TeamProject", options.project) if options.project else "",
                any_of([eq("System.WorkItemType", each) for each in options.types]) if options.types else "",
                f"({where})" if where else "",
            ]
        )

    def find(self, kind: str, field: str, values: Sequence[str]) -> list[Row]:
        """
        Find records of a kind; each row tells the value that it answers.

        Raises:
            ConnectorError: By what happens next.
        """
        if kind == "Project":
            everyone = (row for rows, _ in projects(self._api, 100) for row in rows)
            named = ((row, row.body.get("name")) for row in everyone if not isinstance(row.body, bytes))
            return [row._replace(match=name) for row, name in named if name in values]
        if kind == "Interaction":
            return self._comments(values)
        if field == "create_key":
            return self._made(values)
        return list(self._asked(values, *self._by(field)))

    def _by(self, field: str) -> tuple[Callable[[str], str], Callable[[dict[str, Any]], list[str]]]:
        """Return how a value is asked for, and which values a record answers."""
        column = self._fields["WorkItem"].column(field)
        if column != "System.Tags":
            return (lambda value: eq(column, value)), (lambda record: [str(record["fields"].get(column) or "")])
        return (lambda value: tagged(ref_tag(value))), (
            lambda record: [tag.removeprefix(ref_tag("")) for tag in split_tags(record["fields"].get("System.Tags"))]
        )

    def _asked(
        self, values: Sequence[str], ask: Callable[[str], str], told: Callable[[dict[str, Any]], list[str]]
    ) -> Iterator[Row]:
        conditions = {condition: value for value in values if (condition := _condition(ask, value))}
        for chunk in chunked(conditions):
            wanted = {conditions[each] for each in chunk}
            ids = list(self._api.matching(self.scoped(any_of(chunk))))
            for row in self._reader.rows(ids):
                # compared again: the service does not mind case
                match = next((value for value in told(row.body) if value in wanted), None)  # type: ignore[arg-type]
                if match is not None:
                    yield row._replace(match=match)

    # ------------------------------------------------------------------ by the key of a creation

    def _made(self, keys: Sequence[str]) -> list[Row]:
        column = self._options.marker_field
        if column is None:
            found = list(self._asked(keys, lambda key: tagged(key_tag(key)), self._keys_of))
        else:
            found = list(self._asked(keys, lambda key: eq(column, key), self._keys_of))
        missing = set(keys) - {row.match or "" for row in found}
        return [*found, *self._thrown_away(missing)] if missing and self._options.bin_depth else found

    def _keys_of(self, record: dict[str, Any]) -> list[str]:
        fields = record.get("fields") or {}
        if self._options.marker_field:
            return [str(fields.get(self._options.marker_field) or "")]
        return [tag.removeprefix(key_tag("")) for tag in split_tags(fields.get("System.Tags"))]

    def _thrown_away(self, keys: set[str]) -> Iterator[Row]:
        """
        Look into the recycle bin, newest first: what was made and deleted since must not be made again blindly.

        Its list has no tags and no pages; each item is read by itself.
        """
        ids = self._bin()
        for number in ids[: self._options.bin_depth]:
            if not keys:
                return
            try:
                told = self._api.ask(f"_apis/wit/recyclebin/{number}", operation="find", version="7.1-preview.2")
            except RecordNotFoundError:
                continue
            record = told.get("resource") if isinstance(told, dict) else None
            if not isinstance(record, dict) or not isinstance(record.get("id"), int):
                continue
            match = next((key for key in self._keys_of(record) if key in keys), None)
            if match is not None:
                keys.discard(match)
                yield self._reader.row(record, match, _IN_BIN)

    def _bin(self) -> list[int]:
        """Return the ids of what was deleted of late, newest first."""
        path = f"{self._api.scope}_apis/wit/recyclebin"
        try:
            rows = self._api.rows(self._api.ask(path, operation="find", version="7.1-preview.2"))
        except RecordInvalidError as exc:
            msg = "the recycle bin is too full to be looked through, and a lost creation may be in it"
            raise ContractBrokenError(msg, hint="empty it, or set bin_depth = 0", system=self._api.system) from exc
        ids = sorted({int(row["id"]) for row in rows if str(row.get("id", "")).isdecimal()}, reverse=True)
        since = self._clock.now() - timedelta(seconds=self._options.lookback)
        fresh = []
        for at in range(0, len(ids), MOST):
            asked = ",".join(map(str, ids[at : at + MOST]))
            told = self._api.ask(path, operation="find", version="7.1-preview.2", ids=asked)
            rows = told if isinstance(told, list) else self._api.rows(told)
            fresh += [int(row["id"]) for row in rows if _is_since(row.get("deletedDate"), since)]
            if len(fresh) >= self._options.bin_depth:
                break
        return sorted(fresh, reverse=True)

    # ------------------------------------------------------------------ comments

    def _comments(self, keys: Sequence[str]) -> list[Row]:
        """Find comments by their last line, among the discussions that changed within the time of looking back."""
        begin = self._clock.now() - timedelta(seconds=self._options.lookback)
        wanted = set(keys)
        found: dict[str, Row] = {}
        batches = discussed(
            self._api,
            Place(),
            page_size=self._options.page_size,
            begin=begin.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        for ids, _, _ in batches:
            for record in self._api.items(ids, ["System.TeamProject"]):
                project = (record.get("fields") or {}).get("System.TeamProject")
                for row in comments_of(self._api, record["id"], str(project)):
                    key = marker_in(row.body["text"]) if not isinstance(row.body, bytes) else None
                    if key in wanted:
                        found[row.key] = row._replace(match=key)
        return list(found.values())


def _condition(ask: Callable[[str], str], value: str) -> str:
    """Write the question for a value; one that cannot be there is not asked for."""
    try:
        return ask(value)
    except RecordInvalidError:
        return ""


def _is_since(told: Any, since: Any) -> bool:
    try:
        moment = us_instant(told)
    except ValueError:
        return True  # a date that cannot be read hides nothing
    return moment is None or moment >= since
