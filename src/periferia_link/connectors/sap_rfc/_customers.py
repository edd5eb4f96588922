"""
Clients are customers: addresses by BAPI_CUSTOMER_GETLIST, many in one call, the tax number from KNA1.

Source: IDRANGE (SIGN, OPTION, LOW) and ADDRESSDATA as public programs use them; BAPI_CUSTOMER_GETDETAIL2 has the
e-mail as well, one customer a call. Customers are made by FI and SD with account groups and reconciliation accounts,
in S/4HANA as business partners: the kind is read-only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from periferia_link.connectors.base import Write
from periferia_link.connectors.sap_rfc._company import Company, Found, Record
from periferia_link.connectors.sap_rfc._messages import messages_of
from periferia_link.connectors.sap_rfc._tables import is_searchable
from periferia_link.connectors.sap_rfc._unit_of_work import Step
from periferia_link.connectors.sap_rfc._values import inner, outer
from periferia_link.domain import Client, Ref, TaxId
from periferia_link.errors import ConfigurationError

__all__ = ["Customers"]

_EVERYBODY = [{"SIGN": "I", "OPTION": "CP", "LOW": "*"}]
_AT_ONCE = 100
_TAX_COLUMN = "STCD1"


class Customers:
    """
    Customers of the client of SAP.

    Args:
        company: Whose.

        with_details: Read each customer's detail as well: e-mail, at one call each.
    """

    def __init__(self, company: Company, *, with_details: bool = False) -> None:
        self._company = company
        self._with_details = with_details

    def keys(self) -> list[str]:
        """Return the numbers of all customers."""
        return sorted({key for key in (outer(row.get("CUSTOMER")) for row in self._list(_EVERYBODY)) if key})

    def read(self, keys: Sequence[str]) -> list[tuple[str, Record]]:
        """Return the customers that there are."""
        numbers = [number for number in (inner(key, 10) for key in dict.fromkeys(keys)) if number and _fits(number)]
        rows: dict[str, Record] = {}
        for start in range(0, len(numbers), _AT_ONCE):
            some = numbers[start : start + _AT_ONCE]
            asked = [{"SIGN": "I", "OPTION": "EQ", "LOW": number} for number in some]
            wanted = set(some)
            for row in self._list(asked):
                if inner(row.get("CUSTOMER"), 10) in wanted:
                    rows[str(inner(row["CUSTOMER"], 10))] = {name: str(value) for name, value in row.items()}
        for number, details in self._more(list(rows)):
            rows[number] |= details
        return [(str(outer(number)), record) for number, record in rows.items()]

    def _list(self, ranges: Sequence[Mapping[str, str]]) -> Sequence[Mapping[str, Any]]:
        answer = self._company.read("BAPI_CUSTOMER_GETLIST", {"IDRANGE": list(ranges)})
        return answer.get("ADDRESSDATA") or ()

    def _more(self, numbers: Sequence[str]) -> list[tuple[str, Record]]:
        """Return what the list does not say: tax numbers, and details where they are wanted."""
        found: list[tuple[str, Record]] = []
        columns = self._company.columns("Client")
        if columns.columns.get("tax_id") == _TAX_COLUMN:
            rows = self._company.tables.matching(columns.table, ["KUNNR", _TAX_COLUMN, "LOEVM"], "KUNNR", numbers)
            found += [
                (str(inner(row["KUNNR"], 10)), {_TAX_COLUMN: row[_TAX_COLUMN], "LOEVM": row["LOEVM"]}) for row in rows
            ]
        if self._with_details:
            found += [(number, self._detail(number)) for number in numbers]
        return [(number, record) for number, record in found if number in numbers]

    def _detail(self, number: str) -> Record:
        answer = self._company.read(
            "BAPI_CUSTOMER_GETDETAIL2",
            {"CUSTOMERNO": number, "COMPANYCODE": self._company.books.company_code},
        )
        if any(message.is_refusal for message in messages_of(answer)):
            return {}
        parts = [answer.get(name) or {} for name in ("CUSTOMERGENERALDETAIL", "CUSTOMERADDRESS")]
        return {name: str(value) for part in parts for name, value in part.items() if name != "CUSTOMER" and value}

    def find(self, field: str, values: Sequence[str]) -> list[Found]:
        """Return customers by number or tax number."""
        if field == "code":
            asked = {outer(value): value for value in values if is_searchable(value)}
            return [Found(key, record, asked[key]) for key, record in self.read([key for key in asked if key])]
        spelled = {spelling: value for value in values for spelling in _spellings(value)}
        columns = self._company.columns("Client")
        rows = list(self._company.tables.matching(columns.table, ["KUNNR", _TAX_COLUMN], _TAX_COLUMN, list(spelled)))
        matches = {str(outer(row["KUNNR"])): spelled[row[_TAX_COLUMN]] for row in rows if row[_TAX_COLUMN] in spelled}
        return [Found(key, record, matches[key]) for key, record in self.read(list(matches))]

    def entity(self, key: str, record: Record) -> Client:
        """Make a client of address and tax number."""
        columns = self._company.columns("Client")
        given: dict[str, Any] = {
            name: record[column] or None for name, column in columns.columns.items() if column in record
        }
        country = given.pop("country", None) or "CO"
        tax = given.pop("tax_id", None)
        own: dict[str, Any] = {
            "ref": self._company.ref("Client", key),
            "code": outer(given.get("code")) or key,
            "country": country,
            "is_active": record.get("LOEVM") != "X",
            "custom": columns.custom(record),
        }
        if tax:
            own["tax_id"] = TaxId.parse(tax, country)
        return Client(**(given | own))

    def step(self, write: Write) -> Step | Ref:
        """Customers are made by FI and SD, not by us."""
        msg = f"{self._company.name} does not {write.mode} customers"
        raise ConfigurationError(msg, hint="the kind is read-only here")


def _fits(number: str) -> bool:
    return len(number) <= 10 and is_searchable(number)


def _spellings(value: str) -> list[str]:
    """Return the ways in which people write a tax number: with or without its check digit and the dash."""
    tax_id = TaxId.parse(value.removeprefix("CO"))
    if tax_id is None:
        return [value]
    forms = [value, tax_id.number, tax_id.printed]
    if tax_id.is_strong:
        forms.append(tax_id.number[:-1])
    return list(dict.fromkeys(forms))
