"""Rows of the three kinds: by feed, by id; with the neutral state put beside the fields of each item."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.azure_devops._api import Api
from periferia_link.connectors.azure_devops._comments import comments_of, split_key
from periferia_link.connectors.azure_devops._feed import Place
from periferia_link.connectors.azure_devops._options import Options
from periferia_link.connectors.azure_devops._process import ESTIMATES, Processes
from periferia_link.connectors.azure_devops._projects import one_project, projects
from periferia_link.connectors.azure_devops._pull import discussed, pages
from periferia_link.connectors.base import Page, Row
from periferia_link.errors import ContractBrokenError, PermissionDeniedError, RejectedError
from periferia_link.transport._json import Doubtful
from periferia_link.typing import Clock

__all__ = ["Reader"]

_LAST = (1 << 31) - 1
_ALWAYS = ("System.Id", "System.TeamProject", "System.WorkItemType", "System.State", "System.Tags")


class Reader:
    """Reads rows; thread-safe."""

    def __init__(self, api: Api, processes: Processes, fields: FieldMap, *, options: Options, clock: Clock) -> None:
        self._api = api
        self._processes = processes
        self._fields = fields
        self._options = options
        self._clock = clock

    # ------------------------------------------------------------------ items

    def rows(self, ids: Sequence[int]) -> list[Row]:
        """
        Read items as rows, in the order of the service; what is gone, or of another project or type, is absent.

        Raises:
            ConnectorError: By what happens next.
        """
        columns = self._fields["WorkItem"]
        with_links = "relations" in columns.columns.values()
        wanted = None if with_links else [*_ALWAYS, *columns.select, *set(ESTIMATES.values())]
        records = self._api.items(ids, None if wanted is None else list(dict.fromkeys(wanted)))
        return [self.row(record) for record in records if self._is_ours(record)]

    def row(self, record: dict[str, Any], match: str | None = None, pending: str | None = None) -> Row:
        """Make a row of an item."""
        fields = record.get("fields")
        if isinstance(fields, Mapping):
            record["category"] = self._processes.category(
                fields.get("System.TeamProject"), fields.get("System.WorkItemType"), fields.get("System.State")
            )
        rev = record.get("rev")
        return Row(str(record["id"]), None if rev is None else str(rev), record, match, pending)

    def _is_ours(self, record: Mapping[str, Any]) -> bool:
        fields, options = record.get("fields"), self._options
        if not isinstance(fields, Mapping) or isinstance(record, Doubtful):
            return True
        project, kind = fields.get("System.TeamProject"), fields.get("System.WorkItemType")
        is_here = options.project is None or str(project).lower() == options.project.lower()
        return is_here and (not options.types or kind in options.types)

    # ------------------------------------------------------------------ pull

    def pages(self, kind: str, since: str | None) -> Iterator[Page]:
        """
        List records of a kind.

        Raises:
            ExpiredCursorError: The cursor is not one of ours.
            ConnectorError: By what happens next.
        """
        if kind == "Project":
            return self._project_pages()
        place = Place.parse(since, self._api.system) if since is not None else Place(begin=self._begin())
        if kind == "Interaction":
            return self._comment_pages(place, is_scan=since is None)
        return pages(
            self._api,
            place,
            is_scan=since is None,
            page_size=self._options.page_size,
            types=self._options.types,
            rows_of=self.rows,
        )

    def _begin(self) -> str:
        moment = self._clock.now() - timedelta(seconds=self._options.overlap)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def _project_pages(self) -> Iterator[Page]:
        for rows, is_last in projects(self._api, min(self._options.page_size, 100)):
            yield Page(rows, is_last=is_last, is_scan=True)

    def _comment_pages(self, place: Place, *, is_scan: bool) -> Iterator[Page]:
        given: dict[str, str | None] = {}
        for ids, behind, is_last in discussed(self._api, place, page_size=self._options.page_size):
            rows = []
            for item, project in self._projects_of(ids):
                for row in comments_of(self._api, item, project):
                    if row.key not in given or given[row.key] != row.version:
                        given[row.key] = row.version
                        rows.append(row)
            yield Page(rows, (), str(behind), is_last=is_last, is_scan=is_scan)

    def _projects_of(self, ids: Sequence[int]) -> Iterator[tuple[int, str]]:
        for record in self._api.items(ids, ["System.TeamProject"]):
            project = (record.get("fields") or {}).get("System.TeamProject")
            if isinstance(project, str):
                yield record["id"], project

    # ------------------------------------------------------------------ get

    def get(self, kind: str, ids: Sequence[str]) -> list[Row]:
        """
        Read records by id.

        Raises:
            ConnectorError: By what happens next.
        """
        wanted = list(dict.fromkeys(ids))
        if kind == "Project":
            rows = [row for key in wanted if key and (row := one_project(self._api, key)) is not None]
        elif kind == "Interaction":
            rows = self._comments(wanted)
        else:
            rows = self.rows(_numbers(wanted))
        found = {row.key: row for row in rows}
        return [found[key] for key in wanted if key in found]

    def _comments(self, keys: Sequence[str]) -> list[Row]:
        items = [parts[0] for key in keys if (parts := split_key(key))]
        known = dict(self._projects_of(_numbers(dict.fromkeys(items) if items or not keys else ["none"])))
        return [row for item, project in known.items() for row in comments_of(self._api, item, project)]

    # ------------------------------------------------------------------ check

    def missing(self, *, can_write: bool) -> Iterator[str]:
        """
        Name the rights that the identity lacks in the configured project.

        Raises:
            ConnectorError: By what happens next.
        """
        project = self._options.project
        if project is None:
            return
        row = one_project(self._api, project)
        if row is None:
            yield f"access to the project {project}"
            return
        if not can_write:
            return
        try:
            kinds = self._api.rows(self._api.ask(f"{self._api.scope}_apis/wit/workitemtypes", operation="check"))
        except (RejectedError, ContractBrokenError, PermissionDeniedError):
            yield f"View work items in the project {project}"
            return
        if not kinds:
            yield f"a process with work item types in the project {project}"


def _numbers(keys: Iterable[str]) -> list[int]:
    """Read ids; what is none is asked for as one that no item has, so that a refusal is heard all the same."""
    return [int(key) if key.isdecimal() and 0 < int(key) <= _LAST else _LAST for key in keys]
