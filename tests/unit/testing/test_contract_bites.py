"""The contract is worth something: it passes a right connector and fails wrong ones, each for its own mistake."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

SUITE = '''
import uuid

import pytest

from periferia_link.connectors.base import Applied, NotApplied, Unknown
from periferia_link.domain import Client, Ref
from periferia_link.errors import UnavailableError
from periferia_link.testing.contract import ConnectorContract
from periferia_link.testing.memory import MemoryConnector


class Faults:
    def __init__(self, connector):
        self.connector = connector

    @property
    def writes(self):
        return len(self.connector.requests)

    def next(self, fault, when="before", *, on="write"):
        if (fault, on) != ("reset", "write"):
            pytest.skip("no such fault")
        self.connector.fail(f"lost-{when}")


class Right(MemoryConnector):
    pass


class MakesItTwice(MemoryConnector):
    """Declares server-key, and thinks of a new key at every attempt."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.made = {}

    def write(self, kind, writes):
        outcomes = super().write(kind, [write._replace(create_key=str(uuid.uuid4())) for write in writes])
        for write, outcome in zip(writes, outcomes):
            if isinstance(outcome, Applied):
                self.made.setdefault(write.create_key, []).append(outcome.ref.id)
        return outcomes

    def find(self, kind, field, values):
        if field != "create_key":
            return super().find(kind, field, values)
        return [row._replace(match=value) for value in values for row in self.get(kind, self.made.get(value, []))]


class DropsAPage(MemoryConnector):
    """Counts pages from 0 and from 1."""

    def pull(self, kind, since=None):
        for number, page in enumerate(super().pull(kind, since)):
            if number != 1:
                yield page


class LetsExceptionsOut(MemoryConnector):
    """Lets the client library speak for itself."""

    def write(self, kind, writes):
        outcomes = super().write(kind, writes)
        if any(isinstance(outcome, Unknown) for outcome in outcomes):
            raise ConnectionResetError(104, "Connection reset by peer")
        return outcomes


class DeniesWhatItDid(MemoryConnector):
    """Takes a lost answer for a refusal."""

    def write(self, kind, writes):
        denied = NotApplied(UnavailableError("no answer", hint="try again"), 1.0)
        return [denied if isinstance(done, Unknown) else done for done in super().write(kind, writes)]


class TriesAgain(MemoryConnector):
    """Has a client library that retries everything."""

    def write(self, kind, writes):
        outcomes = super().write(kind, writes)
        return super().write(kind, writes) if any(isinstance(done, Unknown) for done in outcomes) else outcomes


class FindsByResemblance(MemoryConnector):
    """Trusts a filter that matches parts of a text."""

    def find(self, kind, field, values):
        if field == "create_key":
            return super().find(kind, field, values)
        rows = [row for page in self.pull(kind) for row in page.rows]
        texts = {row.key: getattr(self.decode(kind, row), field) or "" for row in rows}
        return [row._replace(match=value) for row in rows for value in values if texts[row.key] in value]


class LeavesFieldsBehind(MemoryConnector):
    """Sends the whole entity, whatever the fields say."""

    def write(self, kind, writes):
        return super().write(kind, [self.whole(write) for write in writes])

    def whole(self, write):
        return write._replace(fields=frozenset(write.entity.model_fields_set)) if write.mode == "update" else write


class TestIt(ConnectorContract):
    kinds = ("Client",)

    @pytest.fixture
    def connector(self):
        return {connector}("memory", [Client], page_size=3)

    @pytest.fixture
    def faults(self, connector):
        return Faults(connector)

    @pytest.fixture
    def seed(self, connector, fresh):
        return lambda kind, count: [connector.put(fresh(kind, 100 + n)).id for n in range(count)]

    @pytest.fixture
    def erase(self, connector):
        return lambda kind, key: connector.drop(Ref("memory", kind, key))
'''


def failures(pytester, connector):
    """Names of the promises that *connector* breaks, and how many it keeps."""
    pytester.makepyfile(test_it=SUITE.replace("{connector}", connector))
    passed, _, failed = pytester.inline_run("-p", "no:randomly", "-p", "no:cacheprovider", "-q").listoutcomes()
    return {report.nodeid.split("::")[-1].split("[")[0] for report in failed}, len(passed)


class TestTheContract:
    """Small wrong connectors, and the promise that catches each."""

    @pytest.mark.parametrize(
        ("connector", "broken"),
        [
            ("MakesItTwice", {"test_the_same_create_twice_is_one_record"}),
            (
                "DropsAPage",
                {"test_a_pull_lists_every_record_once", "test_get_reads_what_pull_reads"},
            ),
            ("LetsExceptionsOut", {"test_no_outcome_lies", "test_reset_after_the_commit_is_unknown"}),
            ("DeniesWhatItDid", {"test_no_outcome_lies", "test_reset_after_the_commit_is_unknown"}),
            ("TriesAgain", {"test_no_outcome_lies", "test_reset_before_the_commit_is_unknown"}),
            ("FindsByResemblance", {"test_find_answers_by_natural_key"}),
            ("LeavesFieldsBehind", {"test_only_the_named_fields_change"}),
        ],
    )
    def test_a_wrong_connector_is_caught(self, pytester, connector, broken):
        """The mistake breaks its promise, and only a few others with it."""
        found, kept = failures(pytester, connector)
        assert broken <= found
        assert kept > 40

    def test_a_right_connector_keeps_every_promise(self, pytester):
        """Nothing fails where nothing is wrong."""
        found, kept = failures(pytester, "Right")
        assert set() == found
        assert kept > 50

    def test_what_is_missing_is_said(self, pytester):
        """A subclass without fixtures fails with the sentence that says which one to write."""
        pytester.makepyfile(
            test_it="""
            from periferia_link.testing.contract import ConnectorContract

            class TestIt(ConnectorContract):
                kinds = ("Client",)
            """
        )
        result = pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider")
        result.stdout.fnmatch_lines(["*has no connector to test*override the fixture `connector`*"])


class TestWithoutPytest:
    """The kit is an extra."""

    def test_the_missing_package_is_named(self, monkeypatch):
        """Without pytest the import ends in the command that installs it."""
        import importlib
        import sys

        from periferia_link.errors import MissingDependencyError

        for name in [name for name in sys.modules if name.startswith("periferia_link.testing.contract")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "pytest", None)
        with pytest.raises(MissingDependencyError, match=r"periferia-link\[testing\]"):
            importlib.import_module("periferia_link.testing.contract")
