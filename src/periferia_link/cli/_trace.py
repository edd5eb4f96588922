"""``periferia-link trace``: one record over every system."""

from __future__ import annotations

import textwrap
from enum import Enum
from typing import Annotated

import typer

from periferia_link.cli._commands import CONFIG, AsJson, Config, Lang, ends_well, help_words, reading
from periferia_link.cli._exit_codes import ExitCode
from periferia_link.cli._trace_words import in_spanish
from periferia_link.cli._words import Texts
from periferia_link.domain import Ref
from periferia_link.errors import ConfigurationError
from periferia_link.ledger import SqliteLedger
from periferia_link.trace import trace

__all__ = ["PLACE", "TEXTS", "register"]

PLACE = 90
TEXTS: Texts = {
    "help.trace": (
        "Sigue un registro por todos los sistemas. De dónde viene, qué salió de él, qué falta.",
        "Follow one record over every system. Where it comes from, what came of it, what is missing.",
    ),
    "help.ref": (
        "sistema:Clase:id, o un id, código o NIT que la memoria conozca.",
        "system:Kind:id, or an id, a code or a tax id that the ledger knows.",
    ),
    "help.format": ("Como texto, JSON o diagrama Mermaid.", "As text, JSON or a Mermaid diagram."),
    "help.depth": ("Cuántos pasos en cada dirección.", "How many steps in each direction."),
    "help.direction": (
        "up: de dónde viene; down: qué salió de él.",
        "up: where it comes from; down: what came of it.",
    ),
    "help.limit": ("Cuántos registros a lo sumo.", "How many records at most."),
}
_HELP = help_words(TEXTS)


_BENEATH = str.maketrans("├└!→", "│   ")


class _Format(str, Enum):
    text = "text"
    json = "json"
    mermaid = "mermaid"


class _Direction(str, Enum):
    both = "both"
    up = "up"
    down = "down"


def register(app: typer.Typer) -> None:
    """Bring the command."""
    app.command("trace", help=_HELP("help.trace"))(trace_record)


@ends_well
def trace_record(
    *,
    ref: Annotated[str, typer.Argument(metavar="REF", help=_HELP("help.ref"))],
    form: Annotated[_Format, typer.Option("--format", help=_HELP("help.format"))] = _Format.text,
    depth: Annotated[int, typer.Option("--depth", metavar="N", min=1, help=_HELP("help.depth"))] = 12,
    direction: Annotated[_Direction, typer.Option("--direction", help=_HELP("help.direction"))] = _Direction.both,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help=_HELP("help.limit"))] = 1000,
    as_json: AsJson = False,
    config: Config = CONFIG,
    lang: Lang = None,
) -> ExitCode:
    """Follow a record; exit code 3 when something is missing on the way."""
    is_json = as_json or form is _Format.json
    with reading(config, lang, is_silent=is_json, texts=TEXTS, must_exist=True) as (screen, _, ledger):
        found = trace(_meant(ledger, ref), ledger, depth=depth, direction=direction.value, limit=limit)
    if is_json:
        screen.json(found.to_dict())
    elif form is _Format.mermaid:
        screen.art(found.mermaid())
    else:
        say = in_spanish if screen.words.language == "es" else str
        for line in found.text(say=say).splitlines():
            screen.art(_wrapped(line, screen.width) if screen.is_terminal else line)
    return ExitCode.WAITING if found.gaps else ExitCode.OK


def _wrapped(line: str, width: int) -> str:
    """Break a long line at words, so that the branches of the tree stay drawn."""
    head = line[: len(line) - len(line.lstrip(" │├└!→"))]
    beneath = head.translate(_BENEATH)
    return textwrap.fill(
        line[len(head) :], max(40, width), initial_indent=head, subsequent_indent=beneath + "  ", break_long_words=False
    )


def _meant(ledger: SqliteLedger, text: str) -> Ref:
    """Return the one record that a text means."""
    ledger.trail.again()
    ref = _parsed(text)
    if ref is not None and ledger.trail.knows(ref):
        return ref
    found = ledger.trail.named(text)
    # records that are linked as one thing are one answer
    if len(found) > 1:
        first = {node.ref for node in trace(found[0], ledger, depth=3).nodes if node.side == "root"}
        if set(found) <= first:
            found = found[:1]
    if len(found) == 1:
        return found[0]
    if found:
        msg = f"{text} is {len(found)} records: {', '.join(str(one) for one in found)}"
        raise ConfigurationError(msg, hint="name one of them")
    msg = f"the ledger knows no record {text}"
    raise ConfigurationError(
        msg, hint="write system:Kind:id, as in crm:Opportunity:0f8e…, or run the flow that reads it"
    )


def _parsed(text: str) -> Ref | None:
    try:
        return Ref.parse(text)
    except ValueError:
        return None
