"""The detractor loop over emulators: answers, a CRM, a help desk and a delivery tool, killed at any point."""

from __future__ import annotations

import functools
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from campaign.crash_chain import ORIGINS, _token
from campaign.crash_points import IoPoints, SimulatedCrash, scratch_folder
from campaign.forks import in_children
from campaign.ticket_chain import TROUBLES
from customer_voice_tables import VoiceTables
from forms_workbooks import ES, text_csv, xlsx
from periferia_link.connectors.azure_devops import AzureDevOps
from periferia_link.connectors.base import Connector
from periferia_link.connectors.dynamics365 import Dynamics365, own_survey_table
from periferia_link.connectors.dynamics365.kinds import DYNAMICS365_FIELDS
from periferia_link.connectors.forms import ExportFile, Forms, SurveySource, mapping_from
from periferia_link.connectors.periticket import Periticket
from periferia_link.domain import Ref, Survey, SurveyAnswer
from periferia_link.engine import Engine, Flow
from periferia_link.errors import ConnectorError, FlowError
from periferia_link.flows import (
    ask_again,
    detractor_links,
    detractor_loops,
    detractor_ticket_ends,
    detractor_work,
    detractor_work_ends,
    detractors,
    helpdesk_clients,
    surveys_to_crm,
)
from periferia_link.ledger import SqliteLedger
from periferia_link.testing import MemoryConnector
from periferia_link.testing.emulators import Emulator, FaultRule, InProcessWire, ManualClock
from periferia_link.testing.emulators.azure_devops import AzureDevOpsEmulator
from periferia_link.testing.emulators.dynamics365 import Dynamics365Emulator
from periferia_link.testing.emulators.entra import EntraEmulator
from periferia_link.testing.emulators.periticket import PeriticketEmulator
from periferia_link.transport._auth import StaticToken
from periferia_link.typing import Clock, Wire

__all__ = ["PLACES", "TROUBLES", "Crash", "Office", "chain", "crashes", "warm_up"]

_START = datetime(2026, 11, 20, 14, tzinfo=timezone.utc)
_PAST_THE_LEASE = (125.0, 400.0)
_DEVOPS = "https://dev.azure.example"
PLACES: Mapping[str, str] = {"crm": ORIGINS["crm"], "helpdesk": ORIGINS["helpdesk"], "devops": _DEVOPS}
_CLIENTS = 5
FORM = "SAT-2026"
ASKED = "¿Qué tan probable es que nos recomiende?"
WHY = "¿Por qué?"
MAPPING: Mapping[str, Any] = {
    "form": FORM,
    "time_zone": "America/Bogota",
    "wave": "quarter",
    "questions": [{"title": ASKED, "role": "nps"}, {"title": WHY, "role": "comment"}],
}
RULES: Mapping[str, Any] = {
    "addresses": {
        "helpdesk": "https://desk.example/tickets/{id}",
        "devops": f"{_DEVOPS}/periferia/_workitems/edit/{{id}}",
        "crm": "https://crm.example/accounts/{id}",
    },
    "work": {"assign": False},
}
SLA: Mapping[str, Any] = {
    "calendars": {"office": {"hours": {"mon-fri": ["08:00-17:00"]}}},
    "policies": {
        "complaints": {
            "calendar": "office",
            "applies": {"types": ["complaint"]},
            "targets": [{"metric": "resolution", "within": "16h"}],
        }
    },
}


def chain() -> list[Flow]:
    """Return the flows from the form to the day of the next question."""
    given: dict[str, Any] = {"detractors": RULES}
    return [
        surveys_to_crm(),
        helpdesk_clients(),
        detractors(**given, sla=SLA),
        detractor_work(**given, sla=SLA),
        detractor_links(**given, sla=SLA),
        detractor_ticket_ends(**given),
        detractor_work_ends(**given),
        detractor_loops(**given),
        ask_again(**given),
    ]


def answers(number: int, seed: int) -> list[Survey]:
    """Return so many answered forms in Spanish: three of ten are detractors, some of them unreliable."""
    chance = random.Random(f"{seed} answers")
    found = []
    for at in range(number):
        nps = chance.choice([0, 3, 6]) if at % 10 < 3 else chance.choice([7, 8, 9, 10])
        answered = _START - timedelta(days=chance.randrange(1, 20), minutes=at)
        asked = SurveyAnswer(question=ASKED, value=Decimal(nps), measure="nps")
        found.append(
            Survey(
                ref=Ref("forms", "Survey", f"{FORM}/{at + 1}"),
                questionnaire=FORM,
                wave="2026-Q4",
                email=f"persona{at}@cliente{at % _CLIENTS}.example",
                answered_at=answered,
                nps=nps,
                comment=f"Comentario número {at}: «ñandú» & <b>plazos</b>",
                answers=(asked,),
                flags=("fast", "straight-line") if at % 7 == 0 else (),
            )
        )
    return found


@dataclass
class Office:
    """A CRM, a help desk and a delivery tool; everything moves by ``clock`` alone."""

    crm: Dynamics365Emulator
    desk: PeriticketEmulator
    devops: AzureDevOpsEmulator
    clock: ManualClock
    given: list[Survey]
    token: str = ""
    export: Path | None = None
    is_voiced: bool = False

    @classmethod
    def founded(cls, seed: int, *, number: int = 10) -> Office:
        """Build the systems and let people fill them."""
        clock, entra = ManualClock(_START), EntraEmulator(seed=seed)
        world = cls(
            Dynamics365Emulator(seed=seed, entra=entra),
            PeriticketEmulator(seed=seed),
            AzureDevOpsEmulator(seed=seed),
            clock,
            answers(number, seed),
        )
        for name in ("crm", "helpdesk"):
            world.emulators[name].base_url = ORIGINS[name]
        world.token = _token(entra, clock)
        world._open_table()
        for at in range(_CLIENTS):
            account = {
                "accountid": f"00000000-0000-4000-8000-{at:012}",
                "name": f"Cliente {at} SAS",
                "pl_nit": f"{900_300_100 + at}",
                "emailaddress1": f"info@cliente{at}.example",
            }
            world.crm.load({"accounts": [account]})
            world.desk.enter("clients", {"name": f"Cliente {at}", "tax_id": account["pl_nit"]}, clock)
        return world

    def _open_table(self) -> None:
        own = own_survey_table("pl")
        kinds: dict[str, Any] = dict.fromkeys(("answers", "comment", "flags"), "Memo")
        kinds |= dict.fromkeys(("nps", "csat", "ces"), "Integer") | {"askagainon": "DateOnly"}
        dated = ("startedat", "answeredat", "ticketendedat", "workendedat", "loopclosedat")
        kinds |= dict.fromkeys(dated, "DateTime")
        texts = [column for column in own.columns.values() if column[0] != "_" and column != "modifiedon"]
        columns = {column: kinds.get(column[3:], "String") for column in texts}
        self.crm.add_table("pl_survey", own.table, columns, title="pl_questionnaire")
        for name, target in (("client", "account"), ("contact", "contact"), ("ticket", "incident")):
            self.crm.add_column("pl_survey", f"pl_{name}", "Lookup", targets=target)

    @property
    def emulators(self) -> dict[str, Emulator]:
        """The systems by instance name."""
        return {"crm": self.crm, "helpdesk": self.desk, "devops": self.devops}

    def close_everything(self) -> None:
        """Days later: people resolve every ticket and finish every item."""
        self.clock.advance(5 * 86_400)
        for key in list(self.desk.books["tickets"]):
            self.desk.amend("tickets", key, {"status": "closed"}, self.clock)
        for item in self.items():
            self.devops.amend(item["id"], {"State": "Closed"}, self.clock)

    def items(self) -> list[dict[str, Any]]:
        """Return the work items of the books, deleted ones left out."""
        return self.devops.org.living()

    # ------------------------------------------------------------------ the library, on this world

    def wire(self, on_io: Callable[[str], None] | None = None) -> InProcessWire:
        """Return the wire to all systems, without sockets."""
        return InProcessWire({PLACES[name]: each for name, each in self.emulators.items()}, self.clock, on_io=on_io)

    def engine(self, ledger: SqliteLedger, wire: Wire | None = None, clock: Clock | None = None) -> Engine:
        """Return a fresh engine with fresh connectors over a ledger."""
        common: dict[str, Any] = {"clock": clock or self.clock, "wire": wire or self.wire()}
        own = own_survey_table("pl")
        told = {"table": own.table, "key": own.key, "columns": dict(own.columns)}
        systems: dict[str, Connector] = {
            "forms": self._forms(common),
            "crm": Dynamics365(
                ORIGINS["crm"],
                credential=StaticToken(SecretStr(self.token)),
                fields=DYNAMICS365_FIELDS.merged({"Survey": told}),
                kinds=["Client", "Contact", "Survey", "Interaction"],
                max_batch=20,
                **common,
            ),
            "helpdesk": Periticket(ORIGINS["helpdesk"], token=SecretStr(self.desk.credentials()["token"]), **common),
            "devops": AzureDevOps(
                f"{_DEVOPS}/periferia", token=SecretStr(self.devops.pat), project="Entrega", **common
            ),
        }
        return Engine(systems, ledger, clock=common["clock"], zone=ZoneInfo("America/Bogota"))

    def voiced(self) -> None:
        """Let the answers stand in the tables of Customer Voice from now on."""
        tables = VoiceTables(self.crm, {"r1": ASKED, "r2": WHY})
        for at, one in enumerate(self.given, 1):
            key = tables.answer(
                at,
                {"r1": str(one.nps), "r2": one.comment or ""},
                parts=("r1", "r2") if at % 4 else (),
                msfp_npsscore=one.nps,
                msfp_respondentemailaddress=one.email,
                msfp_submitdate=(one.answered_at or _START).isoformat(),
            )
            self.given[at - 1] = one.model_copy(update={"ref": Ref("forms", "Survey", f"{FORM}/{key}")})
        self.is_voiced = True

    def _forms(self, common: Mapping[str, Any]) -> Connector:
        """Return Customer Voice or the export of the form where there is one, else the same answers in memory."""
        if self.is_voiced:
            token = StaticToken(SecretStr(self.token))
            voice = Dynamics365(ORIGINS["crm"], credential=token, name="voice", kinds=["Survey"], **common)
            return Forms(SurveySource(voice), mapping=mapping_from(MAPPING, where="the test"))
        if self.export is None:
            return MemoryConnector("forms", [Survey], self.given)
        return Forms(ExportFile(self.export), mapping=mapping_from(MAPPING, where="the test"))

    def exported(self, folder: Path) -> Path:
        """Read answers from an export in Spanish from now on: a workbook, or text where no workbook can be read."""
        zone = ZoneInfo("America/Bogota")
        rows: list[Sequence[Any]] = [(*ES, ASKED, WHY)]
        for at, one in enumerate(self.given, 1):
            ended = (one.answered_at or _START).astimezone(zone).replace(tzinfo=None)
            rows.append((at, ended - timedelta(minutes=3), ended, one.email, "", one.nps, one.comment))
        if find_spec("python_calamine") is not None:
            self.export = folder / "Encuesta.xlsx"
            self.export.write_bytes(xlsx(rows))
        else:
            written = [[f"{c:%d/%m/%Y %H:%M:%S}" if isinstance(c, datetime) else c for c in row] for row in rows]
            self.export = folder / "Encuesta.csv"
            self.export.write_bytes(text_csv(written))
        return self.export

    def run(self, ledger: Path, on_io: Callable[[str], None] | None = None, *, is_troubled: bool = False) -> None:
        """Run the chain until it is done or dead; where there is trouble, a run may also stop and leave the rest."""
        book = SqliteLedger.open(ledger, on_io=on_io or (lambda _word: None))
        try:
            self.engine(book, self.wire(on_io)).run(chain())
        except SimulatedCrash:
            pass
        except FlowError as exc:
            if not is_troubled or not isinstance(exc.__cause__, ConnectorError):
                raise
        finally:
            book.close()

    # ------------------------------------------------------------------ what the books show

    def findings(self, *, is_closed: bool = False) -> list[str]:
        """Say what is wrong in the books: an answer, ticket or item lost or doubled, a link missing, a loop open."""
        rows = list(self.crm.books[own_survey_table("pl").table].values())
        wrong = _wrong_number("answers in the CRM", Counter(row["pl_externalref"] for row in rows), self._expected())
        bad = [row for row in rows if row["pl_nps"] <= 6]
        tickets = list(self.desk.books["tickets"].values())
        items = {_tag(item): item for item in self.items()}
        if not len(bad) == len(tickets) == len(items) == len(self.items()):
            wrong.append(f"{len(bad)} detractors, {len(tickets)} tickets, {len(self.items())} items")
        named = Counter(ticket["client_id"] for ticket in tickets)
        if None in named:
            wrong.append(f"{named[None]} tickets without a client")
        for row in bad:
            wrong += self._of_one(row, items.get(f"pl-ref:detractor:{row['pl_surveyid']}"), is_closed=is_closed)
        tasks = Counter(one.get("_regardingobjectid_value") for one in self.crm.books.get("tasks", {}).values())
        if sum(tasks.values()) != (len(bad) if is_closed else 0):
            wrong.append(f"{sum(tasks.values())} tasks to ask again")
        return wrong

    def _expected(self) -> Counter[str]:
        return Counter(one.ref.id for one in self.given if one.ref is not None)

    def _of_one(self, row: Mapping[str, Any], item: Mapping[str, Any] | None, *, is_closed: bool) -> list[str]:
        key = row["pl_externalref"]
        if item is None:
            return [f"{key} has no item"]
        addresses = [link["url"] for link in item["relations"] if link["rel"] == "Hyperlink"]
        desk = [url.rpartition("/")[2] for url in addresses if url.startswith("https://desk.example")]
        ticket = self.desk.books["tickets"].get(desk[0]) if len(desk) == 1 else None
        if ticket is None or not ticket["due_at"]:
            return [f"the item of {key} leads to no ticket with a due time"]
        wrong = []
        if (
            f"_workitems/edit/{item['id']}" not in ticket["description"]
            or row["pl_comment"] not in ticket["description"]
        ):
            wrong.append(f"the ticket of {key} does not name its item or the answer")
        if f"https://crm.example/accounts/{row['_pl_client_value']}" not in addresses:
            wrong.append(f"the item of {key} does not lead to the client")
        if not row.get("pl_followupticket") or not row.get("pl_followupwork"):
            wrong.append(f"the CRM does not name the follow-up of {key}")
        if bool(row.get("pl_loopclosedat") and row.get("pl_askagainon")) is not is_closed:
            wrong.append(f"the loop of {key} is {'open' if is_closed else 'closed'}")
        return wrong


def _wrong_number(what: str, found: Counter[str], expected: Counter[str]) -> list[str]:
    return [] if found == expected else [f"{what}: {found.total()} instead of {expected.total()}"]


def _tag(item: Mapping[str, Any]) -> str:
    tags = str(item["fields"].get("System.Tags", "")).split(";")
    return next((tag.strip() for tag in tags if tag.strip().startswith("pl-ref:")), "")


@dataclass
class Crash:
    """What became of one crash."""

    point: int
    word: str
    findings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"point {self.point} ({self.word}): {'; '.join(self.findings[:3])}"


def survive(world: Office, ledger: Path, point: int, trouble: str, *, is_closed: bool) -> Crash:
    """Die at a point, come back with fresh objects over what the disk held, run idle, and look."""
    io = _die_at(world, ledger, point, trouble)
    word = io.words[-1] if io.is_dead else "none"
    world.clock.advance(_PAST_THE_LEASE[point % 2])
    world.run(ledger)
    world.clock.advance(400.0)
    world.run(ledger)
    before = {name: len(emulator.log) for name, emulator in world.emulators.items()}
    world.run(ledger)
    found = world.findings(is_closed=is_closed)
    for name, emulator in world.emulators.items():
        found += [f"{one.method} {one.path} by the idle run" for one in emulator.log[before[name] :] if one.wrote]
    return Crash(point, word, found)


def _die_at(world: Office, ledger: Path, point: int, trouble: str) -> IoPoints:
    """Run until the point; afterwards *ledger* is what the disk held at that moment."""
    kept = ledger.with_name(f"kept-{ledger.name}")

    def keep() -> None:
        for ending in ("", "-wal"):
            if (found := Path(f"{ledger}{ending}")).exists():
                shutil.copyfile(found, f"{kept}{ending}")

    io = IoPoints(point, keep)
    if trouble:
        kind, when, params = TROUBLES[trouble]
        for emulator in world.emulators.values():
            rule = FaultRule(kind, method="P*", nth=1 + point % 5, when=when, params=params)  # type: ignore[arg-type]
            emulator.faults.add(rule)
    world.run(ledger, io, is_troubled=bool(trouble))
    for emulator in world.emulators.values():
        emulator.faults.clear()
    if io.is_dead:
        for ending in ("", "-wal", "-shm"):
            Path(f"{ledger}{ending}").unlink(missing_ok=True)
            if (found := Path(f"{kept}{ending}")).exists():
                found.rename(f"{ledger}{ending}")
    return io


@functools.cache
def warm_up() -> None:
    """Run everything once: children then find every module imported and every model built."""
    with scratch_folder() as folder:
        world = Office.founded(9, number=5)
        world.run(folder / "ledger.db")
        assert world.findings() == []
        world.close_everything()
        world.run(folder / "ledger.db")
        assert world.findings(is_closed=True) == []


def crashes(
    stage: str,
    *,
    seed: int = 1,
    trouble: str = "",
    number: int = 10,
    points: int = 0,
    step: int = 1,
    is_voiced: bool = False,
) -> Iterator[Crash]:
    """
    Kill the run that opens (``first``) or the one that closes (``closing``); each crash happens in a child.

    Args:
        stage: Which run.

        seed: Of answers and points.

        trouble: A fault beside the crash.

        number: Answers.

        points: So many random points; 0 is every *step*-th.

        step: Distance between points.

        is_voiced: The answers stand in the tables of Customer Voice, not in an export.
    """
    warm_up()
    with scratch_folder() as folder:
        world = Office.founded(seed, number=number)
        if is_voiced:
            world.voiced()
        else:
            world.exported(folder)
        kept = folder / "ledger.db"
        if stage == "closing":
            world.run(kept)
            world.close_everything()

        def fresh(mine: Path) -> Path:
            if kept.exists():
                shutil.copyfile(kept, mine / "ledger.db")
            return mine / "ledger.db"

        def count() -> int:
            with scratch_folder() as mine:
                return len(_die_at(world, fresh(mine), 0, "").words)

        def one(point: int) -> Callable[[], Crash]:
            def work() -> Crash:
                with scratch_folder() as mine:
                    return survive(world, fresh(mine), point, trouble, is_closed=stage == "closing")

            return work

        every = range(1, next(iter(in_children([count]))) + 1)
        chosen = random.Random(seed).sample(every, min(points, len(every))) if points else every[seed % step :: step]
        yield from in_children(one(point) for point in chosen)
