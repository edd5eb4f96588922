"""
The packages that provide pyrfc, as they are installed: no SAP answers here, so what is tried is what they say then.

``pip install erpl-pyrfc``, or ``pip install pyrfcx``; one of them at a time.
"""

from __future__ import annotations

import pytest

pyrfc = pytest.importorskip("pyrfc", reason="no package provides pyrfc")

from periferia_link.connectors.sap_rfc import SapRfc  # noqa: E402
from periferia_link.connectors.sap_rfc._failures import error_of  # noqa: E402
from periferia_link.errors import (  # noqa: E402
    AuthenticationError,
    ContractBrokenError,
    MissingDependencyError,
    PermissionDeniedError,
    UnavailableError,
)
from periferia_link.testing.emulators import ManualClock  # noqa: E402

NAMES = {
    "LogonError": AuthenticationError,
    "CommunicationError": UnavailableError,
    "ExternalAuthorizationError": PermissionDeniedError,
    "ABAPApplicationError": ContractBrokenError,
    "ABAPRuntimeError": ContractBrokenError,
    "ExternalRuntimeError": ContractBrokenError,
    "RFCError": ContractBrokenError,
}


def erp(**changes):
    given = {"ashost": "127.0.0.1", "sysnr": "77", "client": "100", "user": "X", "passwd": "hush-2026", **changes}
    return SapRfc(given, company_code="1000", controlling_area="1000", clock=ManualClock(), timeout=5)


class TestNames:
    @pytest.mark.parametrize("name", NAMES)
    def test_exceptions_are_told_apart(self, name):
        """By the names of their classes, whoever made them."""
        kind = getattr(pyrfc, name)
        assert type(error_of(kind("x"), system="erp", operation="BAPI_X")) is NAMES[name]
        assert issubclass(kind, pyrfc.RFCError)

    def test_what_a_connection_has(self):
        """The seam asks for no more than these; how a context is begun anew is asked for with care."""
        for name in ("call", "ping", "get_connection_attributes", "close"):
            assert callable(getattr(pyrfc.Connection, name))


class TestConnecting:
    def test_nobody_listens(self):
        """A refused port is told as such, or the missing library of SAP is; no secret shows."""
        with pytest.raises((UnavailableError, MissingDependencyError)) as told:
            erp().check()
        assert told.value.hint
        assert "hush-2026" not in str(told.value)

    def test_our_way_of_opening_is_theirs(self):
        """Every key of our configuration is known there: the failure is that of the line."""
        with pytest.raises(Exception, match=r".") as raised:
            pyrfc.Connection(config={"rstrip": True, "dtime": False, "timeout": 5.0}, ashost="127.0.0.1", sysnr="77")
        assert "config" not in str(raised.value).lower()
        assert "option" not in str(raised.value).lower()

    def test_a_parameter_that_nobody_knows(self):
        """A typing error in the settings ends in an error of ours."""
        with pytest.raises((ContractBrokenError, MissingDependencyError, UnavailableError)):
            erp(ashosts="x").check()
