"""A folder in memory where there is one: these tests commit forty thousand times."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path):
    """Where the ledger of a test lies."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="periferia-link-") as name:
        yield Path(name)
