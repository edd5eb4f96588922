"""The campaign prints what it counted."""

from __future__ import annotations

import sys

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table at the end, whatever is captured."""
    module = sys.modules.get("campaign.tally")
    if module is not None and module.TALLY:
        terminalreporter.section("crash campaign")
        for line in module.TALLY.lines():
            terminalreporter.write_line(line)
