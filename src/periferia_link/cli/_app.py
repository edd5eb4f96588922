"""
The command line, put together from the files beside this one.

A file of this folder whose name begins with ``_`` and that has a function ``register(app)`` brings a command or a group
of commands; its number ``PLACE`` says where they stand in the help. Its texts, in Spanish and English, stand in it.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from types import ModuleType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from periferia_link import cli
from periferia_link._version import __version__
from periferia_link.cli._commands import Lang, help_words, speak

__all__ = ["app", "command_line"]

_HELP = help_words()

_order: list[str] = []


class _InOrder(TyperGroup):
    """Commands and groups as the files say, not the one behind the other."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the help."""
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: _order.index(name) if name in _order else len(_order))


app = typer.Typer(
    name="periferia-link",
    cls=_InOrder,
    help=_HELP("help.app"),
    epilog=_HELP("help.codes"),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(is_asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if is_asked:
        typer.echo(f"periferia-link {__version__}")
        raise typer.Exit


@app.callback()
def begin(
    *,
    lang: Lang = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help=_HELP("help.version"))
    ] = False,
) -> None:
    """Take the language for every command: ``periferia-link --lang es parked``."""
    del version  # it was answered before
    speak(lang)


def _brought() -> list[ModuleType]:
    """Import every file that brings commands, in the order of the help."""
    names = [found.name for found in pkgutil.iter_modules(cli.__path__) if found.name.startswith("_")]
    modules = [importlib.import_module(f"{cli.__name__}.{name}") for name in names if name != "_app"]
    return sorted(
        (module for module in modules if hasattr(module, "register")),
        key=lambda module: (getattr(module, "PLACE", 1000), module.__name__),
    )


def _names() -> list[str]:
    commands = [info.name or info.callback.__name__ for info in app.registered_commands if info.callback]
    return [*commands, *(info.name for info in app.registered_groups if info.name)]


for _module in _brought():
    _module.register(app)
    _order += [name for name in _names() if name not in _order]


@functools.cache
def command_line() -> Any:
    """Return the whole command line, built once: that takes a tenth of a second."""
    return typer.main.get_command(app)
