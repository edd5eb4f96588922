"""Every example runs, offline, and says something."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import periferia_link

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs(path, tmp_path):
    """It ends well, writes to standard output and leaves standard error empty."""
    answer = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(periferia_link.__file__).parents[1])},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.strip()
