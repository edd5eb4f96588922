"""The page "Test your integration" is run: every code block, as a project would have it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import whole_package  # noqa: F401 - before any inner run

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "test-your-integration.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
QUIET = ("-p", "no:randomly", "-p", "no:cacheprovider", "-p", "periferia_link.testing.plugin")


class TestThePage:
    """What a reader copies works."""

    @pytest.mark.parametrize("number", range(len(BLOCKS)))
    def test_a_block(self, pytester, number):
        """Its tests pass; a block without tests can at least be imported."""
        block = BLOCKS[number]
        pytester.makepyfile(**{f"test_block_{number}": block + "\n\ndef test_it_can_be_imported():\n    pass\n"})
        outcomes = pytester.runpytest_inprocess(*QUIET).parseoutcomes()

        assert outcomes.get("passed", 0) >= 1 + block.count("def test_")
        assert not outcomes.keys() & {"failed", "error", "errors"}

    def test_it_names_every_fixture(self):
        """Of the plug-in; and each vice that it mentions exists."""
        from periferia_link.testing import plugin
        from periferia_link.testing.hostile import VICES

        text = PAGE.read_text(encoding="utf-8")
        assert [name for name in plugin.__all__ if name.startswith("link_") and f"`{name}`" not in text] == []
        assert len(VICES) > 70
        assert set(re.findall(r'vices=\{"([a-z-]+)"\}', text)) <= set(VICES)
