"""Rules that business people change without code: detractors, checklists, rates, exchange, books and prices."""

from periferia_link.rules.billing_rule import BillingRule, PriceLine, read_billing
from periferia_link.rules.checklist import Check, Checklist, Checklists, read_checklists
from periferia_link.rules.delivery_rule import DeliveryRule, read_delivery
from periferia_link.rules.detractor_rule import AskAgain, DetractorRule, WorkRule, read_detractors
from periferia_link.rules.exchange_table import ExchangeLine, ExchangeTable, read_exchange_rates
from periferia_link.rules.labour_books import LabourBooks
from periferia_link.rules.rate_card import RateCard, RateLine, read_rate_card

__all__ = [
    "AskAgain",
    "BillingRule",
    "Check",
    "Checklist",
    "Checklists",
    "DeliveryRule",
    "DetractorRule",
    "ExchangeLine",
    "ExchangeTable",
    "LabourBooks",
    "PriceLine",
    "RateCard",
    "RateLine",
    "WorkRule",
    "read_billing",
    "read_checklists",
    "read_delivery",
    "read_detractors",
    "read_exchange_rates",
    "read_rate_card",
]
