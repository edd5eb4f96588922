from __future__ import annotations

import pytest

from periferia_link.connectors.sap_rfc._failures import CONNECT, error_of, is_broken_line, nothing_was_sent
from periferia_link.errors import (
    AuthenticationError,
    ContractBrokenError,
    PermissionDeniedError,
    ThrottledError,
    UnavailableError,
)
from periferia_link.testing.emulators import _rfc_failures as pyrfc

SECRET = "sap.internal.example user ANA"

CASES = [
    (pyrfc.LogonError(SECRET, 2, "RFC_LOGON_FAILURE"), AuthenticationError, False),
    (pyrfc.CommunicationError(SECRET, 1, "RFC_COMMUNICATION_FAILURE"), UnavailableError, True),
    (pyrfc.CommunicationError(SECRET, 7, "RFC_CANCELED"), UnavailableError, True),
    (pyrfc.ABAPRuntimeError(SECRET, 3, "RFC_NO_AUTHORITY"), PermissionDeniedError, False),
    (pyrfc.ABAPApplicationError(SECRET, 5, "NOT_AUTHORIZED"), PermissionDeniedError, False),
    (pyrfc.ABAPRuntimeError(SECRET, 3, "RFC_NO_RESOURCE"), ThrottledError, False),
    (pyrfc.ABAPRuntimeError(SECRET, 3, "MESSAGE_TYPE_X"), ContractBrokenError, False),
    (pyrfc.ABAPApplicationError(SECRET, 5, "TABLE_NOT_AVAILABLE"), ContractBrokenError, False),
    (pyrfc.ExternalRuntimeError(SECRET, 20, "RFC_INVALID_PARAMETER"), ContractBrokenError, False),
    (pyrfc.RFCError(SECRET), ContractBrokenError, False),
    (TypeError(SECRET), ContractBrokenError, False),
    (ConnectionResetError(SECRET), UnavailableError, True),
]


class TestMeaning:
    @pytest.mark.parametrize(("raised", "kind", "is_line"), CASES, ids=range(len(CASES)))
    def test_what_is_raised_has_a_typed_end(self, raised, kind, is_line):
        """By the names of its classes and its key; the text of the library stays out of ours."""
        error = error_of(raised, system="erp", operation="BAPI_X")
        assert type(error) is kind
        assert is_broken_line(raised) is is_line
        assert error.hint
        assert SECRET not in f"{error} {error.to_dict()}"
        assert error.operation == "BAPI_X"

    def test_parameters_of_the_connection(self):
        """A name that the library does not know is a matter of the settings."""
        raised = pyrfc.ExternalRuntimeError(SECRET, 20, "RFC_INVALID_PARAMETER")
        assert "options" in error_of(raised, system="erp", operation=CONNECT).hint

    def test_errors_of_ours_pass(self):
        """What is one already is not wrapped."""
        told = UnavailableError("down", hint="wait")
        assert error_of(told, system="erp", operation="X") is told

    def test_what_never_left(self):
        """A call that the library refuses itself did nothing; one that SAP refused may have."""
        assert nothing_was_sent(pyrfc.ExternalRuntimeError("x", 20, "RFC_INVALID_PARAMETER"))
        assert nothing_was_sent(TypeError("an string is required"))
        assert not nothing_was_sent(pyrfc.CommunicationError("x", 1, "RFC_COMMUNICATION_FAILURE"))
        assert not nothing_was_sent(pyrfc.RFCError("connection is closed"))
        assert not nothing_was_sent(pyrfc.ABAPRuntimeError("x", 3, "MESSAGE_TYPE_X"))
