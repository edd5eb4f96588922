"""What is loaded until the first request of a connector is ready to leave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import periferia_link

SCRIPT = """
import json, os, sys

class Wire:
    def send(self, request, *, deadline):
        print(json.dumps([request.method, request.url, sorted(sys.modules)]), flush=True)
        os._exit(0)
    def close(self):
        pass

class Credential:
    def get_token(self, *scopes, **options):
        return type("Token", (), {"token": "secret", "expires_on": 9_999_999_999})

"""
CASES = {
    "dynamics365": "from periferia_link.connectors.dynamics365 import Dynamics365\n"
    "crm = Dynamics365('https://contoso.crm.dynamics.com', credential=Credential(), wire=Wire())\n"
    "next(crm.pull('Client'))\n",
    "azure-devops": "from periferia_link.connectors.azure_devops import AzureDevOps\n"
    "AzureDevOps('https://dev.azure.com/contoso', token='secret', wire=Wire()).get('WorkItem', ['1'])\n",
}


@pytest.mark.parametrize("name", CASES)
class TestTheFirstRequest:
    def test_it_needs_no_models(self, name):
        """Neither the library of the models, nor kinds, settings, tokens and retries are loaded for it."""
        answer = subprocess.run(
            [sys.executable, "-B", "-c", SCRIPT + CASES[name]],
            env={**os.environ, "PYTHONPATH": str(Path(periferia_link.__file__).parents[1])},
            capture_output=True,
            check=False,
            text=True,
            timeout=240,
        )
        assert answer.returncode == 0, answer.stderr
        _, url, modules = json.loads(answer.stdout)
        assert url.startswith("https://")
        unwanted = {"pydantic", "tenacity", "msal", "httpcore", "httpcore2", "ssl"}
        assert unwanted.isdisjoint(modules)
        assert not [
            each for each in modules if each.startswith(("periferia_link.settings", "periferia_link.domain._base"))
        ]
