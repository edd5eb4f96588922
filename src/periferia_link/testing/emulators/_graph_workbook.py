"""Workbooks over the API: sessions, long operations, rows of tables."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from periferia_link.testing.emulators._emulator import Record, json_response
from periferia_link.testing.emulators._graph_answers import GraphRefused
from periferia_link.typing import Response

__all__ = ["Workbooks"]


class Workbooks:
    """
    Sessions and tables of workbooks.

    ``fails`` makes the next session fail as a broken workbook does; ``polls`` is how often an operation says that it
    is running; ``stale`` shows rows as they were when the session was opened.
    """

    def __init__(self) -> None:
        self.tables: dict[tuple[str, str], list[list[Any]]] = {}
        self.sessions: dict[str, dict[tuple[str, str], list[list[Any]]]] = {}
        self.operations: dict[str, int] = {}
        self.fails = False
        self.polls = 1
        self.stale = False

    def serve(self, method: str, item: str, rest: str, told: dict[str, Any], base: str) -> Response:
        """
        Answer a call below ``/workbook``.

        Raises:
            GraphRefused: As the service does.
        """
        if method == "POST" and rest == "createSession":
            return self._create(told, base)
        if method == "POST" and rest in ("closeSession", "refreshSession"):
            self._session(told["session"])
            if rest == "closeSession":
                del self.sessions[told["session"]]
            return Response(204)
        if method == "GET" and rest.startswith("operations/"):
            return self._operation(rest.partition("/")[2])
        parts = rest.split("/")
        if method == "GET" and len(parts) == 3 and (parts[0], parts[2]) == ("tables", "rows"):
            return self._rows(item, parts[1], told)
        raise GraphRefused(400, "invalidRequest", "Resource not found for the segment.")

    def _create(self, told: dict[str, Any], base: str) -> Response:
        if self.fails:
            self.fails = False
            inner = {
                "code": "internalServerErrorUncategorized",
                "message": "An unspecified error has occurred.",
                "innerError": {"code": "GenericFileOpenError", "message": "The workbook cannot be opened."},
            }
            message = "An internal server error occurred while processing the request."
            raise GraphRefused(500, "internalServerError", message, inner=inner)
        key = f"session-{len(self.sessions) + len(self.operations) + 1}"
        self.sessions[key] = {place: list(rows) for place, rows in self.tables.items()}
        if "respond-async" in told["prefer"]:
            self.operations[key] = self.polls
            where = f"{base}/workbook/operations/{key}"
            return Response(202, (("Location", where), ("Content-Type", "application/json")), b"{}")
        return json_response(201, {"id": key, "persistChanges": bool(told["body"].get("persistChanges"))})

    def _operation(self, key: str) -> Response:
        if key not in self.operations:
            raise GraphRefused(404, "itemNotFound", "The operation is not there.")
        if self.operations[key] > 0:
            self.operations[key] -= 1
            return json_response(200, {"id": key, "status": "running"})
        return json_response(200, {"id": key, "status": "succeeded", "resourceLocation": key})

    def _session(self, key: str | None) -> dict[tuple[str, str], list[list[Any]]]:
        if key is None or key not in self.sessions:
            inner = {"code": "invalidSessionReCreatable"}
            raise GraphRefused(404, "invalidSession", "The workbook session is gone.", inner=inner)
        return self.sessions[key]

    def _rows(self, item: str, table: str, told: dict[str, Any]) -> Response:
        held = self.tables
        if told["session"] is not None:
            seen = self._session(told["session"])
            held = seen if self.stale else held
        if (item, table) not in held:
            raise GraphRefused(404, "itemNotFound", "The requested resource doesn't exist.")
        query = {name: values[-1] for name, values in parse_qs(told["query"]).items()}
        skip, top = int(query.get("$skip", 0)), int(query.get("$top", 100))
        rows = held[item, table][skip : skip + top]
        value: list[Record] = [{"index": skip + place, "values": [row]} for place, row in enumerate(rows)]
        return json_response(200, {"value": value})
