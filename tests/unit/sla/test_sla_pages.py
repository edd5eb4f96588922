"""What the pages on SLA and priorities show is run as it stands there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from periferia_link.sla import read_priority, read_sla
from sla_examples import COLOMBIA

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DOCS = Path(__file__).parents[3] / "docs"
BLOCK = re.compile(r"^```(python|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page, language):
    """Return the code blocks of a page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [code for kind, code in BLOCK.findall(text) if kind == language]


class TestPages:
    @pytest.mark.parametrize("page", ["how-to/sla.md", "how-to/priorities.md"])
    def test_the_python_runs(self, page, tmp_path, monkeypatch, capsys):
        """One block after the other, in one namespace, with the page's own rules as periferia.toml."""
        monkeypatch.chdir(tmp_path)
        rules = "\n".join(blocks("how-to/sla.md", "toml")).replace('holidays = "CO"', "holidays = [2026-12-25]")
        (tmp_path / "periferia.toml").write_text(rules, encoding="utf-8")
        monkeypatch.setitem(sys.modules, "tomllib", tomllib)
        names = {}
        for code in blocks(page, "python"):
            exec(compile(code, page, "exec"), names)
        assert capsys.readouterr().out

    def test_the_rules_are_read(self):
        """Both tables, as they stand."""
        (text,) = blocks("how-to/sla.md", "toml")
        rules = read_sla(tomllib.loads(text)["sla"], holidays=lambda country: COLOMBIA)
        assert ["gold", "co.ley1755.peticion", "standard"] == [policy.id for policy in rules.policies]
        text = blocks("how-to/priorities.md", "toml")[0]
        assert 70 == read_priority(tomllib.loads(text)["priority"]).levels["critical"]

    def test_every_key_of_a_policy_is_on_the_page(self):
        """The table names what can be written."""
        from periferia_link.sla.policy import Policy

        text = (DOCS / "how-to" / "sla.md").read_text(encoding="utf-8")
        left = set(Policy.model_fields) - {"id", "title", "version", "source"}
        assert [] == sorted(name for name in left if f"`{name}`" not in text)
        assert [] == sorted(name for name in ("version", "enforce_from") if name not in text)

    def test_every_key_of_the_priority_rule_is_on_the_page(self):
        """The same for [priority]."""
        from periferia_link.sla import PriorityRule

        text = "".join(blocks("how-to/priorities.md", "toml"))
        assert [] == sorted(name for name in PriorityRule.model_fields if f"{name} =" not in text)
