"""
Draws ``crash-points.svg``: one change on its way, and every point at which a process may die.

``python docs/pictures/crash_points.py`` writes it. ``tests/docs/test_crash_picture.py`` dies at each point for real,
compares what the picture says of ledger and target, and compares the file with what this script draws.
"""

from __future__ import annotations

import html
import textwrap
from pathlib import Path
from typing import NamedTuple

PICTURE = Path(__file__).with_name("crash-points.svg")


class Arrow(NamedTuple):
    """A message between two lanes; ``ledger`` and ``target`` are what holds from here on, where that changes."""

    start: str
    end: str
    label: str
    ledger: str | None = None
    target: str | None = None


class Crash(NamedTuple):
    """A point of dying: what the ledger then says, what the target then holds, what the next run does."""

    letter: str
    where: str
    ledger: str
    target: str
    then: str


class Aside(NamedTuple):
    """A sentence between two rows."""

    text: str


ROWS: tuple[Arrow | Crash | Aside, ...] = (
    Arrow("source", "engine", "page of rows"),
    Crash("A", "before ①", "nothing", "nothing", "pulls the page again, from the cursor before it"),
    Arrow("engine", "ledger", "① rows and plan"),
    Crash("B", "during ①", "nothing", "nothing", "the same: a transaction is whole or absent"),
    Arrow("engine", "ledger", "commit", ledger="planned"),
    Crash("C", "between ① and ②", "planned", "nothing", "sends it: nothing was sent before"),
    Arrow("engine", "ledger", "② intent"),
    Crash("D", "during ②", "planned", "nothing", "sends it: nothing was sent before"),
    Arrow("engine", "ledger", "commit", ledger="in flight"),
    Crash(
        "E",
        "between ② and ④",
        "in flight",
        "nothing",
        "cannot know that nothing was sent: reads back, finds nothing, issues it again with the same key",
    ),
    Arrow("engine", "target", "④ one request, with create_key", target="perhaps one row"),
    Crash(
        "F",
        "during ④ or ⑤",
        "in flight",
        "perhaps one row",
        "reads back: found, it is adopted; not found, it is issued again with the same key",
    ),
    Arrow("target", "engine", "⑤ answer", target="one row"),
    Crash("G", "between ⑤ and ⑦", "in flight", "one row", "reads back, finds it, adopts it: nothing is written twice"),
    Arrow("engine", "ledger", "⑦ outcome"),
    Crash("H", "during ⑦", "in flight", "one row", "reads back, finds it, adopts it"),
    Arrow("engine", "ledger", "commit", ledger="linked"),
    Aside("When no answer comes at ⑤, the outcome is “ambiguous”:"),
    Arrow("engine", "ledger", "⑦ ambiguous", ledger="ambiguous", target="perhaps one row"),
    Crash("I", "between ⑦ and ⑧", "ambiguous", "perhaps one row", "looks then: the time of the first look is stored"),
    Arrow("engine", "target", "⑧ find by create_key"),
    Crash("J", "between ⑧ and ⑨", "ambiguous", "perhaps one row", "looks again: looking changes nothing"),
    Arrow("engine", "ledger", "⑨ adopt or issue", ledger="linked", target="one row"),
)

_LANES = {"source": 58, "engine": 158, "ledger": 292, "target": 414}
_CARD, _WIDTH = 468, 900
_COLOURS = {
    "nothing": "#b8bec9",
    "planned": "#d98a00",
    "in flight": "#1f6feb",
    "ambiguous": "#8250df",
    "linked": "#1a8f4b",
    "perhaps one row": "#8250df",
    "one row": "#1a8f4b",
}
_INK, _QUIET, _RED, _PAPER = "#1f2733", "#5b6675", "#cf222e", "#ffffff"
_FONT = "font-family=\"-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif\""


def _text(x: float, y: float, words: str, *, size: float = 13, look: str = f'fill="{_INK}"') -> str:
    return f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" {look}>{html.escape(words)}</text>'


def _pill(x: float, y: float, words: str, colour: str) -> tuple[str, float]:
    width = 7.4 * len(words) + 20
    box = f'<rect x="{x:g}" y="{y - 13:g}" width="{width:g}" height="18" rx="9" fill="{colour}" fill-opacity="0.16"/>'
    return box + _text(x + 9, y, words, size=12, look=f'fill="{_darker(colour)}" font-weight="600"'), width


def _darker(colour: str) -> str:
    return {"#b8bec9": _QUIET, "#d98a00": "#8f5b00"}.get(colour, colour)


def _arrow(row: Arrow, y: float) -> str:
    x1, x2 = _LANES[row.start], _LANES[row.end]
    step = 1 if x2 > x1 else -1
    line = (
        f'<line x1="{x1 + 5 * step}" y1="{y:g}" x2="{x2 - 9 * step}" y2="{y:g}" stroke="{_INK}" stroke-width="1.5" '
        'marker-end="url(#tip)"/>'
    )
    middle = (x1 + x2) / 2
    width = 6.5 * len(row.label) + 8
    back = f'<rect x="{middle - width / 2:g}" y="{y - 20:g}" width="{width:g}" height="15" fill="{_PAPER}"/>'
    return line + back + _text(middle, y - 8, row.label, size=12, look=f'fill="{_INK}" text-anchor="middle"')


def _crash(row: Crash, y: float, height: float) -> str:
    middle = y + height / 2 - 4
    line = f'<line x1="26" y1="{middle:g}" x2="{_CARD}" y2="{middle:g}" stroke="{_RED}" stroke-width="1.3" '
    card = f'<rect x="{_CARD}" y="{y:g}" width="{_WIDTH - _CARD - 18}" height="{height - 8:g}" rx="7" fill="#f6f8fa" '
    parts = [
        line + 'stroke-dasharray="5 4"/>',
        f'<circle cx="24" cy="{middle:g}" r="12" fill="{_RED}"/>',
        _text(24, middle + 4.5, row.letter, look='fill="#fff" font-weight="700" text-anchor="middle"'),
        card + 'stroke="#d8dee6"/>',
        _text(_CARD + 12, y + 19, f"{row.letter} · {row.where}", look=f'fill="{_INK}" font-weight="700"'),
    ]
    x = _CARD + 12.0
    for word, state in (("ledger", row.ledger), ("target", row.target)):
        parts.append(_text(x, y + 39, word, size=12, look=f'fill="{_QUIET}"'))
        pill, width = _pill(x + 6.6 * len(word) + 6, y + 39, state, _COLOURS[state])
        parts.append(pill)
        x += 6.6 * len(word) + width + 20
    parts += [_text(_CARD + 12, y + 59 + 16 * n, line, size=12.5) for n, line in enumerate(_wrapped(row.then))]
    return "".join(parts)


def _wrapped(words: str) -> list[str]:
    return textwrap.wrap(f"next run: {words}", 60)


def _height(row: Arrow | Crash | Aside) -> float:
    if isinstance(row, Crash):
        return 62 + 16 * len(_wrapped(row.then))
    return 34


def _lifelines(tops: list[float], bottom: float) -> str:
    """Draw the four lanes; those of ledger and target change their colour with what they hold."""
    plain = "".join(
        f'<line x1="{_LANES[lane]}" y1="62" x2="{_LANES[lane]}" y2="{bottom:g}" stroke="#b8bec9" stroke-width="2"/>'
        for lane in ("source", "engine")
    )
    parts = [plain]
    for lane in ("ledger", "target"):
        since, state = 62.0, "nothing"
        turns = [
            (top + 22, getattr(row, lane))
            for row, top in zip(ROWS, tops, strict=True)
            if isinstance(row, Arrow) and getattr(row, lane)
        ]
        for y, following in [*turns, (bottom, "")]:
            dashes = ' stroke-dasharray="3 4"' if state == "perhaps one row" else ""
            parts.append(
                f'<line x1="{_LANES[lane]}" y1="{since:g}" x2="{_LANES[lane]}" y2="{y:g}" '
                f'stroke="{_COLOURS[state]}" stroke-width="5"{dashes}/>'
            )
            since, state = y, following
    return "".join(parts)


def drawn() -> str:
    """Return the picture as SVG."""
    tops, y = [], 78.0
    for row in ROWS:
        tops.append(y)
        y += _height(row)
    bottom = y + 6
    heads = "".join(
        f'<rect x="{x - 42}" y="28" width="84" height="32" rx="7" fill="#eef2f7" stroke="#c5cdd8"/>'
        + _text(x, 49, lane, size=14, look=f'fill="{_INK}" font-weight="700" text-anchor="middle"')
        for lane, x in _LANES.items()
    )
    body = "".join(
        _arrow(row, top + 22)
        if isinstance(row, Arrow)
        else _crash(row, top, _height(row))
        if isinstance(row, Crash)
        else _text(_CARD, top + 22, row.text, size=12.5, look=f'fill="{_QUIET}" font-style="italic"')
        for row, top in zip(ROWS, tops, strict=True)
    )
    title = "Ten points at which a process may die, and what the next run does"
    said = " ".join(f"{r.letter}: {r.where}, {r.ledger}, {r.target}; {r.then}." for r in ROWS if isinstance(r, Crash))
    text = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom + 20:g}" role="img" {_FONT}>'
        f"<title>{title}</title><desc>{html.escape(said)}</desc>"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="1" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{_INK}"/></marker></defs>'
        f'<rect width="{_WIDTH}" height="{bottom + 20:g}" rx="10" fill="{_PAPER}"/>'
        f"{_lifelines(tops, bottom)}{heads}{body}</svg>"
    )
    return text.replace("><", ">\n<") + "\n"


if __name__ == "__main__":
    PICTURE.write_text(drawn(), encoding="utf-8")
