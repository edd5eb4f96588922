"""
Writes the pages beside this file: every public name of every public module, room by room.

``python docs/reference/api/write_pages.py`` does it again; a test compares, so that no name is forgotten.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path
from types import ModuleType

import periferia_link

HERE = Path(__file__).parent

# page: title, one sentence, what its modules begin with
ROOMS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "domain": (
        "The domain",
        "Immutable pydantic models; money is decimal, instants are aware and in UTC, accounting dates are plain.",
        ("domain",),
    ),
    "connectors": (
        "The seam",
        "What the engine knows about a system: five verbs, rows, writes and outcomes; and how connectors are found.",
        ("connectors.base", "connectors.registry"),
    ),
    "systems": (
        "The systems",
        "Every connector has the verbs of [the seam](connectors.md); here stand the names that scripts and tests use.",
        ("connectors",),
    ),
    "help_desks": (
        "Help desks",
        "Any help desk with a REST interface, by a [profile](../ticket-profile.md); Periticket is one of them.",
        ("connectors.ticketing", "connectors.periticket"),
    ),
    "forms": (
        "Microsoft Forms",
        "Answers to forms as surveys, from files, workbooks and webhooks, by a mapping in TOML.",
        ("connectors.forms",),
    ),
    "engine": ("The engine", "Flows are declared, planned and run.", ("engine", "identity")),
    "flows": (
        "The flows",
        "Each is a function that returns a {class}`~periferia_link.engine.flow.Flow`; `flow.but(...)` changes it.",
        ("flows", "rules"),
    ),
    "trace": ("The trace", "One record over every system, as the ledger knows it.", ("trace",)),
    "sla": (
        "SLA and priorities",
        "Business time, policies, clocks and legal terms; [how it is measured](../../explanation/sla.md).",
        ("sla",),
    ),
    "assignment": (
        "Who takes which ticket",
        "Suggestions by skill, load, calendar and SLA, explained.",
        ("assignment",),
    ),
    "scores": ("Scores of surveys", "NPS, CSAT and CES with intervals, trend and response quality.", ("scores",)),
    "insights": ("Insights", "What the ledger and its trace tell about the business.", ("insights",)),
    "ledger": ("The ledger", "One SQLite file; the engine asks it through a protocol.", ("ledger",)),
    "errors": (
        "Errors",
        "Each class says what happens next; [causes and next steps](../errors.md) has them as a table.",
        ("errors",),
    ),
    "settings": (
        "Settings and installations",
        "`periferia.toml` as frozen objects, and an installation opened from it; [key by key](../settings.md).",
        ("settings", "installation"),
    ),
    "typing": ("Protocols", "What users and connectors share: clocks, wires, credentials.", ("typing", "clock")),
    "testing": (
        "The test kit",
        '`pip install "periferia-link[testing]"`; [how to use it](../../how-to/test-your-integration.md).',
        ("testing",),
    ),
}
_PRIVATE = ("cli", "transport")  # the command line has a page of its own; transport belongs to the connectors


def modules() -> list[str]:
    """List the public modules, without the name of the package before them."""
    found = []
    for module in pkgutil.walk_packages(periferia_link.__path__, "periferia_link."):
        name = module.name.removeprefix("periferia_link.")
        parts = name.split(".")
        if not any(part.startswith("_") for part in parts) and parts[0] not in _PRIVATE:
            found.append(name)
    return sorted(found)


def room_of(module: str) -> str | None:
    """Return the page of a module: the one whose prefix is the longest."""
    fitting = [
        (len(prefix), page)
        for page, (_, _, prefixes) in ROOMS.items()
        for prefix in prefixes
        if module == prefix or module.startswith(f"{prefix}.")
    ]
    return max(fitting)[1] if fitting else None


def _directive(holder: str, name: str, value: object) -> str:
    word = "class" if isinstance(value, type) else "function" if callable(value) else "data"
    return f".. auto{word}:: {holder}.{name}"


def _is_private(home: str) -> bool:
    return any(part.startswith("_") for part in home.split("."))


@cache
def _describers() -> dict[tuple[str, str], str]:
    """Return (home, name) -> the public module that describes it: of several that offer it, the innermost one."""
    found: dict[tuple[str, str], str] = {}
    for name in modules():
        module = importlib.import_module(f"periferia_link.{name}")
        for one in getattr(module, "__all__", ()):
            home = getattr(getattr(module, one), "__module__", module.__name__)
            if _is_private(home):
                found[home, one] = max(found.get((home, one), ""), module.__name__, key=len)
    return found


def _section(name: str) -> str:
    module: ModuleType = importlib.import_module(f"periferia_link.{name}")
    names = [one for one in getattr(module, "__all__", ()) if one != "__version__"]
    if not names:
        return ""
    values = {one: getattr(module, one) for one in names}
    homes = {one: getattr(value, "__module__", module.__name__) for one, value in values.items()}
    elsewhere = [one for one, home in homes.items() if home != module.__name__]
    if not elsewhere or not hasattr(module, "__path__"):
        body = f".. automodule:: {module.__name__}"
        return f"## {module.__name__}\n\n```{{eval-rst}}\n{body}\n```\n"
    here = module.__name__
    public = [one for one in elsewhere if _describers().get((homes[one], one), homes[one]) != here]
    own = [_directive(module.__name__, one, values[one]) for one in names if one not in public]
    body = "\n\n".join([f".. automodule:: {module.__name__}\n   :no-members:", *own])
    also = ", ".join(f"`{one}`" for one in public)
    said = f"\nHere too, and described with their module: {also}.\n" if also else ""
    return f"## {module.__name__}\n\n```{{eval-rst}}\n{body}\n```\n{said}"


def pages() -> dict[Path, str]:
    """Return the text of each page."""
    sections: dict[str, list[str]] = {page: [] for page in ROOMS}
    for module in modules():
        page = room_of(module)
        if page is not None:
            sections[page].append(_section(module))
    return {
        HERE / f"{page}.md": f"# {title}\n\n{intro}\n\n" + "\n".join(filter(None, sections[page]))
        for page, (title, intro, _) in ROOMS.items()
        if sections[page]
    }


def index() -> str:
    """Return the list of the pages."""
    there = {room_of(module) for module in modules()}
    rooms = {page: room for page, room in ROOMS.items() if page in there}
    rows = "\n".join(
        f"| [{title}]({page}.md) | {', '.join(f'`{prefix}`' for prefix in prefixes)} |"
        for page, (title, _, prefixes) in rooms.items()
    )
    names = ", ".join(f"`{name}`" for name in sorted(periferia_link.__all__) if name != "__version__")
    return (
        "# Every public name\n\nThe package itself holds the names that a script needs; each of them is loaded when it "
        f"is first used: {names}.\n\n| page | modules of `periferia_link` |\n| --- | --- |\n{rows}\n\n"
        "```{toctree}\n:hidden:\n\n" + "\n".join(rooms) + "\n```\n"
    )


if __name__ == "__main__":
    for path, text in {**pages(), HERE / "index.md": index()}.items():
        path.write_text(text, encoding="utf-8")
