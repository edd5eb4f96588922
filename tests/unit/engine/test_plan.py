"""Plans: what would change, written nowhere; and what applying one may and may not do."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from periferia_link.connectors.base import Write
from periferia_link.domain import Client, Ref
from periferia_link.engine import Change, MatchKey, Plan
from periferia_link.errors import ConfigurationError, FlowError
from small_company import (
    books_of,
    client,
    client_flow,
    copy_client,
    crm_of,
    entry,
    erp_of,
    helpdesk_of,
    labour_flow,
    names,
    refused,
    rig,
    unauthorised,
)

ONE = Ref("crm", "Client", "c001")


def shouting(one, context):
    """Carry the name over in capitals."""
    return copy_client(one).model_copy(update={"name": one.name.upper()})


@pytest.fixture
def here():
    """Two clients here, nobody there."""
    with rig(crm_of([client(1), client(2)]), erp_of()) as one:
        yield one


def there(here, name):
    """Return the record of that name in the ERP."""
    return next(record for record in here.erp.holds("Client") if record.name == name)


class TestNothingIsWritten:
    """Anywhere."""

    def test_no_request_and_not_a_byte(self, tmp_path):
        """The ledger file is the same, byte by byte; the target saw no write."""
        path = tmp_path / "ledger.db"

        def prints():
            return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in tmp_path.iterdir()}

        crm = crm_of([client(1), client(2)])
        with rig(crm, erp_of(), path=path) as here:
            here.run(client_flow())
        crm.put(client(3))
        crm.change(ONE, name="Nuevo")
        crm.drop(Ref("crm", "Client", "c002"))
        before = prints()
        with rig(crm, here.erp, path=path) as again:
            again.erp.sent.clear()
            plan = again.engine.plan(client_flow(on_delete="delete"))
            assert (3, []) == (len(plan), again.erp.sent)
        assert before["ledger.db"] == prints()["ledger.db"]

    def test_of_postings_neither(self):
        """Grouped flows, look-ups and dependencies included."""
        with rig(helpdesk_of([entry("a")]), books_of()) as here:
            assert 1 == len(here.engine.plan(labour_flow()))
            assert ([], []) == (here.erp.sent, here.open_operations(labour_flow()))
            assert 1 == len(here.engine.plan(labour_flow()))

    def test_no_copy_is_left_behind(self, here, tmp_path, monkeypatch):
        """The private copy of the ledger is gone afterwards."""
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr("tempfile.tempdir", None)
        here.engine.plan(client_flow())
        assert [] == list(tmp_path.iterdir())

    def test_reviews_and_parked_records_neither(self, here):
        """They are counted in the plan and kept nowhere."""
        flow = client_flow(project=lambda one, context: 1 / 0)
        assert 2 == here.engine.plan(flow).reports["clients"].parked
        assert [] == here.ledger.parked()


class TestContent:
    """What a plan shows."""

    def test_creates(self, here):
        """With every field that will be sent."""
        plan = here.engine.plan(client_flow())
        change = plan.changes[0]
        assert ("clients", "c001", "create", "Client", "erp", None) == (
            change.flow,
            change.key,
            change.mode,
            change.kind,
            change.system,
            change.target,
        )
        assert {"name": (None, "Cliente 1"), "city": (None, "Bogotá")} == change.fields

    def test_updates_with_before_and_after(self, here):
        """Only fields that change; the version of the target that the plan was made on."""
        here.run(client_flow())
        here.crm.change(ONE, name="Nuevo")
        [change] = here.engine.plan(client_flow()).changes
        record = there(here, "Cliente 1")
        assert ("update", record.ref.id, record.version) == (change.mode, change.target, change.target_version)
        assert {"name": ("Cliente 1", "Nuevo")} == change.fields

    def test_deletes(self, here):
        """With the id of what would go."""
        here.run(client_flow())
        gone = there(here, "Cliente 1").ref.id
        here.crm.drop(ONE)
        [change] = here.engine.plan(client_flow(on_delete="delete")).changes
        assert ("delete", gone) == (change.mode, change.target)

    def test_actions(self, here):
        """What is no upsert is named."""
        flow = client_flow(project=lambda one, context: Write("", "action", Ref("erp", "Client", "B1"), action="close"))
        plan = here.engine.plan(flow)
        assert {("action", "B1")} == {(change.mode, change.target) for change in plan.changes}
        assert "close" in str(plan)

    def test_counts_of_everything_else(self, here):
        """Unchanged, parked, waiting: in the reports."""
        here.run(client_flow())
        here.crm.put(client(3))
        plan = here.engine.plan(client_flow())
        assert (1, 0) == (plan.reports["clients"].created, plan.reports["clients"].updated)
        assert 1 == plan.summary()["clients"].created

    def test_what_an_earlier_run_left_open(self, here):
        """Writes that are planned in the ledger are not hidden: a person sees that something is under way."""
        here.erp.always = unauthorised
        with pytest.raises(FlowError):
            here.run(client_flow())
        plan = here.engine.plan(client_flow())
        report = plan.reports["clients"]
        assert len(plan) == 2 or "open" in " ".join(report.notes) or report.waiting == 2

    def test_an_empty_one(self, here):
        """Both sides agree: it says so and is false."""
        here.run(client_flow())
        plan = here.engine.plan(client_flow())
        assert (0, False, True) == (len(plan), bool(plan), "nothing to do" in str(plan))

    def test_a_list_of_flows(self, here):
        """In the order of their ``after``."""
        second = client_flow(name="second", after=("clients",))
        assert ["clients", "second"] == here.engine.plan([second, client_flow()]).flows


class TestPrinted:
    """For people."""

    def change(self, **values):
        """Return a change."""
        given = {
            "flow": "clients",
            "key": "1",
            "mode": "update",
            "kind": "Client",
            "system": "erp",
            "target": "B1",
            "target_version": None,
            "fields": {"name": ("Uno", "Dos")},
            "digest": "x",
        }
        return Change(**(given | values))

    def test_before_and_after(self):
        """An arrow between the two."""
        assert 'update erp Client B1 (name: "Uno" → "Dos")' == str(self.change())

    def test_personal_data_is_not_printed(self):
        """E-mail and phone are in the file that only its owner reads."""
        shown = str(self.change(fields={"email": ("ana@x.co", "eva@x.co"), "name": (None, "Dos")}))
        assert (False, True) == ("@x.co" in shown, "Dos" in shown)

    def test_long_values_are_cut(self):
        """A line stays a line."""
        assert 200 > len(str(self.change(fields={"name": ("x" * 500, "y" * 500)})))

    def test_long_plans_are_cut(self):
        """Twenty lines a flow, then a number."""
        text = str(Plan([self.change(key=str(n)) for n in range(30)], {}, ["clients"]))
        assert (22, True) == (len(text.splitlines()), "10 more" in text)

    def test_html_is_escaped(self):
        """A name from a CRM is no markup."""
        page = Plan(
            [self.change(flow="<b>", fields={"name": (None, "<script>alert(1)</script>")})], {}, []
        )._repr_html_()
        assert (False, False, True) == ("<script>" in page, "<b>" in page, "&lt;script&gt;" in page)


class TestFile:
    """A plan is saved, read by somebody else, and applied."""

    def test_round_trip(self, here, tmp_path):
        """The loaded plan does what the saved one shows."""
        plan = here.engine.plan(client_flow())
        plan.save(tmp_path / "plan.json")
        loaded = Plan.load(tmp_path / "plan.json")
        assert plan.changes == loaded.changes
        assert 2 == here.engine.apply(loaded, client_flow()).writes

    def test_only_its_owner_reads_it(self, here, tmp_path):
        """Mode 0600, also when the file was there before with another one."""
        path = tmp_path / "plan.json"
        path.touch(mode=0o644)
        os.chmod(path, 0o644)
        here.engine.plan(client_flow()).save(path)
        assert 0o600 == path.stat().st_mode & 0o777

    def test_json_ready(self, here):
        """Nothing in it needs another encoder."""
        plan = here.engine.plan(client_flow())
        assert 2 == len(json.loads(json.dumps(plan.to_dict()))["changes"])

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[]",
            "{}",
            "null",
            '{"flows": []}',
            '{"flows": [], "changes": [{"fields": []}]}',
            '{"changes": 1, "flows": 1}',
        ],
    )
    def test_something_else(self, tmp_path, text):
        """A file that is no plan is a typed error with the next step."""
        path = tmp_path / "plan.json"
        path.write_text(text)
        with pytest.raises(ConfigurationError, match="saved plan") as caught:
            Plan.load(path)
        assert caught.value.hint

    def test_no_file(self, tmp_path):
        """A missing one, too."""
        with pytest.raises(ConfigurationError):
            Plan.load(Path(tmp_path / "nowhere.json"))


class TestApply:
    """What the plan lists and nothing else."""

    def test_it_does_what_it_lists(self, here):
        """And a plan made afterwards is empty."""
        plan = here.engine.plan(client_flow())
        assert (2, 2) == (here.engine.apply(plan, client_flow()).writes, len(names(here.erp)))
        assert not here.engine.plan(client_flow())

    def test_twice(self, here):
        """The second time there is nothing left of it."""
        plan = here.engine.plan(client_flow())
        here.engine.apply(plan, client_flow())
        here.erp.sent.clear()
        assert (0, []) == (here.engine.apply(plan, client_flow()).writes, here.erp.sent)

    def test_flows_that_it_does_not_name(self, here):
        """They are not run."""
        plan = here.engine.plan(client_flow())
        report = here.engine.apply(plan, [client_flow(), client_flow(name="others")])
        assert ["clients"] == list(report.flows)

    def test_a_source_record_that_moved(self, here):
        """Refused, counted once, and looked at by the next run."""
        plan = here.engine.plan(client_flow())
        here.crm.change(ONE, name="Otro")
        report = here.engine.apply(plan, client_flow())["clients"]
        assert (1, 1, ["Cliente 2"]) == (report.created, report.refused, names(here.erp))
        here.run(client_flow())
        assert ["Cliente 2", "Otro"] == names(here.erp)

    def test_a_new_source_record(self, here):
        """Not in the plan: not written."""
        plan = here.engine.plan(client_flow())
        here.crm.put(client(3))
        report = here.engine.apply(plan, client_flow())["clients"]
        assert (2, 1, 2) == (report.created, report.refused, len(names(here.erp)))
        assert 1 == here.run(client_flow()).created

    @pytest.mark.parametrize("abilities", [{}, {"concurrency": "compare"}])
    def test_a_target_record_that_moved(self, abilities):
        """What a person wrote there since is not overwritten: parked, with the next step."""
        with rig(crm_of([client(1)]), erp_of(abilities=abilities)) as here:
            here.run(client_flow())
            here.crm.change(ONE, name="Nuevo")
            plan = here.engine.plan(client_flow())
            here.erp.change(there(here, "Cliente 1").ref, name="De una persona")
            report = here.engine.apply(plan, client_flow())["clients"]

            assert (["De una persona"], 0) == (names(here.erp), report.updated)
            [parked] = here.ledger.parked()
            assert ("c001", True) == (parked.key, "plan" in f"{parked.reason} {parked.next_step}")

    def test_an_adopted_target_that_moved(self):
        """Its version was not known when the plan was made; its values were."""
        flow = client_flow(match=(MatchKey("name", lambda one: one.name),))
        with rig(crm_of([client(1)]), erp_of([Client(name="Cliente 1", city="Cali")])) as here:
            here.run(flow)
            here.crm.change(ONE, city="Pasto")
            plan = here.engine.plan(flow)
            here.erp.change(there(here, "Cliente 1").ref, city="Leticia")
            here.engine.apply(plan, flow)
            assert "Leticia" == there(here, "Cliente 1").city

    def test_a_target_that_moved_elsewhere(self, here):
        """A field that the plan does not touch changed there: the 412 refuses the record all the same."""
        here.run(client_flow())
        here.crm.change(ONE, name="Nuevo")
        plan = here.engine.plan(client_flow())
        here.erp.change(there(here, "Cliente 1").ref, city="Cali")
        here.engine.apply(plan, client_flow())
        assert ["Cliente 1", "Cliente 2"] == names(here.erp)

    def test_only_what_it_lists(self, here):
        """Writes that an earlier run left open are part of the plan, or are not made."""
        here.erp.answers = [unauthorised]
        with pytest.raises(FlowError):
            here.run(client_flow())
        plan = here.engine.plan(client_flow())
        report = here.engine.apply(plan, client_flow())
        assert len(plan) == report.writes

    def test_deletions_that_it_lists(self, here):
        """And no others."""
        flow = client_flow(on_delete="delete")
        here.run(flow)
        here.crm.drop(ONE)
        plan = here.engine.plan(flow)
        here.crm.drop(Ref("crm", "Client", "c002"))
        report = here.engine.apply(plan, flow)["clients"]
        assert (1, ["Cliente 2"]) == (report.deleted, names(here.erp))
        assert 1 == here.run(flow).deleted

    def test_postings_that_it_lists(self):
        """A correction after the plan was made waits for the next run."""
        flow = labour_flow()
        with rig(helpdesk_of([entry("a"), entry("b", project="P2")]), books_of()) as here:
            plan = here.engine.plan(flow)
            here.helpdesk.change(Ref("helpdesk", "TimeEntry", "a"), hours="7")
            report = here.engine.apply(plan, flow)[flow.name]
            assert (1, 1) == (report.created, report.refused)
            assert 1 == here.run(flow).created

    def test_a_refusal_of_the_system(self, here):
        """Parks the record; the rest of the plan is done."""
        plan = here.engine.plan(client_flow())
        here.erp.always = refused(where=lambda write: write.entity.name == "Cliente 1")
        report = here.engine.apply(plan, client_flow())["clients"]
        assert (1, 1) == (report.created, report.parked)


class TestMappingChange:
    """The meaning of the flow changed: nobody updates every record by surprise."""

    loud = client_flow(version=2, project=shouting)

    def test_a_run_refuses(self, here):
        """The error names the flow and the way on; nothing was read from the target, nothing written."""
        here.run(client_flow())
        here.erp.sent.clear()
        with pytest.raises(FlowError, match="mapping") as caught:
            here.run(self.loud)
        assert ([], True) == (here.erp.sent, "plan" in caught.value.hint)

    def test_a_plan_shows_it(self, here):
        """Every record that would change."""
        here.run(client_flow())
        plan = here.engine.plan(self.loud)
        assert {"c001", "c002"} == {change.key for change in plan.changes}

    def test_applying_it_is_the_consent(self, here):
        """Afterwards runs go on as usual."""
        here.run(client_flow())
        here.engine.apply(here.engine.plan(self.loud), self.loud)
        assert ["CLIENTE 1", "CLIENTE 2"] == names(here.erp)
        assert 0 == here.run(self.loud).writes

    @pytest.mark.parametrize("feed", ["delta", "scan"])
    def test_a_consent_that_was_cut_short(self, feed):
        """The source went away after the first page: the rest is not forgotten."""
        crm = crm_of([client(n) for n in range(4)], page_size=2, feed=feed)

        def torn(kind, since, pages):
            yield next(iter(pages))
            raise FlowError("the line is cut")

        with rig(crm, erp_of()) as here:
            here.run(client_flow())
            plan = here.engine.plan(self.loud)
            crm.pages = torn
            with pytest.raises(FlowError):
                here.engine.apply(plan, self.loud)
            crm.pages = None
            try:
                here.run(self.loud)
            except FlowError:
                here.engine.apply(here.engine.plan(self.loud), self.loud)
            assert [f"CLIENTE {n}" for n in range(4)] == names(here.erp)

    @pytest.mark.parametrize(
        "changes",
        [{"version": 2}, {"rules": "other accounts"}, {"owns": frozenset({"name"})}],
        ids=["version", "rules", "owned fields"],
    )
    def test_what_counts_as_meaning(self, here, changes):
        """Version, rules, owned fields."""
        here.run(client_flow())
        with pytest.raises(FlowError, match="mapping"):
            here.run(client_flow(**changes))

    @pytest.mark.parametrize("side", ["crm", "erp"])
    def test_columns_of_a_connector_count(self, here, side):
        """Another column for the tax id changes what every record says."""
        here.run(client_flow())
        here.systems[side].maps = "cr123_nit"
        with pytest.raises(FlowError, match="mapping"):
            here.run(client_flow())

    def test_nothing_changes_by_it(self, here):
        """A new version that writes the same needs the consent once, and then is known."""
        here.run(client_flow())
        newer = client_flow(version=2)
        plan = here.engine.plan(newer)
        assert 0 == len(plan)
        here.engine.apply(plan, newer)
        assert 0 == here.run(newer).writes
