"""The detractor loop over HTTP: from answers to tickets, work items and the CRM; and a sample of its crashes."""

from __future__ import annotations

import copy
import os

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="each crash happens in a forked process")

if hasattr(os, "fork"):
    from campaign.detractor_chain import Office, crashes

WRONGS = ("second ticket", "second item", "lost item", "lost answer", "no link", "open loop", "no task")


class TestWholeLoop:
    @pytest.mark.parametrize("number", [60, pytest.param(300, marks=pytest.mark.nightly)])
    def test_from_answers_to_the_day_of_the_next_question(self, number, tmp_path):
        """A Spanish export of answers: one ticket and one item for each bad one; closed, the loop is closed."""
        world = Office.founded(5, number=number)
        assert world.exported(tmp_path).exists()
        self.survives(world, number, tmp_path / "ledger.db")

    def test_from_customer_voice(self, tmp_path):
        """The same answers in the tables of Customer Voice: the same tickets, items and closed loops."""
        world = Office.founded(6, number=20)
        world.voiced()
        self.survives(world, 20, tmp_path / "ledger.db")

    def survives(self, world, number, ledger):
        """Run the loop to its end; the run after that writes nothing."""
        world.run(ledger)
        assert world.findings() == []
        assert len(world.desk.books["tickets"]) == len(world.items()) == number * 3 // 10
        world.close_everything()
        world.run(ledger)
        assert world.findings(is_closed=True) == []
        before = sum(one.wrote for emulator in world.emulators.values() for one in emulator.log)
        world.run(ledger)
        assert before == sum(one.wrote for emulator in world.emulators.values() for one in emulator.log)


class TestCrashSample:
    @pytest.mark.parametrize(("stage", "trouble"), [("first", "reset after commit"), ("closing", "")])
    def test_simulated_crashes(self, stage, trouble):
        """Dead at random points: one of each, none lost, counted in the books of the emulators."""
        done = list(crashes(stage, seed=61, trouble=trouble, points=3, number=5))
        assert len(done) == 3
        assert [str(crash) for crash in done if crash.findings] == []

    def test_simulated_crashes_with_customer_voice(self):
        """The same where the answers stand in the tables of Customer Voice."""
        done = list(crashes("first", seed=62, points=3, number=5, is_voiced=True))
        assert [str(crash) for crash in done if crash.findings] == []

    def test_the_check_bites(self, tmp_path):
        """What must never happen is seen when it happens."""
        world, ledger = Office.founded(63, number=5), tmp_path / "ledger.db"
        world.run(ledger)
        world.close_everything()
        world.run(ledger)
        assert world.findings(is_closed=True) == []
        books = [
            (emulator.books, table)
            for emulator, table in (
                (world.crm, "pl_surveies"), (world.crm, "tasks"), (world.desk, "tickets"), (world.devops, "workItems"),
            )
        ]  # fmt: skip
        kept = [copy.deepcopy(dict(held[table])) for held, table in books]
        for wrong in WRONGS:
            _spoil(world, wrong)
            assert world.findings(is_closed=True), wrong
            for (held, table), rows in zip(books, kept, strict=True):
                held[table].clear()
                held[table].update(copy.deepcopy(rows))
            assert world.findings(is_closed=True) == []


def _spoil(world, wrong):
    items, tickets = world.devops.books["workItems"], world.desk.books["tickets"]
    answers = world.crm.books["pl_surveies"]
    if wrong == "second ticket":
        tickets["tk-x"] = dict(next(iter(tickets.values())), id="tk-x")
    elif wrong == "second item":
        items["99"] = dict(next(iter(items.values())), id=99)
    elif wrong == "lost item":
        del items[next(iter(items))]
    elif wrong == "lost answer":
        del answers[next(reversed(answers))]
    elif wrong == "no link":
        ticket = next(iter(tickets.values()))
        ticket["description"] = ticket["description"].replace("_workitems", "")
    elif wrong == "open loop":
        next(row for row in answers.values() if row.get("pl_loopclosedat"))["pl_loopclosedat"] = None
    else:
        tasks = world.crm.books["tasks"]
        del tasks[next(iter(tasks))]
