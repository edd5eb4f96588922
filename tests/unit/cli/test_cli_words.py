"""Spanish and English, side by side."""

from __future__ import annotations

import re
import string
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path

import pytest

pytest.importorskip("rich", reason="the extra cli is not installed")

import periferia_link
from periferia_link.cli._reasons import in_spanish
from periferia_link.cli._words import TEXTS, Words, spoken_language
from periferia_link.cli.demo._texts import PICTURES
from periferia_link.cli.demo._texts import TEXTS as DEMO_TEXTS

SOURCE = Path(periferia_link.__file__).parent / "cli"
EVERY = {**TEXTS, **DEMO_TEXTS}


def places(text):
    """Name what a text leaves to be filled in."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


class TestTexts:
    @pytest.mark.parametrize("name", EVERY)
    def test_both_languages_say_the_same(self, name):
        """Each text has its twin, with the same values in it."""
        spanish, english = EVERY[name]
        assert spanish.strip()
        assert english.strip()
        assert places(spanish) == places(english)
        assert spanish.count("|") == english.count("|")

    def test_no_text_is_forgotten(self):
        """Every text is asked for somewhere, by its name or by the family of its name."""
        code = "".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
        families = tuple(f"{family}." for family in re.findall(r'f"([a-z]+)\.\{', code))
        # each text stands once where it is defined
        assert [
            name for name in EVERY if len(re.findall(f"[\"']{name}[\"']", code)) < 2 and not name.startswith(families)
        ] == []

    def test_the_pictures_fit(self):
        """The drawing of the chain fits a terminal of 80 characters."""
        assert all(len(line) < 80 for picture in PICTURES.values() for line in picture.splitlines())

    def test_one_and_many(self):
        """``|`` parts one from many."""
        words = Words("es")
        assert "clients: 1 cambio" == words("plan.changes", flow="clients", n=1)
        assert "clients: 1.200 cambios" == words("plan.changes", flow="clients", n=1200)

    def test_more_texts(self):
        """A part of the command brings its own texts and keeps the others."""
        words = Words("en").spoken("es", {"own.text": ("hola {name}", "hello {name}")})
        assert "hola Ana" == words("own.text", name="Ana")
        assert words.has("plan.nothing")
        assert not words.has("stage.table person")


class TestValues:
    @pytest.mark.parametrize(
        ("value", "spanish", "english"),
        [
            (1234567, "1.234.567", "1,234,567"),
            (Decimal("1234.50"), "1.234,50", "1,234.50"),
            (Decimal("433600.00"), "433.600", "433,600"),
            (Decimal("-0.75"), "-0,75", "-0.75"),
            (12.34, "12,3", "12.3"),
            (date(2026, 1, 5), "5 ene 2026", "5 Jan 2026"),
            (datetime(2026, 8, 5, tzinfo=timezone.utc), "5 ago 2026", "5 Aug 2026"),
            ("C-1", "C-1", "C-1"),
            (True, "True", "True"),
        ],
    )
    def test_as_people_write_them(self, value, spanish, english):
        """Numbers, money and days follow the language."""
        assert spanish == Words("es").shown(value)
        assert english == Words("en").shown(value)


class TestLanguage:
    @pytest.mark.parametrize(
        ("asked", "environ", "language"),
        [
            ("es", {"LANG": "en_US.UTF-8"}, "es"),
            ("en", {"LANG": "es_CO.UTF-8"}, "en"),
            (None, {"LANG": "es_CO.UTF-8"}, "es"),
            (None, {"LC_ALL": "C", "LANG": "es_CO.UTF-8"}, "en"),
            (None, {"LC_MESSAGES": "es_MX", "LANG": "en_US"}, "es"),
            (None, {"LC_ALL": "", "LANG": "pt_BR"}, "en"),
        ],
    )
    def test_what_is_asked_wins(self, asked, environ, language):
        """The option, then the locale; English where nobody says anything that we speak."""
        assert language == spoken_language(asked, environ)

    def test_without_any_variable(self, monkeypatch):
        """Where the environment says nothing, the operating system does."""
        monkeypatch.setattr("locale.getlocale", lambda: ("Spanish_Colombia", "1252"))
        assert "es" == spoken_language(None, {})
        monkeypatch.setattr("locale.getlocale", lambda: (None, None))
        assert "en" == spoken_language(None, {})


class TestReasons:
    @pytest.mark.parametrize(
        ("english", "spanish"),
        [
            ("tax id: the check digit should be 8", "el dígito de verificación del NIT debería ser 8"),
            ("no project P-1 in erp", "no hay el proyecto P-1 en erp"),
            ("name has 120 characters, SAP keeps 100", "nombre tiene 120 caracteres, SAP guarda 100"),
            ("something that nobody translated", "something that nobody translated"),
        ],
    )
    def test_known_sentences(self, english, spanish):
        """Known sentences are said in Spanish, others stay as they are."""
        assert spanish == in_spanish(english)
        assert english == Words("en").sentence(english)
        assert spanish == Words("es").sentence(english)
