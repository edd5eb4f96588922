"""Certificates that nobody signed but themselves, for applications of the Entra emulator."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

PASSPHRASE = "frase~canaria-2026"


class Pair:
    """A certificate with its key, in every form in which people keep them."""

    def __init__(self, *, ends=datetime(2035, 1, 1, tzinfo=timezone.utc), key=None) -> None:
        self.key = key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "periferia-link test")])
        self.made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(ends - timedelta(days=10_000))
            .not_valid_after(ends)
            .sign(self.key, hashes.SHA256())
        )
        self.certificate = self.made.public_bytes(serialization.Encoding.PEM).decode()
        self.private_key = self._key(serialization.NoEncryption())
        self.thumbprint = self.made.fingerprint(hashes.SHA1()).hex()

    @classmethod
    def of_a_curve(cls):
        """A key that Entra does not take."""
        return cls(key=ec.generate_private_key(ec.SECP256R1()))

    @property
    def encrypted_key(self):
        return self._key(serialization.BestAvailableEncryption(PASSPHRASE.encode()))

    @property
    def pfx(self):
        hidden = serialization.BestAvailableEncryption(PASSPHRASE.encode())
        return pkcs12.serialize_key_and_certificates(b"test", self.key, self.made, None, hidden)

    def _key(self, encryption):
        form = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()
