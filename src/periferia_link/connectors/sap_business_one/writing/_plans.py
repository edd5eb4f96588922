"""What each write becomes: the parts of a change set, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.base import Applied, NotApplied, Outcome, Write
from periferia_link.connectors.sap_business_one.kinds import DRAFTS, KEY_FIELD, MARKER_TABLE, TRAITS, to_wire
from periferia_link.connectors.sap_business_one.kinds._document import DRAFT, version_of
from periferia_link.connectors.sap_business_one.reading._documents import Documents
from periferia_link.connectors.sap_business_one.reading._pages import Record
from periferia_link.connectors.sap_business_one.reading._references import References
from periferia_link.domain import Ref
from periferia_link.errors import (
    ConfigurationError,
    RecordConflictError,
    RecordInvalidError,
    RecordNotFoundError,
    RejectedError,
)
from periferia_link.transport._json import dumps
from periferia_link.transport._odata import BatchPart, key

if TYPE_CHECKING:
    from periferia_link.domain import CostEntry, Entity, Invoice

__all__ = ["Books", "Plan", "Planner"]

_JSON = {"Content-Type": "application/json"}
_ACTIONS: Mapping[str, Mapping[str, str]] = {
    "CostEntry": {"cancel": "Cancel"},
    "Invoice": {"cancel": "Cancel"},
    "ServiceCall": {"close": "Close"},
}
_REFERENCE3 = 27  # characters, for people: what a reversal takes back, or which rate was used
# In approval a draft belongs to the approver.
_UNDER_APPROVAL = frozenset({"dasPending", "dasApproved", "dasGenerated", "dasGeneratedbyAuthorizer"})


class Books(NamedTuple):
    """How the company keeps its books: database, currency, decimals, what makes a creation unique, the usual tax."""

    company_db: str
    currency: str
    decimals: int
    marker: Literal["table", "field"]
    tax_code: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One write as the parts of a change set; the last part is the record itself."""

    write: Write
    parts: tuple[BatchPart, ...]
    period: str | None = None


class _Known(NamedTuple):
    """What was asked before: documents by key, keys that have a marker row, the months of postings."""

    rows: Mapping[str, Record] = MappingProxyType({})
    marked: frozenset[str] = frozenset()
    periods: Mapping[str, str] = MappingProxyType({})


class Planner:
    """
    Turns writes into parts of requests.

    What cannot be right is refused here: lengths, decimals, codes that SAP does not have. Records that SAP numbers
    itself travel with a marker row, both or none, so that a second run of the same creation fails as a whole.
    """

    def __init__(
        self,
        root: str,
        references: References,
        documents: Documents,
        *,
        name: str,
        fields: FieldMap,
        books: Books,
    ) -> None:
        self._root = urlsplit(root).path[:-1]
        self._references = references
        self._documents = documents
        self._name = name
        self._fields = fields
        self._books = books

    def plans(self, kind: str, writes: Sequence[Write]) -> list[Plan | Outcome]:
        """
        Return what to send for each write, or why it is not sent.

        Raises:
            ConfigurationError: An action that there is not, or an entity of another kind.
            ConnectorError: SAP cannot be asked about what the writes name.
        """
        for write in writes:
            if write.mode in ("create", "update") and (write.entity is None or write.entity.kind() != kind):
                msg = f"{self._name}: a {write.mode} of {kind} brings no {kind}"
                raise ConfigurationError(msg)
            if write.mode != "create":
                self._ref(kind, write)
            if write.mode == "action" and write.action not in _ACTIONS.get(kind, {}):
                msg = f"{self._name} has no action {write.action} of {kind}"
                known = ", ".join(f"{action} of {name}" for name, found in _ACTIONS.items() for action in found)
                raise ConfigurationError(msg, hint=f"it has {known}")
        self._references.refresh(write.entity for write in writes if write.entity is not None)
        asked = self._asked(kind, writes)
        return [self._plan(kind, write, asked) for write in writes]

    def _asked(self, kind: str, writes: Sequence[Write]) -> _Known:
        """Ask what a change of these records has to know about them."""
        at = [(write.mode, self._ref(kind, write).id) for write in writes if write.mode != "create"]
        if kind == "Invoice":
            rows = self._documents.located(number for _, number in at)
            return _Known(rows, self._documents.markers(number for mode, number in at if mode == "delete"))
        if kind == "CostEntry":
            return _Known(periods=self._references.periods(number for _, number in at))
        return _Known()

    def _plan(self, kind: str, write: Write, known: _Known) -> Plan | Outcome:
        try:
            if write.mode == "create":
                return self._creation(kind, write)
            if kind == "Invoice":
                return self._on_document(write, known)
            return self._change(kind, write) if write.mode == "update" else self._action(kind, write, known)
        except RejectedError as exc:
            exc.system, exc.operation = self._name, f"{write.mode} {kind}"
            return NotApplied(exc)

    # ------------------------------------------------------------------ new records

    def _creation(self, kind: str, write: Write) -> Plan:
        entity: Any = write.entity
        table = self._fields[kind].table
        if kind == "CostEntry":
            return self._posting(write, entity, table)
        if kind == "Invoice":
            return self._proposal(write, entity)
        body = self._body(entity, write.fields | {"code"}) | {KEY_FIELD: write.create_key}
        if kind in ("Opportunity", "ServiceCall"):
            return self._marked(write, table, body)
        if kind == "Client":
            body["CardType"] = "cCustomer"
        if not body.get(self._fields[kind].key):
            msg = f"{kind} has no code, and SAP does not number it"
            raise RecordInvalidError(msg, hint="let the flow set the code")
        return Plan(write, (self._post(table, body),))

    def document(self, invoice: Invoice) -> dict[str, Any]:
        """
        Return a document as it would be written, without our key.

        Raises:
            RecordInvalidError: A value does not fit, or names what SAP does not have.
            ConnectorError: SAP cannot be asked about that.
        """
        self._references.refresh([invoice])
        self._references.check(invoice)
        return self._body(invoice, frozenset({"client", "currency", "posted_on", "due_on", "project", "lines"}))

    def _body(self, entity: Entity | None, names: frozenset[str]) -> dict[str, Any]:
        kind = entity.kind() if entity is not None else ""
        books = self._books
        if kind == "Opportunity":
            told: dict[str, Any] = {"house_currency": books.currency, "decimals": books.decimals}
        elif kind == "Invoice":
            told = {"rules": self._references.dimensions, "tax_code": books.tax_code, "decimals": books.decimals}
        elif kind in ("Client", "Project", "ServiceCall"):
            told = {}
        else:
            msg = f"{self._name} has no column for this kind of record"
            raise ConfigurationError(msg)
        return to_wire(kind)(entity, names, fields=self._fields, **told)

    def _posting(self, write: Write, entry: CostEntry, table: str) -> Plan:
        self._must_be_ours(entry, write, "posting")
        self._references.check(entry)
        body = to_wire("CostEntry")(
            entry,
            self._references.dimensions,
            self._fields,
            house_currency=self._books.currency,
            decimals=self._books.decimals,
        )
        body |= {"Reference2": f"pl-{write.create_key.replace('-', '')[:12]}", KEY_FIELD: write.create_key}
        if entry.reverses is not None:
            # an entry of its own: SAP's Cancel neither tells the number of its reversal nor carries our key
            body["Reference3"] = f"rev {entry.reverses.id}"[:_REFERENCE3]
        elif entry.exchange is not None:
            rate = entry.exchange
            body["Reference3"] = f"{rate.source} {rate.factor:f} {rate.on}"[:_REFERENCE3]
        return self._marked(write, table, body, period=entry.posted_on.strftime("%Y-%m"))

    def _proposal(self, write: Write, invoice: Invoice) -> Plan:
        self._must_be_ours(invoice, write, "invoice")
        if not invoice.is_draft:
            msg = "an invoice is proposed here and booked in SAP"
            raise RecordInvalidError(msg, hint="write it as a draft; whoever approves it books it")
        self._references.check(invoice)
        body = self._body(invoice, write.fields | {"client", "currency", "posted_on", "lines"})
        body |= {"DocObjectCode": "oInvoices", KEY_FIELD: write.create_key}
        return self._marked(write, DRAFTS, body)

    def _must_be_ours(self, entity: CostEntry | Invoice, write: Write, what: str) -> None:
        company = entity.company if "company" in write.fields else None
        if company is not None and company.casefold() != self._books.company_db.casefold():
            msg = f"the {what} is one of company {company}, this is {self._books.company_db}"
            raise RecordInvalidError(msg, hint="route it to the system of that company")

    def _marked(self, write: Write, table: str, body: dict[str, Any], *, period: str | None = None) -> Plan:
        """Plan marker and record: both or none."""
        parts = [self._post(table, body)]
        if self._books.marker == "table":
            # Code is the key; Name must be unique as well
            marker = {"Code": write.create_key.replace("-", ""), "Name": write.create_key}
            parts.insert(0, self._post(MARKER_TABLE, marker))
        return Plan(write, tuple(parts), period)

    # ------------------------------------------------------------------ records that are there

    def _change(self, kind: str, write: Write) -> Plan | Outcome:
        body = self._body(write.entity, write.fields - {"code"})  # the code is the key, and stays
        ref = self._ref(kind, write)
        if not body:
            return Applied(ref, write.if_version)
        held = {"If-Match": write.if_version} if write.if_version and TRAITS[kind].is_versioned else {}
        return Plan(write, (BatchPart("PATCH", self._path(kind, ref), _JSON | held, dumps(body)),))

    def _action(self, kind: str, write: Write, known: _Known) -> Plan:
        ref = self._ref(kind, write)
        path = f"{self._path(kind, ref)}/{_ACTIONS[kind][write.action or '']}"
        return Plan(write, (BatchPart("POST", path),), known.periods.get(ref.id))

    def _on_document(self, write: Write, known: _Known) -> Plan | Outcome:
        """Plan a change, deletion or cancellation of a draft or an invoice, by the number that it has now."""
        ref = self._ref("Invoice", write)
        row = known.rows.get(ref.id)
        if row is None:
            msg = "neither a draft nor an invoice has that key"
            raise RecordNotFoundError(msg, hint="somebody deleted the draft in SAP")
        is_draft = bool(row.get(DRAFT))
        if write.if_version is not None and write.if_version != version_of(row):
            msg = "the document changed since it was read"
            raise RecordConflictError(msg, hint="it is read and planned again")
        path = self._root + key(DRAFTS if is_draft else self._fields["Invoice"].table, int(row["DocEntry"]))
        if write.mode == "action":
            if is_draft:
                msg = "a draft is deleted, not cancelled"
                raise RecordInvalidError(msg, hint="delete it, or reject it in SAP")
            return Plan(write, (BatchPart("POST", f"{path}/Cancel"),))
        if not is_draft:
            msg = "the proposal is booked as an invoice already"
            raise RecordConflictError(msg, hint="cancel the invoice in SAP, or bill the difference with the next one")
        if row.get("AuthorizationStatus") in _UNDER_APPROVAL:
            msg = "the proposal is with its approver, or approved"
            raise RecordConflictError(msg, hint="reject it in SAP, then it is written anew")
        tag = (version_of(row) or "").partition(" ")[2]
        held = {"If-Match": tag} if tag else {}
        if write.mode == "delete":
            return Plan(write, (*self._unmarked(ref, known.marked), BatchPart("DELETE", path, held)))
        return self._rewriting(write, path, held)

    def _rewriting(self, write: Write, path: str, held: Mapping[str, str]) -> Plan | Outcome:
        if write.entity is not None:
            self._references.check(write.entity)
        body = self._body(write.entity, write.fields)
        if not body:
            return Applied(self._ref("Invoice", write), write.if_version)
        whole = {"B1S-ReplaceCollectionsOnPatch": "true"} if "lines" in write.fields else {}
        return Plan(write, (BatchPart("PATCH", path, {**_JSON, **held, **whole}, dumps(body)),))

    def _unmarked(self, ref: Ref, marked: frozenset[str]) -> tuple[BatchPart, ...]:
        if ref.id not in marked:
            return ()
        return (BatchPart("DELETE", self._root + key(MARKER_TABLE, ref.id.replace("-", ""))),)

    # ------------------------------------------------------------------ pieces

    def _post(self, table: str, body: dict[str, Any]) -> BatchPart:
        return BatchPart("POST", self._root + table, {**_JSON, "Prefer": "return-no-content"}, dumps(body))

    def _path(self, kind: str, ref: Ref) -> str:
        value = int(ref.id) if TRAITS[kind].has_numeric_key and ref.id.isdigit() else ref.id
        return self._root + key(self._fields[kind].table, value)

    def _ref(self, kind: str, write: Write) -> Ref:
        if write.ref is None:
            msg = f"{self._name}: an {write.mode} of {kind} needs the record that it is about"
            raise ConfigurationError(msg)
        return write.ref
