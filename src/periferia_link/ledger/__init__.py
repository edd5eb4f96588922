"""The ledger: durable memory of what was seen, meant, done and left open."""

from periferia_link.ledger._by_hand import Waiting
from periferia_link.ledger._care import FlowStanding, LedgerInfo
from periferia_link.ledger._desk import owner_name
from periferia_link.ledger._records import PART
from periferia_link.ledger.protocol import Held, Known, Ledger, Operation, Parked, Review, Standing, Step
from periferia_link.ledger.sqlite import SqliteLedger

__all__ = [
    "PART",
    "FlowStanding",
    "Held",
    "Known",
    "Ledger",
    "LedgerInfo",
    "Operation",
    "Parked",
    "Review",
    "SqliteLedger",
    "Standing",
    "Step",
    "Waiting",
    "owner_name",
]
