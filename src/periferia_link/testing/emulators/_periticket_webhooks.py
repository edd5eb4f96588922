"""
Messages that Periticket sends when a record changes, signed as Standard Webhooks says.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime
from typing import NamedTuple

from periferia_link.testing.emulators._books import Record
from periferia_link.testing.emulators._periticket_checks import instant

__all__ = ["Message", "is_genuine", "message", "secret_of"]


class Message(NamedTuple):
    """One message as it is posted to the receiver."""

    headers: tuple[tuple[str, str], ...]
    body: bytes


def secret_of(seed: int) -> str:
    """Return the secret that receiver and emulator share."""
    return "whsec_" + base64.b64encode(hashlib.sha256(f"webhook {seed}".encode()).digest()[:24]).decode()


def is_genuine(sent: Message, *, secret: str) -> bool:
    """Whether the message was signed with the secret, as a receiver asks."""
    told = {name.lower(): value for name, value in sent.headers}
    key, seconds = told.get("webhook-id", ""), told.get("webhook-timestamp", "")
    wanted = _signature(key, seconds, sent.body, secret)
    return any(hmac.compare_digest(wanted.encode(), one.encode()) for one in told.get("webhook-signature", "").split())


def _signature(key: str, seconds: str, body: bytes, secret: str) -> str:
    signed = f"{key}.{seconds}.".encode() + body
    digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def message(table: str, row: Record, *, secret: str, at: datetime) -> Message:
    """
    Build the message about a change: what changed and which revision it has now, never its content.

    Args:
        table: ``tickets``, ``worklogs`` …

        row: The record as it is now.

        secret: ``whsec_`` and base64, shared with the receiver.

        at: When it is sent; receivers refuse what is older than five minutes.
    """
    data = {"table": table, "id": row["id"], "revision": row["revision"], "deleted": bool(row.get("deleted_at"))}
    told = {"type": f"{table}.changed", "timestamp": instant(at), "data": data}
    body = json.dumps(told, separators=(",", ":")).encode()
    key, seconds = f"msg_{table}_{row['id']}_{row['revision']}", str(int(at.timestamp()))
    headers = {
        "webhook-id": key,
        "webhook-timestamp": seconds,
        "webhook-signature": _signature(key, seconds, body, secret),
    }
    return Message((("Content-Type", "application/json"), *headers.items()), body)
