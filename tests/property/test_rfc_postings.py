"""Whatever is posted over RFC comes back as it was, or is refused before anything is sent."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from periferia_link.connectors.base import Applied, NotApplied
from periferia_link.domain import CostEntry, CostLine
from periferia_link.errors import RejectedError
from rfc_company import DAY, company, connector, create

CURRENCIES = {"COP": 0, "USD": 2, "BHD": 3, "CLF": 4}
TEXT = st.text(min_size=1, max_size=50).filter(str.strip)


@st.composite
def entries(draw):
    """Draw a balanced posting of up to five lines and its offset, in a currency with any number of decimals."""
    currency = draw(st.sampled_from(sorted(CURRENCIES)))
    decimals = CURRENCIES[currency] + draw(st.sampled_from([0, 0, 0, 1]))
    units = draw(st.lists(st.integers(1, 10**9) | st.integers(1, 10**14), min_size=1, max_size=5))
    amounts = [Decimal(number).scaleb(-decimals) for number in units]
    lines = [
        CostLine(
            account="613595",
            debit=amount,
            **{
                name: value
                for name, value in {
                    "project": draw(st.sampled_from([None, "PRY-1", "800100"])),
                    "cost_centre": draw(st.sampled_from([None, "SOFT", "4711"])),
                    "memo": draw(st.none() | TEXT),
                }.items()
                if value is not None
            },
        )
        for amount in amounts
    ]
    offset = CostLine(account="510595", credit=sum(amounts))
    memo = draw(st.none() | TEXT)
    return CostEntry(
        posted_on=DAY, currency=currency, lines=(*lines, offset), **({"memo": memo} if memo is not None else {})
    )


def moves(entry):
    """What a posting moves, and where."""
    return [(line.account, line.debit, line.credit, line.project, line.cost_centre) for line in entry.lines]


class TestRoundTrip:
    @settings(max_examples=60)
    @given(entries())
    def test_what_is_posted_comes_back(self, entry):
        """Every amount to its last digit, every order and centre; or a typed refusal, and nothing in the books."""
        sap = company()
        sap.books.decimals = {name: digits for name, digits in CURRENCIES.items() if digits != 2}
        sap.books.rates = {"USD": Decimal(4000), "BHD": Decimal(10000), "CLF": Decimal(160)}
        with connector(sap) as erp:
            write = create(entry)
            (outcome,) = erp.write("CostEntry", [write])
            if isinstance(outcome, NotApplied):
                assert isinstance(outcome.error, RejectedError)
                assert sap.books.documents == {}
                return
            assert isinstance(outcome, Applied)
            (row,) = erp.find("CostEntry", "create_key", [write.create_key])
            there = erp.decode("CostEntry", row)
        assert moves(there) == moves(entry)
        assert (there.posted_on, there.currency, there.total) == (entry.posted_on, entry.currency, entry.total)
        assert sap.books.unbalanced() == []
