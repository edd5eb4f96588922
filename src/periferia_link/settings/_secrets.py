"""Secrets stand in the file as references: ``${ENV:NAME}``, ``${FILE:path}``, ``${KEYRING:service/user}``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from pydantic import SecretStr

from periferia_link.errors import MissingDependencyError
from periferia_link.settings._tables import Place

__all__ = ["References", "Secret"]

_REFERENCE = re.compile(r"\$\{(?P<kind>[A-Z][A-Z0-9_]*):(?P<what>[^{}\n]+)\}")
_PASSWORD_IN_URL = re.compile(r"://[^/\s@]*:[^/\s@]+@")
_MAX_BYTES = 64 * 1024


class Secret(SecretStr):
    """
    A secret that shows where it came from, never what it is.

    It cannot be pickled: a secret leaves the process in a request or not at all.
    """

    def __init__(self, value: str, reference: str) -> None:
        super().__init__(value)
        self.reference = reference

    def _display(self) -> str:
        return self.reference

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        msg = f"{self.reference} is a secret and cannot be pickled"
        raise TypeError(msg)


class References:
    """
    Looks up what references stand for.

    Args:
        environ: Environment variables.

        folder: Relative paths are relative to it.

        resolvers: More kinds of reference, by name in capitals; each returns the secret of the text after the colon.
    """

    def __init__(self, environ: Mapping[str, str], folder: Path, resolvers: Mapping[str, Callable[[str], str]]) -> None:
        self.environ = environ
        self.folder = folder
        self._resolvers = resolvers

    def plain(self, value: Any, place: Place, key: str = "") -> Any:
        """
        Return *value* with every reference in it replaced by its text.

        Raises:
            ConfigurationError: A reference leads nowhere, or a password stands in the file.
        """
        if isinstance(value, dict):
            return {name: self.plain(inner, place, f"{key}.{name}".lstrip(".")) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.plain(inner, place, key) for inner in value]
        if isinstance(value, Decimal) and not value.is_finite():
            place.refuse(key, "is not a number to count with", hint="give a finite number")
        if not isinstance(value, str):
            return value
        if _PASSWORD_IN_URL.search(value):
            place.refuse(key, "a password stands in the address", hint=_instead(place, key))
        found = _REFERENCE.fullmatch(value)
        if found:
            return self._looked_up(found, place, key)
        if "${" in value:
            hint = f"write the whole value as one reference: {_instead(place, key)}"
            place.refuse(key, "a reference stands alone, with nothing around it", hint=hint)
        return value

    def secret(self, value: Any, place: Place, key: str) -> Secret:
        """
        Return the secret that a reference stands for.

        Raises:
            ConfigurationError: It is no reference, or leads nowhere.
        """
        found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            place.refuse(key, "a secret does not stand in the file itself", hint=_instead(place, key))
        return Secret(self._looked_up(found, place, key), found[0])

    def _looked_up(self, found: re.Match[str], place: Place, key: str) -> str:
        readers: dict[str, Callable[[str, Place, str], str]] = {
            "ENV": self._variable,
            "FILE": self._file,
            "KEYRING": _keyring,
            **{kind: partial(self._own, kind) for kind in self._resolvers},
        }
        kind = found["kind"]
        if kind not in readers:
            place.refuse(key, f"unknown kind of reference {kind}", hint=f"known are {', '.join(sorted(readers))}")
        return readers[kind](found["what"].strip(), place, key)

    def _variable(self, name: str, place: Place, key: str) -> str:
        value = self.environ.get(name, "")
        if not value:
            why = f"the environment variable {name} is not set"
            place.refuse(key, why, hint=f"set {name} where this program starts")
        return value

    def _file(self, name: str, place: Place, key: str) -> str:
        raw, why = b"", "is empty"
        try:
            with (self.folder / name).open("rb") as file:
                raw = file.read(_MAX_BYTES + 1)
        except (OSError, ValueError) as exc:
            why = f"cannot be read ({type(exc).__name__})"
        text = raw.decode("utf-8-sig", "replace").rstrip("\r\n")
        if len(raw) > _MAX_BYTES or "\ufffd" in text:
            text, why = "", "is larger than 64 KiB or not UTF-8"
        if not text:
            place.refuse(key, f"the file {name} {why}", hint="put the secret there, readable for this program only")
        return text

    def _own(self, kind: str, what: str, place: Place, key: str) -> str:
        value, why = "", "found nothing"
        try:
            value = self._resolvers[kind](what)
        except Exception as exc:  # noqa: BLE001 - somebody else's code, whose message may hold the secret
            why = f"failed with {type(exc).__name__}"
        if not isinstance(value, str) or not value:
            place.refuse(key, f"the resolver {kind} {why}", hint=f"check {kind} and the name {what}")
        return value


def _keyring(what: str, place: Place, key: str) -> str:
    try:
        import keyring  # noqa: PLC0415 - optional
        import keyring.errors  # noqa: PLC0415
    except ImportError:
        msg = "${KEYRING:…} needs the package keyring"
        raise MissingDependencyError(msg, hint='pip install "periferia-link[keyring]"') from None
    service, slash, user = what.rpartition("/")
    if not (service and slash and user):
        place.refuse(key, "a keyring has services and users", hint="write ${KEYRING:service/user}")
    value, why = None, f"the keyring holds nothing for {service}, {user}"
    try:
        value = keyring.get_password(service, user)
    except keyring.errors.KeyringError as exc:
        why = f"the keyring cannot be read ({type(exc).__name__})"
    if not value:
        place.refuse(key, why, hint=f"keyring set {service} {user}; machines without a keyring use ${{ENV:NAME}}")
    return str(value)


def _instead(place: Place, key: str) -> str:
    """Return the reference to write in place of a secret."""
    table = place.table.removeprefix("systems.").removesuffix(".credential")
    name = re.sub(r"[^A-Z0-9]+", "_", f"periferia_link_{table}_{key}".upper()).strip("_")
    return f'{key.rpartition(".")[2]} = "${{ENV:{name}}}"; then set {name} where this program starts'
