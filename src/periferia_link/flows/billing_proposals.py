"""Billing proposals: approved billable hours of a project and month become one draft invoice in the ERP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple

from periferia_link.domain import Invoice, InvoiceLine, Money, Opportunity, Period, Project, Ref, TimeEntry
from periferia_link.engine import Ask, Context, Contribution, Flow, Group, Lookup, Skip
from periferia_link.errors import MissingReferenceError
from periferia_link.flows.projects import project_code
from periferia_link.rules.billing_rule import BillingRule, Price, price_keys, read_billing

__all__ = ["billing_proposals"]

_AT = " × "
_WORDS: Mapping[str, tuple[str, str]] = {
    "approved": ("está aprobada", "is approved"),
    "pending": ("espera aprobación", "waits for approval"),
    "cancelled": ("fue anulada", "was cancelled"),
    "booked": ("está facturada", "is invoiced"),
    "question": (
        "{reference}: las horas suman {now} y la propuesta, que {state}, {there}: diferencia {difference}",
        "{reference}: the hours come to {now}, the proposal, which {state}, holds {there}: difference {difference}",
    ),
    "empty": (
        "{reference}: ya no hay horas facturables y la propuesta sigue en el ERP",
        "{reference}: no billable hours are left, and the proposal still stands in the ERP",
    ),
}


def billing_proposals(
    *,
    starts: date | None,
    billing: BillingRule | Mapping[str, Any],
    language: Literal["es", "en"] = "es",
    sales: str | None = "crm",
    source: str = "helpdesk",
    target: str = "erp",
    **changes: Any,
) -> Flow:
    """
    Return the flow that proposes what to bill.

    Approved, billable hours of one project and month are one draft; each price is a line of its own. While it is a
    draft it is computed anew when hours or prices change. Once it is before an approver, approved, invoiced or
    cancelled it is left alone, and what the hours come to since is said in review, with the difference.

    The client is the one that the rule names, the one of the project, or the one of the sale that became the project.

    Args:
        starts: First day whose hours are billed by this flow.

        billing: The table ``[billing]``.

        language: Of the questions in review.

        sales: Role of the CRM whose won opportunities became projects; ``None`` when projects or the rule name clients.

        source: Role of the help desk.

        target: Role of the ERP.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: ``starts`` is missing, the rule or the changes are not valid.
    """
    rule = billing if isinstance(billing, BillingRule) else read_billing(billing)
    of_hours, of_month = _Hours(rule), _Month(rule, target, sales, language)
    tables = {
        "people": Lookup(source, "Employee", lambda person: person.ref.id if person.ref else None, "person"),
        "projects": Lookup(target, "Project", lambda project: project.code, "project"),
        "invoices": Lookup(target, "Invoice", lambda invoice: invoice.reference, "invoices of a month", several=True),
        "prices": Lookup("billing", "Price", lambda price: price.code, "price", rows=rule.by_key),
    }
    if sales is not None:
        tables["sales"] = Lookup(sales, "Opportunity", project_code, "opportunity")
    flow = Flow(
        name="billing_proposals",
        source=(source, "TimeEntry"),
        target=(target, "Invoice"),
        contribute=of_hours.contribute,
        project=of_month.project,
        lookups=tables,
        corrects="update",
        on_delete="adjust",
        keeps=frozenset({"client", "currency", "reference", "period", "is_draft"}),
        after=("clients", "projects"),
        starts=starts,
        dated=lambda entry: entry.worked_on,
        posts_money=True,
        relation="made from",
        rules=f"{rule.model_dump_json(exclude={'file', 'prices'})}|{language}",
    )
    return flow.but(**changes) if changes else flow


class _Hours(NamedTuple):
    """What an entry adds to the proposal of its month."""

    rule: BillingRule

    def contribute(self, entry: TimeEntry, context: Context) -> Contribution | Skip:
        if entry.approved_at is None:
            return Skip("not approved")
        if not entry.is_billable:
            return Skip("not billable")
        if entry.project is None:
            msg = "the time entry names no project"
            raise MissingReferenceError(msg, hint="choose the project in the help desk")
        if self.rule.projects and not any(fnmatchcase(entry.project, one) for one in self.rule.projects):
            return Skip("its project is not billed here")
        project: Project = context.lookup("projects", entry.project)
        person = context.lookup("people", entry.person).code
        contract = project.custom.get(self.rule.contract) if self.rule.contract else None
        for key in price_keys(entry.project, str(contract) if contract else None, person):
            held: Price | None = context.find("prices", key)
            price = held.on(entry.worked_on) if held is not None else None
            if price is not None:
                month = str(Period.of(entry.worked_on))
                line = f"{price.description}{_AT}{price.price.normalize():f}"
                return Contribution((entry.project, month, price.currency), {line: entry.hours})
        msg = f"no price for an hour of {person} on {entry.project} valid on {entry.worked_on}"
        raise MissingReferenceError(msg, hint="add it to the prices of [billing]; the entry is tried again then")


class _Month(NamedTuple):
    """How the hours of a month become a draft."""

    rule: BillingRule
    target: str
    sales: str | None
    language: str

    def project(self, group: Group, context: Context) -> Invoice | Skip | Ask:
        code, month, currency = group.names
        reference = f"{code}/{month}"
        held: list[Invoice] = [one for one in context.each("invoices", reference) if one.currency == currency]
        wanted = self._draft(group, reference, context)
        closed = [one for one in held if not one.is_open]
        if wanted is None:
            stands = next((one for one in held if one.approval != "cancelled"), None)
            if stands is None or group.posted is None:
                return Skip("no billable hours")
            return Ask(self._word("empty").format(reference=reference), stands)
        if not closed:
            return wanted
        counted = [one for one in closed if one.approval != "cancelled"]
        there = Money.sum((one.total for one in counted), currency)
        difference = wanted.total - there
        if counted and not difference:
            return Skip("billed")
        state = _state_of(counted[-1] if counted else closed[-1])
        told = {"now": _shown(wanted.total), "there": _shown(there), "difference": _shown(difference)}
        return Ask(self._word("question").format(reference=reference, state=self._word(state), **told), wanted)

    def _draft(self, group: Group, reference: str, context: Context) -> Invoice | None:
        code, month, currency = group.names
        hours = {name: exact for name, exact in sorted(group.total.items()) if exact > 0}
        if not hours:
            return None
        last = Period(year=int(month[:4]), month=int(month[5:])).last
        given: dict[str, Any] = {}
        if self.rule.due_days is not None:
            given["due_on"] = last + timedelta(days=self.rule.due_days)
        return Invoice(
            client=self._client(code, context),
            currency=currency,
            lines=tuple(self._line(name, quantity, code) for name, quantity in hours.items()),
            project=code,
            posted_on=last,
            reference=reference,
            period=month,
            is_draft=True,
            **given,
        )

    def _line(self, name: str, quantity: Decimal, project: str) -> InvoiceLine:
        description, _, price = name.rpartition(_AT)
        named = {
            key: value for key in ("item", "account", "tax_code") if (value := getattr(self.rule, key)) is not None
        }
        return InvoiceLine(
            description=description, quantity=quantity, unit_price=Decimal(price), project=project, **named
        )

    def _client(self, code: str, context: Context) -> Ref:
        """Return who pays: as the rule says, as the project says, as the sale says that became the project."""
        if code in self.rule.clients:
            return Ref(self.target, "Client", self.rule.clients[code])
        project: Project = context.lookup("projects", code)
        if project.client is not None:
            return project.client
        sale: Opportunity | None = context.find("sales", code) if self.sales is not None else None
        if sale is None or sale.client is None:
            msg = f"nothing says who pays for project {code}"
            raise MissingReferenceError(msg, hint="name the client of its sale, or write it into [billing.clients]")
        found = context.linked(sale.client, self.target, "Client")
        if found is None:
            msg = f"the client of project {code} is not in the ERP yet"
            raise MissingReferenceError(msg, hint="run the flow clients, or settle it in review")
        return found

    def _word(self, name: str) -> str:
        return _WORDS[name][self.language == "en"]


def _shown(amount: Money) -> str:
    """Return an amount without cents that are none."""
    text = f"{amount.amount:,f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {amount.currency}"


def _state_of(invoice: Invoice) -> str:
    if not invoice.is_draft and invoice.approval != "cancelled":
        return "booked"
    return invoice.approval or "approved"
