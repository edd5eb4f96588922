"""
The contract that every connector keeps, as a pytest class to subclass.

::

    from periferia_link.testing.contract import ConnectorContract

    class TestMine(ConnectorContract):
        kinds = ("Client",)

        @pytest.fixture
        def connector(self, server):
            with Mine(server.url, page_size=3) as connector:
                yield connector

        @pytest.fixture
        def seed(self, server):
            return lambda kind, count: [server.add_client() for _ in range(count)]

Three fixtures are asked for: ``connector``, ``seed`` and, to break the line, ``faults`` (over an emulator:
:class:`BreakableWire`). The capabilities that the connector declares decide which promises are tested; each skip says
what is missing. Override more fixtures to test more: what somebody else does on the far side (``touch``, ``erase``),
what is created (``fresh``) and changed (``edit``), ``locked_out``, ``secrets``, ``wait``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from periferia_link.errors import ConfigurationError, MissingDependencyError

try:
    import pytest
except ImportError as exc:
    _msg = "the connector contract is a set of pytest classes, and pytest is not installed"
    raise MissingDependencyError(_msg, hint="pip install 'periferia-link[testing]'") from exc

# before their first import: a broken promise then shows both values
pytest.register_assert_rewrite(
    *(f"periferia_link.testing._contract_{name}" for name in ("subject", "reading", "finding", "writing", "failing"))
)

from periferia_link.domain import Client, Entity, Opportunity, Project  # noqa: E402
from periferia_link.testing._breakable_wire import BreakableWire  # noqa: E402
from periferia_link.testing._contract_failing import FailingContract  # noqa: E402
from periferia_link.testing._contract_finding import FindingContract  # noqa: E402
from periferia_link.testing._contract_reading import ReadingContract  # noqa: E402
from periferia_link.testing._contract_subject import Edit, Erase, Faults, Fresh, Seed, Subject, Touch, Wait  # noqa: E402
from periferia_link.testing._contract_writing import WritingContract  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

    from periferia_link.connectors.base import Connector

__all__ = ["BreakableWire", "ConnectorContract", "Edit", "Erase", "Faults", "Fresh", "Seed", "Subject", "Touch", "Wait"]

_SAMPLES: dict[str, Fresh] = {
    "Client": lambda _, n: Client(name=f"Compañía de Prueba {n} S.A.S.", email=f"pagos{n}@prueba.example"),
    "Opportunity": lambda _, n: Opportunity(name=f"Renovación {n}", number=f"OPP-{n:05}"),
    "Project": lambda _, n: Project(name=f"Migración {n}", code=f"PRY-{n:05}"),
}


class ConnectorContract(ReadingContract, FindingContract, WritingContract, FailingContract):
    """
    Every promise of a connector, one test each, for every kind under test.

    ``kinds`` are the kinds to test. ``pages`` is how many pages ``seed_count`` records must fill: build the connector
    under test with small pages, or paging stays untested; 1 for a system that has none.
    """

    kinds: ClassVar[tuple[str, ...]] = ()
    seed_count: ClassVar[int] = 7
    pages: ClassVar[int] = 2

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test once for each kind."""
        if "kind" in metafunc.fixturenames:
            metafunc.parametrize("kind", self.kinds)

    # ------------------------------------------------------------------ asked of you

    @pytest.fixture
    def connector(self) -> Connector:
        """
        Return the connector under test, signed in with good credentials and with small pages.

        Raises:
            ConfigurationError: The subclass does not override the fixture.
        """
        msg = f"{type(self).__name__} has no connector to test"
        raise ConfigurationError(msg, hint="override the fixture `connector`")

    @pytest.fixture
    def seed(self) -> Seed:
        """
        Return what creates *count* records of a kind on the far side, not through the connector, and gives their ids.

        Raises:
            ConfigurationError: The subclass does not override the fixture.
        """
        msg = f"{type(self).__name__} has no records to read"
        raise ConfigurationError(msg, hint="override the fixture `seed`: a function of kind and count that returns ids")

    @pytest.fixture
    def faults(self) -> Faults | None:
        """Return what breaks the line between connector and far side; ``None`` skips those tests."""
        return None

    # ------------------------------------------------------------------ yours to refine

    @pytest.fixture
    def fresh(self) -> Fresh:
        """
        Return what makes the *n*-th entity to create; it sets the fields that the system keeps, and only those.

        Raises:
            ConfigurationError: There is no sample of the kind.
        """

        def sample(kind: str, number: int) -> Entity:
            if kind not in _SAMPLES:
                msg = f"there is no sample of {kind}"
                raise ConfigurationError(msg, hint="override the fixture `fresh`: a function of kind and number")
            return _SAMPLES[kind](kind, number)

        return sample

    @pytest.fixture
    def edit(self) -> Edit:
        """Return what gives new values for fields of an entity, the most harmless field first, two if possible."""

        def new_values(entity: Entity) -> dict[str, object]:
            texts = [name for name in ("name", "memo", "email") if getattr(entity, name, None)]
            return {name: f"{getattr(entity, name)}.co" for name in texts}

        return new_values

    @pytest.fixture
    def touch(self) -> Touch | None:
        """Return what changes a record (kind, id) as somebody else would, on the far side."""
        return None

    @pytest.fixture
    def erase(self) -> Erase | None:
        """Return what deletes a record (kind, id) as somebody else would, on the far side."""
        return None

    @pytest.fixture
    def wait(self) -> Wait:
        """Return what lets seconds pass on the far side and for the connector; a moved clock, not a sleep."""
        return lambda _: None

    @pytest.fixture
    def absent(self) -> str:
        """Return an id in the form of the system that no record has."""
        return "6b1f8a1e-5b0e-4c53-9c7e-0d5b1f0c0de5"

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        """Return the credentials that the connector holds: none of them may show anywhere."""
        return ()

    @pytest.fixture
    def locked_out(self) -> Connector | None:
        """Return the connector with credentials that the far side refuses."""
        return None

    # ------------------------------------------------------------------ the contract's own

    @pytest.fixture
    def subject(self, connector: Connector, kind: str, wait: Wait, secrets: Sequence[str]) -> Subject:
        """Return the connector and the kind under test."""
        return Subject(connector, kind, wait, secrets)
