"""What importing the connector loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import periferia_link
from periferia_link.connectors import sap_business_one

SCRIPT = "import json, sys, periferia_link.connectors.sap_business_one\nprint(json.dumps(sorted(sys.modules)))"


class TestImport:
    def test_no_models(self):
        """Neither the library of the models nor the one of HTTP: they come with the first row, the first request."""
        answer = subprocess.run(
            [sys.executable, "-B", "-c", SCRIPT],
            env={**os.environ, "PYTHONPATH": str(Path(periferia_link.__file__).parents[1])},
            capture_output=True,
            check=True,
            text=True,
            timeout=240,
        )
        modules = set(json.loads(answer.stdout))

        assert {"pydantic", "httpcore", "httpcore2", "httpx", "tenacity", "ssl"}.isdisjoint(modules)

    def test_every_name(self):
        """Every public name is there when it is asked for; another one is not."""
        assert [] == [name for name in dir(sap_business_one) if getattr(sap_business_one, name, None) is None]
        with pytest.raises(AttributeError):
            sap_business_one.ticket_from_wire  # noqa: B018 - the access is the test
