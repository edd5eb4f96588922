"""Reading books piece by piece."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("rich", reason="the extra cli is not installed")

from periferia_link.cli.demo._books import records

BOOKS = {
    "A": {},
    "B": {"1": {"name": "Fábrica", "lines": [{"n": 1.5}, {}], "gone": None}, "2": {}},
    "C": {"x": {"y": "}{,:"}},
}


class TestRecords:
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
    @pytest.mark.parametrize("form", [{"separators": (",", ":")}, {"indent": 1}])
    def test_wherever_it_is_cut(self, size, form):
        """The records of a table, in their order, however the bytes arrive; other tables are passed over."""
        text = json.dumps(BOOKS, ensure_ascii=False, **form).encode()
        chunks = [text[start : start + size] for start in range(0, len(text), size)]
        assert list(BOOKS["B"].values()) == list(records(chunks, "B"))
        assert [{"y": "}{,:"}] == list(records(chunks, "C"))
        assert [] == list(records(chunks, "A"))
        assert [] == list(records(chunks, "D"))

    @pytest.mark.parametrize("text", ["", "[]", '{"B"', '{"B":{"1":{"a":', '{"B":[]}', '{"B" 1}'])
    def test_what_is_no_book(self, text):
        """Something else, or half of it, is refused."""
        with pytest.raises(ValueError):
            list(records([text.encode()], "B"))
