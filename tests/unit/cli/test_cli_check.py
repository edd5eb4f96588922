"""``check``: is every system there, and may we do what the flows need."""

from __future__ import annotations

import pytest

from memory_installation import MemorySystem, write
from periferia_link.connectors.base import SystemInfo
from periferia_link.installation import Installation, check_flows
from periferia_link.ledger import SqliteLedger
from periferia_link.settings import Settings

pytest.importorskip("typer", reason="the extra cli is not installed")


@pytest.fixture(autouse=True)
def here(office):
    """Stand in a folder with a configuration of memory systems."""
    return office


def lacking(self):
    """Answer as a system whose user lacks rights."""
    details = {"company": "ACME"}
    return SystemInfo(
        system_id="memory-erp", product="erp", identity="ana", missing=["post", "read rates"], next_step="ask Eva", details=details
    )  # fmt: skip


class TestCheck:
    def test_all_is_well(self, command, here):
        """Who answers, as whom, which installation; what comes next. Nothing is written anywhere, not even a ledger."""
        code, out, err = command("check")
        assert (0, "") == (code, err)
        assert "✓ crm · reached\n  product:      memory 1\n  signed in as: memory\n  installation: memory-crm\n" in out
        assert "✓ labour_costs, projects, clients: ready" in out
        assert "Next: periferia-link adopt clients" in out
        assert not (here / "periferia.db").exists()

    def test_one_that_is_down(self, command, told):
        """The others are asked all the same; exit code 1: it may come back by itself."""
        MemorySystem.stores["crm"].is_down = True
        code, out, _ = command("check")
        assert 1 == code
        assert "✗ crm · not reached" in out
        assert "what happened: nobody answers" in out
        assert "next step:     switch it on" in out
        assert "✓ erp · reached" in out
        assert "1 point is left." in out
        code, answer = told("check")
        crm = answer["systems"]["crm"]
        assert (1, "not_reached", "switch it on", None) == (code, crm["verdict"], crm["next_step"], crm["system_id"])
        assert answer["is_well"] is False

    def test_rights_are_missing(self, command, told, monkeypatch):
        """Each right on a line, and what to do; exit code 2: a person must act."""
        monkeypatch.setattr(MemorySystem, "check", lacking)
        code, out, _ = command("check")
        assert 2 == code
        assert "✗ erp · reached, and something is missing" in out
        assert "  missing:      post\n  missing:      read rates\n  next step:    ask Eva\n" in out
        assert "company:" in out
        assert ["post", "read rates"] == told("check")[1]["systems"]["erp"]["missing"]

    def test_another_installation(self, command, told):
        """The ledger of one company never works on another."""
        with SqliteLedger.open("periferia.db") as ledger:
            ledger.bind_system("erp", "memory-erp-of-peru")
        code, out, _ = command("check")
        assert 2 == code
        assert "✗ erp · reached, and it is another installation" in out
        assert "the ledger knows: memory-erp-of-peru" in out
        assert "memory-erp-of-peru" == told("check")[1]["systems"]["erp"]["known_as"]

    def test_a_connector_that_is_not_there(self, command, here):
        """A system that cannot even be built is one of the systems, not the end."""
        path = here / "periferia.toml"
        path.write_text(path.read_text().replace('connector = "memory"', 'connector = "memry"', 1))
        code, out, _ = command("check")
        assert 2 == code
        assert "there is no connector memry" in out
        assert "✓ erp" in out

    def test_flows_without_their_systems(self, command, told, here):
        """A role that nobody plays, an option that is wrong: named with the flow."""
        path = here / "periferia.toml"
        text = path.read_text().replace('[systems.helpdesk]\nconnector = "memory"\n', "")
        path.write_text(text.replace("[flows.clients]", '[flows.clients]\nper = "day"\n'))
        code, out, _ = command("check")
        assert 2 == code
        assert "✗ labour_costs: flow labour_costs needs a system in the role helpdesk" in out
        assert "add [systems.helpdesk], or roles = [" in out
        assert "✗ clients: [flows.clients] per: this flow puts nothing together" in out
        assert "✓ projects: ready" in out
        assert told("check")[1]["flows"]["projects"] is None

    def test_nothing_to_check(self, command, here):
        """A file without systems says where to begin; one without flows what to add."""
        (here / "periferia.toml").write_text("")
        code, _, err = command("check")
        assert 2 == code
        assert "periferia-link init" in err
        (here / "periferia.toml").write_text('[systems.crm]\nconnector = "memory"\n')
        assert "add [flows.clients]" in command("check")[1]

    def test_secrets_that_are_not_there(self, command, told, here):
        """Every one of them is named at once, with where to put it, and the systems that are well are asked."""
        path = here / "periferia.toml"
        credential = '\n[systems.{0}.credential]\nkind = "static-token"\ntoken = "${{ENV:NOT_THERE_{0}}}"\n'
        path.write_text(path.read_text() + credential.format("crm") + credential.format("erp"))
        code, out, _ = command("check")
        assert 2 == code
        assert "[systems.crm.credential] token: the environment variable NOT_THERE_crm is not set" in out
        assert "set NOT_THERE_erp where this program starts" in out
        assert "✓ helpdesk · reached" in out
        assert "labour_costs, projects, clients: ready" in out
        assert "2 points are left." in out
        assert "ConfigurationError" == told("check")[1]["systems"]["crm"]["error"]["error"]
        assert "no está definida" in command("check", "--lang", "es")[1]

    def test_a_mistake_in_the_file(self, command, here):
        """File, table, key, and what to write instead."""
        path = here / "periferia.toml"
        path.write_text(path.read_text() + '[systems.x]\nconector = "memory"\n')
        code, out, _ = command("check")
        assert 2 == code
        assert "periferia.toml [systems.x] conector: unknown key" in out
        assert "did you mean connector?" in out
        assert 2 == command("plan")[0]
        path.write_text("[systems.crm\n")
        assert "line 1" in command("check")[2]

    def test_in_spanish(self, command, here):
        """Also because the company speaks it."""
        write(here, company='language = "es"')
        assert "✓ crm · responde" in command("check")[1]
        assert "✓ crm · reached" in command("check", "--lang", "en")[1]
        assert "✓ crm · reached" in command("--lang", "en", "check")[1]


class TestLibrary:
    def test_from_an_installation(self, here):
        """The same for scripts."""
        with Installation.open(here / "periferia.toml") as installation:
            assert [True, True, True] == [one.is_well for one in installation.check()]
            installation.ledger.bind_system("crm", "another")
            assert "another" == installation.check()[0].known_as

    def test_flows(self, here):
        """Each flow with what is wrong with it, those that are off left out."""
        path = here / "periferia.toml"
        path.write_text(path.read_text().replace("[flows.projects]", "[flows.projects]\nenabled = false"))
        assert {"labour_costs": None, "clients": None} == check_flows(Settings.load(path))
