"""
What fits into a field of a BAPI: RFC cuts a longer text and wraps a larger number without a word, so it is asked here.

Sources: the dictionary structures named below as the public function repositories print them (BAPIACHE09 has 251
bytes, BAPIRET2 548), their amounts from BAPIACCR09-AMT_DOCCUR DEC 23,4; the client library's own list of what it does
in silence (pyrfcx: CHAR is cut, INT1 and INT2 wrap). Lengths of BAPI2075_7, BAPIDOCHDRU12P, BAPIAAITM and BAPICATS1
stand here from memory of their data elements and are not verified on SAP; ``lengths`` of the options corrects one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from periferia_link.errors import ConfigurationError, RecordInvalidError

__all__ = ["LIMITS", "Limits", "Width"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Width(NamedTuple):
    """Room of a field: ``char`` and ``numc`` in characters, ``dec`` in digits and decimals, ``date``."""

    type: Literal["char", "numc", "dec", "date"]
    length: int
    decimals: int = 0


def _structure(text: str) -> Mapping[str, Width]:
    """Read ``HEADER_TXT 25, ITEMNO_ACC n10, AMT_DOCCUR d23.4, DOC_DATE @``."""
    fields: dict[str, Width] = {}
    for entry in text.split(","):
        name, _, room = entry.strip().partition(" ")
        if room == "@":
            fields[name] = Width("date", 8)
        elif room.startswith("d"):
            digits, _, decimals = room[1:].partition(".")
            fields[name] = Width("dec", int(digits), int(decimals or 0))
        elif room.startswith("n"):
            fields[name] = Width("numc", int(room[1:]))
        else:
            fields[name] = Width("char", int(room))
    return MappingProxyType(fields)


LIMITS: Mapping[str, Mapping[str, Width]] = MappingProxyType(
    {
        "BAPIACHE09": _structure(
            "BUS_ACT 4, USERNAME 12, HEADER_TXT 25, COMP_CODE 4, DOC_DATE @, PSTNG_DATE @, TRANS_DATE @, "
            "FISC_YEAR n4, FIS_PERIOD n2, DOC_TYPE 2, REF_DOC_NO 16, NEG_POSTNG 1"
        ),
        "BAPIACGL09": _structure(
            "ITEMNO_ACC n10, GL_ACCOUNT 10, ITEM_TEXT 50, ALLOC_NMBR 18, COSTCENTER 10, ACTTYPE 6, PROFIT_CTR 10, "
            "ORDERID 12, WBS_ELEMENT 24, BUS_AREA 4, FUNC_AREA 16, COMP_CODE 4, REF_KEY_1 12, REF_KEY_2 12, "
            "REF_KEY_3 20"
        ),
        "BAPIACCR09": _structure(
            "ITEMNO_ACC n10, CURR_TYPE 2, CURRENCY 5, CURRENCY_ISO 3, AMT_DOCCUR d23.4, EXCH_RATE d9.5"
        ),
        "BAPIACREV": _structure(
            "OBJ_TYPE 5, OBJ_KEY 20, OBJ_SYS 10, OBJ_KEY_R 20, PSTNG_DATE @, FIS_PERIOD n2, COMP_CODE 4, "
            "REASON_REV 2, AC_DOC_NO 10"
        ),
        "BAPI2075_7": _structure(
            "ORDER 12, ORDER_TYPE 4, ORDER_NAME 40, CO_AREA 4, COMP_CODE 4, BUS_AREA 4, PROFIT_CTR 10, RESPCCTR 10, "
            "REQUEST_CCTR 10, EXT_ORD_NO 20, PERSON_RESP 20, IN_CHARGE_USER 12, CURRENCY 5, DATE_WORK_BEGINS @, "
            "DATE_WORK_ENDS @"
        ),
        "BAPIDOCHDRU12P": _structure("CO_AREA 4, DOCDATE @, POSTGDATE @, DOC_HDR_TX 50, USERNAME 12, VERSION 3"),
        "BAPIAAITM": _structure(
            "SEND_CCTR 10, ACTTYPE 6, ACTVTY_QTY d15.3, ACTIVITYUN 3, PERSON_NO n8, SEG_TEXT 50, REC_CCTR 10, "
            "REC_ORDER 12, REC_WBS_EL 24"
        ),
        "BAPICATS4": _structure("COUNTER n12"),
        "BAPICATS1": _structure(
            "WORKDATE @, EMPLOYEENUMBER n8, SEND_CCTR 10, ACTTYPE 6, REC_CCTR 10, REC_ORDER 12, CATSHOURS d4.2, "
            "UNIT 3, SHORTTEXT 40, EXTSYSTEM 10, EXTAPPLICATION 5, EXTDOCUMENTNO 20"
        ),
    }
)
"""Room of every field that is sent, by structure."""


class Limits:
    """
    The room of this installation's fields: those of SAP, and changes by ``STRUCTURE-FIELD``.

    Raises:
        ConfigurationError: A change names no structure of ours, or a length below 1.
    """

    def __init__(self, changes: Mapping[str, int] | None = None) -> None:
        self._room = {name: dict(fields) for name, fields in LIMITS.items()}
        for place, length in (changes or {}).items():
            structure, _, field = place.partition("-")
            if structure not in self._room or not field or isinstance(length, bool) or length < 1:
                msg = f"lengths: {place} is no field with a length"
                raise ConfigurationError(msg, hint=f'write it as "BAPIACHE09-HEADER_TXT" = 25; {", ".join(LIMITS)}')
            self._room[structure][field] = Width("char", length)

    def knows(self, structure: str, field: str) -> bool:
        """Whether the room of a field is known."""
        return field in self._room[structure]

    def fitted(self, structure: str, values: Mapping[str, Any], *, where: str = "") -> dict[str, Any]:
        """
        Return the values as they travel, all of them with room enough; ``None`` and empty texts stay at home.

        Args:
            structure: Name of the structure.

            values: By field: text, date, Decimal or int.

            where: Which row, for the message: ``line 2: ``.

        Raises:
            RecordInvalidError: One does not fit; the message names field, limit and length, never the value.
            ConfigurationError: The room of a field is not known.
        """
        return {
            field: self._fitted(structure, field, value, where)
            for field, value in values.items()
            if value is not None and value != ""
        }

    def _fitted(self, structure: str, field: str, value: Any, where: str) -> str | Decimal:
        room = self._room[structure].get(field)
        if room is None:
            msg = f"how many characters {structure}-{field} has is not known"
            raise ConfigurationError(msg, hint=f'say it in the options: lengths = {{ "{structure}-{field}" = 20 }}')
        name = f"{where}{structure}-{field}"
        if isinstance(value, date):
            return value.strftime("%Y%m%d").zfill(8)
        if room.type == "dec":
            return _number(Decimal(value), room, name)
        text = str(value)
        if len(text) > room.length:
            msg = f"{name} has {len(text)} characters, SAP keeps {room.length} and would cut the rest without a word"
            raise RecordInvalidError(msg, hint="shorten it in the source system, or change what the flow puts there")
        if _CONTROL.search(text):
            msg = f"{name} holds a line break or another control character"
            raise RecordInvalidError(msg, hint="remove it in the source system")
        if room.type == "numc":
            if not (text.isascii() and text.isdigit()):
                msg = f"{name} takes digits only"
                raise RecordInvalidError(msg, hint="give the number as SAP has it")
            return text.zfill(room.length)
        return text


def _number(value: Decimal, room: Width, name: str) -> Decimal:
    """Return a number that SAP keeps digit by digit; a Decimal, for a float is never exact."""
    if not value.is_finite():
        msg = f"{name} is no number"
        raise RecordInvalidError(msg, hint="correct it in the source system")
    digits = value.normalize().as_tuple()
    exponent = int(digits.exponent)
    decimals, whole = max(0, -exponent), max(0, len(digits.digits) + exponent)
    if decimals > room.decimals:
        msg = f"{name} has {decimals} decimals, SAP keeps {room.decimals}"
        raise RecordInvalidError(msg, hint="round it in the flow, to the decimals of the books")
    if whole > room.length - room.decimals:
        msg = f"{name} has {whole} digits before the point, SAP keeps {room.length - room.decimals}"
        raise RecordInvalidError(msg, hint="post it in parts")
    return value
