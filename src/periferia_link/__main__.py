"""``python -m periferia_link`` is the command ``periferia-link``."""

from __future__ import annotations

from periferia_link.cli import main

if __name__ == "__main__":
    main()
