"""Rate cards and exchange tables: typed, in TOML or in a spreadsheet saved as CSV, with headings in two languages."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from periferia_link.domain import Exchange, Money
from periferia_link.errors import ConfigurationError
from periferia_link.rules import read_billing, read_exchange_rates, read_rate_card
from periferia_link.rules.labour_books import read_labour_books
from periferia_link.rules.table_file import day_of, decimal_of, sign_of

JANUARY, JULY = date(2026, 1, 1), date(2026, 7, 1)


def card_of(tmp_path, text, *, encoding="utf-8", **options):
    """Return the card of a file with that content."""
    path = tmp_path / "tarifas.csv"
    path.write_bytes(text.encode(encoding))
    return read_rate_card({"file": str(path), **options})


def rates(card):
    """Return person, day, amount and currency of every rate."""
    return sorted(
        (one.code, rate.valid_from, rate.hourly.amount, rate.hourly.currency)
        for one in card.employees()
        for rate in one.rates
    )


class TestRateCard:
    """What an hour of each person costs."""

    def test_lines_in_the_file_of_settings(self):
        """By person and day, with a currency of their own where they name one."""
        people = [
            {"person": "E1", "since": JANUARY, "hourly": Decimal(52000)},
            {"person": "E1", "since": JULY, "hourly": Decimal("13.75"), "currency": "USD", "cost_centre": "SOFT"},
        ]
        card = read_rate_card({"people": people})
        assert [("E1", JANUARY, 52000, "COP"), ("E1", JULY, Decimal("13.75"), "USD")] == rates(card)
        assert "SOFT" == card.employees()[0].cost_centre

    @pytest.mark.parametrize(
        "text",
        [
            "persona;desde;tarifa;moneda\nE1;01/07/2026;52.000,50;COP\n",
            "Código;Vigente desde;Costo por hora;Divisa\nE1;2026-07-01;52000,50;cop\n",
            "person,since,hourly,currency\nE1,2026-07-01,52000.50,COP\n",
            'employee\tfrom\trate\tcurrency\nE1\t1/7/2026\t"$ 52,000.50"\tCOP\n',
            "EMPLEADO;DESDE;TARIFA HORA;nota\nE1;2026-07-01;52.000,50;revisada\n\n",
        ],
        ids=["Spanish", "accents", "English", "tabs", "columns of nobody"],
    )
    def test_headings_people_write(self, tmp_path, text):
        """Spanish or English, any separator, decimal comma or point."""
        assert [("E1", JULY, Decimal("52000.50"), "COP")] == rates(card_of(tmp_path, text))

    def test_as_excel_saves_it(self, tmp_path):
        """The code page of Windows, and a byte order mark."""
        text = "código;desde;tarifa\nE1;2026-07-01;52000\n"
        assert rates(card_of(tmp_path, text, encoding="cp1252")) == rates(card_of(tmp_path, text, encoding="utf-8-sig"))

    def test_read_again_by_every_run(self, tmp_path):
        """The rate of next month is added without touching the configuration."""
        card = card_of(tmp_path, "persona;desde;tarifa\nE1;2026-01-01;50000\n")
        before = len(rates(card))
        with card.file.open("a") as file:
            file.write("E1;2026-07-01;52000\n")
        assert (1, 2) == (before, len(rates(card)))

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("persona;desde\nE1;2026-01-01\n", "no column hourly"),
            ("persona;desde;tarifa\nE1;2026-13-01;1\n", "line 2: since is no day"),
            ("persona;desde;tarifa\nE1;2026-01-01;1\nE2;2026-01-01;mucho\n", "line 3: hourly is no number"),
            ("persona;desde;tarifa\nE1;2026-01-01;-5\n", "line 2: hourly is no number"),
            ("persona;desde;tarifa\nE1;2026-01-01;\n", "line 2: hourly is empty"),
            ("persona;desde;tarifa;moneda\nE1;2026-01-01;1;pesos\n", "line 2: currency does not fit"),
            ("persona;desde;tarifa\nE1;2026-01-01;52.000\n", "two ways"),
            ("persona;desde;tarifa\nE1;2026-01-01;1,5\nE2;2026-01-01;2.5\n", "decimal comma and some"),
            ("persona;desde;tarifa\nE1;2026-01-01;1\nE1;2026-01-01;2\n", "two different rates"),
        ],
    )
    def test_mistakes_name_line_and_column(self, tmp_path, text, words):
        """Never what stands there: it is what people earn."""
        with pytest.raises(ConfigurationError, match=words) as caught:
            card_of(tmp_path, text).employees()
        assert caught.value.hint
        assert "mucho" not in str(caught.value)

    def test_the_card_says_how_decimals_are_written(self, tmp_path):
        """Fifty-two thousand, not fifty-two."""
        text = "persona;desde;tarifa\nE1;2026-01-01;52.000\n"
        assert (52000, 52) == tuple(rates(card_of(tmp_path, text, decimal=sign))[0][2] for sign in (",", "."))

    def test_a_file_that_is_not_there(self, tmp_path):
        """Said with its name."""
        with pytest.raises(ConfigurationError, match=r"nada\.csv"):
            read_rate_card({"file": str(tmp_path / "nada.csv")}).employees()

    @pytest.mark.parametrize("table", [{}, {"people": [{"person": "E1"}]}, {"filo": "x"}])
    def test_an_empty_or_wrong_table(self, table):
        """Section and key are named."""
        with pytest.raises(ConfigurationError, match="rate_card"):
            read_rate_card(table)


class TestExchangeTable:
    """What a currency is worth on a day."""

    def test_lines(self):
        """One day each, or from the first to the last."""
        table = read_exchange_rates(
            {
                "rates": [
                    {"currency": "USD", "on": date(2026, 11, 20), "until": date(2026, 11, 22), "factor": "4105.32"},
                    {"currency": "EUR", "on": JULY, "factor": Decimal(4700), "source": "BanRep"},
                ]
            }
        )
        found = [(one.currency, one.into, one.on.day, one.factor, one.source) for one in table.by_day()]
        friday = [("USD", "COP", day, Decimal("4105.32"), "TRM") for day in (20, 21, 22)]
        assert [*friday, ("EUR", "COP", 1, 4700, "BanRep")] == found

    def test_the_file_of_the_trm(self, tmp_path):
        """As datos.gov.co gives it."""
        path = tmp_path / "trm.csv"
        path.write_text('VALOR,UNIDAD,VIGENCIADESDE,VIGENCIAHASTA\n"4,105.32",COP,20/11/2026,22/11/2026\n')
        found = list(read_exchange_rates({"file": str(path), "currency": "USD"}).by_day())
        assert [20, 21, 22] == [one.on.day for one in found]
        assert {("USD", "COP", Decimal("4105.32"))} == {(one.currency, one.into, one.factor) for one in found}

    @pytest.mark.parametrize(
        "line",
        [
            {"currency": "USD", "on": JULY, "until": JANUARY, "factor": 1},
            {"currency": "USD", "on": JULY, "factor": 0},
            {"currency": "dólar", "on": JULY, "factor": 1},
            {"currency": "USD", "factor": 1},
            {"currency": "COP", "on": JULY, "factor": 1},
            {"currency": "USD", "into": "USD", "on": JULY, "factor": 1},
        ],
    )
    def test_lines_that_do_not_fit(self, line):
        """Refused when the table is read."""
        with pytest.raises(ConfigurationError, match="exchange_rates"):
            read_exchange_rates({"rates": [line]})

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("fecha\n2026-11-20\n", "no column factor"),
            ("fecha;tasa\n20-20-2026;4100\n", "line 2: on is no day"),
            ("fecha;tasa\n2026-11-20;cuatro mil\n", "line 2: factor is no number"),
            ("fecha;tasa\n;4100\n", "line 2: on is empty"),
            ("fecha;tasa\n2026-11-20;4.105\n", "two ways"),
            ("fecha;tasa\n2026-11-20;1,5\n2026-11-21;1.5\n", "decimal comma and some"),
            ("fecha;tasa;moneda\n2026-11-20;4100;dolar\n", "line 2: currency does not fit"),
            ("fecha;tasa;hasta\n2026-11-20;4100;2026-11-01\n", "line 2: until does not fit"),
        ],
    )
    def test_mistakes_in_a_file(self, tmp_path, text, words):
        """File, line and column."""
        path = tmp_path / "trm.csv"
        path.write_text(text)
        with pytest.raises(ConfigurationError, match=rf"trm\.csv.*{words}") as caught:
            list(read_exchange_rates({"file": str(path)}).by_day())
        assert caught.value.hint

    def test_an_empty_table(self):
        """Says nothing about any currency."""
        with pytest.raises(ConfigurationError, match="exchange_rates"):
            read_exchange_rates({})

    def test_rounded_to_the_decimals_of_the_books(self):
        """Half up, as accountants do."""
        exchange = Exchange(factor=Decimal("4105.325"), on=JULY, source="TRM")
        assert (Money.of("41053", "COP"), Money.of("41053.25", "COP")) == (
            exchange.convert(Money.of(10, "USD"), "COP", 0),
            exchange.convert(Money.of(10, "USD"), "COP"),
        )


class TestPrices:
    """The file of prices."""

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("proyecto\nP1\n", "no column price"),
            ("precio;desde\n100;ayer\n", "line 2: since is no day"),
            ("precio;proyecto\n;P1\n", "line 2: price is empty"),
            ("precio\nmucho\n", "line 2: price is no number"),
            ("precio\n1.000\n", "two ways"),
            ("precio\n1,5\n1.5\n", "decimal comma and some"),
            ("precio;moneda\n100;pesos\n", "line 2: currency does not fit"),
            ("precio;proyecto;contrato\n100;P1;K1\n", "line 2: contract does not fit"),
        ],
    )
    def test_mistakes_in_a_file(self, tmp_path, text, words):
        """File, line and column."""
        path = tmp_path / "precios.csv"
        path.write_text(text)
        with pytest.raises(ConfigurationError, match=rf"precios\.csv.*{words}") as caught:
            list(read_billing({"file": str(path)}).by_key())
        assert caught.value.hint

    def test_a_file_that_is_no_table(self, tmp_path):
        """A workbook under the name of a table."""
        path = tmp_path / "precios.csv"
        path.write_bytes(b"PK\x03\x04\x00\x00")
        with pytest.raises(ConfigurationError, match="no small table"):
            list(read_billing({"file": str(path)}).by_key())

    @pytest.mark.parametrize("debit", ["", {}, {"1": 0}, {"1": -1}])
    def test_accounts_that_are_none(self, debit):
        """An empty account, no accounts, no shares."""
        with pytest.raises(ConfigurationError, match="debit"):
            read_labour_books({"debit": debit, "credit": "2"})


class TestNumbers:
    """What stands in a cell."""

    @given(st.decimals("0", "99999999", places=2), st.sampled_from([",", "."]))
    def test_written_and_read(self, number, sign):
        """With or without thousands, by comma or point."""
        other = "." if sign == "," else ","
        plain = f"{number:.2f}".replace(".", sign)
        grouped = f"{number:,.2f}".replace(",", "T").replace(".", sign).replace("T", other)
        assert [number, number] == [decimal_of(text, sign_of([text])) for text in (plain, grouped)]

    @pytest.mark.parametrize("text", ["", "-1", "1e5", "NaN", "1,2,3.4.5", "12.34,5.6", "1.23.456"])
    def test_what_is_no_number(self, text):
        """Refused."""
        with pytest.raises(ValueError, match=r"no number|two ways"):
            decimal_of(text, ",")

    @pytest.mark.parametrize("text", ["2026-12-31", "31/12/2026", "31-12-2026", "2026-12-31T00:00:00.000"])
    def test_days(self, text):
        """As people and exports write them, day first."""
        assert date(2026, 12, 31) == day_of(text)
