"""
Webhooks of Business One as hints: who sent it, and which kinds are worth a look now.

What a webhook tells is never written anywhere: the next poll reads the record itself. In its standard mode SAP does
not send again what got lost (guide 1.28), so the poll goes on, only less often::

    hooks = SapWebhooks([secret], header="X-Signature")
    for hint in hooks.receive(request.headers, body):
        engine.run(flows_of[hint.kind])

Sources: Service Layer guide 1.28 (EventSubscription; HMACSha256, HMACSha384 or HMACSha512; created, updated, deleted,
canceled), table OEVC of the SDK help. Neither says in which header the signature stands nor how the body names the
record: the header is an argument, and names that are not known are passed over.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr  # noqa: TC002 - callers build one from here

from periferia_link.errors import AuthenticationError, ConfigurationError, RecordInvalidError
from periferia_link.transport._json import NotJsonError, loads

__all__ = ["Change", "Hint", "SapWebhooks", "subscription"]

Change = Literal["created", "updated", "deleted", "cancelled"]

_ALGORITHMS: Final[Mapping[str, Any]] = MappingProxyType(
    {"HMACSha256": hashlib.sha256, "HMACSha384": hashlib.sha384, "HMACSha512": hashlib.sha512}
)
# Number and name of SAP's object -> what it is here. Drafts of invoices are proposals.
_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("2", "obusinesspartners"), "Client"),
        **dict.fromkeys(("13", "oinvoices", "112", "odrafts"), "Invoice"),
        **dict.fromkeys(("30", "ojournalentries"), "CostEntry"),
        **dict.fromkeys(("61", "oprofitcenters", "62", "odistributionrules"), "CostCentre"),
        **dict.fromkeys(("63", "oprojects"), "Project"),
        **dict.fromkeys(("97", "osalesopportunities"), "Opportunity"),
        **dict.fromkeys(("171", "oemployeesinfo"), "Employee"),
        **dict.fromkeys(("191", "oservicecalls"), "ServiceCall"),
    }
)
_OBJECTS: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "Client": ("oBusinessPartners",),
        "Project": ("oProjects",),
        "CostCentre": ("oProfitCenters",),
        "Employee": ("oEmployeesInfo",),
        "CostEntry": ("oJournalEntries",),
        "Invoice": ("oDrafts", "oInvoices"),
        "Opportunity": ("oSalesOpportunities",),
        "ServiceCall": ("oServiceCalls",),
    }
)
_CHANGES: Final[Mapping[str, Change]] = MappingProxyType(
    {
        "created": "created",
        "add": "created",
        "a": "created",
        "updated": "updated",
        "update": "updated",
        "u": "updated",
        "deleted": "deleted",
        "delete": "deleted",
        "d": "deleted",
        "canceled": "cancelled",
        "cancelled": "cancelled",
        "c": "cancelled",
    }
)
_OBJECT_NAMES: Final = ("businessobject", "objecttype", "object", "boobjecttype")
_CHANGE_NAMES: Final = ("transactiontype", "transaction", "eventtype", "action")
_KEY_NAMES: Final = ("objectkey", "key", "keys", "keyvalue", "keyvalues", "docentry", "cardcode", "code")
_LARGEST: Final = 1024 * 1024
_SHORTEST: Final = 16  # bytes of a secret
_MOST_EVENTS: Final = 10_000
_LONGEST_KEY: Final = 100


class Hint(NamedTuple):
    """
    A kind that is worth a look.

    ``keys`` are those that SAP named, as text, without the form of our ids: empty where it named none. ``change`` is
    what happened to them; ``None`` where several things did, or nobody said.
    """

    kind: str
    keys: tuple[str, ...] = ()
    change: Change | None = None


class SapWebhooks:
    """
    Checks what a Service Layer sends, and says which kinds to pull; pure and thread-safe.

    Args:
        secrets: One, or several while one is replaced.

        algorithm: As the subscription has it.

        header: Where the signature stands; hexadecimal or base64, with or without ``sha256=`` in front.

        max_bytes: Largest body.

    Raises:
        ConfigurationError: No secret, one that is too short to protect anything, or no such algorithm.
    """

    def __init__(
        self,
        secrets: Sequence[SecretStr],
        *,
        algorithm: str = "HMACSha256",
        header: str = "X-Signature",
        max_bytes: int = _LARGEST,
    ) -> None:
        self._keys = [secret.get_secret_value().encode() for secret in secrets]
        if not self._keys or min(map(len, self._keys)) < _SHORTEST:
            msg = f"webhooks need a secret of at least {_SHORTEST} bytes"
            raise ConfigurationError(msg, hint="make one with: python -c 'import secrets; print(secrets.token_hex())'")
        if algorithm not in _ALGORITHMS:
            msg = f"{algorithm} is no algorithm of the Service Layer"
            raise ConfigurationError(msg, hint=f"it has {', '.join(_ALGORITHMS)}")
        self._digest = _ALGORITHMS[algorithm]
        self._header = header.lower()
        self._max_bytes = max_bytes

    def receive(self, headers: Mapping[str, str], body: bytes) -> tuple[Hint, ...]:
        """
        Return what is worth a look, one hint for each kind; what is no kind of ours is passed over.

        Args:
            headers: Of the request, whatever their case.

            body: The bytes as they came; parsing them first would change them.

        Raises:
            AuthenticationError: There is no signature, or it is not that of the sender.
            RecordInvalidError: The body is too large, or no JSON.
        """
        if len(body) > self._max_bytes:
            msg = f"the webhook has more than {self._max_bytes} bytes"
            raise RecordInvalidError(msg, hint="answer 413; the next poll finds what it told")
        told = {name.lower(): value for name, value in headers.items()}
        signature = told.get(self._header)
        if not signature:
            msg = "the webhook is not signed"
            raise AuthenticationError(msg, hint="set AuthenticationType to HMAC, and header= to where it stands")
        if not self._is_genuine(body, signature):
            msg = "the signature of the webhook is not the sender's"
            raise AuthenticationError(msg, hint="compare secret and algorithm with the subscription")
        try:
            content = loads(body)
        except NotJsonError as exc:
            msg = "the webhook is no JSON"
            raise RecordInvalidError(msg, hint="look at what stands between SAP and this machine") from exc
        return _hints(content)

    def _is_genuine(self, body: bytes, signature: str) -> bool:
        given = _decoded(signature, self._digest().digest_size)
        is_genuine = False
        for key in self._keys:
            # every secret is compared, whatever the ones before said
            is_genuine |= hmac.compare_digest(hmac.new(key, body, self._digest).digest(), given)
        return is_genuine

    def __repr__(self) -> str:
        return f"SapWebhooks({len(self._keys)} secrets)"


def subscription(
    webhook_id: str,
    url: str,
    kinds: Sequence[str],
    *,
    changes: Sequence[Change] = ("created", "updated", "deleted", "cancelled"),
    active: bool = True,
) -> dict[str, Any]:
    """
    Return the body of ``POST EventSubscription``; the secret is entered in SAP, it does not travel with it.

    Source: Service Layer guide 1.28 and table OEVC; that the collection has one entry for each object and change is
    from memory.

    Args:
        webhook_id: Name of the subscription, 40 characters at most.

        url: Where SAP sends to, ``https`` only.

        kinds: What to be told about.

        changes: What has to happen to it.

        active: Begin at once.

    Raises:
        ConfigurationError: No such kind, no https address, or a name that is too long.
    """
    unknown = sorted(set(kinds) - _OBJECTS.keys())
    if unknown or not kinds:
        msg = f"SAP has no events of {', '.join(unknown) or 'nothing'}"
        raise ConfigurationError(msg, hint=f"it has them of {', '.join(sorted(_OBJECTS))}")
    if urlsplit(url).scheme != "https" or len(url) > 254 or not 0 < len(webhook_id) <= 40:
        msg = "a webhook has an https address of 254 characters and a name of 40 at most"
        raise ConfigurationError(msg, hint="put a proxy with a certificate before your receiver")
    words = {"created": "Created", "updated": "Updated", "deleted": "Deleted", "cancelled": "Canceled"}
    return {
        "WebhookID": webhook_id,
        "WebhookURL": url,
        "AuthenticationType": "HMAC",
        "State": "Active" if active else "Inactive",
        "WorkMode": "Standard",
        "EventCollection": [
            {"BusinessObject": name, "TransactionType": words[change]}
            for kind in kinds
            for name in _OBJECTS[kind]
            for change in changes
        ],
    }


def _decoded(signature: str, size: int) -> bytes:
    """Return the bytes of a signature: hexadecimal or base64, a name in front left out; else nothing."""
    text = signature.strip()
    prefix, sign, rest = text.partition("=")
    if sign and prefix.lower().replace("-", "").startswith(("sha", "hmac")):
        text = rest
    if len(text) > 4 * size:
        return b""
    try:
        return bytes.fromhex(text) if len(text) == 2 * size else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""


def _hints(content: Any) -> tuple[Hint, ...]:
    found: dict[str, tuple[dict[str, None], set[Change | None]]] = {}
    for event in _events(content):
        kind = _KINDS.get(_text(event, _OBJECT_NAMES).lower())
        if kind is None:
            continue
        keys, changes = found.setdefault(kind, ({}, set()))
        keys.update(dict.fromkeys(_keys(event)))
        changes.add(_CHANGES.get(_text(event, _CHANGE_NAMES).lower()))
    return tuple(
        Hint(kind, tuple(keys), changes.pop() if len(changes) == 1 else None) for kind, (keys, changes) in found.items()
    )


def _events(content: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the objects that name a business object: the body itself, or those in its lists."""
    left, seen = [content], 0
    while left and seen < _MOST_EVENTS:
        seen += 1
        node = left.pop()
        if isinstance(node, dict):
            plain = {str(name).lower(): value for name, value in node.items()}
            if any(name in plain for name in _OBJECT_NAMES):
                yield plain
            else:
                left += reversed(list(plain.values()))
        elif isinstance(node, list):
            left += reversed(node)


def _text(event: Mapping[str, Any], names: Sequence[str]) -> str:
    value = next((event[name] for name in names if event.get(name) is not None), "")
    return str(value) if isinstance(value, (str, int)) else ""


def _keys(event: Mapping[str, Any]) -> Iterator[str]:
    for name in _KEY_NAMES:
        value = event.get(name)
        values = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else [value]
        for each in values:
            if isinstance(each, (str, int)) and not isinstance(each, bool) and 0 < len(str(each)) <= _LONGEST_KEY:
                yield str(each)
