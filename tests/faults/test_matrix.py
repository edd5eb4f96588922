"""The printed matrix connector × fault says what the tests say."""

from __future__ import annotations

import pytest

import fault_catalogue
from fault_catalogue import CONNECTORS, FAULTS, PAGE, cell, exists, page, proofs


class TestTheMatrix:
    """Nothing is promised that nobody tries."""

    def test_it_is_whole(self):
        """Thirty-three faults, in order, each with a cell for each connector: a test, or a reason."""
        assert [f"F{number}" for number in range(1, 34)] == list(FAULTS)
        empty = [(name, fault) for name in CONNECTORS for fault in FAULTS if not any(cell(name, fault)[:2])]
        assert [] == empty

    @pytest.mark.parametrize("proof", proofs())
    def test_its_tests_exist(self, proof):
        """A test that was renamed or removed takes its cell with it."""
        assert exists(proof)

    def test_the_page_is_what_the_catalogue_says(self):
        """``python tests/fault_catalogue.py --write`` writes it."""
        assert page() == PAGE.read_text(encoding="utf-8")

    def test_what_is_open_is_said(self):
        """An open fault stands in the table and among the reasons."""
        for name in CONNECTORS:
            for fault in FAULTS:
                one = cell(name, fault)
                assert not (one.proofs and one.reason)
                if one.is_open:
                    assert f"- {fault}, " in page()

    def test_it_bites(self, monkeypatch):
        """A test that is not there is found."""
        assert not exists("tests/faults/test_matrix.py::TestTheMatrix::test_nobody_wrote_this")
        assert not exists("tests/faults/test_no_such_file.py::TestTheMatrix::test_it_is_whole")
        monkeypatch.setitem(fault_catalogue.FAULTS, "F1", "something else")
        assert page() != PAGE.read_text(encoding="utf-8")
