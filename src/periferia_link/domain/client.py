"""Client: the company that buys (cliente; account in the CRM, business partner in the ERP)."""

from __future__ import annotations

import re
import unicodedata
from typing import ClassVar

from pydantic import Field

from periferia_link.domain._base import Entity, Instant, Ref, Text
from periferia_link.domain._tax_id import TaxId

__all__ = ["Client", "folded_name"]

_SUFFIX = re.compile(
    r"(\bS\s?A\s?S\b|\bS\s?A\s?(E\s?S\s?P|BIC)?\b|\bLTDA\b|\bLIMITADA\b|\bS\s?C\s?A\b|\bS\s+EN\s+C(\s?S)?\b|\bE\s?U\b|"
    r"\bE\s?S\s?P\b|\bE\s?S\s?E\b|\bE\s?I\s?R\s?L\b|\bS\s?P\s?A\b|\bS\s+DE\s+R\s?L(\s+DE\s+C\s?V)?\b|\bDE\s+C\s?V\b|"
    r"\bC\s?I\b|\bINC\b|\bCORP\b|\bBIC\b)"
)


def folded_name(name: str) -> str:
    """
    Return a company name without accents, case, punctuation and legal form: for comparing, never for showing.

    A name that is nothing but a legal form, or has no Latin letter, keeps what it has.
    """
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode().upper()
    plain = re.sub(r"[^A-Z0-9]+", " ", re.sub(r"(?<=\b[A-Z])\.(?=[A-Z]\b)", "", plain)).strip()
    if not plain:
        return " ".join(name.casefold().split())
    while (shorter := " ".join(_SUFFIX.sub(" ", plain).split())) not in ("", plain):
        plain = shorter
    return plain


class Client(Entity):
    """
    A company that buys, or may buy.

    ``code`` is the key that people use in that system (account number, CardCode). ``country`` is ISO 3166-1 alpha-2.
    Times are UTC.
    """

    personal_fields: ClassVar[frozenset[str]] = frozenset({"email", "phone"})

    name: Text
    code: str | None = Field(default=None, max_length=50)
    tax_id: TaxId | None = None
    country: str = Field(default="CO", pattern=r"^[A-Z]{2}$")
    city: str | None = Field(default=None, max_length=100)
    email: str | None = Field(default=None, max_length=200)
    phone: str | None = Field(default=None, max_length=60)
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    owner: Ref | None = None
    is_active: bool = True
    updated_at: Instant | None = None
