"""``python -m periferia_link.testing.emulators``: one line of JSON, then service until told to stop."""

import json
import os
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

import periferia_link
from periferia_link.errors import ConfigurationError
from periferia_link.testing.emulators import NAMES, make
from periferia_link.testing.emulators.entra import EntraEmulator
from toy_system import RawClient, admin

SOURCE = str(Path(periferia_link.__file__).parents[1])
COMMAND = [sys.executable, "-m", "periferia_link.testing.emulators"]


def environment():
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [SOURCE, os.environ.get("PYTHONPATH", "")]))}


@contextmanager
def served(*arguments, lines=1):
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), text=True
    )
    with process:
        try:
            yield process, [json.loads(process.stdout.readline()) for _ in range(lines)]
        finally:
            process.kill()


def ended(process):
    return process.wait(timeout=240)


class TestRegistry:
    """Emulators by name."""

    @pytest.mark.parametrize("name", [name for name, place in NAMES.items() if place])
    def test_every_live_name_makes_its_emulator(self, name):
        """Which knows its own name."""
        assert name == make(name, seed=7).name

    def test_dynamics_shares_an_entra(self):
        """The tokens it accepts come from the one it is given."""
        entra = EntraEmulator()

        assert entra is make("dynamics365", entra=entra).entra

    def test_unknown_names_show_the_known_ones(self):
        """The next step is in the message."""
        with pytest.raises(
            ConfigurationError, match="no emulator sapp → use one of entra, dynamics365, sap, periticket"
        ):
            make("sapp")


class TestCommand:
    """The process that a harness or the demo starts."""

    def test_one_line_says_all(self):
        """Name, address, authority to trust, admin address and credentials."""
        with served("entra", "--seed", "3") as (_, [line]):
            assert ["name", "url", "ca", "admin", "credentials"] == list(line)
            assert {"tenant_id", "client_id", "client_secret", "authority"} == set(line["credentials"])
            assert line["url"] == line["credentials"]["authority"]
            assert EntraEmulator(seed=3).client_id == line["credentials"]["client_id"]
            with RawClient(line["url"], ca_file=line["ca"]) as client:
                assert client.exchange("GET", "/").startswith(b"HTTP/1.1 404")
            assert {"requests": 1, "writes": 0} == admin(line["admin"], "GET", "/log/summary")

    def test_sigterm_ends_it_cleanly(self):
        """Exit code 0, and the private folder of the authority is gone."""
        with served("entra") as (process, [line]):
            folder = Path(line["ca"]).parent
            mode = stat.S_IMODE(folder.stat().st_mode)
            process.send_signal(signal.SIGTERM)

            assert (0, 0o700, False) == (ended(process), mode, folder.exists())

    def test_it_may_die_with_its_parent(self):
        """A killed demo leaves nothing behind: its end of the pipe closes."""
        with served("sap", "--with-parent") as (process, _):
            process.stdin.close()

            assert 0 == ended(process)

    def test_it_outlives_a_closed_input(self):
        """Unless asked to die with it."""
        with served("sap") as (process, [line]):
            process.stdin.close()

            assert [] == admin(line["admin"], "GET", "/log")
            assert process.poll() is None

    def test_plain_by_default(self):
        """http and no authority to trust."""
        with served("sap", "--latency", "1") as (_, [line]):
            assert (None, "http://127.0.0.1:") == (line["ca"], line["url"][:17])

    def test_tls_on_demand(self):
        """https and a file to trust."""
        with served("periticket", "--tls") as (_, [line]), RawClient(line["url"], ca_file=line["ca"]) as client:
            assert client.exchange("GET", "/").startswith(b"HTTP/1.1 ")

    @pytest.mark.parametrize("tls", [[], ["--tls"]])
    def test_dynamics_brings_its_entra(self, tls):
        """One line; its Entra is always TLS and told beside."""
        with served("dynamics365", *tls) as (_, [line]):
            assert bool(tls) == (line["ca"] is not None)
            assert line["entra"]["url"] == line["credentials"]["authority"]
            assert line["entra"]["url"].startswith("https://")
            assert [] == admin(line["entra"]["admin"], "GET", "/log")

    def test_all_share_one_process(self):
        """A line each, one authority, one Entra, one clock."""
        with served("all", "--tls", lines=4) as (process, lines):
            assert ["entra", "dynamics365", "sap", "periticket"] == [line["name"] for line in lines]
            assert 1 == len({line["ca"] for line in lines})
            assert lines[0]["url"] == lines[1]["credentials"]["authority"]
            process.send_signal(signal.SIGTERM)

            assert 0 == ended(process)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["sapp"], "there is no emulator sapp"),
            (["all", "--port", "8080"], "cannot share one port"),
            ([], "NAME"),
            (["sap", "--port", "x"], "invalid int"),
        ],
    )
    def test_mistakes_exit_with_2(self, arguments, said):
        """The message is on standard error, nothing on standard output."""
        process = subprocess.run(
            [*COMMAND, *arguments], check=False, env=environment(), capture_output=True, text=True, timeout=240
        )

        assert (2, "") == (process.returncode, process.stdout)
        assert said in process.stderr
