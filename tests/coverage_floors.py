"""
Branch coverage by room: ``coverage json -o coverage.json && python tests/coverage_floors.py coverage.json``.

Prints each room with its share and the files that miss something; ends with 1 when a room is below its floor.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

FLOORS = {"engine": 98.0, "ledger": 98.0, "transport": 98.0}
"""Percent of lines and branches together, by room; everything has :data:`TOTAL`."""

TOTAL = 95.0


def shares(report: dict) -> dict[str, list[float]]:
    """Return what is covered and what there is, by room; ``""`` is everything."""
    found: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for file, told in report["files"].items():
        parts = Path(file).parts
        inside = parts[parts.index("periferia_link") + 1 :]
        room = inside[0].removesuffix(".py")
        summary = told["summary"]
        covered = summary["covered_lines"] + summary.get("covered_branches", 0)
        there = summary["num_statements"] + summary.get("num_branches", 0)
        for name in (room, ""):
            found[name][0] += covered
            found[name][1] += there
    return found


def main(path: str) -> int:
    """Print the rooms and return 1 when one is too low."""
    report = json.loads(Path(path).read_text(encoding="utf-8"))
    low = 0
    for room, (covered, there) in sorted(shares(report).items()):
        share = 100.0 * covered / there if there else 100.0
        floor = FLOORS.get(room, TOTAL if not room else 0.0)
        low += share < floor
        print(f"{room or 'everything':<16}{share:6.1f} %{f'  at least {floor:g} %' if floor else ''}")
        if share < floor:
            for file, told in sorted(report["files"].items()):
                if (not room or f"periferia_link/{room}" in file) and told["summary"]["percent_covered"] < floor:
                    print(f"    {file}: {told['summary']['percent_covered']:.1f} %, lines {told['missing_lines'][:12]}")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
