"""The name of a group of labour cost: readable, short where nothing special is said, the same in both directions."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from periferia_link.domain import Exchange
from periferia_link.flows._labour_group import LabourGroup

DAY = date(2026, 11, 20)
codes = st.text("ABCPE-0123456789 ", min_size=1, max_size=8)
exchanges = st.builds(
    Exchange,
    factor=st.decimals("0.0001", "99999", places=4),
    on=st.dates(),
    source=st.sampled_from(["TRM", "Banco de la República", "SAP"]),
)


class TestNames:
    """What the ledger keeps."""

    def test_nothing_special(self):
        """Project, centre, day, currency."""
        assert ("P1", "CC1", "2026-11-20", "COP") == LabourGroup("P1", "CC1", DAY, "COP").names()

    def test_everything(self):
        """Entry, company, rate with its day and source, dimensions."""
        exchange = Exchange(factor=Decimal("4105.320"), on=DAY, source="TRM")
        group = LabourGroup("P1", "CC1", DAY, "USD", "wl-1", "erp-co", exchange, {3: "X", 2: "BOG"})
        assert (
            "P1",
            "CC1",
            "2026-11-20",
            "USD",
            "wl-1",
            "company=erp-co",
            "rate=4105.32 2026-11-20 TRM",
            "dimension2=BOG",
            "dimension3=X",
        ) == group.names()

    @given(
        st.builds(
            LabourGroup,
            project=codes,
            centre=codes,
            day=st.dates(),
            currency=st.sampled_from(["COP", "USD"]),
            entry=st.sampled_from(["", "wl-1", "42"]),
            company=st.sampled_from(["", "erp-co"]),
            exchange=st.none() | exchanges,
            dimensions=st.dictionaries(st.integers(1, 5), codes, max_size=3),
        )
    )
    def test_read_again(self, group):
        """Whatever is in it."""
        assert group == LabourGroup.read(group.names())
