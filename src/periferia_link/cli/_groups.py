"""Groups of commands that answer to their bare name too: ``parked`` is ``parked list``."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

__all__ = ["ListFirst"]

_HELP = frozenset({"-h", "--help"})


class ListFirst(TyperGroup):
    """A group whose first word may be missing: it lists then."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``list`` where no command of the group is named."""
        if not args or (args[0] not in self.commands and args[0] not in _HELP):
            args = ["list", *args]
        return list(super().parse_args(ctx, args))
