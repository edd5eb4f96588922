"""Reads of the work item tracking API: pages, batches of 200, windows of ids."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from periferia_link.connectors.azure_devops._errors import error_for, refusal_of
from periferia_link.connectors.azure_devops._wiql import select, window
from periferia_link.errors import ConnectorError, ContractBrokenError, RecordNotFoundError
from periferia_link.transport._json import claims, loads
from periferia_link.transport._transport import Transport
from periferia_link.typing import Response

__all__ = ["MOST", "VERSION", "Api", "is_json"]

VERSION = "7.1"
MOST = 200
"""Items in one request; the service refuses more (VS403474)."""

_WINDOW = 19_999
_JSON = {"Content-Type": "application/json"}


def is_json(answer: Response) -> bool:
    """Whether an answer is one of the service's own."""
    return "json" in (answer.header("content-type") or "").lower()


class Api:
    """
    Asks one organisation; thread-safe.

    ``project`` restricts what is listed. Every answer that is no JSON is refused, whatever its status.
    """

    def __init__(self, transport: Transport, system: str, *, project: str | None) -> None:
        self.transport = transport
        self.system = system
        self.project = project
        self.scope = f"{quote(project, safe='')}/" if project else ""

    def ask(self, path: str, *, body: Any = None, operation: str = "read", version: str = VERSION, **query: Any) -> Any:
        """
        Read one answer.

        Args:
            path: Below the organisation, such as ``_apis/projects``.

            body: Sent by POST where the question travels in the body.

            operation: For messages.

            version: Of the API.

            query: Parameters; ``None`` leaves one out. A name beginning with ``_`` is one with a dollar sign.

        Raises:
            ConnectorError: By what happens next.
        """
        told = {_name(name): _text(value) for name, value in query.items() if value is not None}
        url = f"{path}?{urlencode({**told, 'api-version': version}, quote_via=quote, safe=',;:$')}"
        try:
            if body is None:
                answer = self.transport.read("GET", url)
            else:
                answer = self.transport.read("POST", url, headers=_JSON, body=json.dumps(body).encode())
            return self._whole(answer, operation)
        except ConnectorError as exc:
            exc.system = exc.system or self.system
            raise

    def _whole(self, answer: Response, operation: str) -> Any:
        if answer.status not in (200, 201):
            told = refusal_of(answer.status, answer.body)
            raise error_for(told, system=self.system, operation=operation, answer=answer, is_json=is_json(answer))
        if not is_json(answer):
            msg = "the answer is no JSON: a proxy or another server may stand behind the address"
            raise ContractBrokenError(msg, hint="check the address of the organization", system=self.system)
        return loads(answer.body, exact=True)

    def rows(self, told: Any, key: str = "value") -> list[dict[str, Any]]:
        """
        Return the records of a collection; null elements (``errorPolicy: omit``) are left out.

        Raises:
            ContractBrokenError: There is no such list.
        """
        rows = told.get(key) if isinstance(told, Mapping) else None
        if not isinstance(rows, list):
            msg = f"the answer has no list of records under {key!r}"
            raise ContractBrokenError(msg, hint="check the path and the API version", system=self.system)
        found = [row for row in rows if row is not None]
        if not all(isinstance(row, dict) for row in found):
            msg = f"the answer has something else than records under {key!r}"
            raise ContractBrokenError(msg, hint="check the path and the API version", system=self.system)
        return list(claims(found, "id"))

    # ------------------------------------------------------------------ items

    def items(self, ids: Sequence[int], fields: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """
        Read items by id, 200 a request; those that are gone, or not to be seen, are absent.

        Args:
            ids: Numbers.

            fields: Only these; with all of them come the relations.

        Raises:
            ConnectorError: By what happens next.
        """
        found: list[dict[str, Any]] = []
        for at in range(0, len(ids), MOST):
            wanted: dict[str, Any] = {"ids": list(ids[at : at + MOST]), "errorPolicy": "omit"}
            wanted |= {"$expand": "Relations"} if fields is None else {"fields": list(fields)}
            try:
                found += self.rows(self.ask("_apis/wit/workitemsbatch", body=wanted, operation="get"))
            except RecordNotFoundError:
                continue  # none of them is there
        return [row for row in found if isinstance(row.get("id"), int)]

    def matching(self, where: str) -> Iterator[int]:
        """
        Yield the ids of the items that meet a condition of WIQL, however many, in windows below 20,000.

        Raises:
            ConnectorError: By what happens next.
        """
        text, last = select(where), 0
        while True:
            told = self.ask(f"{self.scope}_apis/wit/wiql", body={"query": text}, operation="query", _top=_WINDOW)
            ids = sorted({row["id"] for row in self.rows(told, "workItems") if isinstance(row.get("id"), int)})
            yield from ids
            if len(ids) < _WINDOW or ids[-1] <= last:
                return
            last = ids[-1]
            text = window(where, last)


def _name(name: str) -> str:
    return f"${name[1:]}" if name.startswith("_") else name


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
