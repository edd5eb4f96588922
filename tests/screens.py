"""
Screens on pages come from tests, so that they cannot lie.

A page marks a block with the name of its screen::

    <!-- screen: status -->
    ```text
    $ periferia-link status
    ...
    ```

and a test renders the same screen and compares::

    check_screen(Path("docs/reference/command-line.md"), "status", text)

``PERIFERIA_LINK_SCREENS=write python -m pytest …`` writes what the tests rendered into the pages instead.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
WRITES = "PERIFERIA_LINK_SCREENS"


def _block(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- screen: {re.escape(name)} -->\n```\w+\n)(.*?)(^```$)", re.DOTALL | re.MULTILINE)


def screens_of(page: Path) -> dict[str, str]:
    """Return name -> text of every screen on a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    names = re.findall(r"<!-- screen: (.+?) -->", text)
    found = {name: _block(name).search(text) for name in names}
    return {name: block[2] if block else "" for name, block in found.items()}


def check_screen(page: Path, name: str, text: str) -> None:
    """Compare a screen with its block on a page (lines end without blanks there); writes it when that is asked for."""
    shown = "\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n"
    path = ROOT / page
    if os.environ.get(WRITES) == "write":
        before = path.read_text(encoding="utf-8")
        path.write_text(_block(name).sub(lambda found: found[1] + shown + found[3], before), encoding="utf-8")
    held = screens_of(page)
    assert name in held, f"{page} has no block '<!-- screen: {name} -->'"
    assert held[name] == shown, f"the screen {name} on {page} is not what the command shows ({WRITES}=write mends it)"
