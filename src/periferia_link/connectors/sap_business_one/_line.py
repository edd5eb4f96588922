"""The line to one company: its session, pace, reads and writes, made once for everything that asks it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from periferia_link.clock import SystemClock
from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.base import Capabilities, Connector
from periferia_link.connectors.sap_business_one._options import checked_options, server_zone, service_root
from periferia_link.connectors.sap_business_one._pace import Pace
from periferia_link.connectors.sap_business_one._session import Session
from periferia_link.connectors.sap_business_one.kinds import SAP_FIELDS, abilities
from periferia_link.connectors.sap_business_one.querying._stored import StoredQueries
from periferia_link.connectors.sap_business_one.reading._documents import Documents
from periferia_link.connectors.sap_business_one.reading._joins import Joins
from periferia_link.connectors.sap_business_one.reading._pages import Reads
from periferia_link.connectors.sap_business_one.reading._references import References
from periferia_link.connectors.sap_business_one.writing._plans import Books, Planner
from periferia_link.connectors.sap_business_one.writing._sender import Writes
from periferia_link.transport._pacing import gate_for
from periferia_link.transport._transport import Transport
from periferia_link.typing import Clock, Wire

if TYPE_CHECKING:
    from pydantic import SecretStr

__all__ = ["Line"]


class Line(Connector):
    """The line to one company; its arguments are those of ``SapBusinessOne``."""

    def __init__(
        self,
        url: str,
        *,
        company_db: str,
        username: str,
        password: SecretStr,
        name: str = "erp",
        fields: FieldMap | None = None,
        language: str | None = None,
        marker: Literal["table", "field"] = "table",
        approvals: bool = False,
        page_size: int = 500,
        ca_file: str | None = None,
        proxy: str | None = None,
        allow_private: bool = False,
        clock: Clock | None = None,
        plan_only: bool = False,
        deadline: float = 60.0,
        wire: Wire | None = None,
        parallel: int = 8,
        max_batch: int = 20,
        currency: str = "COP",
        decimals: int = 2,
        zone: str = "America/Bogota",
        hours_per_day: Decimal | int = 8,
        tax_code: str | None = None,
        settle: float = 120.0,
    ) -> None:
        self.name = name
        checked_options(
            name,
            {
                "marker": marker,
                "page_size": page_size,
                "parallel": parallel,
                "max_batch": max_batch,
                "currency": currency,
                "decimals": decimals,
                "hours_per_day": hours_per_day,
                "settle": settle,
                "language": language,
                "tax_code": tax_code,
            },
        )
        self.deadline = 2 * deadline  # a posting is preceded by questions, which may take as long again
        self.fields = fields or SAP_FIELDS
        self._books = Books(company_db, currency, decimals, marker, tax_code)
        self._username = username
        self._zone = server_zone(zone)
        self._hours = Decimal(hours_per_day)
        clock = clock or SystemClock()
        line: dict[str, Any] = {
            "system": name,
            "clock": clock,
            "ca_file": ca_file,
            "proxy": proxy,
            "allow_private": allow_private,
            "deadline": deadline,
            "wire": wire,
        }
        root = service_root(url)
        self._host = urlsplit(root).netloc
        self._session = Session(
            Transport(root, pool=1, **line),
            company_db=company_db,
            username=username,
            password=password,
            clock=clock,
            language=language,
        )
        gate = gate_for((self._host, company_db, username), clock, parallel)
        self._pace = Pace(gate, parallel)
        self._transport = Transport(
            root,
            auth=self._session,
            gate=gate,
            plan_only=plan_only,
            pool=parallel,
            heard=self._pace.heard,
            **line,
        )
        self._reads = Reads(self._transport, page_size=page_size)
        self._references = References(self._reads)
        self._stored = StoredQueries(self._transport, self._reads)
        self._documents = Documents(self._reads, self.fields, has_markers=marker == "table")
        self._joins = Joins(self._reads, self._references, self.fields)
        self._planner = Planner(
            self._transport.url("x"),
            self._references,
            self._documents,
            name=name,
            fields=self.fields,
            books=self._books,
        )
        self._writes = Writes(self._transport, self._planner, name=name, fields=self.fields, clock=clock)
        self._abilities = partial(abilities, marker=marker, max_batch=max_batch, parallel=parallel, settle=settle)
        self._has_approvals = approvals
        self._capabilities = MappingProxyType(self._abilities(has_approvals=approvals))

    def close(self) -> None:
        """Sign out and close the connections."""
        self._session.close()
        self._transport.close()

    @property
    def capabilities(self) -> Mapping[str, Capabilities]:
        """
        What works, by kind.

        Clients, projects, opportunities and service calls both ways; postings to create and cancel; invoices as
        drafts to write, delete and read until they are booked; cost centres and employees to read.
        """
        return self._capabilities

    def fingerprint(self, kind: str) -> str:
        """Return a text that changes when the columns of *kind* do."""
        return self.fields.fingerprint(kind) if kind in self.fields else ""
