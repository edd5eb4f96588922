"""What one session of the stand-in works on: the books, and what it holds until the commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from periferia_link.testing.emulators._rfc_books import FiCoBooks

__all__ = ["Answer", "Work"]

Answer: TypeAlias = dict[str, Any]


@dataclass(slots=True)
class Work:
    """
    The logical unit of work of a session.

    ``commits_by_itself`` stands for an exit of the company that says COMMIT WORK in the middle of a posting.
    """

    books: FiCoBooks
    user: str
    today: str
    held: list[Callable[[FiCoBooks], None]] = field(default_factory=list)
    commits_by_itself: bool = False

    def hold(self, write: Callable[[FiCoBooks], None]) -> None:
        """Keep a change for the update that the commit starts."""
        if self.commits_by_itself:
            write(self.books)
        else:
            self.held.append(write)

    def commit(self) -> None:
        """Run the update."""
        self.books.commit(self.held)
        self.held = []

    def roll_back(self) -> None:
        """Forget what was held."""
        self.held = []
