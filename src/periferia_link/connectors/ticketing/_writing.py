"""One write to one help desk: what is sent, what must hold before, and what became of it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from periferia_link.connectors.base import Applied, NotApplied, Outcome, Unknown, Write
from periferia_link.connectors.ticketing._judging import document_of, refused
from periferia_link.connectors.ticketing._paths import look_up, put
from periferia_link.connectors.ticketing._reading import Reader
from periferia_link.connectors.ticketing._records import Records, key_text
from periferia_link.connectors.ticketing._requests import Line, with_query
from periferia_link.connectors.ticketing.hooks import TicketHooks
from periferia_link.connectors.ticketing.profile import Answer
from periferia_link.domain import Entity, Ref
from periferia_link.errors import (
    AuthenticationError,
    ConnectorError,
    ContractBrokenError,
    OutcomeUnknownError,
    RecordConflictError,
    RecordInvalidError,
    RecordNotFoundError,
    UnavailableError,
)
from periferia_link.transport._json import dumps
from periferia_link.typing import Clock, Response

__all__ = ["Writer"]


class Writer:
    """
    Writes one kind; thread-safe.

    Args:
        line: Speaks to the server.

        records: What the records are like.

        reader: Reads what must hold before a write.

        hooks: What the profile cannot say.

        clock: Source of time.

        patience: Seconds that reading before a write may take: what is sent later than that is not sent at all.

        entity_of: Decodes a row, to compare it with what was meant.
    """

    def __init__(
        self,
        line: Line,
        records: Records,
        reader: Reader,
        *,
        hooks: TicketHooks,
        clock: Clock,
        patience: float,
        entity_of: Callable[[Any], Entity],
    ) -> None:
        self._line = line
        self._records = records
        self._reader = reader
        self._hooks = hooks
        self._clock = clock
        self._patience = patience
        self._entity_of = entity_of
        self._rules = records.rules.write
        self._lock = threading.Lock()
        self._tickets: dict[str, str] = {}  # one-time addresses of creates whose fate is not known
        self._was_refused = False

    def send(self, write: Write) -> Outcome:
        """Send exactly one request and say what became of it."""
        began = self._clock.monotonic()
        try:
            if write.mode == "create":
                return self._create(write, began)
            return self._change(write, began)
        except OutcomeUnknownError as exc:
            return Unknown(exc)
        except ConnectorError as exc:
            exc.system = exc.system or self._line.system
            return NotApplied(exc, exc.retry_after)

    # ------------------------------------------------------------------ create

    def _create(self, write: Write, began: float) -> Outcome:
        rules = self._rules.create
        body = self._body(write, reference=write.create_key)
        path = rules.path.replace("{path}", self._records.columns.table.rstrip("/"))
        headers = {}
        if self._rules.once == "key-header":
            headers[self._rules.key_header] = write.create_key
        had_ticket = False
        if self._rules.once == "one-time-url":
            path, had_ticket = self._one_time(write.create_key)
        self._in_time(began)
        answer = self._line.send(rules.method, self._at(path, rules), body=self._wrapped(body, rules), headers=headers)
        outcome = self._judged(write, answer, rules, body)
        if had_ticket and isinstance(outcome, NotApplied) and answer.status in self._line.profile.errors.validation:
            # spent: by our own request whose answer was lost, or it grew too old
            msg = "the one-time address was used before"
            error = RecordConflictError(msg, hint="it is read back", system=self._line.system, operation="create")
            outcome = Unknown(error, is_answered=True)
            self._forget(write.create_key)
        if not isinstance(outcome, Unknown):
            self._forget(write.create_key)
        return outcome

    def _one_time(self, key: str) -> tuple[str, bool]:
        """Return the address that takes one record, and whether it may have been used before."""
        with self._lock:
            known = self._tickets.get(key)
        if known is not None:
            return known, True
        address = self._rules.ticket_url.replace("{path}", self._records.columns.table)
        answer = self._line.send("POST", address, body=b"{}", intent="session")
        link = look_up(self._line.document(answer), self._rules.ticket_link) if answer.status in (200, 201) else None
        if answer.status == 401:
            raise self._refused_credentials(answer)
        if not isinstance(link, str) or not link:
            msg = f"the server gives no one-time address (status {answer.status})"
            error = UnavailableError if answer.status >= 500 or answer.status == 429 else ContractBrokenError
            raise error(msg, hint=self._line.advice, system=self._line.system, status_code=answer.status)
        with self._lock:
            self._tickets[key] = link
        return link, False

    def _forget(self, key: str) -> None:
        with self._lock:
            self._tickets.pop(key, None)

    # ------------------------------------------------------------------ update, delete

    def _change(self, write: Write, began: float) -> Outcome:
        if write.ref is None:
            msg = f"a {write.mode} names no record"
            raise RecordInvalidError(msg, hint="give its reference", system=self._line.system)
        rules = self._rules.update if write.mode == "update" else self._rules.delete
        body = self._body(write) if write.mode == "update" else {}
        if self._records.touches_mark(body):
            self._keep_mark(write.ref, body)
        headers = self._precondition(write)
        item = self._reader.item_address(write.ref.id)
        path = rules.path.replace("{item}", item).replace("{path}", self._records.columns.table.rstrip("/"))
        path = path.replace("{child}", quote(write.ref.id.rpartition("/")[2], safe=""))
        self._in_time(began)
        content = self._wrapped(body, rules) if write.mode == "update" or rules.fixed or rules.empty_object else b""
        answer = self._line.send(rules.method, self._at(path, rules), body=content, headers=headers)
        outcome = self._judged(write, answer, rules, body)
        if write.mode == "update" and self._rules.verify and isinstance(outcome, Applied):
            return self._verified(write, outcome)
        return outcome

    def _precondition(self, write: Write) -> dict[str, str]:
        """Return the header that keeps a change from landing on another version, after comparing what we can."""
        assert write.ref is not None  # noqa: S101 - checked by _change()
        how, version = self._rules.if_match, write.if_version
        if how == "version" and version is not None:
            return {"If-Match": f'"{version}"' if self._rules.quoted else version}
        if how == "none" and version is None:
            return {}
        etag = self._etag(write.ref) if how == "etag" else None
        rows = self._reader.get([write.ref.id])
        if not rows:
            raise self._missing(write)
        if version is not None and rows[0].version != version:
            msg = "the record changed since it was read"
            raise RecordConflictError(
                msg, hint="it is read and compared again", system=self._line.system, operation=write.mode, ref=write.ref
            )
        if how == "version" and rows[0].version is not None:
            found = rows[0].version
            return {"If-Match": f'"{found}"' if self._rules.quoted else found}
        return {"If-Match": etag} if etag is not None else {}

    def _etag(self, ref: Ref) -> str | None:
        address = self._reader.item_address(ref.id, with_params=True)
        answer = self._line.item(address, what=self._records.columns.table)
        if answer is None:
            return None
        place = self._rules.etag
        if place.lower().startswith("header:"):
            return answer.header(place[7:])
        return key_text(look_up(self._line.document(answer), place))

    def _keep_mark(self, ref: Ref, body: dict[str, Any]) -> None:
        """Keep our key in a text that is about to be written anew."""
        for row in self._reader.get([ref.id]):
            mark = self._records.reference(row.body) if isinstance(row.body, Mapping) else None
            if mark is not None:
                self._records.mark(body, mark)

    def _verified(self, write: Write, outcome: Applied) -> Outcome:
        """Read back: this server says yes to changes that it does not make."""
        try:
            rows = self._reader.get([outcome.ref.id])
            there = self._entity_of(rows[0]) if rows else None
        except ConnectorError as exc:
            return Unknown(exc, is_answered=True)
        wanted = write.entity
        if there is None or wanted is None:
            return Unknown(self._missing(write), is_answered=True)
        wrong = sorted(
            name for name in write.fields if name != "custom" and getattr(there, name) != getattr(wanted, name)
        )
        if not wrong:
            return Applied(outcome.ref, rows[0].version)
        msg = f"the server said yes and kept its own {', '.join(wrong)}"
        hint = "check what the account may change, and which fields the profile can write"
        return NotApplied(RecordInvalidError(msg, hint=hint, system=self._line.system, ref=outcome.ref))

    # ------------------------------------------------------------------ bodies and answers

    def _body(self, write: Write, *, reference: str | None = None) -> dict[str, Any]:
        if write.entity is None:
            msg = f"a {write.mode} has no record"
            raise RecordInvalidError(msg, hint="give the entity", system=self._line.system)
        body = self._records.body(write.entity, write.fields, reference=reference)
        return self._hooks.body(self._records.kind, write.mode, body, write.entity)

    def _wrapped(self, body: Mapping[str, Any], rules: Answer) -> bytes:
        whole = {**rules.fixed, **body}
        if not rules.wrap:
            return dumps(whole)
        outer: dict[str, Any] = {}
        put(outer, rules.wrap, whole)
        return dumps(outer)

    def _at(self, path: str, rules: Answer) -> str:
        return with_query(path, list(rules.params.items()))

    def _judged(self, write: Write, answer: Response, rules: Answer, body: Mapping[str, Any]) -> Outcome:
        verdict = self._hooks.took_effect(self._records.kind, write.mode, answer)
        if verdict is False:
            msg = "the server did not do it"
            return NotApplied(RecordInvalidError(msg, hint="see the hooks of the profile", system=self._line.system))
        if answer.status == 401:
            return NotApplied(self._refused_credentials(answer), 0.0)
        with self._lock:
            self._was_refused = False
        if verdict is None and answer.status not in rules.success:
            if write.mode == "delete" and answer.status in self._line.profile.errors.missing:
                return NotApplied(self._missing(write))
            return refused(self._line, write, answer, sent=body, now=self._clock.now())
        is_declared, record = document_of(self._line, answer, rules)
        if not is_declared and verdict is None:
            return self._silent(write, answer, "has a shape that the profile does not declare")
        return self._applied(write, answer, rules, record)

    def _applied(self, write: Write, answer: Response, rules: Answer, record: Any) -> Outcome:
        if write.mode != "create":
            assert write.ref is not None  # noqa: S101 - checked by _change()
            told = self._records.key(record) if isinstance(record, Mapping) and rules.body == "record" else None
            if told is not None and told != write.ref.id:
                return self._silent(write, answer, "is about another record")
            return Applied(write.ref, self._version(record, rules))
        key = self._key(record) if rules.id is None else _named(record, rules.id)
        if key is None:
            return self._silent(write, answer, "does not say which record was made")
        return Applied(Ref(self._line.system, self._records.kind, key), self._version(record, rules))

    def _key(self, record: Any) -> str | None:
        return self._records.key(record) if isinstance(record, Mapping) else None

    def _version(self, record: Any, rules: Answer) -> str | None:
        own = self._records.rules.version
        if own is None or own.startswith("@") or rules.body != "record" or not isinstance(record, Mapping):
            return None
        return self._records.version(record)

    def _silent(self, write: Write, answer: Response, why: str) -> Unknown:
        msg = f"the answer to a {write.mode} {why}"
        told: dict[str, Any] = {"system": self._line.system, "operation": write.mode, "status_code": answer.status}
        return Unknown(OutcomeUnknownError(msg, hint="it is read back", **told))

    def _missing(self, write: Write) -> RecordNotFoundError:
        msg = "the record is not there any more"
        return RecordNotFoundError(
            msg,
            hint=f"it was deleted in {self._line.profile.title}",
            system=self._line.system,
            operation=write.mode,
            ref=write.ref,
        )

    def _refused_credentials(self, answer: Response) -> ConnectorError:
        """Tell credentials that ran out from those that are wrong: two 401 in a row."""
        with self._lock:
            is_second, self._was_refused = self._was_refused, True
        told: dict[str, Any] = {"system": self._line.system, "status_code": answer.status}
        if is_second:
            return AuthenticationError("the credentials are refused", hint="check the secret it names", **told)
        return UnavailableError("the credentials were refused; they are renewed", hint="it goes on by itself", **told)

    def _in_time(self, began: float) -> None:
        """
        Refuse to send what could arrive after the engine has looked for it.

        Raises:
            UnavailableError: Reading before the write took too long.
        """
        if self._clock.monotonic() - began > self._patience:
            msg = "reading before the write took too long, nothing was sent"
            raise UnavailableError(msg, hint="it is tried again", system=self._line.system)


def _named(record: Any, template: str) -> str | None:
    """Return the key at a path, or one put together from several: ``{ticket}/{id}``."""
    if "{" not in template:
        return key_text(look_up(record, template))
    told = {name: key_text(look_up(record, name)) for name in re.findall(r"{([^}]*)}", template)}
    if not all(told.values()):
        return None
    return re.sub(r"{([^}]*)}", lambda found: told[found[1]] or "", template)
