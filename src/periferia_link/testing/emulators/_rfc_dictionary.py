"""
The dictionary of the stand-in: structures, interfaces of functions, and what RFC does to a value on its way.

It does what is measured of the real library: a text is cut to its field, INT1 and INT2 wrap, both without a word; a
field or parameter that is not there is refused before anything is sent. Lengths of BAPIACHE09, BAPIACGL09, BAPIACCR09
and BAPIRET2 add up to those of the public repositories in the part that stands here; others are from memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, NamedTuple

from periferia_link.testing.emulators._rfc_failures import ExternalRuntimeError

__all__ = ["INTERFACES", "STRUCTURES", "Parameter", "Type", "interface", "received", "returned"]


class Type(NamedTuple):
    """``c`` text, ``n`` digits, ``d`` date, ``p`` packed number, ``1 2 4`` integers of that many bytes."""

    kind: str
    length: int
    decimals: int = 0


def _type(text: str) -> Type:
    kind, rest = text[0], text[1:]
    length, _, decimals = rest.partition(".")
    return Type(kind, int(length or {"d": 8, "1": 1, "2": 2, "4": 4}[kind]), int(decimals or 0))


def _fields(text: str) -> dict[str, Type]:
    pairs = (entry.split() for entry in text.split(","))
    return {name: _type(kind) for name, kind in pairs}


STRUCTURES: Mapping[str, Mapping[str, Type]] = {
    "BAPIACHE09": _fields(
        "OBJ_TYPE c5, OBJ_KEY c20, OBJ_SYS c10, BUS_ACT c4, USERNAME c12, HEADER_TXT c25, COMP_CODE c4, DOC_DATE d, "
        "PSTNG_DATE d, TRANS_DATE d, FISC_YEAR n4, FIS_PERIOD n2, DOC_TYPE c2, REF_DOC_NO c16, AC_DOC_NO c10, "
        "OBJ_KEY_R c20, REASON_REV c2, COMPO_ACC c4, REF_DOC_NO_LONG c35, ACC_PRINCIPLE c4, NEG_POSTNG c1, "
        "OBJ_KEY_INV c20, BILL_CATEGORY c1, VATDATE d, INVOICE_REC_DATE d, ECS_ENV c10"
    ),
    "BAPIACGL09": _fields(
        "ITEMNO_ACC n10, GL_ACCOUNT c10, ITEM_TEXT c50, ALLOC_NMBR c18, REF_KEY_1 c12, REF_KEY_2 c12, REF_KEY_3 c20, "
        "COMP_CODE c4, BUS_AREA c4, FUNC_AREA c16, COSTCENTER c10, ACTTYPE c6, PROFIT_CTR c10, ORDERID c12, "
        "WBS_ELEMENT c24"
    ),
    "BAPIACCR09": _fields(
        "ITEMNO_ACC n10, CURR_TYPE c2, CURRENCY c5, CURRENCY_ISO c3, AMT_DOCCUR p23.4, EXCH_RATE p9.5"
    ),
    "BAPIACREV": _fields(
        "OBJ_TYPE c5, OBJ_KEY c20, OBJ_SYS c10, OBJ_KEY_R c20, PSTNG_DATE d, FIS_PERIOD n2, COMP_CODE c4, "
        "REASON_REV c2, AC_DOC_NO c10"
    ),
    "BAPIRET2": _fields(
        "TYPE c1, ID c20, NUMBER n3, MESSAGE c220, LOG_NO c20, LOG_MSG_NO n6, MESSAGE_V1 c50, MESSAGE_V2 c50, "
        "MESSAGE_V3 c50, MESSAGE_V4 c50, PARAMETER c32, ROW 4, FIELD c30, SYSTEM c10"
    ),
    "BAPI2075_7": _fields(
        "ORDER c12, ORDER_TYPE c4, ORDER_NAME c40, CO_AREA c4, COMP_CODE c4, BUS_AREA c4, PROFIT_CTR c10, "
        "RESPCCTR c10, REQUEST_CCTR c10, EXT_ORD_NO c20, PERSON_RESP c20, IN_CHARGE_USER c12, CURRENCY c5, "
        "DATE_WORK_BEGINS d, DATE_WORK_ENDS d"
    ),
    "BAPI2075_1": _fields("ORDER c12, ORDER_NAME c40"),
    "BAPI2075_3": _fields("SYS_STATUS c5, SY_ST_TEXT c4"),
    "BAPI0012_CCLIST": _fields("CO_AREA c4, COSTCENTER c10, COCNTR_TXT c20"),
    "BAPI0012_CCOUTPUTLIST": _fields(
        "COSTCENTER c10, NAME c20, DESCRIPT c40, VALID_FROM d, VALID_TO d, COMP_CODE c4, CURRENCY c5, "
        "LOCK_IND_ACTUAL_PRIMARY_COSTS c1"
    ),
    "BAPIDOCHDRU12P": _fields("CO_AREA c4, DOCDATE d, POSTGDATE d, VERSION c3, DOC_HDR_TX c50, USERNAME c12"),
    "BAPIAAITM": _fields(
        "SEND_CCTR c10, ACTTYPE c6, ACTVTY_QTY p15.3, ACTIVITYUN c3, PERSON_NO n8, SEG_TEXT c50, REC_CCTR c10, "
        "REC_ORDER c12, REC_WBS_EL c24"
    ),
    "BAPICATS1": _fields(
        "WORKDATE d, EMPLOYEENUMBER n8, SEND_CCTR c10, ACTTYPE c6, REC_CCTR c10, REC_ORDER c12, CATSHOURS p4.2, "
        "UNIT c3, SHORTTEXT c40, EXTSYSTEM c10, EXTAPPLICATION c5, EXTDOCUMENTNO c20"
    ),
    "BAPICATS2": _fields("COUNTER n12, EMPLOYEENUMBER n8, WORKDATE d, CATSHOURS p4.2"),
    "BAPICATS4": _fields("COUNTER n12"),
    "IDRANGE": _fields("SIGN c1, OPTION c2, LOW c10, HIGH c10"),
    "ADDRESSDATA": _fields(
        "CUSTOMER c10, NAME c40, COUNTRY c3, CITY c40, POSTL_COD1 c10, STREET c60, TEL1_NUMBR c30, FAX_NUMBER c30"
    ),
    "KNA1_DETAIL": _fields("CUSTOMER c10, NAME c40, CITY c40, COUNTRY c3, TELEPHONE c30, E_MAIL c241"),
    "FIELDS": _fields("FIELDNAME c30, OFFSET n6, LENGTH n6, TYPE c1, FIELDTEXT c60"),
    "OPTIONS": _fields("TEXT c72"),
    "DATA": _fields("WA c512"),
}
"""Structures by name: field and type."""


class Parameter(NamedTuple):
    """``i`` goes in, ``e`` comes out, ``t`` is a table and goes both ways; of a structure or of a single type."""

    direction: str
    structure: str | None
    type: Type | None


def _interface(text: str) -> dict[str, Parameter]:
    found: dict[str, Parameter] = {}
    for entry in text.split(","):
        direction, rest = entry.split()
        name, _, kind = rest.partition(":")
        is_known = kind in STRUCTURES
        found[name] = Parameter(direction, kind if is_known else None, None if is_known else _type(kind))
    return found


_POSTING = "i DOCUMENTHEADER:BAPIACHE09, t ACCOUNTGL:BAPIACGL09, t CURRENCYAMOUNT:BAPIACCR09, t RETURN:BAPIRET2, "
_OBJECT = "e OBJ_TYPE:c5, e OBJ_KEY:c20, e OBJ_SYS:c10"
_REVERSAL = f"i REVERSAL:BAPIACREV, i BUS_ACT:c4, t RETURN:BAPIRET2, {_OBJECT}"
_ALLOCATION = (
    "i DOC_HEADER:BAPIDOCHDRU12P, i IGNORE_WARNINGS:c1, e DOC_NO:c10, t DOC_ITEMS:BAPIAAITM, t RETURN:BAPIRET2"
)

INTERFACES: Mapping[str, Mapping[str, Parameter]] = {
    name: _interface(text)
    for name, text in {
        "RFC_PING": "e ECHO:c1",
        "STFC_CONNECTION": "i REQUTEXT:c255, e ECHOTEXT:c255, e RESPTEXT:c255",
        "RFC_READ_TABLE": (
            "i QUERY_TABLE:c30, i DELIMITER:c1, i NO_DATA:c1, i ROWSKIPS:4, i ROWCOUNT:4, t OPTIONS:OPTIONS, "
            "t FIELDS:FIELDS, t DATA:DATA"
        ),
        "BAPI_TRANSACTION_COMMIT": "i WAIT:c1, e RETURN:BAPIRET2",
        "BAPI_TRANSACTION_ROLLBACK": "e RETURN:BAPIRET2",
        "BAPI_ACC_DOCUMENT_CHECK": _POSTING + _OBJECT,
        "BAPI_ACC_DOCUMENT_POST": _POSTING + _OBJECT,
        "BAPI_ACC_DOCUMENT_REV_CHECK": _REVERSAL,
        "BAPI_ACC_DOCUMENT_REV_POST": _REVERSAL,
        "BAPI_INTERNALORDER_CREATE": (
            "i I_MASTER_DATA:BAPI2075_7, i TESTRUN:c1, e E_MASTER_DATA:BAPI2075_7, e ORDERID:c12, t RETURN:BAPIRET2"
        ),
        "BAPI_INTERNALORDER_GETLIST": (
            "i CONTROLLING_AREA:c4, i ORDER:c12, i ORDER_TO:c12, i ORDER_EXTERNAL_NO:c20, i ORDER_TYPE:c4, "
            "i RESP_COST_CENTER:c10, t ORDER_LIST:BAPI2075_1, e RETURN:BAPIRET2"
        ),
        "BAPI_INTERNALORDER_GETDETAIL": (
            "i ORDERID:c12, e MASTER_DATA:BAPI2075_7, t SYSTEM_STATUS:BAPI2075_3, e RETURN:BAPIRET2"
        ),
        "BAPI_COSTCENTER_GETLIST1": (
            "i CONTROLLINGAREA:c4, i COMPANYCODE_FROM:c4, i COMPANYCODE_TO:c4, i DATE_FROM:d, i COSTCENTERGROUP:c15, "
            "t COSTCENTERLIST:BAPI0012_CCLIST, t RETURN:BAPIRET2"
        ),
        "BAPI_COSTCENTER_GETDETAIL1": (
            "i CONTROLLINGAREA:c4, i COSTCENTER:c10, i KEYDATE:d, i MASTER_DATA_INACTIVE:c1, "
            "e COSTCENTERDETAIL:BAPI0012_CCOUTPUTLIST, t RETURN:BAPIRET2"
        ),
        "BAPI_ACC_ACTIVITY_ALLOC_CHECK": _ALLOCATION,
        "BAPI_ACC_ACTIVITY_ALLOC_POST": _ALLOCATION,
        "BAPI_CATIMESHEETMGR_INSERT": (
            "i PROFILE:c8, i TESTRUN:c1, i RELEASE_DATA:c1, t CATSRECORDS_IN:BAPICATS1, "
            "t CATSRECORDS_OUT:BAPICATS2, t RETURN:BAPIRET2"
        ),
        "BAPI_CATIMESHEETMGR_DELETE": "i TESTRUN:c1, t CATSRECORDS:BAPICATS4, t RETURN:BAPIRET2",
        "BAPI_CUSTOMER_GETLIST": ("i MAXROWS:4, t IDRANGE:IDRANGE, t ADDRESSDATA:ADDRESSDATA, e RETURN:BAPIRET2"),
        "BAPI_CUSTOMER_GETDETAIL2": (
            "i CUSTOMERNO:c10, i COMPANYCODE:c4, e CUSTOMERADDRESS:KNA1_DETAIL, "
            "e CUSTOMERGENERALDETAIL:KNA1_DETAIL, e RETURN:BAPIRET2"
        ),
    }.items()
}
"""Interfaces by function."""


def interface(function: str) -> Mapping[str, Parameter]:
    """
    Return the interface of a function.

    Raises:
        ExternalRuntimeError: There is no such function.
    """
    try:
        return INTERFACES[function]
    except KeyError:
        msg = f"ID:FL Type:E Number:046 {function}"
        raise ExternalRuntimeError(msg, 17, "RFC_NOT_FOUND", "FL", "E", "046") from None


def received(function: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the parameters as they arrive in SAP: every field of its length and type, missing ones initial.

    Raises:
        ExternalRuntimeError: A parameter or field is not there, or a value cannot be converted.
        TypeError: A value has a type that the library does not take.
    """
    told = interface(function)
    unknown = sorted(parameters.keys() - told.keys())
    if unknown:
        msg = f"field '{unknown[0]}' not found"
        raise ExternalRuntimeError(msg, 20, "RFC_INVALID_PARAMETER")
    found: dict[str, Any] = {}
    for name, parameter in told.items():
        if parameter.direction == "t":
            found[name] = [_structure(parameter.structure or "", row) for row in parameters.get(name) or ()]
        elif parameter.direction == "i":
            given = parameters.get(name)
            found[name] = (
                _structure(parameter.structure, given or {})
                if parameter.structure
                else _value(name, parameter.type or Type("c", 1), given)
            )
    return found


def returned(function: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer as the library gives it: every output is there, texts without the blanks at their end."""
    found: dict[str, Any] = {}
    for name, parameter in interface(function).items():
        given = answer.get(name)
        if parameter.direction == "t":
            found[name] = [_shown(parameter.structure or "", row) for row in given or ()]
        elif parameter.direction == "e" and parameter.structure:
            found[name] = _shown(parameter.structure, given or {})
        elif parameter.direction == "e":
            found[name] = str(given or "").rstrip()
    return found


def _structure(name: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        msg = f"dictionary required for {name}, received {type(given).__name__}"
        raise TypeError(msg)
    fields = STRUCTURES[name]
    for field in given:
        if field not in fields:
            msg = f"field '{field}' not found"
            raise ExternalRuntimeError(msg, 20, "RFC_INVALID_PARAMETER")
    return {field: _value(field, kind, given.get(field)) for field, kind in fields.items()}


def _shown(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    row = _structure(name, given)
    return {field: value.rstrip() if isinstance(value, str) else value for field, value in row.items()}


def _value(name: str, kind: Type, given: Any) -> Any:
    """Convert one value as the library does."""
    if kind.kind == "p":
        return _packed(name, kind, given)
    if kind.kind in "124":
        return _integer(kind, given)
    if kind.kind == "d":
        return _date(name, given)
    if given is None:
        return "0" * kind.length if kind.kind == "n" else ""
    if kind.kind == "n" and isinstance(given, int):
        given = str(given)
    if not isinstance(given, str):
        msg = f"an string is required, received {type(given).__name__} for {name}"
        raise TypeError(msg)
    if kind.kind == "n":
        digits = given.strip() or "0"
        if not digits.isdigit():
            raise _unconvertible(name)
        return digits.zfill(kind.length)[-kind.length :]
    return given[: kind.length]  # cut, and nobody says so


def _packed(name: str, kind: Type, given: Any) -> Decimal:
    if given is None:
        return Decimal(0)
    if not isinstance(given, Decimal | str | int | float):
        msg = f"a decimal or string is required, received {type(given).__name__} for {name}"
        raise TypeError(msg)
    try:
        # a float is taken as it is, with all the digits that it has in truth
        value = Decimal(given).quantize(Decimal((0, (1,), -kind.decimals)), ROUND_HALF_UP)
    except (InvalidOperation, ValueError):
        raise _unconvertible(name) from None
    if abs(value) >= Decimal(10) ** (kind.length - kind.decimals):
        raise _unconvertible(name)
    return value


def _integer(kind: Type, given: Any) -> int:
    if given is None:
        return 0
    if isinstance(given, bool) or not isinstance(given, int):
        msg = f"an integer is required, received {type(given).__name__}"
        raise TypeError(msg)
    bits = 8 * kind.length
    wrapped = given % (1 << bits)  # wraps, and nobody says so
    return wrapped if kind.length == 1 or wrapped < 1 << (bits - 1) else wrapped - (1 << bits)


def _date(name: str, given: Any) -> str:
    if given is None or given == "":
        return ""
    if isinstance(given, date):
        return f"{given:%Y%m%d}"
    if not isinstance(given, str):
        msg = f"date or string required, received {type(given).__name__} for {name}"
        raise TypeError(msg)
    if len(given) != 8 or not given.isdigit():
        raise _unconvertible(name)
    return "" if given == "00000000" else given


def _unconvertible(name: str) -> ExternalRuntimeError:
    return ExternalRuntimeError(f"cannot convert field {name}", 22, "RFC_CONVERSION_FAILURE")
