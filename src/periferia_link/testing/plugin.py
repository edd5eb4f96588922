"""
Fixtures for pytest: emulators, memory systems, a clock, faults, records, a ledger and an engine.

Installed with the package: the fixtures are there as soon as ``periferia-link[testing]`` is. Each begins with
``link_`` and costs nothing until it is used::

    def test_a_lost_answer_makes_no_duplicate(link_emulators, link_clock):
        desk = link_emulators("periticket")
        desk.fail("reset", "after", on="write")
        ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from periferia_link.connectors.base import Connector
    from periferia_link.domain import Entity
    from periferia_link.engine import Engine
    from periferia_link.ledger import SqliteLedger
    from periferia_link.testing.emulators import ManualClock, RunningEmulator, TlsIdentity
    from periferia_link.testing.factories import Factory
    from periferia_link.testing.memory import MemoryConnector
    from periferia_link.testing.systems import EmulatedSystems

__all__ = [
    "EngineMaker",
    "Hosting",
    "MemoryMaker",
    "link_clock",
    "link_emulators",
    "link_engine",
    "link_hosted",
    "link_ledger",
    "link_make",
    "link_memory",
    "link_tls",
    "pytest_addoption",
]

# Nothing of the package is imported up here: the plug-in is loaded in every test run of everybody who installed it.


class MemoryMaker(Protocol):
    """What ``link_memory`` is."""

    def __call__(
        self, name: str, *kinds: type[Entity], records: Iterable[Entity] = (), **options: Any
    ) -> MemoryConnector:
        """
        Make a memory system.

        Args:
            name: Instance name.

            *kinds: What it holds.

            records: What is there from the start.

            **options: As for :class:`~periferia_link.testing.MemoryConnector`.
        """
        ...


class Hosting(Protocol):
    """What ``link_hosted`` is."""

    def __call__(self, name: str, *, tls: bool = True, latency: float = 0.0) -> RunningEmulator:
        """
        Serve an emulator on a loopback port until the test ends.

        Args:
            name: A key of :data:`~periferia_link.testing.emulators.NAMES`; asked again, the same one comes.

            tls: Whether it is served over TLS, with the certificate of ``link_tls``.

            latency: Seconds that every answer takes, really.
        """
        ...


class EngineMaker(Protocol):
    """What ``link_engine`` is."""

    def __call__(self, *systems: Connector, **options: Any) -> Engine:
        """
        Make an engine over systems, with ``link_ledger`` and ``link_clock``.

        Args:
            *systems: Connectors; each is known by its name, which is its role as well.

            **options: As for :class:`~periferia_link.Engine`.
        """
        ...


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--link-seed``."""
    group = parser.getgroup("periferia-link")
    group.addoption("--link-seed", type=int, default=1, metavar="N", help="seed of link_make, link_emulators (0 to 99)")


@pytest.fixture
def link_clock() -> ManualClock:
    """Return a clock that moves only when it is told to, or when something sleeps on it."""
    from periferia_link.testing.emulators import ManualClock  # noqa: PLC0415 - when it is used

    return ManualClock()


@pytest.fixture
def link_make(request: pytest.FixtureRequest) -> Factory:
    """Return what makes records of every kind: ``link_make(Client, city="Cali")``."""
    from periferia_link.testing.factories import Factory  # noqa: PLC0415 - when it is used

    return Factory(seed=request.config.getoption("--link-seed"))


@pytest.fixture
def link_memory() -> Iterator[MemoryMaker]:
    """Return what makes memory systems; they are closed with the test."""
    from periferia_link.testing.memory import MemoryConnector  # noqa: PLC0415 - when it is used

    with ExitStack() as stack:

        def make(name: str, *kinds: type[Entity], records: Iterable[Entity] = (), **options: Any) -> MemoryConnector:
            made = MemoryConnector(name, kinds, records, **options)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def link_emulators(request: pytest.FixtureRequest, link_clock: ManualClock) -> EmulatedSystems:
    """Return what starts emulators in this process, on one wire and ``link_clock``: ``link_emulators("sap")``."""
    from periferia_link.testing.systems import EmulatedSystems  # noqa: PLC0415 - when it is used

    return EmulatedSystems(link_clock, seed=request.config.getoption("--link-seed"))


@pytest.fixture(scope="session")
def link_tls(tmp_path_factory: pytest.TempPathFactory) -> TlsIdentity:
    """
    Return a certificate for this machine and the file of its authority, made for this test run.

    Raises:
        MissingDependencyError: trustme is not installed.
    """
    from periferia_link.testing.emulators import TlsIdentity  # noqa: PLC0415 - when it is used

    return TlsIdentity.make(tmp_path_factory.mktemp("periferia-link-tls"))


@pytest.fixture
def link_hosted(request: pytest.FixtureRequest) -> Iterator[Hosting]:
    """Return what serves emulators over TLS on real sockets; they stop with the test."""
    from periferia_link.testing.systems import hosting  # noqa: PLC0415 - when it is used

    def identity() -> TlsIdentity:
        made: TlsIdentity = request.getfixturevalue("link_tls")
        return made

    with hosting(identity, seed=request.config.getoption("--link-seed")) as serve:
        yield serve


@pytest.fixture
def link_ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    """Return a ledger in a file of its own."""
    from periferia_link.ledger import SqliteLedger  # noqa: PLC0415 - when it is used

    with SqliteLedger.open(tmp_path / "link.db") as ledger:
        yield ledger


@pytest.fixture
def link_engine(link_ledger: SqliteLedger, link_clock: ManualClock) -> Callable[..., Engine]:
    """Return what makes an engine over systems: ``link_engine(crm, erp).run(flow)``."""
    from periferia_link.engine import Engine  # noqa: PLC0415 - when it is used

    def make(*systems: Connector, **options: Any) -> Engine:
        return Engine({system.name: system for system in systems}, link_ledger, clock=link_clock, **options)

    return make
