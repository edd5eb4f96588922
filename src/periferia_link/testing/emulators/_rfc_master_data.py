"""Cost centres and customers in the stand-in: read only."""

from __future__ import annotations

import re

from periferia_link.testing.emulators._rfc_books import Row, message
from periferia_link.testing.emulators._rfc_work import Answer, Work

__all__ = ["list_centres", "list_customers", "show_centre", "show_customer"]


def list_centres(work: Work, told: Row) -> Answer:
    """List the centres of a company code that are valid on a day."""
    books = work.books
    if told["CONTROLLINGAREA"] != books.area:
        return {"RETURN": [message("E", "KI/101", f"Controlling area {told['CONTROLLINGAREA']} does not exist")]}
    day = told["DATE_FROM"] or work.today
    rows = [
        {"CO_AREA": books.area, "COSTCENTER": code, "COCNTR_TXT": centre["NAME"]}
        for code, centre in books.centres.items()
        if told["COMPANYCODE_FROM"] in ("", centre["COMP_CODE"]) and centre["VALID_FROM"] <= day <= centre["VALID_TO"]
    ]
    return {"COSTCENTERLIST": rows}


def show_centre(work: Work, told: Row) -> Answer:
    """Show one centre on a day."""
    centre = work.books.centres.get(told["COSTCENTER"])
    day = told["KEYDATE"] or work.today
    if centre is None or not centre["VALID_FROM"] <= day <= centre["VALID_TO"]:
        text = f"Cost center {told['CONTROLLINGAREA']}/{told['COSTCENTER']} does not exist on {day}"
        return {"RETURN": [message("E", "KS/133", text)]}
    return {"COSTCENTERDETAIL": {**centre, "COSTCENTER": told["COSTCENTER"]}}


def list_customers(work: Work, told: Row) -> Answer:
    """List customers by ranges of numbers."""
    rows = []
    for number, customer in work.books.customers.items():
        if any(_is_in(number, asked) for asked in told["IDRANGE"]):
            shown = ("NAME", "COUNTRY", "CITY", "TEL1_NUMBR")
            rows.append({"CUSTOMER": number, **{name: customer.get(name, "") for name in shown}})
    return {"ADDRESSDATA": rows[: told["MAXROWS"] or None]}


def _is_in(number: str, asked: Row) -> bool:
    if asked["SIGN"] != "I":
        return False
    if asked["OPTION"] == "CP":
        pattern = "".join({"*": ".*", "+": "."}.get(sign, re.escape(sign)) for sign in asked["LOW"])
        return re.fullmatch(pattern, number) is not None
    if asked["OPTION"] == "BT":
        return bool(asked["LOW"] <= number <= asked["HIGH"])
    return bool(number == asked["LOW"])


def show_customer(work: Work, told: Row) -> Answer:
    """Show one customer."""
    customer = work.books.customers.get(told["CUSTOMERNO"])
    if customer is None:
        return {"RETURN": message("E", "F2/003", f"Customer {told['CUSTOMERNO']} does not exist")}
    address = {"CUSTOMER": told["CUSTOMERNO"]}
    address |= {name: customer.get(name, "") for name in ("NAME", "CITY", "COUNTRY", "E_MAIL")}
    address["TELEPHONE"] = customer.get("TEL1_NUMBR", "")
    return {"CUSTOMERADDRESS": address}
