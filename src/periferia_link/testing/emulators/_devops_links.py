"""The kinds of links between items, and of those that lead elsewhere."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["LINKS", "RESOURCES", "Link", "opposite"]


class Link(NamedTuple):
    """One direction of a link type; ``single`` is the direction of which an item may have only one."""

    name: str
    forward: str
    other: str
    topology: str
    single: bool = False


def _both(base: str, forward: str, reverse: str, topology: str, *, single: bool = False) -> dict[str, Link]:
    there, back = f"{base}-Forward", f"{base}-Reverse"
    return {there: Link(forward, there, back, topology), back: Link(reverse, there, there, topology, single=single)}


LINKS: dict[str, Link] = {
    **_both("System.LinkTypes.Hierarchy", "Child", "Parent", "tree", single=True),
    **_both("System.LinkTypes.Dependency", "Successor", "Predecessor", "dependency"),
    **_both("System.LinkTypes.Duplicate", "Duplicate", "Duplicate Of", "tree", single=True),
    **_both("Microsoft.VSTS.Common.Affects", "Affects", "Affected By", "dependency"),
    **_both("Microsoft.VSTS.Common.TestedBy", "Tested By", "Tests", "dependency"),
    "System.LinkTypes.Related": Link("Related", "System.LinkTypes.Related", "System.LinkTypes.Related", "network"),
}
"""Links between items (recorded: GET /_apis/wit/workItemRelationTypes)."""

RESOURCES = {"AttachedFile": "Attached File", "Hyperlink": "Hyperlink", "ArtifactLink": "Artifact Link"}
"""Links to something else."""


def opposite(rel: str) -> str:
    """Return what the other end of a link is called."""
    return LINKS[rel].other
