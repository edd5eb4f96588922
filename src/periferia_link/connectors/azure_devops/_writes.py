"""Writes to one organisation: one request each time, several patches in one batch, comments one by one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from periferia_link import domain
from periferia_link.connectors.azure_devops._api import VERSION, Api
from periferia_link.connectors.azure_devops._comments import COMMENTS_VERSION, comment_text, split_key
from periferia_link.connectors.azure_devops._nodes import Nodes
from periferia_link.connectors.azure_devops._options import Options
from periferia_link.connectors.azure_devops._outcomes import Asked, SignIns, outcome_of, outcomes_of_batch
from periferia_link.connectors.azure_devops._plans import Plan, Planner
from periferia_link.connectors.base import Applied, NotApplied, Outcome, Unknown, Write
from periferia_link.domain import Ref
from periferia_link.errors import (
    ConnectorError,
    OutcomeUnknownError,
    RecordInvalidError,
    RecordNotFoundError,
    UnavailableError,
)
from periferia_link.transport._transport import Transport
from periferia_link.typing import Clock, Response

if TYPE_CHECKING:
    from periferia_link.domain import WorkItem

__all__ = ["Writes"]

_PATCH = {"Content-Type": "application/json-patch+json"}
_JSON = {"Content-Type": "application/json"}


class Writes:
    """
    Turns writes into one request and its answer into outcomes.

    What depends on how an item is now (tags, links, parent, the neutral state) is read before, in one request; the
    write that follows carries the revision that was read.
    """

    def __init__(
        self,
        transport: Transport,
        api: Api,
        planner: Planner,
        nodes: Nodes,
        *,
        name: str,
        options: Options,
        clock: Clock,
        is_renewable: bool,
    ) -> None:
        self._transport = transport
        self._api = api
        self._planner = planner
        self._nodes = nodes
        self._name = name
        self._options = options
        self._clock = clock
        self._signs = SignIns(is_renewable=is_renewable)

    # ------------------------------------------------------------------ work items

    def items(self, writes: Sequence[Write]) -> list[Outcome]:
        """
        Write work items.

        Raises:
            ConfigurationError: An action that there is not.
        """
        began = self._clock.monotonic()
        try:
            there = self._present(writes)
            self._must_be_in_time(began)
        except ConnectorError as exc:
            return [NotApplied(exc, exc.retry_after) for _ in writes]
        planned = [self._planned(write, there) for write in writes]
        plans = [each for each in planned if isinstance(each, Plan)]
        outcomes = iter(self._run(plans) if plans else [])
        return [next(outcomes) if isinstance(each, Plan) else each for each in planned]

    def _present(self, writes: Sequence[Write]) -> dict[str, dict[str, Any]]:
        ids = [
            int(write.ref.id)
            for write in writes
            if self._planner.depends(write) and write.ref and write.ref.id.isdecimal()
        ]
        return {str(item["id"]): item for item in self._api.items(list(dict.fromkeys(ids)))} if ids else {}

    def _must_be_in_time(self, began: float) -> None:
        # the engine looks for lost writes a fixed time after the call: none may leave later than that
        if self._clock.monotonic() - began > self._transport.deadline:
            msg = "reading the items took too long, nothing was sent"
            raise UnavailableError(msg, hint="it is sent again", system=self._name, operation="write")

    def _planned(self, write: Write, there: Mapping[str, dict[str, Any]]) -> Plan | Outcome:
        try:
            if self._options.create_paths and isinstance(write.entity, domain.WorkItem):
                self._paths(write, write.entity)
            plan = self._planner.plan(write, there.get(write.ref.id) if write.ref else None)
        except ConnectorError as exc:
            exc.system, exc.operation, exc.ref = self._name, write.mode, write.ref
            return NotApplied(exc, exc.retry_after)
        if plan is None and write.ref is not None:
            rev = there.get(write.ref.id, {}).get("rev")
            return Applied(write.ref, write.if_version or (None if rev is None else str(rev)))
        assert plan is not None  # noqa: S101 - a creation always has something to say
        return plan

    def _paths(self, write: Write, entity: WorkItem) -> None:
        """Make areas and iterations that are missing: a path is its own key, so it cannot be made twice."""
        project = self._planner.project_of(entity)
        if "area" in write.fields and entity.area:
            self._nodes.ensure(project, "areas", entity.area)
        if "iteration" in write.fields and entity.iteration:
            self._nodes.ensure(project, "iterations", entity.iteration)

    def _run(self, plans: Sequence[Plan]) -> list[Outcome]:
        """Send exactly one request."""
        asked = [Asked(self._name, "WorkItem", plan.write.mode, plan.ref) for plan in plans]
        alone = next((at for at, plan in enumerate(plans) if "recyclebin" in plan.path), None)
        kinds = {plan.method == "DELETE" for plan in plans}
        if len(plans) > 1 and (alone is not None or len(kinds) > 1):
            # these do not go into a batch: the first is sent, the others are sent again
            first = self._run(plans[:1])
            msg = "this write does not fit into a batch, nothing was sent"
            again = NotApplied(UnavailableError(msg, system=self._name), retry_after=0.0)
            return [*first, *([again] * (len(plans) - 1))]
        try:
            if len(plans) == 1:
                answer = self._plain(plans[0])
                return [outcome_of(asked[0], answer, self._signs, now=self._clock.now())]
            if plans[0].method == "DELETE":
                return self._deleted(plans, asked)
            answer = self._batch(plans)
        except OutcomeUnknownError as exc:
            return [Unknown(exc)] * len(plans)
        except ConnectorError as exc:
            return [NotApplied(exc, exc.retry_after)] * len(plans)
        return outcomes_of_batch(asked, answer, self._signs, now=self._clock.now())

    def _plain(self, plan: Plan) -> Response:
        if plan.method == "DELETE":
            return self._transport.send("DELETE", plan.path)
        if "recyclebin" in plan.path:
            return self._transport.send("PATCH", plan.path, headers=_JSON, body=b'{"isDeleted":false}')
        return self._transport.send(plan.method, plan.path, headers=_PATCH, body=json.dumps(plan.ops).encode())

    def _batch(self, plans: Sequence[Plan]) -> Response:
        parts = [{"method": "PATCH", "uri": f"/{plan.path}", "headers": _PATCH, "body": plan.ops} for plan in plans]
        path = f"_apis/wit/$batch?api-version={VERSION}"
        return self._transport.send("PATCH", path, headers=_JSON, body=json.dumps(parts).encode())

    def _deleted(self, plans: Sequence[Plan], asked: Sequence[Asked]) -> list[Outcome]:
        """Throw several into the recycle bin; the answer names each, in an order of its own."""
        ids = [int(plan.ref.id) for plan in plans if plan.ref is not None]
        path = f"_apis/wit/workitemsdelete?api-version={VERSION}-preview.1"
        answer = self._transport.send("POST", path, headers=_JSON, body=json.dumps({"ids": ids}).encode())
        if answer.status == 204:
            self._signs.accepted()
            return [Applied(each.ref) if each.ref else Unknown(UnavailableError("")) for each in asked]
        told = self._results(answer)
        if told is None:
            return outcomes_of_batch(asked, answer, self._signs, now=self._clock.now())
        self._signs.accepted()
        wanted = [told.get(each.ref.id if each.ref else "") for each in asked]
        body = json.dumps({"value": wanted}).encode()
        whole = Response(200, answer.headers, body)
        return outcomes_of_batch(asked, whole, self._signs, now=self._clock.now())

    def _results(self, answer: Response) -> dict[str, dict[str, Any]] | None:
        if answer.status != 200:
            return None
        try:
            results = json.loads(answer.body)["results"]
            return {str(each["id"]): {"code": each["code"], "body": _body_of(each)} for each in results}
        except (ValueError, KeyError, TypeError):
            return None

    # ------------------------------------------------------------------ comments

    def comment(self, write: Write) -> Outcome:
        """Create, change or delete one comment."""
        began = self._clock.monotonic()
        try:
            method, path, body, ref = self._comment_request(write)
            self._must_be_in_time(began)
        except ConnectorError as exc:
            exc.system, exc.operation = self._name, write.mode
            return NotApplied(exc, exc.retry_after)
        asked = Asked(self._name, "Interaction", write.mode, ref)
        try:
            answer = self._transport.send(method, path, headers=_JSON, body=body)
        except OutcomeUnknownError as exc:
            return Unknown(exc)
        except ConnectorError as exc:
            return NotApplied(exc, exc.retry_after)
        return outcome_of(asked, answer, self._signs, now=self._clock.now())

    def _comment_request(self, write: Write) -> tuple[str, str, bytes, Ref | None]:
        entity = write.entity
        if write.mode == "create":
            assert isinstance(entity, domain.Interaction)  # noqa: S101 - checked by the caller
            about = entity.regarding
            if about is None or about.system != self._name or about.kind != "WorkItem" or not about.id.isdecimal():
                msg = "a comment belongs to a work item of this system"
                raise RecordInvalidError(msg, hint="set regarding to the work item")
            item, number = about.id, None
            text = comment_text(entity, write.create_key)
        else:
            parts = split_key(write.ref.id) if write.ref else None
            if parts is None:
                msg = "it names no comment"
                raise RecordNotFoundError(msg, hint="ids of comments read ITEM/COMMENT")
            item, number = parts
            text = self._text(write) if write.mode == "update" else ""
        path = f"{quote(self.project_of(item), safe='')}/_apis/wit/workItems/{item}/comments"
        path += f"/{number}" if number else ""
        method = {"create": "POST", "update": "PATCH", "delete": "DELETE"}[write.mode]
        body = json.dumps({"text": text}).encode() if text else b""
        return method, f"{path}?api-version={COMMENTS_VERSION}", body, write.ref

    def _text(self, write: Write) -> str:
        entity = write.entity
        assert isinstance(entity, domain.Interaction)  # noqa: S101 - checked by the caller
        key = entity.external_ref
        return comment_text(entity, key) if key else entity.text or entity.subject

    def project_of(self, item: str) -> str:
        """
        Return the project of an item: its comments live there.

        Raises:
            RecordNotFoundError: The item is not there.
            ConnectorError: By what happens next.
        """
        for found in self._api.items([int(item)], ["System.TeamProject"]):
            project = (found.get("fields") or {}).get("System.TeamProject")
            if isinstance(project, str) and project:
                return project
        msg = "the work item is not there, or this identity may not see it"
        raise RecordNotFoundError(msg, hint="look into the recycle bin, and at the rights of the area")


def _body_of(result: Mapping[str, Any]) -> str:
    if result.get("message"):
        return json.dumps({"message": result["message"]})
    return json.dumps({"id": result["id"]})
