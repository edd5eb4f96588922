"""Private: how requests travel. Each third-party library is imported by exactly one file here."""
