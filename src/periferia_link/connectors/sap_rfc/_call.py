"""The seam to SAP: what of a pyrfc connection this connector uses; stand-ins and other clients come in here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

__all__ = ["Call", "Connect"]


class Call(Protocol):
    """
    One open connection, which is one session in SAP: used by one thread, and never by two at a time.

    ``pyrfc.Connection`` is one, whichever package brings it.
    """

    def call(self, function: str, options: Mapping[str, Any] | None = None, /, **parameters: Any) -> dict[str, Any]:
        """
        Call a function module and return what it exports: structures as dictionaries, tables as lists of them.

        Args:
            function: Its name.

            options: ``timeout`` in seconds and ``not_requested`` names, as pyrfc has them.

            **parameters: By their names in SAP.
        """
        ...

    def ping(self) -> None:
        """Ask SAP for a sign of life."""
        ...

    def get_connection_attributes(self) -> Mapping[str, Any]:
        """Return who is connected with what: ``sysId``, ``client``, ``user``, ``partnerRel`` and more."""
        ...

    def close(self) -> None:
        """Close the connection; its session ends, and what was not committed is gone."""
        ...


Connect: TypeAlias = Callable[[], Call]
"""Opens a connection, signed in."""
