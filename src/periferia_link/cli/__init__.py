"""The command ``periferia-link``. Its libraries are imported when it runs, so that importing the package is cheap."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from periferia_link.errors import MissingDependencyError

__all__ = ["main"]

_LIBRARIES = frozenset({"rich", "typer"})


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """
    Run the command and leave with its exit code.

    Args:
        arguments: What follows the name of the command; those of the process by default.
    """
    try:
        from periferia_link.cli._app import command_line  # noqa: PLC0415 - needs the extra cli
    except KeyboardInterrupt:
        sys.exit(130)
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in _LIBRARIES:
            raise
        missing = MissingDependencyError(
            f"the command line needs the package {exc.name}, which is not installed",
            hint='pip install "periferia-link[cli]"',
        )
        print(missing, file=sys.stderr)
        sys.exit(2)
    sys.exit(command_line()(args=None if arguments is None else list(arguments), prog_name="periferia-link"))


def __getattr__(name: str) -> Any:
    if name == "app":
        return importlib.import_module("periferia_link.cli._app").app
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
