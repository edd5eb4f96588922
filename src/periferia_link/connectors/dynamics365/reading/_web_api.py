"""Reads of the Web API: rows, pages, definitions; what is refused becomes an error that says what happens next."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from periferia_link.errors import (
    ConnectorError,
    ContractBrokenError,
    ExpiredCursorError,
    PaginationError,
    PermissionDeniedError,
)
from periferia_link.transport._answers import request_id
from periferia_link.transport._json import loads, rows_of
from periferia_link.transport._odata import any_of, error_of, next_link, query
from periferia_link.transport._transport import Transport
from periferia_link.typing import Response

__all__ = ["EXPIRED", "Definition", "WebApi", "repeating"]

EXPIRED: Final = "0x80044352"
_NO_MEMBER: Final = "0x80072560"
_DEFINITION = ("LogicalName", "SchemaName", "EntitySetName", "PrimaryIdAttribute", "ChangeTrackingEnabled", "TableType")
_UNKNOWN_COLUMN = re.compile(r"Could not find a property named '(\w+)'")
_PRIVILEGE = re.compile(r"\bprv\w+")


class Definition(NamedTuple):
    """What the environment says about a table."""

    entity_set: str
    schema_name: str
    key: str
    is_tracked: bool
    logical_name: str
    is_elastic: bool = False


class WebApi:
    """
    Asks one environment over a transport; thread-safe.

    Args:
        transport: Carries the questions.

        system: Instance name.

        session: The token with which elastic tables show what was written just now, where there is one.
    """

    def __init__(self, transport: Transport, system: str, *, session: Callable[[], str | None] = lambda: None) -> None:
        self._transport = transport
        self._session = session
        self.system = system
        self._lock = threading.Lock()
        self._definitions: dict[str, Definition] = {}
        self._asked: set[str] = set()

    def ask(self, path: str, *, prefer: str | None = None, is_resumed: bool = False) -> Response:
        """
        Read a path or link; the answer has status 200.

        Args:
            path: Below the service root, or a link of the server.

            prefer: The ``Prefer`` header.

            is_resumed: The link comes from a stored cursor: refused, it is a cursor that no longer works.

        Raises:
            ExpiredCursorError: The place in a feed is forgotten.
            PermissionDeniedError: The application user lacks a privilege.
            ContractBrokenError: A column or table of the mapping is not there, or the answer is none that we know.
            ConnectorError: As :meth:`Transport.read`.
        """
        headers = {"Prefer": prefer} if prefer else {}
        session = self._session()
        if session is not None:
            headers["MSCRM.SessionToken"] = session
        response = self._transport.read("GET", path, headers=headers)
        if response.status == 200:
            return response
        raise self._refusal(response, path, is_resumed=is_resumed)

    def page(
        self, path: str, *, prefer: str | None = None, is_resumed: bool = False
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """
        Read one page: its rows, amounts exact, and the links beside them.

        Raises:
            ConnectorError: As :meth:`ask`; or the answer is no page.
        """
        with self._signed():
            return rows_of(self.ask(path, prefer=prefer, is_resumed=is_resumed).body)

    def rows(self, path: str, *, prefer: str | None = None) -> Iterator[dict[str, Any]]:
        """
        Read every page of a short list.

        Args:
            path: Below the service root.

            prefer: The ``Prefer`` header of every page.

        Raises:
            ConnectorError: As :meth:`ask`; or the pages repeat.
        """
        for found in self.pages(path, prefer=prefer):
            yield from found

    def pages(self, path: str, *, prefer: str | None = None) -> Iterator[list[dict[str, Any]]]:
        """
        Follow the next links of a list; the rows of each page.

        Raises:
            ConnectorError: As :meth:`ask`; or the pages repeat.
        """
        served: set[str] = set()
        following: str | None = path
        while following is not None:
            found, rest = self.page(following, prefer=prefer)
            yield found
            following = self.following(rest, served)

    def following(self, rest: Mapping[str, Any], served: set[str]) -> str | None:
        """
        Return the next page's path and query as the server wrote them, and note it in *served*.

        Raises:
            OriginError: The link leads elsewhere.
            PaginationError: The server sends us to a page that we have read.
        """
        with self._signed():
            link = next_link(rest)
        if link is None:
            return None
        place = self.pinned(link)
        if place in served:
            raise repeating(self.system)
        served.add(place)
        return place

    def changes(self, rest: Mapping[str, Any]) -> str | None:
        """
        Return where the changes after a last page are listed: path and query as the server wrote them.

        Raises:
            OriginError: The link leads elsewhere.
            ContractBrokenError: The link is no text.
        """
        with self._signed():
            link = rest.get("@odata.deltaLink")
            if link is not None and not isinstance(link, str):
                msg = "the link to the changes is no text"
                raise ContractBrokenError(msg, hint="report it to the support of the environment")
        return None if link is None else self.pinned(link)

    def pinned(self, link: str) -> str:
        """
        Return path and query of a link of the server; its origin is the configured one.

        Raises:
            OriginError: It leads elsewhere; nothing was sent there.
        """
        return "/" + self._transport.url(link).split("/", 3)[3]

    def definitions(self, entity_sets: Iterable[str]) -> dict[str, Definition]:
        """
        Return what the environment says about tables, by entity set; asked once.

        Raises:
            ConnectorError: As :meth:`ask`.
        """
        with self._lock:
            missing = sorted(set(entity_sets) - self._asked)
            if missing:
                path = query("EntityDefinitions", select=_DEFINITION, filter=any_of("EntitySetName", missing))
                for row in self.rows(path):
                    found = Definition(
                        str(row.get("EntitySetName")),
                        str(row.get("SchemaName")),
                        str(row.get("PrimaryIdAttribute")),
                        row.get("ChangeTrackingEnabled") is True,
                        str(row.get("LogicalName")),
                        row.get("TableType") == "Elastic",
                    )
                    self._definitions[found.entity_set] = found
                self._asked.update(missing)
            return dict(self._definitions)

    def entity_set_of(self, logical: str) -> str:
        """
        Return the entity set of a table by its logical name.

        Raises:
            ContractBrokenError: There is no such table.
        """
        path = query("EntityDefinitions", select=["EntitySetName"], filter=any_of("LogicalName", [logical]))
        for row in self.rows(path):
            return str(row.get("EntitySetName"))
        msg = f"the environment has no table {logical}"
        raise ContractBrokenError(msg, hint="give the logical name, in the singular", system=self.system)

    def look_again(self) -> None:
        """Forget which tables were not there: somebody may have added them."""
        with self._lock:
            self._asked &= set(self._definitions)

    def known(self, entity_set: str) -> Definition | None:
        """Return a definition if it was asked for before; asks nothing."""
        return self._definitions.get(entity_set)

    def whole(self, response: Response) -> dict[str, Any]:
        """
        Return the JSON object of an answer.

        Raises:
            ContractBrokenError: It is none.
        """
        with self._signed():
            value = loads(response.body)
        if not isinstance(value, dict):
            msg = "the answer is no JSON object"
            raise ContractBrokenError(msg, hint="check the address of the environment", system=self.system)
        return value

    @contextmanager
    def _signed(self) -> Iterator[None]:
        """Say in the errors of parsers which system they are about."""
        try:
            yield
        except ConnectorError as exc:
            exc.system = exc.system or self.system
            raise

    def _refusal(self, response: Response, path: str, *, is_resumed: bool) -> ConnectorError:
        code, message = error_of(response.body) or ("", "")
        table = re.sub(r"\(.*", "", path.partition("?")[0]).rpartition("/")[2]
        told: dict[str, Any] = {
            "system": self.system,
            "operation": f"read {table}",
            "status_code": response.status,
            "code": code or None,
            "request_id": request_id(response),
        }
        if code == EXPIRED or (is_resumed and response.status in (400, 404, 410)):
            msg = "the environment no longer knows our place in the changes"
            return ExpiredCursorError(msg, hint="everything is read again and compared", **told)
        if response.status == 403:
            return _denied(code, message, told)
        column = _UNKNOWN_COLUMN.search(message)
        if column:
            msg = f"the table has no column {column[1]}"
            hint = "correct the fields of the system in periferia.toml, or add the column in the environment"
            return ContractBrokenError(msg, hint=hint, **told)
        # the server's text may quote what was asked for
        msg = f"the environment refuses to read (status {response.status}, code {code or 'none'})"
        return ContractBrokenError(msg, hint="check address, API version and fields of the system", **told)


def repeating(system: str) -> PaginationError:
    """Return the error of pages that never end."""
    msg = "the pages of the environment repeat"
    return PaginationError(msg, hint="try again; report it to the support of the environment", system=system)


def _denied(code: str, message: str, told: dict[str, Any]) -> PermissionDeniedError:
    if code == _NO_MEMBER:
        msg = "the application is no user of this environment"
        return PermissionDeniedError(msg, hint="add an application user for it in the admin centre", **told)
    right = _PRIVILEGE.search(message)
    msg = f"the application user lacks {right[0] if right else 'a privilege'}"
    hint = "add it to the security role of the application user; change tracking needs it at organization level"
    return PermissionDeniedError(msg, hint=hint, **told)
