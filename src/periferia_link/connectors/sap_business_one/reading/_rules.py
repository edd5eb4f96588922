"""Which distribution rule stands for a cost centre; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from periferia_link.connectors.sap_business_one.kinds._values import is_yes

__all__ = ["rules_by_centre"]


def rules_by_centre(rules: Iterable[Mapping[str, Any]]) -> dict[tuple[int, str], str]:
    """
    Return the rule that books everything on one centre, by dimension and centre.

    That is an active rule whose lines name that centre alone, or one without lines that has the code of the centre.
    Of several the one with the code of the centre wins, then the first code.
    """
    found: dict[tuple[int, str], str] = {}
    for rule in sorted(rules, key=lambda rule: str(rule["FactorCode"])):
        code, dimension = str(rule["FactorCode"]), int(rule.get("InWhichDimension") or 1)
        if not is_yes(rule.get("Active")):
            continue
        centres = {str(line.get("CenterCode")) for line in rule.get("DistributionRuleLines") or ()}
        if centres <= {code}:
            found[dimension, code] = code
        elif len(centres) == 1:
            found.setdefault((dimension, centres.pop()), code)
    return found
