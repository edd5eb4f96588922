"""Reading from the Service Layer: pages by key, look-ups by many values, joins that SAP does not make."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from periferia_link.connectors.sap_business_one._refusals import error_for_read
from periferia_link.connectors.sap_business_one.reading._links import continued, skip_of
from periferia_link.errors import ContractBrokenError, PaginationError
from periferia_link.transport._json import claims, dumps, loads, rows_of
from periferia_link.transport._odata import Filter, any_of, both, gt, next_link, query
from periferia_link.transport._transport import Transport
from periferia_link.typing import Response

__all__ = ["Reads", "Record", "chunked", "stripped"]

Record = dict[str, Any]

_DEFAULT_PAGE = 20
_PAGE_SIZE = re.compile(r"odata\.maxpagesize\s*=\s*(\d{1,9})")
_MOST_VALUES = 40
_MOST_CHARACTERS = 3000
"""Of one filter, percent-encoded: Apache takes a request line of 8190 bytes."""


class Reads:
    """
    Questions to one company.

    Pages are asked for by key (``Key gt last``, ordered by key), not by ``$skip``: rows that come or go meanwhile
    neither shift nor repeat the others. The link to the next page only tells that there is more.
    """

    def __init__(self, transport: Transport, *, page_size: int) -> None:
        self._transport = transport
        self._page_size = page_size
        self._headers = {"Prefer": f"odata.maxpagesize={page_size}"}

    def pages(
        self, table: str, key: str, *, select: Sequence[str], where: Sequence[str] = (), after: str | int | None = None
    ) -> Iterator[tuple[list[Record], bool]]:
        """
        Read a table in the order of its key; yield the rows of a page, and whether it is the last.

        Args:
            table: Entity set.

            key: Its key column.

            select: Columns to ask for, the key among them.

            where: Filters that all must hold.

            after: Key to continue behind.

        Raises:
            PaginationError: The server gives a page again.
            ContractBrokenError: The answer is no page, or an empty one that promises more.
            ConnectorError: It refuses.
        """
        while True:
            behind = [] if after is None else [gt(key, after)]
            told = _all_of([*where, *behind])
            answer = self.ask(query(table, select=list(select), filter=told, orderby=key), table)
            rows, rest = self._page(answer)
            has_more = next_link(rest) is not None
            if has_more and not rows:
                # believed, it would be the end of the list: and what is not listed counts as deleted
                msg = f"an empty page of {table} promises another one"
                raise ContractBrokenError(msg, hint="look at what stands before SAP", system=self._transport.system)
            if rows and rows[-1].get(key) == after:
                msg = f"the pages of {table} repeat"
                raise PaginationError(msg, hint="SAP ignores the filter on the key", system=self._transport.system)
            has_more = has_more or self._looks_cut(answer, len(rows))
            yield list(stripped(claims(rows, key))), not has_more
            if not has_more:
                return
            after = rows[-1][key]

    def _page(self, answer: Response) -> tuple[list[Record], Record]:
        try:
            rows, rest = rows_of(answer.body)
        except ContractBrokenError as exc:
            exc.system = self._transport.system
            raise
        return rows, rest

    def _looks_cut(self, answer: Response, rows: int) -> bool:
        """Whether a page without a link has just as many rows as fit: then the next one is asked for all the same."""
        applied = _PAGE_SIZE.search(answer.header("Preference-Applied") or "")
        size = int(applied[1]) if applied else _DEFAULT_PAGE
        return rows > 0 and rows in (size, self._page_size)

    def by_links(self, path: str, asked: Mapping[str, str], *, what: str, most: int | None = None) -> Iterator[Record]:
        """
        Read what has no key to page by: follow the links of the server, with the options that they lost.

        Args:
            path: Path of the first page, without those options.

            asked: Options by name, without ``$``.

            what: What is read, for messages.

            most: Rows at most; counted here, as SAP gives no link when ``$top`` fits into a page.

        Raises:
            PaginationError: The links do not lead on.
            ConnectorError: SAP refuses.
        """
        page: str | None = query(path, **asked)
        given, seen = 0, -1
        while page is not None and (most is None or given < most):
            answer = self.ask(page, what)
            rows, rest = self._page(answer)
            for row in stripped(rows):
                if most is not None and given >= most:
                    return
                given += 1
                yield row
            link = next_link(rest)
            skip = None if link is None else skip_of(link)
            if link is not None and skip is not None and skip <= seen:
                msg = f"the pages of {what} repeat"
                raise PaginationError(msg, hint="look at what stands before SAP", system=self._transport.system)
            seen = seen + 1 if skip is None else skip
            # a full last page carries a link to an empty one (FP 2608)
            page = continued(link, asked) if link is not None and rows else None

    def total(self, table: str, where: str | None = None) -> int:
        """
        Count the rows of a table.

        Raises:
            ContractBrokenError: The answer is no number.
            ConnectorError: SAP refuses.
        """
        answer = self.ask(query(f"{table}/$count", filter=where), table)
        text = answer.body.decode("ascii", "replace").strip("\ufeff \r\n")
        if not text.isdigit():
            msg = f"the count of {table} is no number"
            raise ContractBrokenError(msg, hint="look at what stands before SAP", system=self._transport.system)
        return int(text)

    def every(self, table: str, key: str, *, select: Sequence[str], where: Sequence[str] = ()) -> list[Record]:
        """Read a small table as a whole."""
        return [row for rows, _ in self.pages(table, key, select=select, where=where) for row in rows]

    def matching(
        self,
        table: str,
        key: str,
        *,
        column: str,
        values: Iterable[str | int],
        select: Sequence[str],
        where: Sequence[str] = (),
    ) -> list[Record]:
        """Read the rows whose *column* has one of the values, in as many questions as the address allows."""
        found: list[Record] = []
        for chunk in chunked(dict.fromkeys(values)):
            test = any_of(column, chunk)
            found += self.every(table, key, select=select, where=[*where, test])
        return found

    def ask(self, path: str, what: str) -> Response:
        """
        Send one read and return its 200.

        Raises:
            ConnectorError: Anything else came back.
        """
        answer = self._transport.read("GET", path, headers=self._headers)
        if answer.status != 200:
            raise error_for_read(answer, system=self._transport.system, what=what)
        return answer

    def call(self, service: str, body: Mapping[str, Any] | None = None) -> Record:
        """
        Call a service method that only reads, and return the object that it answers.

        Args:
            service: ``CompanyService_GetAdminInfo``, for instance.

            body: Its parameters.

        Raises:
            ConnectorError: It is refused.
        """
        content = dumps(body or {})
        answer = self._transport.read("POST", service, headers={"Content-Type": "application/json"}, body=content)
        if answer.status != 200:
            raise error_for_read(answer, system=self._transport.system, what=service)
        value = loads(answer.body, exact=True)
        return value if isinstance(value, dict) else {"value": value}

    def probe(self, path: str) -> bool:
        """Whether a read is understood by the node that answers."""
        return self._transport.read("GET", path).status == 200


def chunked(values: Iterable[str | int]) -> Iterator[list[str | int]]:
    """Cut values into lists that fit into one address."""
    chunk: list[str | int] = []
    size = 0
    for value in values:
        # a quote is doubled and each byte may take three characters; the column and the word or come with every value
        length = len(str(value).encode()) * 3 + 40
        if chunk and (len(chunk) == _MOST_VALUES or size + length > _MOST_CHARACTERS):
            yield chunk
            chunk, size = [], 0
        chunk.append(value)
        size += length
    if chunk:
        yield chunk


def _all_of(filters: Sequence[str]) -> Filter | None:
    return both(*filters) if filters else None


def stripped(rows: Sequence[Record]) -> Sequence[Record]:
    """Take the annotations out of rows, in place: what is frozen or changes by itself is no content."""
    if not rows:
        return rows
    names = [name for name in rows[0] if "odata." in name]
    width = len(rows[0]) - len(names)
    for row in rows:
        for name in names:
            row.pop(name, None)
        if len(row) != width:  # another shape than the first one has
            for name in [name for name in row if "odata." in name]:
                del row[name]
    return rows
