"""How the command ends, for the scripts that call it."""

from __future__ import annotations

from enum import IntEnum

from periferia_link.errors import ConfigurationError, LedgerBusyError, LinkError, WrongSystemError

__all__ = ["ExitCode"]


class ExitCode(IntEnum):
    """
    What the shell sees.

    ``STOPPED``: the run stopped before its end; what was done is remembered, the next run goes on. ``CONFIGURATION``:
    nothing was sent, correct the file or the call. ``WAITING``: done, and some records wait for a person. ``HELD``:
    another process works on it. ``INTERRUPTED`` and ``TERMINATED``: Ctrl-C or SIGTERM came; nothing was left half done.
    """

    OK = 0
    STOPPED = 1
    CONFIGURATION = 2
    WAITING = 3
    HELD = 4
    INTERRUPTED = 130
    TERMINATED = 143

    @classmethod
    def of(cls, error: LinkError) -> ExitCode:
        """Return the code of an error that ended the command."""
        if isinstance(error, (ConfigurationError, WrongSystemError)):
            return cls.CONFIGURATION
        return cls.HELD if isinstance(error, LedgerBusyError) else cls.STOPPED
