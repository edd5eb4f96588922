"""What every command has: its options, its language, what it opens, and how it ends."""

from __future__ import annotations

import functools
import getpass
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from periferia_link.cli._exit_codes import ExitCode
from periferia_link.cli._reports import show_counts
from periferia_link.cli._screens import Screen
from periferia_link.cli._words import Texts, Words, spoken_language
from periferia_link.clock import SystemClock
from periferia_link.engine import FlowReport, RunReport
from periferia_link.errors import ConfigurationError, FlowError, LinkError
from periferia_link.installation import Installation
from periferia_link.ledger import SqliteLedger
from periferia_link.settings import Settings
from periferia_link.typing import Clock

__all__ = [
    "CONFIG",
    "AsJson",
    "Config",
    "Flows",
    "Lang",
    "Reading",
    "clock",
    "ends_well",
    "help_words",
    "in_language_of",
    "new_screen",
    "opened",
    "person",
    "reading",
    "speak",
    "waiting_code",
]

CONFIG = Path("periferia.toml")

clock: Clock = SystemClock()
"""Where the commands take the time from."""


def help_words(more: Texts | None = None) -> Words:
    """Return the words of help texts: they are made before the options are read, so ``--lang`` is looked for here."""
    asked = None
    for place, word in enumerate(sys.argv[1:], 1):
        if word == "--lang":
            asked = sys.argv[place + 1] if place + 1 < len(sys.argv) else None
        elif word.startswith("--lang="):
            asked = word.partition("=")[2]
    return Words(spoken_language(asked), more)


_HELP = help_words()


class _Spoken(str, Enum):
    """The languages of ``--lang``."""

    es = "es"
    en = "en"


Config = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help=_HELP("help.config"))]
Lang = Annotated[_Spoken | None, typer.Option("--lang", help=_HELP("help.lang"))]
AsJson = Annotated[bool, typer.Option("--json", help=_HELP("help.json"))]
Flows = Annotated[list[str] | None, typer.Argument(metavar="FLOW", help=_HELP("help.flows"), show_default=False)]


# ---------------------------------------------------------------------- how a command ends


def ends_well(command: Callable[..., ExitCode]) -> Callable[..., None]:
    """Turn what a command raises into sentences and an exit code: nobody sees a traceback."""

    @functools.wraps(command)
    def ended(**options: Any) -> None:
        screen = new_screen(options.get("lang"), is_silent=bool(options.get("as_json")))
        try:
            code = command(**options)
        except (KeyboardInterrupt, typer.Abort):  # Abort: a question that nobody answered
            code = ExitCode.INTERRUPTED
            _tell(screen, screen.words("error.interrupted"), screen.words("error.interrupted.next"))
        except LinkError as exc:
            code = ExitCode.of(exc)
            if isinstance(exc, FlowError):
                _tell_done(screen, exc.report)
            screen.problem(exc)
        except BrokenPipeError:
            leave_pipe()
            code = ExitCode.STOPPED
        except Exception as exc:
            if os.environ.get("PERIFERIA_LINK_DEBUG"):
                raise
            code = ExitCode.STOPPED
            _tell(
                screen,
                screen.words("error.unexpected", kind=type(exc).__name__),
                screen.words("error.unexpected.next"),
            )
        raise typer.Exit(code)

    ended.__annotations__ = command.__annotations__ | {"return": None}
    return ended


def _tell(screen: Screen, what: str, step: str) -> None:
    screen.trouble([(screen.words("error.what"), what), (screen.words("error.next"), step)])


def _tell_done(screen: Screen, report: object) -> None:
    reports = report.flows if isinstance(report, RunReport) else {}
    if isinstance(report, FlowReport):
        reports = {report.flow: report}
    if reports:
        screen.line(screen.words("error.done"))
        show_counts(screen, reports)
        screen.line()


def leave_pipe() -> None:
    """Let what is still in a buffer go nowhere: the reader went away, the interpreter must not try to flush again."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


# ---------------------------------------------------------------------- what a command opens


_spoken: list[str | None] = [None]


def speak(lang: str | None) -> None:
    """Take the language that was given before the command; the one behind it wins."""
    _spoken[0] = lang


def new_screen(lang: str | None, *, is_silent: bool = False, texts: Texts | None = None) -> Screen:
    """Return the screen of one call, in the language that was asked for or that of the locale."""
    return Screen(Words(spoken_language(lang or _spoken[0]), texts), is_silent=is_silent)


def in_language_of(screen: Screen, settings: Settings, lang: str | None) -> None:
    """Speak the language of the company where its file names one and nobody asked for another."""
    if (lang or _spoken[0]) is None and "language" in settings.company.model_fields_set:
        screen.words = screen.words.spoken(settings.company.language)


def opened(
    config: Path, lang: str | None, *, is_silent: bool = False, texts: Texts | None = None
) -> tuple[Screen, Installation]:
    """
    Open the whole installation, systems and ledger.

    Raises:
        ConfigurationError: Something is wrong in the file.
        LedgerError: The ledger cannot be opened.
    """
    screen = new_screen(lang, is_silent=is_silent, texts=texts)
    installation = Installation.open(config, progress=screen.progress, clock=clock)
    in_language_of(screen, installation.settings, lang)
    return screen, installation


class Reading(NamedTuple):
    """What a command has that asks the ledger only: no secret is read, no system is asked."""

    screen: Screen
    settings: Settings
    ledger: SqliteLedger

    def check_flows(self, names: Sequence[str]) -> None:
        """
        Refuse names that no flow has, neither in the file nor in the ledger.

        Raises:
            ConfigurationError: With the names that there are.
        """
        known = {*self.settings.flows, *self.ledger.care.flows()}
        for name in names:
            if name not in known:
                msg = f"this installation has no flow {name}"
                raise ConfigurationError(msg, hint=f"its flows are {', '.join(sorted(known)) or 'none'}")


@contextmanager
def reading(
    config: Path,
    lang: str | None,
    *,
    is_silent: bool = False,
    texts: Texts | None = None,
    must_exist: bool = False,
) -> Iterator[Reading]:
    """
    Open what is known without any system; works while a run is going.

    A ledger that is not there yet is an empty one, unless it *must_exist*: nothing is created.

    Raises:
        ConfigurationError: Something is wrong in the file, or there is no ledger where one is needed.
        LedgerError: The ledger cannot be opened.
    """
    screen = new_screen(lang, is_silent=is_silent, texts=texts)
    settings = Settings.load(config, with_systems=False)
    in_language_of(screen, settings, lang)
    path = settings.ledger.path
    if must_exist and not path.is_file():
        msg = f"there is no ledger at {path}"
        raise ConfigurationError(msg, hint="the first adopt, plan or run makes it; is [ledger] path right?")
    with SqliteLedger.open(path if path.is_file() else ":memory:") as ledger:
        yield Reading(screen, settings, ledger)


def waiting_code(ledger: SqliteLedger, names: Sequence[str]) -> ExitCode:
    """Return ``WAITING`` where something of these flows waits for a person."""
    waits = any(ledger.desk.parked(name) or ledger.desk.reviews(name) for name in names)
    return ExitCode.WAITING if waits else ExitCode.OK


def person() -> str:
    """Return who sits here, for the audit: user and machine."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = "?"
    return f"{user}@{socket.gethostname()}"
