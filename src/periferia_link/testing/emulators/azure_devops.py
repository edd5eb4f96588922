"""A stand-in for Azure DevOps Services, work items: after recorded traffic, the specification and the documentation."""

from __future__ import annotations

import base64
import random
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, ClassVar

from periferia_link.testing.emulators import (
    _devops_attachments,
    _devops_comments,
    _devops_feeds,
    _devops_items,
    _devops_nodes,
    _devops_projects,
    _devops_queries,
)
from periferia_link.testing.emulators._devops_calls import Call, Route, no_controller, read_call
from periferia_link.testing.emulators._devops_hooks import commented, created, updated
from periferia_link.testing.emulators._devops_limits import Limits
from periferia_link.testing.emulators._devops_organisation import Organisation
from periferia_link.testing.emulators._devops_refusals import DevOpsRefused, envelope
from periferia_link.testing.emulators._emulator import Emulator, Record
from periferia_link.testing.emulators.entra import EntraEmulator
from periferia_link.typing import Clock, Request, Response

__all__ = ["AzureDevOpsEmulator"]

# the application id of Azure DevOps in Entra: tokens are asked for this audience
_RESOURCE = "499b84ac-1321-427f-aa17-267ca6975798"

_ROUTES: tuple[Route, ...] = (
    *_devops_projects.ROUTES,
    *_devops_items.ROUTES,
    *_devops_comments.ROUTES,
    *_devops_queries.ROUTES,
    *_devops_feeds.ROUTES,
    *_devops_nodes.ROUTES,
    *_devops_attachments.ROUTES,
)
_SIGN_IN = (
    '<!DOCTYPE html>\n<html lang="en-US"><head><title>Azure DevOps Services | Sign In</title></head>'
    "<body></body></html>"
)
_ALWAYS = datetime(2026, 1, 5, 12, tzinfo=timezone.utc)


class AzureDevOpsEmulator(Emulator):
    """
    One organisation, ``periferia``, with the projects ``Entrega`` (Agile) and ``Soporte`` (Basic), both empty.

    A personal access token (Basic, any user name) or a bearer token of ``entra`` signs in. What organisations differ
    in is set on the parts: ``org.add_project``, ``org.add_user``, ``org.add_field``, ``limits`` (pacing and 429),
    ``org.bin_cap``, ``stopped`` (503 behind a byte order mark, recorded), ``spent`` (expired tokens: 203 and a
    sign-in page for GET and POST, 401 for the others), ``strange_401`` (a refusal that looks like an empty list,
    recorded). A webhook is what :meth:`notification` builds.

    Not served: saved queries other than those in the book ``queries``, link queries, teams, pipelines, wikis.
    """

    name: ClassVar[str] = "azure-devops"

    def __init__(self, *, seed: int = 1, entra: EntraEmulator | None = None, organisation: str = "periferia") -> None:
        super().__init__(seed=seed)
        self.entra = entra or EntraEmulator(seed=seed)
        self.organisation = organisation
        self.limits = Limits()
        self.stopped = False
        self.strange_401 = False
        self.spent: set[str] = set()
        self.pat = "".join(random.Random(f"pat {seed}").choices("abcdefghijklmnopqrstuvwxyz234567", k=52))  # noqa: S311
        self.populate()

    def populate(self) -> None:
        """Put two projects and three people into the books."""
        self.org = Organisation(
            self.organisation,
            self.books,
            seed=self.seed,
            wrote=self.wrote,
            operation=self.operation,
            base_url=lambda: self.base_url,
        )
        self.robot = self.org.add_user("Periferia Link", "link@periferia.example")
        self.org.add_user("Ana Prueba", "ana@periferia.example")
        self.org.add_user("Luis Prueba", "luis@periferia.example")
        self.org.add_project("Entrega", "Agile", _ALWAYS)
        self.org.add_project("Soporte", "Basic", _ALWAYS)
        self.limits.reset()

    def credentials(self) -> dict[str, Any]:
        """Return the token and the organisation; and the application that may sign in, where Entra is served."""
        told = {"token": self.pat, "organization": self.organisation}
        return told if self.entra.base_url.endswith(".invalid") else told | self.entra.credentials()

    @property
    def address(self) -> str:
        """The address of the organisation: what a connector is given."""
        return self.org.address

    def refusal(self, status: int, code: str, message: str) -> Response:
        """Make an error answer in the service's own shape."""
        return envelope(status, code or "VssServiceException", message)

    # ------------------------------------------------------------------ for tests: what people do there

    def enter(self, project: str, kind: str, fields: Mapping[str, Any], clock: Clock, **more: Any) -> Record:
        """
        Make an item as a person would.

        Args:
            project: Name of the project.

            kind: Type of the item.

            fields: By reference name; the short names of ``System.`` fields are enough.

            clock: When.

            more: ``relations`` to add, as the API takes them; ``by``, who.

        Raises:
            DevOpsRefused: The process does not allow it.
        """
        with self.lock:
            call = self._person(clock, more.pop("by", None))
            document = [*_patch(fields), *_relations(more.pop("relations", ()))]
            return _devops_items.create_item(self.org, call, self.org.project(project), kind, document)

    def amend(self, number: int | str, fields: Mapping[str, Any], clock: Clock, **more: Any) -> Record:
        """
        Change an item as a person would; see :meth:`enter`.

        Raises:
            DevOpsRefused: The process does not allow it.
        """
        with self.lock:
            call = self._person(clock, more.pop("by", None))
            document = [*_patch(fields), *_relations(more.pop("relations", ()))]
            return _devops_items.change_item(self.org, call, self.org.item(number), document)

    def do(self, method: str, path: str, clock: Clock, body: bytes = b"", **headers: str) -> Response:
        """Do anything else as a person would: a call that is signed in and stands in no log."""
        signed = {"Authorization": self._basic(self.pat), "Accept": "application/json;api-version=7.1-preview"}
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        with self.lock:
            request = Request(method, f"{self.address}/{path}", tuple({**signed, **told}.items()), body)
            return self.serve(request, clock)

    def notification(self, event: str, number: int | str, clock: Clock) -> Record:
        """
        Return the body of a service hook about an item: ``created``, ``updated`` (its last change) or ``commented``.

        Raises:
            DevOpsRefused: There is no such item.
        """
        with self.lock:
            make = {"created": created, "updated": updated, "commented": commented}[event]
            return make(self.org, self.org.item(number), clock.now())

    def _person(self, clock: Clock, by: str | None) -> Call:
        call = read_call(Request("PATCH", f"{self.address}/_apis/wit/workitems"), clock)
        call.user = self.org.user(by or "ana@periferia.example") or self.robot
        return call

    # ------------------------------------------------------------------ the service

    def serve(self, request: Request, clock: Clock) -> Response:
        """Answer one request: who is it, is it too much, what is it about."""
        call = read_call(request, clock)
        session = (("X-TFS-ProcessId", self.org.key), ("ActivityId", self.org.key))
        if self.stopped:
            return self._stopped()
        if call.organisation.lower() != self.organisation.lower():
            return Response(404, (("Content-Type", "text/plain; charset=utf-8"),), b"The organization was not found.")
        turned_away = self._turned_away(request, clock)
        if turned_away is not None:
            return turned_away
        call.user = self.robot
        headers: dict[str, str] = {}
        try:
            headers = self.limits.enter(clock.now())
            answer = self._routed(call)
        except DevOpsRefused as exc:
            answer = exc.response(call.version)
        answer = Limits.marked(answer, headers)
        return Response(answer.status, (*answer.headers, *session), answer.body)

    def _routed(self, call: Call) -> Response:
        for method, pattern, handler in _ROUTES:
            variables = _matched(pattern, call.place)
            if variables is not None and method == call.request.method:
                self._check_version(call)
                call.variables = variables
                return handler(self.org, call)
        return no_controller(call)

    @staticmethod
    def _check_version(call: Call) -> None:
        if call.request.method in ("GET", "OPTIONS", "HEAD") or call.version:
            return
        message = (
            f'No api-version was supplied for the "{call.request.method}" request. The version must be supplied either '
            'as part of the Accept header (e.g. "application/json; api-version=1.0") or as a query parameter (e.g. '
            '"?api-version=1.0").'
        )
        raise DevOpsRefused(400, "VssVersionNotSpecifiedException", message)

    @staticmethod
    def _basic(token: str) -> str:
        return "Basic " + base64.b64encode(f":{token}".encode()).decode()

    def _turned_away(self, request: Request, clock: Clock) -> Response | None:
        """Answer whoever is not signed in: a page for GET and POST, JSON for the others (wire sheet, section 2)."""
        told = request.header("authorization")
        if told is None:
            return self._unknown(request)
        if self._is_known(told, clock):
            return None
        if self.strange_401:
            body = b'{"count":0,"value":[]}'
            realm = 'Basic realm="https://tfsprodsin1.app.visualstudio.com/"'
            return Response(401, (("WWW-Authenticate", realm), ("Content-Type", "application/json")), body)
        if request.method in ("GET", "POST", "OPTIONS", "HEAD"):
            return Response(203, (("Content-Type", "text/html; charset=utf-8"),), _SIGN_IN.encode())
        message = "TF400813: The user '' is not authorized to access this resource."
        return envelope(401, "UnauthorizedRequestException", message)

    def _unknown(self, request: Request) -> Response:
        if (request.header("x-tfs-fedauthredirect") or "").lower() == "suppress":
            return Response(401, (("WWW-Authenticate", f'Basic realm="{self.base_url}/"'), ("Content-Length", "0")))
        return Response(302, (("Location", "https://spsprodsin1.vssps.visualstudio.com/_signin?realm=dev"),))

    def _is_known(self, told: str, clock: Clock) -> bool:
        scheme, _, value = told.partition(" ")
        if scheme.lower() == "bearer":
            return value not in self.spent and self.entra.validate(value, _RESOURCE, clock)
        try:
            pair = base64.b64decode(value, validate=True).decode()
        except ValueError:
            return False
        token = pair.partition(":")[2]
        return scheme.lower() == "basic" and token == self.pat and token not in self.spent

    def _stopped(self) -> Response:
        text = (
            f"TF24668: The following team project collection is stopped: {self.organisation}. Start the collection and "
            "then try again. Administrator Reason: This Azure DevOps organization has been deactivated due to "
            "inactivity."
        )
        told = envelope(503, "TeamFoundationServiceUnavailableException", text)
        headers = [(name, value) for name, value in told.headers if name != "Content-Type"]
        return Response(503, (("Content-Type", "application/json"), *headers), b"\xef\xbb\xbf" + told.body)


def _patch(fields: Mapping[str, Any]) -> list[Record]:
    names = {name: name if "." in name else f"System.{name}" for name in fields}
    return [{"op": "add", "path": f"/fields/{names[name]}", "value": value} for name, value in fields.items()]


def _relations(relations: Any) -> list[Record]:
    return [{"op": "add", "path": "/relations/-", "value": relation} for relation in relations]


def _matched(pattern: str, place: tuple[str, ...]) -> dict[str, str] | None:
    """Compare an address with a route, whatever its case; the variables, or nothing."""
    wanted = pattern.split("/") if pattern else []
    variables: dict[str, str] = {}
    for at, each in enumerate(wanted):
        if each.startswith("{*"):
            variables[each[2:-1]] = "/".join(place[at:])
            return variables if place[at:] else None
        if at >= len(place):
            return None
        if each.startswith("{"):
            variables[each[1:-1]] = place[at]
        elif each != place[at].lower():
            return None
    return variables if len(wanted) == len(place) else None
