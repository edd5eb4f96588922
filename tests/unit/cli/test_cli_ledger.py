"""``ledger``, ``trace`` and ``status``: what is asked of the memory alone."""

from __future__ import annotations

import ast
import json
from datetime import datetime, timezone
from pathlib import Path

import pytest

import periferia_link
from memory_installation import MemorySystem, write
from periferia_link.domain import Ref
from periferia_link.ledger import SqliteLedger

pytest.importorskip("typer", reason="the extra cli is not installed")


@pytest.fixture(autouse=True)
def after_a_run(office, command, clock):
    """Stand where the chain ran once."""
    assert 0 == command("run")[0]
    return office


class TestBackup:
    def test_a_copy_that_is_checked(self, command, after_a_run):
        """The copy opens; nothing else is left behind."""
        code, out, err = command("ledger", "backup", "copy.db")
        assert (0, "") == (code, err)
        assert "at copy.db, checked." in out
        assert {"copy.db", "periferia.db", "periferia.toml"} == {path.name for path in after_a_run.iterdir()}
        assert 0o600 == (after_a_run / "copy.db").stat().st_mode & 0o777
        with SqliteLedger.open("copy.db") as copy:
            assert 2 == copy.records.count(copy.stream("clients", "source"))

    def test_never_over_another(self, command, told):
        """An earlier copy stays unless it is said; the ledger itself is never the target."""
        command("ledger", "backup", "copy.db")
        code, _, err = command("ledger", "backup", "copy.db")
        assert 2 == code
        assert "--force" in err
        code, answer = told("ledger", "backup", "copy.db", "--force")
        assert (0, "copy.db", []) == (code, answer["path"], answer["problems"])
        assert 2 == command("ledger", "backup", "periferia.db", "--force")[0]

    def test_a_place_that_cannot_be_written(self, command):
        """A folder that is not there."""
        code, _, err = command("ledger", "backup", "no/folder/copy.db")
        assert 1 == code
        assert "name a folder that exists" in err

    def test_a_damaged_ledger_is_not_copied_over_a_good_copy(self, command, after_a_run):
        """The copy that counts is the last healthy one."""
        command("ledger", "backup", "copy.db")
        good = (after_a_run / "copy.db").read_bytes()
        with SqliteLedger.open("periferia.db") as ledger, ledger.transaction():
            ledger._db.execute("INSERT INTO cursor VALUES (99, NULL, NULL, NULL)")
        code, _, err = command("ledger", "backup", "copy.db", "--force")
        assert 1 == code
        assert "the copy at copy.db was not kept: a cursor belongs to no stream" in " ".join(err.split())
        assert good == (after_a_run / "copy.db").read_bytes()


class TestVerify:
    def test_healthy(self, command, told):
        """In a sentence, and for programs."""
        code, out, _ = command("ledger", "verify")
        assert 0 == code
        assert out.startswith("The ledger is healthy: ")
        assert (0, []) == (told("ledger", "verify")[0], told("ledger", "verify")[1]["problems"])

    def test_damaged(self, command, told):
        """What is wrong, and what to do; exit code 1."""
        with SqliteLedger.open("periferia.db") as ledger, ledger.transaction():
            ledger._db.execute("DELETE FROM edge WHERE relation='made from'")
        code, out, _ = command("ledger", "verify")
        assert 1 == code
        assert "✗ what is posted of a member can be traced to no posting: 1, 2" in out
        assert "restore the last backup" in out
        assert 1 == told("ledger", "verify")[0]

    def test_none_there(self, command, after_a_run):
        """Nothing is made by looking for it."""
        (after_a_run / "periferia.db").unlink()
        for words in (("ledger", "verify"), ("ledger", "info"), ("ledger", "backup", "x"), ("trace", "crm:Client:1")):
            code, _, err = command(*words)
            assert 2 == code
            assert "there is no ledger at" in err
        assert not (after_a_run / "periferia.db").exists()


class TestInfo:
    def test_for_people(self, command):
        """Size, version, systems, tables."""
        code, out, _ = command("ledger", "info")
        assert 0 == code
        assert "mode:    0600" in out
        assert "crm       memory-crm" in out
        assert any(line.split() == ["run", "3"] for line in out.splitlines())

    def test_for_programs(self, told):
        """The same as JSON."""
        code, answer = told("ledger", "info")
        assert 0 == code
        assert {"path", "bytes", "mode", "schema", "schema_of_library", "sqlite", "systems", "tables"} == set(answer)


class TestTrace:
    def test_text(self, command):
        """The tree; exit code 0 when nothing is missing."""
        code, out, _ = command("trace", "crm:Opportunity:1")
        assert 0 == code
        assert out.startswith("crm:Opportunity:1 «P-1 Portal»\n\ncomes from:\n  └ crm:Client:1")
        assert out.endswith("no gaps\n")

    def test_by_a_code(self, command, told):
        """What people have at hand: a project code, an id that is the only one."""
        assert told("trace", "P-1")[1]["root"] == str(MemorySystem.stores["erp"].holds("Project")[0].ref)
        posting = MemorySystem.stores["erp"].holds("CostEntry")[0].ref
        assert told("trace", str(posting))[1]["root"] == str(posting)
        code, _, err = command("trace", "1")
        assert 2 == code
        assert "crm:Client:1" in err
        code, _, err = command("trace", "crm:Client:77")
        assert 2 == code
        assert "knows no record crm:Client:77" in err

    def test_gaps_are_an_exit_code(self, command, told):
        """Something is missing: exit code 3, in any form."""
        helpdesk, erp = MemorySystem.stores["helpdesk"], MemorySystem.stores["erp"]
        erp.change(Ref("erp", "Employee", "1"), rates=())
        helpdesk.put(helpdesk.holds("TimeEntry")[0].model_copy(update={"ref": None}))
        command("run")
        assert 3 == command("trace", "P-1")[0]
        assert 3 == command("trace", "P-1", "--format", "mermaid")[0]
        code, answer = told("trace", "P-1")
        assert (3, "labour_costs") == (code, answer["gaps"][0]["flow"])
        out = command("trace", "P-1", "--lang", "es")[1]
        assert "está aprobado y ningún asiento lo contiene: el empleado E1 no tiene tarifa vigente" in out

    def test_other_forms(self, command):
        """JSON and Mermaid, by --format."""
        assert "crm:Client:1" == json.loads(command("trace", "crm:Client:1", "--format", "json")[1])["root"]
        assert command("trace", "crm:Client:1", "--format", "mermaid")[1].startswith("flowchart LR\n")
        assert 2 == command("trace", "crm:Client:1", "--format", "pdf")[0]

    def test_limits(self, told):
        """Depth, direction and how many."""
        assert 1 == max(node["depth"] for node in told("trace", "crm:Client:1", "--depth", "1")[1]["nodes"])
        assert {"root", "up"} == {n["side"] for n in told("trace", "P-1", "--direction", "up")[1]["nodes"]}
        assert 2 == len(told("trace", "P-1", "--limit", "2")[1]["nodes"])

    def test_branches_stay_drawn(self):
        """A long line is broken at words, the lines of the tree go on beside it."""
        from periferia_link.cli._trace import _wrapped

        text = _wrapped("  │ ├ helpdesk:TimeEntry:1 «" + "word " * 20 + "end»", 60)
        assert ["  │ ├ ", "  │ │ ", "  │ │ "] == [line[:6] for line in text.splitlines()]
        assert max(map(len, text.splitlines())) <= 60
        assert "    → step" == _wrapped("    → step", 80)
        assert "" == _wrapped("", 80)

    def test_every_sentence_has_its_spanish(self):
        """What the trace may say is known in Spanish."""
        from periferia_link.cli._trace_words import in_spanish
        from periferia_link.trace._kinds import LEFT_OUT, MISSING

        ref = "crm:Opportunity:1"
        said = [
            *LEFT_OUT.values(),
            *(f"{ref} {words}" for words in MISSING.values()),
            *(
                f"{ref} is won and no project is linked: {why}"
                for why in (
                    "it was sent and its fate is not known yet",
                    "it waits for approval there",
                    "it is planned and not sent yet",
                    "it was let go by hand",
                    "it waits until crm:Client:1 is linked",
                )
            ),
            f"{ref} has no Survey that flow surveys makes of it",
            f"{ref} is linked to erp:Project:1, and its last change is not there yet: same name, and no id that proves it",
            f"{ref} changed after it was posted, and the difference is not posted yet",
            f"{ref} is named by crm:Lead:1 and flow projects has not seen it",
            *(f"not won: {due}" for due in LEFT_OUT.values()),
            "no cost: nothing is made of its group",
            "left out by flow surveys",
            "left out by flow surveys: not active",
            "left out by flow surveys; another record writes its target",
            "deleted in crm; what was made of it stays",
            "another record writes its target",
            "the next run looks for it",
            "change it in its system: it is looked at again then",
            "finish it in the system; the next run takes the result over",
            "run the flow that carries it, or settle it in review",
            "correct the record; it is tried again then",
            "comes from",
            "led to",
            "beside it",
            "no gaps",
            "gaps: 2",
            "… and 3 more TimeEntry",
            "… and 3 more gaps",
            "… and 3 more records: raise the limit to see them",
        ]
        assert [] == [sentence for sentence in said if in_spanish(sentence) == sentence]
        assert "x: y" == in_spanish("x: y")

    def test_every_reason_of_our_flows_has_its_spanish(self):
        """Why a shipped flow, or the engine, leaves a record out."""
        from periferia_link.cli._trace_words import in_spanish

        source = Path(periferia_link.__file__).parent
        files = [*source.glob("flows/*.py"), source / "engine" / "_decide.py", source / "engine" / "_groups.py"]
        reasons = {reason for path in files for reason in _skips(path)} | {"left out in review"}
        assert len(reasons) > 15
        assert [] == sorted(
            reason for reason in reasons if in_spanish(f"{reason}: nothing is posted").startswith(reason)
        )


def _skips(path):
    """Return the texts that Skip is called with in a file; what is filled in is some word."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Skip":
            given = node.args[0]
            branches = (given.body, given.orelse) if isinstance(given, ast.IfExp) else (given,)
            for text in branches:
                if isinstance(text, ast.Constant):
                    yield text.value
                elif isinstance(text, ast.JoinedStr):
                    yield "".join(part.value if isinstance(part, ast.Constant) else "word" for part in text.values)


class TestStatus:
    def test_after_a_good_run(self, command, clock):
        """Every flow with its lag."""
        clock.advance(600)
        code, out, _ = command("status")
        assert 0 == code
        rows = {line.split()[0]: line.split() for line in out.splitlines() if line}
        assert ["clients", "10", "min", "well", "2", "2", "0", "0"] == rows["clients"]

    def test_for_programs(self, told, clock):
        """Times in UTC, lag in seconds."""
        clock.advance(600)
        code, answer = told("status", "clients")
        assert 0 == code
        one = answer["flows"]["clients"]
        assert (True, 600.0, "2026-11-20T14:00:00Z", "done", None) == (
            one["enabled"], one["lag_seconds"], one["last_run"]["started"], one["last_run"]["how"], one["lease"]
        )  # fmt: skip

    def test_a_run_that_stopped(self, command, clock):
        """How, and what to do; the lag counts from the last run that came to its end."""
        MemorySystem.stores["helpdesk"].is_down = True
        clock.advance(86_400 * 3)
        command("run")
        MemorySystem.stores["erp"].is_down = True
        code, out, _ = command("status")
        assert 0 == code
        assert re_row(out, "labour_costs") == ["labour_costs", "3", "days", "well", "2", "2", "0", "0"]

    def test_a_run_that_failed_half_way(self, office, command, clock):
        """The error by its name, and the next step."""
        with SqliteLedger.open("periferia.db") as ledger, ledger.transaction():
            run = ledger.begin_run("clients", "x", clock.now().timestamp())
            ledger.end_run(run, clock.now().timestamp(), '{"how": "CeilingError", "counts": {}}')
        assert "clients: the last run stopped (CeilingError). Next: periferia-link run clients" in command("status")[1]

    def test_who_works_on_it(self, command, told, clock):
        """A lease that holds is shown with its owner; one that ran out is a run that broke off."""
        now = clock.now().timestamp()
        with SqliteLedger.open("periferia.db") as ledger, ledger.transaction():
            ledger.begin_run("clients", "night:7:x", now)
            ledger.leases.take("clients", "night:7:x", now=now, seconds=120)
        clock.advance(60)
        out = command("status")[1]
        assert "clients: night/7 works on it, since 60 s." in out
        assert "running" in out
        assert "night:7:x" == told("status")[1]["flows"]["clients"]["lease"]["owner"]
        clock.advance(600)
        assert "broke off" in command("status")[1]
        assert told("status")[1]["flows"]["clients"]["lease"] is None

    def test_what_waits(self, command):
        """Parked records are an exit code; waiting and open ones have a column when there are some."""
        desk = MemorySystem.stores["helpdesk"]
        MemorySystem.stores["erp"].change(Ref("erp", "Employee", "1"), rates=())
        desk.put(desk.holds("TimeEntry")[0].model_copy(update={"ref": None}))
        command("run")
        with SqliteLedger.open("periferia.db") as ledger, ledger.transaction():
            stream = ledger.stream("projects", "source")
            record = ledger.records.known(stream, ["2"])["2"].id
            ledger.records.set_state([record], 1)
            ledger.operations.plan([(record, "create", "k", "erp", "Project", None, None, None, None, b"{}", None)])
        code, out, _ = command("status")
        assert 3 == code
        assert out.splitlines()[0].split()[-2:] == ["waiting", "open"]
        assert "Something waits for a person: periferia-link parked, periferia-link review" in out

    def test_flows_that_the_file_turned_off_or_forgot(self, office, command):
        """What the ledger remembers is still shown; a flow that never ran and is off says so."""
        path = write(office)
        text = (
            path.read_text()
            .replace("[flows.clients]", "[flows.leads]\nenabled = false")
            .replace("[flows.projects]", "")
        )
        path.write_text(text)
        out = command("status")[1]
        assert re_row(out, "leads")[:3] == ["leads", "never", "off"]
        assert re_row(out, "clients")[0] == "clients"

    def test_before_the_first_run(self, office, command):
        """What comes first."""
        (office / "periferia.db").unlink()
        code, out, _ = command("status", "--lang", "es")
        assert 0 == code
        assert "Ningún flujo ha corrido. Sigue: periferia-link adopt, plan, run" in out


def re_row(text, name):
    """Return the cells of one row."""
    return next(line.split() for line in text.splitlines() if line.startswith(name))


def test_times():
    """Durations in the largest unit of which there are two."""
    from periferia_link.cli._times import TEXTS, ago, iso, lasting, moment
    from periferia_link.cli._words import Words

    words = Words("es", TEXTS)
    assert ["59 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 días"] == [
        lasting(words, seconds) for seconds in (59, 119, 120, 7199, 7200, 172_799, 172_800)
    ]
    assert ("nunca", "hace 5 min") == (ago(words, None, 0.0), ago(words, 0.0, 300.0))
    assert "2026-11-20 23:30" == moment(datetime(2026, 11, 20, 23, 30, tzinfo=timezone.utc).timestamp(), timezone.utc)
    assert iso(None) is None
