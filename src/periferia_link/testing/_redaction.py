"""What of an exchange is nobody's business, replaced by rule: tokens, cookies, passwords, addresses, names."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

__all__ = ["Redaction"]

_SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "api-key", "x-api-key", "x-b1-session"}
)
_SECRET_KEYS = re.compile(
    r"(?:password|passwd|secret|token|assertion|api_?key|session_?id|(?:^|_)sig(?:nature)?)\Z", re.IGNORECASE
)
_PERSONAL_KEYS = re.compile(
    r"(?:.*e?mail.*|.*phone.*|.*mobile.*|telephone\d?|first_?name|last_?name|full_?name|surname|display_?name|"
    r"contact_?person|caller|respondent|cedula|document(?:_?number)?|address\d?_line\d|birthdate)\Z",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")
_JWT = re.compile(r"eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*")
_GUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_KEEP_GUIDS = frozenset({"00000000-0000-0000-0000-000000000000"})


@dataclass(frozen=True, kw_only=True)
class Redaction:
    """
    The rules by which a recording is made harmless.

    Bearer tokens, cookies and keys in headers, values under secret names (``password``, ``access_token`` …), JSON web
    tokens and the credentials in use are replaced anywhere. E-mail addresses become ``person-HASH@redacted.example``
    wherever they stand; values under personal names become ``redacted-HASH``. GUIDs become other GUIDs, the same for
    the same one, so that a fixture still hangs together.

    Args:
        salt: Goes into every hash: give one that you do not publish, or short values can be guessed.

        names: More keys whose values are personal, in any case: ``{"name", "notes"}``.

        keep: Keys whose values stay although a rule would replace them.

        keeps_guids: Leave GUIDs as they are.
    """

    salt: str = ""
    names: frozenset[str] = frozenset()
    keep: frozenset[str] = frozenset()
    keeps_guids: bool = False
    _secrets: tuple[str, ...] = field(default=(), repr=False)

    def knowing(self, secrets: Collection[str]) -> Redaction:
        """Return rules that replace these credentials too, plain, in base64 and as they stand in addresses."""
        forms = {
            form
            for secret in secrets
            if secret
            for form in (
                secret,
                quote(secret, safe=""),
                base64.b64encode(secret.encode()).decode(),
                json.dumps(secret)[1:-1],
            )
        }
        return replace(self, _secrets=tuple(sorted(forms, key=len, reverse=True)))

    # ------------------------------------------------------------------ places

    def headers(self, headers: Iterable[tuple[str, str]], *, drop: Collection[str] = ()) -> list[list[str]]:
        """Return headers without credentials; those in *drop* are left out."""
        kept = [(name, value) for name, value in headers if name.lower() not in drop]
        return [[name, "REDACTED" if name.lower() in _SECRET_HEADERS else self.text(value)] for name, value in kept]

    def url(self, url: str) -> str:
        """Return an address whose query holds no secret."""
        parts = urlsplit(url)
        if "=" not in parts.query:
            return self.text(url)
        pairs = [
            (name, str(self._value(name, value))) for name, value in parse_qsl(parts.query, keep_blank_values=True)
        ]
        return urlunsplit(parts._replace(path=self.text(parts.path), query=urlencode(pairs, safe="$,'()/:")))

    def body(self, body: bytes, kind: str | None) -> Any:
        """Return a body as JSON-ready fixture: parsed where it is JSON or a form, else its text."""
        if not body:
            return None
        media = (kind or "").partition(";")[0].strip().lower()
        if media == "application/x-www-form-urlencoded":
            pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
            return {"form": [[name, self._value(name, value)] for name, value in pairs]}
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return {"binary": len(body)}
        try:
            return {"json": self._inside("", json.loads(text))}
        except (ValueError, RecursionError):
            return {"text": self.text(text)}

    def bytes_of(self, body: Any) -> bytes:
        """Return the bytes of a body that :meth:`body` made."""
        if not body:
            return b""
        if "json" in body:
            return json.dumps(body["json"], ensure_ascii=False).encode()
        if "form" in body:
            return urlencode([tuple(pair) for pair in body["form"]]).encode()
        return str(body.get("text", "")).encode()

    # ------------------------------------------------------------------ values

    def text(self, text: str) -> str:
        """Return a text in which credentials, tokens, e-mail addresses and GUIDs are replaced."""
        for secret in self._secrets:
            text = text.replace(secret, "REDACTED")
        text = _JWT.sub("REDACTED", text)
        text = _EMAIL.sub(lambda found: self._person(found[0]), text)
        return text if self.keeps_guids else _GUID.sub(lambda found: self._guid(found[0]), text)

    def _inside(self, key: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: self._inside(name, inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._inside(key, inner) for inner in value]
        return self._value(key, value)

    def _value(self, key: str, value: Any) -> Any:
        """Return one value under its key."""
        if value is None or isinstance(value, bool) or key in self.keep:
            return value
        if _SECRET_KEYS.search(key):
            return "REDACTED"
        is_text = isinstance(value, str)
        if _PERSONAL_KEYS.fullmatch(key) or key.lower() in {name.lower() for name in self.names}:
            if is_text and _EMAIL.fullmatch(value):
                return self._person(value)
            return f"redacted-{self._hash(str(value))}" if value != "" else value
        return self.text(value) if is_text else value

    def _person(self, address: str) -> str:
        if address.endswith("@redacted.example"):
            return address
        return f"person-{self._hash(address.lower())}@redacted.example"

    def _guid(self, guid: str) -> str:
        if guid in _KEEP_GUIDS or (guid[14] == "8" and guid[:8] == self._mark(guid[9:])):
            return guid
        digits = hashlib.blake2b(f"{self.salt} {guid.lower()}".encode(), digest_size=16).hexdigest()
        tail = f"{digits[8:12]}-8{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
        return f"{self._mark(tail)}-{tail}"

    def _mark(self, tail: str) -> str:
        """Return a first group that tells a replaced GUID, so that it is not replaced again in a replay."""
        return hashlib.blake2b(f"mark {self.salt} {tail}".encode(), digest_size=4).hexdigest()

    def _hash(self, text: str) -> str:
        return hashlib.blake2b(f"{self.salt} {text}".encode(), digest_size=5).hexdigest()
