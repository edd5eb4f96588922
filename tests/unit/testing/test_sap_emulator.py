from __future__ import annotations

import hashlib
import json

import pytest

from periferia_link.testing.emulators import ManualClock
from periferia_link.testing.emulators.sap import SapEmulator
from sap_calls import Caller, batch, code_of


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def emulator():
    return SapEmulator()


@pytest.fixture
def call(emulator, clock):
    caller = Caller(emulator, clock)
    caller.login()
    return caller


@pytest.fixture
def clients(emulator):
    rows = [{"CardCode": f"C{n:03}", "CardName": f"Cliente {n}", "FederalTaxID": f"90{n:07}-1"} for n in range(1, 46)]
    emulator.load({"BusinessPartners": rows})


class TestLogin:
    """POST /Login: cookies, body, and the ways to be refused."""

    def test_cookies(self, emulator, clock):
        """Both cookies come exactly as the real server writes them: no Path, a semicolon at the end."""
        answer = Caller(emulator, clock).login()
        session = json.loads(answer.body)["SessionId"]

        assert [f"B1SESSION={session};HttpOnly;", "ROUTEID=.node1; path=/b1s"] == answer.headers_named("Set-Cookie")

    def test_body_has_the_recorded_fields(self, emulator, clock):
        """Version 4 has a context; the timeout is 30 minutes."""
        body = json.loads(Caller(emulator, clock).login().body)

        assert ["@odata.context", "SessionId", "Version", "SessionTimeout"] == list(body)
        assert 30 == body["SessionTimeout"]

    @pytest.mark.parametrize(
        ("more", "code"), [({"Password": "no"}, "-304"), ({"UserName": "no"}, "-304"), ({"CompanyDB": "no"}, "-306")]
    )
    def test_refused(self, emulator, clock, more, code):
        """A wrong password and a wrong company differ by code only."""
        assert (401, code) == code_of(Caller(emulator, clock).login(**more))

    def test_case_counts(self, emulator, clock):
        """/login is a protected resource like any other."""
        assert (401, 301) == code_of(Caller(emulator, clock)("POST", "/b1s/v1/login", {}))

    def test_expect_continue_dies_at_the_balancer(self, emulator, clock):
        """Expect: 100-continue gets an empty 500."""
        answer = Caller(emulator, clock)("POST", "/b1s/v1/Login", {}, Expect="100-continue")

        assert (500, b"") == (answer.status, answer.body)

    @pytest.mark.parametrize("body", [b"no json", b"[]"])
    def test_body_that_is_no_object(self, emulator, clock, body):
        """Something else than an object is a bad request."""
        assert (400, "-1000") == code_of(Caller(emulator, clock)("POST", "/b1s/v2/Login", body))


class TestSession:
    """Thirty sliding minutes."""

    def test_needed(self, emulator, clock):
        """Without a cookie: 401, code 301, a number in v1 and a string in v2."""
        call = Caller(emulator, clock)

        assert (401, 301) == code_of(call("GET", "/b1s/v1/Projects"))
        assert (401, "301") == code_of(call("GET", "/b1s/v2/Projects"))

    def test_slides(self, call, clock):
        """Each request starts the thirty minutes anew."""
        for _ in range(4):
            clock.advance(29 * 60)
            assert 200 == call("GET", "/b1s/v2/Projects").status

    def test_expires(self, call, clock):
        """After more than thirty idle minutes it is gone."""
        clock.advance(30 * 60 + 1)

        assert (401, "301") == code_of(call("GET", "/b1s/v2/Projects"))

    def test_serves_both_versions(self, call):
        """One session works under /b1s/v1 and /b1s/v2."""
        assert 200 == call("GET", "/b1s/v1/Projects").status

    def test_logout(self, call):
        """After /Logout (204) the session is gone."""
        assert 204 == call("POST", "/b1s/v2/Logout").status
        assert 401 == call("GET", "/b1s/v2/Projects").status

    def test_forced_expiry(self, call, emulator):
        """A restarted node forgets everybody."""
        emulator.sessions.expire()

        assert 0 == len(emulator.sessions)
        assert 401 == call("GET", "/b1s/v2/Projects").status

    def test_language_of_the_messages(self, emulator, clock):
        """The words follow the language of the login, the code does not."""
        call = Caller(emulator, clock)
        call.login(Language="ln_Spanish_La")
        answer = call("GET", "/b1s/v1/Projects('x')")

        assert (404, -2028) == code_of(answer)
        assert "No existen registros" in json.loads(answer.body)["error"]["message"]["value"]


class TestOutside:
    """What the balancer answers by itself."""

    @pytest.mark.parametrize("path", ["/ping/", "/ping/load-balancer", "/ping/node/3"])
    def test_ping(self, emulator, clock, path):
        """Health checks need no session."""
        assert b"pong" == Caller(emulator, clock)("GET", path).body

    def test_node_that_is_down(self, emulator, clock):
        """Its health check says 503, those of the others go on."""
        emulator.nodes_down.add("2")
        call = Caller(emulator, clock)

        assert [200, 503, 200] == [
            call("GET", f"/ping/{node}").status for node in ("node/1", "node/2", "load-balancer")
        ]

    @pytest.mark.parametrize("path", ["/ping/other", "/", "/b1s/v3/Projects", "/b1s/v2"])
    def test_elsewhere(self, call, path):
        """Anything else is Apache's HTML."""
        answer = call("GET", path)

        assert 404 == answer.status
        assert b"<title>404 Not Found</title>" in answer.body

    def test_too_large(self, call):
        """More than 50 MiB is refused in HTML."""
        assert 413 == call("POST", "/b1s/v2/Projects", b" " * (50 * 1024 * 1024 + 1)).status

    @pytest.mark.parametrize(("status", "empty"), [(500, True), (502, False), (503, False)])
    def test_faults_look_like_apache(self, emulator, status, empty):
        """A fault without a code is the balancer's page; with one it is the Service Layer's error."""
        assert empty == (b"" == emulator.refusal(status, "", "x").body)
        assert (status, "-5") == code_of(emulator.refusal(status, "-5", "x"))


@pytest.mark.usefixtures("clients")
class TestPages:
    """Page size, links and counts."""

    def test_twenty_rows_and_a_relative_link(self, call):
        """The default page has 20 rows; the link is relative and skips them."""
        page = call.get("/b1s/v2/BusinessPartners?$orderby=CardCode&$select=CardCode")

        assert 20 == len(page["value"])
        assert "BusinessPartners?$orderby=CardCode&$select=CardCode&$skip=20" == page["@odata.nextLink"]

    def test_last_page_has_no_link(self, call):
        """A page that is not full ends the list."""
        page = call.get("/b1s/v1/BusinessPartners?$skip=40")

        assert 5 == len(page["value"])
        assert "odata.nextLink" not in page

    @pytest.mark.parametrize(
        ("form", "start"),
        [
            ("rooted", "/b1s/v1/BusinessPartners?$skip="),
            ("odd", "BusinessPartners?&$skip="),
            ("absolute", "https://sap.example:50000/b1s/v1/BusinessPartners?$skip="),
        ],
    )
    def test_link_forms(self, call, emulator, form, start):
        """The observed forms of links can be chosen."""
        emulator.reads.link_form = form

        assert f"{start}20" == call.get("/b1s/v1/BusinessPartners")["odata.nextLink"]

    def test_dropped_filter(self, call, emulator):
        """Some installations forget the filter in the link."""
        emulator.reads.drops_filter = True
        page = call.get("/b1s/v2/BusinessPartners?$filter=startswith(CardCode,'C')&$select=CardCode&$top=44")

        assert "BusinessPartners?$top=24&$skip=20" == page["@odata.nextLink"]

    def test_full_last_page_has_a_link(self, call, emulator):
        """A full last page links to an empty one, unless the installation is wiser."""
        path = "/b1s/v2/BusinessPartners?$filter=CardCode le 'C020'"
        assert [] == call.get("/b1s/v2/" + call.get(path)["@odata.nextLink"])["value"]

        emulator.reads.links_full_pages = False
        assert "@odata.nextLink" not in call.get(path)

    def test_no_link_when_top_fits(self, call):
        """$top within a page hides that there is more."""
        assert "@odata.nextLink" not in call.get("/b1s/v2/BusinessPartners?$top=20")

    def test_top_over_pages(self, call):
        """A larger $top goes on over pages and is counted down in the link."""
        page = call.get("/b1s/v2/BusinessPartners?$top=25")

        assert (20, "BusinessPartners?$top=5&$skip=20") == (len(page["value"]), page["@odata.nextLink"])

    def test_prefer_is_applied_and_said(self, call):
        """Prefer wins over B1S-PageSize and is answered."""
        answer = call("GET", "/b1s/v2/BusinessPartners", Prefer="odata.maxpagesize=30", B1S_PageSize="3")

        assert 30 == len(json.loads(answer.body)["value"])
        assert "odata.maxpagesize=30" == answer.header("Preference-Applied")

    @pytest.mark.parametrize(("size", "rows"), [("0", 45), ("7", 7), ("many", 20)])
    def test_page_size_header(self, call, size, rows):
        """B1S-PageSize works, 0 asks for everything, nonsense is ignored; nothing is said about it."""
        answer = call("GET", "/b1s/v2/BusinessPartners", B1S_PageSize=size)

        assert rows == len(json.loads(answer.body)["value"])
        assert answer.header("Preference-Applied") is None

    def test_counts(self, call):
        """The count is a string in v1, a number in v2, and bare text under /$count."""
        assert "45" == call.get("/b1s/v1/BusinessPartners?$inlinecount=allpages&$top=1")["odata.count"]
        assert 45 == call.get("/b1s/v2/BusinessPartners?$count=true&$top=1")["@odata.count"]
        assert b"9" == call("GET", "/b1s/v2/BusinessPartners/$count?$filter=CardCode lt 'C010'").body

    @pytest.mark.parametrize("option", ["$top=x", "$skip=-1", "$apply=x", "$expand=x", "$filter=(", "$orderby=a b c"])
    def test_bad_options(self, call, option):
        """What is not understood is 400, -1000; $apply works on HANA only."""
        assert (400, "-1000") == code_of(call("GET", f"/b1s/v2/BusinessPartners?{option}"))


@pytest.mark.usefixtures("clients")
class TestFilter:
    """$filter: four functions, no arithmetic, enums and dates in several spellings."""

    @pytest.mark.parametrize(
        ("text", "rows"),
        [
            ("startswith(CardCode,'C04')", 6),
            ("endswith(CardCode,'5') and CardName ne 'Cliente 5'", 4),
            ("contains(CardName,'te 4') or CardCode eq 'C001'", 8),
            ("substringof('te 4',CardName)", 7),
            ("not (CardCode ge 'C002')", 1),
            ("CardType eq 'C'", 45),
            ("CardType eq 'cCustomer' and Valid eq 'tYES'", 45),
            ("UpdateDate ge '20260101' and UpdateDate le '2026-12-31'", 1),
            ("UpdateDate eq datetime'2026-03-02T10:00:00'", 1),
        ],
    )
    def test_understood(self, call, text, rows):
        """What the guide lists works."""
        call("PATCH", "/b1s/v2/BusinessPartners('C007')", {"Phone1": "1"})
        size = {"Prefer": "odata.maxpagesize=0"}

        assert rows == len(call.get(f"/b1s/v2/BusinessPartners?$filter={text.replace(' ', '+')}", **size)["value"])

    @pytest.mark.parametrize(
        "text",
        [
            "tolower(CardCode) eq 'c001'",
            "year(UpdateDate) eq 2026",
            "CardCode in ('C001')",
            "GroupCode add 1 eq 2",
            "NoSuchField eq 1",
            "BPAddresses/any(a: a/City eq 'x')",
        ],
    )
    def test_refused(self, call, text):
        """Everything else is 400, -1000."""
        assert (400, "-1000") == code_of(call("GET", f"/b1s/v2/BusinessPartners?$filter={text.replace(' ', '%20')}"))

    def test_quotes_cannot_break_out(self, call):
        """A doubled quote is a quote."""
        assert [] == call.get("/b1s/v2/BusinessPartners?$filter=CardCode eq 'a'' or CardName ne '''")["value"]

    def test_unknown_column(self, call):
        """$select and $orderby are checked, too."""
        assert (400, "-1000") == code_of(call("GET", "/b1s/v2/BusinessPartners?$select=Nope"))
        assert (400, "-1000") == code_of(call("GET", "/b1s/v2/BusinessPartners?$orderby=Nope desc"))


@pytest.mark.usefixtures("clients")
class TestRecord:
    """One record by its key."""

    def test_etag_is_the_hash_of_the_data_version(self, call):
        """Header and annotation carry W/"SHA1(DataVersion)" in upper case, and move with it."""
        call("PATCH", "/b1s/v2/BusinessPartners('C001')", {"City": "Cali"})
        answer = call("GET", "/b1s/v2/BusinessPartners('C001')")
        expected = 'W/"' + hashlib.sha1(b"2").hexdigest().upper() + '"'

        assert expected == answer.header("ETag")
        assert expected == json.loads(answer.body)["@odata.etag"]

    def test_select_freezes_the_etag(self, call):
        """A $select read has no ETag header, and an annotation that never changes."""
        call("PATCH", "/b1s/v2/BusinessPartners('C001')", {"City": "Cali"})
        answer = call("GET", "/b1s/v2/BusinessPartners('C001')?$select=City")

        assert answer.header("ETag") is None
        assert 'W/"356A192B7913B04C54574D18C28D46E6395428AB"' == json.loads(answer.body)["@odata.etag"]

    def test_only_some_objects_have_one(self, call, emulator):
        """Projects are not on SAP's list."""
        emulator.load({"Projects": [{"Code": "P1", "Name": "Uno"}]})
        answer = call("GET", "/b1s/v2/Projects('P1')")

        assert answer.header("ETag") is None
        assert "@odata.etag" not in json.loads(answer.body)

    def test_dates_by_version(self, call, emulator):
        """v2 writes a date with a time, v1 without."""
        emulator.load({"Projects": [{"Code": "P1", "ValidFrom": "20260131"}]})

        assert "2026-01-31T00:00:00Z" == call.get("/b1s/v2/Projects('P1')")["ValidFrom"]
        assert "2026-01-31" == call.get("/b1s/v1/Projects('P1')")["ValidFrom"]

    def test_change_dates_are_days_of_the_server(self, call, clock):
        """UpdateDate is a day and UpdateTime a time of the wall clock in Bogotá."""
        clock.advance(15 * 3600)  # 04:00 UTC of the next day
        call.login()
        call("PATCH", "/b1s/v2/BusinessPartners('C001')", {"City": "Cali"})
        row = call.get("/b1s/v1/BusinessPartners('C001')")

        assert ("2026-03-02", "23:00:00") == (row["UpdateDate"], row["UpdateTime"])

    def test_quoted_keys(self, call, emulator):
        """Quotes are doubled, percent escapes decoded."""
        emulator.load({"Projects": [{"Code": "O'B/1"}]})

        assert "O'B/1" == call.get("/b1s/v2/Projects('O%27%27B%2F1')")["Code"]

    @pytest.mark.parametrize(
        ("path", "code"),
        [
            ("BusinessPartners('no')", (404, "-2028")),
            ("JournalEntries('a')", (404, "-2028")),
            ("JournalEntries(a)", (400, "-1000")),
            ("Nothing", (400, "-1002")),
            ("U_NOTHING", (400, "-1002")),
            ("Projects()(", (400, "-1002")),
        ],
    )
    def test_not_there(self, call, path, code):
        """A missing record, a key of the wrong kind, a set that there is not."""
        assert code == code_of(call("GET", f"/b1s/v2/{path}"))


class TestServices:
    """Service methods that say which company this is."""

    def test_who(self, call):
        """Administration, company, installation and currency."""
        admin = json.loads(call("POST", "/b1s/v2/CompanyService_GetAdminInfo", {}).body)
        company = json.loads(call("POST", "/b1s/v2/CompanyService_GetCompanyInfo", {}).body)
        number = json.loads(call("POST", "/b1s/v2/LicenseService_GetInstallationNumber", {}).body)
        currency = json.loads(call("POST", "/b1s/v1/SBOBobService_GetLocalCurrency").body)

        assert ("COP", 2) == (admin["LocalCurrency"], admin["TotalsAccuracy"])
        assert admin["CompanyName"] == company["CompanyName"]
        assert number["value"].isdigit()
        assert "COP" == currency["value"]

    def test_metadata_waits_for_a_restart(self, call, emulator):
        """A new user table and field are seen after a restart of the Service Layer only."""
        call("POST", "/b1s/v2/UserTablesMD", {"TableName": "NEW", "TableDescription": "New"})
        call("POST", "/b1s/v2/UserFieldsMD", {"TableName": "@NEW", "Name": "Note", "Type": "db_Alpha"})
        assert (400, "-1002") == code_of(call("GET", "/b1s/v2/U_NEW"))

        emulator.company.restart()
        assert 201 == call("POST", "/b1s/v2/U_NEW", {"Code": "1", "Name": "a", "U_Note": "x"}).status
        assert "x" == call.get("/b1s/v2/U_NEW('1')")["U_Note"]


class TestHarness:
    """What tests use beside the wire."""

    def test_reset(self, call, emulator):
        """Everything goes: records, sessions, switches."""
        emulator.load({"Projects": [{"Code": "P1"}]})
        emulator.approval_required = True
        emulator.reset()

        assert {} == emulator.books["Projects"]
        assert not emulator.approval_required
        assert 401 == call("GET", "/b1s/v2/Projects").status

    def test_load_checks(self, emulator):
        """What SAP could not hold is not loaded."""
        with pytest.raises(ValueError, match="Value too long in property 'CenterCode'"):
            emulator.load({"ProfitCenters": [{"CenterCode": "SOFTWARE1"}]})

    def test_load_merges(self, emulator):
        """A record that is there keeps what the new one does not say."""
        emulator.load({"Projects": [{"Code": "P1", "Name": "Uno"}]})
        emulator.load({"Projects": [{"Code": "P1", "Active": "N"}]})

        assert ("Uno", "tNO") == (emulator.books["Projects"]["P1"]["Name"], emulator.books["Projects"]["P1"]["Active"])

    def test_load_numbers(self, emulator):
        """Records without a number get the next one."""
        emulator.load({"EmployeesInfo": [{"LastName": "A"}, {"LastName": "B"}]})

        assert ["1", "2"] == list(emulator.books["EmployeesInfo"])

    def test_numbers_after_a_load(self, call, emulator):
        """New records never take a number that is there."""
        people = [{"EmployeeID": n, "LastName": "x"} for n in (5, 3, 4, 2)]
        emulator.load({"EmployeesInfo": people})
        numbers = [
            json.loads(call("POST", "/b1s/v2/EmployeesInfo", {"LastName": "y"}).body)["EmployeeID"] for _ in "ab"
        ]

        assert [6, 7] == numbers

    def test_names_of_user_rows(self, call):
        """A name is free again when its row goes or changes."""
        for code in "ab":
            assert 201 == call("POST", "/b1s/v2/U_PL_SYNC", {"Code": code, "Name": "n"}).status
            assert 204 == call("DELETE", f"/b1s/v2/U_PL_SYNC('{code}')").status
        call("POST", "/b1s/v2/U_PL_SYNC", {"Code": "c", "Name": "n"})
        call("PATCH", "/b1s/v2/U_PL_SYNC('c')", {"Name": "m"})

        assert 201 == call("POST", "/b1s/v2/U_PL_SYNC", {"Code": "d", "Name": "n"}).status

    def test_bare_company(self, call, emulator):
        """Marker table and field can be taken out."""
        emulator.drop_user_table("PL_SYNC")
        emulator.drop_user_field("PL_Key", "OPRJ")

        assert (400, "-1002") == code_of(call("GET", "/b1s/v2/U_PL_SYNC"))
        assert (400, "-1000") == code_of(call("POST", "/b1s/v2/Projects", {"Code": "P", "U_PL_Key": "k"}))
        assert 201 == call("POST", "/b1s/v2/BusinessPartners", {"CardCode": "P", "U_PL_Key": "k"}).status

    def test_same_seed_same_answers(self, clock):
        """Session ids and boundaries repeat with the seed."""
        answers = []
        for _ in range(2):
            call = Caller(SapEmulator(seed=7), clock)
            body, kind = batch(["GET /Projects\n"])
            answers.append((call.login().body, call("POST", "/b1s/v2/$batch", body, Content_Type=kind).body))

        assert answers[0] == answers[1]
