"""The emulated company of Business One keeps its books whatever is asked of it, in whatever order."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from periferia_link.testing.emulators import ManualClock
from periferia_link.testing.emulators.sap import SapEmulator
from sap_calls import Caller, batch

AMOUNTS = st.decimals(min_value=Decimal("-5"), max_value=Decimal(5000), places=2)
ACCOUNTS = st.sampled_from(["613595", "510595", "413595", "none", "7"])
RULES = st.sampled_from([None, "R1", "R2", "Centr_z"])
KEYS = st.sampled_from(["k1", "k2", "k3"])


@st.composite
def entries(draw: Any) -> dict[str, Any]:
    """A journal entry: sometimes even, sometimes not, on accounts and rules that may not be there."""
    amount = draw(AMOUNTS)
    other = draw(st.sampled_from([amount, amount, amount, amount + 1]))
    lines = [
        {"AccountCode": draw(ACCOUNTS), "Debit": str(amount), "CostingCode": draw(RULES)},
        {"AccountCode": draw(ACCOUNTS), "Credit": str(other)},
    ]
    return {"ReferenceDate": draw(st.sampled_from(["2026-10-31", "2026-11-20"])), "JournalEntryLines": lines}


@st.composite
def invoices(draw: Any) -> dict[str, Any]:
    """An invoice of a few lines with odd prices, discounts and taxes."""
    line = st.fixed_dictionaries(
        {
            "AccountCode": st.just("413595"),
            "UnitPrice": AMOUNTS.map(str),
            "Quantity": st.sampled_from(["1", "3", "0.333"]),
            "TaxCode": st.sampled_from(["IVA19", "IVA5", "EXE", "no"]),
        }
    )
    lines = draw(st.lists(line, max_size=4))
    discount = draw(st.sampled_from([None, "12.5"]))
    document = {"CardCode": draw(st.sampled_from(["C1", "C1", "none"])), "DocType": "dDocument_Service"}
    return document | {"DocumentLines": lines, "DiscountPercent": discount, "DocDate": "2026-11-20"}


REQUESTS = st.one_of(
    st.tuples(st.just("POST"), st.just("JournalEntries"), entries()),
    st.tuples(st.just("POST"), st.just("Invoices"), invoices()),
    st.tuples(st.just("POST"), st.just("Drafts"), invoices().map(lambda one: one | {"DocObjectCode": "oInvoices"})),
    st.tuples(st.just("POST"), st.just("U_PL_SYNC"), KEYS.map(lambda key: {"Code": key, "Name": key})),
    st.tuples(
        st.just("POST"),
        st.builds("{}({})/Cancel".format, st.sampled_from(["JournalEntries", "Invoices"]), st.integers(1, 4)),
        st.none(),
    ),
    st.tuples(
        st.just("POST"),
        st.just("DraftsService_SaveDraftToDocument"),
        st.integers(1, 3).map(lambda number: {"Document": {"DocEntry": number}}),
    ),
    st.tuples(st.just("DELETE"), st.builds("Drafts({})".format, st.integers(1, 3)), st.none()),
)


def company() -> SapEmulator:
    emulator = SapEmulator()
    emulator.lock_period("2026-10")
    emulator.load(
        {
            "BusinessPartners": [{"CardCode": "C1", "CardName": "Uno"}],
            "DistributionRules": [{"FactorCode": "R1"}, {"FactorCode": "R2", "InWhichDimension": 2}],
        }
    )
    return emulator


def assert_even(emulator: SapEmulator) -> None:
    for entry in emulator.books["JournalEntries"].values():
        for one, other in (("Debit", "Credit"), ("DebitSys", "CreditSys")):
            sums = [sum(Decimal(line[side]) for line in entry["JournalEntryLines"]) for side in (one, other)]
            assert sums[0] == sums[1]


def held(emulator: SapEmulator) -> dict[str, dict[str, Any]]:
    return copy.deepcopy({name: dict(rows) for name, rows in emulator.books.items() if rows})


class TestBooks:
    @settings(max_examples=60)
    @given(st.lists(REQUESTS, max_size=12))
    def test_even_after_everything(self, requests):
        """Debits equal credits in every entry; what is refused leaves the books as they were."""
        emulator = company()
        call = Caller(emulator, ManualClock())
        call.login()
        for method, path, body in requests:
            before = held(emulator)
            answer = call(method, f"/b1s/v2/{path}", body)
            if answer.status >= 400:
                assert held(emulator) == before
        assert_even(emulator)

    @settings(max_examples=60)
    @given(st.lists(REQUESTS.filter(lambda request: request[0] == "POST"), min_size=1, max_size=5))
    def test_change_sets_are_whole_or_nothing(self, requests):
        """One refused part, at whatever place, and the books are as before; its answer stands alone."""
        emulator = company()
        call = Caller(emulator, ManualClock())
        call.login()
        before = held(emulator)
        parts = [f"{method} /{path}\n{json.dumps(body) if body else ''}" for method, path, body in requests]
        body, kind = batch([parts])
        answer = call("POST", "/b1s/v2/$batch", body, Content_Type=kind)
        statuses = [int(operation.rpartition(" ")[2]) for operation in emulator.log[-1].operations]

        assert answer.status == 200
        if statuses[-1] >= 400:
            assert held(emulator) == before
        else:
            assert len(statuses) == len(parts)
        assert all(status < 400 for status in statuses[:-1])
        assert_even(emulator)
