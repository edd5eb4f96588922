"""The emulated Azure DevOps refuses what the service refuses, and says it in the same way."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone

import pytest

from periferia_link.testing.emulators import ManualClock, make
from periferia_link.testing.emulators._devops_process import PROCESSES
from periferia_link.testing.emulators.azure_devops import AzureDevOpsEmulator
from periferia_link.typing import Request

PATCH = "application/json-patch+json"


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))


@pytest.fixture
def service():
    emulator = AzureDevOpsEmulator()
    emulator.base_url = "https://dev.azure.example"
    return emulator


class Caller:
    """Calls with the token of the emulator; answers are read as JSON."""

    def __init__(self, service, clock):
        self.service, self.clock = service, clock

    def __call__(self, method, path, body=None, kind="application/json", **headers):
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.service.do(method, path, self.clock, content, Content_Type=kind, **headers)
        is_json = "json" in (answer.header("content-type") or "") and answer.body
        return answer.status, json.loads(answer.body.decode("utf-8-sig")) if is_json else answer.body

    def create(self, *ops, kind="Task", project="Entrega", title="x"):
        document = [{"op": "add", "path": "/fields/System.Title", "value": title}, *ops]
        return self("POST", f"{project}/_apis/wit/workitems/${kind}", document, PATCH)

    def patch(self, number, *ops):
        return self("PATCH", f"_apis/wit/workitems/{number}", list(ops), PATCH)

    def wiql(self, text, **query):
        suffix = "".join(f"&{name}={value}" for name, value in query.items())
        return self("POST", f"Entrega/_apis/wit/wiql?x=1{suffix}", {"query": text})


@pytest.fixture
def call(service, clock):
    return Caller(service, clock)


def field(name, value, op="add"):
    return {"op": op, "path": f"/fields/{name}", "value": value}


def relation(rel, url, **attributes):
    return {"op": "add", "path": "/relations/-", "value": {"rel": rel, "url": url, "attributes": attributes}}


def code(told):
    return told["message"].split(":")[0]


class TestSigningIn:
    def send(self, service, clock, method="GET", **headers):
        told = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return service.serve(Request(method, f"{service.address}/_apis/connectionData", told), clock)

    @pytest.mark.parametrize(("method", "status"), [("GET", 203), ("POST", 203), ("PATCH", 401), ("DELETE", 401)])
    def test_a_wrong_token(self, service, clock, method, status):
        """A page for GET and POST, JSON for the others."""
        wrong = "Basic " + base64.b64encode(b":nope").decode()
        answer = self.send(service, clock, method, Authorization=wrong)
        assert status == answer.status
        assert ("text/html" if status == 203 else "application/json") in answer.header("content-type")

    def test_the_raw_token_is_no_basic(self, service, clock):
        """A PAT without base64, or under another scheme, gives the sign-in page."""
        for value in (f"Basic {service.pat}", f"Bearer {service.pat}", "Basic !", f"Digest {service.pat}"):
            assert 203 == self.send(service, clock, Authorization=value).status

    def test_nobody(self, service, clock):
        """Without credentials: a redirect to sign in, or 401 where the client asked for no redirect."""
        assert 302 == self.send(service, clock).status
        answer = self.send(service, clock, X_TFS_FedAuthRedirect="Suppress")
        assert (401, True) == (answer.status, "Basic realm" in answer.header("www-authenticate"))

    def test_tokens_of_entra(self, service, clock):
        """A bearer token counts for the application id of Azure DevOps only, and until it is spent."""
        known = service.entra.credentials()
        good = service.entra._issue("499b84ac-1321-427f-aa17-267ca6975798", known["client_id"], clock)
        other = service.entra._issue("https://other.example", known["client_id"], clock)
        assert 200 == self.send(service, clock, Authorization=f"Bearer {good}").status
        assert 203 == self.send(service, clock, Authorization=f"Bearer {other}").status
        service.spent.add(good)
        assert 203 == self.send(service, clock, Authorization=f"Bearer {good}").status

    def test_the_start_command_knows_it(self):
        """The reserved name makes it; what a client needs is in its credentials."""
        emulator = make("azure-devops", seed=3)
        assert {"token", "organization"} == set(emulator.credentials())
        emulator.entra.base_url = "https://127.0.0.1:4443"
        told = {"tenant_id", "client_id", "client_secret", "authority"}
        assert {"token", "organization"} | told <= set(emulator.credentials())
        assert emulator.pat == make("azure-devops", seed=3).pat != make("azure-devops", seed=4).pat

    def test_another_organisation_and_no_version(self, service, clock, call):
        """An unknown organisation is 404; a write without a version is refused."""
        request = Request("GET", "https://dev.azure.example/otra/_apis/projects", ())
        assert 404 == service.serve(request, clock).status
        status, told = call("POST", "Entrega/_apis/wit/wiql", {"query": "x"}, Accept="application/json")
        assert (400, "VssVersionNotSpecifiedException") == (status, told["typeKey"])

    def test_reset(self, service, clock, call):
        """Back to two empty projects."""
        call.create()
        service.reset()
        assert ({}, 2, 1) == (service.books["workItems"], len(service.books["projects"]), service.org.next_item)


class TestPatch:
    @pytest.mark.parametrize(
        ("ops", "expected"),
        [
            ([field("Custom.Nothing", 1)], "TF51535"),
            ([field("System.Rev", 9)], "TF401320"),
            ([field("System.Title", "")], "TF401320"),
            ([field("System.Title", "x" * 256)], "TF401320"),
            ([field("System.State", "Nada")], "TF401320"),
            ([field("System.State", "Closed")], "TF401320"),
            ([field("Microsoft.VSTS.Common.Priority", "alta")], "TF401320"),
            ([field("Microsoft.VSTS.Common.Priority", 1.5)], "TF401320"),
            ([field("Microsoft.VSTS.Scheduling.DueDate", "mañana")], "TF401320"),
            ([field("System.AreaPath", "Otro")], "TF401347"),
            ([field("System.IterationPath", "Entrega\\Nada")], "TF401347"),
            (
                [field("System.AssignedTo", "nadie")],
                "The identity value 'nadie' for field 'Assigned To' is an unknown identity.",
            ),
            ([field("System.Tags", ";".join(map(str, range(101))))], "VS403654"),
            ([relation("Nada", "https://x.example")], "TF237122"),
            ([relation("System.LinkTypes.Related", "https://x.example/_apis/wit/workItems/77")], "TF401232"),
            ([relation("Hyperlink", "https://a.example")] * 2, "VS402625"),
            ([relation("Hyperlink", "javascript:x")], "The patch document cannot be applied"),
            ([{"op": "remove", "path": "/relations/0"}], "The patch document cannot be applied"),
            ([{"op": "move", "path": "/fields/System.Title"}], "The patch document cannot be applied"),
            ([{"op": "add", "path": "/nowhere", "value": 1}], "The patch document cannot be applied"),
            ([{"op": "add"}], "The patch document cannot be applied"),
            (["x"], "The patch document cannot be applied"),
        ],
    )
    def test_what_is_refused(self, call, service, ops, expected):
        """Each with its number; nothing is made, and no id is used up."""
        status, told = call.create(*ops)
        assert status in (400, 404)
        assert expected == code(told)
        assert {} == service.books["workItems"]
        assert 1 == call.create()[1]["id"]

    def test_the_content_type_counts(self, call):
        """Plain JSON is no patch: 415."""
        status, told = call("POST", "Entrega/_apis/wit/workitems/$Task", [field("System.Title", "x")])
        assert (415, "VssRequestContentTypeNotSupportedException") == (status, told["typeKey"])

    @pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"nonsense", b'{"a": NaN}'])
    def test_a_document_is_a_list(self, call, body):
        """Anything else is 400."""
        assert 400 == call("POST", "Entrega/_apis/wit/workitems/$Task", body, PATCH)[0]

    def test_all_or_nothing(self, call, service):
        """The second operation fails: the first did not happen."""
        call.create()
        assert 400 == call.patch(1, field("System.Title", "y"), field("System.State", "Nada"))[0]
        assert ("x", 1) == (service.org.item(1)["fields"]["System.Title"], service.org.item(1)["rev"])

    def test_what_bumps_the_revision(self, call):
        """Fields and hyperlinks do, links between items and equal values do not."""
        call.create()
        call.create()
        url = "https://dev.azure.example/periferia/_apis/wit/workItems/2"
        for expected, op in (
            (1, relation("System.LinkTypes.Related", url)),
            (1, field("System.Title", "x")),
            (2, field("System.Title", "y")),
            (3, relation("Hyperlink", "https://a.example")),
        ):
            assert expected == call.patch(1, op)[1]["rev"]

    def test_one_parent(self, call):
        """A second parent is refused; from the other end as well it is one link."""
        for _ in range(3):
            call.create()
        base = "https://dev.azure.example/periferia/_apis/wit/workItems/"
        parent = "System.LinkTypes.Hierarchy-Reverse"
        assert 200 == call.patch(1, relation(parent, f"{base}2"))[0]
        status, told = call.patch(1, relation(parent, f"{base}3"))
        assert (400, "TF201036") == (status, code(told))
        assert 2 == call("GET", "_apis/wit/workitems/1")[1]["fields"]["System.Parent"]
        assert "TF201027" == code(call.patch(1, relation("System.LinkTypes.Related", f"{base}1"))[1])

    def test_states_set_dates_and_reasons(self, call):
        """Closing sets who and when; reopening takes them away."""
        call.create()
        closed = call.patch(1, field("System.State", "Closed"))[1]["fields"]
        assert {"Microsoft.VSTS.Common.ClosedDate", "Microsoft.VSTS.Common.ClosedBy"} <= set(closed)
        assert "Microsoft.VSTS.Common.ClosedDate" not in call.patch(1, field("System.State", "Active"))[1]["fields"]

    def test_rules_are_bypassed_on_request(self, call):
        """bypassRules=true begins in any state; validateOnly=true makes nothing."""
        document = [field("System.Title", "x"), field("System.State", "Closed")]
        path = "Entrega/_apis/wit/workitems/$Task"
        assert 200 == call("POST", f"{path}?validateOnly=true", [field("System.Title", "x")], PATCH)[0]
        assert 404 == call("GET", "_apis/wit/workitems/1")[0]
        assert "Closed" == call("POST", f"{path}?bypassRules=true", document, PATCH)[1]["fields"]["System.State"]

    def test_every_process_makes_its_types(self, call, service, clock):
        """Each type of each process can be made with a title alone."""
        for name, process in PROCESSES.items():
            service.org.add_project(f"P-{name}", name, clock.now())
            for kind in process.types:
                status, told = call.create(kind=kind.name.replace(" ", "%20"), project=f"P-{name}")
                assert (200, kind.states[0].name) == (status, told["fields"]["System.State"])


class TestReads:
    def test_expansion_and_fields_exclude_each_other(self, call):
        """VS403673, except for links."""
        call.create()
        assert 400 == call("GET", "_apis/wit/workitems/1?fields=System.Title&$expand=relations")[0]
        assert 200 == call("GET", "_apis/wit/workitems/1?fields=System.Title&$expand=links")[0]
        assert 400 == call("GET", "_apis/wit/workitems/1?$expand=everything")[0]
        assert 400 == call("GET", "_apis/wit/workitems/1?fields=No.Such")[0]

    def test_missing_ones_fail_or_are_null(self, call):
        """errorPolicy says which."""
        call.create()
        assert 404 == call("GET", "_apis/wit/workitems?ids=1,2")[0]
        assert [True, None] == [
            each and True for each in call("GET", "_apis/wit/workitems?ids=1,2&errorPolicy=omit")[1]["value"]
        ]
        body = {"ids": [2, 1], "errorPolicy": "Omit", "fields": ["System.Title"]}
        told = call("POST", "_apis/wit/workitemsbatch", body)[1]
        assert (2, None, "x") == (told["count"], told["value"][0], told["value"][1]["fields"]["System.Title"])
        assert "VS403474" == code(call("POST", "_apis/wit/workitemsbatch", {"ids": list(range(1, 202))})[1])
        assert 400 == call("POST", "_apis/wit/workitemsbatch", {"ids": ["1"]})[0]
        assert 400 == call("GET", "_apis/wit/workitems?ids=a")[0]

    def test_an_item_of_another_project(self, call):
        """Below the address of a project only its items are there."""
        call.create()
        assert 404 == call("GET", "Soporte/_apis/wit/workitems/1")[0]
        assert 404 == call("GET", "Nada/_apis/wit/workitems/1")[0]

    def test_files(self, call):
        """Uploaded, linked, downloaded."""
        status, told = call("POST", "_apis/wit/attachments?fileName=a.txt", b"hola", "application/octet-stream")
        assert (201, "fileName=a.txt") == (status, told["url"].rpartition("?")[2])
        assert (200, b"hola") == call("GET", f"_apis/wit/attachments/{told['id']}")
        assert 404 == call("GET", "_apis/wit/attachments/x")[0]

    def test_comments_are_a_preview(self, call):
        """Without -preview in the version they are refused; pages follow a token."""
        call.create()
        path = "Entrega/_apis/wit/workItems/1/comments"
        assert 400 == call("GET", path, Accept="application/json;api-version=7.1")[0]
        for number in range(3):
            assert 200 == call("POST", path, {"text": f"c{number}"})[0]
        first = call("GET", f"{path}?$top=2")[1]
        assert (3, ["c2", "c1"]) == (first["totalCount"], [each["text"] for each in first["comments"]])
        rest = call("GET", f"{path}?$top=2&continuationToken={first['continuationToken']}")[1]
        assert (["c0"], False) == ([each["text"] for each in rest["comments"]], "nextPage" in rest)
        number = rest["comments"][0]["id"]
        assert 2 == call("PATCH", f"{path}/{number}", {"text": "c"})[1]["version"]
        assert call("DELETE", f"{path}/{number}")[1]["isDeleted"]
        assert 404 == call("GET", f"{path}/{number}")[0]
        assert 400 == call("POST", path, {"text": " "})[0]

    def test_the_bin(self, call, service):
        """Deleted in the manner of the United States; restored; destroyed; too full to be listed."""
        for _ in range(3):
            call.create()
        told = call("DELETE", "_apis/wit/workitems/1")[1]
        assert ("11/20/2026 2:00:00 PM", True) == (told["deletedDate"], "<" in told["deletedBy"])
        assert 2 == told["resource"]["rev"]
        assert 204 == call("DELETE", "_apis/wit/workitems/2?destroy=true")[0]
        assert [200, 404] == [
            each["code"] for each in call("POST", "_apis/wit/workitemsdelete", {"ids": [3, 9]})[1]["results"]
        ]
        assert 400 == call("PATCH", "_apis/wit/recyclebin/1", {})[0]
        service.org.bin_cap = 1
        assert "VS402337" == code(call("GET", "_apis/wit/recyclebin")[1])
        assert 204 == call("DELETE", "_apis/wit/recyclebin/1")[0]
        assert [3] == [each["id"] for each in call("GET", "Entrega/_apis/wit/recyclebin")[1]["value"]]


class TestFeeds:
    def test_tokens_survive_a_restart_of_the_client(self, call):
        """Opaque, resumable, good after the last batch; the newest revision only, on request."""
        for number in range(3):
            call.create(title=str(number))
        call.patch(1, field("System.Title", "again"))
        path = "_apis/wit/reporting/workitemrevisions"
        first = call("GET", f"{path}?$maxPageSize=2")[1]
        assert ([1, 2], False) == ([each["id"] for each in first["values"]], first["isLastBatch"])
        rest = call("GET", f"{path}?continuationToken={first['continuationToken']}")[1]
        assert ([3, 1], True) == ([each["id"] for each in rest["values"]], rest["isLastBatch"])
        latest = call("POST", f"{path}?includeLatestOnly=true", {"fields": ["System.Title"], "types": ["Task"]})[1]
        assert [(2, "1"), (3, "2"), (1, "again")] == [
            (each["id"], each["fields"]["System.Title"]) for each in latest["values"]
        ]
        call.create(title="late")
        token = rest["continuationToken"]
        assert [4] == [each["id"] for each in call("GET", f"{path}?continuationToken={token}")[1]["values"]]

    @pytest.mark.parametrize("query", ["continuationToken=1;2;3&startDateTime=2026-01-01", "continuationToken=x"])
    def test_tokens_are_checked(self, call, query):
        """A date and a token exclude each other; nonsense is refused."""
        assert 400 == call("GET", f"_apis/wit/reporting/workitemrevisions?{query}")[0]

    def test_deleted_ones_on_request(self, call):
        """Gone without includeDeleted; with it, marked."""
        call.create()
        call("DELETE", "_apis/wit/workitems/1")
        path = "_apis/wit/reporting/workitemrevisions"
        assert [] == call("GET", path)[1]["values"]
        told = call("GET", f"{path}?includeDeleted=true&includeLatestOnly=true")[1]["values"]
        assert [True] == [each["fields"]["System.IsDeleted"] for each in told]

    def test_people_and_long_texts(self, call):
        """People are texts, or objects on request; long texts come with $expand=fields."""
        call.create(field("System.Description", "<p>largo</p>"))
        path = "_apis/wit/reporting/workitemrevisions"
        short = call("GET", path)[1]["values"][0]["fields"]
        assert ("Periferia Link <link@periferia.example>", False) == (
            short["System.CreatedBy"],
            "System.Description" in short,
        )
        full = call("GET", f"{path}?$expand=fields&includeIdentityRef=true")[1]["values"][0]["fields"]
        assert {"id", "uniqueName"} == set(full["System.CreatedBy"])
        assert "<p>largo</p>" == full["System.Description"]

    def test_links_made_and_removed(self, call):
        """Both are told, with the direction of the type; from a date on."""
        call.create()
        call.create()
        url = "https://dev.azure.example/periferia/_apis/wit/workItems/2"
        call.patch(1, relation("System.LinkTypes.Hierarchy-Reverse", url))
        call.patch(1, {"op": "remove", "path": "/relations/0"})
        told = call("GET", "_apis/wit/reporting/workitemlinks")[1]["values"]
        assert [(2, 1, True), (2, 1, False)] == [(x["sourceId"], x["targetId"], x["isActive"]) for x in told]
        assert "System.LinkTypes.Hierarchy" == told[0]["rel"]
        path = "_apis/wit/reporting/workitemlinks?startDateTime=2026-11-21T00:00:00Z"
        assert [] == call("GET", path)[1]["values"]


class TestQueries:
    @pytest.fixture(autouse=True)
    def items(self, call):
        call.create(field("System.Tags", "uno; dos"), field("Microsoft.VSTS.Common.Priority", 1), title="Alfa")
        call.create(field("System.AssignedTo", "ana@periferia.example"), title="Beta", kind="Bug")
        call.create(title="O'Neil", project="Soporte")

    @pytest.mark.parametrize(
        ("where", "ids"),
        [
            ("[System.Title] = 'alfa'", [1]),
            ("[System.Title] <> 'Alfa'", [2, 3]),
            ("[System.Title] = 'O''Neil' OR [System.Title] = \"Beta\"", [2, 3]),
            ("[System.Id] > 1 AND NOT [System.Id] = 3", [2]),
            ("([System.Id] = 1 OR [System.Id] = 2) AND [System.State] = 'New'", [1, 2]),
            ("[System.Id] IN (1, 3)", [1, 3]),
            ("[System.Id] NOT IN (1, 3)", [2]),
            ("[System.Tags] CONTAINS 'DOS'", [1]),
            ("[System.Tags] CONTAINS 'do'", []),
            ("[System.Tags] NOT CONTAINS 'uno'", [2, 3]),
            ("[System.Title] CONTAINS 'et'", [2]),
            ("[System.Title] CONTAINS WORDS 'bet'", [2]),
            ("[System.AreaPath] UNDER 'Entrega'", [1, 2]),
            ("[System.AreaPath] NOT UNDER 'Entrega'", [3]),
            ("[System.TeamProject] = @project", [1, 2]),
            ("[System.AssignedTo] = 'Ana Prueba <ana@periferia.example>'", [2]),
            ("[System.AssignedTo] <> @me", [1, 2, 3]),
            ("[System.AssignedTo] IS EMPTY", [1, 3]),
            ("[System.Tags] IS NOT EMPTY", [1]),
            ("[System.CreatedDate] >= @today - 1", [1, 2, 3]),
            ("[System.CreatedDate] > '2026-11-21'", []),
            ("[Microsoft.VSTS.Common.Priority] <= 1", [1]),
            ("[Work Item Type] = 'Bug'", [2]),
        ],
    )
    def test_conditions(self, call, where, ids):
        """Operators, brackets, lists, macros; texts without regard to case."""
        status, told = call.wiql(f"SELECT [System.Id] FROM WorkItems WHERE {where} ORDER BY [System.Id]")
        assert (200, ids) == (status, [each["id"] for each in told["workItems"]])

    @pytest.mark.parametrize(
        ("text", "number"),
        [
            ("", "TF51004"),
            ("x" * 32_001, "VS402336"),
            ("[System.Id] FROM WorkItems", "TF51005"),
            ("SELECT [No.Such] FROM WorkItems", "TF51005"),
            ("SELECT [System.Id] WHERE [System.Id] = 1", "TF51006"),
            ("SELECT [System.Id] FROM WorkItemLinks", "TF51007"),
            ("SELECT [System.Id] FROM WorkItems WHERE [System.Title] = x", "TF51009"),
            ("SELECT [System.Id] FROM WorkItems WHERE [System.Title] = 'x' 'y'", "TF51009"),
            ("SELECT [System.Id] FROM WorkItems WHERE [System.Title] = 'x", "TF51009"),
            ("SELECT [System.Id] FROM WorkItems WHERE ([System.Id] = 1", "TF51010"),
            ("SELECT [System.Id] FROM WorkItems WHERE [System.Id] IN (1", "TF51010"),
            ("SELECT [System.Id] FROM WorkItems WHERE [System.Id] LIKE 1", "TF51011"),
            ("SELECT [System.Id] FROM WorkItems WHERE [System.Id] IS NULL", "TF51011"),
            ("SELECT [System.Id] FROM WorkItems WHERE [System.Id] = , 1", "TF51009"),
            ("SELECT [System.Id] FROM WorkItems WHERE [System.Id] IN 1", "TF51012"),
            ("SELECT [System.Id] FROM WorkItems WHERE [System.Id] CONTAINS '1'", "TF51013"),
            ("SELECT [System.Id] FROM WorkItems WHERE [System.Title] UNDER 'x'", "TF51014"),
            ("SELECT [System.Id] FROM WorkItems WHERE [System.Id] = 'x'", "TF51015"),
            ("SELECT [System.Id] FROM WorkItems WHERE [System.Description] = 5", "TF51015"),
            ("SELECT [System.Id] FROM WorkItems WHERE [System.CreatedDate] > 'x'", "TF51016"),
            ("SELECT [System.Id] FROM WorkItems WHERE [System.Id] = @nada", "TF51018"),
        ],
    )
    def test_what_is_refused(self, call, text, number):
        """Each with a number, and what it is about."""
        status, told = call.wiql(text)
        assert (400, number) == (status, code(told))

    def test_order_and_top(self, call):
        """Sorted by several fields, cut at $top; @project needs a project."""
        told = call.wiql("SELECT [System.Id] FROM WorkItems ORDER BY [System.TeamProject] DESC, [System.Id] ASC")[1]
        assert [3, 1, 2] == [each["id"] for each in told["workItems"]]
        assert 1 == len(call.wiql("SELECT [System.Id] FROM WorkItems", **{"$top": 1})[1]["workItems"])
        assert 400 == call.wiql("SELECT [System.Id] FROM WorkItems", **{"$top": 20_001})[0]
        text = "SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = @project"
        assert "TF51017" == code(call("POST", "_apis/wit/wiql", {"query": text})[1])
        assert 404 == call("GET", "_apis/wit/wiql/8a8c8212")[0]

    def test_too_many_results(self, call, monkeypatch):
        """More than the limit: VS402337, unless fewer are asked for."""
        from periferia_link.testing.emulators import _devops_queries

        monkeypatch.setattr(_devops_queries, "MOST_RESULTS", 2)
        assert "VS402337" == code(call.wiql("SELECT [System.Id] FROM WorkItems")[1])
        assert 1 == len(call.wiql("SELECT [System.Id] FROM WorkItems", **{"$top": 1})[1]["workItems"])


class TestBatch:
    def part(self, uri, *ops, kind=PATCH, method="PATCH"):
        return {"method": method, "uri": uri, "headers": {"Content-Type": kind}, "body": list(ops)}

    def test_negative_ids(self, call):
        """An item made in the batch is linked in it by its negative id; a refusal stops nobody."""
        create = "/Entrega/_apis/wit/workitems/${}?api-version=7.1"
        url = "https://dev.azure.example/periferia/_apis/wit/workItems/-1"
        status, told = call(
            "PATCH",
            "_apis/wit/$batch",
            [
                self.part(
                    create.format("Feature"), field("System.Title", "p"), {"op": "add", "path": "/id", "value": -1}
                ),
                self.part("/_apis/wit/workitems/404?api-version=7.1", field("System.Title", "x")),
                self.part(
                    create.format("Task"),
                    field("System.Title", "c"),
                    relation("System.LinkTypes.Hierarchy-Reverse", url),
                ),
            ],
        )
        assert (200, [200, 404, 200]) == (status, [each["code"] for each in told["value"]])
        assert 1 == json.loads(told["value"][2]["body"])["fields"]["System.Parent"]
        assert "TF401232" in json.loads(told["value"][1]["body"])["value"]["Message"]

    @pytest.mark.parametrize(
        "part",
        [
            {"method": "POST", "uri": "/Entrega/_apis/wit/workitems/$Task?api-version=7.1"},
            {"method": "PATCH", "uri": "/Entrega/_apis/wit/workitems/$Task"},
            {"method": "PATCH", "uri": "Entrega/_apis/wit/workitems/$Task?api-version=7.1"},
            {"method": "PATCH", "uri": "/_apis/projects/x?api-version=7.1"},
        ],
    )
    def test_a_part_is_a_patch_of_an_item(self, call, part):
        """Anything else is refused by itself."""
        told = call("PATCH", "_apis/wit/$batch", [{**self.part("", field("System.Title", "x")), **part}])[1]
        assert [400] == [each["code"] for each in told["value"]]

    @pytest.mark.parametrize("body", [{}, [], ["x"], [{}] * 201])
    def test_a_batch_is_a_list_of_200(self, call, body):
        """Empty, too long, or no list: refused as a whole."""
        assert 400 == call("PATCH", "_apis/wit/$batch", body)[0]


class TestLimits:
    def test_warned_delayed_blocked(self, service, call, clock):
        """First headers, then 200 with Retry-After, then 429; later it goes on."""
        service.limits.units = 8
        answers = [service.do("GET", "_apis/projects", clock) for _ in range(9)]
        assert [200] * 8 + [429] == [answer.status for answer in answers]
        assert (None, "3") == tuple(answers[n].header("x-ratelimit-remaining") for n in (3, 4))
        assert (None, "5") == tuple(answers[n].header("retry-after") for n in (5, 6))
        assert "RequestBlockedException" in answers[8].body.decode()
        clock.sleep(301)
        assert 200 == service.do("GET", "_apis/projects", clock).status


class TestNodesAndProjects:
    def test_nodes(self, call):
        """Made once, renamed, moved, deleted with an heir."""
        areas = "Entrega/_apis/wit/classificationNodes/areas"
        assert 201 == call("POST", areas, {"name": "Uno"})[0]
        status, told = call("POST", areas, {"name": "uno"})
        assert (409, "TF237018") == (status, code(told))
        child = call("POST", f"{areas}/Uno", {"name": "Dos"})[1]
        assert (400, 404) == (call("POST", areas, {"name": "a/b"})[0], call("POST", f"{areas}/Nada", {"name": "x"})[0])
        assert "Dos B" == call("PATCH", f"{areas}/Uno/Dos", {"name": "Dos B"})[1]["name"]
        assert 200 == call("POST", areas, {"id": child["id"]})[0]
        call.create(field("System.AreaPath", "Entrega\\Uno"))
        assert 400 == call("DELETE", f"{areas}/Uno")[0]
        root = call("GET", areas)[1]["id"]
        assert 204 == call("DELETE", f"{areas}/Uno?$reclassifyId={root}")[0]
        assert "Entrega" == call("GET", "_apis/wit/workitems/1")[1]["fields"]["System.AreaPath"]
        assert 400 == call("DELETE", areas)[0]
        assert 400 == call("GET", "Entrega/_apis/wit/classificationNodes/nada")[0]
        assert 404 == call("GET", "Entrega/_apis/wit/classificationNodes?ids=9")[0]
        assert 0 == call("GET", "Entrega/_apis/wit/classificationNodes?ids=9&errorPolicy=omit")[1]["count"]

    def test_projects(self, call):
        """Made by an operation; a second one of that name is refused; gone with its items."""
        process = {"processTemplate": {"templateTypeId": PROCESSES["Scrum"].key}}
        status, told = call("POST", "_apis/projects", {"name": "Nuevo", "capabilities": process})
        assert 202 == status
        assert "succeeded" == call("GET", f"_apis/operations/{told['id']}")[1]["status"]
        assert 400 == call("POST", "_apis/projects", {"name": "nuevo", "capabilities": process})[0]
        assert 400 == call("POST", "_apis/projects", {"name": "Otro"})[0]
        call.create(kind="Task", project="Nuevo")
        assert 202 == call("DELETE", "_apis/projects/Nuevo")[0]
        assert 404 == call("GET", "_apis/wit/workitems/1")[0]
        assert 404 == call("GET", "_apis/operations/x")[0]

    def test_an_address_that_is_none(self, call):
        """text/plain, not the envelope; id 0 as well (recorded)."""
        for path in ("_apis/wit/nothing", "_apis/wit/workitems/0", "_apis/wit/workitems/x"):
            status, body = call("GET", path)
            assert (404, True) == (status, b"controller for path" in body)
        assert 404 == call("GET", "_apis/wit/fields/No.Such")[0]
        assert 404 == call("GET", "Entrega/_apis/wit/workitemtypes/Nada/states")[0]
