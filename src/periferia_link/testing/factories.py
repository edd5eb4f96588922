"""
Records for tests: valid, believable, the same for the same seed.

::

    make = Factory(seed=7)
    client = make(Client)                                  # a Colombian company that does not exist
    closed = make(Ticket, status="closed", client=ref)     # what the test is about stands in the test
    hours = make.many(TimeEntry, 50, project="P-1")
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import date
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from periferia_link.domain import KINDS, Entity, Ref
from periferia_link.errors import ConfigurationError
from periferia_link.testing._factory_kinds import BUILDERS, Draw
from periferia_link.testing._factory_models import required_values

__all__ = ["LEFT_OUT", "Factory"]

_EntityT = TypeVar("_EntityT", bound=Entity)


class _LeftOut:
    def __repr__(self) -> str:
        return "LEFT_OUT"


LEFT_OUT: Final = _LeftOut()
"""A value for a field that the record shall not set at all: unset fields are never sent."""


class Factory:
    """
    Makes records of every kind; keys and tax ids never repeat, neither in one factory nor between two seeds.

    Tax ids come from a range that is given to nobody, addresses end in ``.example``, names are made up.

    Args:
        seed: From 0 to 99; the same one makes the same records in the same order.

        system: Name of the system in references; with it every record has a ``ref`` and a ``version``, as if read.

        today: The day from which dates are counted back.

    Raises:
        ConfigurationError: The seed is out of range.
    """

    def __init__(self, *, seed: int = 1, system: str | None = None, today: date = date(2026, 11, 20)) -> None:
        if not 0 <= seed <= 99:
            msg = "the seed of a factory is a number from 0 to 99"
            raise ConfigurationError(msg, hint="it stands in the keys, so that two factories never make the same one")
        self._seed = seed
        self._system = system
        self._today = today
        self._made: Counter[str] = Counter()

    def __call__(self, kind: type[_EntityT], /, **fields: Any) -> _EntityT:
        """
        Make one record.

        Args:
            kind: Its class.

            **fields: What the test decides; :data:`LEFT_OUT` leaves a field unset.

        Raises:
            ConfigurationError: A field does not exist or does not fit, or a value cannot be made up.
        """
        name = kind.kind()
        self._made[name] += 1
        number = self._made[name]
        dice = random.Random(f"{self._seed} {name} {number}")  # noqa: S311 - test data
        draw = Draw(name, number, self._seed, self._today, self._system or "memory", dice)
        values = BUILDERS[name](draw) if name in BUILDERS and _is_ours(kind) else {}
        values = {**values, **({} if self._system is None else self._origin(name, number)), **fields}
        values |= required_values(kind, draw, values)
        return _built(kind, {key: value for key, value in values.items() if value is not LEFT_OUT})

    def many(self, kind: type[_EntityT], count: int, /, **fields: Any) -> list[_EntityT]:
        """
        Make several records that share *fields*.

        Raises:
            ConfigurationError: As for one.
        """
        return [self(kind, **fields) for _ in range(count)]

    def _origin(self, kind: str, number: int) -> dict[str, Any]:
        return {"ref": Ref(self._system or "", kind, str(number)), "version": f'W/"{number}"'}

    def __repr__(self) -> str:
        return f"Factory(seed={self._seed})"


def _is_ours(kind: type[Entity]) -> bool:
    """Whether the builder of that name is meant for this class, or for one that extends it."""
    return KINDS.get(kind.kind()) in kind.__mro__


def _built(kind: type[_EntityT], values: dict[str, Any]) -> _EntityT:
    try:
        return kind(**values)
    except ValidationError as exc:
        problems = exc.errors(include_input=False, include_url=False, include_context=False)
        first = problems[0]
        where = ".".join(str(step) for step in first["loc"]) or "the record"
        msg = f"no {kind.kind()} can be made: {where}: {first['msg']}"
    raise ConfigurationError(msg, hint=f"correct {where} where the factory is called")
