from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from periferia_link.connectors.base import Applied, NotApplied, Write
from periferia_link.connectors.sap_rfc import FI_CO_FIELDS
from periferia_link.domain import Opportunity, Project, Ref
from periferia_link.engine import Engine
from periferia_link.errors import ConfigurationError, ContractBrokenError, RecordInvalidError, RecordNotFoundError
from periferia_link.flows import projects
from periferia_link.ledger import SqliteLedger
from periferia_link.testing import MemoryConnector
from rfc_company import DAY, KEY, company, connector, create, hours, order


@pytest.fixture
def sap():
    return company()


@pytest.fixture
def erp(sap):
    with connector(sap) as made:
        yield made


def write(erp, kind, entity, key=KEY):
    (outcome,) = erp.write(kind, [create(entity, key)])
    return outcome


def read(erp, kind, key):
    (row,) = erp.get(kind, [key])
    return erp.decode(kind, row)


class TestOrders:
    def test_an_order_is_opened_with_our_key(self, sap, erp):
        """Number, name, type, area, company code and dates; our key in the external number."""
        outcome = write(erp, "Project", order())
        assert outcome == Applied(Ref("erp", "Project", "PRY-2"))
        master = sap.books.orders["PRY-2"]["master"]
        assert (master["ORDER_TYPE"], master["CO_AREA"], master["COMP_CODE"]) == ("PRY1", "1000", "1000")
        assert master["EXT_ORD_NO"].startswith("PL")
        assert read(erp, "Project", "PRY-2") == order().model_copy(
            update={"ref": Ref("erp", "Project", "PRY-2"), "is_active": True}
        )

    def test_a_number_that_is_taken(self, sap, erp):
        """SAP refuses a second order with the number: parked, the first one stays."""
        outcome = write(erp, "Project", Project(code="PRY-1", name="Otro"))
        assert isinstance(outcome, NotApplied)
        assert "already exists" in str(outcome.error)
        assert sap.books.orders["PRY-1"]["master"]["ORDER_NAME"] == "Portal"

    @pytest.mark.parametrize(
        ("project", "said"),
        [
            (Project(name="Sin código"), "no code"),
            (Project(code="OPP-2026-00001", name="X"), "ORDER has 14 characters"),
            (Project(code="P", name="N" * 41), "ORDER_NAME has 41 characters"),
        ],
    )
    def test_what_does_not_fit(self, sap, erp, project, said):
        """Refused here, before SAP would cut it."""
        outcome = write(erp, "Project", project)
        assert isinstance(outcome, NotApplied)
        assert said in str(outcome.error)
        assert sap.log == []

    def test_without_an_order_type_none_is_opened(self, sap):
        """The capability says so; nothing fails in the middle of a run."""
        with connector(sap, order_type="") as erp:
            assert erp.supports("Project").writes == frozenset()
            assert {row.key for page in erp.pull("Project") for row in page.rows} == {"PRY-1", "800100"}
            with pytest.raises(ConfigurationError, match="read-only"):
                write(erp, "Project", order())

    @pytest.mark.parametrize(("status", "is_active"), [("I0002", True), ("I0045", False), ("I0046", False)])
    def test_a_completed_order_is_not_active(self, sap, erp, status, is_active):
        """By the code of the status, whose word is in the language of the user."""
        sap.add_order("PRY-7", status=status)
        assert read(erp, "Project", "PRY-7").is_active is is_active

    def test_columns_of_an_installation(self, sap):
        """Another field of the order, named in periferia.toml, with the room that it has."""
        fields = FI_CO_FIELDS.merged({"Project": {"columns": {"client": ""}, "extra": ["RESPCCTR"]}})
        sap.add_order("PRY-8", RESPCCTR="SOFT")
        with connector(sap, fields=fields) as erp:
            assert read(erp, "Project", "PRY-8").custom == {"RESPCCTR": "SOFT"}
            assert erp.fingerprint("Project") != connector(sap).fingerprint("Project")

    def test_a_renamed_sale_stops_no_run(self, sap, erp):
        """No BAPI changes an order: the engine asks the capability, leaves it as it is and says why."""
        crm = MemoryConnector("crm", [Opportunity])
        crm.save(Opportunity(name="Portal nuevo", number="PRY-5", state="won"))
        flow = projects().but(after=())
        with SqliteLedger.open(":memory:") as ledger:
            engine = Engine({"crm": crm, "erp": erp}, ledger, clock=sap.clock)
            assert engine.run(flow)["projects"].created == 1
            (sold,) = crm.each("Opportunity")
            crm.save(sold.model_copy(update={"name": "Portal nuevo (fase 2)"}))
            report = engine.run(flow)["projects"]
            assert (report.updated, report.parked, report.unchanged) == (0, 0, 1)
            assert engine.run(flow)["projects"].updated == 0
        assert sap.books.orders["PRY-5"]["master"]["ORDER_NAME"] == "Portal nuevo"


class TestCentres:
    def test_a_centre_is_its_own_rule(self, sap, erp):
        """In FI/CO a posting names the centre: flows that want a rule get that."""
        centre = read(erp, "CostCentre", "4711")
        assert (centre.code, centre.name, centre.distribution_rule) == ("4711", "Soporte", "4711")
        assert (centre.valid_from, centre.valid_to, centre.is_active) == (date(2020, 1, 1), None, True)

    def test_one_that_is_over(self, sap, erp):
        """Centres are those that are valid today."""
        sap.add_centre("OLD", VALID_TO="20251231")
        assert erp.get("CostCentre", ["OLD"]) == []
        assert "OLD" not in [row.key for page in erp.pull("CostCentre") for row in page.rows]

    def test_one_that_is_locked(self, sap, erp):
        """A centre that takes no primary costs is not active."""
        sap.add_centre("LOCK", LOCK_IND_ACTUAL_PRIMARY_COSTS="X")
        assert not read(erp, "CostCentre", "LOCK").is_active


class TestCustomers:
    def test_a_customer(self, erp):
        """Address from the list, tax number from the table."""
        client = read(erp, "Client", "100200")
        assert (client.code, client.name, client.city) == ("100200", "Acerías del Norte S.A.", "Medellín")
        assert client.tax_id.number == "9001234568"
        assert client.email is None

    def test_with_details(self, sap):
        """The e-mail costs a call for each customer: on request."""
        sap.add_customer("300", "Frutas Sol", E_MAIL="pagos@frutas.example")
        fields = FI_CO_FIELDS.merged({"Client": {"columns": {"email": "E_MAIL"}}})
        with connector(sap, client_details=True, fields=fields) as erp:
            assert read(erp, "Client", "300").email == "pagos@frutas.example"

    def test_without_tables(self, sap):
        """Where tables may not be read the tax number is taken out of the exchange."""
        sap.forbidden.add("RFC_READ_TABLE")
        fields = FI_CO_FIELDS.merged({"Client": {"columns": {"tax_id": ""}}})
        with connector(sap, fields=fields) as erp:
            assert read(erp, "Client", "100200").tax_id is None

    @pytest.mark.parametrize("spelled", ["9001234568", "900123456-8", "900123456"])
    def test_found_by_its_tax_number(self, sap, erp, spelled):
        """However people typed it in SAP."""
        sap.books.customers["0000100200"]["STCD1"] = spelled
        (row,) = erp.find("Client", "tax_id", ["9001234568"])
        assert (row.key, row.match) == ("100200", "9001234568")


class TestExchangeRates:
    def rates(self, erp):
        return {str(rate.on): rate for rate in erp.each("ExchangeRate")}

    def test_a_rate_holds_until_the_next(self, sap, erp):
        """The rate of a Friday names the day before Monday's; the newest names none."""
        sap.add_rate("USD", "20261120", "4100.50000")
        sap.add_rate("USD", "20261123", "4120.00000")
        found = self.rates(erp)
        assert (found["2026-11-20"].factor, found["2026-11-20"].until) == (Decimal("4100.5"), date(2026, 11, 22))
        assert (found["2026-11-23"].until, found["2026-11-23"].source) == (None, "SAP M")
        assert {(rate.currency, rate.into) for rate in found.values()} == {("USD", "COP")}

    def test_a_rate_the_other_way_round(self, sap, erp):
        """A rate below zero says how many of theirs one of ours is."""
        sap.add_rate("CLP", "20261120", "-0.25000")
        assert self.rates(erp)["2026-11-20"].factor == Decimal(4)

    def test_rates_that_are_none(self, sap, erp):
        """Zero parks the record; currencies of the house with five letters are left out."""
        sap.add_rate("USD", "20261120", "0")
        sap.add_rate("USDN1", "20261120", "1")
        (row,) = [row for page in erp.pull("ExchangeRate") for row in page.rows]
        with pytest.raises(RecordInvalidError, match="zero"):
            erp.decode("ExchangeRate", row)

    def test_without_the_company_code(self, sap):
        """The currency of the books is that of the company code: which must be there."""
        with connector(sap, company_code="9999") as erp, pytest.raises(ContractBrokenError, match="9999"):
            list(erp.pull("ExchangeRate"))


class TestAllocations:
    @pytest.fixture
    def erp(self, sap):
        with connector(sap, hours="allocation", activity="DEV") as made:
            yield made

    def test_hours_move_at_the_tariff_of_sap(self, sap, erp):
        """The centre gives hours, the order takes their cost: 7.5 hours at 90,000."""
        outcome = write(erp, "TimeEntry", hours(note="Sprint 4"))
        assert isinstance(outcome, Applied)
        (document,) = sap.books.allocations.values()
        assert document["items"][0]["AMOUNT"] == Decimal(675000)
        back = read(erp, "TimeEntry", outcome.ref.id)
        assert (back.hours, back.project, back.cost_centre, back.person) == (Decimal("7.5"), "PRY-1", "SOFT", "1001")

    def test_no_tariff(self, sap, erp):
        """A centre without a price for the activity: parked with SAP's reason, nothing posted."""
        outcome = write(erp, "TimeEntry", hours(cost_centre="4711"))
        assert isinstance(outcome, NotApplied)
        assert "KL/023" in str(outcome.error)
        assert sap.books.allocations == {}

    def test_a_closed_period(self, sap, erp):
        """Periods of CO are named as those of FI."""
        sap.books.closed.add("2026-11")
        assert "period 2026-11" in str(write(erp, "TimeEntry", hours()).error)

    @pytest.mark.parametrize("changes", [{"project": None}, {"cost_centre": None}])
    def test_hours_need_both_ends(self, erp, changes):
        """Who gives and who takes."""
        outcome = write(erp, "TimeEntry", hours(**changes))
        assert isinstance(outcome.error, RecordInvalidError)

    def test_it_cannot_be_deleted(self, erp):
        """The capability says so: what is posted stays."""
        assert erp.supports("TimeEntry").writes == {"create"}


class TestTimeSheets:
    @pytest.fixture
    def erp(self, sap):
        with connector(sap, hours="cats", activity="DEV", profile="PERIF") as made:
            yield made

    def test_a_record_is_entered_and_cancelled(self, sap, erp):
        """A record of CATS; cancelled ones keep their hours in the table and are not ours any more."""
        outcome = write(erp, "TimeEntry", hours(note="Sprint 4"))
        assert isinstance(outcome, Applied)
        assert read(erp, "TimeEntry", outcome.ref.id).hours == Decimal("7.5")
        gone = Write(KEY, "delete", outcome.ref)
        assert isinstance(erp.write("TimeEntry", [gone])[0], Applied)
        assert erp.get("TimeEntry", [outcome.ref.id]) == []
        assert erp.find("TimeEntry", "create_key", [KEY]) == []
        assert next(iter(sap.books.sheets.values()))["STATUS"] == "60"
        again = erp.write("TimeEntry", [gone])[0]
        assert isinstance(again.error, RecordNotFoundError)

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"person": "ana"}, "digits"),
            ({"person": "9999"}, "LR/100"),
            ({"hours": Decimal("0.333")}, "decimals"),
            ({"project": "NADA"}, "KI/238"),
        ],
    )
    def test_what_is_refused(self, sap, erp, changes, said):
        """By us or by SAP's test run: nothing is entered."""
        outcome = write(erp, "TimeEntry", hours(**changes))
        assert isinstance(outcome, NotApplied)
        assert said in str(outcome.error)
        assert sap.books.sheets == {}

    def test_the_day_travels(self, sap, erp):
        """As YYYYMMDD."""
        write(erp, "TimeEntry", hours())
        assert next(iter(sap.books.sheets.values()))["WORKDATE"] == f"{DAY:%Y%m%d}"
