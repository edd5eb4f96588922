"""Beside the five verbs: rows of any table, counts, stored SQL, what was booked, what a company has and lacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from periferia_link.connectors.sap_business_one._discovery import Finding, discovered
from periferia_link.connectors.sap_business_one._line import Line
from periferia_link.connectors.sap_business_one._preparation import Preparation, prepared
from periferia_link.connectors.sap_business_one._refusals import NO_SUCH_SET
from periferia_link.connectors.sap_business_one.kinds import TRAITS
from periferia_link.connectors.sap_business_one.kinds._values import amount, day
from periferia_link.connectors.sap_business_one.querying._stored import BOOKED, Parameter, StoredQuery, parameters_of
from periferia_link.errors import ConfigurationError, ContractBrokenError, WriteRefusedError
from periferia_link.transport._odata import both, ge

if TYPE_CHECKING:
    from periferia_link.domain import Invoice, Money

__all__ = ["Booked", "Preview", "Queries"]

_NO_SQL = NO_SUCH_SET | {"701", "702", "703", "-2028", "-5006"}


class Booked(NamedTuple):
    """What our postings moved on one account of one project, in the currency of the books."""

    project: str | None
    account: str
    debit: Decimal
    credit: Decimal


class Preview(NamedTuple):
    """What SAP would make of a document: before tax, the tax, and what the client would pay."""

    net: Money
    tax: Money
    total: Money


class Queries(Line):
    """What a script asks; nothing here changes a business record."""

    def rows(
        self,
        table: str,
        *,
        select: Sequence[str] | None = None,
        where: str | None = None,
        order: Sequence[str] = (),
        key: str | None = None,
        top: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """
        Read rows of any table as they are, page by page, amounts exact.

        Source: Service Layer guide 1.29, p. 32-35.

        Args:
            table: A kind, or any entity set.

            select: Columns; those of the kind by default.

            where: A condition, see :mod:`periferia_link.connectors.sap_business_one.querying`.

            order: Columns to sort by, a leading ``-`` sorts downwards: then pages are counted (``$skip``), and rows
                that come or go meanwhile shift the others. Without it rows come by key, and none is lost.

            key: Key column of a table that is no kind.

            top: Rows at most.

        Raises:
            ConfigurationError: No columns, or neither a key nor an order.
            ConnectorError: SAP refuses.
        """
        known = self.fields.get(table)
        columns = list(known.select if select is None and known is not None else select or ())
        name, by = (known.table, key or known.key) if known is not None else (table, key)
        if not columns or (by is None and not order):
            msg = f"a question to {table} names its columns, and its key or an order"
            raise ConfigurationError(msg, hint='select=["Code", "Name"], key="Code"')
        own = TRAITS[table].filter if known is not None else ""
        tests = [test for test in (own, where) if test]
        if not order and by is not None:
            columns = list(dict.fromkeys([by, *columns]))
            return self._by_key(name, by, columns, tests, top)
        ordered = [f"{column[1:]} desc" if column.startswith("-") else column for column in order]
        asked = {"select": ",".join(columns), "orderby": ",".join([*ordered, *([by] if by else [])])}
        if tests:
            asked["filter"] = str(both(*tests))
        return self._reads.by_links(name, asked, what=name, most=top)

    def _by_key(
        self, table: str, key: str, columns: Sequence[str], tests: Sequence[str], top: int | None
    ) -> Iterator[dict[str, Any]]:
        left = top
        for records, _ in self._reads.pages(table, key, select=columns, where=tests):
            yield from records if left is None else records[:left]
            if left is not None:
                left -= len(records)
                if left <= 0:
                    return

    def count(self, kind: str, *, where: str | None = None) -> int:
        """
        Count the records of a kind, or the rows of any table.

        Raises:
            ContractBrokenError: The answer is no number.
            ConnectorError: SAP refuses.
        """
        known = self.fields.get(kind)
        tests = [test for test in (TRAITS[kind].filter if known is not None else "", where) if test]
        return self._reads.total(known.table if known is not None else kind, str(both(*tests)) if tests else None)

    def sql(
        self, code: str, text: str | None = None, *, top: int | None = None, **parameters: Parameter
    ) -> Iterator[dict[str, Any]]:
        """
        Run a stored SQL query: on SQL Server the only way to let the database add up.

        Source: Service Layer guide 1.29, "SQL Query" (10.0 FP 2011 or later).

        Args:
            code: Code of the query.

            text: Its SQL, with ``:name`` for parameters; it is stored under the code when there is none yet.

            top: Rows at most.

            parameters: A value for each parameter; days travel as ``'20261122'``.

        Raises:
            ConfigurationError: The code belongs to a query of another text.
            ContractBrokenError: SAP does not take its text (701), a table (702), a column (703) or a parameter (704).
            ConnectorError: SAP refuses.
        """
        if text is not None:
            wanted = parameters_of(text)
            if wanted != parameters.keys():
                told = sorted(wanted.symmetric_difference(parameters))
                msg = f"the query {code} and its parameters differ: {', '.join(told)}"
                raise ConfigurationError(msg, hint="give each :name of its text a value, and no other")
            self._stored.prepare(StoredQuery(code, f"periferia_link: {code}", text))
        return self._stored.run(code, parameters, most=top)

    def booked(self, since: date, until: date) -> list[Booked]:
        """
        Add up what our postings moved between two days, both included, by project and account.

        The database adds up where it offers stored queries; else the entries are read and added here.

        Raises:
            ConnectorError: SAP refuses.
        """
        try:
            self._stored.prepare(BOOKED)
            found = self._stored.run(BOOKED.code, {"since": since, "until": until, "nothing": ""})
            rows = [
                Booked(row.get("Project") or None, str(row["Account"]), amount(row["Debit"]), amount(row["Credit"]))
                for row in found
            ]
        except WriteRefusedError:
            rows = self._added(since, until)
        except ContractBrokenError as exc:
            if exc.code not in _NO_SQL:
                raise
            rows = self._added(since, until)
        return sorted(rows, key=lambda row: (row.project or "", row.account))

    def _added(self, since: date, until: date) -> list[Booked]:
        sums: dict[tuple[str | None, str], list[Decimal]] = {}
        columns = self.fields["CostEntry"]
        tests = [TRAITS["CostEntry"].filter, ge(columns.column("posted_on"), since.isoformat())]
        select = [columns.key, columns.column("posted_on"), "JournalEntryLines"]
        for records, _ in self._reads.pages(columns.table, columns.key, select=select, where=tests):
            for record in records:
                on = day(record.get(columns.column("posted_on")))
                if on is None or on > until:
                    continue
                for line in record["JournalEntryLines"]:
                    held = sums.setdefault(
                        (line.get("ProjectCode") or None, str(line["AccountCode"])), [Decimal(0)] * 2
                    )
                    held[0] += amount(line.get("Debit"))
                    held[1] += amount(line.get("Credit"))
        return [Booked(project, account, *both_sides) for (project, account), both_sides in sums.items()]

    def preview(self, invoice: Invoice) -> Preview:
        """
        Let SAP work out a proposal, taxes included; nothing is saved.

        Source: Service Layer guide 1.29, p. 28-31 (``OrdersService_Preview``; invoices have the same method).

        Raises:
            RecordInvalidError: A value does not fit, or names what SAP does not have.
            ConnectorError: SAP refuses.
        """
        from periferia_link.domain import Money  # noqa: PLC0415 - the models are loaded when one is asked for

        worked_out = self._reads.call("InvoicesService_Preview", {"Document": self._planner.document(invoice)})
        abroad = "" if invoice.currency == self._books.currency else "Fc"
        total = Money(amount=amount(worked_out.get(f"DocTotal{abroad}")), currency=invoice.currency)
        tax = Money(amount=amount(worked_out.get(f"VatSum{abroad}")), currency=invoice.currency)
        return Preview(total - tax, tax, total)

    def discover(self) -> Finding:
        """
        Read the user fields and tables of the company, and compare them with the columns that are mapped.

        Source: UserFieldsMD and UserTablesMD of the Service Layer API Reference 1.27.

        Raises:
            ConnectorError: SAP refuses.
        """
        return discovered(self.name, self.fields, self._reads)

    def install(self, *, with_rates: bool = False, dry_run: bool = False) -> Preparation:
        """
        Make what a company lacks: the marker table, the field for our key, an index over it. Safe to run again.

        Definitions are seen after a restart of the Service Layer only.

        Source: UserTablesMD, UserFieldsMD and UserKeysMD of the Service Layer API Reference 1.27.

        Args:
            with_rates: Make the table of dated cost rates (``U_PL_RATES``), too.

            dry_run: Make nothing, say what is missing.

        Raises:
            PermissionDeniedError: The user is no superuser.
            ConfigurationError: A field of that name is there and too short for our key.
            WriteRefusedError: The system is plan-only.
            ConnectorError: SAP refuses.
        """
        return prepared(self._transport, self._reads, with_rates=with_rates, dry_run=dry_run)
