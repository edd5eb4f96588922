"""``periferia-link demo``: the whole chain on this machine, and the proof that it holds."""

from __future__ import annotations

from periferia_link.cli.demo._demo import demo

__all__ = ["demo"]
