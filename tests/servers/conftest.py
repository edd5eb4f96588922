"""Starts Roundup and django-helpdesk once for all tests of this folder."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.live_servers import Live, free_port, programs, run, scratch, served

PASSWORD = "clave-2026"


@pytest.fixture(scope="session")
def roundup_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Roundup with work logs, our reference and a due date in its schema, as an administrator would add them."""
    programs_of = programs("PERIFERIA_ROUNDUP", "roundup-admin", "Roundup")
    folder = scratch(tmp_path_factory.mktemp("roundup"), "roundup_site")
    port = free_port()
    admin = str(programs_of / "roundup-admin")
    told = (
        f"tracker_name=PT,admin_email=a@periferia.example,tracker_web=http://127.0.0.1:{port}/pt/,"
        "mail_domain=periferia.example,mail_host=localhost"
    )
    run(folder, admin, "-i", "tracker", "install", "classic", "sqlite", told)
    _our_schema(folder / "tracker")
    run(folder, admin, "-i", "tracker", "initialise", PASSWORD)
    for name in ("sync", "ana"):
        address = f"address={name}@periferia.example"
        told = [f"username={name}", f"realname={name.title()} Ruiz", f"password={PASSWORD}", address]
        run(folder, admin, "-i", "tracker", "create", "user", *told, "roles=User,Admin", f"organisation=E-{name}")
    command = [str(programs_of / "python"), "serve.py", str(port)]
    with served(folder, command, port, "/pt/rest/", env={}):
        yield Live(f"http://127.0.0.1:{port}", {"username": "sync", "password": PASSWORD})


def _our_schema(tracker: Path) -> None:
    schema = tracker / "schema.py"
    text = schema.read_text(encoding="utf-8")
    more = (
        'timelog = Class(db, "timelog", date=Date(), hours=Number(), person=Link("user"), note=String(),\n'
        "    project=String(), centre=String(), approved=Date(), external_ref=String())\n"
        'issue = IssueClass(db, "issue", times=Multilink("timelog"), customer=String(), external_ref=String(),\n'
        "    due=Date(), project=String(), description=String(),"
    )
    text, count = re.subn(r'issue = IssueClass\(db, "issue",', more, text)
    assert count == 1
    schema.write_text(text, encoding="utf-8")
    config = tracker / "config.ini"
    settings = config.read_text(encoding="utf-8")
    # with the default of 250,000 rounds each request costs 0.8 s
    settings = re.sub(r"(?m)^password_pbkdf2_default_rounds = .*$", "password_pbkdf2_default_rounds = 1000", settings)
    # wrong passwords are tried on purpose
    settings = re.sub(r"(?m)^#?\s*api_failed_login_limit = .*$", "api_failed_login_limit = 1000", settings)
    config.write_text(settings, encoding="utf-8")


@pytest.fixture(scope="session")
def helpdesk_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """django-helpdesk with its REST interface and three fields of its own."""
    programs_of = programs("PERIFERIA_HELPDESK", "django-admin", "django-helpdesk")
    folder = scratch(tmp_path_factory.mktemp("helpdesk"), "helpdesk_site")
    env = {"DJANGO_SETTINGS_MODULE": "site_settings", "PYTHONPATH": str(folder)}
    run(folder, str(programs_of / "django-admin"), "migrate", "-v0", env=env)
    token = run(folder, str(programs_of / "python"), "seed.py", env=env).split()[-1]
    port = free_port()
    with served(folder, [str(programs_of / "python"), "serve.py", str(port)], port, "/helpdesk/api/", env=env):
        yield Live(f"http://127.0.0.1:{port}", {"token": token})


def pytest_report_header() -> str:
    """Say which Python runs the tests; the servers have their own."""
    return f"servers: tests on {sys.version.split()[0]}"
