"""
Sessions: ``nox -l`` lists them, ``nox -s tests`` is what the README says.

An interpreter that is missing is skipped and said, never a failure; where pyenv has it, ``.ci/run`` makes it visible.
"""

from __future__ import annotations

from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["tests"]

GROUPS = nox.project.load_toml("pyproject.toml")
PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
EXTRAS = "cli,demo,fast,matching,testing"  # what the tests of this repository can use; "all" adds what they skip


def group(name: str) -> list[str]:
    """Return the requirements of a dependency group (PEP 735)."""
    return list(nox.project.dependency_groups(GROUPS, name))


def install(session: nox.Session, extras: str, *groups: str) -> None:
    """Install the package as users get it (not editable), with extras and groups."""
    wanted = [requirement for name in groups for requirement in group(name)]
    session.install(f".[{extras}]" if extras else ".", *wanted)


def pytest(session: nox.Session, *default: str) -> None:
    """Run pytest in the session's environment; arguments after ``--`` replace the default ones."""
    session.run("python", "-m", "pytest", *(session.posargs or default))


@nox.session
def tests(session: nox.Session) -> None:
    """The whole suite, random order, one environment."""
    install(session, EXTRAS, "test")
    pytest(session)


@nox.session(name="tests-3.10", python="3.10")
def tests_core(session: nox.Session) -> None:
    """The oldest Python, no extras: what needs one skips and says so."""
    install(session, "", "test")
    pytest(session)


@nox.session(name="tests-3.13", python="3.13")
def tests_all(session: nox.Session) -> None:
    """The newest Python, all extras (the HTTP client is httpx2 then)."""
    install(session, "all", "test")
    pytest(session)


@nox.session(python=PYTHONS)
@nox.parametrize("extras", ["core", "all"])
def matrix(session: nox.Session, extras: str) -> None:
    """Every Python with nothing and with everything; a missing interpreter is skipped."""
    install(session, "" if extras == "core" else "all", "test")
    pytest(session)


@nox.session
def coverage(session: nox.Session) -> None:
    """Branch coverage of the suite: 95 % or more."""
    install(session, EXTRAS, "test")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "combine")
    session.run("coverage", "report", "--fail-under=95")


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


@nox.session
def campaign(session: nox.Session) -> None:
    """Crash at every point, with every fault, in minutes; ``-- FILES -m ""`` runs a part of it."""
    if not any(Path("tests/campaign").glob("test_*.py")):
        session.skip("tests/campaign holds no test")
    install(session, EXTRAS, "test")
    pytest(session, "tests/campaign", "-q", "-m", "")


@nox.session
def bench(session: nox.Session) -> None:
    """Run ``nox -s bench -- NAME``: benchmarks/NAME.py prints one JSON object a line."""
    names = [name for name in session.posargs if not name.startswith("-")]
    found = sorted(path.stem for path in Path("benchmarks").glob("[!_]*.py"))
    if not names or names[0] not in found:
        session.error(f"nox -s bench -- NAME; benchmarks are: {', '.join(found) or 'none yet'}")
    install(session, EXTRAS, "bench")
    session.run("python", "-m", f"benchmarks.{names[0]}", *[arg for arg in session.posargs if arg != names[0]])


@nox.session
def examples(session: nox.Session) -> None:
    """Run every example as a user would."""
    install(session, "", "test")
    pytest(session, "tests/test_examples.py")


@nox.session
def docs(session: nox.Session) -> None:
    """Links lead somewhere, code blocks are code, commands are documented."""
    install(session, "cli", "test")
    pytest(session, "tests/test_docs.py")
