"""Team projects as projects: read only, all of them every time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from periferia_link import domain
from periferia_link.connectors.azure_devops._api import Api
from periferia_link.connectors.azure_devops._values import instant
from periferia_link.connectors.base import Row
from periferia_link.domain import Ref
from periferia_link.errors import ContractBrokenError, PaginationError, RejectedError
from periferia_link.transport._json import remade

if TYPE_CHECKING:
    from periferia_link.domain import Project

__all__ = ["one_project", "project_from_wire", "projects"]

_RESTARTS = 10


def projects(api: Api, page_size: int) -> Iterator[tuple[list[Row], bool]]:
    """
    Read team projects page by page, with whether the page was the last.

    The service counts rows: each page begins with the last row of the one before, and where it does not, a project
    went away meanwhile and the list is read from its beginning again.

    Raises:
        PaginationError: The list changes all the time.
        ConnectorError: By what happens next.
    """
    given: set[str] = set()
    last: str | None = None
    skip, restarts = 0, 0
    while True:
        size = max(page_size, 2)
        told = api.rows(api.ask("_apis/projects", operation="pull", _top=size, _skip=skip, stateFilter="all"))
        rows = [_row(api, record) for record in told]
        if last is not None and (not rows or rows[0].key != last):
            last, skip, restarts = None, 0, restarts + 1
            if restarts > _RESTARTS:
                msg = "the list of projects changes while it is read"
                raise PaginationError(msg, hint="try again later", system=api.system)
            continue
        fresh = [row for row in rows if row.key not in given]
        given |= {row.key for row in fresh}
        is_last = len(rows) < size
        yield fresh, is_last
        if is_last:
            return
        last, skip = rows[-1].key, skip + len(rows) - 1


def one_project(api: Api, key: str) -> Row | None:
    """
    Read one team project by id or name; ``None`` where there is none.

    Raises:
        ConnectorError: By what happens next.
    """
    try:
        return _row(api, api.ask(f"_apis/projects/{quote(key, safe='')}", operation="get"))
    except RejectedError:
        return None


def _row(api: Api, record: Any) -> Row:
    key = record.get("id") if isinstance(record, Mapping) else None
    if not isinstance(key, str) or not key:
        msg = "a project has no id"
        raise ContractBrokenError(msg, hint="check the address of the organization", system=api.system)
    kept = {name: record.get(name) for name in ("id", "name", "state", "revision", "lastUpdateTime", "description")}
    return Row(key.lower(), str(record.get("revision") or ""), remade(kept, record))


def project_from_wire(record: Mapping[str, Any], key: str, version: str | None, system: str) -> Project:
    """
    Make a project of a record.

    Raises:
        ValidationError: A value does not fit.
        ValueError: An instant is none.
    """
    return domain.Project.model_validate(
        {
            "ref": Ref(system, "Project", key),
            "version": version,
            "name": record["name"],
            "is_active": record.get("state") == "wellFormed",
            "updated_at": instant(record.get("lastUpdateTime")),
        }
    )
