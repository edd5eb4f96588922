"""``periferia-link demo --data``: real companies, hours and tickets of real incidents."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import periferia_link

pytest.importorskip("typer", reason="the extra cli is not installed")
pytest.importorskip("trustme", reason="the extra demo is not installed")

DATA = Path(__file__).parents[2].parent / "shared" / "data"

pytestmark = pytest.mark.skipif(
    not (DATA / "incident_events.csv").exists(), reason="the data of others is beside the repository, not in it"
)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Run the demo on the real data, once: what it printed."""
    environ = os.environ | {"PYTHONPATH": str(Path(periferia_link.__file__).parents[1])}
    command = [sys.executable, "-m", "periferia_link", "demo", "--data", str(DATA), "--lang", "en"]
    folder = tmp_path_factory.mktemp("data")
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, check=False, text=True, encoding="utf-8", timeout=280
    )


def counts(told, heading):
    """Read the table below a heading: flow -> word -> number."""
    lines = told.stdout.split(heading, 1)[1].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("flow "))
    words = lines[first].split()[1:]
    rows = (line.split() for line in lines[first + 1 :])
    table = {}
    for row in rows:
        if len(row) != len(words) + 1:
            return table
        table[row[0]] = dict(zip(words, (int(number.replace(",", "")) for number in row[1:]), strict=True))
    return table


@pytest.mark.timeout(300)
class TestRealData:
    def test_it_holds(self, told):
        """Debits are credits, cost is hours times rate, tickets are cases, everything leads to everything else."""
        assert (0, "") == (told.returncode, told.stderr)
        assert 10 == told.stdout.count("✓ ")
        assert "1,306 of 1,306 approved work logs are reached from a posting" in told.stdout

    def test_the_rules_are_stated(self, told):
        """How many companies, which of them are known, how hours were derived, at what rate, what a ticket is."""
        for sentence in (
            "778 real companies",
            "730 distinct tax ids, 48 stand twice",
            "586 of 672 incidents",
            "at most 8 hours a day",
            "Resolver 170: 90,000",
            "672 tickets, 3,305 steps",
        ):
            assert sentence in told.stdout

    def test_one_partner_for_each_tax_id(self, told):
        """Accounts that stand twice are linked to the partner of the other, and said."""
        assert "Accounts whose tax id was there: 48. Linked to that partner: 48" in told.stdout
        clients = counts(told, "Result of the first run")["clients"]
        # 244 known from the start, 48 that stand twice; three names are no names that the ERP takes
        assert (483, 292, 3, 778) == (
            clients["created"],
            clients["adopted"],
            clients["parked"],
            sum(clients.values()),
        )

    def test_what_cannot_be_written_waits(self, told):
        """With reason and next step: names that no ERP takes, tickets of nobody, clients that are two accounts."""
        text = told.stdout
        assert "Parked: 9" in text
        assert "name holds a line break or another control character" in text
        assert "shorten it in the source system" in text
        assert "tickets_to_crm: 6 records" in text
        assert "helpdesk_clients: 3 records" in text

    def test_again_and_changed(self, told):
        """The second run writes nothing, the third one what changed."""
        assert "requests and 0 records written" in told.stdout.split("3 · Second run")[1].split("4 · ")[0]
        changed = counts(told, "4 · People change")
        created = {name: row["created"] for name, row in changed.items()}
        assert (1, 1, 1) == (created["clients"], created["projects"], created["tickets_to_crm"])
        assert 2 <= created["labour_costs"] <= 4
        assert (2, 3) == (changed["tickets_to_crm"]["updated"], created["ticket_timeline"])

    def test_every_ticket_is_one_case(self, told):
        """672 incidents with 3,305 steps; those whose client is no account, or two, wait."""
        text = told.stdout
        first = counts(told, "Result of the first run")
        assert (663, 3267) == (first["tickets_to_crm"]["created"], first["ticket_timeline"]["created"])
        assert "664 cases in the CRM = 664 tickets" in text
        assert "9 of 673 wait" in text
        assert "3,270 notes on the cases = 3,270 steps" in text
        assert "the cases that changed at the end are the 3 of the tickets that people touched" in text

    def test_from_the_lead_to_the_posting_and_back(self, told):
        """Every lead that became a project and has hours on a ticket, by the edges of the ledger alone."""
        assert "from 64 of 67 leads with a project a posting is reached by a ticket" in told.stdout
        assert "One way through the ledger, there and back:" in told.stdout
