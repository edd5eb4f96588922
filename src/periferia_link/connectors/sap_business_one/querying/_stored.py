"""Stored SQL queries: found by their code, made when they are not there, run with parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple, TypeAlias
from urllib.parse import quote

from periferia_link.connectors.sap_business_one._refusals import error_for_read
from periferia_link.connectors.sap_business_one.reading._pages import Reads, Record
from periferia_link.errors import ConfigurationError
from periferia_link.transport._json import dumps, loads
from periferia_link.transport._odata import key, literal, query
from periferia_link.transport._transport import Transport

__all__ = ["BOOKED", "RATES", "Parameter", "StoredQueries", "StoredQuery", "parameters_of"]

Parameter: TypeAlias = str | int | Decimal | date

_PARAMETER = re.compile(r"(?<![\w:]):(\w+)")
_CODE = re.compile(r"\w{1,50}", re.ASCII)


class StoredQuery(NamedTuple):
    """A query of ours; the number in its code grows with its text, so that two releases never fight over one."""

    code: str
    name: str
    text: str


BOOKED = StoredQuery(
    "PL_BOOKED_1",
    "periferia_link: booked by project and account",
    "SELECT T1.Project, T1.Account, SUM(T1.Debit) AS Debit, SUM(T1.Credit) AS Credit FROM OJDT T0 "
    "INNER JOIN JDT1 T1 ON T0.TransId = T1.TransId WHERE T0.RefDate >= :since AND T0.RefDate <= :until "
    "AND T0.U_PL_Key > :nothing GROUP BY T1.Project, T1.Account",
)
RATES = StoredQuery(
    "PL_RATES_1",
    "periferia_link: exchange rates",
    "SELECT T0.RateDate, T0.Currency, T0.Rate FROM ORTT T0 WHERE T0.RateDate >= :since "
    "ORDER BY T0.Currency, T0.RateDate",
)


class StoredQueries:
    """
    Runs SQL where the Service Layer offers it: on HANA and SQL Server alike, unlike ``$apply`` (10.0 FP 2011).

    Tables have to be in ``b1s_sqltable.conf`` on the server; those of the journal and of rates are from the start.
    """

    def __init__(self, transport: Transport, reads: Reads) -> None:
        self._transport = transport
        self._reads = reads
        self._known: set[tuple[str, str]] = set()

    def prepare(self, stored: StoredQuery) -> bool:
        """
        Make sure that the query is there; return whether it was made now.

        Raises:
            ConfigurationError: The code belongs to a query of another text.
            WriteRefusedError: The system is plan-only.
            ConnectorError: SAP refuses.
        """
        if not _CODE.fullmatch(stored.code):
            msg = f"{stored.code!r} is no code of a query"
            raise ConfigurationError(msg, hint="it has letters, digits and _, 50 at most")
        if (stored.code, stored.text) in self._known:
            return False
        told = self._text(stored.code)
        is_new = told is None
        if told is None:
            self._make(stored)
            told = stored.text
        if " ".join(told.split()) != " ".join(stored.text.split()):
            msg = f"the query {stored.code} of the company has another text"
            raise ConfigurationError(msg, hint="give yours another code")
        self._known.add((stored.code, stored.text))
        return is_new

    def _text(self, code: str) -> str | None:
        answer = self._transport.read("GET", query(key("SQLQueries", code), select=["SqlText"]))
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise error_for_read(answer, system=self._transport.system, what="SQLQueries")
        body = loads(answer.body)
        return str(body.get("SqlText") or "") if isinstance(body, dict) else ""

    def _make(self, stored: StoredQuery) -> None:
        body = {"SqlCode": stored.code, "SqlName": stored.name[:100], "SqlText": stored.text}
        answer = self._transport.send(
            "POST", "SQLQueries", headers={"Content-Type": "application/json"}, body=dumps(body)
        )
        if not 200 <= answer.status < 300:
            raise error_for_read(answer, system=self._transport.system, what="SQLQueries")

    def run(self, code: str, parameters: Mapping[str, Parameter], *, most: int | None = None) -> Iterator[Record]:
        """
        Run a query that is there and yield its rows.

        Raises:
            ContractBrokenError: 701 to 704: SAP does not take its text, a table, a column or a parameter.
            ConnectorError: SAP refuses.
        """
        pairs = "&".join(f"{name}={quote(_written(value), safe='')}" for name, value in sorted(parameters.items()))
        path = f"{key('SQLQueries', code)}/List"
        return self._reads.by_links(f"{path}?{pairs}" if pairs else path, {}, what=f"the query {code}", most=most)


def parameters_of(text: str) -> frozenset[str]:
    """Return the names of the parameters in a text."""
    return frozenset(_PARAMETER.findall(text))


def _written(value: Parameter) -> str:
    if isinstance(value, date):
        return f"'{value:%Y%m%d}'"
    return literal(value)
