"""The ledger: durable memory of what was seen, meant, done and left open."""

from periferia_link.ledger._desk import owner_name
from periferia_link.ledger._records import PART
from periferia_link.ledger.protocol import Held, Known, Ledger, Operation, Parked, Review
from periferia_link.ledger.sqlite import SqliteLedger

__all__ = ["PART", "Held", "Known", "Ledger", "Operation", "Parked", "Review", "SqliteLedger", "owner_name"]
