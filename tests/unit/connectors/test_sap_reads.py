from __future__ import annotations

import json
from datetime import date, datetime, timezone
from decimal import Decimal

import pytest

from periferia_link.connectors.base import Row
from periferia_link.connectors.sap_business_one import SAP_FIELDS, SapBusinessOne
from periferia_link.connectors.sap_business_one.reading._pages import chunked
from periferia_link.domain import Money, nit_check_digit
from periferia_link.errors import (
    AuthenticationError,
    ConfigurationError,
    ContractBrokenError,
    ExpiredCursorError,
    PaginationError,
    PermissionDeniedError,
    RecordInvalidError,
    UnavailableError,
)
from periferia_link.settings import LoginSettings, SystemSettings
from periferia_link.testing.emulators import FaultRule, ManualClock
from sap_calls import Caller
from sap_company import client, company, connector, create, posting, project


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 11, 21, 15, tzinfo=timezone.utc))


@pytest.fixture
def emulator():
    return company()


@pytest.fixture
def sap(emulator, clock):
    with connector(emulator, clock, page_size=10) as made:
        yield made


@pytest.fixture
def clients(emulator):
    rows = [
        {"CardCode": f"C{n:03}", "CardName": f"Cliente {n}", "FederalTaxID": f"{900100000 + n}"} for n in range(1, 36)
    ]
    emulator.load({"BusinessPartners": [*rows, {"CardCode": "V001", "CardName": "Proveedor", "CardType": "S"}]})


@pytest.mark.usefixtures("clients")
class TestPull:
    """Pages by key, changes by day."""

    def keys(self, pages):
        return [row.key for page in pages for row in page.rows]

    def test_everything_in_the_order_of_the_keys(self, sap):
        """All customers and no supplier, page by page; only the last page says so."""
        pages = list(sap.pull("Client"))

        assert [f"C{n:03}" for n in range(1, 36)] == self.keys(pages)
        assert [10, 10, 10, 5] == [len(page.rows) for page in pages]
        assert [False, False, False, True] == [page.is_last for page in pages]
        assert all(page.is_scan for page in pages)

    def test_small_pages_of_the_server(self, sap, emulator):
        """A server that gives fewer rows than asked for, and a link without the filter, lose nothing."""
        emulator.reads.drops_filter = True
        sap._reads._headers = {}

        assert 35 == len(set(self.keys(sap.pull("Client"))))

    def test_rows_that_come_and_go(self, sap, emulator):
        """Rows deleted or inserted behind the reader neither shift nor repeat the others."""
        pages = sap.pull("Client")
        first = next(pages)
        del emulator.books["BusinessPartners"]["C001"]
        emulator.load({"BusinessPartners": [{"CardCode": "C0005", "CardName": "Nuevo"}]})
        rest = self.keys(pages)

        assert 10 == len(first.rows)
        assert [f"C{n:03}" for n in range(11, 36)] == rest

    def test_changes_since(self, sap, emulator, clock):
        """Only what changed since the day before the last change is read again."""
        cursor = list(sap.pull("Client"))[-1].cursor
        clock.advance(3 * 86400)
        changed = Caller(emulator, clock)
        changed.login()
        changed("PATCH", "/b1s/v2/BusinessPartners('C007')", {"City": "Cali"})
        all_old = list(sap.pull("Client", cursor))
        again = list(sap.pull("Client", all_old[-1].cursor))

        assert 35 == len(self.keys(all_old))
        assert ["C007"] == self.keys(again)
        assert not again[-1].is_scan

    def test_resumes_inside_a_pull(self, sap):
        """The cursor of a page continues behind it; what follows is no whole scan."""
        first = next(sap.pull("Client"))
        rest = list(sap.pull("Client", first.cursor))

        assert [f"C{n:03}" for n in range(11, 36)] == self.keys(rest)
        assert not any(page.is_scan for page in rest)

    def test_new_partner_without_day_of_change(self, sap, emulator):
        """A partner that was only ever created is found by its day of creation."""
        cursor = list(sap.pull("Client"))[-1].cursor
        emulator.load({"BusinessPartners": [{"CardCode": "N1", "CreateDate": "2026-11-20"}]})
        emulator.books["BusinessPartners"]["N1"]["UpdateDate"] = None

        assert "N1" in self.keys(sap.pull("Client", cursor))

    @pytest.mark.parametrize("cursor", ["", "x", "[]", '{"latest": "soon"}'])
    def test_foreign_cursor(self, sap, cursor):
        """A cursor of something else is expired."""
        with pytest.raises(ExpiredCursorError):
            next(sap.pull("Client", cursor))

    def test_server_that_ignores_the_key(self, sap, emulator):
        """The same page again is an end, not a loop."""
        page = {"value": [{"CardCode": "C1"}], "@odata.nextLink": "x"}
        emulator.faults.add(
            FaultRule("status", path="*/BusinessPartners", times=None, params={"status": 200, "body": json.dumps(page)})
        )

        with pytest.raises(PaginationError):
            list(sap.pull("Client"))

    def test_empty_company(self, sap, emulator):
        """Nothing to read leaves no cursor."""
        emulator.books["BusinessPartners"] = {}
        (page,) = sap.pull("Client")

        assert ([], None, True) == (page.rows, page.cursor, page.is_last)

    def test_other_kinds_are_scans(self, sap):
        """Projects, centres, employees and postings have no feed."""
        for kind in ("Project", "CostCentre", "Employee", "CostEntry"):
            pages = list(sap.pull(kind))
            assert all(page.is_scan and page.cursor is None for page in pages)

    def test_postings_of_others(self, sap, emulator, clock):
        """Entries without our key are none of our business."""
        people = Caller(emulator, clock)
        people.login()
        lines = [{"AccountCode": "613595", "Debit": 1}, {"AccountCode": "510595", "Credit": 1}]
        people("POST", "/b1s/v2/JournalEntries", {"JournalEntryLines": lines})
        sap.write("CostEntry", [create(posting())])

        assert ["2"] == self.keys(sap.pull("CostEntry"))


class TestGetAndFind:
    """Plural look-ups."""

    def test_get(self, sap):
        """Missing records and impossible keys are absent."""
        assert ["P1", "P2"] == [row.key for row in sap.get("Project", ["P2", "no", "P1"])]
        assert ["1"] == [row.key for row in sap.get("Employee", ["1", "x", "²", ""])]
        assert [] == sap.get("Employee", ["x"])

    @pytest.mark.usefixtures("clients")
    def test_suppliers_are_no_clients(self, sap):
        """Whoever is listed is what can be asked for by key."""
        assert ["C001"] == [row.key for row in sap.get("Client", ["C001", "V001"])]

    @pytest.mark.usefixtures("clients")
    def test_many_in_few_requests(self, sap, emulator):
        """A hundred keys take three questions, none longer than a request line may be."""
        before = len(emulator.log)
        rows = sap.get("Client", [f"C{n:03}" for n in range(100)])
        asked = [entry for entry in emulator.log[before:] if entry.path.endswith("BusinessPartners")]

        assert 35 == len(rows)
        assert max(len(entry.query) for entry in asked) < 8000
        assert 3 <= len({entry.query.split("gt")[0] for entry in asked}) <= 7

    def test_long_values_are_cut_into_questions(self):
        """Values are counted as they travel, percent-encoded."""
        assert [40, 10] == [len(chunk) for chunk in chunked([f"k{n}" for n in range(50)])]
        assert [3, 1] == [len(chunk) for chunk in chunked(["ñ" * 150] * 4)]
        assert [] == list(chunked([]))

    @pytest.mark.usefixtures("clients")
    @pytest.mark.parametrize(
        ("field", "value", "key"),
        [
            ("code", "C004", "C004"),
            ("name", "Cliente 5", "C005"),
            ("tax_id", f"900100006{nit_check_digit('900100006')}", "C006"),
            ("tax_id", "900100006", "C006"),
            ("tax_id", f"CO900100006-{nit_check_digit('900100006')}", "C006"),
        ],
    )
    def test_clients_by(self, sap, field, value, key):
        """Natural keys; a NIT with and without its check digit; the row says which value it answers."""
        (row,) = sap.find("Client", field, [value, "nothing", ""])

        assert (key, value) == (row.key, row.match)

    def test_by_create_key(self, sap):
        """What we made is found by our key."""
        writes = {"Client": create(client()), "Project": create(project()), "CostEntry": create(posting())}
        for kind, write in writes.items():
            sap.write(kind, [write])
            (row,) = sap.find(kind, "create_key", [write.create_key])
            assert write.create_key == row.match

    @pytest.mark.usefixtures("clients")
    def test_quotes_select_nothing_else(self, sap):
        """A value never becomes a filter."""
        assert [] == sap.find("Client", "name", ["x' or CardCode ne '", "a'b", "%27"])

    def test_values_that_cannot_be(self, sap, emulator):
        """Control characters match nothing, and do not spoil the other values."""
        assert ["P1"] == [row.key for row in sap.get("Project", ["P1", "P\n1", "\ud800", ""])]
        assert ["P1"] == [row.match for row in sap.find("Project", "code", ["a\0", "P1"])]

    def test_employees(self, sap):
        """By code and by e-mail."""
        assert ["E1"] == [row.match for row in sap.find("Employee", "code", ["E1"])]
        assert ["1"] == [row.key for row in sap.find("Employee", "email", ["ana@example.com"])]

    @pytest.mark.parametrize(
        ("kind", "field"), [("Client", "city"), ("Employee", "create_key"), ("CostCentre", "name")]
    )
    def test_not_searched(self, sap, kind, field):
        """Other fields are refused."""
        with pytest.raises(ConfigurationError, match="does not search"):
            sap.find(kind, field, ["x"])

    def test_nothing_asked(self, sap, emulator):
        """No values, no request."""
        assert [] == sap.find("Client", "code", [])
        assert [] == emulator.log


class TestDrafts:
    """Postings that wait for approval."""

    @pytest.fixture
    def write(self, sap, emulator):
        emulator.approval_required = True
        write = create(posting())
        sap.write("CostEntry", [write])
        return write

    def test_pending(self, sap, write):
        """A draft is found, says its number and what to do, and is no posting."""
        (row,) = sap.find("CostEntry", "create_key", [write.create_key])

        assert ("draft-1", write.create_key) == (row.key, row.match)
        assert "draft 1 waits for approval in SAP" in row.pending

    def test_approved(self, sap, emulator, clock, write):
        """After the approval the posting is found."""
        emulator.approve_draft(1)
        (row,) = sap.find("CostEntry", "create_key", [write.create_key])

        assert ("1", None) == (row.key, row.pending)

    def test_rejected(self, sap, emulator, clock, write):
        """A refused draft is nothing."""
        emulator.reject_draft(1)

        assert [] == sap.find("CostEntry", "create_key", [write.create_key])

    def test_company_whose_drafts_have_no_key(self, sap, emulator):
        """Where drafts cannot hold our key none of them is ours; where they cannot be read, it is an error."""
        refusal = FaultRule("status", path="*/Drafts", params={"status": 400, "code": "-1000"})
        emulator.faults.add(refusal)
        assert [] == sap.find("CostEntry", "create_key", ["k"])

        emulator.faults.add(FaultRule("status", path="*/Drafts", params={"status": 403, "code": "-1"}))
        with pytest.raises(PermissionDeniedError):
            sap.find("CostEntry", "create_key", ["k"])

        emulator.faults.add(FaultRule("status", path="*/Drafts", params={"status": 400, "code": "-5"}))
        with pytest.raises(ContractBrokenError):
            sap.find("CostEntry", "create_key", ["k"])


class TestCentres:
    """Cost centres and the rule that stands for each."""

    def test_joined(self, sap):
        """The rule of the same code, another rule that books everything there, none."""
        rules = {centre.code: (centre.dimension, centre.distribution_rule) for centre in sap.each("CostCentre")}

        assert {
            "SOFT": (1, "SOFT"),
            "TEST": (1, "R9"),
            "ZONE": (2, "ZONE"),
            "BARE": (1, None),
            "Centr_z": (1, None),
        } == rules

    def test_fields(self, sap):
        """Name, validity, state."""
        (row,) = sap.find("CostCentre", "code", ["TEST"])
        centre = sap.decode("CostCentre", row)

        assert ("Fábrica de pruebas", date(2020, 1, 1), None, True) == (
            centre.name,
            centre.valid_from,
            centre.valid_to,
            centre.is_active,
        )


class TestEmployees:
    """People and what an hour of theirs costs."""

    def only(self, sap):
        (employee,) = sap.each("Employee")
        return employee

    def test_fields(self, sap):
        """Code, name, e-mail, centre, and the one rate from the first day on."""
        employee = self.only(sap)

        assert ("E1", "Ana Rojas", "ana@example.com", "SOFT") == (
            employee.code,
            employee.name,
            employee.email,
            employee.cost_centre,
        )
        assert Money.of(10000, "COP") == employee.rate_on(date(2025, 1, 15))

    @pytest.mark.parametrize(
        ("unit", "hourly"),
        [
            ("scu_Hour", "2400000"),
            ("scu_Day", "300000"),
            ("scu_Week", "60000"),
            ("scu_Biweekly", "30000"),
            ("scu_Semimonthly", "20000"),
            ("scu_Month", "10000"),
            ("scu_Year", "833.333333"),
            (None, "2400000"),
        ],
    )
    def test_units(self, sap, emulator, unit, hourly):
        """Eight hours a day, five days a week, thirty days a month, 360 a year."""
        emulator.books["EmployeesInfo"]["1"] |= {"EmployeeCostUnit": unit, "StartDate": None}

        assert Decimal(hourly) == self.only(sap).rate_on(date(1900, 1, 1)).amount

    def test_shorter_week(self, emulator, clock):
        """The hours of a day can be those of the 42-hour week."""
        with connector(emulator, clock, hours_per_day=7) as sap:
            assert Decimal("11428.571429") == self.only(sap).rates[0].hourly.amount

    def test_unknown_unit(self, sap, emulator):
        """A unit without a convention is no guess."""
        emulator.books["EmployeesInfo"]["1"]["EmployeeCostUnit"] = "scu_Fortnight"

        with pytest.raises(RecordInvalidError, match="scu_Fortnight"):
            self.only(sap)

    def test_no_rate_no_number(self, sap, emulator):
        """Without cost there is no rate; without external number nobody is matched by accident."""
        emulator.books["EmployeesInfo"]["1"] |= {"EmployeeCosts": None, "ExternalEmployeeNumber": None, "Active": "tNO"}
        employee = self.only(sap)

        assert ((), "#1", False) == (employee.rates, employee.code, employee.is_active)

    def test_dated_rates(self, sap, emulator):
        """The user table of rates wins over the single rate."""
        emulator.add_user_table("PL_RATES", ["Employee", "From", "Hourly", "Currency"])
        rows = [
            ("1", "E1", "2026-07-01", "12000", None),
            ("2", "E1", "2026-01-01", "11000.50", "USD"),
            ("3", "E2", None, "1", None),
        ]
        emulator.load(
            {
                "U_PL_RATES": [
                    {"Code": c, "Name": c, "U_Employee": e, "U_From": f, "U_Hourly": h, "U_Currency": m}
                    for c, e, f, h, m in rows
                ]
            }
        )
        employee = self.only(sap)

        assert [(date(2026, 1, 1), "USD"), (date(2026, 7, 1), "COP")] == [
            (rate.valid_from, rate.hourly.currency) for rate in employee.rates
        ]
        assert Decimal("11000.50") == employee.rate_on(date(2026, 6, 30)).amount

    def test_rates_that_cannot_be_read(self, sap, emulator):
        """A refusal of the table is not taken for its absence."""
        emulator.faults.add(FaultRule("status", path="*/U_PL_RATES", params={"status": 400, "code": "-5"}))

        with pytest.raises(ContractBrokenError):
            list(sap.pull("Employee"))


class TestDecode:
    """Rows become entities, or say why not."""

    def test_posting(self, sap):
        """What was posted comes back equal, amounts to the cent."""
        entry = posting("123456789.01")
        (outcome,) = sap.write("CostEntry", [create(entry)])
        (row,) = sap.get("CostEntry", [outcome.ref.id])
        read = sap.decode("CostEntry", row)
        known = {"ref", "lines"}

        assert entry.model_dump(exclude=known) == read.model_dump(exclude=known)
        assert entry.total == read.total
        assert ["SOFT", None] == [line.distribution_rule for line in read.lines]

    def test_foreign_posting(self, sap, emulator):
        """Amounts in another currency stay in it."""
        emulator.journal.rates["USD"] = Decimal(4000)
        (outcome,) = sap.write("CostEntry", [create(posting("10.25", currency="USD"))])
        read = sap.decode("CostEntry", sap.get("CostEntry", [outcome.ref.id])[0])

        assert Money.of("10.25", "USD") == read.total

    def test_client(self, emulator, clock):
        """Every field, normalised; custom columns travel along."""
        emulator.load(
            {
                "BusinessPartners": [
                    {
                        "CardCode": "C1",
                        "CardName": "Uno",
                        "FederalTaxID": "900.123.456-8",
                        "Country": "CO",
                        "City": "Cali",
                        "Currency": "##",
                        "EmailAddress": "",
                        "Valid": "N",
                        "UpdateDate": "2026-11-20",
                        "UpdateTime": "19:30:00",
                    }
                ]
            }
        )
        fields = SAP_FIELDS.merged({"Client": {"extra": ["Website"]}})
        with connector(emulator, clock, fields=fields) as sap:
            (row,) = sap.get("Client", ["C1"])
            read = sap.decode("Client", row)

        assert ("900123456-8", "Cali", None, None, False) == (
            read.tax_id.printed,
            read.city,
            read.currency,
            read.email,
            read.is_active,
        )
        assert datetime(2026, 11, 21, 0, 30, tzinfo=timezone.utc) == read.updated_at
        assert {"Website": None} == read.custom
        assert row.version == read.version

    def test_bytes(self, sap):
        """A row may come as bytes out of the ledger."""
        body = b'{"Code":"P1","Name":"Uno","ValidFrom":"2026-01-01T00:00:00Z","Active":"tNO"}'
        read = sap.decode("Project", Row("P1", None, body))

        assert (date(2026, 1, 1), False) == (read.starts_on, read.is_active)

    def test_own_mapping(self, emulator, clock):
        """Columns taken out are not read; columns put in win over what the connector would do."""
        fields = SAP_FIELDS.merged(
            {
                "Client": {"columns": {"is_active": "", "tax_id": "", "currency": ""}},
                "Project": {"columns": {"is_active": "", "starts_on": "", "ends_on": ""}},
                "CostCentre": {"columns": {"is_active": "", "valid_from": "", "valid_to": "", "dimension": ""}},
                "Employee": {"columns": {"is_active": "", "name": "JobTitle"}},
            }
        )
        emulator.load({"BusinessPartners": [{"CardCode": "C1", "CardName": "Uno", "Country": "??"}]})
        emulator.books["EmployeesInfo"]["1"]["JobTitle"] = "Ana R."
        with connector(emulator, clock, fields=fields) as sap:
            read = {kind: next(iter(sap.each(kind))) for kind in ("Client", "Project", "CostCentre", "Employee")}

        assert "Ana R." == read["Employee"].name
        assert ("CO", None, True) == (read["Client"].country, read["Client"].tax_id, read["Client"].is_active)
        assert (None, 1) == (read["Project"].starts_on, read["CostCentre"].dimension)

    def test_time_that_is_none(self, sap, emulator):
        """A change without a readable time counts from the start of the day."""
        emulator.load({"BusinessPartners": [{"CardCode": "C1", "CardName": "x", "UpdateTime": "late"}]})
        (row,) = sap.get("Client", ["C1"])

        assert datetime(2025, 1, 2, 5, tzinfo=timezone.utc) == sap.decode("Client", row).updated_at

    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            ("Client", {"CardCode": "C1", "CardName": None, "EmailAddress": "secreto@example.com"}),
            ("CostEntry", {"JdtNum": 1, "ReferenceDate": "2026-01-01", "JournalEntryLines": []}),
            ("CostEntry", {"JdtNum": 1}),
            ("Project", {"Code": "P", "Name": "x", "ValidFrom": "secreto"}),
            ("Employee", {"EmployeeID": 1, "EmployeeCosts": "secreto"}),
            ("Project", b"secreto"),
            ("Project", b"[]"),
        ],
    )
    def test_misfits(self, sap, kind, body):
        """The error names the record and no value."""
        with pytest.raises(RecordInvalidError, match=f"{kind} k cannot be read") as caught:
            sap.decode(kind, Row("k", None, body))

        assert "secreto" not in str(caught.value)
        assert caught.value.__context__ is None

    def test_versions_are_calculated(self, sap, emulator):
        """The version of a client is the etag of its DataVersion, not the frozen one of the read."""
        emulator.load({"BusinessPartners": [{"CardCode": "C1", "CardName": "x"}]})
        emulator.books["BusinessPartners"]["C1"]["DataVersion"] = 3
        (row,) = sap.get("Client", ["C1"])

        assert 'W/"77DE68DAECD823BABBB58EDB1C8E14D7106E83BB"' == row.version
        assert "@odata.etag" not in row.body


class TestErrors:
    """Reads that SAP refuses."""

    def test_unknown_column(self, emulator, clock):
        """A field map that does not fit the company is a broken contract, with the next step."""
        fields = SAP_FIELDS.merged({"Client": {"columns": {"tax_id": "U_NIT"}}})
        with (
            connector(emulator, clock, fields=fields) as sap,
            pytest.raises(ContractBrokenError, match="U_NIT") as error,
        ):
            sap.get("Client", ["C1"])

        assert "field map" in error.value.hint

    def test_unknown_table(self, emulator, clock):
        """So is a table that the node does not know."""
        fields = SAP_FIELDS.merged({"Project": {"table": "U_PROJECTS"}})
        with connector(emulator, clock, fields=fields) as sap, pytest.raises(ContractBrokenError, match="U_PROJECTS"):
            sap.get("Project", ["C1"])

    def test_server_in_trouble(self, sap, emulator):
        """5xx after the retries is transient; one in between is not seen."""
        emulator.faults.add(FaultRule("status", path="*/Projects", params={"status": 502}))
        assert ["P1"] == [row.key for row in sap.get("Project", ["P1"])]

        emulator.faults.add(FaultRule("status", path="*/Projects", times=None, params={"status": 503}))
        with pytest.raises(UnavailableError):
            sap.get("Project", ["P1"])

    def test_sign_in_page(self, sap, emulator):
        """A page instead of an answer is never an empty list."""
        emulator.faults.add(FaultRule("html", path="*/Projects", times=None))

        with pytest.raises(AuthenticationError):
            list(sap.pull("Project"))

    def test_unknown_kind(self, sap):
        """A kind that there is not."""
        with pytest.raises(ConfigurationError):
            list(sap.pull("TimeEntry"))


class TestCheck:
    """Who am I talking to, and what is missing."""

    def test_identity(self, sap):
        """Host, company and installation; the promise is printed with its limit."""
        told = sap.check()

        assert "sap.example:50000/PERIFERIA/0020999001" == told.system_id
        assert ("1000280", "manager", ()) == (told.version, told.identity, told.missing)
        assert "not yet verified on SAP" in told.details["posting"]
        assert "one for each employee" == told.details["rates"]

    def test_missing_markers(self, sap, emulator):
        """Field and table that are not there are named, with the next step; nothing is written."""
        emulator.drop_user_table("PL_SYNC")
        emulator.drop_user_field("PL_Key", "OPRJ", "OJDT")
        told = sap.check()

        assert (
            "user field U_PL_Key on Projects",
            "user field U_PL_Key on JournalEntries",
            "user table U_PL_SYNC (no object)",
        ) == told.missing
        assert "restart the Service Layer" in told.next_step
        assert 0 == sum(entry.wrote for entry in emulator.log)

    def test_marker_in_the_field(self, emulator, clock):
        """Without the table the details say so, and it is not missed."""
        emulator.drop_user_table("PL_SYNC")
        with connector(emulator, clock, marker="field") as sap:
            told = sap.check()

        assert () == told.missing
        assert told.details["posting"].startswith("marker in the entry only")

    def test_books_that_differ(self, emulator, clock):
        """Currency and decimals are compared."""
        emulator.journal.decimals = 0
        with connector(emulator, clock, currency="USD") as sap:
            told = sap.check()

        assert 2 == len(told.missing)
        assert 'set currency = "COP"' == told.next_step

    def test_books_without_cents(self, sap, emulator):
        """Fewer decimals than configured are named, too."""
        emulator.journal.decimals = 0

        assert "set decimals = 0" == sap.check().next_step

    def test_refused(self, sap, emulator):
        """A user that may not ask who this is."""
        emulator.faults.add(FaultRule("status", path="*AdminInfo", params={"status": 403, "code": "-1"}))

        with pytest.raises(PermissionDeniedError):
            sap.check()


class TestConfigured:
    """From periferia.toml."""

    def settings(self, **changes):
        login = LoginSettings(username="manager", password="x", company_db="PERIFERIA")
        return SystemSettings(
            **({"name": "erp", "connector": "sap", "url": "https://h:50000", "credential": login} | changes)
        )

    def test_built(self):
        """Options and field map arrive."""
        sap = SapBusinessOne.configured(
            "erp-pe",
            self.settings(
                options={"marker": "field", "currency": "PEN", "hours_per_day": 7},
                fields={"Client": {"columns": {"phone": "Cellular"}}},
            ),
            clock=ManualClock(),
        )

        assert ("erp-pe", "Cellular") == (sap.name, sap.fields["Client"].column("phone"))
        assert "marker" == sap.supports("CostEntry").create_guard
        sap.close()

    @pytest.mark.parametrize(
        "changes",
        [
            {"url": None},
            {"credential": None},
            {"credential": LoginSettings(username="manager", password="x")},
            {"options": {"markers": "field"}},
        ],
    )
    def test_incomplete(self, changes):
        """What is missing or unknown is said."""
        with pytest.raises(ConfigurationError):
            SapBusinessOne.configured("erp", self.settings(**changes))

    @pytest.mark.parametrize("option", [{"zone": "Bogotá"}, {"zone": "../x"}, {"marker": "both"}, {"hours_per_day": 0}])
    def test_impossible_options(self, emulator, clock, option):
        """Options that cannot be are refused at once."""
        with pytest.raises(ConfigurationError):
            connector(emulator, clock, **option)


class TestCapabilities:
    """What the engine may rely on."""

    def test_guards(self, emulator, clock):
        """A marker table is a key of the server; a field is a mark that can be found."""
        with connector(emulator, clock) as sap:
            assert ("server-key", 0.0) == (
                sap.supports("CostEntry").create_guard,
                sap.supports("CostEntry").settle_seconds,
            )
        with connector(emulator, clock, marker="field", settle=90) as sap:
            assert ("marker", 90) == (sap.supports("CostEntry").create_guard, sap.supports("CostEntry").settle_seconds)

    def test_deadline(self, emulator, clock):
        """The engine learns how long a write may be under way, its questions included."""
        with connector(emulator, clock, deadline=45.0) as sap:
            assert 90.0 == sap.deadline

    def test_modes(self, sap):
        """Postings are created and cancelled, never changed; centres and employees are read."""
        assert frozenset({"create", "action"}) == sap.supports("CostEntry").writes
        assert not sap.supports("CostCentre").writes | sap.supports("Employee").writes
        assert "precondition" == sap.supports("Client").concurrency
        assert "compare" == sap.supports("Project").concurrency
