"""Connectors: one file a system behind one seam (``base``), found by name (``registry``)."""
