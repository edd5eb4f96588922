"""``parked`` and ``review``: what a person sees of what waits, and what he decides."""

from __future__ import annotations

import json

import pytest

from memory_installation import MemorySystem
from periferia_link.domain import Client, Ref, TaxId
from periferia_link.ledger import SqliteLedger
from periferia_link.ledger.protocol import AMBIGUOUS, HELD

pytest.importorskip("typer", reason="the extra cli is not installed")

from periferia_link.cli._parked import values_of


@pytest.fixture
def waiting(office, command, clock):
    """Two entries without a rate, an account of the same name as a partner, one with a wrong check digit."""
    crm, erp = MemorySystem.stores["crm"], MemorySystem.stores["erp"]
    crm.put(Client(name="Delta S.A."))
    crm.put(Client(name="Epsilon S.A.", tax_id=TaxId.parse("900123457-7")))
    erp.put(Client(name="DELTA SA", code="C-9"))
    erp.change(Ref("erp", "Employee", "1"), rates=())
    command("run")
    return erp


def audit(office):
    """Return (actor, mode, detail) of what people decided."""
    with SqliteLedger.open(office / "periferia.db") as ledger:
        rows = ledger._db.execute("SELECT actor, mode, detail FROM audit WHERE run=0 ORDER BY id").fetchall()
    return [(actor, mode, json.loads(detail)) for actor, mode, detail in rows]


@pytest.mark.usefixtures("waiting")
class TestList:
    def test_the_bare_name_lists(self, command):
        """``parked`` is ``parked list``, with flows and options, too."""
        assert command("parked", "list") == command("parked")
        assert command("parked", "list", "labour_costs", "--json") == command("parked", "labour_costs", "--json")

    def test_no_secret_is_needed(self, office, command, monkeypatch):
        """Who only looks needs neither the systems nor their secrets."""
        path = office / "periferia.toml"
        text = '\n[systems.other]\nconnector = "memory"\n[systems.other.credential]\nkind = "static-token"\n'
        path.write_text(path.read_text() + text + 'token = "${ENV:NOT_THERE}"\n')
        assert 2 == command("run")[0]
        assert 3 == command("parked")[0]

    def test_before_the_first_run(self, office, command):
        """Without a ledger nothing waits, and none is made."""
        (office / "periferia.db").unlink()
        assert (0, "Nothing waits for a person.\n", "") == command("parked")
        assert (0, "No question is open.\n", "") == command("review")
        assert not (office / "periferia.db").exists()

    def test_every_name(self, command):
        """Three examples of each reason, or all of them."""
        desk = MemorySystem.stores["helpdesk"]
        first = desk.holds("TimeEntry")[0]
        for _ in range(3):
            desk.put(first.model_copy(update={"ref": None}))
        command("run")
        assert ", …" in command("parked")[1]
        assert ", …" not in command("parked", "--each")[1]

    def test_an_unknown_flow(self, command):
        """What there is instead."""
        code, _, err = command("parked", "invoices")
        assert 2 == code
        assert "its flows are clients, labour_costs, projects" in err


@pytest.mark.usefixtures("waiting")
class TestShow:
    def test_everything_about_one(self, command, clock):
        """Reason, since when, how often, when again, what to do."""
        clock.advance(7300)
        code, out, _ = command("parked", "show", "helpdesk:TimeEntry:1")
        assert 3 == code
        assert "helpdesk:TimeEntry:1" == out.splitlines()[0]
        facts = dict(line.strip().split(":", 1) for line in out.splitlines()[1:])
        assert {name: value.strip() for name, value in facts.items()} == {
            "flow": "labour_costs",
            "reason": "employee E1 has no cost rate valid on 2026-03-02",
            "error": "MissingReferenceError",
            "since": "2026-11-20 09:00 (2 h ago)",
            "attempts": "1",
            "next try": "in the next run",
            "next step": "add the rate in the ERP; the entry is tried again then",
        }

    def test_as_json(self, told):
        """For programs, times in UTC."""
        code, answer = told("parked", "show", "1")
        assert 3 == code
        (one,) = answer["parked"]
        assert ("helpdesk:TimeEntry:1", "2026-11-20T14:00:00Z", None, {}) == (
            one["record"], one["since_utc"], one["operation"], one["values"]
        )  # fmt: skip

    def test_what_would_be_written(self, office, command, waiting):
        """Values of a write that was refused; personal ones are named only."""
        MemorySystem.stores["crm"].put(Client(name="Zeta S.A.", email="zoe@zeta.example"))
        waiting.fail("refuse")
        command("run", "clients")
        _, out, _ = command("parked", "show", "crm:Client:5")
        assert "name Zeta S.A." in out
        assert "email …" in out
        assert "zoe@zeta.example" not in out
        assert "next try:" in out

    def test_a_write_of_unknown_fate(self, office, command):
        """It may be there already: when it is looked for; a draft waits for somebody else."""
        with SqliteLedger.open(office / "periferia.db") as ledger, ledger.transaction():
            stream = ledger.stream("labour_costs", "source")
            record = ledger.records.known(stream, ["1"])["1"].id
            plan = (record, "create", "k", "erp", "CostEntry", None, None, None, None, b"{}", None)
            ledger.operations.plan([plan])
            ledger.operations.reopen([(record, AMBIGUOUS, 1_795_186_800.0, 1, None)])
        assert "it is looked for from 2026-11-20 10:00 on" in command("parked", "show", "1")[1].replace("\n", "")
        code, _, err = command("parked", "drop", "1")
        assert 1 == code
        assert "what came of it is not known yet" in err
        with SqliteLedger.open(office / "periferia.db") as ledger, ledger.transaction():
            ledger.operations.reopen([(record, HELD, None, 1, None)])
        assert "waits for approval" in command("parked", "show", "1")[1]
        with SqliteLedger.open(office / "periferia.db") as ledger, ledger.transaction():
            ledger.operations.reopen([(record, 0, None, 1, None)])
        assert "planned by a run" in command("parked", "drop", "1")[2]

    def test_bodies_that_are_none(self, office):
        """An action and a broken body have no values to show."""
        with SqliteLedger.open(office / "periferia.db") as ledger:
            (one, *_) = ledger.by_hand.parked()
        assert {} == values_of(one._replace(body=b"["))
        assert {} == values_of(one._replace(body=b'["close", "x"]'))
        assert {"hours": "8", "lines": "[1]"} == values_of(
            one._replace(body=b'{"hours": "8", "lines": [1], "memo": null}')
        )


@pytest.mark.usefixtures("waiting")
class TestShowJson:
    def test_several_of_one_name(self, office, command, told):
        """Two flows may park a record of one id: both are shown."""
        with SqliteLedger.open(office / "periferia.db") as ledger, ledger.transaction():
            stream = ledger.stream("clients", "source")
            row = (stream, "1", "RecordInvalidError", "no", None, 1.0, 1_795_186_800.0, None)
            ledger.desk.park([row, (stream, "2", "Quarantine", "twice", None, 1.0, 1e12, None)])
        assert 2 == len(told("parked", "show", "1")[1]["parked"])
        out = command("parked", "show", "1")[1]
        assert "crm:Client:1" in out
        assert "in the first run from 2026-11-20 10:00 on" in out
        assert "only when somebody asks for it" in command("parked", "show", "2", "--flow", "clients")[1]

    def test_two_flows_ask(self, office, command):
        """A question about one id in two flows: which one is meant must be said."""
        with SqliteLedger.open(office / "periferia.db") as ledger, ledger.transaction():
            stream = ledger.stream("projects", "source")
            ledger.records.mark_dirty(stream, ["3"])
            ledger.desk.review([(stream, "3", "same code", "[]", 1.0)])
        code, _, err = command("review", "accept", "3")
        assert 2 == code
        assert "several flows ask about 3: clients, projects" in err
        assert 0 == command("review", "accept", "3", "--flow", "projects")[0]


@pytest.mark.usefixtures("waiting")
class TestRetry:
    def test_the_next_run_tries_it(self, office, command, told, waiting):
        """After the third try the schedule is hours away: a person does not have to wait for it."""
        for _ in range(3):
            command("run", "labour_costs")
        with SqliteLedger.open(office / "periferia.db") as ledger:
            (before, _) = ledger.desk.parked("labour_costs")
        assert (0, {"retried": [{"flow": "labour_costs", "key": "1"}]}) == told("parked", "retry", "1")
        command("run", "labour_costs")
        with SqliteLedger.open(office / "periferia.db") as ledger:
            attempts = {row.key: row.attempts for row in ledger.desk.parked("labour_costs")}
        assert {"1": before.attempts + 1, "2": before.attempts} == attempts
        assert [("ana@office", "retry")] == [row[:2] for row in audit(office)]

    def test_all_of_a_flow(self, command):
        """Everything at once, and what to do next."""
        code, out, _ = command("parked", "retry", "--all", "--flow", "labour_costs")
        assert (0, "2 records are tried in the next run.\nNext: periferia-link run labour_costs\n") == (code, out)
        assert "0 records are tried" in command("parked", "retry", "--all", "--flow", "projects")[1]

    def test_while_a_run_holds_the_flow(self, office, command):
        """It works, and it is said that the run that is going has read already what counts for it."""
        with SqliteLedger.open(office / "periferia.db") as ledger, ledger.transaction():
            ledger.leases.take("labour_costs", "night:1:x", now=1_795_183_200.0, seconds=600)
        code, out, _ = command("parked", "retry", "--all")
        assert 0 == code
        assert "Flow labour_costs is running now: it counts for the run after that." in out

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("retry",), "no record is named"),
            (("retry", "77"), "nothing is parked under the name 77"),
            (("drop", "1", "--flow", "nothing"), "this installation has no flow nothing"),
        ],
    )
    def test_what_is_not_there(self, command, words, said):
        """A wrong name is a mistake in the call."""
        code, _, err = command("parked", *words)
        assert 2 == code
        assert said in err


@pytest.mark.usefixtures("waiting")
class TestDrop:
    def test_it_is_forgotten_and_remembered(self, office, command):
        """The list forgets, the audit does not; the record is looked at again when it changes."""
        code, out, _ = command("parked", "drop", "helpdesk:TimeEntry:1", "2")
        assert (0, "2 records are no longer parked.\n") == (code, out)
        command("run", "labour_costs")
        assert 0 == command("parked", "labour_costs")[0]
        first = audit(office)[0]
        assert ("ana@office", "drop", "employee E1 has no cost rate valid on 2026-03-02") == (
            first[0], first[1], first[2]["reason"]
        )  # fmt: skip
        MemorySystem.stores["helpdesk"].change(Ref("helpdesk", "TimeEntry", "1"), hours="7")
        command("run", "labour_costs")
        assert 3 == command("parked", "labour_costs")[0]

    def test_what_it_was_derived_from_changes(self, command, waiting):
        """A rate that comes wakes a record that was let go: nothing is lost by letting go."""
        from memory_installation import Money, Rate, date

        command("parked", "drop", "--all")
        rate = Rate(valid_from=date(2025, 1, 1), hourly=Money.of(50_000, "COP"))
        waiting.change(Ref("erp", "Employee", "1"), rates=[rate.model_dump(mode="json")])
        command("run", "labour_costs")
        assert 2 == len(waiting.holds("CostEntry"))

    def test_a_posting_by_its_names(self, office, command, waiting):
        """Postings are called as they are shown: project / centre / day."""
        from memory_installation import Money, Rate, date

        rate = Rate(valid_from=date(2025, 1, 1), hourly=Money.of(50_000, "COP"))
        waiting.change(Ref("erp", "Employee", "1"), rates=[rate.model_dump(mode="json")])
        waiting.change(Ref("erp", "CostCentre", "1"), distribution_rule=None)
        command("run", "labour_costs")
        assert 3 == command("parked", "show", "P-1 / FAB / 2026-03-02 / COP")[0]
        assert 0 == command("parked", "drop", "P-1 / FAB / 2026-03-02 / COP")[0]


@pytest.mark.usefixtures("waiting")
class TestReview:
    def test_questions_with_their_answers(self, command, clock):
        """Each question, what is known of its candidates, and the commands that answer it."""
        clock.advance(180)
        code, out, _ = command("review")
        assert 3 == code
        assert "crm:Client:3\n  flow:      clients\n  question:  same name, and no id that proves it\n" in out
        assert "  since:     3 min ago\n  candidate: Client 2 «" in out
        assert "    periferia-link review accept crm:Client:3 --link 2\n" in out
        assert "    periferia-link review accept crm:Client:4\n    periferia-link review reject crm:Client:4\n" in out

    def test_accept_the_candidate(self, office, command, waiting):
        """One candidate needs no word: the next run links it and writes nothing new."""
        code, out, _ = command("review", "accept", "crm:Client:3")
        assert 0 == code
        assert "crm:Client:3 will be linked to Client 2.\nThe next run does it: periferia-link run clients\n" == out
        before = len(waiting.holds("Client"))
        command("run", "clients")
        assert before == len(waiting.holds("Client"))
        with SqliteLedger.open(office / "periferia.db") as ledger:
            assert [Ref("erp", "Client", "2")] == ledger.links.twin(Ref("crm", "Client", "3"), "erp", "Client")
        assert [("ana@office", "review", "link:2")] == [(a, m, d["verdict"]) for a, m, d in audit(office)]

    def test_create_its_own(self, command, waiting):
        """None of the candidates: a record of its own."""
        before = len(waiting.holds("Client"))
        assert "will be written as it is" in command("review", "accept", "3", "--create")[1]
        command("run", "clients")
        assert before + 1 == len(waiting.holds("Client"))

    def test_accept_without_candidates(self, command, waiting):
        """A wrong check digit that a person believes: written as it is."""
        command("review", "accept", "crm:Client:4")
        command("run", "clients")
        assert "Epsilon S.A." in {client.name for client in waiting.holds("Client")}

    def test_reject_is_remembered(self, office, command, waiting):
        """The record stays out, also when it changes; the no can be taken back."""
        assert "crm:Client:4 will stay out." in command("review", "reject", "4")[1]
        command("run", "clients")
        MemorySystem.stores["crm"].change(Ref("crm", "Client", "4"), phone="1")
        command("run", "clients")
        assert "crm:Client:4" not in command("review", "list")[1]
        assert "answered:" in command("review", "list", "--rejected")[1]
        assert "Epsilon S.A." not in {client.name for client in waiting.holds("Client")}
        command("review", "accept", "crm:Client:4")
        command("run", "clients")
        assert "Epsilon S.A." in {client.name for client in waiting.holds("Client")}

    def test_several_candidates(self, command, told, waiting):
        """A person says which one; a record that is not there is refused."""
        waiting.put(Client(name="Delta S.A.S.", code="C-10"))
        waiting.put(Client(name="Gamma", code="C-11"))
        MemorySystem.stores["crm"].put(Client(name="Delta SAS"))
        waiting.put(Client(name="delta s.a.s", code="C-12"))
        command("run", "clients")
        several = next(one for one in told("review")[1]["review"] if len(one["candidates"]) > 1)
        code, _, err = command("review", "accept", several["record"])
        assert 1 == code
        assert "--link ID" in err
        assert (
            "no Client C-77 that this ledger knows"
            in command("review", "accept", several["record"], "--link", "C-77")[2]
        )
        assert 1 == command("review", "accept", several["record"], "--link", "C-77", "--create")[0]
        code, answer = told("review", "accept", several["record"], "--link", several["candidates"][1])
        assert (0, f"link:{several['candidates'][1]}") == (code, answer["decided"][0]["verdict"])

    def test_one_that_is_linked_already(self, command, waiting):
        """Its keys became those of another partner: accepted, it is written all the same; another link is refused."""
        crm = MemorySystem.stores["crm"]
        waiting.put(Client(name="Omega", tax_id=TaxId.parse("890903938-8"), code="C-O"))
        crm.change(Ref("crm", "Client", "1"), tax_id=TaxId.parse("890903938-8").model_dump(mode="json"))
        command("run", "clients")
        _, out, _ = command("review")
        assert "linked to: erp:Client:1" in re_spaces(out)
        assert "is linked to 1 already" in command("review", "accept", "crm:Client:1", "--link", "2")[2]
        assert "will be written as it is" in command("review", "accept", "crm:Client:1")[1]
        command("run", "clients")
        assert "890903938" in {c.tax_id.number[:9] for c in waiting.holds("Client") if c.ref.id == "1"}

    def test_a_question_that_nobody_asked(self, command):
        """A wrong name, a wrong flow."""
        assert "no question is open about 99" in command("review", "reject", "99")[2]
        assert 2 == command("review", "reject", "4", "--flow", "nothing")[0]

    def test_in_spanish(self, command):
        """Question and answers in Spanish."""
        out = command("review", "--lang", "es")[1]
        assert "pregunta:" in out
        assert "el dígito de verificación del NIT debería ser 5" in out


def re_spaces(text):
    """Return a text with one blank between words."""
    return " ".join(text.split())


def test_a_person_without_a_name(monkeypatch):
    """A process that no user owns still says where it runs."""
    from periferia_link.cli import _commands

    def nobody():
        raise KeyError("uid")

    monkeypatch.setattr(_commands.getpass, "getuser", nobody)
    assert _commands.person().startswith("?@")
