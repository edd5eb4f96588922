"""The client register of ACME: a REST API with a change feed, chosen ids and revisions. Source: its manual, 2.1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
from pydantic import SecretStr, ValidationError

from periferia_link import Capabilities, Client, Connector, Ref
from periferia_link import errors as e
from periferia_link.connectors.base import Applied, NotApplied, Outcome, Page, Row, SystemInfo, Unknown, Write
from periferia_link.settings import StaticTokenSettings, SystemSettings

_ABILITIES = Capabilities(
    feed="delta",  # the server lists what changed after a number, deletions included
    version_covers_fields=True,
    reports_deletions=True,
    writes=frozenset({"create", "update", "delete"}),
    create_guard="server-key",  # PUT with If-None-Match: one id can be created once
    concurrency="precondition",  # If-Match with the revision
)
_REFUSALS = {  # what the server certainly did not do, and the next step
    401: (e.AuthenticationError, "give it a valid token"),
    403: (e.PermissionDeniedError, "ask for the right clients:write"),
    404: (e.RecordNotFoundError, "it was deleted there"),
    412: (e.RecordConflictError, "read it again"),
    422: (e.RecordInvalidError, "correct the record"),
    429: (e.ThrottledError, "wait as long as it asks"),
}


class AcmeRegister(Connector):
    """Clients of the register: read by change feed, written one by one under the id that the engine chose."""

    product, deadline = "ACME register", 30.0  # seconds: more than the limits of one request together

    def __init__(self, url: str, token: SecretStr, *, name: str = "crm", rows: int = 200, wire: Any = None) -> None:
        self.name, self._rows = name, rows
        headers, limits = {"Authorization": f"Bearer {token.get_secret_value()}"}, httpx.Timeout(5.0, read=15.0)
        self._http = httpx.Client(base_url=url, headers=headers, timeout=limits, transport=wire, trust_env=False)

    @classmethod
    def configured(cls, name: str, settings: SystemSettings, **_: Any) -> AcmeRegister:
        if not isinstance(settings.credential, StaticTokenSettings):
            raise e.ConfigurationError(f"[systems.{name}.credential] is no static-token", hint="see the README")
        return cls(settings.url or "", token=settings.credential.token, name=name)

    @property
    def capabilities(self) -> Mapping[str, Capabilities]:
        return {"Client": _ABILITIES}

    def check(self) -> SystemInfo:
        return SystemInfo(system_id=self._read("/v1/me")["installation"], product=self.product)

    def pull(self, kind: str, since: str | None = None) -> Iterator[Page]:
        self.supports(kind)
        after, has_more = since or "0", True
        while has_more:
            answer = self._read("/v1/changes", after=after, limit=self._rows)
            after, has_more, items = str(answer["next"]), bool(answer["more"]), answer["items"]
            rows = [Row(item["id"], item["revision"], item) for item in items if not item["deleted"]]
            yield Page(rows, [item["id"] for item in items if item["deleted"]], after, not has_more, since is None)

    def decode(self, kind: str, row: Row) -> Client:
        self.supports(kind)
        try:
            known = {k: v for k, v in dict(row.body).items() if k in ("name", "code", "city")}  # type: ignore[arg-type]
            return Client.model_validate({**known, "ref": Ref(self.name, kind, row.key), "version": row.version})
        except ValidationError:
            raise e.RecordInvalidError(f"{row.key} is no client", system=self.name, hint="correct it there") from None

    def get(self, kind: str, ids: Sequence[str]) -> list[Row]:
        return self.find(kind, "create_key", ids)

    def find(self, kind: str, field: str, values: Sequence[str]) -> list[Row]:
        if field != "create_key" or not self.supports(kind):
            raise e.ConfigurationError(f"clients are not searched by {field}", hint="search them by id")
        pages = (self._read("/v1/clients", id=values[n : n + 50]) for n in range(0, len(values), 50))  # addresses end
        return [Row(item["id"], item["revision"], item, match=item["id"]) for page in pages for item in page["items"]]

    def write(self, kind: str, writes: Sequence[Write]) -> list[Outcome]:
        if len(writes) > self.supports(kind).max_batch:
            raise e.ConfigurationError("one write is one request here", hint="write one record at a time")
        return [self._sent(kind, write) for write in writes]

    def _sent(self, kind: str, write: Write) -> Outcome:
        key, is_new = write.ref.id if write.ref else write.create_key, write.mode == "create"
        guard = {"If-None-Match": "*"} if is_new else {"If-Match": write.if_version or "*"}
        body = write.entity.model_dump(mode="json", include=set(write.fields)) if write.entity else None
        verb = {"create": "PUT", "update": "PATCH", "delete": "DELETE"}[write.mode]
        try:
            answer = self._http.request(verb, f"/v1/clients/{key}", headers=guard, json=body)
            if answer.status_code in _REFUSALS and not (is_new and answer.status_code == 412):
                return NotApplied(self._refusal(answer), float(answer.headers.get("Retry-After", 0)) or None)
            return Applied(Ref(self.name, kind, key), answer.raise_for_status().json()["revision"])
        except (httpx.ConnectError, httpx.ConnectTimeout):  # not a byte left
            return NotApplied(e.UnavailableError("nobody answers", system=self.name, hint="is it switched on?"))
        except (httpx.HTTPError, ValueError, KeyError, TypeError):  # it may be stored: the engine will look
            return Unknown(e.OutcomeUnknownError("the answer was lost", system=self.name, hint="read it back"))

    def _read(self, path: str, **query: Any) -> Any:
        try:
            answer = self._http.get(path, params=query)
            if answer.status_code == 200:
                return answer.json()
        except httpx.HTTPError:
            raise e.UnavailableError("no answer came", system=self.name, hint="try again") from None
        except ValueError:
            wrong = e.AuthenticationError if answer.text.lstrip().startswith("<") else e.ContractBrokenError
            raise wrong("it answered no JSON", system=self.name, hint="are address and token right?") from None
        raise self._refusal(answer)

    def close(self) -> None:
        self._http.close()

    def _refusal(self, answer: httpx.Response) -> e.ConnectorError:
        error, hint = _REFUSALS.get(answer.status_code, (e.UnavailableError, "try again later"))
        return error(f"it answered {answer.status_code}", system=self.name, hint=hint)
