"""
Answers pushed by a Power Automate flow: who sent it, was it here before, what does it say. Pure: no web framework.

The body is ours (docs/how-to/forms.md shows the flow step by step)::

    {"form": "satisfaccion-2026", "response": "17", "submitted": "2026-11-20T14:05:00Z",
     "email": "ana@cliente.example", "answers": {"¿Nos recomendaría?": "3"}}

Source: the trigger "When a new response is submitted" and the action "Get response details" of the connector of
Microsoft Forms (docs of Power Automate, shared_microsoftforms).
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr  # noqa: TC002 - callers build one

from periferia_link.connectors.base import Row
from periferia_link.connectors.forms._inbox import Inbox
from periferia_link.connectors.forms._responses import RawResponse, parted
from periferia_link.connectors.forms._times import DayOrder, instant_of
from periferia_link.connectors.forms.mapping import FormMapping
from periferia_link.errors import ConfigurationError
from periferia_link.transport._json import NotJsonError, dumps, loads

__all__ = ["FormsWebhook", "WebhookAnswer"]

_LARGEST = 1024 * 1024
_ANSWERS = 1_000
_TEXT = 100_000
_SHORTEST = 16
_KEYS = frozenset({"form", "response", "started", "submitted", "modified", "email", "name", "answers"})
_TIMES = ("started", "submitted", "modified")
_ISO = DayOrder(day_first=True, why="set")


class WebhookAnswer(NamedTuple):
    """
    What to answer (``status``), and what came: ``row`` is for ``connector.decode("Survey", row)``.

    ``reason`` says in a few words why a delivery was refused or passed over; it holds nothing of its content.
    """

    status: int
    row: Row | None = None
    reason: str = ""


class FormsWebhook:
    """
    Receives answers from Power Automate. The same delivery twice has one effect; an old one that is played again, none.

    Args:
        secret: What the flow sends in the header; 16 characters or more.

        mapping: Of the form; other forms are refused.

        inbox: Where answers are kept until the next run reads them (option ``inbox`` of the connector); on disk before
            the answer 200. Without it the caller takes the row, and replays are known for the life of the object.

        header: Name of the header.

        remembered: How many versions of answers are remembered.

    Raises:
        ConfigurationError: The secret is too short to protect anything, or the inbox cannot be read.
    """

    def __init__(
        self,
        secret: SecretStr,
        mapping: FormMapping,
        *,
        inbox: str | Path | None = None,
        header: str = "X-Periferia-Key",
        remembered: int = 200_000,
    ) -> None:
        if len(secret.get_secret_value()) < _SHORTEST:
            msg = f"the secret of a webhook has {_SHORTEST} characters or more"
            raise ConfigurationError(
                msg, hint="make one with: python -c 'import secrets; print(secrets.token_hex(24))'"
            )
        self._secret = secret.get_secret_value().encode()
        self._mapping = mapping
        self._header = header.lower()
        self._inbox = Inbox(Path(inbox)) if inbox is not None else None
        self._remembered = max(1, remembered)
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._latest: OrderedDict[str, str] = OrderedDict()
        if self._inbox is not None:
            for raw in self._inbox.each(mapping.form):
                self._remember(raw)

    def __repr__(self) -> str:
        return f"FormsWebhook({self._mapping.form})"

    def receive(self, headers: Mapping[str, str], body: bytes) -> WebhookAnswer:
        """
        Judge one delivery: the status to answer with, and the answer that came.

        Args:
            headers: Of the request, names in any case.

            body: As it came.

        Raises:
            ConfigurationError: The inbox cannot be written: answer 500, Power Automate sends it again.
        """
        told = next((value for name, value in headers.items() if name.lower() == self._header), "")
        if not hmac.compare_digest(hashlib.sha256(told.encode("utf-8", "replace")).digest(), self._digest()):
            return WebhookAnswer(401, reason="the secret is missing or wrong")
        if len(body) > _LARGEST:
            return WebhookAnswer(413, reason="it is too large")
        try:
            message = loads(body)
        except NotJsonError:
            return WebhookAnswer(400, reason="it is no JSON")
        if isinstance(message, dict) and str(message.get("form")) != self._mapping.form:
            return WebhookAnswer(404, reason="it is about another form")
        raw = self._read(message)
        if raw is None:
            return WebhookAnswer(400, reason="it is no answer in the form that is documented")
        return self._take(raw)

    def _digest(self) -> bytes:
        return hashlib.sha256(self._secret).digest()

    def _take(self, raw: RawResponse) -> WebhookAnswer:
        row = Row(f"{self._mapping.form}/{raw.id}", raw.version, raw.to_body())
        with self._lock:
            if f"{raw.id} {raw.version}" in self._seen:
                return WebhookAnswer(200, reason="it was here before")
            if _moment(raw) < self._latest.get(raw.id, ""):
                return WebhookAnswer(200, reason="a later version of it was here")
            if self._inbox is not None and not self._inbox.add(self._mapping.form, raw):
                return WebhookAnswer(507, reason="the inbox is full")
            self._remember(raw)
        return WebhookAnswer(200, row)

    def _remember(self, raw: RawResponse) -> None:
        self._seen[f"{raw.id} {raw.version}"] = None
        self._latest[raw.id] = max(_moment(raw), self._latest.get(raw.id, ""))
        self._latest.move_to_end(raw.id)
        for memory in (self._seen, self._latest):
            while len(memory) > self._remembered:
                memory.popitem(last=False)

    def _read(self, message: Any) -> RawResponse | None:
        if not isinstance(message, dict) or set(message) - _KEYS or not isinstance(message.get("answers"), dict):
            return None
        number, answers = str(message.get("response") or "").strip(), message["answers"]
        if not number or len(number) > 100 or "/" in number or number.startswith("?") or len(answers) > _ANSWERS:
            return None
        texts = [(" ".join(str(title).split()), _text(value)) for title, value in answers.items()]
        if any(text is None or len(text) > _TEXT or not title or len(title) > 4_000 for title, text in texts):
            return None
        try:
            started, submitted, modified = (self._instant(message.get(name)) for name in _TIMES)
        except (ValueError, OverflowError):
            return None
        email, name = who = [message.get(field) or None for field in ("email", "name")]
        if any(each is not None and (not isinstance(each, str) or len(each) > 400) for each in who):
            return None
        titles, said = parted((title, text or "") for title, text in texts)
        return RawResponse(number, started, submitted, modified, email, name, titles, said)

    def _instant(self, told: Any) -> datetime | None:
        if told is not None and not isinstance(told, str):
            msg = "it is no time"
            raise ValueError(msg)
        return instant_of(told, _ISO, self._mapping.zone)


def _text(value: Any) -> str | None:
    """Return an answer as text: lists (multiple choice) as Forms writes them, nothing as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return str(value).strip()
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return dumps(value).decode()
    return None


def _moment(raw: RawResponse) -> str:
    """Return when the answer got its present form, as text that sorts."""
    told = raw.modified or raw.completed
    return told.astimezone(timezone.utc).isoformat() if isinstance(told, datetime) else ""
