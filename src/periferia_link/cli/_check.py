"""``periferia-link check``: is every system there, and may we do what the flows need."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from periferia_link.cli import _commands
from periferia_link.cli._commands import CONFIG, AsJson, Config, Lang, ends_well, help_words, in_language_of, new_screen
from periferia_link.cli._exit_codes import ExitCode
from periferia_link.cli._screens import Screen
from periferia_link.cli._words import Texts
from periferia_link.errors import ConfigurationError, LinkError
from periferia_link.installation import SystemCheck, check_flows, check_systems
from periferia_link.ledger import SqliteLedger
from periferia_link.settings import Settings

if TYPE_CHECKING:
    import typer

__all__ = ["PLACE", "TEXTS", "register"]

PLACE = 20
TEXTS: Texts = {
    "help.check": (
        "Pregunta a cada sistema quién es y qué permite; no escribe nada.",
        "Ask every system who it is and what it lets us do; writes nothing.",
    ),
    "check.reached": ("responde", "reached"),
    "check.not_reached": ("no responde o no deja entrar", "not reached, or it lets nobody in"),
    "check.lacking": ("responde, y falta algo", "reached, and something is missing"),
    "check.other": ("responde, y es otra instalación", "reached, and it is another installation"),
    "check.address": ("dirección", "address"),
    "check.product": ("producto", "product"),
    "check.identity": ("entra como", "signed in as"),
    "check.system_id": ("instalación", "installation"),
    "check.known_as": ("la memoria conoce", "the ledger knows"),
    "check.missing": ("falta", "missing"),
    "check.step": ("qué sigue", "next step"),
    "check.what": ("qué pasó", "what happened"),
    "check.flows": ("Flujos", "Flows"),
    "check.flow.well": ("{names}: listos", "{names}: ready"),
    "check.flow.none": (
        "El archivo no nombra ningún flujo: agregue [flows.clients], por ejemplo",
        "The file names no flow: add [flows.clients], for example",
    ),
    "check.other.step": (
        "use la memoria de esa instalación, u otro nombre para el sistema",
        "use the ledger of that installation, or another name for the system",
    ),
    "check.none": ("El archivo no nombra ningún sistema.", "The file names no system."),
    "check.well": (
        "Todo responde. Sigue: periferia-link adopt clients, y después periferia-link plan",
        "Everything answers. Next: periferia-link adopt clients, then periferia-link plan",
    ),
    "check.not_well": (
        "Queda {n} punto. Después: periferia-link check|Quedan {n} puntos. Después: periferia-link check",
        "{n} point is left. Then: periferia-link check|{n} points are left. Then: periferia-link check",
    ),
}
_HELP = help_words(TEXTS)


def register(app: typer.Typer) -> None:
    """Bring the command."""
    app.command(help=_HELP("help.check"))(check)


@ends_well
def check(*, as_json: AsJson = False, config: Config = CONFIG, lang: Lang = None) -> ExitCode:
    screen = new_screen(lang, is_silent=as_json, texts=TEXTS)
    found: list[SystemCheck] = []
    settings = Settings.load(config, on_broken=lambda name, exc: found.append(SystemCheck(name, "", None, None, exc)))
    in_language_of(screen, settings, lang)
    if not settings.systems and not found:
        raise ConfigurationError(screen.words("check.none"), hint="periferia-link init")
    broken = [one.name for one in found]
    for one in chain(tuple(found), check_systems(settings, known=_known(settings), clock=_commands.clock)):
        if one not in found:
            found.append(one)
        if one is not found[0]:
            screen.line()
        _show(screen, one)
    flows = check_flows(settings, also=broken)
    _show_flows(screen, flows)
    troubles = sum(not one.is_well for one in found) + sum(error is not None for error in flows.values())
    if as_json:
        told = {name: error.to_dict() if error else None for name, error in flows.items()}
        screen.json({"systems": {one.name: _as_json(one) for one in found}, "flows": told, "is_well": not troubles})
    screen.line()
    screen.line(screen.words("check.not_well", n=troubles) if troubles else screen.words("check.well"))
    return _code(found, list(flows.values()))


def _code(found: Sequence[SystemCheck], flows: Sequence[LinkError | None]) -> ExitCode:
    """Settings and rights are for a person to correct; a system that is down may come back by itself."""
    errors = [one.error for one in found if one.error]
    if any(isinstance(error, ConfigurationError) for error in [*errors, *flows]):
        return ExitCode.CONFIGURATION
    if errors:
        return ExitCode.STOPPED
    return ExitCode.OK if all(one.is_well for one in found) else ExitCode.CONFIGURATION


def _known(settings: Settings) -> dict[str, str]:
    if not settings.ledger.path.is_file():
        return {}
    with SqliteLedger.open(settings.ledger.path) as ledger:
        return ledger.system_ids()


def _verdict(one: SystemCheck) -> str:
    if one.error is not None:
        return "not_reached"
    if one.known_as is not None:
        return "other"
    return "reached" if one.is_well else "lacking"


def _show(screen: Screen, one: SystemCheck) -> None:
    words, verdict = screen.words, _verdict(one)
    sign, style = ("✓", "bold green") if verdict == "reached" else ("✗", "bold red")
    screen.line(f"{sign} {one.name} · {words(f'check.{verdict}')}", style=style)
    facts: list[tuple[str, Any]] = [(words("check.address"), one.url)] if one.url else []
    if one.error is not None:
        facts.append((words("check.what"), words.sentence(one.error.message)))
        facts.append((words("check.step"), words.sentence(one.error.hint or "")))
    if one.info is not None:
        info = one.info
        product = " ".join(filter(None, [info.product or one.connector, info.version]))
        facts += [(words("check.product"), product), (words("check.identity"), info.identity)]
        facts.append((words("check.system_id"), info.system_id))
        facts += [(name, value) for name, value in info.details.items()]
        facts += [(words("check.missing"), right) for right in info.missing]
        facts.append((words("check.step"), info.next_step))
    if one.known_as is not None:
        facts += [(words("check.known_as"), one.known_as), (words("check.step"), words("check.other.step"))]
    screen.facts([(label, value) for label, value in facts if value])


def _show_flows(screen: Screen, flows: dict[str, LinkError | None]) -> None:
    screen.line()
    screen.line(screen.words("check.flows"), style="bold")
    ready = [name for name, error in flows.items() if error is None]
    if ready:
        screen.line("✓ " + screen.words("check.flow.well", names=", ".join(ready)), indent=2)
    for name, error in flows.items():
        if error is not None:
            screen.line(f"✗ {name}: {error.message}", indent=2)
            screen.facts([(screen.words("check.step"), error.hint or "")], indent=4)
    if not flows:
        screen.line(screen.words("check.flow.none"), indent=2)


def _as_json(one: SystemCheck) -> dict[str, Any]:
    info = one.info
    return {
        "connector": one.connector,
        "url": one.url,
        "verdict": _verdict(one),
        "system_id": info.system_id if info else None,
        "product": info.product if info else None,
        "version": info.version if info else None,
        "identity": info.identity if info else None,
        "missing": list(info.missing) if info else [],
        "next_step": (info.next_step if info else None) or (one.error.hint if one.error else None),
        "details": dict(info.details) if info else {},
        "known_as": one.known_as,
        "error": one.error.to_dict() if one.error else None,
    }
