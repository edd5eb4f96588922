"""
Signed webhooks: who sent it, when, and whether it came before. A webhook only says that it is time to look.

What it tells is never written anywhere: the next poll reads the record itself, so a lost, late or repeated delivery
changes nothing but the moment.

Source: the Standard Webhooks specification: HMAC-SHA256 over ``id.timestamp.body``, several signatures side by side
while a secret is replaced, five minutes of tolerance.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from threading import Lock
from typing import NamedTuple

from pydantic import SecretStr  # noqa: TC002 - callers build one from here

from periferia_link.clock import SystemClock
from periferia_link.errors import AuthenticationError, ConfigurationError, RecordConflictError
from periferia_link.typing import Clock

__all__ = ["Delivery", "WebhookVerifier"]

_PREFIX = "whsec_"
_SHORTEST = 16  # bytes of a secret
_REMEMBERED = 100_000


class Delivery(NamedTuple):
    """A webhook that is what it says: its id and its body, unread."""

    id: str
    body: bytes


class WebhookVerifier:
    """
    Checks deliveries of one sender; thread-safe.

    Args:
        secrets: One or several (while one is replaced), as ``whsec_…`` in base64, or plain text.

        tolerance: How old, or how far in the future, a delivery may be.

        clock: Source of time.

        header_prefix: Beginning of the three headers: ``webhook-id``, ``webhook-timestamp``, ``webhook-signature``.

    Raises:
        ConfigurationError: No secret, or one that is too short to protect anything.
    """

    def __init__(
        self,
        secrets: Sequence[SecretStr],
        *,
        tolerance: timedelta = timedelta(minutes=5),
        clock: Clock | None = None,
        header_prefix: str = "webhook-",
    ) -> None:
        self._keys = [_key(secret) for secret in secrets]
        if not self._keys:
            msg = "webhooks need a secret"
            raise ConfigurationError(msg, hint="copy it from the settings of the sender")
        self._tolerance = tolerance.total_seconds()
        self._clock = clock or SystemClock()
        self._prefix = header_prefix
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._lock = Lock()

    def verify(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """
        Return the delivery when it is genuine, timely and new.

        Args:
            headers: Of the request, whatever their case.

            body: The bytes as they came; parsing them first would change them.

        Raises:
            AuthenticationError: A header is missing, the signature is not the sender's, or it is too old.
            RecordConflictError: It came before: answer 200 and do nothing.
        """
        told = {name.lower(): value for name, value in headers.items()}
        number, stamp, signatures = (told.get(f"{self._prefix}{name}") for name in ("id", "timestamp", "signature"))
        if not number or not stamp or not signatures:
            msg = "the webhook is not signed: id, timestamp and signature belong to it"
            raise AuthenticationError(msg, hint="switch signing on at the sender")
        if not stamp.isascii() or not stamp.isdecimal() or len(stamp) > 12:
            msg = "the time of the webhook is none"
            raise AuthenticationError(msg, hint="it is given in seconds since 1970")
        now = self._clock.now().timestamp()
        if not self._is_genuine(f"{number}.{stamp}.".encode() + body, signatures):
            msg = "the signature of the webhook is not the sender's"
            raise AuthenticationError(msg, hint="compare the secret with the sender's; pass the body unchanged")
        if abs(now - int(stamp)) > self._tolerance:
            msg = "the webhook is too old, or from the future"
            raise AuthenticationError(msg, hint="compare the clocks; what it told is found by the next poll")
        self._remember(number, now)
        return Delivery(number, body)

    def _is_genuine(self, content: bytes, signatures: str) -> bool:
        expected = [hmac.new(key, content, hashlib.sha256).digest() for key in self._keys]
        is_genuine = False
        for entry in signatures.split()[:20]:
            version, _, text = entry.partition(",")
            try:
                given = base64.b64decode(text.encode("ascii"), validate=True)
            except (binascii.Error, UnicodeEncodeError):
                continue
            for mine in expected:
                # every pair is compared, whatever the ones before said
                is_genuine |= version.startswith("v1") and len(version) == 2 and hmac.compare_digest(mine, given)
        return is_genuine

    def _remember(self, number: str, now: float) -> None:
        with self._lock:
            # beyond the tolerance on both sides a repeated delivery is too old anyway
            while self._seen and (
                next(iter(self._seen.values())) < now - 2 * self._tolerance or len(self._seen) >= _REMEMBERED
            ):
                self._seen.popitem(last=False)
            if number in self._seen:
                msg = "this webhook came before"
                raise RecordConflictError(msg, hint="answer 200: the sender tries again until somebody does")
            self._seen[number] = now

    def __repr__(self) -> str:
        return f"WebhookVerifier({len(self._keys)} secrets)"


def _key(secret: SecretStr) -> bytes:
    text = secret.get_secret_value().strip()
    key = text.encode()
    if text.startswith(_PREFIX):
        try:
            key = base64.b64decode(text[len(_PREFIX) :], validate=True)
        except binascii.Error:
            key = b""
    if len(key) < _SHORTEST:
        msg = f"the secret of a webhook has fewer than {_SHORTEST} bytes"
        raise ConfigurationError(msg, hint="let the sender make one; an empty secret would let everybody in")
    return key
