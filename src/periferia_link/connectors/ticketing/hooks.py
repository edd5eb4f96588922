"""What a profile cannot say: a class with the few places where code may step in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from periferia_link.connectors.base import Mode
from periferia_link.domain import Entity
from periferia_link.typing import Response

__all__ = ["TicketHooks"]


class TicketHooks:
    """
    Override what differs, and pass an instance: ``Ticketing(url, profile=…, hooks=Mine())``.

    Each method is pure and may be called from several threads at once.
    """

    def row(self, kind: str, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the row as the profile expects it, before it is decoded."""
        del kind
        return row

    def body(self, kind: str, mode: Mode, body: dict[str, Any], entity: Entity) -> dict[str, Any]:
        """Return what to send, before it is wrapped."""
        del kind, mode, entity
        return body

    def took_effect(self, kind: str, mode: Mode, answer: Response) -> bool | None:
        """
        Judge an answer to a write: it took effect, certainly not, or ``None``: judge it by the profile.

        Say ``False`` only when nothing can have happened: the record is parked then.
        """
        del kind, mode, answer
        return None
