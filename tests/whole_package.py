"""
Everything of the package, loaded: for tests that run pytest inside pytest.

Such a test forgets the modules that the inner run imported first; what is kept of them elsewhere (a name that
``periferia_link`` found lazily) would then belong to a second copy.
"""

from __future__ import annotations

import importlib
import pkgutil

import periferia_link
import periferia_link.testing


def load() -> None:
    """Import every public name and the whole test kit."""
    for name in periferia_link.__all__:
        getattr(periferia_link, name)
    for module in pkgutil.walk_packages(periferia_link.testing.__path__, "periferia_link.testing."):
        if not module.name.endswith(("__main__", "._tls")):
            importlib.import_module(module.name)


load()
