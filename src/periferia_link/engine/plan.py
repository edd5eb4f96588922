"""A plan: what a run would change, with before and after, made without writing anything anywhere."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from periferia_link.domain import KINDS
from periferia_link.engine.report import FlowReport, RunReport, html_table
from periferia_link.errors import ConfigurationError

__all__ = ["Change", "Plan", "digest"]

_ROWS = 200  # of a plan in a notebook


def digest(words: tuple[str, ...], body: bytes | None) -> str:
    """Return a fingerprint of one intended change: flow, key, mode, target row, fields, and the values."""
    return hashlib.blake2b("\x1f".join(words).encode() + b"\x1f" + (body or b""), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class Change:
    """
    One record that would change.

    ``fields`` maps a field to (before, after); before is ``None`` for creates. ``target_version`` is the version of
    the target row that the plan was made on; applying refuses the record when it moved.
    """

    flow: str
    key: str
    mode: str
    kind: str
    system: str
    target: str | None
    target_version: str | None
    fields: Mapping[str, tuple[Any, Any]]
    digest: str

    def __str__(self) -> str:
        return f"{self.mode} {self.system} {self.kind} {self.target or 'new'} ({self.shown})"

    @property
    def shown(self) -> str:
        """The fields with before and after; personal data stays out."""
        personal = KINDS[self.kind].personal_fields if self.kind in KINDS else frozenset()
        return ", ".join(
            f"{name}: {'…' if name in personal else _step(before, after)}"
            for name, (before, after) in self.fields.items()
        )


def _step(before: Any, after: Any) -> str:
    return _short(after) if before is None else f"{_short(before)} → {_short(after)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:59] + "…"


@dataclass(slots=True)
class Plan:
    """
    What :meth:`Engine.apply` would do, and nothing else.

    ``reports`` count what the run would do beside the changes: unchanged, adopted, parked, review, waiting.
    """

    changes: list[Change] = field(default_factory=list)
    reports: dict[str, FlowReport] = field(default_factory=dict)
    flows: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.changes)

    def __bool__(self) -> bool:
        return bool(self.changes)

    def allowed(self, flow: str) -> dict[str, str]:
        """Return key → fingerprint of the changes of a flow."""
        return {change.key: change.digest for change in self.changes if change.flow == flow}

    def to_dict(self) -> dict[str, Any]:
        """Return the plan, JSON-ready."""
        return {
            "flows": list(self.flows),
            "changes": [
                asdict(change) | {"fields": {k: list(v) for k, v in change.fields.items()}} for change in self.changes
            ],
            "counts": {name: report.to_dict() for name, report in self.reports.items()},
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the plan as JSON, readable by its owner only: it shows values."""
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            os.chmod(path, 0o600)  # noqa: PTH101 - a file that was there keeps its mode otherwise
            json.dump(self.to_dict(), out, ensure_ascii=False, indent=1, default=str)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Plan:
        """
        Read a saved plan.

        Raises:
            ConfigurationError: The file is no plan.
        """
        try:
            found = json.loads(Path(path).read_text(encoding="utf-8"))
            changes = [
                Change(**{**row, "fields": {name: tuple(pair) for name, pair in row["fields"].items()}})
                for row in found["changes"]
            ]
            return cls(changes, {}, list(found["flows"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            msg = f"{os.fspath(path)} is not a saved plan"
            raise ConfigurationError(msg, hint="make one with: periferia-link plan --save FILE") from exc

    def summary(self) -> RunReport:
        """Return the counts as a report."""
        return RunReport(dict(self.reports))

    def __str__(self) -> str:
        if not self.changes:
            return "nothing to do: both sides agree"
        by_flow: dict[str, list[Change]] = {}
        for change in self.changes:
            by_flow.setdefault(change.flow, []).append(change)
        lines = []
        for flow, changes in by_flow.items():
            lines.append(f"{flow}: {len(changes)} changes")
            lines += [f"  {change}" for change in changes[:20]]
            if len(changes) > 20:
                lines.append(f"  … and {len(changes) - 20} more")
        return "\n".join(lines)

    def _repr_pretty_(self, printer: Any, cycle: object) -> None:
        del cycle  # it holds no other of its kind
        printer.text(str(self))

    def _repr_html_(self) -> str:
        if not self.changes:
            return "<p>nothing to do: both sides agree</p>"
        rows = [
            (change.flow, change.mode, f"{change.system} {change.kind} {change.target or 'new'}", change.shown)
            for change in self.changes[:_ROWS]
        ]
        more = len(self.changes) - len(rows)
        rest = f"<p>… and {more} more</p>" if more else ""
        return html_table(("flow", "what", "record", "fields"), rows) + rest
