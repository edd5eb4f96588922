"""What a trace found: records, steps between them, and the gaps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from periferia_link.domain import Ref
from periferia_link.ledger import Step
from periferia_link.trace import _pictures

__all__ = ["Gap", "Node", "Trace"]


class Node(NamedTuple):
    """
    One record of the trace.

    ``label`` is what people call it, ``note`` what there is to say of it. ``side`` is where it stands: ``up`` (the
    root comes from it), ``down`` (came of the root), ``beside`` (belongs to something below). ``parent`` and ``step``
    are the way that led to it, ``depth`` its length.
    """

    ref: Ref
    label: str
    note: str
    side: Literal["root", "up", "down", "beside"]
    depth: int
    parent: Ref | None
    step: Step | None


class Gap(NamedTuple):
    """Something that should be there and is not: a sentence, the next step, and the flow that would close it."""

    ref: Ref
    what: str
    next_step: str
    flow: str | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """
    One record and everything around it; prints as a tree, shows as a table in a notebook.

    ``nodes`` begin with the root, in the order in which they were reached. ``steps`` are all steps between them.
    ``left_out`` counts records that the limit kept out (at least: what is behind them was not asked).
    """

    root: Ref
    nodes: tuple[Node, ...]
    steps: tuple[Step, ...]
    gaps: tuple[Gap, ...] = ()
    left_out: int = 0

    def of_kind(self, kind: str, *, system: str | None = None) -> list[Ref]:
        """Return the records of one kind, in one system or in all."""
        return [
            node.ref for node in self.nodes if node.ref.kind == kind and (system is None or node.ref.system == system)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return everything, JSON-ready; references as text."""
        return {
            "root": str(self.root),
            "nodes": [
                {
                    "ref": str(node.ref),
                    "label": node.label,
                    "note": node.note,
                    "side": node.side,
                    "depth": node.depth,
                    "from": str(node.parent) if node.parent else None,
                }
                for node in self.nodes
            ],
            "steps": [
                {
                    "source": str(step.source),
                    "relation": step.relation,
                    "target": str(step.target),
                    "flow": step.flow,
                    "evidence": step.evidence,
                }
                for step in self.steps
            ],
            "gaps": [
                {"ref": str(gap.ref), "what": gap.what, "next_step": gap.next_step, "flow": gap.flow}
                for gap in self.gaps
            ],
            "left_out": self.left_out,
        }

    def text(self, *, siblings: int = 8, say: Callable[[str], str] = str) -> str:
        """
        Return a tree to read.

        Args:
            siblings: Records of one kind under one record to show; the others are counted.

            say: Turns a sentence into another language.
        """
        return _pictures.as_text(self, siblings, say)

    def mermaid(self, *, siblings: int = 5) -> str:
        """Return a Mermaid flowchart; records of one kind beyond *siblings* are one box."""
        return _pictures.as_mermaid(self, siblings)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return _pictures.as_html(self, siblings=25)
