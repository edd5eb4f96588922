"""Look-up tables and links: what a record was derived from, and what happens when that changes."""

from __future__ import annotations

from datetime import date

import pytest

from periferia_link.domain import Client, CostCentre, Employee, Opportunity, Project, Ref
from periferia_link.engine import Lookup, MatchKey
from periferia_link.errors import ConfigurationError, FlowError, UnavailableError, WrongSystemError
from periferia_link.flows import projects
from small_company import (
    Awkward,
    booked,
    books_of,
    centre,
    client,
    client_flow,
    crm_of,
    employee,
    entry,
    erp_of,
    helpdesk_of,
    labour_flow,
    names,
    person,
    rig,
    rows_of,
)

FLOW = labour_flow()
E1, E2 = (Ref("erp", "Employee", code) for code in ("E1", "E2"))


def over(*entries, records=(), **options):
    """Return a rig over a help desk and books."""
    return rig(helpdesk_of(entries), books_of(*records, **options))


def rate(day, amount, currency="COP"):
    """Return a dated rate."""
    return (day, str(amount), currency)


class TestRates:
    """A rate that changes changes what must be booked."""

    def test_the_difference_is_posted(self):
        """For every entry that the new rate applies to, and for no other."""
        entries = [entry("a"), entry("b", worked_on=date(2026, 2, 5)), entry("c", person="E2")]
        with over(*entries) as here:
            here.run(FLOW)
            assert {"COP": 1_200_000} == booked(here.erp)
            here.erp.put(employee("E1", rate(date(2020, 1, 1), 50_000), rate(date(2026, 2, 4), 60_000)))
            assert 1 == here.run(FLOW).created
            assert {"COP": 1_280_000} == booked(here.erp)
            assert 0 == here.run(FLOW).writes

    def test_another_currency(self):
        """Taken back in the old one, booked in the new one."""
        with over(entry("a")) as here:
            here.run(FLOW)
            here.erp.put(employee("E1", rate(date(2020, 1, 1), 10, "USD")))
            here.run(FLOW)
            assert {"USD": 80} == booked(here.erp)
            assert {"COP", "USD"} == {posting.currency for posting in here.erp.holds("CostEntry")}

    def test_a_change_that_does_not_matter(self):
        """Another name of the person: looked at, nothing posted."""
        with over(entry("a")) as here:
            here.run(FLOW)
            here.erp.change(E1, name="Nombre nuevo")
            assert 0 == here.run(FLOW).writes

    def test_only_derived_records_are_looked_at(self):
        """By key, many at once: the others are not read."""
        with over(entry("a"), entry("b", person="E2")) as here:
            here.run(FLOW)
            asked = []
            here.helpdesk.gets = lambda kind, ids, rows: asked.extend(ids) or rows
            here.erp.put(employee("E1", rate(date(2020, 1, 1), 60_000)))
            here.run(FLOW)
            assert ["a"] == asked

    def test_many_entries_of_one_person(self):
        """More than one list of keys."""
        entries = [entry(f"e{n:04}", "1", worked_on=date(2026, 1, 1 + n % 28)) for n in range(1_200)]
        with over(*entries) as here:
            here.run(FLOW)
            here.erp.put(employee("E1", rate(date(2020, 1, 1), 50_001)))
            assert 28 == here.run(FLOW).created
            assert {"COP": 1_200 * 50_001} == booked(here.erp)


class TestMissing:
    """Something that a record needs is not there."""

    @pytest.mark.parametrize(
        ("broken", "healed", "word"),
        [
            (employee("E1", rate(date(2027, 1, 1), 1)), employee("E1"), "rate"),
            (centre(rule=None), centre(), "distribution rule"),
            (employee("E1", centre=None), employee("E1"), "cost centre"),
            (employee("E1", centre="CC9"), employee("E1"), "CC9"),
        ],
        ids=["rate", "rule", "centre of the person", "centre"],
    )
    def test_parked_and_booked_when_it_appears(self, broken, healed, word):
        """The reason says what is missing, the hint where to add it; the other entries are booked."""
        with over(
            entry("a"), entry("b", person="E2", cost_centre="CC2"), records=[broken, centre("CC2", "R2")]
        ) as here:
            report = here.run(FLOW)
            [parked] = here.ledger.parked()
            assert (1, {"COP": 400_000}) == (report.parked, booked(here.erp))
            assert ("MissingReferenceError", True, True) == (
                parked.error,
                word in parked.reason,
                bool(parked.next_step),
            )

            here.erp.put(healed)
            assert (1, []) == (here.run(FLOW).created, here.ledger.parked())
            assert {"COP": 800_000} == booked(here.erp)

    def test_an_unknown_person(self):
        """Of the help desk, or of the ERP."""
        with over(entry("a", person="E9"), entry("b")) as here:
            here.run(FLOW)
            assert [True] == ["E9" in parked.reason for parked in here.ledger.parked()]
            here.helpdesk.put(person("E9"))
            here.run(FLOW)
            assert [True] == ["employee E9" in parked.reason for parked in here.ledger.parked()]
            here.erp.put(employee("E9"))
            here.run(FLOW)
            assert ({"COP": 800_000}, []) == (booked(here.erp), here.ledger.parked())

    def test_an_unknown_project(self):
        """Waits until somebody opens it."""
        with over(entry("a", project="P9")) as here:
            here.run(FLOW)
            assert [True] == ["P9" in parked.reason for parked in here.ledger.parked()]
            here.erp.put(Project(ref=Ref("erp", "Project", "P9"), code="P9", name="Nuevo"))
            assert 1 == here.run(FLOW).created

    def test_no_project_and_no_hint_of_one(self):
        """The help desk must say it."""
        with over(entry("a", project=None)) as here:
            here.run(FLOW)
            [parked] = here.ledger.parked()
            assert (True, True) == ("no project" in parked.reason, "help desk" in parked.next_step)
            here.helpdesk.put(entry("a"))
            assert (1, []) == (here.run(FLOW).created, here.ledger.parked())

    def test_it_disappears_after_the_booking(self):
        """What is booked stays; nothing more is booked until it is back."""
        with over(entry("a")) as here:
            here.run(FLOW)
            here.erp.drop(E1)
            report = here.run(FLOW)
            assert (0, 1, {"COP": 400_000}) == (report.writes, report.parked, booked(here.erp))
            here.erp.put(employee("E1"))
            assert (0, []) == (here.run(FLOW).writes, here.ledger.parked())

    def test_two_rows_of_one_key(self):
        """Nobody guesses which: parked, with the advice to make it unique."""
        twin = Employee(ref=Ref("erp", "Employee", "other"), code="E1", name="Otra", cost_centre="CC1")
        with over(entry("a"), records=[]) as here:
            here.erp.put(twin)
            here.run(FLOW)
            [parked] = here.ledger.parked()
            assert (True, True) == ("several" in parked.reason, "unique" in parked.next_step)
            here.erp.drop(Ref("erp", "Employee", "other"))
            assert (1, []) == (here.run(FLOW).created, here.ledger.parked())

    def test_a_row_that_makes_no_sense(self):
        """Its records are parked, the report says which row; the others are booked."""
        with over(entry("a"), entry("b", person="E2")) as here:
            here.erp._store("Employee", "E1", b'{"code": "E1", "name": ""}')
            report = here.run(FLOW)
            assert ({"COP": 400_000}, 1) == (booked(here.erp), report.parked)
            assert True in ["unreadable" in note and "E1" in note for note in report.notes]

    def test_a_row_whose_key_cannot_be_told(self):
        """The key function stumbles over one row: the rest of the table is used."""

        def picky(one):
            if one.code == "E2":
                raise ValueError("personal text")
            return one.code

        flow = client_flow(
            lookups={"people": Lookup("erp", "Employee", picky, "person")},
            project=lambda one, context: Client(name=context.lookup("people", "E1").code),
        )
        erp = Awkward("erp", [Client, Employee], [employee("E1"), employee("E2")])
        with rig(crm_of([client(1)]), erp) as here:
            assert 1 == here.run(flow).created


class TestTables:
    """How tables are read."""

    def test_one_that_cannot_be_read(self):
        """The run stops: nothing can be projected without it."""

        def down(kind, since, pages):
            if kind == "Employee":
                raise UnavailableError("down", system="erp", hint="start it")
            return pages

        with over(entry("a")) as here:
            here.erp.pages = down
            with pytest.raises(FlowError, match="erp: down"):
                here.run(FLOW)
            assert [] == here.erp.sent

    def test_one_that_is_not_declared(self):
        """A mistake of the flow, said as such."""
        flow = client_flow(project=lambda one, context: context.lookup("rates", "x"))
        with rig(crm_of([client(1)]), erp_of()) as here, pytest.raises(ConfigurationError, match="rates"):
            here.run(flow)

    def test_of_a_third_system(self):
        """Its installation is remembered too: rates of the test system are not believed."""

        def people(system_id):
            return Awkward("hr", [Employee], [employee("E1")], system_id=system_id)

        flow = client_flow(lookups={"people": Lookup("hr", "Employee", lambda one: one.code)})
        with rig(crm_of([client(1)]), erp_of(), people("production")) as here:
            here.run(flow)
            here.systems["hr"] = people("test")
            with pytest.raises(WrongSystemError, match="hr"):
                here.again().run(flow)

    def test_rows_without_a_key(self):
        """They are not in the table."""
        flow = client_flow(
            lookups={"codes": Lookup("crm", "Client", lambda one: one.code)},
            project=lambda one, context: Client(name=str(context.find("codes", "C-1") is not None)),
        )
        with rig(crm_of([client(1), client(2, code="C-1")]), erp_of()) as here:
            here.run(flow)
            assert ["True", "True"] == names(here.erp)

    def test_find_is_a_dependency_as_well(self):
        """A row that was not there is noticed when it appears."""

        def project(one, context):
            found = context.find("centres", "CC1")
            return Client(name=found.name if found else "nadie")

        flow = client_flow(lookups={"centres": Lookup("erp", "CostCentre", lambda one: one.code)}, project=project)
        with rig(crm_of([client(1)]), Awkward("erp", [Client, CostCentre])) as here:
            here.run(flow)
            assert ["nadie"] == names(here.erp)
            here.erp.put(centre())
            assert (1, ["Centro CC1"]) == (here.run(flow).updated, names(here.erp))

    def test_read_at_every_run(self):
        """Rates of yesterday are of no use."""
        with over(entry("a")) as here:
            here.run(FLOW)
            here.erp.looks.clear()
            here.run(FLOW)
            assert ("pull", "Employee") in here.erp.looks


class TestLinks:
    """A record that points at another one waits for it."""

    def sale(self, number, **values):
        """Return a won opportunity of client 1."""
        given = {"name": f"Venta {number}", "number": f"V{number}", "state": "won"} | values
        given.setdefault("client", Ref("crm", "Client", "c001"))
        return Opportunity(ref=Ref("crm", "Opportunity", f"o{number}"), **given)

    def test_it_waits_until_the_other_one_is_linked(self):
        """By whatever run; then it is written by itself."""
        with rig(crm_of([client(1), self.sale(1)]), erp_of()) as here:
            report = here.run(projects())
            assert (1, 0, []) == (report.waiting, report.parked, here.erp.sent)
            here.run(client_flow())
            report = here.run(projects())
            [there] = here.erp.holds("Project")
            [partner] = here.erp.holds("Client")
            assert (1, partner.ref, []) == (report.created, there.client, here.ledger.parked())

    def test_flows_of_one_run(self):
        """In the order of their ``after``, whatever the order of the list."""
        with rig(crm_of([client(1), self.sale(1)]), erp_of()) as here:
            report = here.engine.run([projects(), client_flow()])
            assert (["clients", "projects"], 1) == (list(report.flows), report["projects"].created)

    def test_an_adopted_one_frees_it_too(self):
        """Adoption makes links as well."""
        flow = client_flow(match=(MatchKey("name", lambda one: one.name),))
        with rig(crm_of([client(1), self.sale(1)]), erp_of([Client(name="Cliente 1")])) as here:
            here.run(projects())
            here.engine.adopt(flow)
            assert 1 == here.run(projects()).created

    def test_one_that_waits_for_nothing_is_not_stopped(self):
        """An opportunity without client, and one that is not won."""
        records = [client(1), self.sale(1, client=None), self.sale(2, state="open"), self.sale(3)]
        with rig(crm_of(records), erp_of()) as here:
            report = here.run(projects())
            assert (1, 1, 1) == (report.created, report.skipped, report.waiting)

    def test_where_it_came_from(self):
        """References of the source are edges of the trace."""
        with rig(crm_of([client(1), self.sale(1)]), erp_of()) as here:
            here.engine.run([projects(), client_flow()])
            sale, buyer = Ref("crm", "Opportunity", "o1"), Ref("crm", "Client", "c001")
            assert (sale, "client", buyer) in here.ledger.links.edges_of(sale)

    def test_it_may_wait_for_ever(self):
        """Said at every run in which it is looked at, and never parked."""
        with rig(crm_of([self.sale(1)]), erp_of()) as here:
            here.run(projects())
            here.clock.advance(86_400)
            here.run(projects())
            assert ([], []) == (here.ledger.parked(), rows_of(here.erp, "Project"))
