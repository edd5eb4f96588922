"""
What went wrong in a call, read from the names of the exception's classes: no package has to be there for that.

Source: the exceptions of pyrfc (RFCError > RFCLibError > …), as pyrfcx 0.2 and erpl-pyrfc 2026.9 have them, and the
return codes of the NW RFC SDK. pyrfc and pyrfcx open a new session by themselves after a broken call: the connection
looks alive, and what the old session held is gone. So a connection that failed is never used again.
"""

from __future__ import annotations

from typing import Any

from periferia_link.errors import (
    AuthenticationError,
    ConnectorError,
    ContractBrokenError,
    LinkError,
    PermissionDeniedError,
    ThrottledError,
    UnavailableError,
)

__all__ = ["BUSY_SECONDS", "CONNECT", "error_of", "is_broken_line", "nothing_was_sent"]

BUSY_SECONDS = 30.0
"""Seconds to wait when SAP has no free session; it never says how long."""

CONNECT = "connect"
"""What is tried when a connection is opened."""

# Refused by the client library before the first byte.
_OURS = frozenset(
    {"RFC_INVALID_PARAMETER", "RFC_NOT_FOUND", "RFC_CONVERSION_FAILURE", "RFC_CODEPAGE_CONVERSION_FAILURE"}
)
_NO_RIGHT = ("NO_AUTHORITY", "NOT_AUTHORIZED", "NO_AUTHORIZATION", "AUTHORIZATION_FAILURE")
_BUSY = ("RESOURCE", "SYSTEM_NO_ROLL", "SYSTEM_NO_TASK", "NO_CONVERSATION", "MAX_CONVERSATIONS")
_LINE = frozenset({"RFC_CLOSED", "RFC_CANCELED", "RFC_TIMEOUT", "RFC_INVALID_HANDLE", "RFC_IO_FAILURE"})


def _names(exc: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(exc).__mro__}


def _key(exc: BaseException) -> str:
    return str(getattr(exc, "key", None) or "")


def is_broken_line(exc: BaseException) -> bool:
    """Whether the line or the session is gone, rather than SAP saying no."""
    names = _names(exc)
    return "CommunicationError" in names or _key(exc) in _LINE or isinstance(exc, ConnectionError | TimeoutError)


def nothing_was_sent(exc: BaseException) -> bool:
    """Whether the client library refused the call itself: an unknown parameter, a value of another type."""
    if isinstance(exc, LinkError):
        return True
    return _key(exc) in _OURS or (isinstance(exc, TypeError | ValueError) and "RFCError" not in _names(exc))


def error_of(exc: BaseException, *, system: str, operation: str) -> ConnectorError:
    """
    Return the error of ours that stands for an exception of the client library.

    Its text stays out of the message: it can hold addresses and the names of users.

    Args:
        exc: What was raised.

        system: Instance name.

        operation: What was tried; the name of the function.
    """
    if isinstance(exc, ConnectorError):
        return exc
    names, key = _names(exc), _key(exc)
    code = key or next(iter(type(exc).__mro__)).__name__
    told: dict[str, Any] = {"system": system, "operation": operation, "code": code}
    message = "".join(str(getattr(exc, part, None) or "") for part in ("msg_class", "msg_number"))
    shown = f"{code} {message}".strip()
    if any(word in key for word in _NO_RIGHT) or "ExternalAuthorizationError" in names:
        msg = f"the user may not call {operation} ({shown})"
        return PermissionDeniedError(msg, hint="give the user S_RFC and the rights of the function in SAP", **told)
    if "LogonError" in names:
        msg = f"SAP refuses the user or the password ({shown})"
        return AuthenticationError(
            msg, hint="correct user, password and client; look whether the user is locked", **told
        )
    if any(word in key for word in _BUSY):
        msg = f"SAP has no free session ({shown})"
        return ThrottledError(msg, hint="it is tried again", retry_after=BUSY_SECONDS, **told)
    if is_broken_line(exc):
        msg = f"the connection to SAP broke in {operation} ({shown})"
        return UnavailableError(msg, hint="look at the gateway and the application server; it is tried again", **told)
    if nothing_was_sent(exc) and operation == CONNECT:
        msg = f"the RFC library does not take the parameters of the connection ({shown})"
        return ContractBrokenError(msg, hint="correct connection in the options of the system", **told)
    if nothing_was_sent(exc):
        msg = f"the RFC library refuses the call of {operation} ({shown})"
        return ContractBrokenError(
            msg, hint="compare the function with SE37; a field or parameter differs here", **told
        )
    if "ABAPRuntimeError" in names:
        msg = f"{operation} ended in a short dump ({shown})"
        return ContractBrokenError(msg, hint="look at ST22 in SAP", **told)
    msg = f"SAP refuses {operation} ({shown})"
    return ContractBrokenError(msg, hint="look the exception up in SE37", **told)
