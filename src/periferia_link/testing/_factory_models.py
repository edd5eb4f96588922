"""Values for the fields that a model asks for, read from the model: for kinds that no builder knows."""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from periferia_link.domain import Money, Ref, TaxId
from periferia_link.errors import ConfigurationError
from periferia_link.testing._factory_kinds import Draw
from periferia_link.testing._factory_words import nit

__all__ = ["required_values"]


def required_values(model: type[BaseModel], draw: Draw, given: Iterable[str] = ()) -> dict[str, Any]:
    """
    Return a value for every required field of a model that is not given.

    Raises:
        ConfigurationError: A field has a type for which nothing believable is known.
    """
    needed = {name: info for name, info in model.model_fields.items() if info.is_required() and name not in given}
    return {name: _value(name, info.annotation, _limits(info.metadata), draw) for name, info in needed.items()}


def _limits(metadata: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for limit in metadata:
        for kind, name in ((Ge, "ge"), (Gt, "gt"), (Le, "le"), (Lt, "lt"), (MinLen, "min_length")):
            if isinstance(limit, kind):
                found[name] = getattr(limit, name)
        if isinstance(limit, FieldInfo):
            found |= _limits(limit.metadata)
    return found


def _value(name: str, annotation: Any, limits: Mapping[str, Any], draw: Draw) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _value(name, arguments[0], {**limits, **_limits(arguments[1:])}, draw)
    if origin in (typing.Union, types.UnionType):
        return _value(name, arguments[0], limits, draw)
    if origin is Literal:
        return arguments[0]
    if origin in (tuple, list, set, frozenset):
        inner = [argument for argument in arguments if argument is not Ellipsis]
        return origin(_value(name, inner[0], {}, draw) for _ in range(limits.get("min_length", 0)))
    if origin is not None and issubclass(origin, Mapping):
        return {}
    return _plain(name, annotation, limits, draw)


def _plain(name: str, kind: Any, limits: Mapping[str, Any], draw: Draw) -> Any:
    if kind is Ref:
        return draw.ref(draw.kind)
    known: dict[Any, Callable[[], Any]] = {
        str: lambda: draw.code(f"{name}-"),
        int: lambda: int(_number(limits)),
        Decimal: lambda: _number(limits),
        bool: lambda: False,
        date: lambda: draw.day(30),
        datetime: lambda: draw.moment(30),
        timedelta: lambda: timedelta(hours=1),
        Money: lambda: draw.pesos(100, 5_000),
        TaxId: lambda: TaxId.parse(nit(draw.seed, draw.number)),
    }
    if kind in known:
        return known[kind]()
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return next(iter(kind))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind.model_validate(required_values(kind, draw))
    msg = f"nothing believable is known for the field {name} of {draw.kind}"
    raise ConfigurationError(msg, hint=f"give it by keyword: {name}=…")


def _number(limits: Mapping[str, Any]) -> Decimal:
    """Return the least whole number within the limits, 1 where there are none."""
    low = Decimal(str(limits.get("ge", limits.get("gt", 1))))
    return low + 1 if "gt" in limits and "ge" not in limits else low
