"""Service hooks: who sent it, was it here before, and which items to read again. Pure: no web framework, no socket."""

from __future__ import annotations

import base64
import hmac
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from periferia_link.errors import ConfigurationError
from periferia_link.transport._json import NotJsonError, loads

if TYPE_CHECKING:
    from pydantic import SecretStr

__all__ = ["HookAnswer", "ServiceHooks"]

_LARGEST = 2 * 1024 * 1024
_ITEM_IS_ID = frozenset({"workitem.created", "workitem.commented", "workitem.deleted", "workitem.restored"})


class HookAnswer(NamedTuple):
    """
    What to answer (``status``), and what to do: ``items`` are the ids to read again.

    ``reason`` says in a few words why a delivery was refused or passed over; it holds nothing of its content.
    """

    status: int
    items: tuple[str, ...] = ()
    event: str = ""
    reason: str = ""


class ServiceHooks:
    """
    Receives the service hooks of Azure DevOps, which are not signed: a shared secret proves who sends.

    A delivery is a hint, never data: it names items, and the connector reads them again
    (``connector.get("WorkItem", answer.items)``). The same delivery twice is passed over; one that is older than what
    was seen of its item is too, because the item was read again since.

    Args:
        password: The password of the subscription (Basic); or

        header_value: The value of the header that the subscription sends.

        username: User name of the subscription.

        header: Name of that header.

        remembered: How many deliveries are remembered.

    Raises:
        ConfigurationError: Neither a password nor a header, both, or one that is empty.
    """

    def __init__(
        self,
        *,
        password: SecretStr | None = None,
        header_value: SecretStr | None = None,
        username: str = "periferia-link",
        header: str = "X-Periferia-Key",
        remembered: int = 10_000,
    ) -> None:
        secret = password or header_value
        if (password is None) == (header_value is None) or secret is None or not secret.get_secret_value():
            msg = "a receiver of service hooks needs a password or a header value, one of them"
            raise ConfigurationError(msg, hint="without it anybody could send")
        if password is not None:
            pair = f"{username}:{password.get_secret_value()}".encode()
            self._name, wanted = "authorization", f"Basic {base64.b64encode(pair).decode()}"
        else:
            self._name, wanted = header.lower(), secret.get_secret_value()
        self._wanted = wanted.encode()
        self._remembered = max(1, remembered)
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._revisions: OrderedDict[str, int] = OrderedDict()

    def __repr__(self) -> str:
        return f"ServiceHooks({self._name})"

    def receive(self, headers: Mapping[str, str], body: bytes) -> HookAnswer:
        """
        Judge one delivery: the status to answer with, and the items to read again.

        Args:
            headers: Of the request, names in any case.

            body: As it came.
        """
        told = next((value for name, value in headers.items() if name.lower() == self._name), "")
        if not hmac.compare_digest(told.encode("utf-8", "replace"), self._wanted):
            return HookAnswer(401, reason="the secret is missing or wrong")
        if len(body) > _LARGEST:
            return HookAnswer(413, reason="it is too large")
        try:
            event = loads(body)
        except NotJsonError:
            event = None
        if not isinstance(event, dict) or not isinstance(event.get("id"), str) or not event["id"]:
            return HookAnswer(400, reason="it is no service hook")
        kind = str(event.get("eventType") or "")
        if not kind.startswith("workitem."):
            return HookAnswer(202, event=kind, reason="it is not about work items")
        item, revision = _item(kind, event.get("resource"))
        if item is None:
            return HookAnswer(400, event=kind, reason="it names no work item")
        if not self._is_news(event["id"], item, revision):
            return HookAnswer(200, event=kind, reason="it was here before, or a later one was")
        return HookAnswer(200, (item,), kind)

    def _is_news(self, delivery: str, item: str, revision: int | None) -> bool:
        with self._lock:
            if delivery in self._seen:
                return False
            self._seen[delivery] = None
            before = self._revisions.get(item, 0)
            if revision is not None:
                self._revisions[item] = max(before, revision)
                self._revisions.move_to_end(item)
            for memory in (self._seen, self._revisions):
                while len(memory) > self._remembered:
                    memory.popitem(last=False)
            # an equal revision may tell of a link, which bumps none
            return revision is None or revision >= before


def _item(kind: str, resource: Any) -> tuple[str | None, int | None]:
    """Find the item: of an update it is ``workItemId``, for ``id`` is the number of the update (captured)."""
    if not isinstance(resource, dict):
        return None, None
    number = resource.get("id") if kind in _ITEM_IS_ID else resource.get("workItemId")
    if isinstance(number, str) and number.isdecimal():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        return None, None
    revision = resource.get("rev")
    return str(number), revision if isinstance(revision, int) else None
