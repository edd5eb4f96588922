"""Who calls the emulated Dataverse, on whose behalf, and past which of its own logic."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from periferia_link.testing.emulators._dataverse_calls import Call
from periferia_link.testing.emulators._dataverse_metadata import Metadata
from periferia_link.testing.emulators._dataverse_refusals import DataverseRefused, not_found
from periferia_link.testing.emulators._dataverse_rows import Rows

__all__ = ["Callers", "Execution"]

_KEPT = 10_000


class Execution(NamedTuple):
    """What a plug-in of the installation would see of one write: the ``tag`` is among its shared variables."""

    method: str
    path: str
    caller: str
    tag: str | None
    is_bypassed: bool


class Callers:
    """
    Impersonation, bypassed plug-ins and tags; ``executions`` are the latest writes.

    Sources: ``webapi/impersonate-another-user-web-api.md``, ``bypass-custom-business-logic.md``.
    """

    def __init__(self, rows: Rows, metadata: Metadata) -> None:
        self.rows = rows
        self.metadata = metadata
        self.executions: deque[Execution] = deque(maxlen=_KEPT)

    @contextmanager
    def acting(self, call: Call, outer: Call | None = None) -> Iterator[None]:
        """
        Run one operation as whom and past what its headers say; those of the batch around it count too.

        Raises:
            DataverseRefused: 403, a privilege for that is missing; 404, no such user.
        """
        rows = self.rows
        before = rows.caller, rows.is_bypassing
        try:
            rows.caller = self._caller(call, outer)
            rows.is_bypassing = self._is_bypassing(call, outer)
            if call.method != "GET":
                self.executions.append(
                    Execution(call.method, "/".join(call.path), rows.caller, call.options.get("tag"), rows.is_bypassing)
                )
            yield
        finally:
            rows.caller, rows.is_bypassing = before

    def _caller(self, call: Call, outer: Call | None) -> str:
        for header, column in (("CallerObjectId", "azureactivedirectoryobjectid"), ("MSCRMCallerID", "systemuserid")):
            wanted = _header(call, outer, header)
            if wanted is None:
                continue
            self._need("prvActOnBehalfOfAnotherUser")
            users = self.rows.schema["systemuser"]
            found = self.rows.find(users, {column: wanted.lower()})
            if found is None:
                subject = "systemuser"
                raise not_found(subject, wanted)
            return found
        return self.rows.user_id

    def _is_bypassing(self, call: Call, outer: Call | None) -> bool:
        parts = (_header(call, outer, "MSCRM.BypassBusinessLogicExecution") or "").replace(" ", "").split(",")
        if "CustomSync" in parts:
            self._need("prvBypassCustomBusinessLogic")
            return True
        if (_header(call, outer, "MSCRM.BypassCustomPluginExecution") or "").lower() == "true":
            self._need("prvBypassCustomPlugins")
            return True
        return False

    def _need(self, name: str) -> None:
        if name in self.metadata.denied:
            raise DataverseRefused(
                403, "0x80040220", f"Principal user (Id={self.rows.user_id}, type=8) is missing {name} privilege."
            )


def _header(call: Call, outer: Call | None, name: str) -> str | None:
    return call.header(name) or (outer.header(name) if outer else None)
