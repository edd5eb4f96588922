"""The system in memory keeps the contract that real ones keep."""

from __future__ import annotations

import pytest

from periferia_link.domain import Client, Opportunity, Project, Ref
from periferia_link.testing.contract import ConnectorContract
from periferia_link.testing.memory import MemoryConnector

KINDS = {"Client": Client, "Opportunity": Opportunity, "Project": Project}
PLAY = {
    ("write", "reset", "before"): "lost-before",
    ("write", "reset", "after"): "lost-after",
    ("write", "throttle", "before"): "throttle",
    ("read", "reset", "before"): "read-lost",
    ("read", "throttle", "before"): "read-throttle",
}


class MemoryFaults:
    """The faults that a memory knows: a lost request, a lost answer, a pause."""

    def __init__(self, connector):
        self._connector = connector

    @property
    def writes(self):
        return len(self._connector.requests)

    @property
    def reads(self):
        return self._connector.reads

    def next(self, fault, when="before", *, on="write"):
        name = PLAY.get((on, fault, when))
        if name is None:
            pytest.skip(f"a memory has no line that could break by {fault} {when} a {on}")
        self._connector.fail(name)


class TestMemory(ConnectorContract):
    """The default: keys chosen by the caller, a feed of changes and deletions, no atomic requests."""

    kinds = ("Client", "Opportunity", "Project")
    options = {}

    @pytest.fixture
    def connector(self):
        return MemoryConnector("memory", KINDS.values(), page_size=3, max_batch=10, parallel=2, **self.options)

    @pytest.fixture
    def faults(self, connector):
        return MemoryFaults(connector)

    @pytest.fixture
    def seed(self, connector, fresh):
        return lambda kind, count: [connector.put(fresh(kind, 100 + number)).id for number in range(count)]

    @pytest.fixture
    def touch(self, connector):
        return lambda kind, key: connector.change(Ref("memory", kind, key), name="Otro nombre")

    @pytest.fixture
    def erase(self, connector):
        return lambda kind, key: connector.drop(Ref("memory", kind, key))


class TestMemoryOfMarkers(TestMemory):
    """Keys of its own, ours stored beside them."""

    kinds = ("Client",)
    options = {"guard": "marker"}


class TestMemoryThatIsScanned(TestMemory):
    """No feed: everything is listed every time."""

    kinds = ("Client",)
    options = {"feed": "scan"}
