"""Tax ids of Latin America: one normal form, check digits completed or questioned."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

from pydantic import Field, model_validator

from periferia_link.domain._base import _Value

__all__ = ["TaxId", "nit_check_digit"]

Standing = Literal["verified", "completed", "unverified", "wrong"]


def _mod11(body: str, weights: tuple[int, ...]) -> int:
    # code - 48: letters count from 17 on in the Brazilian CNPJ, digits count as themselves everywhere
    total: int = sum(map(operator.mul, body.encode()[::-1], weights)) - 48 * sum(weights[: len(body)])
    return total % 11


def nit_check_digit(body: str) -> str:
    """
    Return the check digit of a Colombian NIT given without it (DIAN, Orden Administrativa 4 de 1989).

    Raises:
        ValueError: *body* is not 1 to 15 digits.
    """
    if not (body.isascii() and body.isdigit() and len(body) <= 15):
        msg = "the body of a NIT is 1 to 15 digits"
        raise ValueError(msg)
    rest = _mod11(body, (3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71))
    return str(rest if rest < 2 else 11 - rest)


def _rut_check_digit(body: str) -> str:
    rest = 11 - _mod11(body, (2, 3, 4, 5, 6, 7, 2, 3))
    return {11: "0", 10: "K"}.get(rest, str(rest))


def _cuit_check_digit(body: str) -> str:
    rest = 11 - _mod11(body, (2, 3, 4, 5, 6, 7, 2, 3, 4, 5))
    return {11: "0", 10: "9"}.get(rest, str(rest))


def _ruc_pe_check_digit(body: str) -> str:
    return str((11 - _mod11(body, (2, 3, 4, 5, 6, 7, 2, 3, 4, 5))) % 10)


def _cnpj_check_digits(body: str) -> str:
    weights = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5, 6)

    def one(text: str) -> str:
        rest = 11 - _mod11(text, weights)
        return "0" if rest >= 10 else str(rest)

    first = one(body)
    return first + one(body + first)


def _rfc_check_digit(body: str) -> str:
    alphabet = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ"
    total = sum(alphabet.index(letter) * (13 - place) for place, letter in enumerate(body.rjust(12)))
    return alphabet[(11 - total) % 11]


class _Rule(NamedTuple):
    """How a country writes the ids of companies: the form of the body and the digits that check it."""

    body: re.Pattern[str]
    width: int
    check: Callable[[str], str]


_RULES = {
    "AR": _Rule(re.compile(r"\d{10}", re.ASCII), 1, _cuit_check_digit),
    # letters since July 2026 (Receita Federal, Instrução Normativa 2229/2024)
    "BR": _Rule(re.compile(r"[0-9A-Z]{12}", re.ASCII), 2, _cnpj_check_digits),
    "CL": _Rule(re.compile(r"\d{7,8}", re.ASCII), 1, _rut_check_digit),
    # 9 digits for companies; a person's NIT is the cédula (6 to 8 digits, or 10) and its check digit
    "CO": _Rule(re.compile(r"\d{6,10}", re.ASCII), 1, nit_check_digit),
    "MX": _Rule(re.compile(r"[A-ZÑ&]{3,4}\d{6}[A-Z0-9]{2}", re.ASCII), 1, _rfc_check_digit),
    "PE": _Rule(re.compile(r"\d{10}", re.ASCII), 1, _ruc_pe_check_digit),
}
# "everybody" and "some foreigner" on Mexican invoices (SAT); the Colombian ones repeat one digit
_NOBODY = frozenset({"XAXX010101000", "XEXX010101000"})
_LETTERED = {"BR": 14, "MX": 13}
# how most companies write theirs; everything else takes the long way and ends the same
_USUAL_NIT = re.compile(r"([0-9]{3})\.?([0-9]{3})\.?([0-9]{3})(?:(-?)([0-9]))?").fullmatch


class TaxId(_Value):
    """
    A tax id in normal form (digits and letters only, check digit included).

    ``standing`` says how far to trust it: ``verified`` (its check digit is right), ``completed`` (a NIT came without
    one and it was calculated), ``unverified`` (no rule known, or a ten-digit cédula), ``wrong`` (``note`` says why).
    Only the first two identify a company by themselves. Two ids with one number are equal whatever their standing:
    it tells how the number was typed, and is neither compared nor stored.
    """

    country: str = Field(pattern=r"^[A-Z]{2}$")
    number: str = Field(min_length=1, max_length=20)
    standing: Standing = Field(default="unverified", exclude=True)
    note: str | None = Field(default=None, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _judged(cls, value: Any) -> Any:
        """Work out the standing of a number that comes without: it is not stored."""
        if isinstance(value, Mapping) and "standing" not in value:
            country, number = value.get("country"), value.get("number")
            if isinstance(country, str) and isinstance(number, str):
                standing, note = _judge(number, country, is_split=False)
                return {**value, "standing": standing, "note": note}
        return value

    @classmethod
    def parse(cls, text: str, country: str = "CO") -> TaxId | None:
        """
        Normalise what people type: dots, dashes, blanks, labels and a country prefix fall away.

        Returns ``None`` for an empty text and for placeholders such as ``222222222222`` (consumidor final).

        Raises:
            ValueError: *country* is no ISO 3166-1 alpha-2 code.
        """
        country = country.upper()
        usual = _USUAL_NIT(text) if country == "CO" else None
        if usual is not None and len(set(usual.group(1, 2, 3))) > 1:
            body, digit = "".join(usual.group(1, 2, 3)), usual[5]
            expected = nit_check_digit(body)
            if digit is None or (digit == expected and (usual[4] or body[0] != "1")):
                return cls(country=country, number=body + expected, standing="verified" if digit else "completed")
        raw = re.sub(r"[^0-9A-ZÑ&-]", "", re.sub(r"[\u2010-\u2015\u2212]", "-", text.upper()))
        raw = _without_label(raw, country).strip("-")
        plain = raw.replace("-", "")
        if not plain or _is_placeholder(raw) or plain in _NOBODY:
            return None
        if len(plain) > 20:
            return cls(country=country, number=plain[:20], standing="wrong", note="too long for a tax id")
        if country == "CO" and re.fullmatch(r"\d{9}", plain) and not _is_split(raw):
            return cls(country=country, number=plain + nit_check_digit(plain), standing="completed")
        standing, note = _judge(plain, country, is_split=_is_split(raw))
        return cls(country=country, number=plain, standing=standing, note=note)

    @property
    def is_strong(self) -> bool:
        """Whether the id identifies a company by itself."""
        return self.standing in ("verified", "completed")

    @property
    def printed(self) -> str:
        """The form that people write: ``900123456-8`` in Colombia."""
        if self.country in ("CO", "CL") and self.is_strong:
            return f"{self.number[:-1]}-{self.number[-1]}"
        return self.number

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TaxId):
            return NotImplemented
        return (self.country, self.number) == (other.country, other.number)

    def __hash__(self) -> int:
        return hash((self.country, self.number))

    def __str__(self) -> str:
        return f"{self.country} {self.printed}"

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        # a person's NIT is the cédula: the last digits are enough to recognise it in a log
        yield "country", self.country
        yield "number", f"…{self.number[-3:]}"
        yield "standing", self.standing


def _without_label(raw: str, country: str) -> str:
    if len(raw.replace("-", "")) <= _LETTERED.get(country, 0):
        return raw  # the id itself may begin with these letters
    return re.sub(rf"^(?:NIT|RUT|RUC|CUIT|CNPJ|RFC|{re.escape(country)}|-)+", "", raw)


def _is_split(raw: str) -> bool:
    """Whether a dash sets one last digit apart, as in ``900123456-8``."""
    return raw[-2:-1] == "-"


def _is_placeholder(raw: str) -> bool:
    body = raw[:-2] if _is_split(raw) else raw
    return len(set(body.replace("-", ""))) == 1 and (body == raw or len(body) > 6)


def _judge(number: str, country: str, *, is_split: bool) -> tuple[Standing, str | None]:
    """Say how far a number in normal form can be trusted; the note never repeats the number."""
    rule = _RULES.get(country)
    if rule is None:
        return "unverified", None
    body, digits = number[: -rule.width], number[-rule.width :]
    if not rule.body.fullmatch(body):
        form = rule.body.pattern.replace("\\d", "[0-9]")
        is_plain = number.isdigit() or country in _LETTERED
        return ("unverified", "unusual length") if is_plain else ("wrong", f"the form should be {form} and check digit")
    if country == "CO" and not is_split and re.fullmatch(r"1\d{9}", number):
        return "unverified", "ten digits that begin with 1: a cédula without check digit"
    expected = rule.check(body)
    if digits == expected:
        return "verified", None
    if country == "MX":
        return "unverified", f"the check digit is usually {expected}"  # the SAT has issued others
    if country == "CO" and not is_split and len(number) != 10:
        return "unverified", "unusual length"
    return "wrong", f"the check digit should be {expected}"
