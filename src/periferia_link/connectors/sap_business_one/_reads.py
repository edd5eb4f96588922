"""Reading from the Service Layer: pages by key, look-ups by many values, joins that SAP does not make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from periferia_link.connectors.sap_business_one._refusals import error_for_read
from periferia_link.errors import ContractBrokenError, PaginationError
from periferia_link.transport._json import claims, dumps, loads, rows_of
from periferia_link.transport._odata import Filter, any_of, both, gt, next_link, query
from periferia_link.transport._transport import Transport
from periferia_link.typing import Response

__all__ = ["Reads", "Record", "chunked", "selected"]

Record = dict[str, Any]

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
            try:
                rows, rest = rows_of(answer.body)
            except ContractBrokenError as exc:
                exc.system = self._transport.system
                raise
            has_more = next_link(rest) is not None
            if has_more and not rows:
                # believed, it would be the end of the list: and what is not listed counts as deleted
                msg = f"an empty page of {table} promises another one"
                raise ContractBrokenError(msg, hint="look at what stands before SAP", system=self._transport.system)
            if rows and rows[-1].get(key) == after:
                msg = f"the pages of {table} repeat"
                raise PaginationError(msg, hint="SAP ignores the filter on the key", system=self._transport.system)
            yield list(claims(rows, key)), not has_more
            if not has_more:
                return
            after = rows[-1][key]

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

    def call(self, service: str) -> Record:
        """
        Call a service method that only reads, and return the object that it answers.

        Raises:
            ConnectorError: It is refused.
        """
        answer = self._transport.read("POST", service, headers={"Content-Type": "application/json"}, body=dumps({}))
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


def selected(row: Mapping[str, Any]) -> Record:
    """Return a row without annotations: what is frozen or changes by itself is no content."""
    return {name: value for name, value in row.items() if "odata." not in name}
