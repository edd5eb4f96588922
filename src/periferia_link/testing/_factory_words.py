"""Words of a made-up Colombian company: nobody in these lists exists."""

from __future__ import annotations

import random

from periferia_link.domain import nit_check_digit

__all__ = ["CENTRES", "CITIES", "SERVICES", "TASKS", "company_name", "landline", "nit", "person_name", "slug_of"]

_BRANCHES = (
    *("Aceites", "Alimentos", "Almacenes", "Cafés", "Clínica", "Confecciones", "Constructora", "Cooperativa"),
    *("Distribuciones", "Editorial", "Energía", "Fiduciaria", "Laboratorios", "Seguros", "Transportes", "Universidad"),
)
_PLACES = (
    *("del Altiplano", "de la Cordillera", "del Páramo", "de la Sabana", "del Valle", "del Litoral", "del Llano"),
    *("de los Andes", "del Magdalena", "de la Sierra", "del Piedemonte", "de la Ribera", "del Cauca", "del Guáitara"),
)
_FORMS = ("S.A.S.", "S.A.", "Ltda.", "S.A.S.")
_FIRST = ("Alba", "Bruno", "Celia", "Darío", "Elisa", "Fabio", "Greta", "Hugo", "Irene", "Joel", "Lía", "Mateo", "Noa")
_LAST = ("Albarracín", "Bedoya", "Cifuentes", "Dávalos", "Estupiñán", "Fajardo", "Galvis", "Hinestroza", "Izquierdo")

CITIES = ("Bogotá", "Medellín", "Cali", "Barranquilla", "Bucaramanga", "Cartagena", "Pereira", "Manizales", "Tunja")
SERVICES = ("Fábrica de software", "Fábrica de pruebas", "Mesa de ayuda", "Analítica", "Modernización de aplicaciones")
TASKS = ("Desarrollo", "Pruebas", "Análisis", "Soporte", "Reunión con el cliente", "Despliegue", "Documentación")
CENTRES = ("FABSW", "FABQA", "CONSU", "HELPC")


def company_name(dice: random.Random, number: int) -> str:
    """Return the name of a company, unlike that of every other number."""
    return f"{dice.choice(_BRANCHES)} {dice.choice(_PLACES)} {number} {dice.choice(_FORMS)}"


def person_name(dice: random.Random) -> str:
    """Return a first name and two surnames."""
    first, second = dice.sample(_LAST, 2)
    return f"{dice.choice(_FIRST)} {first} {second}"


def nit(seed: int, number: int) -> str:
    """Return a NIT with its right check digit, from a range that is given to nobody (990… to 999…)."""
    body = str(990_000_000 + (seed * 100_003 + number) % 10_000_000)
    return f"{body}-{nit_check_digit(body)}"


def landline(dice: random.Random) -> str:
    """Return a telephone number of Bogotá."""
    return f"+57 601 555 {dice.randrange(10_000):04}"


def slug_of(text: str) -> str:
    """Return the letters of a text as they stand in an address."""
    plain = text.lower().translate(str.maketrans("áéíóúüñ", "aeiouun"))
    return "".join(letter if letter.isalnum() else "-" for letter in plain).strip("-").replace("--", "-")
