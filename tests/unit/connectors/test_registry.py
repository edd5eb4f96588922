"""Connectors by name."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from periferia_link.connectors import registry
from periferia_link.connectors.base import Connector
from periferia_link.errors import ConfigurationError, MissingDependencyError, UnknownConnectorError
from periferia_link.settings import SystemSettings

MODULE = """
from periferia_link.connectors.base import Connector
from periferia_link.errors import ConfigurationError, MissingDependencyError

class Acme(Connector):
    product = "Acme"
    capabilities = {}
    check = pull = decode = get = find = write = None

    def __init__(self, name, settings=None, clock=None, wire=None):
        self.name, self.settings, self.clock, self.wire = name, settings, clock, wire

class Configured(Acme):
    @classmethod
    def configured(cls, name, settings, *, clock=None, wire=None):
        if settings.url == "https://refused.example":
            raise MissingDependencyError("no driver", hint="install it")
        return cls("other" if settings.url == "https://renamed.example" else name, settings, clock, wire)

class Plain:
    pass
"""


@pytest.fixture
def acme(tmp_path, monkeypatch):
    """Install a module of somebody else, and put the registry back afterwards."""
    (tmp_path / "acme_link.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "acme_needy.py").write_text("import acme_absent_driver\n", encoding="utf-8")
    (tmp_path / "acme_broken.py").write_text("raise RuntimeError('token=canary')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_connectors", dict(registry.CONNECTORS))
    yield
    for name in ("acme_link", "acme_needy", "acme_broken"):
        sys.modules.pop(name, None)


@pytest.fixture
def announced(monkeypatch):
    """Pretend that installed packages announce connectors."""
    points = []

    def entry_points(*, group, name):
        return [point for point in points if (point.group, point.name) == (group, name)]

    monkeypatch.setattr(registry, "entry_points", entry_points)

    def announce(name, value):
        points.append(EntryPoint(name, value, registry.GROUP))

    return announce


def system(connector="acme", url="https://acme.example"):
    return SystemSettings(name="shop", connector=connector, url=url)


class TestKnownConnectors:
    def test_ours(self):
        """Every system, by the names of the file."""
        assert {"azure-devops", "dynamics365", "periticket", "sap-business-one"} <= set(registry.CONNECTORS)

    @pytest.mark.parametrize("name", ["azure-devops", "dynamics365", "periticket", "sap-business-one"])
    def test_each_can_be_made_from_settings(self, name):
        """Every one of ours is a connector that has the class method."""
        found = registry.connector_class(name)
        assert issubclass(found, Connector)
        assert callable(found.configured)

    def test_importing_the_registry_imports_no_connector(self):
        """Nor an HTTP client, nor a keyring."""
        program = (
            "import sys, periferia_link.connectors.registry\n"
            "print([m for m in sys.modules if m.startswith(('httpx', 'msal', 'keyring', 'sqlite3')) or "
            "m.startswith('periferia_link.') and ('transport' in m or 'dynamics' in m or 'sap_' in m or 'peritick' in m)])"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert "[]" == done.stdout.strip()

    def test_the_view_cannot_be_changed(self):
        """Only register adds to it."""
        with pytest.raises(TypeError):
            registry.CONNECTORS["x"] = registry.Known("a:b", "c")


class TestRegister:
    def test_a_class_of_the_own_program(self, acme):
        """The name leads to the class, imported at first use."""
        registry.register("acme", "acme_link:Acme")
        assert "acme_link" not in sys.modules
        assert "Acme" == registry.connector_class("acme").__name__

    def test_the_same_again_is_no_harm(self, acme):
        """A notebook cell runs twice."""
        registry.register("acme", "acme_link:Acme")
        registry.register("acme", "acme_link:Acme")

    def test_a_name_belongs_to_one(self, acme):
        """Nobody replaces a connector by accident."""
        with pytest.raises(ConfigurationError, match=r"periticket belongs to periferia_link.*another name"):
            registry.register("periticket", "acme_link:Acme")

    @pytest.mark.parametrize("path", ["acme_link", "acme_link.Acme", "acme link:Acme", ":Acme", "acme:"])
    def test_paths_of_another_form(self, acme, path):
        """The form is told."""
        with pytest.raises(ConfigurationError, match=r"package\.module:Class"):
            registry.register("acme", path)


class TestConnectorClass:
    def test_unknown_names_list_the_known_ones(self):
        """A typing error shows what there is."""
        with pytest.raises(
            UnknownConnectorError, match=r"no connector dynamic .* dynamics365, forms, periticket, sap-business"
        ):
            registry.connector_class("dynamic")

    def test_a_missing_package_is_told_with_the_command(self, acme):
        """The sentence of the registration is the hint."""
        registry.register("needy", "acme_needy:Acme", missing='pip install "acme[driver]"')
        with pytest.raises(MissingDependencyError, match=r"needs the package acme_absent_driver .*acme\[driver\]"):
            registry.connector_class("needy")

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ("acme_nowhere:Acme", "should be in acme_nowhere, and there is no module acme_nowhere"),
            ("acme_link.inside:Acme", r"should be in acme_link\.inside, and there is no module acme_link\.inside"),
            ("acme_link:Missing", "no subclass of Connector"),
            ("acme_link:Plain", "no subclass of Connector"),
            ("acme_broken:Acme", "cannot be imported: RuntimeError in acme_broken"),
        ],
    )
    def test_paths_that_lead_to_no_connector(self, acme, path, message):
        """What is there instead is told; messages of strangers are not repeated."""
        registry.register("acme", path)
        with pytest.raises(ConfigurationError, match=message) as caught:
            registry.connector_class("acme")
        assert "canary" not in str(caught.value)


class TestPlugins:
    def test_an_allowed_plugin_is_loaded(self, acme, announced):
        """The entry point leads to the class."""
        announced("acme-crm", "acme_link:Acme")
        assert "Acme" == registry.connector_class("acme-crm", ["acme-crm"]).__name__

    def test_one_that_is_not_allowed_is_not_even_imported(self, acme, announced):
        """Installing a package is not consent; the line to write is told."""
        announced("acme-crm", "acme_link:Acme")
        with pytest.raises(UnknownConnectorError, match=r"not allowed .*\[plugins\] connectors = \[\"acme-crm\"\]"):
            registry.connector_class("acme-crm", ["other"])
        assert "acme_link" not in sys.modules

    def test_one_that_is_not_installed(self, announced):
        """Allowed and absent."""
        with pytest.raises(UnknownConnectorError, match="no installed package announces the connector acme-crm"):
            registry.connector_class("acme-crm", ["acme-crm"])

    def test_two_packages_with_one_name(self, acme, announced):
        """Which one is meant is not guessed."""
        announced("acme-crm", "acme_link:Acme")
        announced("acme-crm", "acme_other:Acme")
        with pytest.raises(ConfigurationError, match=r"several packages .*acme_link:Acme, acme_other:Acme"):
            registry.connector_class("acme-crm", ["acme-crm"])

    def test_a_plugin_never_takes_the_place_of_ours(self, announced):
        """Our names lead to our classes, whatever is installed or allowed."""
        announced("periticket", "acme_link:Acme")
        ours = importlib.import_module("periferia_link.connectors.periticket").Periticket
        assert ours is registry.connector_class("periticket", ["periticket"])


class TestBuild:
    def test_settings_clock_and_wire_are_handed_over(self, acme):
        """The class makes itself."""
        registry.register("acme", "acme_link:Configured")
        clock, wire = object(), object()
        built = registry.build("shop", system(), clock=clock, wire=wire)
        assert ("shop", system(), clock, wire) == (built.name, built.settings, built.clock, built.wire)

    def test_a_class_without_the_method(self, acme):
        """The seam is named."""
        registry.register("acme", "acme_link:Acme")
        with pytest.raises(
            ConfigurationError, match=r"\[systems.shop\]: Acme cannot be made from settings .*configured"
        ):
            registry.build("shop", system())

    def test_what_the_class_refuses_is_told_with_the_table(self, acme):
        """The kind of error and its hint stay."""
        registry.register("acme", "acme_link:Configured")
        with pytest.raises(MissingDependencyError, match=r"\[systems.shop\]: no driver → install it"):
            registry.build("shop", system(url="https://refused.example"))

    def test_an_instance_of_another_name(self, acme):
        """Every reference would be wrong."""
        registry.register("acme", "acme_link:Configured")
        with pytest.raises(ConfigurationError, match="a connector of that name"):
            registry.build("shop", system(url="https://renamed.example"))

    def test_plugins(self, acme, announced):
        """Those allowed are built like ours."""
        announced("acme-crm", "acme_link:Configured")
        built = registry.build("shop", system("acme-crm"), allowed_plugins=("acme-crm",))
        assert "Configured('shop')" == repr(built)
