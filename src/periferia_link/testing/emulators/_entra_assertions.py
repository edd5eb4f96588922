"""
Client assertions (RFC 7523) as Entra ID judges them; the only file of the emulators that imports cryptography.

Codes 700021, 700023, 700024 and 700027 are those of the published list
(learn.microsoft.com/entra/identity-platform/reference-error-codes); their texts are from memory.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import ssl
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

__all__ = ["ASSERTION_TYPE", "Assertion", "Objection", "judged", "thumbprint_of"]

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_SKEW = 300.0  # seconds that clocks may differ


class Objection(NamedTuple):
    """Why an assertion is not believed: AADSTS code and text."""

    code: int
    text: str


class Assertion(NamedTuple):
    """A believed assertion; ``key`` tells it from every other one."""

    key: str


def thumbprint_of(certificate: str) -> str:
    """Return the SHA-1 of a certificate in PEM, as portals print it."""
    return hashlib.sha1(ssl.PEM_cert_to_DER_cert(certificate), usedforsecurity=False).hexdigest().upper()


def judged(
    text: str, *, client_id: str, certificates: Sequence[str], audiences: Collection[str], now: datetime
) -> Assertion | Objection:
    """
    Judge an assertion: its form, who made it, its time, its audience, and its signature by a registered certificate.

    Args:
        text: The JWT.

        client_id: Who says to have made it.

        certificates: What is registered for that application, PEM.

        audiences: What it may be addressed to.

        now: The time of the authority.
    """
    try:
        head, payload, signature = text.split(".")
        header, claims = _decoded(head), _decoded(payload)
        signed, proof = f"{head}.{payload}".encode(), _bytes(signature)
        lasts = [float(claims.get("nbf", 0)), float(claims["exp"])]
    except (ValueError, TypeError, KeyError, UnicodeDecodeError):
        return Objection(50027, "JWT token is invalid or malformed.")
    return (
        _mistaken(claims, client_id, audiences)
        or _untimely(lasts, now)
        or _unsigned(header, signed, proof, certificates, now)
        or Assertion(f"{client_id} {claims.get('jti')}")
    )


def _mistaken(claims: Mapping[str, Any], client_id: str, audiences: Collection[str]) -> Objection | None:
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        return Objection(700021, "Client assertion application identifier doesn't match 'client_id' parameter.")
    named = claims.get("aud")
    if not set(named if isinstance(named, list) else [named]) & set(audiences):
        return Objection(700023, "Client assertion audience claim does not match Realm issuer.")
    return None


def _untimely(lasts: Sequence[float], now: datetime) -> Objection | None:
    if lasts[0] - _SKEW <= now.timestamp() < lasts[1] + _SKEW:
        return None
    text = (
        "Client assertion is not within its valid time range. "
        f"Current time: {now:%Y-%m-%dT%H:%M:%S}Z, expiry time of assertion "
        f"{datetime.fromtimestamp(min(lasts[1], 2e11), timezone.utc):%Y-%m-%dT%H:%M:%S}Z."
    )
    return Objection(700024, text)


def _unsigned(
    header: Mapping[str, Any], signed: bytes, proof: bytes, certificates: Sequence[str], now: datetime
) -> Objection | None:
    """Look for the certificate that the header names, and check the signature with its key."""
    told = str(header.get("x5t#S256") or header.get("x5t") or "").rstrip("=")
    for pem in certificates:
        der = ssl.PEM_cert_to_DER_cert(pem)
        if told in {_text(hashlib.sha256(der).digest()), _text(hashlib.sha1(der, usedforsecurity=False).digest())}:
            return _checked(pem, str(header.get("alg")), signed, proof, now)
    return Objection(
        700027,
        "The certificate with identifier used to sign the client assertion is not registered on application. "
        f"[Reason - The key was not found., Thumbprint of key used by client: '{_hex(told)}']",
    )


def _checked(pem: str, algorithm: str, signed: bytes, proof: bytes, now: datetime) -> Objection | None:
    from cryptography import x509  # noqa: PLC0415 - comes with msal; an emulator without certificates never needs it
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415

    certificate = x509.load_pem_x509_certificate(pem.encode())
    print_of_it = f"Thumbprint of key used by client: '{thumbprint_of(pem)}'"
    if certificate.not_valid_after_utc <= now:
        return Objection(
            700027, f"Client assertion failed signature validation. [Reason - The key used is expired., {print_of_it}]"
        )
    ways = {
        "RS256": padding.PKCS1v15(),
        "PS256": padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH),
    }
    key = certificate.public_key()
    is_good = algorithm in ways and isinstance(key, rsa.RSAPublicKey)
    try:
        if isinstance(key, rsa.RSAPublicKey) and is_good:
            key.verify(proof, signed, ways[algorithm], hashes.SHA256())
    except InvalidSignature:
        is_good = False
    if is_good:
        return None
    return Objection(
        700027,
        "Client assertion failed signature validation. [Reason - The provided signature value did not match the "
        f"expected signature value., {print_of_it}]",
    )


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _hex(told: str) -> str:
    try:
        return _bytes(told).hex().upper()
    except (ValueError, binascii.Error):
        return ""


def _decoded(piece: str) -> dict[str, Any]:
    value = json.loads(_bytes(piece))
    if not isinstance(value, dict):
        raise TypeError
    return value
