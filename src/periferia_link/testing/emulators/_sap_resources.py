"""What the emulated Service Layer does with one request on its resources, alone or as part of a batch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from periferia_link.testing.emulators._books import Record
from periferia_link.testing.emulators._json import parse_json
from periferia_link.testing.emulators._sap_company import Company
from periferia_link.testing.emulators._sap_journal import Journal
from periferia_link.testing.emulators._sap_reads import Reads
from periferia_link.testing.emulators._sap_refusals import Refusal
from periferia_link.testing.emulators._sap_tables import Table
from periferia_link.testing.emulators._sap_wire import Edition
from periferia_link.typing import Response

__all__ = ["Call", "Resources"]

_RESOURCE = re.compile(r"(?P<set>\w+)(?:\((?P<key>.*)\))?(?:/(?P<tail>\$?\w+))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Call:
    """One request on a resource. ``resource`` is decoded and relative to the root; header names are lower case."""

    method: str
    resource: str
    edition: Edition
    now: datetime
    options: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)

    def json(self) -> dict[str, Any]:
        """
        Return the object in the body; an empty body is an empty object.

        Raises:
            RefusedError: It is no JSON object.
        """
        try:
            value = parse_json(self.body) if self.body.strip() else {}
        except (ValueError, RecursionError):
            raise Refusal.BODY.error() from None
        if not isinstance(value, dict):
            raise Refusal.BODY.error()
        return value

    @property
    def wants_no_content(self) -> bool:
        """Whether the caller does not want the new record back."""
        return "return-no-content" in self.headers.get("prefer", "")


class Resources:
    """Reads, writes, actions and service methods over one company."""

    def __init__(self, company: Company, journal: Journal, reads: Reads) -> None:
        self.company = company
        self.journal = journal
        self.reads = reads
        self.methods: dict[str, Callable[[Call], Response]] = {
            "CompanyService_GetAdminInfo": self._admin_info,
            "CompanyService_GetCompanyInfo": self._company_info,
            "LicenseService_GetInstallationNumber": self._installation,
            "ProfitCentersService_GetProfitCenterList": self._centres,
            "SBOBobService_GetLocalCurrency": self._local_currency,
        }
        self.about: dict[str, Any] = {
            "CompanyName": "Periferia IT Group S.A.S.",
            "Country": "CO",
            "FederalTaxID": "900123456-8",
            "Version": "1000280",
            "InstallationNumber": "0020999001",
        }

    def answer(self, call: Call) -> Response:
        """
        Answer one call.

        Raises:
            RefusedError: The Service Layer refuses.
            ODataRefused: The query options are not understood.
        """
        method = self.methods.get(call.resource)
        if method is not None:
            return method(call)
        found = _RESOURCE.fullmatch(call.resource)
        if found is None:
            raise Refusal.ENTITY_SET.error()
        table = self.company.table(found["set"])
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
        if table.name == "JournalEntries":
            record = self.journal.post(call.json(), call.now)
        else:
            record = self.company.create(table, call.json(), call.now)
        return self._created(call, table, record)

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
        elif table.name == "JournalEntries":
            self.journal.change(record, call.json(), call.now)
        else:
            replaces = call.headers.get("b1s-replacecollectionsonpatch", "").lower() == "true"
            self.company.change(table, record, call.json(), call.now, replaces=replaces)
        return call.edition.answer(204)

    def _must_match(self, call: Call, table: Table, record: Record) -> None:
        wanted = call.headers.get("if-match")
        if table.has_etag and wanted not in (None, "*", self.company.etag_of(table, record)):
            raise Refusal.MODIFIED.error()

    def _act(self, call: Call, table: Table, key: str, action: str) -> Response:
        if call.method != "POST" or action not in table.actions:
            raise Refusal.NOT_SUPPORTED.error()
        record = self.company.find(table, key)
        if record is None:
            raise Refusal.GONE.error(key=key)
        self._must_match(call, table, record)
        if table.name == "JournalEntries":
            self.journal.cancel(key, call.now)
        else:
            done = {"EmployeesInfo": {"Active": "tNO"}, "Orders": {"Cancelled": "tYES"}}[table.name]
            self.company.change(table, record, done, call.now)
        return call.edition.answer(204)

    # ------------------------------------------------------------------ service methods

    def _admin_info(self, call: Call) -> Response:
        about = {name: self.about[name] for name in ("CompanyName", "Country", "FederalTaxID")}
        books = {"LocalCurrency": self.journal.currency, "SystemCurrency": self.journal.currency}
        body = about | books | {"TotalsAccuracy": self.journal.decimals, "RateAccuracy": 4}
        return call.edition.answer(200, call.edition.context("SAPB1.AdminInfo") | body)

    def _company_info(self, call: Call) -> Response:
        body = {name: self.about[name] for name in ("CompanyName", "Version")} | {"Localization": "lColombia"}
        return call.edition.answer(200, call.edition.context("SAPB1.CompanyInfo") | body)

    def _installation(self, call: Call) -> Response:
        value = {"value": self.about["InstallationNumber"]}
        return call.edition.answer(200, call.edition.context("Edm.String") | value)

    def _local_currency(self, call: Call) -> Response:
        return call.edition.answer(200, call.edition.context("Edm.String") | {"value": self.journal.currency})

    def _centres(self, call: Call) -> Response:
        rows = self.company.books["ProfitCenters"].values()
        value = [{name: row[name] for name in ("CenterCode", "CenterName")} for row in rows]
        context = call.edition.context("Collection(SAPB1.ProfitCenterParams)")
        return call.edition.answer(200, context | {"value": value})


def _key(table: Table, text: str) -> str:
    """Return the key of the books from the text between the parentheses."""
    if text.startswith("'") and text.endswith("'") and len(text) > 1:
        return text[1:-1].replace("''", "'")
    if table.has_numeric_key and text.lstrip("-").isdigit():
        return str(int(text))
    if "," in table.key:
        return text
    raise Refusal.QUERY.error(reason="Invalid key")
