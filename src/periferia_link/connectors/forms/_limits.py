"""How large an export may be before it is refused."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one file: bytes as it is and unpacked, rows of answers, columns, and cells in all."""

    max_bytes: int = 64 * 1024 * 1024
    max_unpacked: int = 1024 * 1024 * 1024
    max_rows: int = 1_000_000
    max_columns: int = 1_000
    max_cells: int = 12_000_000
