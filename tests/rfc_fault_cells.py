"""What SapRfc says about each fault of the catalogue: tests that show that it holds, or why it does not apply."""

from __future__ import annotations

__all__ = ["MEANINGLESS", "PROOFS", "REASONS"]

_U = "tests/unit/connectors/sap_rfc/test_rfc_"
_F = "tests/flows/test_labour_by_rfc.py::"
_LOST = f"{_U}unit_of_work.py::TestLost::test_what_it_means_by_where_it_happens"

PROOFS: dict[str, tuple[str, ...]] = {
    "F1": (f"{_F}TestCrashes::test_a_crash_books_nothing_twice",),
    "F2": (_LOST, f"{_F}TestDocuments::test_a_commit_that_never_arrived_is_sent_again"),
    "F3": (_LOST, f"{_F}TestDocuments::test_a_lost_commit_is_booked_once"),
    "F4": (
        f"{_U}unit_of_work.py::TestLost::test_a_late_commit_is_found_after_the_settling_time",
        f"{_U}unit_of_work.py::TestLost::test_a_slow_system_is_not_committed_late",
    ),
    "F5": (f"{_U}connections.py::TestFailures::test_a_busy_system_is_waited_for",),
    "F6": (_LOST,),
    "F7": (
        f"{_U}connections.py::TestFailures::test_one_that_rested_is_asked_first",
        f"{_U}connections.py::TestFailures::test_wrong_passwords_are_not_tried_again",
    ),
    "F8": (f"{_U}failures.py::TestMeaning::test_what_is_raised_has_a_typed_end",),
    "F9": (f"{_U}documents.py::TestTakingBack::test_twice_is_once",),
    "F11": (f"{_U}tables.py::TestReading::test_a_copy_with_another_interface_is_told",),
    "F14": (f"{_U}values.py::TestDays::test_a_day",),
    "F15": (f"{_U}limits.py::TestValues::test_control_characters_are_refused",),
    "F16": (f"{_U}limits.py::TestValues::test_an_amount_without_room_is_refused",),
    "F20": (f"{_U}settings.py::TestPyrfc::test_a_parameter_that_the_function_does_not_have",),
    "F28": (f"{_U}connections.py::TestFailures::test_nobody_answers",),
    "F31": (f"{_F}TestDocuments::test_a_closed_period_parks_with_its_name",),
    "F33": (
        f"{_U}connections.py::TestFailures::test_a_broken_connection_is_never_used_again",
        f"{_U}connections.py::TestThreads::test_they_are_bounded",
    ),
}
"""Tests by fault."""

REASONS: dict[str, str] = {
    "F10": "it keeps no place in a feed",
    "F17": "RFC has structures and tables of them, no JSON",
    "F18": "a structure has each field once, and there is no JSON",
    "F19": "the bytes of the line are the business of the RFC library, whose time-out ends a call",
    "F32": "nothing is pushed here: changes are read",
}
"""Why a fault does not apply."""

MEANINGLESS = (
    "test_a_stale_update_is_refused",
    "test_an_update_never_resurrects",
    "test_a_change_between_pages_is_seen_later",
    "test_one_refusal_in_a_batch",
)
"""Promises of the contract that mean nothing here: nothing is updated, and one write is one unit of work."""
