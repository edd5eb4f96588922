"""
A certificate and its private key, from a file or a text, in the form that msal takes.

msal and its cryptography do the signing; here it is only found out what the user gave, before anything is sent.
Forms verified with msal 1.39: PEM gives PS256 with ``x5t#S256``, a PKCS #12 file the same
(learn.microsoft.com/entra/identity-platform/certificate-credentials).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from periferia_link.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import SecretStr

__all__ = ["Certificate"]

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_MAX_BYTES = 1024 * 1024


class Certificate:
    """
    What an application signs with.

    Args:
        source: A file (PEM or PKCS #12), or the PEM text.

        private_key: The private key in PEM, where it does not stand with the certificate.

        passphrase: Of the private key or of the PKCS #12 file.
    """

    def __init__(
        self, source: str | Path, *, private_key: SecretStr | None = None, passphrase: SecretStr | None = None
    ) -> None:
        self._source = source
        self._private_key = private_key
        self._passphrase = passphrase

    def __repr__(self) -> str:
        return "Certificate(…)"

    def for_msal(self) -> dict[str, Any]:
        """
        Return the ``client_credential`` that msal signs with; a file is read again at every call.

        Raises:
            ConfigurationError: There is no file, no certificate, no private key, or the passphrase is missing.
        """
        secret = {} if self._passphrase is None else {"passphrase": self._passphrase.get_secret_value()}
        is_text = isinstance(self._source, str) and self._source.lstrip().startswith("-----BEGIN")
        raw = str(self._source).encode() if is_text else self._file()
        if not is_text and b"-----BEGIN" not in raw:
            return {"private_key_pfx_path": str(self._source), "public_certificate": True} | secret
        blocks = list(_BLOCK.finditer(raw.decode("utf-8", "replace")))
        certificate = next((found[0] for found in blocks if found[1] == "CERTIFICATE"), None)
        if certificate is None:
            msg = "there is no certificate in what was given as one"
            raise ConfigurationError(msg, hint="give a file with -----BEGIN CERTIFICATE-----, or a .pfx file")
        return {"private_key": self._key(blocks), "public_certificate": certificate} | secret

    def _file(self) -> bytes:
        raw = b""
        try:
            with Path(self._source).open("rb") as file:
                raw = file.read(_MAX_BYTES + 1)
        except (OSError, ValueError):
            raw = b""
        if not raw or len(raw) > _MAX_BYTES:
            msg = "the file of the certificate cannot be read, is empty or is larger than 1 MiB"
            raise ConfigurationError(msg, hint=f"is this the right path: {Path(self._source).name}?")
        return raw

    def _key(self, blocks: list[re.Match[str]]) -> str:
        key = next((found[0] for found in blocks if found[1].endswith("PRIVATE KEY")), "")
        if self._private_key is not None:
            given = _BLOCK.search(self._private_key.get_secret_value())
            key = given[0] if given is not None and given[1].endswith("PRIVATE KEY") else ""
        if not key:
            msg = "the certificate comes without its private key"
            raise ConfigurationError(msg, hint="give private_key in PEM, or a file that holds both")
        if "ENCRYPTED" in key and self._passphrase is None:
            msg = "the private key is encrypted and there is no passphrase"
            raise ConfigurationError(msg, hint="give the passphrase of the private key")
        return key
