"""How the Service Layer speaks: two editions, errors by code in the language of the session, etags, links, Apache."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Literal
from urllib.parse import quote

from periferia_link.testing.emulators._json import dump_json
from periferia_link.testing.emulators._sap_refusals import Refusal, RefusedError
from periferia_link.testing.emulators._sap_tables import Table
from periferia_link.typing import Response

__all__ = [
    "FROZEN_ETAG",
    "Edition",
    "apache_error",
    "etag",
    "next_link",
    "read_amount",
    "read_date",
]

Headers = tuple[tuple[str, str], ...]

_SERVER: Headers = (("Server", "Apache/2.4.61 (Unix)"), ("Vary", "Accept-Encoding"))


def etag(version: object) -> str:
    """Return the weak etag of a data version: SHA-1 of its decimal digits, upper case (measured on real rows)."""
    return 'W/"' + hashlib.sha1(str(version).encode()).hexdigest().upper() + '"'  # noqa: S324 - SAP's rule


FROZEN_ETAG = etag(1)
"""What every row of a ``$select`` read carries, whatever its version (seen on 2511 HANA)."""


def apache_error(status: int, *, is_empty: bool = False) -> Response:
    """Return what the balancer in front says: an HTML page, or nothing at all."""
    reasons = {404: "Not Found", 413: "Request Entity Too Large", 502: "Proxy Error", 503: "Service Unavailable"}
    title = f"{status} {reasons.get(status, 'Internal Server Error')}"
    page = f'<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>{title}</title>\n</head></html>\n'
    kind = () if is_empty else (("Content-Type", "text/html; charset=iso-8859-1"),)
    return Response(status, (*_SERVER[:1], *kind), b"" if is_empty else page.encode())


@dataclass(frozen=True, slots=True)
class Edition:
    """``v1`` (OData 3) or ``v2`` (OData 4), in the language of a session; ``root`` ends with ``/b1s/v2/``."""

    version: Literal["v1", "v2"]
    root: str
    language: Literal["en", "es"] = "en"

    @property
    def is_v2(self) -> bool:
        """Whether it is OData 4."""
        return self.version == "v2"

    def answer(self, status: int, body: object = None, *, headers: Sequence[tuple[str, str]] = ()) -> Response:
        """Return a JSON answer, or an empty one."""
        protocol = ("OData-Version", "4.0") if self.is_v2 else ("DataServiceVersion", "3.0")
        if body is None:
            return Response(status, (*_SERVER, protocol, *headers))
        kind = "application/json;odata.metadata=minimal;charset=utf-8"
        if not self.is_v2:
            kind = "application/json;odata=minimalmetadata;charset=utf-8"
        if status >= 400:
            kind = "application/json;charset=utf-8"
        return Response(status, (("Content-Type", kind), *_SERVER, protocol, *headers), dump_json(body))

    def refusal(self, error: RefusedError) -> Response:
        """Return an error in this edition: the code is a number in v1 and a string in v2."""
        text = error.texts[self.language]
        if self.is_v2:
            shape: dict[str, Any] = {
                "code": str(error.code),
                "details": [{"code": "", "message": ""}],
                "message": text,
            }
        else:
            lang = "en-us" if self.language == "en" else "es-es"
            shape = {"code": error.code, "message": {"lang": lang, "value": text}}
        return self.answer(error.status, {"error": shape})

    def context(self, what: str) -> dict[str, str]:
        """Return the line that says where the metadata is."""
        return {"@odata.context" if self.is_v2 else "odata.metadata": f"{self.root}$metadata#{what}"}

    def etag_field(self, value: str) -> dict[str, str]:
        """Return the etag as a row carries it."""
        return {"@odata.etag" if self.is_v2 else "odata.etag": value}

    def record(self, table: Table, record: Mapping[str, Any], *, select: Sequence[str] = ()) -> dict[str, Any]:
        """Return one record as this edition writes it: dates with a time in v2, amounts as numbers."""
        names = select or tuple(record)
        return {name: self._value(table, name, record.get(name)) for name in names}

    def _value(self, table: Table, name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [{key: self._value(table, key, item) for key, item in line.items()} for line in value]
        if value is None:
            return None
        if name == "DocObjectCode" and not self.is_v2:
            return next((number for number, member in table.enums[name].items() if member == value), value)
        if name in table.dates:
            return f"{value}T00:00:00Z" if self.is_v2 else value
        if name in table.amounts:
            number = Decimal(str(value))
            # doubles on the other side: 100 is written as 100.0
            return number if number != number.to_integral_value() else number.quantize(Decimal("0.1"))
        return value

    def page(
        self, table: Table, rows: Sequence[Mapping[str, Any]], *, count: int | None, link: str | None
    ) -> dict[str, Any]:
        """Return a collection: context, count (a string in v1), rows, link to the next page."""
        body: dict[str, Any] = dict(self.context(table.name))
        if count is not None:
            body["@odata.count" if self.is_v2 else "odata.count"] = count if self.is_v2 else str(count)
        body["value"] = list(rows)
        if link is not None:
            body["@odata.nextLink" if self.is_v2 else "odata.nextLink"] = link
        return body


def next_link(form: str, table: str, options: Mapping[str, str], edition: Edition) -> str:
    """
    Return the address of the next page in one of the observed forms.

    Args:
        form: ``relative`` (``Orders?$skip=20``), ``rooted`` (``/b1s/v1/Orders?$skip=20``), ``odd``
            (``Orders?&$skip=20``) or ``absolute``.

        table: The entity set.

        options: Query options to repeat, ``$skip`` among them.

        edition: Says the version and the root.
    """
    query = "&".join(f"{name}={quote(value, safe=',$')}" for name, value in options.items())
    before = {"rooted": f"/b1s/{edition.version}/", "absolute": edition.root}.get(form, "")
    return f"{before}{table}?{'&' if form == 'odd' else ''}{query}"


def read_date(text: object, name: str) -> str:
    """
    Return a date in the form of the books (``2026-11-21``) from any form that the guide allows.

    Raises:
        RefusedError: It is no date.
    """
    digits = str(text).strip()[:10].replace("-", "")[:8]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])).isoformat()
    except ValueError:
        raise Refusal.VALUE.error(value=text, name=name) from None


def read_amount(value: object, name: str) -> Decimal:
    """
    Return an amount from a number or from digits in a string (the guide's samples use both).

    Raises:
        RefusedError: It is neither.
    """
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise Refusal.VALUE.error(value=value, name=name) from None
    if isinstance(value, bool) or not amount.is_finite():
        raise Refusal.VALUE.error(value=value, name=name)
    return amount
