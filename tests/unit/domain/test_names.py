"""Company names folded for comparing."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest

from periferia_link.domain import folded_name

COMPANIES = Path(__file__).parents[4] / "shared" / "data" / "companies_co.csv"


class TestFoldedName:
    @pytest.mark.parametrize(
        ("name", "folded"),
        [
            ("Cerámica Italia S.A.", "CERAMICA ITALIA"),
            ("CERAMICA ITALIA SA", "CERAMICA ITALIA"),
            ("Cerámica   Italia, S. A. S.", "CERAMICA ITALIA"),
            ("C.I. BIOCOSTA S.A", "BIOCOSTA"),
            ("EMPRESAS PÚBLICAS DE MEDELLÍN E.S.P.", "EMPRESAS PUBLICAS DE MEDELLIN"),
            ("Acueducto S.A. E.S.P.", "ACUEDUCTO"),
            ("Peña & Muñoz Ltda.", "PENA MUNOZ"),
            ("Grupo Andino S. de R.L. de C.V.", "GRUPO ANDINO"),
            ("Pérez Hermanos S. en C.", "PEREZ HERMANOS"),
            ("Straße GmbH", "STRASSE GMBH"),
        ],
    )
    def test_legal_forms_accents_and_dots_fall_away(self, name, folded):
        """What two clerks type for one company becomes one text."""
        assert folded == folded_name(name)

    def test_a_name_that_is_only_a_legal_form_stays(self):
        """Something must remain to compare."""
        assert "SAS" == folded_name("S.A.S.")

    def test_names_in_other_scripts_stay_apart(self):
        """Two names without a Latin letter are not the same name."""
        assert folded_name("Газпром") != folded_name("東芝")
        assert folded_name("ГАЗПРОМ") == folded_name("Газпром ")

    def test_nothing_is_nothing(self):
        """An empty name folds to an empty text."""
        assert "" == folded_name("  ")

    @pytest.mark.parametrize("name", ["ACME S LTDA A", "S SAS A", "E S S.A. P", "INC INC"])
    def test_folding_twice_changes_nothing(self, name):
        """The order in which forms fall away does not matter."""
        assert folded_name(name) == folded_name(folded_name(name))

    def test_a_whole_register_keeps_its_names_apart(self):
        """Real legal names fold to something, and hardly ever to the name of another company."""
        if not COMPANIES.exists():
            pytest.skip("the public register (shared/data/companies_co.csv) is not beside this clone")
        with COMPANIES.open(encoding="utf-8") as lines:
            names = {row["nit"]: folded_name(row["legal_name"]) for row in csv.DictReader(lines)}
        assert all(names.values())
        assert len(set(names.values())) > 0.98 * len(names)

    def test_long_texts_take_no_time(self):
        """50 kB of adversarial text are folded in far less than a second."""
        began = time.process_time()
        for text in ("S.A." * 12_500, "S " * 25_000, "." * 50_000, "a" * 50_000):
            folded_name(text)
        assert time.process_time() - began < 2
