from __future__ import annotations

import sys
import types

import pytest
from pydantic import SecretStr

from periferia_link.connectors.registry import build, connector_class
from periferia_link.connectors.sap_rfc import SapRfc
from periferia_link.connectors.sap_rfc._pyrfc import connected
from periferia_link.errors import ConfigurationError, ContractBrokenError, MissingDependencyError, PermissionDeniedError
from periferia_link.settings import Settings
from periferia_link.testing.emulators.rfc import RfcFault
from rfc_company import company, connector

TOML = """
[systems.erp]
connector = "sap-rfc"
deadline = 20
roles = ["erp"]

[systems.erp.credential]
kind = "login"
username = "PL_LINK"
password = "${ENV:ERP_PASSWORD}"

[systems.erp.options]
company_code = "1000"
controlling_area = "1000"
order_type = "PRY1"
connection = { ashost = "sap.internal", sysnr = "00", client = "100", lang = "ES" }
"""


def systems(tmp_path, text=TOML):
    path = tmp_path / "periferia.toml"
    path.write_text(text, encoding="utf-8")
    return Settings.load(path, environ={"ERP_PASSWORD": "Rfc-2026-stand-in"}).systems


class TestSettings:
    def test_from_the_file(self, tmp_path, monkeypatch):
        """The registry makes it; the connection gets the parameters of the file and the password."""
        asked = []
        monkeypatch.setattr(
            "periferia_link.connectors.sap_rfc._connector.connected",
            lambda parameters, timeout: asked.append((dict(parameters), timeout)) or company().connect(),
        )
        erp = build("erp", systems(tmp_path)["erp"])
        assert erp.check().system_id == "PLK/100/1000"
        told, timeout = asked[0]
        assert told == {
            "ashost": "sap.internal",
            "sysnr": "00",
            "client": "100",
            "lang": "ES",
            "user": "PL_LINK",
            "passwd": "Rfc-2026-stand-in",
        }
        assert timeout == 20
        assert erp.deadline == 80
        assert connector_class("sap-rfc") is SapRfc

    @pytest.mark.parametrize(
        ("before", "after", "said"),
        [
            ('order_type = "PRY1"', 'ordertype = "PRY1"', "unknown ordertype"),
            ('company_code = "1000"', "", "needs connection"),
            ('kind = "login"\nusername = "PL_LINK"\npassword =', 'kind = "static-token"\ntoken =', "login"),
            ('company_code = "1000"', 'company_code = "1"', "4 characters"),
            ('order_type = "PRY1"', 'hours = "cats"', "activity"),
            ('order_type = "PRY1"', 'hours = "sheets"', "document, allocation or cats"),
        ],
    )
    def test_what_cannot_be_right_is_said(self, tmp_path, before, after, said):
        """Before anything is opened."""
        with pytest.raises(ConfigurationError, match=said):
            build("erp", systems(tmp_path, TOML.replace(before, after))["erp"])

    def test_secrets_do_not_show(self):
        """Neither plain passwords nor tickets are in a text of the connector."""
        erp = SapRfc({"user": "X", "passwd": "hush-2026"}, company_code="1000", controlling_area="1000")
        assert "hush-2026" not in f"{erp!r} {vars(erp)!r}"


class TestCheck:
    def test_who_is_there(self):
        """System, client and company code are the installation; release and user are told."""
        with connector(company()) as erp:
            info = erp.check()
        assert (info.system_id, info.identity, info.version) == ("PLK/100/1000", "PL_LINK", "756")
        assert info.details["currency"] == "COP"
        assert info.missing == ()

    def test_a_user_without_tables(self):
        """Reading back needs a table: what is missing and what to do is said before the first run."""
        sap = company()
        sap.forbidden.add("RFC_READ_TABLE")
        with connector(sap) as erp:
            info = erp.check()
        assert info.missing == ("reading tables by RFC",)
        assert info.next_step

    def test_another_company_code(self):
        """The user does not see it, or it is mistyped."""
        with connector(company(), company_code="9999") as erp:
            assert erp.check().missing == ("company code 9999",)

    def test_a_library_that_does_not_say_where_it_is(self, monkeypatch):
        """The ledger is tied to system and client: without them nothing begins."""
        sap = company()
        monkeypatch.setattr(
            "periferia_link.testing.emulators.rfc.RfcConnection.get_connection_attributes", lambda _: {}
        )
        with connector(sap) as erp, pytest.raises(ContractBrokenError, match="system and client"):
            erp.check()

    def test_what_the_library_raises_is_ours(self):
        """Every verb ends in an error of ours."""
        sap = company()
        with connector(sap) as erp:
            erp.check()
            sap.faults.add(RfcFault("forbidden", "BAPI_COSTCENTER_GETLIST1"))
            with pytest.raises(PermissionDeniedError):
                list(erp.pull("CostCentre"))


class TestPyrfc:
    def test_no_package(self, monkeypatch):
        """The sentence says what to install, and that one needs SAP's library."""
        monkeypatch.setitem(sys.modules, "pyrfc", None)
        erp = SapRfc({"user": "X", "passwd": SecretStr("y")}, company_code="1000", controlling_area="1000")
        with pytest.raises(MissingDependencyError) as told:
            erp.check()
        assert "pip install 'periferia-link[rfc]'" in str(told.value)
        assert "erpl-pyrfc" in str(told.value)

    def test_a_package_without_saps_library(self, monkeypatch):
        """pyrfcx imports and fails at the first connection where the SDK is missing."""

        class SdkNotFoundError(Exception):
            """As pyrfcx has it."""

        for error in (SdkNotFoundError("libsapnwrfc.so"), ImportError("libsapnwrfc.so")):

            def connection(error=error, **_):
                raise error

            monkeypatch.setitem(sys.modules, "pyrfc", types.SimpleNamespace(Connection=connection))
            with pytest.raises(MissingDependencyError, match="NW RFC library") as told:
                connected({}, timeout=3)
            assert "SAPNWRFC_HOME" in told.value.hint

    def test_other_failures_pass(self, monkeypatch):
        """What the library says of the line is told apart elsewhere."""

        def connection(**_):
            raise ConnectionRefusedError

        monkeypatch.setitem(sys.modules, "pyrfc", types.SimpleNamespace(Connection=connection))
        with pytest.raises(ConnectionRefusedError):
            connected({}, timeout=3)

    def test_how_it_is_opened(self, monkeypatch):
        """Texts without padding, dates as texts, a time for every call."""
        asked = {}
        module = types.SimpleNamespace(Connection=lambda **given: asked.update(given) or "open")
        monkeypatch.setitem(sys.modules, "pyrfc", module)
        assert connected({"ashost": "h", "client": "100"}, timeout=7) == "open"
        assert asked == {
            "config": {"rstrip": True, "dtime": False, "timeout": 7},
            "ashost": "h",
            "client": "100",
        }

    def test_it_is_imported_late(self):
        """Importing the connector loads no pyrfc."""
        import subprocess

        code = "import sys, periferia_link.connectors.sap_rfc; print('pyrfc' in sys.modules)"
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert out.stdout.strip() == "False"

    def test_a_parameter_that_the_function_does_not_have(self):
        """A release whose function differs: refused by the library before a byte, told as such."""
        sap = company()
        with connector(sap) as erp, pytest.raises(ContractBrokenError, match="RFC_INVALID_PARAMETER"):
            erp._connections.read("STFC_CONNECTION", {"REQUTEXTS": "x"})
        assert sap.log == []
