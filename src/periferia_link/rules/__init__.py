"""Rules that business people change without code: who is a detractor, what follows, when work is ready or done."""

from periferia_link.rules.checklist import Check, Checklist, Checklists, read_checklists
from periferia_link.rules.delivery_rule import DeliveryRule, read_delivery
from periferia_link.rules.detractor_rule import AskAgain, DetractorRule, WorkRule, read_detractors

__all__ = [
    "AskAgain",
    "Check",
    "Checklist",
    "Checklists",
    "DeliveryRule",
    "DetractorRule",
    "WorkRule",
    "read_checklists",
    "read_delivery",
    "read_detractors",
]
