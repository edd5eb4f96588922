"""What a pyrfc connection raises: the same names and attributes, for a stand-in that needs no pyrfc."""

from __future__ import annotations

__all__ = [
    "ABAPApplicationError",
    "ABAPRuntimeError",
    "CommunicationError",
    "ExternalRuntimeError",
    "LogonError",
    "RFCError",
    "RFCLibError",
]


class RFCError(Exception):
    """Base of all of them."""


class RFCLibError(RFCError):
    """What SAP's library reports: ``key`` is the return code's name or the exception of the function."""

    def __init__(  # noqa: PLR0917 - in the order of pyrfc
        self,
        message: str | None = None,
        code: int | None = None,
        key: str | None = None,
        msg_class: str | None = None,
        msg_type: str | None = None,
        msg_number: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.key = key
        self.msg_class = msg_class
        self.msg_type = msg_type
        self.msg_number = msg_number


class ABAPApplicationError(RFCLibError):
    """A function raised one of its exceptions."""


class ABAPRuntimeError(RFCLibError):
    """A short dump, or a system failure."""


class CommunicationError(RFCLibError):
    """The line broke, or nobody answers."""


class ExternalRuntimeError(RFCLibError):
    """The library refuses the call."""


class LogonError(RFCLibError):
    """SAP refuses user or password."""
