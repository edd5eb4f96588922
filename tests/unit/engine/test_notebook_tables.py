"""Plan and report in a notebook: tables, escaped, without personal data; in a terminal their text."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from periferia_link import Client, Engine, Flow, SqliteLedger
from periferia_link.engine import Plan, RunReport
from periferia_link.testing import MemoryConnector

FLOW = Flow(
    name="<clients>",
    source=("crm", "Client"),
    target=("erp", "Client"),
    project=lambda client, context: Client(name=client.name, code=client.code, email=client.email),
)


def made(count=1):
    """Return the plan and the report of a run over clients with hostile names, one of them refused."""
    names = [f"<script>alert({n})</script> & Co" for n in range(count)]
    clients = [Client(name=name, code=f"C{n}", email="ana@acme.example") for n, name in enumerate(names)]
    crm, erp = MemoryConnector("crm", [Client], clients), MemoryConnector("erp", [Client], max_batch=1)
    with SqliteLedger.open(":memory:") as ledger:
        engine = Engine({"crm": crm, "erp": erp}, ledger)
        plan = engine.plan(FLOW)
        erp.fail("refuse")
        return plan, engine.run(FLOW)


def cells(page):
    """Parse the page, which must be well-formed, and return the texts of its cells."""
    return ["".join(cell.itertext()) for cell in ET.fromstring(f"<div>{page}</div>").iter("td")]


class TestPlan:
    def test_each_change_is_a_row(self):
        """Flow, what happens, which record, the fields; nothing of a system is taken for markup."""
        page = made()[0]._repr_html_()
        assert "<script>" not in page
        flow, what, record, fields = cells(page)
        assert ("<clients>", "create", "erp Client new") == (flow, what, record)
        assert "<script>alert(0)</script> & Co" in fields

    def test_personal_data_stays_out(self):
        """As in the text of a plan."""
        page = made()[0]._repr_html_()
        assert "email: …" in page
        assert "ana@acme.example" not in page

    def test_a_long_plan_is_cut_and_says_so(self):
        """Two hundred rows, and how many more there are."""
        page = made(203)[0]._repr_html_()
        assert page.count("<tr>") == 201
        assert "… and 3 more" in page

    def test_nothing_to_do(self):
        """An empty plan says so."""
        assert "nothing to do" in Plan()._repr_html_()


class TestReport:
    def test_counts_and_notes(self):
        """A row for each flow, and below it what a person should know; escaped."""
        page = made()[1]._repr_html_()
        assert cells(page)[:2] == ["<clients>", "0"]
        assert "<li>&lt;clients&gt;: parked 1: refused" in page

    def test_what_is_seldom_counted_stands_in_words(self):
        """Skipped, waiting and the like are in the last column, only where there are any."""
        report = RunReport()
        assert "<td>" not in report._repr_html_()


class TestText:
    def test_a_terminal_shows_the_text(self):
        """IPython prints what str() gives, not the fields of the class."""

        class Printer:
            def __init__(self):
                self.told = []

            def text(self, words):
                self.told.append(words)

        for one in made():
            printer = Printer()
            one._repr_pretty_(printer, cycle=False)
            assert printer.told == [str(one)]
