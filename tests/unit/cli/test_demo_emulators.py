"""The process of the emulators, and what is said when it does not do what it should."""

from __future__ import annotations

import http.client
import http.server
import importlib.util
import os
import signal
import sys
import threading

import pytest

pytest.importorskip("rich", reason="the extra cli is not installed")
pytest.importorskip("trustme", reason="the extra demo is not installed")

from periferia_link.cli.demo import _emulators
from periferia_link.cli.demo._demo import demo
from periferia_link.cli.demo._emulators import Emulated, Emulators, Traffic, running_emulators
from periferia_link.errors import ConfigurationError, LinkError, MissingDependencyError


@pytest.fixture
def admin():
    """Serve canned answers as an admin address would; return the emulators and a place for the answer."""
    told = {"status": 200, "body": b"{}"}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(told["status"])
            self.send_header("Content-Length", str(len(told["body"])))
            self.end_headers()
            self.wfile.write(told["body"])

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        yield Emulators({"sap": Emulated("sap", "https://sap.invalid", "ca.pem", address, {})}), told
        server.shutdown()
        thread.join()


class TestTheAdminAddress:
    def test_traffic_is_what_came_since(self, admin):
        """Two looks and their difference."""
        emulators, told = admin
        told["body"] = b'{"requests": 7, "writes": 3}'
        assert Traffic(7, 3) == emulators.traffic()
        assert Traffic(2, 1) == emulators.traffic().since(Traffic(5, 2))

    def test_a_table(self, admin):
        """Records of one table."""
        emulators, told = admin
        told["body"] = b'{"JournalEntries":{"1":{"JdtNum":1}}}'
        assert [{"JdtNum": 1}] == list(emulators.table("sap", "JournalEntries"))

    @pytest.mark.parametrize("body", [b"<html>", b'{"requests": 1'])
    def test_what_is_no_json(self, admin, body):
        """An answer that nobody understands is a sentence, not a traceback."""
        emulators, told = admin
        told["body"] = body
        with pytest.raises(LinkError, match="the emulator sap does not answer"):
            emulators.traffic()
        with pytest.raises(LinkError, match="the emulator sap does not answer"):
            list(emulators.table("sap", "JournalEntries"))

    def test_a_refusal(self, admin):
        """What it refused and why."""
        emulators, told = admin
        told |= {"status": 400, "body": b'{"message": "seeds are lists"}'}
        with pytest.raises(LinkError, match=r"refused GET /log/summary: seeds are lists"):
            emulators.traffic()

    def test_nobody_there(self):
        """An address where nobody listens."""
        gone = Emulators({"sap": Emulated("sap", "", "", "http://127.0.0.1:9", {})})
        with pytest.raises(LinkError, match="does not answer"):
            gone.traffic()


class TestCtrlC:
    def test_while_it_connects(self, admin, monkeypatch):
        """It is heard when the connection has an owner: closed, not left open."""
        emulators, _ = admin
        made = []
        connect = http.client.HTTPConnection.connect

        def disturbed(self):
            signal.raise_signal(signal.SIGINT)
            connect(self)
            made.append(self.sock)

        monkeypatch.setattr(http.client.HTTPConnection, "connect", disturbed)
        with pytest.raises(KeyboardInterrupt):
            emulators.traffic()
        assert [-1] == [sock.fileno() for sock in made]
        assert signal.default_int_handler == signal.getsignal(signal.SIGINT)

    def test_in_another_thread(self, admin):
        """Only the main thread hears it: another one has nothing to wait for."""
        emulators, told = admin
        told["body"] = b'{"requests": 7, "writes": 3}'
        seen = []
        asking = threading.Thread(target=lambda: seen.append(emulators.traffic()))
        asking.start()
        asking.join()
        assert [Traffic(7, 3)] == seen


def executable(folder, text):
    """Write a program that stands for Python."""
    path = folder / "python"
    path.write_text(f"#!{sys.executable}\n{text}\n", encoding="utf-8")
    path.chmod(0o700)
    return str(path)


@pytest.mark.skipif(os.name == "nt", reason="a script is started as a program")
class TestTheProcess:
    def test_it_does_not_start(self, tmp_path, monkeypatch):
        """The last line of what it said is the reason."""
        text = 'import sys; print("warning", file=sys.stderr); print("no such module", file=sys.stderr)'
        monkeypatch.setattr(sys, "executable", executable(tmp_path, text))
        with (
            pytest.raises(LinkError, match="the emulators did not start: no such module"),
            running_emulators(tmp_path / "log", seed=1),
        ):
            raise AssertionError

    def test_it_does_not_stop(self, tmp_path, monkeypatch):
        """One that does not hear the end of its input is killed."""
        lines = "".join(
            f'print(\'{{"name": "{name}", "url": "u", "ca": "c", "admin": "a", "credentials": {{}}}}\', flush=True);'
            for name in _emulators.NAMES
        )
        monkeypatch.setattr(sys, "executable", executable(tmp_path, f"{lines} import signal; signal.pause()"))
        monkeypatch.setattr(_emulators, "_FAREWELL", 0.05)
        with running_emulators(tmp_path / "log", seed=1) as emulators:
            assert list(_emulators.NAMES) == list(emulators.systems)
            assert "u" == emulators["sap"].url

    def test_without_certificates(self, tmp_path, monkeypatch):
        """The package that makes them is named with the command that installs it."""
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        with (
            pytest.raises(MissingDependencyError, match=r'pip install "periferia-link\[demo\]"'),
            running_emulators(tmp_path / "log", seed=1),
        ):
            raise AssertionError


class TestThePlaceToKeep:
    def test_it_must_be_empty(self, tmp_path, quiet):
        """The ledger of another demo knows other systems."""
        (tmp_path / "periferia.db").write_bytes(b"")
        with pytest.raises(ConfigurationError, match="is not empty"):
            demo(quiet, seed=1, clients=2, days=1, keep=tmp_path)

    def test_it_must_be_a_folder(self, tmp_path, quiet):
        """A file in its place is said before anything starts."""
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(ConfigurationError, match="cannot be used"):
            demo(quiet, seed=1, clients=2, days=1, keep=tmp_path / "file")


@pytest.fixture
def quiet():
    """Return a screen that nobody sees."""
    from periferia_link.cli._screens import Screen
    from periferia_link.cli._words import Words

    return Screen(Words("en"), is_silent=True)
