"""What the connector finds out about a live environment, and how it paces itself there."""

from __future__ import annotations

import uuid

import pytest

from dataverse_calls import Crm, answering, refusing, scripted
from periferia_link.connectors.base import Applied, Write
from periferia_link.connectors.dynamics365 import DYNAMICS365_FIELDS
from periferia_link.connectors.dynamics365._pace import Pace
from periferia_link.connectors.dynamics365.reading._metadata import label_in
from periferia_link.domain import Client, Opportunity, Ref
from periferia_link.errors import ConfigurationError, ContractBrokenError, UnavailableError
from periferia_link.settings import Settings
from periferia_link.testing.emulators import ManualClock
from periferia_link.transport._pacing import Gate
from periferia_link.typing import Response

FILE = """
[systems.crm]
connector = "dynamics365"
url = "https://org.crm.dynamics.com"
"""


@pytest.fixture
def crm():
    """An environment that no default fits: other columns, other choices, a table of its own."""
    crm = Crm()
    tables = crm.emulator.tables
    for table, column in (("account", "pl_nit"), ("opportunity", "pl_number"), ("incident", "pl_key")):
        tables[table].drop(tables[table].columns[column])
    for table, column in (("account", "cr123_nit"), ("account", "cr123_segment"), ("incident", "cr123_externalkey")):
        crm.emulator.add_column(table, column)
    crm.emulator.add_column("opportunity", "cr123_consecutivo")
    priority = tables["incident"].columns["prioritycode"]
    tables["incident"].add(priority._replace(options={100: "High", 101: "Normal", 102: "Low"}))
    crm.emulator.add_table("cr123_asset", "cr123_assets", {"cr123_name": "String", "cr123_price": "Money"})
    return crm


class TestDiscovery:
    def test_the_file_fits_the_environment(self, crm, tmp_path):
        """What was found, put into periferia.toml, makes a connector to which nothing is missing."""
        kinds = ["Client", "Opportunity", "Ticket", "Lead"]
        with crm.connect(kinds=kinds) as before:
            assert before.check().missing
        file = tmp_path / "periferia.toml"
        file.write_text(FILE, encoding="utf-8")
        found = crm.connector.discover(prefix="cr123")
        found.write(file)
        told = Settings.load(file).systems["crm"].fields
        assert {"tax_id": "cr123_nit"} == told["Client"]["columns"]
        assert {"number": "cr123_consecutivo"} == told["Opportunity"]["columns"]
        assert "cr123_externalkey" == told["Ticket"]["columns"]["external_ref"]
        assert (100, 101, 102) == tuple(
            told["Ticket"]["choices"]["priority"][word] for word in ("high", "normal", "low")
        )
        with crm.connect(kinds=kinds, fields=DYNAMICS365_FIELDS.merged(told, own_kinds=True)) as after:
            assert () == tuple(after.check().missing)

    def test_what_is_left_to_a_person(self, crm):
        """Columns that no field names, and own tables, are offered as comments with their labels."""
        text = crm.connector.discover(prefix="cr123").toml
        assert '# extra = ["cr123_segment"]' in text
        assert '# table = "cr123_assets"' in text
        assert "# Not in this environment:" in text

    def test_an_own_table_taken_up(self, crm):
        """With the signs taken away, an own table is a kind."""
        found = {each.kind: each for each in crm.connector.discover(prefix="cr123").found}
        told = {"table": found["Asset"].table, "key": found["Asset"].key, "extra": ["cr123_name"]}
        crm.emulator.load({"cr123_assets": [{"cr123_name": "Servidor"}]})
        with crm.connect(fields=DYNAMICS365_FIELDS.merged({"Asset": told}, own_kinds=True)) as connector:
            assert ["Servidor"] == [asset.custom["cr123_name"] for asset in connector.each("Asset")]

    def test_a_file_that_says_something_already(self, crm, tmp_path):
        """Columns that somebody wrote are not written over; a file that cannot be written is told."""
        found = crm.connector.discover()
        file = tmp_path / "fields.toml"
        found.write(file)
        with pytest.raises(ConfigurationError, match="has columns for crm already"):
            found.write(file)
        with pytest.raises(ConfigurationError, match="cannot be written"):
            found.write(tmp_path / "no" / "such" / "place.toml")

    def test_it_writes_nothing_there(self, crm):
        """Discovery only reads."""
        crm.connector.discover()
        assert {"GET"} == {entry.method for entry in crm.emulator.log}


class TestMetadata:
    def test_the_case_of_navigation_properties(self):
        """A custom lookup is bound by the name that the environment tells, whose case nobody can guess."""
        fields = DYNAMICS365_FIELDS.merged({"Opportunity": {"columns": {"client": "_cr123_payer_value"}}})
        crm = Crm(fields=fields)
        lookup = crm.emulator.tables["account"].columns["primarycontactid"]
        crm.emulator.tables["opportunity"].add(lookup._replace(name="cr123_payer", targets={"cr123_Payer": "account"}))
        payer = str(uuid.UUID(int=5))
        crm.emulator.load({"accounts": [{"accountid": payer, "name": "Andes"}]})
        crm.connector.check()
        deal = Opportunity(name="Nube", client=Ref("crm", "Client", payer))
        write = Write(str(uuid.uuid4()), "create", None, deal, frozenset({"name", "client"}))
        (outcome,) = crm.connector.write("Opportunity", [write])
        assert isinstance(outcome, Applied), outcome
        (found,) = crm.connector.each("Opportunity")
        assert deal.client == found.client

    def test_asked_once(self, crm):
        """Definitions, columns and choices are asked once and kept."""
        crm.connector.discover()
        before = len(crm.emulator.log)
        crm.connector.discover()
        assert before + 2 >= len(crm.emulator.log)  # own tables are looked for again

    def test_tables_that_keep_their_names(self):
        """Where relationships may not be read, the names of the columns serve."""
        fields = DYNAMICS365_FIELDS.merged({"Client": {"columns": {"owner": "_cr123_owner_value"}}})
        table = answering(200, {"value": [{"EntitySetName": "accounts", "LogicalName": "account"}]})
        connector, _ = scripted(table, refusing(403, "0x80040220", "no"), answering(200, {"value": []}), fields=fields)
        assert [] == [row for page in connector.pull("Client") for row in page.rows]

    @pytest.mark.parametrize(
        ("told", "text"),
        [
            (None, ""),
            ({}, ""),
            ({"UserLocalizedLabel": {"Label": "Estado"}}, "Estado"),
            ({"UserLocalizedLabel": None, "LocalizedLabels": [{"Label": "State"}]}, "State"),
            ({"UserLocalizedLabel": {"Label": None}}, ""),
            ({"LocalizedLabels": ["x"]}, ""),
        ],
    )
    def test_labels(self, told, text):
        """The label in the language of the user, else the first one, else none."""
        assert text == label_in(told)

    def test_keys(self, crm):
        """Alternate keys that are ready to be used."""
        crm.emulator.add_alternate_key("account", "accountnumber")
        crm.connector.check()
        assert [("accountnumber",)] == crm.connector._metadata.keys("account")

    def test_a_table_that_is_not_there(self):
        """A refusal of the metadata is a typed error."""
        connector, _ = scripted(refusing(404, "0x80060888", "no"))
        with pytest.raises(ContractBrokenError):
            connector.discover()


def strain(code):
    return refusing(429, code, "slow", Retry_After="1")


class TestPace:
    @pytest.fixture
    def gate(self):
        return Gate(ManualClock(), parallel=8)

    @pytest.mark.parametrize("code", ["0x80072321", "0x80072326"])
    def test_too_many_at_once(self, gate, code):
        """Execution time and concurrency halve the number of requests at once, down to one."""
        pace = Pace(gate, 8)
        seen = []
        for _ in range(4):
            pace.heard(strain(code))
            seen.append(pace.parallel)
        assert [4, 2, 1, 1] == seen

    def test_the_gate_follows(self, gate):
        """What is eased is not let in, until it is eased back."""
        pace = Pace(gate, 2)
        pace.heard(strain("0x80072326"))
        with gate.enter():
            with pytest.raises(UnavailableError), gate.enter(within=0.0):
                pass
            for _ in range(50):
                pace.heard(Response(200))
            with gate.enter(within=0.0):
                assert "in_flight=2" in repr(gate)

    def test_it_comes_back(self, gate):
        """After 50 answers without complaint there is one more, up to where it began."""
        pace = Pace(gate, 8)
        pace.heard(strain("0x80072326"))
        for _ in range(50):
            pace.heard(Response(200))
        assert 5 == pace.parallel
        for _ in range(1000):
            pace.heard(Response(204))
        assert 8 == pace.parallel

    @pytest.mark.parametrize(
        "answer", [strain("0x80072322"), Response(429), Response(429, (), b"<html>"), Response(503)]
    )
    def test_what_is_no_strain(self, gate, answer):
        """A limit on the number of requests is a pause, nothing else; so is an answer that nobody understands."""
        pace = Pace(gate, 8)
        pace.heard(answer)
        assert 8 == pace.parallel

    @pytest.mark.parametrize(("hint", "parallel"), [("3", 3), ("52", 8), ("0", 8), ("many", 8), ("", 8)])
    def test_the_advice_of_the_environment(self, gate, hint, parallel):
        """The hint lowers the number for good; what is no number is no advice."""
        pace = Pace(gate, 8)
        pace.hint(hint)
        assert parallel == pace.parallel

    def test_the_limits_of_the_environment_are_survived(self):
        """An environment that allows little at once, and little in all, is read and written to the last record."""
        crm = Crm(page_size=5, parallel=8)
        crm.emulator.limits.requests, crm.emulator.limits.window = 12, 10.0
        client = Client(name="Andes")
        made = []
        for number in range(30):
            write = Write(str(uuid.UUID(int=number + 1)), "create", None, client, frozenset({"name"}))
            (outcome,) = crm.connector.write("Client", [write])
            while not isinstance(outcome, Applied):
                crm.clock.sleep(outcome.retry_after)
                (outcome,) = crm.connector.write("Client", [write])
            made.append(outcome.ref.id)
        found = [row.key for page in crm.connector.pull("Client") for row in page.rows]
        assert sorted(made) == sorted(found)

    def test_no_cookie_ever(self):
        """The affinity cookie binds a client to one server and its limits: it is never sent back."""
        crm = Crm(page_size=2)
        seen = []

        class Watching:
            def send(self, request, *, deadline):
                seen.append(request.header("Cookie"))
                return crm.wire.send(request, deadline=deadline)

            def close(self):
                pass

        crm.emulator.load({"accounts": [{"name": f"n{n}"} for n in range(6)]})
        with crm.connect(wire=Watching()) as connector:
            assert 6 == len(list(connector.each("Client")))
        assert {None} == set(seen)
