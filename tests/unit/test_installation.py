"""From ``periferia.toml`` to systems, ledger and flows."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

import memory_installation
from memory_installation import MemorySystem, fill, write
from periferia_link import Installation
from periferia_link.connectors import registry
from periferia_link.errors import ConfigurationError, LedgerError, UnknownConnectorError
from periferia_link.flows import labour_costs
from periferia_link.settings import Settings

EXAMPLE = Path(__file__).parents[2] / "examples" / "periferia.toml"


@pytest.fixture(autouse=True)
def memory(monkeypatch):
    """Make the memory systems known under ``connector = "memory"``, fresh for each test."""
    monkeypatch.setattr(registry, "_connectors", dict(registry.CONNECTORS))
    monkeypatch.setattr(MemorySystem, "stores", {})
    registry.register("memory", f"{memory_installation.__name__}:MemorySystem")


def refusal(path):
    """Open an installation that is refused; return message and hint."""
    with pytest.raises(ConfigurationError) as caught:
        Installation.open(path)
    return caught.value.message, caught.value.hint


class TestOpening:
    def test_it_has_what_the_file_names(self, tmp_path):
        """Systems by name, flows each after those that they need, settings as read."""
        with Installation.open(write(tmp_path)) as installation:
            assert ["crm", "erp", "helpdesk"] == list(installation.engine.systems)
            assert ["clients", "projects", "labour_costs"] == list(installation.flows)
            assert date(2026, 1, 1) == installation.settings.flows["labour_costs"].starts
            assert "Installation(crm, erp, helpdesk; clients, projects, labour_costs)" == repr(installation)

    def test_the_ledger_is_beside_the_file(self, tmp_path):
        """A relative path is relative to the configuration, wherever the command is started."""
        with Installation.open(write(tmp_path)):
            assert (tmp_path / "periferia.db").exists()

    def test_closing_closes_everything(self, tmp_path):
        """Connectors and ledger are released at the end of the block, also after an exception."""
        with pytest.raises(RuntimeError), Installation.open(write(tmp_path)) as installation:
            raise RuntimeError
        assert [1, 1, 1] == [system.closed for system in MemorySystem.stores.values()]
        with pytest.raises(Exception, match="closed"):
            installation.engine.ledger.parked()

    def test_what_was_opened_is_closed_when_the_rest_cannot_be(self, tmp_path):
        """A ledger that cannot be made leaves no connection open."""
        path = write(tmp_path, more='[ledger]\npath = "no/such/folder/x.db"\n')
        with pytest.raises(LedgerError):
            Installation.open(path)
        assert [1, 1, 1] == [system.closed for system in MemorySystem.stores.values()]

    def test_it_runs(self, tmp_path):
        """What it opens is ready: clients, projects and costs of one run, and nothing in the next one."""
        _, erp, _ = fill()
        steps = []
        with Installation.open(write(tmp_path), progress=steps.append) as installation:
            report = installation.engine.run(installation.flows.values())
            again = installation.engine.run(installation.flows.values())
        assert (1, 1) == (report["clients"].adopted, report["clients"].created)
        assert (1, 2) == (report["projects"].created, report["labour_costs"].created)
        assert 0 == again.writes
        assert Decimal(625_000) == sum(line.debit for entry in erp.holds("CostEntry") for line in entry.lines)
        assert {"clients", "projects", "labour_costs"} == {step.flow for step in steps}

    def test_the_example_is_complete(self, tmp_path, monkeypatch):
        """The commented example builds: nothing is sent, so it needs no network and no true secret."""
        for name in ("CRM_CLIENT_SECRET", "ERP_PASSWORD", "HELPDESK_TOKEN"):
            monkeypatch.setenv(name, "not-a-secret")
        (tmp_path / "periferia.toml").write_bytes(EXAMPLE.read_bytes())
        with Installation.open(tmp_path / "periferia.toml") as installation:
            assert ["crm", "erp", "helpdesk"] == list(installation.engine.systems)
            assert Decimal(80_000_000) == installation.flows["labour_costs"].ceilings.money


class TestFlows:
    def test_options_reach_the_flow(self, tmp_path):
        """Accounts, period and decimals of the company shape the flow as its factory would."""
        more = '[flows.labour_costs.ceilings]\nmoney = "5000000"\n'
        with Installation.open(write(tmp_path, more=more)) as installation:
            flow = installation.flows["labour_costs"]
        same = labour_costs(starts=date(2026, 1, 1), debit="613595", credit="510595", decimals=0, currency="COP")
        assert same.fingerprint() == flow.fingerprint()
        assert (Decimal(5_000_000), 50.0) == (flow.ceilings.money, flow.ceilings.percent)

    def test_what_is_turned_off_does_not_run(self, tmp_path):
        """``enabled = false`` takes a flow out, and says so to whoever asks for it."""
        path = write(tmp_path)
        path.write_text(path.read_text().replace("[flows.projects]", "[flows.projects]\nenabled = false"))
        with Installation.open(path) as installation:
            assert ["clients", "labour_costs"] == list(installation.flows)
            with pytest.raises(ConfigurationError, match="set enabled = true"):
                installation.chosen("projects")

    def test_settings_of_the_flow(self, tmp_path):
        """Who wins a conflict is a setting of every flow."""
        path = write(tmp_path)
        path.write_text(path.read_text().replace("[flows.clients]", '[flows.clients]\non_conflict = "review"'))
        with Installation.open(path) as installation:
            assert "review" == installation.flows["clients"].on_conflict

    def test_chosen(self, tmp_path):
        """Names choose, in the order of the flows; without names all run; unknown ones are told what there is."""
        with Installation.open(write(tmp_path)) as installation:
            assert ["clients", "labour_costs"] == [flow.name for flow in installation.chosen("labour_costs", "clients")]
            assert 3 == len(installation.chosen())
            with pytest.raises(ConfigurationError, match="its flows are clients, projects, labour_costs"):
                installation.chosen("invoices")

    def test_a_flow_that_the_file_does_not_name(self, tmp_path):
        """Nothing runs that is not named; the hint says how to name it."""
        path = tmp_path / "periferia.toml"
        path.write_text('[systems.crm]\nconnector = "memory"\n')
        with Installation.open(path) as installation, pytest.raises(ConfigurationError, match=r"\[flows.clients\]"):
            installation.chosen("clients")


class TestRefusals:
    def test_an_unknown_flow(self, tmp_path):
        """A typing error in the name of a flow names those that there are."""
        message, hint = refusal(write(tmp_path, more="[flows.labor_costs]\n"))
        assert "[flows.labor_costs]: there is no flow of that name" == message
        assert hint.startswith("known are ")
        assert {"clients", "labour_costs", "projects"} <= set(hint.removeprefix("known are ").split(", "))

    def test_an_unknown_option(self, tmp_path):
        """So does one in the name of an option."""
        path = write(tmp_path)
        path.write_text(path.read_text().replace("debit =", "debet ="))
        message, hint = refusal(path)
        assert "[flows.labour_costs.options] unknown option debet" == message
        known = (
            "activity, closed_through, companies, corrections, corrects, credit, currency, debit, decimals, dimensions"
        )
        more = "distribution_rules, exchange_rates, orders, rate_card, reads, source, target"
        assert f"known are {known}, {more}" == hint

    def test_a_missing_option(self, tmp_path):
        """A flow that cannot be made without an account says which one."""
        path = write(tmp_path)
        path.write_text(path.read_text().replace('debit = "613595"\n', ""))
        assert "[flows.labour_costs.options] debit is missing" == refusal(path)[0]

    def test_an_option_of_another_type(self, tmp_path):
        """An account without quotes is a number: said with the place."""
        path = write(tmp_path)
        path.write_text(path.read_text().replace('"613595"', "613595"))
        message, hint = refusal(path)
        assert message.startswith("[flows.labour_costs.options] debit: ")
        assert "texts need quotes" in hint

    def test_a_word_that_is_no_choice(self, tmp_path):
        """``per`` is day or entry, nothing else is taken for one of them."""
        path = write(tmp_path)
        path.write_text(path.read_text().replace("starts =", 'per = "month"\nstarts ='))
        assert refusal(path)[0].startswith("[flows.labour_costs] per: ")

    def test_per_where_nothing_is_grouped(self, tmp_path):
        """A setting that a flow does not have is refused, not ignored."""
        path = write(tmp_path)
        path.write_text(path.read_text().replace("[flows.clients]", '[flows.clients]\nper = "day"'))
        assert "[flows.clients] per: this flow puts nothing together" == refusal(path)[0]

    def test_money_without_a_start(self, tmp_path):
        """A flow that posts money needs its first day."""
        path = write(tmp_path)
        path.write_text(path.read_text().replace("starts = 2026-01-01\n", ""))
        message, hint = refusal(path)
        assert "flow labour_costs posts money and has no start date" == message
        assert "[flows.labour_costs]" in hint

    def test_an_unknown_connector(self, tmp_path):
        """The registry's own sentence comes through."""
        path = write(tmp_path)
        path.write_text(path.read_text().replace('"memory"', '"memmory"', 1))
        with pytest.raises(UnknownConnectorError, match="memmory"):
            Installation.open(path)

    def test_no_file(self, tmp_path):
        """A file that is not there is said with its path."""
        assert str(tmp_path) in refusal(tmp_path / "periferia.toml")[1]


def test_roles_reach_the_engine(tmp_path):
    """A system that plays another role than its name is found by it."""
    path = write(tmp_path)
    path.write_text(path.read_text().replace("[systems.helpdesk]\n", '[systems.desk]\nroles = ["helpdesk"]\n'))
    memory_installation.KINDS["desk"] = memory_installation.KINDS["helpdesk"]
    try:
        with Installation.open(path) as installation:
            assert {"crm": ("crm",), "erp": ("erp",), "helpdesk": ("desk",)} == installation.settings.roles
            assert 0 == len(installation.engine.plan(installation.chosen("labour_costs")))
    finally:
        del memory_installation.KINDS["desk"]
    assert Settings.load(path).roles["helpdesk"] == ("desk",)
