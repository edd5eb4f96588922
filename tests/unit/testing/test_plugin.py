"""The pytest plug-in: what a project that uses the library finds in its tests."""

from __future__ import annotations

import pytest

import whole_package  # noqa: F401 - before any inner run

pytest_plugins = ["pytester"]

QUIET = ("-p", "no:randomly", "-p", "no:cacheprovider", "-p", "periferia_link.testing.plugin")


@pytest.fixture
def run(pytester):
    """Run the tests of a project, with the plug-in as its only acquaintance with the library."""

    def of(text, *arguments):
        pytester.makepyfile(test_of_a_project=text)
        return pytester.runpytest_inprocess(*QUIET, *arguments)

    return of


class TestFixtures:
    """Each works in a test of somebody else."""

    def test_memory_clock_records_ledger_and_engine(self, run):
        """A flow from records to a second run that writes nothing, in a dozen lines."""
        run(
            """
            from periferia_link import Client, clients

            def test_clients_are_copied_once(link_memory, link_make, link_engine, link_clock):
                crm = link_memory("crm", Client, records=link_make.many(Client, 3))
                erp = link_memory("erp", Client)
                engine = link_engine(crm, erp)

                assert engine.run(clients())["clients"].created == 3
                assert engine.run(clients()).writes == 0
                assert {one.name for one in erp.holds("Client")} == {one.name for one in crm.holds("Client")}
                assert link_clock.sleeps == []
            """
        ).assert_outcomes(passed=1)

    def test_emulators_in_process(self, run):
        """A real connector over a line that loses an answer after the commit: read back, one record."""
        run(
            """
            from pydantic import SecretStr
            from periferia_link import Periticket

            def test_a_read_survives_a_reset(link_emulators, link_clock):
                desk = link_emulators("periticket")
                desk.emulator.load({"people": [{"id": "p1", "employee_code": "E1", "name": "Nadie"}]})
                token = SecretStr(desk.credentials["token"])
                with Periticket(desk.url, token=token, clock=link_clock, wire=desk.wire) as helpdesk:
                    helpdesk.check()
                    desk.fail("reset", on="read")
                    assert [one.code for one in helpdesk.each("Employee")] == ["E1"]
                assert link_emulators("periticket") is desk
                assert "periticket" in repr(desk) + repr(link_emulators)

            def test_an_unknown_name_is_refused(link_emulators):
                import pytest
                from periferia_link.errors import ConfigurationError
                with pytest.raises(ConfigurationError, match="there is no emulator abacus"):
                    link_emulators("abacus")
            """
        ).assert_outcomes(passed=2)

    def test_a_system_behind_entra(self, run):
        """The application signs in; a system with its own login says that it has no use for it."""
        run(
            """
            import pytest
            from periferia_link import Dynamics365
            from periferia_link.errors import ConfigurationError

            def test_it(link_emulators, link_clock):
                crm = link_emulators("dynamics365")
                credential = crm.entra_application()
                with Dynamics365(crm.url, credential=credential, clock=link_clock, wire=crm.wire) as connector:
                    assert connector.check().system_id
                assert crm.credentials["authority"] == link_emulators("entra").url
                assert link_emulators("entra").entra_application().get_token("x/.default").token
                with pytest.raises(ConfigurationError, match="sap does not sign in with Entra"):
                    link_emulators("sap").entra_application()
            """
        ).assert_outcomes(passed=1)

    def test_hosted_over_tls(self, run):
        """Real sockets, a certificate of this test run, one server a name."""
        pytest.importorskip("trustme", reason="the extra testing is not installed")
        run(
            """
            from pydantic import SecretStr
            from periferia_link import Periticket

            def test_it(link_hosted, link_tls):
                desk = link_hosted("periticket")
                assert desk.url.startswith("https://") and desk.ca_file == link_tls.ca_file
                token = SecretStr(desk.emulator.credentials()["token"])
                with Periticket(desk.url, token=token, ca_file=desk.ca_file, allow_private=True) as helpdesk:
                    assert helpdesk.check().system_id
                assert link_hosted("periticket") is desk
                assert link_hosted("sap", tls=False).url.startswith("http://")

            def test_with_its_authority(link_hosted):
                crm = link_hosted("dynamics365")
                assert crm.emulator.credentials()["authority"] == link_hosted("entra").url
            """
        ).assert_outcomes(passed=2)

    def test_the_seed_is_an_option(self, run):
        """The same seed, the same records."""
        text = """
            from periferia_link import Client

            def test_it(link_make, link_emulators):
                assert link_make(Client).code == "C07-00001"
                assert link_emulators("sap").emulator.seed == 7
            """
        run(text, "--link-seed=7").assert_outcomes(passed=1)

    def test_they_are_listed(self, run):
        """``pytest --fixtures`` tells each with its docstring."""
        result = run("", "--fixtures", "-q")
        told = result.stdout.str()
        names = ("clock", "emulators", "engine", "hosted", "ledger", "make", "memory", "tls")
        assert [name for name in names if f"link_{name}" not in told] == []
        assert "no docstring available" not in "".join(line for line in told.splitlines() if "link_" in line)


class TestCost:
    """The plug-in is loaded wherever the package is installed."""

    def test_it_imports_nothing(self):
        """Loading it loads neither the models nor an HTTP client."""
        import json
        import os
        import subprocess
        import sys
        from pathlib import Path

        import periferia_link

        script = "import json, sys; import periferia_link.testing.plugin; print(json.dumps(sorted(sys.modules)))"
        environ = {**os.environ, "PYTHONPATH": str(Path(periferia_link.__file__).parents[1])}
        answer = subprocess.run(
            [sys.executable, "-c", script], env=environ, capture_output=True, check=True, timeout=240
        )
        loaded = {name.partition(".")[0] for name in json.loads(answer.stdout)}
        assert loaded & {"pydantic", "httpcore", "httpx", "msal", "sqlite3", "trustme"} == set()
