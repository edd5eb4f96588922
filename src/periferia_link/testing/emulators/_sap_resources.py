"""What the emulated Service Layer does with one request on its resources, alone or as part of a batch."""

from __future__ import annotations

import re
from dataclasses import replace

from periferia_link.testing.emulators._books import Record
from periferia_link.testing.emulators._sap_call import Call
from periferia_link.testing.emulators._sap_company import Company
from periferia_link.testing.emulators._sap_customizing import customized
from periferia_link.testing.emulators._sap_documents import DOCUMENTS, Documents
from periferia_link.testing.emulators._sap_events import Events
from periferia_link.testing.emulators._sap_journal import Journal
from periferia_link.testing.emulators._sap_methods import Methods
from periferia_link.testing.emulators._sap_queries import Queries
from periferia_link.testing.emulators._sap_reads import Reads
from periferia_link.testing.emulators._sap_refusals import Refusal
from periferia_link.testing.emulators._sap_sales import Sales
from periferia_link.testing.emulators._sap_tables import Table
from periferia_link.typing import Response

__all__ = ["Call", "Resources"]

_RESOURCE = re.compile(r"(?P<set>\w+)(?:\((?P<key>.*)\))?(?:/(?P<tail>\$?\w+))?", re.DOTALL)
_CUSTOM = frozenset({"UserTablesMD", "UserFieldsMD", "UserKeysMD"})
_SALES = frozenset({"SalesOpportunities", "ServiceCalls"})


class Resources:
    """Reads, writes, actions and service methods over one company."""

    def __init__(self, company: Company, journal: Journal, reads: Reads) -> None:
        self.company = company
        self.journal = journal
        self.reads = reads
        self.documents = Documents(journal)
        journal.on_draft = self.documents.request_approval
        self.sales = Sales(company, {1: 10, 2: 25, 3: 50, 4: 75, 5: 90})
        self.queries = Queries(company)
        self.events = Events(company)
        self.methods = Methods(journal, self.documents, reads)

    def answer(self, call: Call) -> Response:
        """
        Answer one call.

        Raises:
            RefusedError: The Service Layer refuses.
            ODataRefused: The query options are not understood.
        """
        method = self.methods.by_name.get(call.resource)
        if method is not None:
            if call.method != "POST":
                raise Refusal.NOT_SUPPORTED.error()
            return method(call)
        found = _RESOURCE.fullmatch(call.resource)
        if found is None:
            raise Refusal.ENTITY_SET.error()
        table = self.company.table(found["set"])
        if not table.verbs:
            raise Refusal.ENTITY_SET.error()
        verb = call.headers.get("x-http-method-override", call.method) if call.method == "POST" else call.method
        if found["key"] is None:
            return self._on_set(replace(call, method=verb), table, found["tail"])
        key = _key(table, found["key"])
        if found["tail"]:
            return self._act(call, table, key, found["tail"])
        return self._on_record(replace(call, method=verb), table, key)

    # ------------------------------------------------------------------ sets and records

    def _on_set(self, call: Call, table: Table, tail: str | None) -> Response:
        if call.method == "GET" and tail == "$count":
            return self.reads.count(call.edition, table, call.options)
        if call.method == "GET" and tail is None:
            return self.reads.page(call.edition, table, call.options, call.headers)
        if call.method != "POST" or tail is not None or "POST" not in table.verbs:
            raise Refusal.NOT_SUPPORTED.error()
        return self._created(call, table, self._create(call, table))

    def _create(self, call: Call, table: Table) -> Record:
        body = call.json()
        if table.name == "JournalEntries":
            return self.journal.post(body, call.now)
        if table.name == "Drafts":
            return self.documents.draft(body, call.now)
        if table.name in DOCUMENTS:
            return self.documents.create(table, body, call.now)
        if table.name in _SALES:
            return self.sales.create(table, body, call.now)
        if table.name in _CUSTOM:
            return customized(self.company, table, body, call.now)
        if table.name == "SQLQueries":
            return self.queries.create(table, body, call.now)
        if table.name == "EventSubscription":
            return self.events.subscribe(body, call.now)
        return self.company.create(table, body, call.now)

    def _created(self, call: Call, table: Table, record: Record) -> Response:
        location = f"{call.edition.root}{table.name}{table.literal(table.key_of(record))}"
        headers: tuple[tuple[str, str], ...] = (("Location", location),)
        tag = self.company.etag_of(table, record)
        if tag is not None:
            headers += (("ETag", tag),)
        if call.wants_no_content:
            return call.edition.answer(204, headers=(*headers, ("Preference-Applied", "return-no-content")))
        return call.edition.answer(201, self.reads.whole(call.edition, table, record), headers=headers)

    def _on_record(self, call: Call, table: Table, key: str) -> Response:
        if call.method not in table.verbs:
            raise Refusal.NOT_SUPPORTED.error()
        if call.method == "GET":
            return self.reads.one(call.edition, table, key, call.options)
        record = self.company.find(table, key)
        if record is None:
            raise Refusal.GONE.error(key=key)
        self._must_match(call, table, record)
        if call.method == "DELETE":
            self.company.remove(table, key)
        elif call.method == "PUT":
            kept = {name: record[name] for name in table.key.split(",")}
            record.update(self.company.complete(table, kept))
            self.company.change(table, record, call.json(), call.now, replaces=True)
        else:
            self._change(call, table, record)
        return call.edition.answer(204)

    def _change(self, call: Call, table: Table, record: Record) -> None:
        body, replaces = call.json(), call.headers.get("b1s-replacecollectionsonpatch", "").lower() == "true"
        if table.name == "JournalEntries":
            self.journal.change(record, body, call.now)
        elif table.name in DOCUMENTS or table.name == "Drafts":
            self.documents.change(table, record, body, call.now, replaces=replaces)
        elif table.name in _SALES:
            self.sales.change(table, record, body, call.now, replaces=replaces)
        elif table.name == "SQLQueries":
            self.queries.change(table, record, body, call.now)
        elif table.name == "EventSubscription":
            self.events.change(record, body, call.now)
        else:
            self.company.change(table, record, body, call.now, replaces=replaces)

    def _must_match(self, call: Call, table: Table, record: Record) -> None:
        wanted = call.headers.get("if-match")
        if table.has_etag and wanted not in (None, "*", self.company.etag_of(table, record)):
            raise Refusal.MODIFIED.error()

    def _act(self, call: Call, table: Table, key: str, action: str) -> Response:
        if table.name == "SQLQueries" and action == "List" and call.method in ("GET", "POST"):
            return self.queries.page(call, key)
        if call.method != "POST" or action not in table.actions:
            raise Refusal.NOT_SUPPORTED.error()
        record = self.company.find(table, key)
        if record is None:
            raise Refusal.GONE.error(key=key)
        self._must_match(call, table, record)
        if table.name == "JournalEntries":
            self.journal.cancel(key, call.now)
        elif table.name == "Invoices" and action == "Cancel":
            self.documents.cancel(key, call.now)
        elif table.name in _SALES:
            self.sales.change(table, record, table.actions[action], call.now, replaces=False)
        else:
            self.company.change(table, record, table.actions[action], call.now)
        return call.edition.answer(204)


def _key(table: Table, text: str) -> str:
    """Return the key of the books from the text between the parentheses."""
    if text.startswith("'") and text.endswith("'") and len(text) > 1:
        return text[1:-1].replace("''", "'")
    if table.has_numeric_key and text.lstrip("-").isdigit():
        return str(int(text))
    if "," in table.key:
        return text
    raise Refusal.QUERY.error(reason="Invalid key")
