"""What every kind is made of: entities, references, money, accounting periods, instants and dates."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timezone, tzinfo
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    field_validator,
)

from periferia_link.domain._ref import Ref

__all__ = ["Entity", "Exact", "Instant", "Money", "Period", "Ref", "Text", "accounting_date", "exact_sum"]

# ISO 4217 minor units that differ from 2 (the currencies of the region and the usual partners).
_DECIMALS = {"CLP": 0, "PYG": 0, "JPY": 0, "KRW": 0, "UYI": 0, "CLF": 4, "UYW": 4, "BHD": 3, "KWD": 3}


def _to_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(timezone.utc)
    except OverflowError:
        # .NET writes "no date" as 0001-01-01 in its local zone, which is before the first instant in UTC
        msg = "the moment is outside the years 1 to 9999 in UTC"
        raise ValueError(msg) from None


Instant = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A moment, aware, kept in UTC. Naive times are refused: their zone would be a guess."""

Text = Annotated[str, Field(min_length=1, max_length=4000, pattern=r"\S")]
"""Text that is there: 1 to 4000 characters, not all of them blank."""


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


Exact = Annotated[Decimal, PlainSerializer(_plain, when_used="json")]
"""A finite decimal; equal numbers have equal JSON (``100`` and ``100.00`` both become ``"100"``)."""

# Wide enough for any sum or product of two amounts within the limits below: no digit is lost, whatever the precision
# of the caller's decimal context is.
_WIDE = Context(prec=400, rounding=ROUND_HALF_UP, traps=[])
_LARGEST_EXPONENT, _SMALLEST_EXPONENT = 40, -100


def exact_sum(numbers: Iterable[Decimal]) -> Decimal:
    """Add without rounding, whatever precision the decimal context of the thread has."""
    total = Decimal(0)
    for number in numbers:
        total = _WIDE.add(total, number)
    return total


def accounting_date(moment: datetime, zone: tzinfo) -> date:
    """
    Return the plain date of *moment* on the company's calendar.

    23:30 in Bogotá is tomorrow in UTC: books are kept by the company's day.

    Raises:
        ValueError: *moment* is naive.
    """
    if moment.utcoffset() is None:
        msg = "a naive time has no accounting date; give it a zone first"
        raise ValueError(msg)
    return moment.astimezone(zone).date()


class _Value(BaseModel):
    """Base of small immutable values."""

    # the validator of a kind is built when the kind is first used: no program uses all of them
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False, defer_build=True
    )


class Money(_Value):
    """
    An exact amount in one currency (ISO 4217 code).

    Arithmetic keeps every digit; :meth:`rounded` goes to the decimals of the currency, half up, as accountants do.
    """

    amount: Exact
    currency: str = Field(pattern=r"^[A-Z]{3}$")

    @field_validator("amount", mode="before")
    @classmethod
    def _no_floats(cls, value: Any) -> Any:
        if isinstance(value, float):
            msg = "money from a float is not exact; give a Decimal, an int or a string"
            raise ValueError(msg)  # noqa: TRY004 - pydantic turns ValueError into a typed error
        return value

    @field_validator("amount")
    @classmethod
    def _within_reason(cls, value: Decimal) -> Decimal:
        if value and (value.adjusted() > _LARGEST_EXPONENT or int(value.as_tuple().exponent) < _SMALLEST_EXPONENT):
            msg = "the amount has more digits than any money has"
            raise ValueError(msg)
        return value

    @classmethod
    def of(cls, amount: Decimal | int | str, currency: str) -> Money:
        """
        Build money from an exact number.

        Raises:
            ValueError: The amount is a float, or no finite number; the currency is no ISO 4217 code.
        """
        return cls(amount=amount, currency=currency)  # type: ignore[arg-type]  # pydantic reads int and str exactly

    @property
    def decimals(self) -> int:
        """Minor units of the currency: 2 for COP and USD, 0 for CLP."""
        return _DECIMALS.get(self.currency, 2)

    def rounded(self, decimals: int | None = None) -> Money:
        """Round half up to the decimals of the currency, or to those of the company's books."""
        digits = self.decimals if decimals is None else decimals
        return self._with(self.amount.quantize(Decimal((0, (1,), -digits)), ROUND_HALF_UP, _WIDE))

    def split(self, weights: Sequence[Decimal | int], decimals: int | None = None) -> list[Money]:
        """
        Divide by weights so that the parts sum to the rounded whole, to the cent.

        The remainder goes one minor unit at a time to the largest fractions, the earlier part first on a tie. The
        parts of a negative amount mirror those of the positive one: a correction takes back what was booked.

        Raises:
            ValueError: No weight, a negative one, one that is no number, or all zero.
        """
        if not all(Decimal(w).is_finite() and w >= 0 for w in weights) or not any(weights):
            msg = "weights must be non-negative and sum to more than zero"
            raise ValueError(msg)
        digits = self.decimals if decimals is None else decimals
        signed = int(self.rounded(digits).amount.scaleb(digits, _WIDE))
        whole, sign = abs(signed), (-1 if signed < 0 else 1)
        shares = [Fraction(w) for w in weights]
        unit = Fraction(whole) / sum(shares)
        exact = [share * unit for share in shares]
        units = [int(share) for share in exact]
        order = sorted(range(len(units)), key=lambda i: (units[i] - exact[i], i))
        for i in order[: whole - sum(units)]:
            units[i] += 1
        return [self._with(Decimal(sign * u).scaleb(-digits, _WIDE)) for u in units]

    @classmethod
    def sum(cls, amounts: Iterable[Money], currency: str) -> Money:
        """
        Add amounts of one currency; an empty sum is zero.

        Raises:
            ValueError: An amount is in another currency.
        """
        total = cls.of(0, currency)
        for amount in amounts:
            total += amount
        return total

    def _with(self, amount: Decimal) -> Money:
        return Money(amount=amount, currency=self.currency)

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            msg = f"cannot mix {self.currency} and {other.currency} without an exchange rate"
            raise ValueError(msg)

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return self._with(_WIDE.add(self.amount, other.amount))

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return self._with(_WIDE.subtract(self.amount, other.amount))

    def __neg__(self) -> Money:
        return self._with(_WIDE.minus(self.amount))

    def __mul__(self, factor: Decimal | int) -> Money:
        return self._with(_WIDE.multiply(self.amount, factor))

    def __bool__(self) -> bool:
        return self.amount != 0

    def __str__(self) -> str:
        return f"{self.amount:,f} {self.currency}"


class Period(_Value):
    """A month of the books (periodo contable)."""

    year: int = Field(ge=1900, le=9999)
    month: int = Field(ge=1, le=12)

    @classmethod
    def of(cls, day: date) -> Period:
        """Return the period that holds *day*."""
        return cls(year=day.year, month=day.month)

    @property
    def first(self) -> date:
        """First day."""
        return date(self.year, self.month, 1)

    @property
    def last(self) -> date:
        """Last day."""
        return date(self.year, self.month, calendar.monthrange(self.year, self.month)[1])

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def __str__(self) -> str:
        return f"{self.year}-{self.month:02d}"


class Entity(BaseModel):
    """
    Base of every kind: immutable, without I/O, clock or settings.

    ``ref`` says where it was read (``None`` before it is written), ``version`` is that system's etag or revision,
    ``custom`` carries columns that this installation added and the model does not name.
    """

    # the validator of a kind is built when the kind is first used: no program uses all of them
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False, defer_build=True
    )

    personal_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that hold personal data (Ley 1581): never logged."""

    ref: Ref | None = None
    version: str | None = None
    custom: Mapping[str, Any] = Field(default_factory=dict)

    @classmethod
    def kind(cls) -> str:
        """Return the name of the kind, as it stands in a :class:`Ref`."""
        return cls.__name__

    def references(self) -> dict[str, Ref]:
        """Return the fields that point at other records, by field name: they feed the trace."""
        held = self.__dict__
        return {name: value for name in self.reference_fields() if (value := held[name]) is not None}

    @classmethod
    def reference_fields(cls) -> tuple[str, ...]:
        """Return the names of the fields that may point at other records."""
        return _reference_fields(cls)

    def __repr__(self) -> str:
        # short, and free of personal data: entities end up in logs and tracebacks
        return f"{type(self).__name__}({self.ref or 'new'})"

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        # rich and devtools ask here when they print a record or the locals of a traceback
        yield None, str(self.ref or "new")

    __str__ = __repr__


_REFERENCE_FIELDS: dict[type[Entity], tuple[str, ...]] = {}


def _reference_fields(model: type[Entity]) -> tuple[str, ...]:
    names = _REFERENCE_FIELDS.get(model)
    if names is None:
        names = tuple(
            name
            for name, info in model.model_fields.items()
            if name != "ref" and (info.annotation is Ref or Ref in getattr(info.annotation, "__args__", ()))
        )
        _REFERENCE_FIELDS[model] = names
    return names
