"""Countries as people write them in a CRM, as ISO 3166-1 alpha-2 codes: the Americas and Spain."""

from __future__ import annotations

import unicodedata
from types import MappingProxyType

__all__ = ["country_code"]

# code, alpha-3, then names in Spanish, English and Portuguese without accents
_NAMES = """
AR ARG argentina|republica argentina
BO BOL bolivia|estado plurinacional de bolivia
BR BRA brasil|brazil
BZ BLZ belice|belize
CA CAN canada
CL CHL chile
CO COL colombia|republica de colombia
CR CRI costa rica
CU CUB cuba
DO DOM republica dominicana|dominican republic|rep dominicana
EC ECU ecuador
ES ESP espana|spain|espanha
GT GTM guatemala
GY GUY guyana
HN HND honduras
HT HTI haiti
JM JAM jamaica
MX MEX mexico|estados unidos mexicanos
NI NIC nicaragua
PA PAN panama
PE PER peru
PR PRI puerto rico
PY PRY paraguay|paraguai
SR SUR surinam|suriname
SV SLV el salvador
TT TTO trinidad y tobago|trinidad and tobago
US USA estados unidos|united states|united states of america|estados unidos de america|eeuu|ee uu
UY URY uruguay|uruguai
VE VEN venezuela|republica bolivariana de venezuela
"""


def _table() -> dict[str, str]:
    table: dict[str, str] = {}
    for line in _NAMES.strip().splitlines():
        code, long_code, names = line.split(" ", 2)
        table |= dict.fromkeys([long_code.lower(), *names.split("|")], code)
    return table


_CODES = MappingProxyType(_table())


def country_code(text: str) -> str | None:
    """Return the code of a country given by code or name, or ``None`` when nobody here knows it."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    plain = " ".join(plain.replace(".", " ").replace(",", " ").split())
    if len(plain) == 2 and plain.isalpha():
        return plain.upper()
    return _CODES.get(plain) or _CODES.get(plain.replace(" ", ""))
