"""``periferia-link demo --data``: real companies, hours derived from real incidents."""

from __future__ import annotations

import json
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
    """Run the demo on the real data, for people and for programs."""
    environ = os.environ | {"PYTHONPATH": str(Path(periferia_link.__file__).parents[1])}
    answers = []
    for words in (["--lang", "en"], ["--json"]):
        command = [sys.executable, "-m", "periferia_link", "demo", "--data", str(DATA), *words]
        answers.append(
            subprocess.run(
                command,
                cwd=tmp_path_factory.mktemp("data"),
                env=environ,
                capture_output=True,
                check=False,
                text=True,
                encoding="utf-8",
                timeout=110,
            )
        )
    return answers


class TestRealData:
    def test_it_holds(self, told):
        """Debits are credits, cost is hours times rate, every posting leads to its work logs."""
        text = told[0]
        assert (0, "") == (text.returncode, text.stderr)
        assert 5 == text.stdout.count("✓ ")
        assert "1,306 of 1,306 approved work logs are reached from a posting" in text.stdout

    def test_the_rules_are_stated(self, told):
        """How many companies, which of them are known, how hours were derived, at what rate."""
        for sentence in (
            "778 real companies",
            "730 distinct tax ids, 48 stand twice",
            "586 of 672 incidents",
            "at most 8 hours a day",
            "Resolver 170: 90,000",
        ):
            assert sentence in told[0].stdout

    def test_one_partner_for_each_tax_id(self, told):
        """Accounts that stand twice are linked to the partner of the other, and said."""
        assert "Accounts whose tax id was there: 48. Linked to that partner: 48" in told[0].stdout
        clients = json.loads(told[1].stdout)["runs"][0]["flows"]["clients"]
        assert 778 == sum(clients.values())
        # 244 known from the start, 48 that stand twice; three names are no names that the ERP takes
        assert (483, 292, 3) == (clients["created"], clients["adopted"], clients["parked"])

    def test_what_cannot_be_written_waits(self, told):
        """Names with line breaks and one that is too long are parked with reason and next step; the rest went on."""
        text = told[0].stdout
        assert "Parked: 3" in text
        assert "name holds a line break or another control character" in text
        assert "shorten it in the source system" in text

    def test_again_and_changed(self, told):
        """The second run writes nothing, the third one what changed."""
        first, again, changed = json.loads(told[1].stdout)["runs"]
        assert first["writes"] > 1500
        assert 0 == again["writes"]
        clients, projects, postings = (counts["created"] for counts in changed["flows"].values())
        assert (1, 1) == (clients, projects)
        assert 2 <= postings <= 4
