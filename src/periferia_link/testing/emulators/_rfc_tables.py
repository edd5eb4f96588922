"""RFC_READ_TABLE in the stand-in: fixed columns, 512 bytes a row, conditions in lines of 72 characters, no order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal

from periferia_link.testing.emulators._rfc_books import FiCoBooks, Row
from periferia_link.testing.emulators._rfc_failures import ABAPApplicationError
from periferia_link.testing.emulators._rfc_work import Answer, Work

__all__ = ["TABLES", "read_table"]

_ROW_BYTES = 512

# exceptions of the function, with the message behind each
_NO_TABLE = ("TABLE_NOT_AVAILABLE", "DA", "131")
_NO_FIELD = ("FIELD_NOT_VALID", "SV", "754")
_NO_OPTION = ("OPTION_NOT_VALID", "SV", "013")
_TOO_WIDE = ("DATA_BUFFER_EXCEEDED", "SV", "559")

# Table -> columns with their output length; P columns are numbers and stand right-aligned.
_COLUMNS: Mapping[str, str] = {
    "T001": "MANDT 3, BUKRS 4, BUTXT 25, ORT01 25, LAND1 3, WAERS 5",
    "TCURX": "CURRKEY 5, CURRDEC 3",
    "TCURR": "MANDT 3, KURST 4, FCURR 5, TCURR 5, GDATU 8, UKURS P12, FFACT P10, TFACT P10",
    "BKPF": (
        "MANDT 3, BUKRS 4, BELNR 10, GJAHR 4, BLART 2, BUDAT 8, XBLNR 16, BKTXT 25, WAERS 5, HWAER 5, STBLG 10, "
        "XREVERSAL 1, USNAM 12, BSTAT 1"
    ),
    "BSEG": (
        "MANDT 3, BUKRS 4, BELNR 10, GJAHR 4, BUZEI 3, SHKZG 1, WRBTR P16, DMBTR P16, HKONT 10, KOSTL 10, AUFNR 12, "
        "SGTXT 50, ZUONR 18, LONGTEXT 999"
    ),
    "AUFK": "MANDT 3, AUFNR 12, AUART 4, KTEXT 40, BUKRS 4, KOKRS 4, AUFEX 20",
    "KNA1": "MANDT 3, KUNNR 10, NAME1 35, STCD1 16, LOEVM 1, LAND1 3",
    "COBK": "MANDT 3, KOKRS 4, BELNR 10, BUDAT 8, BLTXT 50, USNAM 12",
    "COEP": (
        "MANDT 3, KOKRS 4, BELNR 10, BUZEI 3, LSTAR 6, MBGBTR P18, WTGBTR P16, KOSTL 10, AUFNR 12, PERNR 8, SGTXT 50"
    ),
    "CATSDB": (
        "MANDT 3, COUNTER 12, PERNR 8, WORKDATE 8, CATSHOURS P6, SKOSTL 10, RAUFNR 12, LTXA1 40, STATUS 2, "
        "EXTSYSTEM 10, EXTAPPLICATION 5, EXTDOCUMENTNO 20"
    ),
}


def _parsed(text: str) -> dict[str, tuple[int, bool]]:
    pairs = (entry.split() for entry in text.split(","))
    return {name: (int(size.lstrip("P")), size.startswith("P")) for name, size in pairs}


TABLES: Mapping[str, Mapping[str, tuple[int, bool]]] = {name: _parsed(text) for name, text in _COLUMNS.items()}
"""Tables by name: column, its length, and whether it is a number."""


def read_table(work: Work, told: Row) -> Answer:
    """
    Answer RFC_READ_TABLE.

    Raises:
        ABAPApplicationError: One of the exceptions of the function.
    """
    columns = TABLES.get(told["QUERY_TABLE"])
    if columns is None:
        raise _exception(_NO_TABLE)
    asked = [row["FIELDNAME"].strip() for row in told["FIELDS"]] or list(columns)
    unknown = [name for name in asked if name not in columns]
    if unknown:
        raise _exception(_NO_FIELD)
    if sum(columns[name][0] for name in asked) > _ROW_BYTES:
        raise _exception(_TOO_WIDE)
    holds = _condition([row["TEXT"] for row in told["OPTIONS"]], columns)
    rows = [row for row in _ROWS[told["QUERY_TABLE"]](work.books) if holds(row)]
    rows.reverse()  # as the database finds them, and nobody promised an order
    rows = rows[told["ROWSKIPS"] :][: told["ROWCOUNT"] or None]
    fields, offset = [], 0
    for name in asked:
        length, is_number = columns[name]
        told_type = "P" if is_number else "C"
        fields.append({"FIELDNAME": name, "OFFSET": f"{offset:06}", "LENGTH": f"{length:06}", "TYPE": told_type})
        offset += length
    cells = [[_cell(row.get(name, ""), *columns[name]) for name in asked] for row in rows]
    if told["DELIMITER"]:
        return {"FIELDS": fields, "DATA": [{"WA": told["DELIMITER"].join(row)} for row in cells]}
    return {"FIELDS": fields, "DATA": [{"WA": "".join(row)} for row in cells] if not told["NO_DATA"] else []}


def _cell(value: object, length: int, is_number: bool) -> str:  # noqa: FBT001 - from the table of columns
    if is_number:
        text = f"{abs(Decimal(str(value or 0)))}"
        sign = "-" if Decimal(str(value or 0)) < 0 else " "
        return f"{text}{sign}".rjust(length)[-length:]
    return str(value)[:length].ljust(length)


def _exception(told: tuple[str, str, str]) -> ABAPApplicationError:
    key, area, number = told
    return ABAPApplicationError(f"ID:{area} Type:E Number:{number} {key}", 5, key, area, "E", number)


# ---------------------------------------------------------------------- conditions

_TOKEN = re.compile(r"\s*(?:'((?:[^']|'')*)'|(<>|<=|>=|=|<|>|\(|\))|([A-Za-z_/][\w/]*))")
_COMPARE: Mapping[str, Callable[[str, str], bool]] = {
    "=": lambda left, right: left == right,
    "<>": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "LIKE": lambda left, right: (
        re.fullmatch("".join({"%": ".*", "_": "."}.get(sign, re.escape(sign)) for sign in right), left) is not None
    ),
}
_WORDS = {"EQ": "=", "NE": "<>", "LT": "<", "LE": "<=", "GT": ">", "GE": ">="}


def _condition(lines: Sequence[str], columns: Mapping[str, object]) -> Callable[[Row], bool]:
    """Read a condition: comparisons, AND, OR, parentheses."""
    # lines are fields of 72 characters: what fills one to the end grows together with the next
    text = "".join(line.ljust(72) for line in lines).strip()
    if not text:
        return lambda _: True
    tokens = _tokens(text)
    held = list(tokens)
    made = _either(held, columns)
    if held:
        raise _exception(_NO_OPTION)
    return made


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise _exception(_NO_OPTION)
        place = found.end()
        if found[1] is not None:
            yield "value", found[1].replace("''", "'")
        elif found[2]:
            yield "sign", found[2]
        else:
            word = found[3].upper()
            yield ("sign", _WORDS[word]) if word in _WORDS else ("word", word)


def _either(tokens: list[tuple[str, str]], columns: Mapping[str, object]) -> Callable[[Row], bool]:
    parts = [_both(tokens, columns)]
    while tokens and tokens[0] == ("word", "OR"):
        tokens.pop(0)
        parts.append(_both(tokens, columns))
    return lambda row: any(part(row) for part in parts)


def _both(tokens: list[tuple[str, str]], columns: Mapping[str, object]) -> Callable[[Row], bool]:
    parts = [_one(tokens, columns)]
    while tokens and tokens[0] == ("word", "AND"):
        tokens.pop(0)
        parts.append(_one(tokens, columns))
    return lambda row: all(part(row) for part in parts)


def _one(tokens: list[tuple[str, str]], columns: Mapping[str, object]) -> Callable[[Row], bool]:
    kind, text = tokens.pop(0) if tokens else ("end", "")
    if (kind, text) == ("sign", "("):
        inner = _either(tokens, columns)
        if not tokens or tokens.pop(0) != ("sign", ")"):
            raise _exception(_NO_OPTION)
        return inner
    if kind != "word" or text not in columns or len(tokens) < 2:
        raise _exception(_NO_OPTION)
    operator, value = tokens.pop(0)[1], tokens.pop(0)
    if operator not in _COMPARE or value[0] != "value":
        raise _exception(_NO_OPTION)
    compare = _COMPARE[operator]
    return lambda row: compare(str(row.get(text, "")).rstrip(), value[1])


# ---------------------------------------------------------------------- rows


def _companies(books: FiCoBooks) -> Iterator[Row]:
    yield {"BUKRS": books.company, "BUTXT": books.name, "LAND1": "CO", "WAERS": books.currency}


def _currencies(books: FiCoBooks) -> Iterator[Row]:
    for currency, digits in books.decimals.items():
        yield {"CURRKEY": currency, "CURRDEC": str(digits)}


def _rates(books: FiCoBooks) -> Iterator[Row]:
    for (currency, day), rate in books.daily_rates.items():
        told = {"KURST": "M", "FCURR": currency, "TCURR": books.currency, "GDATU": f"{99_999_999 - int(day):08}"}
        yield told | {"UKURS": rate, "FFACT": 1, "TFACT": 1}


def _documents(books: FiCoBooks) -> Iterator[Row]:
    for document in books.documents.values():
        yield {
            "BUKRS": document.company,
            "BELNR": document.number,
            "GJAHR": document.year,
            "BLART": document.type,
            "BUDAT": document.posted_on,
            "XBLNR": document.reference,
            "BKTXT": document.text,
            "WAERS": document.currency,
            "HWAER": document.local_currency,
            "STBLG": document.reversed_by,
            "XREVERSAL": document.reversal,
            "USNAM": document.user,
        }


def _stored(books: FiCoBooks, amount: Decimal, currency: str) -> Decimal:
    """Return an amount as a table keeps it: two decimals for every currency, the point moved."""
    return abs(amount).scaleb(books.digits(currency) - 2).quantize(Decimal("0.01"))


def _items(books: FiCoBooks) -> Iterator[Row]:
    for document in books.documents.values():
        for place, item in enumerate(document.items, start=1):
            yield {
                "BUKRS": document.company,
                "BELNR": document.number,
                "GJAHR": document.year,
                "BUZEI": f"{place:03}",
                "SHKZG": "S" if item.amount > 0 else "H",
                "WRBTR": _stored(books, item.amount, document.currency),
                "DMBTR": _stored(books, item.local, document.local_currency),
                "HKONT": item.account,
                "KOSTL": item.centre,
                "AUFNR": item.order,
                "SGTXT": item.text,
                "ZUONR": item.assignment,
            }


def _orders(books: FiCoBooks) -> Iterator[Row]:
    for number, order in books.orders.items():
        master = order["master"]
        yield {
            "AUFNR": number,
            "AUART": master["ORDER_TYPE"],
            "KTEXT": master["ORDER_NAME"],
            "BUKRS": master["COMP_CODE"],
            "KOKRS": master["CO_AREA"],
            "AUFEX": master["EXT_ORD_NO"],
        }


def _customers(books: FiCoBooks) -> Iterator[Row]:
    for number, customer in books.customers.items():
        yield {
            "KUNNR": number,
            "NAME1": customer.get("NAME", ""),
            "STCD1": customer.get("STCD1", ""),
            "LOEVM": customer.get("LOEVM", ""),
            "LAND1": customer.get("COUNTRY", ""),
        }


def _allocation_heads(books: FiCoBooks) -> Iterator[Row]:
    for number, document in books.allocations.items():
        header = document["header"]
        yield {"KOKRS": books.area, "BELNR": number, "BUDAT": header["POSTGDATE"], "BLTXT": header["DOC_HDR_TX"]}


def _allocation_items(books: FiCoBooks) -> Iterator[Row]:
    for number, document in books.allocations.items():
        for place, item in enumerate(document["items"], start=1):
            yield {
                "KOKRS": books.area,
                "BELNR": number,
                "BUZEI": f"{place:03}",
                "LSTAR": item["ACTTYPE"],
                "MBGBTR": item["ACTVTY_QTY"],
                "WTGBTR": _stored(books, item["AMOUNT"], books.currency),
                "KOSTL": item["SEND_CCTR"],
                "AUFNR": item["REC_ORDER"],
                "PERNR": item["PERSON_NO"],
                "SGTXT": item["SEG_TEXT"],
            }


def _sheets(books: FiCoBooks) -> Iterator[Row]:
    for number, sheet in books.sheets.items():
        yield {
            "COUNTER": number,
            "PERNR": sheet["EMPLOYEENUMBER"],
            "WORKDATE": sheet["WORKDATE"],
            "CATSHOURS": sheet["CATSHOURS"],
            "SKOSTL": sheet["SEND_CCTR"],
            "RAUFNR": sheet["REC_ORDER"],
            "LTXA1": sheet["SHORTTEXT"],
            "STATUS": sheet["STATUS"],
            "EXTSYSTEM": sheet["EXTSYSTEM"],
            "EXTDOCUMENTNO": sheet["EXTDOCUMENTNO"],
        }


_ROWS: Mapping[str, Callable[[FiCoBooks], Iterator[Row]]] = {
    "T001": _companies,
    "TCURX": _currencies,
    "TCURR": _rates,
    "BKPF": _documents,
    "BSEG": _items,
    "AUFK": _orders,
    "KNA1": _customers,
    "COBK": _allocation_heads,
    "COEP": _allocation_items,
    "CATSDB": _sheets,
}
