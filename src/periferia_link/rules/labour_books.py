"""Books that labour cost goes into: accounts, currency, dimensions of one company (sociedad)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from pydantic import Field, field_validator

from periferia_link.rules.reading import Rule, read_rule

__all__ = ["LabourBooks", "read_labour_books"]


class LabourBooks(Rule):
    """
    The books of one company.

    ``debit`` is the account of labour cost, or several with their shares (``{ "720506" = 65, "720570" = 35 }``: wages
    and social charges): every cost is split to the cent, the remainder going to the largest fractions, the earlier
    account first on a tie. ``dimensions`` name a code for each further dimension: a constant, or the column to take it
    from (``entry:NAME``, ``person:NAME`` or ``project:NAME``).
    """

    debit: str | Mapping[str, Decimal] = Field(
        description='the account of labour cost, as "613595", or a table of shares'
    )
    credit: str = Field(min_length=1, max_length=50, description='the offset account, as "510595"')
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$", description='the currency of the books, as "COP"')
    decimals: int | None = Field(default=None, ge=0, le=6, description="how many decimals the books keep")
    code: str | None = Field(
        default=None, min_length=1, max_length=50, description="the company code, if the ERP has one"
    )
    projects: tuple[str, ...] = Field(default=(), description='codes of its projects, as ["PE-*"]; else those it holds')
    dimensions: Mapping[int, str] = Field(default_factory=dict, description='as { 2 = "BOG", 3 = "entry:pl_line" }')
    activity: str | None = Field(
        default=None, min_length=1, max_length=50, description="the activity type of the hours"
    )
    orders: bool = Field(default=False, description="true where project codes are internal orders (FI/CO)")
    distribution_rules: bool = Field(default=True, description="false where postings take the cost centre itself")
    closed_through: date | None = Field(default=None, description="the last day of the closed books, as 2026-10-31")

    @field_validator("debit")
    @classmethod
    def _accounts(cls, debit: str | Mapping[str, Decimal]) -> str | Mapping[str, Decimal]:
        if isinstance(debit, str):
            if not debit:
                msg = "is empty"
                raise ValueError(msg)
            return debit
        if not debit or not all(share.is_finite() and share > 0 for share in debit.values()):
            msg = "needs accounts with shares above zero"
            raise ValueError(msg)
        return dict(debit)

    @field_validator("dimensions")
    @classmethod
    def _five(cls, dimensions: Mapping[int, str]) -> Mapping[int, str]:
        if not all(1 <= number <= 5 and code for number, code in dimensions.items()):
            msg = "are numbered 1 to 5, each with a code or a column"
            raise ValueError(msg)
        return dict(sorted(dimensions.items()))

    def keeps(self, project: str) -> bool:
        """Whether the codes of its projects say that this one is of this company."""
        return any(fnmatchcase(project, pattern) for pattern in self.projects)

    def text(self) -> str:
        """Return everything that shapes a posting, for the fingerprint of a flow; closing a month changes nothing."""
        return self.model_dump_json(exclude={"closed_through"})


def read_labour_books(table: Mapping[str, Any], *, name: str = "", file: str = "periferia.toml") -> LabourBooks:
    """
    Read the options of one company.

    Args:
        table: What stands there.

        name: Instance that keeps the books.

        file: Name of the file, for messages.

    Raises:
        ConfigurationError: A name or a value that does not fit, with section, key and the next step.
    """
    section = f"flows.labour_costs.options{f'.companies.{name}' if name else ''}"
    return read_rule(LabourBooks, table, section=section, file=file)
