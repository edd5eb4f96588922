"""
Our Service Layer connector against b1sl-python, in the same run, on one machine.

``nox -s bench -- sap`` or ``python -m benchmarks.sap [partners] [entries]``. The emulator serves both over HTTP from a
process of its own, 30 ms late; every case runs in a fresh process that signs in, asks for one record and is measured
from there, so CPU is that of the client alone. Both sides take turns, the best of several counts, and the byte code of
both is cached as after an installation.

Read: 50,000 business partners, the same 12 columns, in the order of the key; a row is a decoded record: ours a
dictionary with exact amounts (and, for information, a validated ``Client``), theirs its pydantic ``BusinessPartner``.
At each side's default (500 rows and the server's 20), and both at 500. Theirs runs with its synchronous and its
asynchronous client, and the quicker one counts.

Write: 2,000 time entries become 2,000 postings. Ours: the flow ``labour_costs`` (one posting for each entry) through
engine and ledger: planned, intended, sent with a marker row in one change set, the outcome remembered, all of it on
disk. Theirs: ``create`` of a journal entry that was worked out beforehand, awaited one after the other, as its
documentation shows; for information also eight at once with ``asyncio.gather``, and in batches of 20. Nothing of theirs
stops an entry from being posted twice. JSON lines; exit code 1 when a promise is not kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator

PARTNERS, ENTRIES, LATENCY_MS, PAGE, PARALLEL = 50_000, 2_000, 30, 500, 8
COLUMNS = (
    "CardCode", "CardName", "CardType", "FederalTaxID", "EmailAddress", "Phone1", "City", "Country", "Currency",
    "Valid", "UpdateDate", "UpdateTime",
)  # fmt: skip
DEBIT, CREDIT, PEOPLE, PROJECTS = "613595", "510595", 40, 20
BEST_OF = 3

# ---------------------------------------------------------------------- the server


@contextlib.contextmanager
def emulator() -> Iterator[dict]:
    """Serve a company from a process of its own."""
    import subprocess

    command = [sys.executable, "-m", "periferia_link.testing.emulators", "sap", "--with-parent"]
    command += ["--latency", str(LATENCY_MS)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()
        process.wait()
        process.stdout.close()


def admin(server: dict, method: str, path: str, body: object = None) -> object:
    import urllib.request

    request = urllib.request.Request(server["admin"] + path, method=method, data=json.dumps(body or {}).encode())
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)


def partner(number: int) -> dict[str, object]:
    return {
        "CardCode": f"C{number:07d}",
        "CardName": f"Compañía {number} S.A.S.",
        "FederalTaxID": str(800_000_000 + number),
        "EmailAddress": f"contacto{number}@example.com",
        "Phone1": f"+57 601 {number:07d}",
        "City": "Bogotá",
        "Country": "CO",
        "Currency": "COP",
    }


def employee(number: int) -> dict[str, object]:
    return {
        "FirstName": "Persona",
        "LastName": str(number),
        "ExternalEmployeeNumber": f"E-{number}",
        "StartDate": "2025-01-01",
        "CostCenterCode": f"CC{number % 4}",
        "EmployeeCosts": str(30_000 + 137 * number),
        "EmployeeCostUnit": "scu_Hour",
        "EmployeeCostsCurrency": "COP",
    }


def seed(server: dict, count: int) -> None:
    whole = {"TotalInCenter": 100}
    admin(server, "POST", "/seed", {
        "ProfitCenters": [{"CenterCode": f"CC{n}", "CenterName": f"Centro {n}"} for n in range(4)],
        "DistributionRules": [
            {"FactorCode": f"R{n}", "DistributionRuleLines": [{"CenterCode": f"CC{n}", **whole}]} for n in range(4)
        ],
        "Projects": [{"Code": f"PRY-{n}", "Name": f"Proyecto {n}"} for n in range(PROJECTS)],
        "EmployeesInfo": [employee(n) for n in range(PEOPLE)],
    })  # fmt: skip
    for first in range(0, count, 10_000):
        rows = [partner(n) for n in range(first, min(first + 10_000, count))]
        admin(server, "POST", "/seed", {"BusinessPartners": rows})


def books(server: dict) -> dict[str, object]:
    """What the journal of the emulator holds: entries, how many share a key of ours, whether both sides are equal."""
    from decimal import Decimal

    entries = admin(server, "GET", "/books?table=JournalEntries")["JournalEntries"].values()
    keys = [entry["U_PL_Key"] for entry in entries if entry.get("U_PL_Key")]
    sums = [
        sum((Decimal(line[side]) for entry in entries for line in entry["JournalEntryLines"]), Decimal(0))
        for side in ("Debit", "Credit")
    ]
    return {
        "entries": len(entries),
        "ours": len(keys),
        "doubled": len(keys) - len(set(keys)),
        "even": sums[0] == sums[1],
    }


# ---------------------------------------------------------------------- the clients


def our_connector(**options):
    from pydantic import SecretStr

    from periferia_link.connectors.sap_business_one import SapBusinessOne

    account = json.loads(os.environ["BENCH_ACCOUNT"])
    return SapBusinessOne(
        os.environ["BENCH_URL"],
        company_db=account["company_db"],
        username=account["username"],
        password=SecretStr(account["password"]),
        allow_private=True,
        **options,
    )


def their_config():
    from b1sl.b1sl import B1Config

    account = json.loads(os.environ["BENCH_ACCOUNT"])
    return B1Config(base_url=os.environ["BENCH_URL"], **account)


def measured(do) -> dict[str, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    count = do()
    return {"n": count, "wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}


def read_ours(how: str) -> dict[str, float]:
    """``rows``: dictionaries; ``typed``: every row a validated ``Client``."""
    with our_connector(page_size=PAGE) as sap:
        next(iter(sap.rows("BusinessPartners", select=COLUMNS, key="CardCode", top=1)))
        if how == "rows":
            return measured(lambda: sum(1 for _ in sap.rows("BusinessPartners", select=COLUMNS, key="CardCode")))
        pages = sap.pull("Client")
        return measured(lambda: sum(1 for page in pages for row in page.rows if sap.decode("Client", row)))


def read_theirs(how: str, size: str) -> dict[str, float]:
    page_size = int(size) or None
    if how == "sync":
        from b1sl.b1sl import B1Client

        with B1Client(their_config()) as client:
            client.business_partners.get("C0000001")
            query = client.business_partners.select(*COLUMNS).orderby("CardCode")
            return measured(lambda: sum(1 for _ in query.stream(page_size=page_size)))
    import asyncio

    from b1sl.b1sl import AsyncB1Client

    async def whole() -> dict[str, float]:
        async with AsyncB1Client(their_config()) as client:
            await client.business_partners.get("C0000001")
            query = client.business_partners.select(*COLUMNS).orderby("CardCode")
            cpu, wall, count = time.process_time(), time.perf_counter(), 0
            async for _ in query.stream(page_size=page_size):
                count += 1
            return {"n": count, "wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}

    return asyncio.run(whole())


def worked(number: int) -> dict[str, object]:
    """One time entry: who, for what, when and how long."""
    return {
        "person": f"E-{number % PEOPLE}",
        "project": f"PRY-{number % PROJECTS}",
        "day": f"2026-11-{1 + number % 18:02d}",
        "hours": f"{1 + number % 7}.25",
    }


def write_ours(run: str, count: str) -> dict[str, float]:
    """Through the full write protocol: hours times rate, rule of the centre, plan, intent, request, outcome, ledger."""
    import tempfile
    from datetime import date, datetime, timezone
    from decimal import Decimal

    from periferia_link.domain import Employee, Ref, TimeEntry
    from periferia_link.engine import Engine
    from periferia_link.flows import labour_costs
    from periferia_link.ledger import SqliteLedger
    from periferia_link.testing import MemoryConnector

    approved = datetime(2026, 11, 20, tzinfo=timezone.utc)
    source = MemoryConnector("helpdesk", [TimeEntry, Employee], page_size=5000)
    for person in range(PEOPLE):
        source.put(
            Employee(ref=Ref("helpdesk", "Employee", f"E-{person}"), code=f"E-{person}", name=f"Persona {person}")
        )

    def enter(number: int) -> None:
        entry = worked(number)
        source.put(
            TimeEntry(
                person=entry["person"],
                project=entry["project"],
                worked_on=date.fromisoformat(entry["day"]),
                hours=Decimal(entry["hours"]),
                approved_at=approved,
            )
        )

    enter(0)
    flow = labour_costs(starts=date(2026, 11, 1), debit=DEBIT, credit=CREDIT, per="entry", name=f"labour-{run}")
    with tempfile.TemporaryDirectory() as folder, our_connector(parallel=PARALLEL) as connector:
        ledger = SqliteLedger.open(os.path.join(folder, "bench.db"))
        engine = Engine({"helpdesk": source, "erp": connector}, ledger)
        engine.run(flow)  # signed in, connected, modules loaded: theirs is warm too
        for number in range(1, int(count) + 1):
            enter(number)
        found = measured(lambda: engine.run(flow)[flow.name].created)
        ledger.close()
        return found


def entry_of(number: int) -> dict[str, object]:
    """A posting that is ready to be sent: theirs has neither rates nor rules nor a memory."""
    entry = worked(number)
    person = number % PEOPLE
    cost = round((30_000 + 137 * person) * float(entry["hours"]), 2)
    about = {"ProjectCode": entry["project"], "CostingCode": f"R{person % 4}"}
    lines = [{"AccountCode": DEBIT, "Debit": cost, **about}, {"AccountCode": CREDIT, "Credit": cost}]
    return {"ReferenceDate": entry["day"], "Memo": "Mano de obra", "JournalEntryLines": lines}


def write_theirs(how: str, count: str) -> dict[str, float]:
    """``single``: one awaited after the other; ``gather``: eight at once; ``batch``: change sets of 20."""
    import asyncio

    from b1sl.b1sl import AsyncB1Client
    from b1sl.b1sl import entities as en

    async def whole() -> dict[str, float]:
        async with AsyncB1Client(their_config()) as client:
            journal = client.get_resource(en.JournalEntry, "JournalEntries")
            await journal.create(en.JournalEntry(**entry_of(0)))
            gate = asyncio.Semaphore(PARALLEL)

            async def one(number: int) -> None:
                async with gate:
                    await journal.create(en.JournalEntry(**entry_of(number)))

            numbers = range(1, int(count) + 1)
            cpu, wall = time.process_time(), time.perf_counter()
            if how == "gather":
                await asyncio.gather(*(one(number) for number in numbers))
            elif how == "batch":
                await in_batches(client, [en.JournalEntry(**entry_of(number)) for number in numbers])
            else:
                for number in numbers:
                    await one(number)
            return {"n": len(numbers), "wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}

    return asyncio.run(whole())


async def in_batches(client, entries: list) -> None:
    """Post with its batch, whose public surface lacks journal entries: its own resource over its recorder stands in."""
    from b1sl.b1sl.models._generated.entities.finance import JournalEntry
    from b1sl.b1sl.resources.async_base import AsyncGenericResource

    for first in range(0, len(entries), 20):
        async with client.batch() as batch:
            resource = AsyncGenericResource(batch._adapter)
            resource.endpoint, resource.model = "JournalEntries", JournalEntry
            async with batch.changeset():
                for entry in entries[first : first + 20]:
                    with contextlib.suppress(Exception):  # it records, then trips over the answer that it made up
                        await resource.create(entry)
            results = await batch.execute()
            if not results.all_ok:
                raise SystemExit(f"their batch failed: {results}")


def one(case: str, *arguments: str) -> None:
    cases = {
        "read-ours": read_ours,
        "read-theirs": read_theirs,
        "write-ours": write_ours,
        "write-theirs": write_theirs,
    }
    print(json.dumps(cases[case](*arguments)), flush=True)


# ---------------------------------------------------------------------- the run


def run(server: dict, case: str, *arguments: object) -> dict:
    """Run one case in a process of its own."""
    import subprocess

    environment = os.environ | {
        "BENCH_URL": server["url"], "BENCH_ACCOUNT": json.dumps(server["credentials"]),
        "PYTHONPYCACHEPREFIX": server["byte_code"],
    }  # fmt: skip
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.sap", "--one", case, *map(str, arguments)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.stderr.write(done.stderr[-3000:])
        return {"failed": done.stderr.strip().rpartition("\n")[2][:300]}
    return json.loads(done.stdout.strip().rpartition("\n")[2])


def best(server: dict, *cases: tuple[object, ...], times: int = BEST_OF) -> list[dict]:
    """The quickest of several runs by wall time, and the least CPU of them; the cases take turns."""
    found: list[list[dict]] = [[] for _ in cases]
    for turn in range(times):
        for (case, *arguments), runs in zip(cases, found, strict=True):
            # a flow of another name makes postings of other keys
            told = [f"{argument}{turn}" if argument == "run" else argument for argument in arguments]
            runs.append(run(server, case, *told))
    return [show(case, tuple(arguments), _chosen(runs)) for (case, *arguments), runs in zip(cases, found, strict=True)]


def _chosen(runs: list[dict]) -> dict:
    for each in runs:
        if "failed" in each:
            return each
    quickest = min(runs, key=lambda each: each["wall_s"])
    return quickest | {"cpu_s": min(each["cpu_s"] for each in runs)}


def show(case: str, arguments: tuple[object, ...], found: dict) -> dict:
    rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in found.items()}
    rates = {"rows_per_cpu_s": round(found["n"] / found["cpu_s"])} if found.get("n") and found.get("cpu_s") else {}
    print(json.dumps({"case": case, "with": [str(each) for each in arguments], **rounded, **rates}), flush=True)
    return found


def every(partners: int, entries: int, times: int = BEST_OF) -> int:
    import importlib.util
    import tempfile

    if importlib.util.find_spec("b1sl") is None:
        print(json.dumps({"skipped": "b1sl-python is not installed"}))
        return 1
    with emulator() as server, tempfile.TemporaryDirectory() as byte_code:
        server["byte_code"] = byte_code
        begun = time.perf_counter()
        seed(server, partners)
        for warm in (("read-ours", "rows"), ("read-theirs", "async", PAGE)):
            run(server, *warm)
        print(json.dumps({"case": "seeded and warm", "n": partners, "wall_s": round(time.perf_counter() - begun, 1)}))
        ours, sync, gathered = best(
            server, ("read-ours", "rows"), ("read-theirs", "sync", PAGE), ("read-theirs", "async", PAGE), times=times
        )
        best(server, ("read-ours", "typed"), times=1)
        (default,) = best(server, ("read-theirs", "sync", 0), times=1)
        posted, single = best(
            server, ("write-ours", "run", entries), ("write-theirs", "single", entries), times=min(times, 2)
        )
        best(server, ("write-theirs", "gather", entries), ("write-theirs", "batch", entries), times=1)
        held = books(server)
    theirs = min(sync, gathered, key=lambda found: found.get("cpu_s", 1e9))
    return verdict(partners, entries * min(times, 2), ours, theirs, default, posted, single, held)


def verdict(partners, expected, ours, theirs, default, posted, single, held) -> int:
    def ratio(top, bottom, name):
        return top[name] / bottom[name] if name in top and name in bottom else None

    checks = [
        ("read, equal pages: CPU per row of theirs / ours", ratio(theirs, ours, "cpu_s"), 2.0, True),
        ("read, default pages: wall of theirs / ours", ratio(default, ours, "wall_s"), 1.0, True),
        ("read, default pages: CPU per row of theirs / ours", ratio(default, ours, "cpu_s"), 2.0, True),
        ("post: wall of theirs / ours", ratio(single, posted, "wall_s"), 6.0, True),
        ("post: client CPU of ours / theirs", ratio(posted, single, "cpu_s"), 0.5, False),
    ]
    good = True
    for name, value, limit, is_least in checks:
        ok = value is not None and (value >= limit if is_least else value <= limit)
        good = good and ok
        bound = "at_least" if is_least else "at_most"
        print(json.dumps({"check": name, "ratio": value and round(value, 2), bound: limit, "ok": ok}))
    complete = [side.get("n") for side in (ours, theirs, default)] == [partners] * 3
    once = held["ours"] >= expected and held["doubled"] == 0 and held["even"]
    print(json.dumps({"check": "every row read by both", "ok": complete}))
    print(json.dumps({"check": "each hour booked once, debits = credits", **held, "ok": once}))
    return 0 if good and complete and once else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:])
    else:
        numbers = [int(each) for each in sys.argv[1:]]
        sys.exit(every(*(numbers + [PARTNERS, ENTRIES][len(numbers) :])))
