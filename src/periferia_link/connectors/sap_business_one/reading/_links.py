"""Links to the next page: three forms of them, some without the filter of the first page; pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from periferia_link.errors import ContractBrokenError
from periferia_link.transport._odata import query

__all__ = ["continued", "skip_of"]

_KEPT = ("filter", "select", "orderby")


def continued(link: str, asked: Mapping[str, str]) -> str:
    """
    Return the path of the next page: the link, with the options of the first page that it lost.

    SAP writes ``/b1s/v1/Orders?$skip=20``, ``Orders?$skip=20`` or ``SQLQueries('x')/List?&$skip=5``; some
    installations leave out ``$filter`` and ``$select``: the rows behind would be others.

    Args:
        link: As it stands in the page.

        asked: Options of the first page by name, without ``$``: ``{"filter": "Code gt 'a'"}``.
    """
    path, _, text = link.partition("?")
    pieces = [piece for piece in text.split("&") if piece]
    told = {unquote(piece.partition("=")[0]) for piece in pieces}
    lost = {name: asked[name] for name in _KEPT if name in asked and f"${name}" not in told}
    return query(f"{path}?{'&'.join(pieces)}" if pieces else path, **lost)


def skip_of(link: str) -> int | None:
    """
    Return how many rows the link leaves behind, where it says so.

    Raises:
        ContractBrokenError: It says something that is no number.
    """
    for piece in link.partition("?")[2].split("&"):
        name, _, value = piece.partition("=")
        if unquote(name) == "$skip":
            if value.isdigit():
                return int(value)
            msg = "the link to the next page does not say where it begins"
            raise ContractBrokenError(msg, hint="look at what stands before SAP")
    return None
