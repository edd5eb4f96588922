"""Reading a part of the file: for whoever asks the ledger only, and for whoever looks for every mistake at once."""

from __future__ import annotations

import pytest

from periferia_link.errors import ConfigurationError
from periferia_link.settings import Settings

TOML = """\
[ledger]
path = "memory.db"

[systems.crm]
connector = "dynamics365"
url = "https://contoso.crm2.dynamics.com"

[systems.crm.credential]
kind = "static-token"
token = "${ENV:NOT_THERE}"

[systems.erp]
connector = "sap-business-one"
adress = "https://sap.contoso.example"

[systems.helpdesk]
connector = "periticket"

[flows.clients]
"""


@pytest.fixture
def path(tmp_path):
    """Write a file with two mistakes."""
    file = tmp_path / "periferia.toml"
    file.write_text(TOML, encoding="utf-8")
    return file


class TestWithoutSystems:
    def test_no_secret_is_looked_up(self, path):
        """The ledger and the flows are known, the systems are not read at all."""
        settings = Settings.load(path, with_systems=False, environ={})
        assert (path.parent / "memory.db", ["clients"], {}) == (
            settings.ledger.path, list(settings.flows), settings.systems
        )  # fmt: skip

    def test_other_mistakes_are_still_mistakes(self, path):
        """A flow that is written wrong is refused."""
        path.write_text(TOML + "[flows.projects]\nstart = 2026-01-01\n", encoding="utf-8")
        with pytest.raises(ConfigurationError, match="unknown key"):
            Settings.load(path, with_systems=False, environ={})


class TestEveryMistake:
    def test_each_system_by_itself(self, path):
        """Systems with a mistake are told and left out, the others are there."""
        broken = {}
        settings = Settings.load(path, on_broken=broken.__setitem__, environ={})
        assert ["helpdesk"] == list(settings.systems)
        assert ["crm", "erp"] == list(broken)
        assert "NOT_THERE is not set" in broken["crm"].message
        assert "unknown key" in broken["erp"].message

    def test_without_it_the_first_one_is_raised(self, path):
        """As whoever runs must have it."""
        with pytest.raises(ConfigurationError, match="NOT_THERE"):
            Settings.load(path, environ={})
