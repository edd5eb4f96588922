from __future__ import annotations

import pytest

from periferia_link.connectors.sap_business_one import SAP_FIELDS
from periferia_link.domain import Ref
from periferia_link.errors import (
    ConfigurationError,
    ContractBrokenError,
    PermissionDeniedError,
    RecordInvalidError,
    WriteRefusedError,
)
from periferia_link.settings import Settings
from periferia_link.testing.emulators import FaultRule, ManualClock
from sap_company import company, connector, create, posting, project


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def emulator():
    return company()


@pytest.fixture
def sap(emulator, clock):
    with connector(emulator, clock) as made:
        yield made


@pytest.fixture
def bare(emulator):
    emulator.drop_user_table("PL_SYNC")
    emulator.drop_user_field("PL_Key")
    return emulator


class TestPreparation:
    """What makes a company ready."""

    def test_from_bare_to_posting(self, sap, bare):
        """Made, restarted, and the first posting goes through."""
        made = sap.install()
        bare.restart()
        (outcome,) = sap.write("CostEntry", [create(posting())])

        assert (14, True, False) == (made.made, made.needs_restart, made.is_ready)
        assert "1" == outcome.ref.id
        assert sap.install().is_ready

    def test_index_that_sap_does_not_make(self, sap, bare):
        """Everything works without it."""
        refusal = {"status": 400, "code": "-5006"}
        bare.faults.add(FaultRule("status", method="POST", path="*/UserKeysMD", times=None, params=refusal))
        done = sap.install()

        assert {"refused"} == {step.state for step in done.steps if step.what == "index"}
        bare.restart()
        assert sap.install(dry_run=True).steps[0].state == "there"

    @pytest.mark.parametrize(
        ("params", "error"),
        [
            ({"status": 403, "code": "-1"}, PermissionDeniedError),
            ({"status": 400, "code": "-1120"}, RecordInvalidError),
            ({"status": 502, "code": ""}, ContractBrokenError),
        ],
    )
    def test_refused(self, sap, bare, params, error):
        """No superuser, people at work, a node in trouble: it says so, and can be run again."""
        bare.faults.add(FaultRule("status", method="POST", path="*/UserTablesMD", params=params))

        with pytest.raises(error):
            sap.install()
        assert 14 == sap.install().made

    def test_somebody_was_faster(self, sap, bare, clock):
        """What was made in between is there."""
        with connector(bare, clock) as other:
            other.install()
        assert 0 == sap.install().made

    def test_plan_only(self, bare, clock):
        """Nothing is made in a system that must not be written to."""
        with connector(bare, clock, plan_only=True) as sap:
            assert 14 == len(sap.install(dry_run=True).steps)
            with pytest.raises(WriteRefusedError):
                sap.install()


class TestDiscovery:
    """The fields of a company become a part of periferia.toml."""

    @pytest.fixture(autouse=True)
    def _fields(self, emulator):
        fields = [
            {"TableName": "OCRD", "Name": "Sector", "Description": "Sector económico", "Size": 30},
            {"TableName": "OPRJ", "Name": "Cliente", "Description": "Cliente del proyecto", "Size": 15},
            {"TableName": "OCRD", "Name": "Contrato", "Description": "Fecha", "Type": "db_Date"},
        ]
        emulator.load({"UserFieldsMD": fields})
        emulator.add_user_table("SEDES", ["Ciudad", "Jefe"])

    def test_toml(self, sap):
        """Fields by kind, with labels and sizes; the client of a project by its name; user tables as comments."""
        told = sap.discover().toml

        assert '[systems.erp.fields.Project]\ncolumns = { client = "U_Cliente" }' in told
        assert '# extra = ["U_Sector", "U_Contrato"]' in told
        assert "#   U_Sector: Sector económico (Alpha 30)" in told
        assert "#   U_Contrato: Fecha (Date)" in told
        assert "# User table U_SEDES (SEDES): 2 fields" in told
        assert "U_PL_Key" not in told
        assert "PL_SYNC" not in told

    def test_loads(self, sap, tmp_path):
        """What is written is what the settings read; a second time it is refused."""
        file = tmp_path / "periferia.toml"
        file.write_text(
            '[systems.erp]\nconnector = "sap-business-one"\nurl = "https://sap.example:50000"\n'
            'credential = { kind = "login", username = "u", password = "${ENV:P}", company_db = "C" }\n',
            encoding="utf-8",
        )
        found = sap.discover()
        found.write(file)
        settings = Settings.load(file, environ={"P": "x"})
        fields = SAP_FIELDS.merged(settings.systems["erp"].fields)

        assert "U_Cliente" == fields["Project"].column("client")
        with pytest.raises(ConfigurationError, match="has columns for erp already"):
            found.write(file)
        with pytest.raises(ConfigurationError, match="cannot be written"):
            found.write(tmp_path / "no" / "file")

    def test_what_is_lacking(self, sap, emulator):
        """Tables without our key, and fields that this node does not know yet."""
        emulator.drop_user_field("PL_Key", "OOPR")
        emulator.books["UserFieldsMD"]["TableName='OHEM',FieldID=0"] = {
            **next(iter(emulator.books["UserFieldsMD"].values())),
            "TableName": "OHEM",
            "FieldID": 0,
            "Name": "Nuevo",
            "Description": "Nuevo",
        }
        told = sap.discover()

        assert ["SalesOpportunities"] == list(told.lacking)
        assert ["EmployeesInfo.U_Nuevo"] == list(told.waits)
        assert "U_PL_Key is missing on SalesOpportunities" in told.toml
        assert "Known after a restart of the Service Layer: EmployeesInfo.U_Nuevo" in told.toml

    def test_nothing_added(self, clock):
        """A company as it came."""
        with connector(company(), clock) as sap:
            assert [] == [each for each in sap.discover().found if each.columns or each.others]

    def test_client_of_a_project(self, emulator, clock):
        """The column that was found is written and read: the code of the client."""
        fields = SAP_FIELDS.merged({"Project": {"columns": {"client": "U_Cliente"}}})
        with connector(emulator, clock, fields=fields) as sap:
            ref = Ref("erp", "Client", "C1")
            sap.write("Project", [create(project("P8", client=ref)), create(project("P7", client=None))])
            read = {row.key: sap.decode("Project", row).client for row in sap.get("Project", ["P7", "P8"])}

        assert {"P7": None, "P8": ref} == read
