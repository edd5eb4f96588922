"""The sentences that we translate are those that the library says."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from periferia_link.cli._reasons import in_spanish
from periferia_link.connectors.sap_business_one import client_to_wire
from periferia_link.domain import Client, CostCentre, Employee, Project, Ref, TaxId, TimeEntry
from periferia_link.engine import Context, Engine, Group
from periferia_link.engine.context import Tables
from periferia_link.errors import LinkError
from periferia_link.flows import clients, labour_costs
from periferia_link.ledger import SqliteLedger
from periferia_link.testing import MemoryConnector

FLOW = labour_costs(starts=date(2026, 1, 1), debit="613595", credit="510595")
ENTRY = TimeEntry(
    person="7",
    project="P-1",
    worked_on=date(2026, 3, 2),
    hours=Decimal(8),
    approved_at=datetime(2026, 3, 3, tzinfo=timezone.utc),
)
PERSON = Employee(code="E7", name="Ana", ref=Ref("helpdesk", "Employee", "7"))


def context(*, employees=(), centres=(), projects=(), people=(PERSON,)):
    """Build a context whose tables hold these entities."""
    held = {
        "people": {person.ref.id: person for person in people},
        "employees": {employee.code: employee for employee in employees},
        "centres": {centre.code: centre for centre in centres},
        "projects": {project.code: project for project in projects},
    }
    tables = Tables({name: (FLOW.lookups[name], rows, frozenset()) for name, rows in held.items()})
    return Context(zone=ZoneInfo("America/Bogota"), today=date(2026, 3, 5), tables=tables)


def error_of(work):
    """Return message and hint of what the work raises."""
    with pytest.raises(LinkError) as caught:
        work()
    return caught.value.message, caught.value.hint


def reviews(records, there):
    """Return why accounts go to review when the other side holds these partners."""
    crm, erp = MemoryConnector("crm", [Client], records), MemoryConnector("erp", [Client], there)
    with SqliteLedger.open(":memory:") as ledger:
        Engine({"crm": crm, "erp": erp}, ledger).run(clients())
        return [review.reason for review in ledger.reviews()]


CASES = {
    "nobody": lambda: error_of(lambda: FLOW.contribute(ENTRY, context(people=()))),
    "no employee": lambda: error_of(lambda: FLOW.contribute(ENTRY, context())),
    "no centre": lambda: error_of(lambda: FLOW.contribute(ENTRY, context(employees=[Employee(code="E7", name="Ana")]))),
    "no project": lambda: error_of(
        lambda: FLOW.contribute(ENTRY, context(employees=[Employee(code="E7", name="Ana", cost_centre="FAB")]))
    ),
    "no rate": lambda: error_of(
        lambda: FLOW.contribute(
            ENTRY,
            context(
                employees=[Employee(code="E7", name="Ana", cost_centre="FAB")],
                projects=[Project(name="Portal", code="P-1")],
            ),
        )
    ),
    "no project named": lambda: error_of(
        lambda: FLOW.contribute(ENTRY.model_copy(update={"project": None}), context())
    ),
    "no rule": lambda: error_of(
        lambda: FLOW.project(
            Group(("P-1", "FAB", "2026-03-02", "COP"), 0, {"amount": Decimal(1)}, {}, ()),
            context(centres=[CostCentre(code="FAB", name="Fábrica")]),
        )
    ),
    "long name": lambda: error_of(lambda: client_to_wire(Client(name="A" * 120), frozenset({"name"}))),
    "broken name": lambda: error_of(lambda: client_to_wire(Client(name="A\nB"), frozenset({"name"}))),
    "wrong digit": lambda: reviews([Client(name="A", tax_id=TaxId.parse("900123456-7"))], []),
    "two partners": lambda: reviews(
        [Client(name="A", tax_id=TaxId.parse("900123456-8"))],
        [Client(name=name, tax_id=TaxId.parse("900123456-8")) for name in ("B", "C")],
    ),
    "taken": lambda: reviews(
        [Client(name=name, tax_id=TaxId.parse("900123456-8")) for name in ("A", "B")],
        [Client(name="A", tax_id=TaxId.parse("900123456-8"))],
    ),
    "name only": lambda: reviews([Client(name="Beta S.A.")], [Client(name="BETA SA")]),
}


@pytest.mark.parametrize("case", CASES)
def test_what_the_library_says_is_known(case):
    """A sentence of the library that changes must change here as well, or people read English."""
    said = [sentence for sentence in CASES[case]() if sentence]
    assert said
    assert [sentence for sentence in said if in_spanish(sentence) == sentence] == []


class TestProblems:
    """Errors of the commands, as they are really raised, are Spanish where people read them."""

    @pytest.mark.parametrize(
        "words",
        [
            ("run", "invoices"),
            ("parked", "retry"),
            ("parked", "retry", "77"),
            ("review", "reject", "77"),
            ("trace", "nothing"),
            ("trace", "1"),
            ("init",),
            ("init", "--config", "x.toml", "--no-input"),
            ("init", "--config", "x.toml", "--no-input", "--crm-url", "https://x.example"),
            ("init", "--config", "x.toml", "--no-input", "--crm-url", "x"),
            ("ledger", "backup", "periferia.toml"),
            ("ledger", "info", "--config", "nowhere.toml"),
            ("plan", "--config", "wrong.toml"),
        ],
    )
    def test_said_in_spanish(self, office, command, words):
        """What happened and what next differ from the English, or are the name of something."""
        (office / "wrong.toml").write_text('[company]\nzne = "America/Bogota"\n')
        command("run")
        english, spanish = command(*words)[2], command(*words, "--lang", "es")[2]
        pairs = list(zip(english.splitlines(), spanish.splitlines(), strict=True))
        assert pairs
        for told, said in pairs:
            what, sentence = told.split(":", 1)
            assert what.strip("✗ ") in ("what happened", "where", "next step")
            assert sentence.strip() != said.split(":", 1)[1].strip(), sentence

    def test_no_pattern_twice(self):
        """Each sentence is said once."""
        from periferia_link.cli._problems import PROBLEMS

        patterns = [pattern for pattern, _ in PROBLEMS]
        assert len(patterns) == len(set(patterns))
