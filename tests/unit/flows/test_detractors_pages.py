"""What the pages on surveys, detractors and delivery show is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from periferia_link.installation import check_flows
from periferia_link.settings import Settings

HOW_TO = Path(__file__).parents[3] / "docs" / "how-to"
SYSTEMS = "\n".join(
    f'[systems.{name}]\nconnector = "memory"\n' for name in ("forms", "crm", "erp", "helpdesk", "devops")
)


def blocks(page: str, language: str) -> list[str]:
    """Return the code of a page."""
    text = (HOW_TO / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["surveys.md", "detractors.md", "delivery.md"])
class TestPages:
    def test_the_code_runs(self, page):
        """Every example does what it says."""
        for code in blocks(page, "python"):
            exec(compile(code, page, "exec"), {"__name__": "page"})

    def test_the_configuration_makes_flows(self, page, tmp_path):
        """Every table is understood, and each flow that it turns on can be made."""
        text = "\n".join(blocks(page, "toml"))
        if "[systems.forms.options]" in text:
            text = re.sub(r"\[systems.forms.options\].*?(?=\n\[)", "", text, flags=re.DOTALL)
        (tmp_path / "periferia.toml").write_text(f"{text}\n{SYSTEMS}", encoding="utf-8")
        settings = Settings.load(tmp_path / "periferia.toml")
        found = check_flows(settings)
        assert {name: error for name, error in found.items() if error is not None} == {}
        assert found
