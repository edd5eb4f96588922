"""The books behind the stand-in of RFC: what is committed, and what a session holds until it commits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

__all__ = ["Document", "FiCoBooks", "Item", "Row", "message", "posted_messages"]

Row: TypeAlias = dict[str, Any]


@dataclass(slots=True)
class Item:
    """One line of a document of FI: signed amounts, debit above zero, in both currencies."""

    account: str
    amount: Decimal
    local: Decimal
    centre: str = ""
    order: str = ""
    text: str = ""
    assignment: str = ""


@dataclass(slots=True)
class Document:
    """A document of FI (BKPF with BSEG)."""

    company: str
    number: str
    year: str
    posted_on: str
    currency: str
    local_currency: str
    reference: str
    text: str
    type: str
    user: str
    items: list[Item]
    reversed_by: str = ""
    reversal: str = ""  # 1 taken back, 2 takes back

    @property
    def key(self) -> str:
        """Document, company code, year: as OBJ_KEY of a BAPI has it."""
        return f"{self.number}{self.company:4}{self.year}"


@dataclass(slots=True)
class FiCoBooks:
    """
    Everything that is committed in one company code, and the numbers that were drawn.

    Amounts are true amounts; tables show them with the point moved, as SAP does.
    """

    company: str = "1000"
    name: str = "Periferia Colombia S.A.S."
    currency: str = "COP"
    area: str = "1000"
    decimals: dict[str, int] = field(default_factory=lambda: {"COP": 0, "CLP": 0, "JPY": 0})
    rates: dict[str, Decimal] = field(default_factory=dict)
    daily_rates: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    accounts: set[str] = field(default_factory=lambda: {"0000613595", "0000510595"})
    closed: set[str] = field(default_factory=set)
    documents: dict[str, Document] = field(default_factory=dict)
    orders: dict[str, Row] = field(default_factory=dict)
    order_types: set[str] = field(default_factory=lambda: {"PRY1"})
    centres: dict[str, Row] = field(default_factory=dict)
    customers: dict[str, Row] = field(default_factory=dict)
    tariffs: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    allocations: dict[str, Row] = field(default_factory=dict)
    sheets: dict[str, Row] = field(default_factory=dict)
    people: set[str] = field(default_factory=set)
    profiles: set[str] = field(default_factory=lambda: {"PERIF"})
    drawn: dict[str, int] = field(default_factory=dict)

    def draw(self, range_name: str, first: int) -> int:
        """Return the next number; one that was drawn and rolled back is gone, as in buffered ranges."""
        self.drawn[range_name] = self.drawn.get(range_name, first - 1) + 1
        return self.drawn[range_name]

    def digits(self, currency: str) -> int:
        """Return the decimals of a currency."""
        return self.decimals.get(currency, 2)

    def commit(self, held: Sequence[Callable[[FiCoBooks], None]]) -> None:
        """Run the update: all that a session held."""
        for write in held:
            write(self)

    # ------------------------------------------------------------------ what tests ask

    def unbalanced(self) -> list[str]:
        """Return the documents whose debits and credits differ, in either currency."""
        return [
            document.key
            for document in self.documents.values()
            if sum(item.amount for item in document.items) or sum(item.local for item in document.items)
        ]

    def balance(self, account: str) -> Decimal:
        """Return debits less credits of an account, in the currency of the documents."""
        number = account.zfill(10)
        return sum(
            (item.amount for document in self.documents.values() for item in document.items if item.account == number),
            Decimal(0),
        )


def message(kind: str, code: str, text: str, **more: Any) -> Row:
    """Return one row of RETURN: *code* is ``F5/201``; parameter, row and field say where."""
    identity, _, number = code.partition("/")
    values: Sequence[str] = more.pop("values", ())
    shown: Mapping[str, Any] = {f"MESSAGE_V{place}": value for place, value in enumerate(values, start=1)}
    told = {"TYPE": kind, "ID": identity, "NUMBER": number, "MESSAGE": text, "LOG_MSG_NO": "000000", **shown}
    return told | {"SYSTEM": "PLKCLNT100"} | {name.upper(): value for name, value in more.items()}


def posted_messages(reasons: Sequence[Row]) -> list[Row]:
    """Return RETURN of a posting that is refused: the general row first, the reasons behind it."""
    return [message("E", "RW/609", "Error in document: BKPFF $ PLKCLNT100"), *reasons]
