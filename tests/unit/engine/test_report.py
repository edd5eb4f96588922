"""What a run says afterwards."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from periferia_link.engine import FlowReport, Progress, RunReport
from periferia_link.engine.report import COUNTS
from small_company import client, client_flow, crm_of, erp_of, names, refused, rig


@pytest.fixture
def report():
    """Return a report with counts and a note."""
    one = FlowReport("clients")
    one.count("created", 3)
    one.count("updated")
    one.count("actions", 2)
    one.count("unchanged", 7)
    one.note("parked c1: <b>wrong</b> → correct it")
    return one


class TestFlowReport:
    """Counts of one flow."""

    def test_counts_are_attributes(self, report):
        """Every count that a report may have, zero when nothing was counted."""
        assert (3, 1, 0, 0) == (report.created, report.updated, report.review, report.unmatched)

    def test_other_names_are_errors(self, report):
        """A misspelt count is not zero."""
        with pytest.raises(AttributeError):
            report.createt  # noqa: B018 - the access is what is tested

    def test_writes_are_what_changed_in_the_target(self, report):
        """Creates, updates, deletes and actions; not what was looked at."""
        assert 6 == report.writes

    def test_notes_end(self):
        """Fifty sentences are read; the others are counted."""
        one = FlowReport("clients")
        for number in range(70):
            one.note(f"note {number}")
        assert (50, 20) == (len(one.notes), one.more_notes)

    def test_json_ready(self, report):
        """The seven counts always, the others when they are not zero."""
        found = json.loads(json.dumps(report.to_dict()))
        assert set(COUNTS) <= set(found)
        assert (3, 2, False, 1) == (found["created"], found["actions"], "waiting" in found, len(found["notes"]))

    def test_what_an_adoption_counts_is_in_it(self):
        """Unmatched and different records are results as well."""
        one = FlowReport("clients")
        one.count("unmatched", 4)
        one.count("different", 2)
        assert (4, 2) == (one.to_dict()["unmatched"], one.to_dict()["different"])

    def test_copies(self, report):
        """A report may be copied and sent to another process."""
        assert report == copy.deepcopy(report) == pickle.loads(pickle.dumps(report))


class TestRunReport:
    """All flows of a run."""

    def test_by_name(self, report):
        """In the order they ran."""
        run = RunReport({"clients": report, "projects": FlowReport("projects")})
        assert (report, 6, ["clients", "projects"]) == (run["clients"], run.writes, list(run.flows))

    def test_printed(self, report):
        """A table and the notes, aligned."""
        lines = str(RunReport({"clients": report})).splitlines()
        assert lines[0].split() == ["flow", *COUNTS]
        assert ["clients", "3", "1", "0", "7", "0", "0", "0"] == lines[1].split()
        assert "correct it" in lines[2]

    def test_an_empty_one(self):
        """No flow, no line but the head."""
        assert 1 == len(str(RunReport()).splitlines())

    def test_html_is_escaped(self):
        """A flow's name is text."""
        page = RunReport({"<script>": FlowReport("<script>")})._repr_html_()
        assert (False, True) == ("<script>" in page, "&lt;script&gt;" in page)

    def test_json_ready(self, report):
        """Flows and seconds."""
        found = json.loads(json.dumps(RunReport({"clients": report}, 1.5).to_dict()))
        assert (3, 1.5) == (found["flows"]["clients"]["created"], found["seconds"])

    def test_seconds_are_those_of_the_clock(self):
        """The run's own time, by the given clock."""
        with rig(crm_of([client(1)]), erp_of()) as here:
            here.erp.before_write = lambda writes: here.clock.advance(5)
            assert 5.0 == here.engine.run(client_flow()).seconds


class TestOfARun:
    """Counts tell what happened in the systems."""

    def test_they_are_the_system_s_own(self):
        """Creates, updates, deletes and requests as the target saw them."""
        flow = client_flow(on_delete="delete")
        with rig(crm_of(map(client, range(5))), erp_of(max_batch=2)) as here:
            first = here.run(flow)
            refs = [record.ref for record in here.crm.holds("Client")]
            here.crm.change(refs[0], name="Otro")
            here.crm.drop(refs[1])
            second = here.run(flow)
        assert (5, 3) == (first.created, first.requests)
        assert (1, 1, 2) == (second.updated, second.deleted, second.requests)
        assert 5 == len(here.erp.sent)

    def test_unchanged_records_are_counted(self):
        """A scan that finds nothing new."""
        with rig(crm_of(map(client, range(5)), feed="scan"), erp_of()) as here:
            here.run(client_flow())
            assert 5 == here.run(client_flow()).unchanged

    def test_notes_hold_no_values(self):
        """Keys, reasons, next steps: what people are called stays out."""
        with rig(crm_of([client(1, email="ana@x.co", name="Ana Pérez")]), erp_of()) as here:
            here.erp.always = refused()
            text = json.dumps(here.run(client_flow()).to_dict(), ensure_ascii=False)
        assert (False, False, True) == ("ana@x.co" in text, "Ana" in text, "c001" in text)


class TestProgress:
    """Whoever watches."""

    def test_stages_of_a_run(self):
        """Reading and writing, with what is done; the total where it is known."""
        steps: list[Progress] = []
        crm = crm_of(map(client, range(6)), page_size=2, feed="scan")
        with rig(crm, erp_of(max_batch=2), progress=steps.append) as here:
            here.run(client_flow())
            assert [2, 4, 6] == [step.done for step in steps if step.stage == "read"]
            assert [2, 4, 6] == [step.done for step in steps if step.stage == "write"]
            assert {"clients"} == {step.flow for step in steps}

            steps.clear()
            here.run(client_flow())
            assert {6} == {step.total for step in steps if step.stage == "read"}

    def test_a_watcher_that_fails_ends_the_run(self):
        """Its error is not swallowed, and the run can go on later."""

        def fail(step):
            raise RuntimeError("the terminal is gone")

        with rig(crm_of([client(1)]), erp_of()) as here:
            with pytest.raises(RuntimeError):
                here.again(progress=fail).run(client_flow())
            here.run(client_flow())
            assert ["Cliente 1"] == names(here.erp)
