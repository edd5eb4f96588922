"""A trace to look at: as a tree of text, as a Mermaid diagram, as HTML."""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from periferia_link.domain import Ref

if TYPE_CHECKING:
    from periferia_link.trace._found import Node, Trace

__all__ = ["as_html", "as_mermaid", "as_text"]

_GAPS = 20  # shown in full; the others are counted
_SIDES = (("up", "comes from"), ("down", "led to"), ("beside", "beside it"))


def _tops(trace: Trace, side: str) -> list[Node]:
    """Return the records with which a side begins: what led to them is on another one."""
    sides = {node.ref: node.side for node in trace.nodes}
    return [
        node for node in trace.nodes if node.side == side and node.parent is not None and sides[node.parent] != side
    ]


class _Twig(NamedTuple):
    """A line of the tree: a record, or how many of a kind are not shown."""

    node: Node | None
    more: str = ""


def _children(trace: Trace) -> dict[tuple[Ref, str], list[Node]]:
    found: dict[tuple[Ref, str], list[Node]] = defaultdict(list)
    for node in trace.nodes:
        if node.parent is not None:
            found[node.parent, node.side].append(node)
    return found


def _shown(nodes: Sequence[Node], siblings: int) -> Iterator[_Twig]:
    """Yield the first of each kind, then how many more there are."""
    by_kind: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        by_kind[node.ref.kind].append(node)
    for kind, same in by_kind.items():
        yield from (_Twig(node) for node in same[:siblings])
        if len(same) > siblings:
            yield _Twig(None, f"… and {len(same) - siblings} more {kind}")


# ---------------------------------------------------------------------- text


def as_text(trace: Trace, siblings: int, say: Callable[[str], str]) -> str:
    """Return the tree: upwards, downwards, beside, gaps."""
    root, children = trace.nodes[0], _children(trace)
    twins = children.get((root.ref, "root"), [])
    lines = [_told(root, say), *(f"  {_told(twin, say)}" for twin in twins)]
    for side, heading in _SIDES:
        branch = list(_Tree(children, side, siblings, say).lines(_tops(trace, side)))
        if branch:
            lines += ["", f"{say(heading)}:", *branch]
    if trace.left_out:
        lines += ["", say(f"… and {trace.left_out} more records: raise the limit to see them")]
    lines += ["", *_gap_lines(trace, say)]
    return "\n".join(line.rstrip() for line in lines)


class _Tree(NamedTuple):
    """How one side is drawn."""

    children: dict[tuple[Ref, str], list[Node]]
    side: str
    siblings: int
    say: Callable[[str], str]

    def lines(self, nodes: Sequence[Node], margin: str = "  ") -> Iterator[str]:
        """Yield a line for each record, those under it behind it."""
        twigs = list(_shown(nodes, self.siblings))
        for twig in twigs:
            is_last = twig is twigs[-1]
            sign = "└" if is_last else "├"
            if twig.node is None:
                yield f"{margin}{sign} {self.say(twig.more)}"
                continue
            yield f"{margin}{sign} {_told(twig.node, self.say)}"
            below = self.children.get((twig.node.ref, self.side), [])
            yield from self.lines(below, margin + ("  " if is_last else "│ "))


def _told(node: Node, say: Callable[[str], str]) -> str:
    words = [f"= {node.ref}" if node.step is not None and node.step.relation == "same" else str(node.ref)]
    if node.label:
        words.append(f"«{node.label}»")
    if node.note:
        words.append(f"({say(node.note)})")
    return " ".join(words)


def _gap_lines(trace: Trace, say: Callable[[str], str]) -> Iterator[str]:
    if not trace.gaps:
        yield say("no gaps")
        return
    yield say(f"gaps: {len(trace.gaps)}")
    for gap in trace.gaps[:_GAPS]:
        yield f"  ! {say(gap.what)}"
        yield f"    → {say(gap.next_step)}"
    if len(trace.gaps) > _GAPS:
        yield "  " + say(f"… and {len(trace.gaps) - _GAPS} more gaps")


# ---------------------------------------------------------------------- Mermaid


def as_mermaid(trace: Trace, siblings: int) -> str:
    """Return a flowchart from left to right; dashed boxes are gaps."""
    shown, more = _boxes(trace, siblings)
    names = {node.ref: f"n{number}" for number, node in enumerate(shown)}
    missing = {gap.ref for gap in trace.gaps}
    lines = ["flowchart LR"]
    lines += [f'  {names[node.ref]}["{_box(node)}"]' for node in shown]
    for step in trace.steps:
        if step.source in names and step.target in names:
            arrow = "<-->" if step.relation == "same" else "-->"
            lines.append(f"  {names[step.source]} {arrow}|{_safe(step.relation)}| {names[step.target]}")
    for number, (parent, text) in enumerate(more):
        if parent in names:
            lines += [f'  m{number}["{_safe(text)}"]', f"  {names[parent]} -.- m{number}"]
    lines.append(f"  style {names[trace.root]} stroke-width:3px")
    gone = [names[ref] for ref in sorted(missing) if ref in names]
    if gone:
        lines += ["  classDef gap stroke:#c00,stroke-dasharray:4", f"  class {','.join(gone)} gap"]
    return "\n".join(lines)


def _boxes(trace: Trace, siblings: int) -> tuple[list[Node], list[tuple[Ref, str]]]:
    """Return the records that get a box, and the crowds that share one; nobody under a hidden record has one."""
    children: dict[Ref, list[Node]] = defaultdict(list)
    for node in trace.nodes:
        if node.parent is not None:
            children[node.parent].append(node)
    shown, more, waiting = [], [], [trace.nodes[0]]
    while waiting:
        node = waiting.pop(0)
        shown.append(node)
        for twig in _shown(children[node.ref], siblings):
            if twig.node is None:
                more.append((node.ref, twig.more))
            else:
                waiting.append(twig.node)
    return shown, more


def _box(node: Node) -> str:
    text = f"<b>{_safe(node.ref.kind)}</b> {_safe(node.ref.system)}<br/>{_safe(node.ref.id)}"
    return f"{text}<br/>{_safe(node.label)}" if node.label else text


def _safe(text: str) -> str:
    # quotes end a label, and brackets, bars and # have a meaning: all are written as entities
    return re.sub(r"[^\w .,:;…/+×-]", lambda found: f"#{ord(found[0])};", text)


# ---------------------------------------------------------------------- HTML


def as_html(trace: Trace, siblings: int) -> str:
    """Return a nested list, and the gaps; everything escaped."""
    children = _children(trace)
    body = [f"<p><b>{_cell(trace.nodes[0])}</b></p>"]
    for side, heading in _SIDES:
        tops = _tops(trace, side)
        if tops:
            body.append(f"<p>{heading}</p>{_list(tops, children, side, siblings)}")
    if trace.left_out:
        body.append(f"<p>… and {trace.left_out} more records</p>")
    items = "".join(f"<li>{html.escape(gap.what)}<br/>→ {html.escape(gap.next_step)}</li>" for gap in trace.gaps)
    body.append(f"<p>gaps: {len(trace.gaps)}</p><ul>{items}</ul>" if items else "<p>no gaps</p>")
    return f"<div>{''.join(body)}</div>"


def _list(nodes: Sequence[Node], children: dict[tuple[Ref, str], list[Node]], side: str, siblings: int) -> str:
    items = []
    for twig in _shown(nodes, siblings):
        if twig.node is None:
            items.append(f"<li>{html.escape(twig.more)}</li>")
        else:
            below = children.get((twig.node.ref, side), [])
            items.append(f"<li>{_cell(twig.node)}{_list(below, children, side, siblings) if below else ''}</li>")
    return f"<ul>{''.join(items)}</ul>"


def _cell(node: Node) -> str:
    words = [f"<code>{html.escape(str(node.ref))}</code>", html.escape(node.label)]
    if node.note:
        words.append(f"<i>({html.escape(node.note)})</i>")
    return " ".join(word for word in words if word)
