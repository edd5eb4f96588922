"""What the contract asks about: one connector and one of its kinds, with the questions in one word each."""

# ruff: noqa: S101 - a test kit asserts

from __future__ import annotations

import itertools
import traceback
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import pytest

from periferia_link.connectors.base import Applied, Capabilities, Connector, Mode, Outcome, Page, Row, Write
from periferia_link.domain import Entity, Ref

__all__ = ["Edit", "Erase", "Faults", "Fresh", "Seed", "Subject", "Touch", "Wait", "story_of"]

_MANY = 2_000  # pages of a handful of records: a pull that is longer never ends

Seed: TypeAlias = Callable[[str, int], list[str]]
Fresh: TypeAlias = Callable[[str, int], Entity]
Edit: TypeAlias = Callable[[Entity], dict[str, object]]
Touch: TypeAlias = Callable[[str, str], None]
Erase: TypeAlias = Callable[[str, str], None]
Wait: TypeAlias = Callable[[float], None]


class Faults(Protocol):
    """What breaks the line on demand; :class:`~periferia_link.testing.contract.BreakableWire` is one."""

    @property
    def writes(self) -> int:
        """Write requests that have left the connector so far."""
        ...

    @property
    def reads(self) -> int:
        """Reading requests that have left the connector so far."""
        ...

    def next(self, fault: str, when: str = "before", *, on: Literal["read", "write"] = "write") -> None:
        """
        Play a fault once.

        Args:
            fault: A name of :class:`~periferia_link.testing.emulators.FaultRule`: ``reset``, ``throttle``, …

            when: ``before`` or ``after`` the far side has committed.

            on: Which request meets it: the next one that reads or the next one that writes.
        """
        ...


@dataclass(frozen=True)
class Subject:
    """A connector, one of its kinds, the far side's clock, and the credentials that must not show."""

    connector: Connector
    kind: str
    wait: Wait
    secrets: Sequence[str] = ()

    @property
    def can(self) -> Capabilities:
        """What the connector declares for this kind."""
        return self.connector.supports(self.kind)

    def needs(self, *modes: Mode) -> None:
        """Skip the test unless the kind can be written in these ways."""
        missing = [mode for mode in modes if mode not in self.can.writes]
        if missing:
            pytest.skip(f"{self.connector.product or self.connector.name} does not {missing[0]} {self.kind}")

    def keeps_its_secrets(self, error: BaseException) -> None:
        """Look for credentials in everything that an error and its causes would print or log."""
        story = story_of(error)
        assert not [secret for secret in self.secrets if secret in story], "a credential shows"

    # ------------------------------------------------------------------ reading

    def pages(self, since: str | None = None) -> list[Page]:
        """Pull to the end."""
        return self.rest(self.connector.pull(self.kind, since))

    def rest(self, running: Iterable[Page]) -> list[Page]:
        """Follow a pull to its end, which must come."""
        pages = list(itertools.islice(running, _MANY))
        assert len(pages) < _MANY, "the pull never ends"
        return pages

    def row(self, key: str) -> Row:
        """Read one record."""
        rows = self.connector.get(self.kind, [key])
        assert [key] == [row.key for row in rows], f"get({key!r}) answers that record and nothing else"
        return rows[0]

    def entity(self, key: str) -> Entity:
        """Read one record, decoded."""
        return self.connector.decode(self.kind, self.row(key))

    def created_as(self, create_key: str) -> list[str]:
        """Return the ids that a read-back finds, once the far side has settled."""
        self.wait(self.can.settle_seconds)
        rows = self.connector.find(self.kind, "create_key", [create_key])
        assert [create_key] * len(rows) == [row.match for row in rows], "a hit tells its create_key in match"
        return [row.key for row in rows]

    # ------------------------------------------------------------------ writing

    def creation(self, entity: Entity) -> Write:
        """Build a create of all that *entity* says."""
        return Write(str(uuid.uuid4()), "create", None, entity, frozenset(entity.model_fields_set))

    def change(self, entity: Entity, values: dict[str, object], *, only: Iterable[str] | None = None) -> Write:
        """Build an update of a record that was read; *only* names the fields to send."""
        fields = frozenset(values if only is None else only)
        wanted = type(entity).model_validate(dict(entity) | values)
        return Write(str(uuid.uuid4()), "update", entity.ref, wanted, fields, entity.version)

    def removal(self, key: str) -> Write:
        """Build a delete."""
        return Write(str(uuid.uuid4()), "delete", Ref(self.connector.name, self.kind, key))

    def write(self, write: Write) -> Outcome:
        """Send one write."""
        outcomes = self.connector.write(self.kind, [write])
        assert len(outcomes) == 1, "one outcome for one write"
        return outcomes[0]

    def store(self, entity: Entity) -> Entity:
        """Create a record and read it back."""
        outcome = self.write(self.creation(entity))
        assert isinstance(outcome, Applied), f"the far side refused {entity!r}: {outcome!r}"
        self.wait(self.can.settle_seconds)
        return self.entity(outcome.ref.id)


def story_of(error: BaseException) -> str:
    """Return everything that an error and its causes would print, or send to a log as JSON."""
    told = [*traceback.format_exception(error), repr(error)]
    link: BaseException | None = error
    while link is not None:
        told.append(repr(getattr(link, "to_dict", dict)()))
        link = link.__cause__ or link.__context__
    return "\n".join(told)
