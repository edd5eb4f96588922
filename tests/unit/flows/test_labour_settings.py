"""Labour cost and billing from periferia.toml: books of companies, rate card, exchange rates, prices."""

from __future__ import annotations

import re

import pytest

from periferia_link.errors import ConfigurationError
from periferia_link.installation import Installation, check_flows
from periferia_link.settings import Settings

SYSTEMS = """
[company]
currency = "COP"
decimals = 0

[systems.erp-co]
connector = "sap-business-one"
url = "https://sap.example:50000"
roles = ["erp"]
credential = { kind = "login", username = "u", password = "${ENV:P}", company_db = "CO" }

[systems.erp-pe]
connector = "sap-business-one"
url = "https://sap.example:50000"
roles = ["erp"]
credential = { kind = "login", username = "u", password = "${ENV:P}", company_db = "PE" }

[systems.crm]
connector = "dynamics365"
url = "https://contoso.crm2.dynamics.com"
credential = { kind = "static-token", token = "${ENV:P}" }

[systems.helpdesk]
connector = "periticket"
url = "https://desk.example"
credential = { kind = "static-token", token = "${ENV:P}" }
"""
LABOUR = """
[rate_card]
file = "tarifas.csv"

[exchange_rates]
file = "trm.csv"

[flows.labour_costs]
starts = 2026-11-01
per = "entry"

[flows.labour_costs.options]
debit = { "720506" = 65, "720570" = 35 }
credit = "510595"
corrects = "reversal"
dimensions = { 2 = "BOG" }

[flows.labour_costs.options.companies.erp-co]
closed_through = 2026-10-31

[flows.labour_costs.options.companies.erp-pe]
currency = "PEN"
decimals = 2
debit = "9101"
projects = ["PE-*"]
"""
BILLING = """
[billing]
prices = [{ price = 180000 }, { project = "P-1", price = "195000.50", since = 2026-01-01 }]

[flows.billing_proposals]
starts = 2026-11-01
"""


def settings(tmp_path, *tables):
    """Return the settings of a file with these tables, and the files that they name."""
    path = tmp_path / "periferia.toml"
    path.write_text("".join([SYSTEMS, *tables]))
    (tmp_path / "tarifas.csv").write_text("persona;desde;tarifa\nE1;2026-01-01;50000\n")
    (tmp_path / "trm.csv").write_text("fecha;tasa\n2026-11-20;4105,32\n")
    return Settings.load(path, environ={"P": "x"})


class TestLabour:
    """Everything that a flow may be told stands in the file."""

    def test_books_of_two_companies(self, tmp_path):
        """What a company does not say is what the flow says; the decimals are those of the company."""
        assert {"labour_costs": None} == check_flows(settings(tmp_path, LABOUR))

    def test_files_stand_beside_the_configuration(self, tmp_path, monkeypatch):
        """Wherever the command is run."""
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)
        monkeypatch.setenv("P", "x")
        settings(tmp_path, LABOUR)
        with Installation.open(tmp_path / "periferia.toml") as installation:
            flow = installation.flows["labour_costs"]
            [person] = flow.lookups["rates"].rows()
            [rate] = flow.lookups["exchange"].rows()
            assert ("E1", "USD") == (person.code, rate.currency)
            assert {"erp-co", "erp-pe"} <= {lookup.role for lookup in flow.lookups.values()}

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ('credit = "510595"\n', "", r"companies\.erp-co\] credit: is missing"),
            ('currency = "PEN"', 'currency = "soles"', r"companies\.erp-pe\] currency"),
            ('file = "trm.csv"', 'path = "trm.csv"', r"\[exchange_rates\] path: unknown key"),
            ('dimensions = { 2 = "BOG" }', 'dimensions = { 9 = "BOG" }', "dimensions"),
            ("erp-pe]\ncurrency", "erp-mx]\ncurrency", "erp-mx"),
        ],
    )
    def test_mistakes_say_where(self, tmp_path, old, new, words):
        """Section and key, before anything is read or sent."""
        assert old in LABOUR
        found = check_flows(settings(tmp_path, LABOUR.replace(old, new)))["labour_costs"]
        assert isinstance(found, ConfigurationError)
        assert re.search(words, found.message)
        assert found.hint


class TestBilling:
    """The table [billing]."""

    def test_read(self, tmp_path):
        """Prices here; the flows take them."""
        tables = [BILLING, "\n[flows.proposal_state]\n"]
        found = check_flows(settings(tmp_path, *tables))
        assert {"billing_proposals": None, "proposal_state": None} == found

    def test_without_prices(self, tmp_path):
        """Nobody bills without knowing what an hour costs."""
        found = check_flows(settings(tmp_path, "\n[flows.billing_proposals]\nstarts = 2026-11-01\n"))
        assert "billing is missing" in found["billing_proposals"].message
