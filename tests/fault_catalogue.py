"""
The fault catalogue as a matrix connector × fault: which test shows each cell, or why the fault does not apply.

``python tests/fault_catalogue.py`` runs every test that is named here and prints the matrix with what came of it;
``--write`` also writes docs/reference/faults.md. ``tests/faults/test_matrix.py`` checks that every cell is filled,
that every test exists, and that the page is what this file says.
"""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import rfc_fault_cells

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "faults.md"
CONNECTORS = ("Dynamics365", "SapBusinessOne", "Periticket", "Ticketing", "AzureDevOps", "SapRfc", "Memory")

FAULTS = {
    "F1": "the process dies at any point",
    "F2": "the connection is reset before the commit",
    "F3": "the connection is reset after the commit",
    "F4": "no answer in time; the commit comes after we gave up",
    "F5": "429 with every kind of `Retry-After`",
    "F6": "500, 502, 503, 504, before and after the commit",
    "F7": "the session ends, for once or for ever; the token endpoint is down",
    "F8": "403, a sign-in page with 200 or 203",
    "F9": "somebody else changes or deletes the record meanwhile",
    "F10": "the change feed forgot our place",
    "F11": "truncated or garbled answers",
    "F12": "pages that repeat, skip, loop or never end",
    "F13": "records change, come and go while the pages are read",
    "F14": "clocks that are wrong, odd days",
    "F15": "invalid UTF-8, lone surrogates, NUL",
    "F16": "NaN, infinities, numbers beyond every size",
    "F17": "JSON of any depth",
    "F18": "one key twice in a JSON object",
    "F19": "huge bodies, bombs, drips, endless answers",
    "F20": "fields that vanish, change their type or appear",
    "F21": "the disk is full",
    "F22": "the ledger cannot be written",
    "F23": "the ledger is locked",
    "F24": "two processes, one flow",
    "F25": "the ledger is damaged, or an older copy",
    "F26": "the ledger of another version of the library",
    "F27": "a person or the system stops the process",
    "F28": "no such host, nobody listens, TLS fails, the proxy is down",
    "F29": "out of memory, a thread dies, a task is cancelled",
    "F30": "workbooks that are bombs",
    "F31": "one record in the page is poison",
    "F32": "webhooks twice, late, out of order, lost",
    "F33": "a kept-alive connection is closed at reuse, the pool is exhausted",
}
"""The catalogue, in a few words each; invariants and injections are described on the page."""


class Cell(NamedTuple):
    """What one connector says about one fault: tests that show that it holds, or a reason why there are none."""

    proofs: tuple[str, ...] = ()
    reason: str = ""
    is_open: bool = False

    @property
    def mark(self) -> str:
        return "holds" if self.proofs else "open" if self.is_open else "n/a"


def _never(reason: str) -> Cell:
    return Cell((), reason)


_W = "tests/faults/test_writing_faults.py::"
_R = "tests/faults/test_reading_faults.py::"
_L = "tests/faults/test_ledger_faults.py::"
_T = "tests/unit/transport/"
_CONTRACT = {
    "Dynamics365": "tests/contract/test_dynamics365.py::TestDynamics365::",
    "SapBusinessOne": "tests/contract/test_sap.py::TestSap::",
    "Periticket": "tests/contract/test_periticket.py::TestPeriticketTickets::",
    "Ticketing": "tests/contract/test_plain_desk.py::TestPlainDesk::",
    "AzureDevOps": "tests/contract/test_azure_devops.py::TestAzureDevOps::",
    "SapRfc": "tests/contract/test_sap_rfc.py::TestSapRfc::",
    "Memory": "tests/contract/test_memory.py::TestMemory::",
}
_HTTP = CONNECTORS[:5]
_TARGETS = ("Dynamics365", "SapBusinessOne", "Ticketing", "AzureDevOps")

NO_WIRE = "it has no wire"
_DEVOPS = "tests/unit/connectors/azure_devops/"
_WEBHOOKS = tuple(
    f"tests/unit/connectors/ticketing/test_ticket_webhooks.py::{test}"
    for test in (
        "TestMore::test_a_replay",
        "TestTheVectors::test_old_and_future",
        "TestReconciledByPolling::test_a_lost_and_a_forged_delivery_change_nothing",
    )
)

# Faults of the ledger and of the process meet the engine: every connector is behind it.
_ENGINE = {
    "F21": ("tests/unit/ledger/test_sqlite.py::TestErrors::test_a_full_disk",),
    "F22": (f"{_L}TestPlaces::test_f22_a_place_that_cannot_be_written",),
    "F23": (
        f"{_L}TestPlaces::test_f22_a_file_that_is_read_only",
        "tests/unit/ledger/test_sqlite.py::TestErrors::test_a_locked_ledger_sends_nothing",
    ),
    "F24": ("tests/unit/engine/test_lease.py::TestTwoRunners::test_the_second_writes_nothing",),
    "F25": (f"{_L}TestDamage::test_f25_flipped_bytes",),
    "F26": (
        "tests/unit/ledger/test_schema.py::TestVersions::test_a_newer_ledger_is_refused",
        "tests/unit/ledger/test_schema.py::TestVersions::test_a_migration_that_fails_changes_nothing",
    ),
    "F27": ("tests/unit/engine/test_lease.py::TestEnds::test_given_back_when_a_person_interrupts",),
    "F29": (
        "tests/unit/engine/test_cancel.py::TestAsyncio::test_its_outcome_is_recorded",
        "tests/unit/engine/test_crash.py::TestBrokenConnectors::test_one_that_raises",
    ),
}

# Tests over real connectors: those that write, those that read; and the transport that all three share.
_WRITING = {
    "F1": ("TestCrashes::test_f1_at_every_exchange",),
    "F2": ("TestLines::test_a_broken_write",),
    "F3": ("TestLines::test_a_broken_write",),
    "F4": ("TestLines::test_a_broken_write",),
    "F5": ("TestLines::test_throttled",),
    "F6": ("TestLines::test_a_broken_write",),
    "F7": ("TestCredentials::test_f7_expired_between_two_requests",),
    "F9": ("TestOthers::test_f9_changed_between_read_and_write",),
    "F11": ("TestLines::test_a_broken_write",),
    "F28": ("TestLines::test_f28_nobody_answers",),
    "F31": ("TestOthers::test_f31_a_poison_record",),
    "F33": ("TestLines::test_a_broken_write",),
}
_READING = {
    "F2": ("TestLines::test_a_broken_page",),
    "F4": ("TestLines::test_a_broken_page",),
    "F5": ("TestLines::test_f5_throttled",),
    "F6": ("TestLines::test_a_broken_page", "TestLines::test_f6_few_requests_in_an_outage"),
    "F7": ("TestSigningIn::test_f7_refused_for_ever",),
    "F8": ("TestLines::test_a_broken_page",),
    "F11": ("TestLines::test_a_broken_page",),
    "F13": ("TestPages::test_f13_changes_between_pages",),
    "F14": ("TestTime::test_f14_a_clock_that_is_wrong", "TestTime::test_f14_days_that_are_odd"),
    "F15": ("TestHostileValues::test_a_value_that_is_none",),
    "F16": ("TestHostileValues::test_a_value_that_is_none",),
    "F17": ("TestHostileValues::test_a_value_that_is_none",),
    "F18": (
        "TestHostileValues::test_a_name_that_stands_twice",
        "TestHostileValues::test_f18_a_page_that_names_its_rows_twice",
    ),
    "F20": (
        "TestHostileValues::test_f20_a_field_that_vanished",
        "TestHostileValues::test_f20_a_field_that_is_new",
    ),
    "F28": ("TestSigningIn::test_f28_nobody_answers",),
    "F31": ("TestHostileValues::test_a_value_that_is_none",),
}
_TRANSPORT = {
    "F5": ("test_retry.py::TestRetryAfter::test_table", "test_exchange.py::TestThrottling::test_nonsense"),
    "F7": ("test_exchange.py::TestCredentials::test_a_sign_in_that_fails_sends_nothing",),
    "F12": ("test_origin.py::TestLinks::test_elsewhere_is_refused",),
    "F15": ("test_json.py::TestReading::test_refused",),
    "F16": ("test_json.py::TestReading::test_a_number_beyond_a_float",),
    "F18": ("test_json.py::TestNamesThatStandTwice::test_told_by_both_parsers",),
    "F19": ("test_inflate.py::TestBounded::test_on_the_line", "test_deadline.py::TestSlowAnswers::test_a_read"),
    "F28": ("test_http.py::TestTls::test_an_unknown_authority", "test_http.py::TestProxy::test_a_proxy_that_is_down"),
    "F33": (
        "test_http_lines.py::TestConnections::test_one_that_breaks_on_reuse_is_unknown",
        "test_pacing.py::TestPlaces::test_no_place_in_time",
    ),
}
_PROMISES = {
    "F2": ("test_reset_before_the_commit_is_unknown",),
    "F3": ("test_reset_after_the_commit_is_unknown",),
    "F5": ("test_throttling_is_no_effect", "test_a_storm_of_throttling_is_told"),
    "F8": ("test_a_sign_in_page_is_no_success",),
    "F9": ("test_a_stale_update_is_refused", "test_an_update_never_resurrects"),
    "F12": ("test_a_pull_lists_every_record_once",),
    "F13": ("test_a_deletion_between_pages_hides_nothing", "test_a_change_between_pages_is_seen_later"),
    "F20": ("test_a_drifted_row_is_refused_without_its_values",),
    "F31": ("test_one_refusal_in_a_batch",),
}
"""Promises of the ConnectorContract that show a fault, for every connector."""
_ELSEWHERE = {
    "Periticket": ("test_one_refusal_in_a_batch",),  # one write a request: there is no batch
    "Ticketing": ("test_one_refusal_in_a_batch", "test_a_deletion_between_pages_hides_nothing"),  # no deletions, either
    "SapRfc": rfc_fault_cells.MEANINGLESS,
}
"""Promises that mean nothing to a connector: its cell stands on the other tests."""

_OWN: dict[tuple[str, str], Cell] = {
    ("Dynamics365", "F25"): Cell((f"{_L}TestDamage::test_f25_an_older_copy",)),
    ("Dynamics365", "F10"): Cell((f"{_R}TestPages::test_f10_a_place_that_was_forgotten",)),
    ("SapBusinessOne", "F10"): _never("its place is a time of ours: there is nothing to forget"),
    ("Periticket", "F10"): Cell(
        ("tests/unit/connectors/test_periticket.py::TestPull::test_a_cursor_older_than_the_tombstones",)
    ),
    ("SapBusinessOne", "F1"): Cell(("tests/flows/test_crash_sample.py::TestCrashSample::test_simulated_crashes",)),
    ("Periticket", "F1"): Cell(("tests/flows/test_crash_sample.py::TestCrashSample::test_real_kills",)),
    ("Memory", "F1"): Cell(("tests/unit/engine/test_crash.py::TestCrash::test_the_next_process_reads_back",)),
    ("Memory", "F4"): Cell(
        ("tests/unit/engine/test_crash.py::TestCrash::test_a_request_still_under_way_after_the_crash",)
    ),
    **{
        ("Memory", fault): _never(NO_WIRE)
        for fault in ("F6", "F7", "F8", "F11", "F15", "F17", "F18", "F19", "F28", "F33")
    },
    ("Memory", "F10"): Cell((f"{_CONTRACT['Memory']}test_a_cursor_of_nonsense_is_refused",)),
    ("Memory", "F14"): _never("its versions are numbers, not times"),
    ("Memory", "F16"): Cell((f"{_CONTRACT['Memory']}test_a_drifted_row_is_refused_without_its_values",)),
    **{(name, "F30"): _never("it reads no workbooks") for name in CONNECTORS},
    **{
        (name, "F32"): _never("nothing is pushed here: changes are read")
        for name in ("Dynamics365", "SapBusinessOne", "Memory")
    },
    **{(name, "F32"): Cell(_WEBHOOKS) for name in ("Periticket", "Ticketing")},
    ("AzureDevOps", "F32"): Cell(
        (
            f"{_DEVOPS}test_devops_hooks.py::TestReplay::test_the_same_delivery_is_passed_over",
            f"{_DEVOPS}test_devops_hooks.py::TestReplay::test_an_older_revision_is_passed_over",
            f"{_DEVOPS}test_devops_hooks.py::TestHosted::test_over_http_the_item_is_read_again",
        )
    ),
    **{
        (name, "F12"): Cell(("tests/flows/test_bad_input.py::TestPages::test_pages_that_never_end",))
        for name in _HTTP[:3]
    },
    ("Ticketing", "F12"): Cell(
        ("tests/unit/connectors/ticketing/test_ticketing_lists.py::TestStyles::test_pages_that_repeat",)
    ),
    ("AzureDevOps", "F12"): Cell(
        (
            f"{_DEVOPS}test_devops_odd_answers.py::TestReads::test_comments_that_repeat",
            f"{_DEVOPS}test_devops_odd_answers.py::TestReads::test_a_feed_of_comments_that_stands_still",
            f"{_DEVOPS}test_devops_odd_answers.py::TestReads::test_projects_that_change_all_the_time",
        )
    ),
    ("AzureDevOps", "F10"): Cell(
        (f"{_DEVOPS}test_devops_reads.py::TestFeeds::test_a_token_that_the_service_refuses_is_expired",)
    ),
    **{("SapRfc", fault): Cell(shown) for fault, shown in rfc_fault_cells.PROOFS.items()},
    **{("SapRfc", fault): _never(reason) for fault, reason in rfc_fault_cells.REASONS.items()},
    ("Ticketing", "F10"): _never("its place is a time of ours, and its clients leave no tombstones that could expire"),
}


def cell(connector: str, fault: str) -> Cell:
    """Return what is known of one connector and one fault."""
    own = _OWN.get((connector, fault), Cell())
    if own.reason:
        return own
    proofs = [*own.proofs, *_ENGINE.get(fault, ())]
    proofs += [_W + test for test in _WRITING.get(fault, ()) if connector in _TARGETS]
    proofs += [_R + test for test in _READING.get(fault, ()) if connector in _HTTP]
    proofs += [_T + test for test in _TRANSPORT.get(fault, ()) if connector in _HTTP]
    kept = [test for test in _PROMISES.get(fault, ()) if test not in _ELSEWHERE.get(connector, ())]
    proofs += [_CONTRACT[connector] + test for test in kept]
    return Cell(tuple(dict.fromkeys(proofs)))


def proofs() -> list[str]:
    """Return every test of the matrix once."""
    return sorted({proof for name in CONNECTORS for fault in FAULTS for proof in cell(name, fault).proofs})


# ---------------------------------------------------------------------- does it exist?


@cache
def _tests_of(file: str) -> dict[str, set[str]]:
    """Name the tests of each class of a file; a class of the contract has its promises too."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    found: dict[str, set[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            own = {part.name for part in node.body if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef))}
            for base in map(ast.unparse, node.bases):
                own |= found.get(base, set()) | (_promises() if base == "ConnectorContract" else set())
            found[node.name] = own
    return found


@cache
def _promises() -> set[str]:
    folder = ROOT / "src" / "periferia_link" / "testing"
    return {
        node.name
        for path in folder.glob("_contract_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def exists(proof: str) -> bool:
    """Whether the test is there."""
    file, group, test = proof.split("::")
    return (ROOT / file).exists() and test in _tests_of(file).get(group, set())


# ---------------------------------------------------------------------- the page

_HEAD = """\
# Faults: what was tried on each connector

Every fault of the catalogue, injected into the real connectors over their emulators (and into the memory system of the
test kit), and what is checked afterwards. The table is written by `python tests/fault_catalogue.py --write`; a test
compares it with the tests that exist, so it cannot promise what nobody tries.

After every fault the run is resumed, and resumed once more:

| | invariant |
| --- | --- |
| I1 | one record in the target for each in the source |
| I2 | none is lost: every change is there, or parked with a reason |
| I3 | the last value planned is the last value there |
| I4 | the idle run sends no write |
| I5 | the ledger is sound, nothing is left in flight |
| I6 | an error is typed, and says what, where and what next |
| I7 | no credential in logs, errors or the ledger |
| I8 | requests, time and memory have bounds |
| I9 | the place in the feed never passes a change that was not taken |

An older copy of the ledger (F25) is harmless where the system enforces our key; elsewhere it is residual window R4 of
[the write protocol](../explanation/write-protocol.md).

A name that stands twice in an object (F18) is noticed by counting names in the bytes of an answer and in what the
parser made of them: the record is parked, a page that names its list of rows twice is refused. Only a server that
writes some of its names with blanks before the colon and others without could hide one.

**Ticketing** is the generic connector with a profile whose server knows no keys of creation: a create is known by a
reference that can be searched and that nobody guards.

**holds**: the tests named below show it. **n/a**: the fault does not apply, for the reason below. **open**: it does not
hold.

"""


def page() -> str:
    """Return docs/reference/faults.md."""
    lines = [_HEAD + "| | fault | " + " | ".join(CONNECTORS) + " |", "| --- | --- |" + " --- |" * len(CONNECTORS)]
    for fault, text in FAULTS.items():
        marks = " | ".join(cell(name, fault).mark for name in CONNECTORS)
        lines.append(f"| {fault} | {text} | {marks} |")
    lines += ["", "## What does not apply, and what is open", ""]
    told: dict[tuple[str, str], list[str]] = {}
    for fault in FAULTS:
        for name in CONNECTORS:
            one = cell(name, fault)
            if one.reason:
                told.setdefault((fault, f"{one.reason}{' (**open**)' if one.is_open else ''}"), []).append(name)
    lines += [f"- {fault}, {', '.join(names)}: {reason}." for (fault, reason), names in told.items()]
    lines += ["", "## The tests", ""]
    for fault in FAULTS:
        shown = dict.fromkeys(proof for name in CONNECTORS for proof in cell(name, fault).proofs)
        if shown:
            lines += [f"- {fault}: " + ", ".join(f"`{_short(proof)}`" for proof in shown)]
    return "\n".join(lines) + "\n"


def _short(proof: str) -> str:
    file, group, test = proof.split("::")
    return f"{file.removeprefix('tests/')}::{group}::{test}"


class _Heard:
    def __init__(self) -> None:
        self.failed: set[str] = set()
        self.passed: set[str] = set()

    def pytest_runtest_logreport(self, report) -> None:
        name = report.nodeid.split("[")[0]
        if report.failed:
            self.failed.add(name)
        elif report.when == "call" and report.passed:
            self.passed.add(name)


def main(arguments: list[str]) -> int:
    """Run every test of the matrix, print it, and write the page when asked to."""
    import pytest

    heard = _Heard()
    pytest.main([*proofs(), "-q", "--no-header", "-p", "no:cacheprovider", "--rootdir", str(ROOT)], plugins=[heard])
    bad = 0
    print(f"\n{'':4}" + "".join(f"{name:>16}" for name in CONNECTORS))
    for fault, text in FAULTS.items():
        marks = []
        for name in CONNECTORS:
            one = cell(name, fault)
            has_failed = [proof for proof in one.proofs if proof in heard.failed or proof not in heard.passed]
            bad += bool(has_failed)
            marks.append("FAILS" if has_failed else one.mark)
        print(f"{fault:4}" + "".join(f"{mark:>16}" for mark in marks) + f"  {text}")
    if "--write" in arguments and not bad:
        PAGE.write_text(page(), encoding="utf-8")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
