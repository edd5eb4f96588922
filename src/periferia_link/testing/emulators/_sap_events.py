"""
Event subscriptions of the emulated company, and the messages that its Webhook Messenger would send.

The Service Layer guide 1.28 tells the fields of a subscription, the algorithms, and that a missed message is not sent
again; neither the header of the signature nor the names in the body, which are assumed here.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from periferia_link.testing.emulators._books import Record
from periferia_link.testing.emulators._json import dump_json
from periferia_link.testing.emulators._sap_company import Company
from periferia_link.testing.emulators._sap_refusals import Refusal
from periferia_link.testing.emulators._sap_tables import TABLES, Table

__all__ = ["Events", "Message"]

_SUBSCRIPTIONS = TABLES["EventSubscription"]
_ALGORITHMS = {"HMACSha256": hashlib.sha256, "HMACSha384": hashlib.sha384, "HMACSha512": hashlib.sha512}
_OBJECTS = {
    "BusinessPartners": "oBusinessPartners",
    "Projects": "oProjects",
    "ProfitCenters": "oProfitCenters",
    "EmployeesInfo": "oEmployeesInfo",
    "JournalEntries": "oJournalEntries",
    "Invoices": "oInvoices",
    "Orders": "oOrders",
    "Drafts": "oDrafts",
    "SalesOpportunities": "oSalesOpportunities",
    "ServiceCalls": "oServiceCalls",
    "Activities": "oContacts",
    "Items": "oItems",
}
_CHANGES = frozenset({"Created", "Updated", "Deleted", "Canceled"})


class Message(NamedTuple):
    """One message as it is posted to ``url``."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(slots=True)
class Events:
    """
    What happened, for whoever subscribed.

    ``secret`` and ``algorithm`` are entered in SAP, ``header`` is where the signature stands. ``sent`` are the messages
    in the order in which they were made; a receiver that was away has missed them.
    """

    company: Company
    secret: str = "una-clave-de-prueba-2026"  # noqa: S105 - made up, for tests
    algorithm: str = "HMACSha256"
    header: str = "X-Signature"
    sent: list[Message] = field(default_factory=list)

    def subscribe(self, body: Mapping[str, Any], now: datetime) -> Record:
        """
        Add a subscription and return it.

        Raises:
            RefusedError: No https address, no event, or an object or transaction that there is not.
        """
        self._check(body)
        return self.company.create(_SUBSCRIPTIONS, body, now)

    def change(self, record: Record, body: Mapping[str, Any], now: datetime) -> None:
        """Change a subscription; the same is refused."""
        self._check({**record, **body})
        self.company.change(_SUBSCRIPTIONS, record, body, now, replaces=True)

    def _check(self, body: Mapping[str, Any]) -> None:
        if urlsplit(str(body.get("WebhookURL") or "")).scheme != "https":
            raise Refusal.VALUE.error(value=body.get("WebhookURL"), name="WebhookURL")
        events = body.get("EventCollection") or []
        if not events:
            raise Refusal.NO_CODE.error(where="OEVC.EventCollection")
        for event in events:
            if event.get("BusinessObject") not in _OBJECTS.values():
                raise Refusal.VALUE.error(value=event.get("BusinessObject"), name="BusinessObject")
            if event.get("TransactionType") not in _CHANGES:
                raise Refusal.VALUE.error(value=event.get("TransactionType"), name="TransactionType")

    def tell(self, happened: list[tuple[Table, str, str]], now: datetime) -> None:
        """Make the messages about what one request did."""
        for table, key, change in happened:
            wanted = {"BusinessObject": _OBJECTS.get(table.name), "TransactionType": change}
            for row in self.company.books["EventSubscription"].values():
                events = [{name: event.get(name) for name in wanted} for event in row["EventCollection"]]
                if row["State"] == "Active" and wanted in events:
                    told = {"WebhookID": row["WebhookID"], **wanted, "ObjectKey": key, "Timestamp": now.isoformat()}
                    self.sent.append(self._signed(row["WebhookURL"], dump_json(told)))

    def is_genuine(self, sent: Message) -> bool:
        """Whether a message carries the signature of this company, as a receiver asks."""
        given = dict(sent.headers).get(self.header, "")
        return hmac.compare_digest(given, self._signature(sent.body))

    def _signed(self, url: str, body: bytes) -> Message:
        return Message(url, (("Content-Type", "application/json"), (self.header, self._signature(body))), body)

    def _signature(self, body: bytes) -> str:
        return hmac.new(self.secret.encode(), body, _ALGORITHMS[self.algorithm]).hexdigest()
