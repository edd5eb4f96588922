"""
The recorded traffic of Azure DevOps: each line replayed against the emulator or read by our parser.

A line that is neither is named in ``LEFT_OUT`` with the reason.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from pydantic import SecretStr

from periferia_link.connectors.azure_devops import DEVOPS_FIELDS, AzureDevOps, ServiceHooks, work_item_from_wire
from periferia_link.connectors.azure_devops._comments import interaction_from_wire
from periferia_link.connectors.azure_devops._errors import error_for, refusal_of
from periferia_link.connectors.azure_devops._values import instant, person, us_instant
from periferia_link.connectors.base import Row
from periferia_link.errors import (
    AuthenticationError,
    FatalConnectorError,
    LinkError,
    PermissionDeniedError,
    RecordConflictError,
    RecordInvalidError,
    RecordNotFoundError,
    ThrottledError,
)
from periferia_link.testing.emulators import ManualClock
from periferia_link.testing.emulators.azure_devops import AzureDevOpsEmulator
from periferia_link.typing import Request, Response

EXCHANGES = Path(__file__).resolve().parents[3] / "shared" / "exchanges" / "azure_devops.jsonl"
LINES: dict[int, dict[str, Any]] = (
    dict(enumerate(map(json.loads, EXCHANGES.read_text(encoding="utf-8").splitlines()), 1))
    if EXCHANGES.exists()
    else {}
)
needs_lines = pytest.mark.skipif(not LINES, reason="the folder shared/exchanges is not beside this repository")
NOW = datetime(2026, 11, 20, 14, tzinfo=timezone.utc)


def _reasons(numbers: range | tuple[int, ...], reason: str) -> dict[int, str]:
    return dict.fromkeys(numbers, reason)


LEFT_OUT = {
    **_reasons((30, 37, *range(44, 50), 51, 53), "teams and team settings: not used, not emulated"),
    **_reasons((*range(54, 63),), "pipelines (builds): not used, not emulated"),
    65: "wikis: not used; its refusal has the envelope of the others",
    **_reasons((66, 67), "artifact links to commits: not used, not emulated"),
    **_reasons((68, 69, 70, 72), "the documentation replaces the content of files by a placeholder"),
    **_reasons((96, 97, 98), "definitions of fields are changed by administrators"),
    **_reasons((99, 100), "connections to GitHub: not used"),
    **_reasons(range(101, 110), "saved queries are made by people"),
    **_reasons((119, 121, 122), "tags are changed one by one by people"),
    **_reasons((123, 124, 125, 133, 134, 140, 150), "temporary queries, templates, icons, categories: not used"),
    **_reasons((167, 168, 169, 170, 171, 172), "subscriptions are made by an administrator in the portal"),
    175: "an internal error of the service for tokens (vssps), which is not used",
}

# ---------------------------------------------------------------------- replayed


def path_of(line: dict[str, Any]) -> str:
    parts = urlsplit(line["url"])
    if parts.netloc.endswith(".visualstudio.com"):  # the organisation stood in the host name once
        return f"/fabrikam{parts.path}"
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


class Service:
    """An emulator that is what the recorded organisation was, before the request."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.emulator = AzureDevOpsEmulator(organisation="fabrikam")
        self.emulator.base_url = "https://dev.azure.com"
        self.org = self.emulator.org
        self.projects: dict[str, Any] = {"entrega": None}

    def project(self, name: str, process: str = "Basic") -> Any:
        return self.org.add_project(name, process, NOW)

    def items(self, project: str, kind: str, *numbers: int, **fields: Any) -> None:
        for number in numbers:
            self.org.next_item = number
            self.emulator.enter(project, kind, {"Title": f"{kind}_{number}", **fields}, self.clock)

    def node(self, project: Any, structure: str, *names: str, key: int | None = None) -> None:
        node = self.org.root(project, structure)
        for name in names:
            found = self.org.node_at(project, structure, [*self.org.path_of(node)[1:], name])
            if found is None and name == names[-1] and key is not None:
                self.org.next_node = key
            node = found or self.org.add_node(project, structure, name, str(node["id"]))

    def replay(self, line: dict[str, Any]) -> Response:
        headers = {
            name: value
            for name, value in (line["request_headers"] or {}).items()
            if name.lower() not in ("authorization", "content-length", "host", "accept-encoding", "connection")
        }
        headers["Authorization"] = self.emulator._basic(self.emulator.pat)
        told = line["request_body"]
        body = b"" if told is None else (told if isinstance(told, str) else json.dumps(told)).encode()
        request = Request(line["method"], f"https://dev.azure.com{path_of(line)}", tuple(headers.items()), body)
        return self.emulator.serve(request, self.clock)


def _nothing(service: Service) -> None:
    pass


def _task_project(process: str = "Basic", *items: tuple[str, int]) -> Any:
    def prepare(service: Service) -> None:
        service.project("WorkItemCreateShowUpdateDeleteTests", process)
        for kind, number in items:
            service.items("WorkItemCreateShowUpdateDeleteTests", kind, number)

    return prepare


def _relations(*children: int, project: str = "WIRel000001") -> Any:
    def prepare(service: Service) -> None:
        service.project(project)
        service.items(project, "Task", 973, 974, 975, 976, 977)
        url = "https://dev.azure.com/fabrikam/_apis/wit/workItems/"
        links = [{"rel": "System.LinkTypes.Hierarchy-Forward", "url": f"{url}{child}"} for child in children]
        if links:
            service.emulator.amend(973, {}, service.clock, relations=links)

    return prepare


def _only_project(name: str) -> Any:
    return lambda service: service.project(name)


def _nodes(name: str, structure: str, *paths: tuple[int | None, tuple[str, ...]]) -> Any:
    def prepare(service: Service) -> None:
        project = service.project(name)
        for key, path in paths:
            service.node(project, structure, *path, key=key)

    return prepare


def _bug_and_query(service: Service) -> None:
    service.project("WorkItemCreateShowUpdateDeleteTests")
    service.items("WorkItemCreateShowUpdateDeleteTests", "Task", 40, 41)
    service.emulator.books["queries"]["253d8eb4-0bd1-4c92-adc9-d305c8b99b92"] = {
        "wiql": "select [System.Id], [System.WorkItemType], [System.Title], [System.AssignedTo], [System.State], "
        "[System.Tags] from WorkItems where [System.WorkItemType] = 'Task'"
    }


def _an_operation(service: Service) -> None:
    key = "f51edfef-620c-4ae2-b957-10f28ebb5e1e"
    service.emulator.books["operations"][key] = {"id": key, "status": "inProgress"}


def _a_named_project(service: Service) -> None:
    project = service.project("WIRel000001")
    key = "d5d6109b-64fa-4228-b754-825caceadf88"
    service.emulator.books["projects"][key] = {**project, "id": key}
    del service.emulator.books["projects"][project["id"]]


AREA, CHILD, MOVED = "teamArea_000002_Root_Area_000003", "ChildArea000004", "ChildArea000005"
ROOT, SPRINT, LATER = "teamName1_000002_Root_Itr_000003", "Child_Itr_000004", "Child_Itr_000005"

REPLAYED: dict[int, Any] = {
    1: _nothing,
    2: _task_project("Basic"),
    3: _task_project("Basic", ("Task", 191)),
    4: _nothing,
    5: _nothing,
    6: _task_project("Agile", ("Bug", 7)),
    7: _nothing,
    8: _task_project("Agile", ("Bug", 1623)),
    9: _task_project("Agile", ("Bug", 139)),
    10: _nothing,
    11: _nothing,
    12: _bug_and_query,
    13: _bug_and_query,
    14: _bug_and_query,
    15: _bug_and_query,
    16: _bug_and_query,
    17: _nothing,
    18: _nothing,
    19: _an_operation,
    20: _only_project("WIRel000001"),
    21: _only_project("WIRel000001"),
    22: _nothing,
    23: _relations(),
    24: _relations(),
    25: _relations(974),
    26: _relations(975, 976),
    27: _a_named_project,
    28: _only_project("Area1000001"),
    29: _only_project("Area1000001"),
    31: _only_project("Area1000001"),
    32: _nodes("Area1000001", "area", (None, (AREA,))),
    33: _nodes("Area1000001", "area", (None, (AREA,))),
    34: _nodes("Area1000001", "area", (None, (AREA,)), (1536, (AREA, CHILD))),
    35: _nodes("Area1000001", "area", (None, (AREA,)), (None, (AREA, CHILD)), (1537, (AREA, MOVED))),
    36: _nodes("Area1000001", "area", (None, (AREA,)), (None, (AREA, CHILD)), (None, (AREA, CHILD, MOVED))),
    38: _nodes("Area1000001", "area", (None, (AREA,))),
    39: _only_project("IterationProj_000001"),
    40: _only_project("IterationProj_000001"),
    41: _nodes("IterationProj_000001", "iteration", (None, (ROOT,))),
    42: _nodes("IterationProj_000001", "iteration", (None, (ROOT, SPRINT)), (10610, (ROOT, LATER))),
    43: _nodes("IterationProj_000001", "iteration", (None, (ROOT, SPRINT, LATER))),
    50: _nodes("IterationProj_000001", "iteration", (None, (ROOT, SPRINT, LATER))),
    52: _nodes("IterationProj_000001", "iteration", (None, (ROOT, SPRINT, LATER))),
    63: lambda service: setattr(service.emulator, "stopped", True),
}

# what the recorded server said beside the shape of a resource, and what ours leaves out of it
LESS = {
    5: {"*"},  # 224 areas of services that are not emulated
    10: set(),
    11: {"*"},
    17: {"*"},
    22: {"*"},
    28: set(),
    32: set(),
}


def shape(value: Any, depth: int = 2) -> Any:
    """The names of a document, two levels deep; of a list, those of its first element."""
    if isinstance(value, list):
        return [shape(value[0], depth)] if value else []
    if isinstance(value, dict) and depth:
        return {name: shape(inner, depth - 1) for name, inner in value.items()}
    return type(value).__name__ if depth else "…"


def missing(recorded: Any, ours: Any, path: str = "") -> list[str]:
    """Names that the recorded answer has and ours lacks."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        gone = [f"{path}/{name}" for name in recorded if name not in ours]
        return gone + [
            each for name in recorded if name in ours for each in missing(recorded[name], ours[name], f"{path}/{name}")
        ]
    if isinstance(recorded, list) and isinstance(ours, list) and recorded and ours:
        return missing(recorded[0], ours[0], f"{path}[]")
    return []


# of recordings that are older than others, or of an organisation of another process
MAY_LACK = {"/fields/Microsoft.VSTS.Common.ActivatedBy", "/fields/Microsoft.VSTS.Common.ResolvedBy"}
MAY_LACK |= {"/fields/Microsoft.VSTS.Common.ActivatedDate", "/fields/Microsoft.VSTS.Common.ResolvedReason"}


@needs_lines
class TestReplayed:
    @pytest.mark.parametrize("number", sorted(REPLAYED))
    def test_the_emulator_answers_as_recorded(self, number):
        """The same request gets the same status, the same kind of content and every name that was recorded."""
        line, service = LINES[number], Service()
        REPLAYED[number](service)
        answer = service.replay(line)
        assert (line["status"], line["url"]) == (answer.status, line["url"]), answer.body[:300]
        recorded_kind = {name.lower(): value for name, value in line["response_headers"].items()}.get("content-type")
        assert (recorded_kind or "").partition(";")[0] == (answer.header("content-type") or "").partition(";")[0]
        if "api-version" in (recorded_kind or "") and answer.status < 300:
            assert recorded_kind.rpartition("=")[2] == (answer.header("content-type") or "").rpartition("=")[2]
        assert answer.header("etag") is None
        body = line["response_body"]
        if not body or "*" in LESS.get(number, set()):
            return
        told = json.loads(body.lstrip("\ufeff"))
        ours = json.loads(answer.body.decode("utf-8-sig"))
        assert set() == set(missing(shape(told), shape(ours))) - MAY_LACK
        if answer.status >= 400:
            assert told["typeKey"] == ours["typeKey"] or number == 63
            assert told["message"][:8] == ours["message"][:8]

    def test_links_bump_no_revision(self):
        """Recorded 40 of 40 times: a link between items leaves the revision as it is."""
        for number in (24, 25, 26):
            service = Service()
            REPLAYED[number](service)
            before = service.org.item(973)["rev"]
            assert before == json.loads(service.replay(LINES[number]).body)["rev"]
            assert 1 == json.loads(LINES[number]["response_body"])["rev"]

    def test_a_stopped_organisation_answers_behind_a_byte_order_mark(self):
        """Recorded: 503, a BOM, then JSON."""
        service = Service()
        service.emulator.stopped = True
        assert service.replay(LINES[63]).body.startswith(b"\xef\xbb\xbf{")


# ---------------------------------------------------------------------- read by our parser


def body_of(line: dict[str, Any]) -> Any:
    told = line["response_body"]
    return json.loads(told.lstrip("\ufeff")) if isinstance(told, str) and told.strip()[:1] in "\ufeff{[" else told


def items_in(value: Any) -> list[dict[str, Any]]:
    """Every work item that stands in an answer, at any depth."""
    if isinstance(value, list):
        return [item for each in value for item in items_in(each)]
    if not isinstance(value, dict):
        return []
    if isinstance(value.get("fields"), dict) and isinstance(value.get("id"), int) and "rev" in value:
        return [value] if "System.Title" in value["fields"] else []
    return [item for each in value.values() for item in items_in(each)]


ITEMS = (
    2,
    3,
    6,
    8,
    9,
    14,
    15,
    21,
    24,
    25,
    26,
    *range(113, 119),
    *range(144, 150),
    *range(151, 167),
    111,
    137,
    138,
    178,
)
COMMENTS = (86, 87, 88, 89, 93, 94)
OLD_COMMENTS = (90, 91, 92)
NODES = (75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85)
HISTORY = (126, 127, 128, 129, 130, 131)
OTHER = {
    71: "a file that was uploaded",
    73: "a node that was deleted",
    74: "a node that was deleted",
    95: "a field",
    110: "an item that was destroyed",
    112: "items of the recycle bin",
    120: "tags",
    132: "a saved query",
    135: "the links feed",
    136: "relation types",
    139: "the revisions feed, asked by POST",
    141: "states",
    142: "a field of a type",
    143: "an item that was deleted",
    181: "a batch",
    182: "a service hook",
}
REFUSALS = {
    1: RecordInvalidError,
    4: RecordNotFoundError,
    7: RecordNotFoundError,
    63: FatalConnectorError,
    64: AuthenticationError,
    173: AuthenticationError,
    174: PermissionDeniedError,
    176: RecordConflictError,
    177: ThrottledError,
    179: AuthenticationError,
    180: RecordInvalidError,
}


@needs_lines
class TestRead:
    @pytest.mark.parametrize("number", ITEMS)
    def test_items_are_read(self, number):
        """Every item of the line becomes a work item: people as objects or texts, dates of any length."""
        found = [item for item in items_in(body_of(LINES[number])) if "System.WorkItemType" in item["fields"]]
        for item in found:
            entity = work_item_from_wire(item, DEVOPS_FIELDS, "devops")
            fields = item["fields"]
            assert (str(item["id"]), str(item["rev"])) == (entity.ref.id, entity.version)
            assert (fields["System.Title"], fields["System.WorkItemType"]) == (entity.title, entity.type)
            assert person(fields.get("System.AssignedTo")) == entity.assignee
            assert instant(fields.get("System.ChangedDate")) == entity.updated_at
        assert found or items_in(body_of(LINES[number])) or number in (139, 147, 178), "no item in the line"

    @pytest.mark.parametrize("number", COMMENTS)
    def test_comments_are_read(self, number):
        """Every comment becomes an interaction about its item."""
        told = body_of(LINES[number])
        for record in told.get("comments", [told]):
            key = f"{record['workItemId']}/{record.get('id', record.get('commentId'))}"
            entity = interaction_from_wire(record, key, str(record["version"]), "devops")
            assert (record["text"], str(record["workItemId"])) == (entity.text, entity.regarding.id)
            assert instant(record["createdDate"]) == entity.happened_at

    @pytest.mark.parametrize("number", OLD_COMMENTS)
    def test_comments_of_version_3_are_not_taken_for_those_of_today(self, number):
        """The old shape (revision, revisedBy) has no comment id: it is refused, not guessed."""
        told = body_of(LINES[number])
        for record in told.get("comments", [told]):
            with pytest.raises((KeyError, TypeError, ValueError)):
                interaction_from_wire(record, "1/1", "1", "devops")

    @pytest.mark.parametrize("number", NODES)
    def test_nodes_are_read_as_paths(self, number):
        """A tree becomes paths that begin with its root."""
        from periferia_link.connectors.azure_devops._nodes import _walk

        told = body_of(LINES[number])
        for root in told.get("value", [told]) if isinstance(told, dict) else told:
            if root is not None:
                paths = list(_walk(root, ()))
                assert paths[0] == root["name"]
                assert all(path.startswith(root["name"]) for path in paths)

    @pytest.mark.parametrize("number", HISTORY)
    def test_history_is_read_by_the_date_of_the_change(self, number):
        """State changes carry System.ChangedDate, never the year 9999 of revisedDate."""
        told = body_of(LINES[number])
        for update in told.get("value", [told]):
            change = (update.get("fields") or {}).get("System.ChangedDate", {}).get("newValue")
            assert change is None or instant(change).year < 2100

    @pytest.mark.parametrize("number", sorted(REFUSALS))
    def test_refusals_are_told_apart(self, number):
        """By status, number and type key: each has the class that says what happens next."""
        line = LINES[number]
        told = line["response_body"]
        text = told if isinstance(told, str) else json.dumps(told)
        status = 401 if line["status"] == 203 else line["status"]
        operation = "create" if line["method"] == "POST" else "read"
        error = error_for(refusal_of(status, text), system="devops", operation=operation)
        assert type(error) is REFUSALS[number]
        assert error.hint

    def test_files_and_deletions_answer_little(self):
        """Destroyed items and nodes answer 204 without a body, an upload its id and address."""
        assert [204, 204, 204] == [LINES[number]["status"] for number in (73, 74, 110)]
        assert {"id", "url"} == set(body_of(LINES[71]))

    def test_dates_of_the_recycle_bin(self):
        """In the manner of the United States: 1/31/2017 9:21:14 PM; older answers have ordinary instants."""
        told = [record["deletedDate"] for record in body_of(LINES[112])]
        assert datetime(2017, 1, 31, 21, 21, 14, tzinfo=timezone.utc) == us_instant(told[0])
        assert 2015 == us_instant(body_of(LINES[111])["DeletedDate"]).year
        assert "deletedDate" in json.dumps(body_of(LINES[113]))

    def test_fields_states_tags_and_relations(self):
        """Discovery reads the names that these answers have."""
        assert "System.IterationPath" == body_of(LINES[95])["referenceName"] == body_of(LINES[142])["referenceName"]
        assert ["Proposed", "InProgress", "InProgress", "Resolved", "Completed"] == [
            state["category"] for state in body_of(LINES[141])["value"]
        ]
        assert body_of(LINES[120])
        names = {each["referenceName"] for each in body_of(LINES[136])["value"]}
        assert {"System.LinkTypes.Hierarchy-Reverse", "System.LinkTypes.Related", "Hyperlink"} <= names

    def test_feeds_without_a_token_of_their_own(self):
        """Older answers give the token in nextLink alone: it is taken from there."""
        from periferia_link.connectors.azure_devops._api import Api
        from periferia_link.connectors.azure_devops._pull import _read

        api = Api(None, "devops", project=None)
        assert ("6281123", True) == _read(api, body_of(LINES[135]))[1:]
        assert ("842;5;3", True) == _read(api, body_of(LINES[139]))[1:]
        assert 3 == body_of(LINES[139])["values"][0]["id"]
        assert body_of(LINES[132])["queryType"]

    def test_a_deletion_may_answer_204_or_200(self):
        """Both are documented; both are applied."""
        from periferia_link.connectors.azure_devops._outcomes import Asked, SignIns, outcome_of
        from periferia_link.connectors.base import Applied
        from periferia_link.domain import Ref

        asked = Asked("devops", "WorkItem", "delete", Ref("devops", "WorkItem", "72"))
        for status, body in ((LINES[143]["status"], b""), (200, b'{"id": 72, "code": 200}')):
            answer = Response(status, (("Content-Type", "application/json"),), body)
            assert isinstance(outcome_of(asked, answer, SignIns(is_renewable=False), now=NOW), Applied)

    def test_a_batch_has_an_outcome_for_each(self):
        """The reconstructed batch: one made, one not there."""
        from periferia_link.connectors.azure_devops._outcomes import Asked, SignIns, outcomes_of_batch
        from periferia_link.connectors.base import Applied, NotApplied
        from periferia_link.domain import Ref

        line = LINES[181]
        asked = [
            Asked("devops", "WorkItem", "create", None),
            Asked("devops", "WorkItem", "update", Ref("devops", "WorkItem", "999999")),
        ]
        told = line["response_body"]
        body = (told if isinstance(told, str) else json.dumps(told)).encode()
        answer = Response(200, (("Content-Type", "application/json"),), body)
        made, refused = outcomes_of_batch(asked, answer, SignIns(is_renewable=False), now=NOW)
        assert isinstance(made, Applied)
        assert ("309", "1") == (made.ref.id, made.version)
        assert isinstance(refused, NotApplied)
        assert isinstance(refused.error, RecordNotFoundError)

    def test_a_captured_service_hook_names_the_item(self):
        """Of workitem.updated the item is workItemId (13); id is the number of the update (2)."""
        told = LINES[182]["request_body"]
        body = (told if isinstance(told, str) else json.dumps(told)).encode()
        hooks = ServiceHooks(header_value=SecretStr("key"))
        assert (200, ("13",)) == hooks.receive({"X-Periferia-Key": "key"}, body)[:2]


@needs_lines
class TestEveryLine:
    def test_every_line_is_used_or_named(self):
        """No line is silently unused, and none is both used and left out."""
        used = {*REPLAYED, *ITEMS, *COMMENTS, *OLD_COMMENTS, *NODES, *HISTORY, *OTHER, *REFUSALS}
        assert [] == sorted(set(LINES) - used - set(LEFT_OUT))
        assert [] == sorted(used & set(LEFT_OUT))
        assert all(LEFT_OUT.values())

    def test_the_recordings_are_what_is_replayed(self):
        """Every real recording of work items, nodes and projects is replayed; the others are named."""
        real = {number for number, line in LINES.items() if line["kind"] == "recording"}
        assert [] == sorted(real - set(REPLAYED) - set(LEFT_OUT) - {64})

    def test_the_odd_401_is_a_matter_of_credentials(self):
        """Recorded: 401 with the body of an empty list. It is never an empty list for us."""
        service = Service()
        service.emulator.strange_401 = True

        class Line:
            def send(self, request, *, deadline):
                return service.emulator.serve(request, service.clock)

            def close(self):
                pass

        token = SecretStr("wrong")
        with (
            AzureDevOps("https://dev.azure.com/fabrikam", token=token, wire=Line(), clock=service.clock) as devops,
            pytest.raises(AuthenticationError),
        ):
            devops.check()

    def test_rows_of_lines_decode_through_the_connector(self):
        """What the connector would give as a row decodes, or is a refusal of ours."""
        with AzureDevOps("https://dev.azure.com/fabrikam", token=SecretStr("x"), clock=ManualClock(NOW)) as devops:
            for number in ITEMS:
                for item in items_in(body_of(LINES[number])):
                    try:
                        devops.decode("WorkItem", Row(str(item["id"]), str(item["rev"]), item))
                    except LinkError as exc:
                        pytest.fail(f"line {number}: {exc}")
        assert unquote("%5C") == "\\"
