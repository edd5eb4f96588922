"""Orders, allocations and time sheets in the stand-in."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from periferia_link.testing.emulators._rfc_accounting import period_reasons
from periferia_link.testing.emulators._rfc_books import FiCoBooks, Row, message
from periferia_link.testing.emulators._rfc_work import Answer, Work

__all__ = [
    "check_allocation",
    "create_order",
    "delete_sheets",
    "insert_sheets",
    "list_orders",
    "post_allocation",
    "show_order",
]


def create_order(work: Work, told: Row) -> Answer:
    """Open an internal order, or look whether it can be opened."""
    master, books = told["I_MASTER_DATA"], work.books
    reasons = _order_reasons(books, master)
    if reasons:
        return {"RETURN": reasons}
    number = master["ORDER"]
    if told["TESTRUN"]:
        return {"ORDERID": number, "RETURN": [message("S", "KO/000", "Test run: the order can be created")]}

    def write(there: FiCoBooks) -> None:
        there.orders[number] = {"master": dict(master), "status": "I0002"}

    work.hold(write)
    return {"ORDERID": number, "E_MASTER_DATA": master, "RETURN": [message("S", "KO/107", f"Order {number} created")]}


def _order_reasons(books: FiCoBooks, master: Row) -> list[Row]:
    reasons = []
    if master["ORDER_TYPE"] not in books.order_types:
        reasons.append(message("E", "KO/001", f"Order type {master['ORDER_TYPE']} is not defined"))
    if master["CO_AREA"] != books.area or master["COMP_CODE"] != books.company:
        reasons.append(message("E", "KO/002", "Controlling area or company code is not defined"))
    if not master["ORDER"]:
        reasons.append(message("E", "KO/003", "Enter a number: the order type has external numbers"))
    elif master["ORDER"] in books.orders:
        reasons.append(message("E", "KO/004", f"Order {master['ORDER']} already exists"))
    if not master["ORDER_NAME"]:
        reasons.append(message("E", "KO/005", "Enter a description"))
    return reasons


def list_orders(work: Work, told: Row) -> Answer:
    """List orders by area, type and external number."""
    rows = [
        {"ORDER": number, "ORDER_NAME": order["master"]["ORDER_NAME"]}
        for number, order in work.books.orders.items()
        if told["CONTROLLING_AREA"] in ("", order["master"]["CO_AREA"])
        and told["ORDER_TYPE"] in ("", order["master"]["ORDER_TYPE"])
        and told["ORDER_EXTERNAL_NO"] in ("", order["master"]["EXT_ORD_NO"])
    ]
    return {"ORDER_LIST": rows}


def show_order(work: Work, told: Row) -> Answer:
    """Show one order with its status."""
    order = work.books.orders.get(told["ORDERID"])
    if order is None:
        return {"RETURN": message("E", "KO/006", f"Order {told['ORDERID']} does not exist")}
    status = order["status"]
    text = {"I0002": "REL", "I0045": "TECO", "I0046": "CLSD"}.get(status, "")
    return {"MASTER_DATA": order["master"], "SYSTEM_STATUS": [{"SYS_STATUS": status, "SY_ST_TEXT": text}]}


# ---------------------------------------------------------------------- allocations


def check_allocation(work: Work, told: Row) -> Answer:
    """Look at an allocation without posting it."""
    return {"RETURN": _allocation_reasons(work.books, told)}


def post_allocation(work: Work, told: Row) -> Answer:
    """Move hours from a centre to an order, at SAP's tariff: the centre gives what the order takes."""
    reasons = _allocation_reasons(work.books, told)
    if reasons:
        return {"DOC_NO": "", "RETURN": reasons}
    header, books = told["DOC_HEADER"], work.books
    number = f"{books.draw('CO', 200_000_000):010}"
    items = []
    for item in told["DOC_ITEMS"]:
        tariff = books.tariffs[item["SEND_CCTR"], item["ACTTYPE"]]
        amount = (item["ACTVTY_QTY"] * tariff).quantize(
            Decimal((0, (1,), -books.digits(books.currency))), ROUND_HALF_UP
        )
        items.append({**item, "AMOUNT": amount})

    def write(there: FiCoBooks) -> None:
        there.allocations[number] = {"header": dict(header), "items": items}

    work.hold(write)
    return {"DOC_NO": number, "RETURN": [message("S", "BK/003", f"Document is posted under number {number}")]}


def _allocation_reasons(books: FiCoBooks, told: Row) -> list[Row]:
    header, reasons = told["DOC_HEADER"], []
    if header["CO_AREA"] != books.area:
        reasons.append(message("E", "KI/101", f"Controlling area {header['CO_AREA']} does not exist"))
    closed = period_reasons(books, header["POSTGDATE"])
    reasons += [{**reason, "ID": "KI", "NUMBER": "265"} if reason["ID"] == "F5" else reason for reason in closed]
    for place, item in enumerate(told["DOC_ITEMS"], start=1):
        where = {"parameter": "DOC_ITEMS", "row": place}
        if item["SEND_CCTR"] not in books.centres:
            reasons.append(message("E", "KI/235", f"Cost center {item['SEND_CCTR']} does not exist", **where))
        if (item["SEND_CCTR"], item["ACTTYPE"]) not in books.tariffs:
            text = f"No price for {item['SEND_CCTR']}/{item['ACTTYPE']}"
            reasons.append(message("E", "KL/023", text, **where))
        if item["REC_ORDER"] not in books.orders:
            reasons.append(message("E", "KI/238", f"Order {item['REC_ORDER']} does not exist", **where))
        if item["ACTVTY_QTY"] <= 0:
            reasons.append(message("E", "KI/280", "Enter a quantity", **where))
    return reasons


# ---------------------------------------------------------------------- CATS


def insert_sheets(work: Work, told: Row) -> Answer:
    """Enter records of CATS: all of them or none."""
    books = work.books
    reasons = _sheet_reasons(books, told["PROFILE"], told["CATSRECORDS_IN"])
    if reasons:
        return {"RETURN": reasons}
    rows = []
    for record in told["CATSRECORDS_IN"]:
        number = "0" * 12 if told["TESTRUN"] else f"{books.draw('CATS', 1):012}"
        rows.append({**record, "COUNTER": number, "STATUS": "30"})

    def write(there: FiCoBooks) -> None:
        there.sheets.update({row["COUNTER"]: row for row in rows})

    if not told["TESTRUN"]:
        work.hold(write)
    shown = ("COUNTER", "EMPLOYEENUMBER", "WORKDATE", "CATSHOURS")
    return {"CATSRECORDS_OUT": [{name: row[name] for name in shown} for row in rows]}


def _sheet_reasons(books: FiCoBooks, profile: str, records: Sequence[Row]) -> list[Row]:
    reasons = []
    if profile not in books.profiles:
        reasons.append(message("E", "LR/001", f"Data entry profile {profile} does not exist"))
    for place, record in enumerate(records, start=1):
        where = {"parameter": "CATSRECORDS_IN", "row": place}
        if record["EMPLOYEENUMBER"] not in books.people:
            text = f"Personnel number {record['EMPLOYEENUMBER']} does not exist"
            reasons.append(message("E", "LR/100", text, **where))
        if record["REC_ORDER"] not in books.orders:
            reasons.append(message("E", "KI/238", f"Order {record['REC_ORDER']} does not exist", **where))
        if record["CATSHOURS"] <= 0:
            reasons.append(message("E", "LR/110", "Enter hours", **where))
    return reasons


def delete_sheets(work: Work, told: Row) -> Answer:
    """Cancel records of CATS: they stay in the table with status 60."""
    numbers = [record["COUNTER"] for record in told["CATSRECORDS"]]
    missing = [number for number in numbers if number not in work.books.sheets]
    if missing:
        return {"RETURN": [message("E", "LR/120", f"Record {missing[0]} does not exist")]}

    def write(there: FiCoBooks) -> None:
        for number in numbers:
            there.sheets[number]["STATUS"] = "60"

    if not told["TESTRUN"]:
        work.hold(write)
    return {}
