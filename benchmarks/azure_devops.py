"""
The Azure DevOps connector against the official SDK, over sockets to one emulator: CPU seconds, JSON lines.

``nox -s bench -- azure-devops`` or ``python -m benchmarks.azure_devops [ITEMS [CREATES]]``. The emulator runs in a
process of its own, every case in another one. *fetch*: 20,000 items with 20 fields, all of them, the client's CPU only,
counted from the first answer on; a row is a decoded record with its fields on both sides (``typed`` adds our model).
*create*: 1,000 items at 30 ms latency, ours through the engine, a ledger on disk and the whole write protocol; the SDK
has no bulk create. *start*: CPU from a bare interpreter to the first prepared request, everything imported; the best of
several runs in turns, byte code cached on both sides as after an installation; a request counts as prepared when it
reaches our wire, or ``Session.send`` of the SDK, complete and not sent. The SDK keeps resource locations on disk; after
its first *start* that cache is warm. Every case is run in turns and the best counts, on both sides: neighbours on the
machine slow everybody down, nobody speeds up.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import datetime, timezone

ITEMS, CREATES, LATENCY = 20_000, 1_000, 30
FIELDS = (  # noqa: SIM905 - a list of twenty lines says no more
    "System.Id System.Rev System.AreaPath System.TeamProject System.IterationPath System.WorkItemType System.State "
    "System.Reason System.CreatedDate System.CreatedBy System.ChangedDate System.ChangedBy System.CommentCount "
    "System.Title System.Description System.Tags System.AssignedTo Microsoft.VSTS.Common.Priority "
    "Microsoft.VSTS.Common.StateChangeDate Microsoft.VSTS.Scheduling.RemainingWork"
).split()


# ---------------------------------------------------------------------- the far side


def serve(items: int, latency: float) -> None:
    """Serve an organisation with so many items until standard input ends."""
    from periferia_link.testing.emulators import ManualClock, host, make

    emulator = make("azure-devops")
    clock = ManualClock(datetime(2026, 11, 1, tzinfo=timezone.utc))
    for number in range(items):
        fields = {
            "Title": f"Requisito {number}: pantalla de consulta",
            "Description": f"<p>Como usuario quiero consultar el registro {number}.</p>",
            "Tags": "cliente; fase-2",
            "AssignedTo": "ana@periferia.example",
            "Microsoft.VSTS.Common.Priority": number % 4 + 1,
            "Microsoft.VSTS.Scheduling.RemainingWork": number % 40 + 0.5,
        }
        emulator.enter("Entrega", "Task", fields, clock)
    with host(emulator, latency=latency / 1000) as running:
        print(json.dumps({"url": f"{running.url}/periferia", "token": emulator.pat}), flush=True)
        sys.stdin.read()


@contextmanager
def served(items: int, latency: float):
    """Run the emulator in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.azure_devops", "--serve", str(items), str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(30)


# ---------------------------------------------------------------------- ours


def connector(place, **options):
    from periferia_link.connectors.azure_devops import AzureDevOps

    return AzureDevOps(place["url"], token=place["token"], allow_private=True, project="Entrega", **options)


def ours_fetch(place, count: int) -> int:
    with connector(place) as devops:
        devops.get("WorkItem", ["1"])
        from_now_on()
        return sum(len(row.body["fields"]) >= 18 for page in devops.pull("WorkItem") for row in page.rows)


def ours_typed(place, count: int) -> int:
    with connector(place) as devops:
        devops.decode("WorkItem", devops.get("WorkItem", ["1"])[0])
        from_now_on()
        return sum(bool(item.title) for item in devops.each("WorkItem"))


def ours_create(place, count: int) -> int:
    from periferia_link.connectors.base import Capabilities
    from periferia_link.domain import Project, WorkItem
    from periferia_link.engine import Engine, Flow
    from periferia_link.ledger import SqliteLedger
    from periferia_link.testing import MemoryConnector

    class Plans(MemoryConnector):
        @property
        def capabilities(self):
            return {"Project": Capabilities(feed="scan", version_covers_fields=True)}

    source = Plans("plans", kinds=(Project,))
    for number in range(count):
        source.put(Project(name=f"Entregable {number}", code=f"E-{number:05}"))
    flow = Flow(
        name="deliverables",
        source=("plans", "Project"),
        target=("devops", "WorkItem"),
        project=lambda project, context: WorkItem(
            title=project.name, type="Task", tags=("entregable",), external_ref=project.code
        ),
    )
    with tempfile.TemporaryDirectory() as folder, connector(place) as devops:
        with SqliteLedger.open(f"{folder}/ledger.db") as ledger:
            report = Engine({"plans": source, "devops": devops}, ledger).run([flow])
        return report.flows["deliverables"].counts["created"]


def ours_start(place, count: int) -> int:
    from periferia_link.transport._transport import LateWire

    prepared: list[object] = []

    def stop(self, request, *, deadline):
        prepared.append(request)
        raise KeyboardInterrupt

    LateWire.send = stop
    with connector(place) as devops:
        try:
            devops.get("WorkItem", ["1"])
        except KeyboardInterrupt:
            return len(prepared)
    return 0


# ---------------------------------------------------------------------- the official SDK


def sdk(place):
    from azure.devops.connection import Connection
    from msrest.authentication import BasicAuthentication

    credentials = BasicAuthentication("", place["token"])
    return Connection(base_url=place["url"], creds=credentials).clients_v7_1.get_work_item_tracking_client()


def sdk_fetch(place, count: int) -> int:
    from azure.devops.v7_1.work_item_tracking.models import Wiql, WorkItemBatchGetRequest

    client = sdk(place)
    client.get_work_items_batch(WorkItemBatchGetRequest(ids=[1], fields=FIELDS))
    from_now_on()
    query = "SELECT [System.Id] FROM WorkItems WHERE [System.Id] > {} ORDER BY [System.Id]"
    ids: list[int] = []
    while True:  # results are read in windows below 20,000
        found = client.query_by_wiql(Wiql(query=query.format(ids[-1] if ids else 0)), top=19_999).work_items
        ids += [each.id for each in found]
        if len(found) < 19_999:
            break
    rows = 0
    for at in range(0, len(ids), 200):
        asked = WorkItemBatchGetRequest(ids=ids[at : at + 200], fields=FIELDS)
        rows += sum(len(item.fields) >= 18 for item in client.get_work_items_batch(asked))
    return rows


def sdk_create(place, count: int) -> int:
    from azure.devops.v7_1.work_item_tracking.models import JsonPatchOperation

    client = sdk(place)
    made = 0
    for number in range(count):
        values = {"System.Title": f"Entregable {number}", "System.Tags": f"entregable; pl-ref:E-{number:05}"}
        document = [JsonPatchOperation(op="add", path=f"/fields/{name}", value=value) for name, value in values.items()]
        made += bool(client.create_work_item(document, "Entrega", "Task").id)
    return made


def sdk_start(place, count: int) -> int:
    import requests

    prepared: list[object] = []

    def stop(self, request, **_):
        if request.method == "POST":
            prepared.append(request)
            raise KeyboardInterrupt
        return real(self, request, **_)

    real, requests.Session.send = requests.Session.send, stop
    from azure.devops.v7_1.work_item_tracking.models import WorkItemBatchGetRequest

    try:
        sdk(place).get_work_items_batch(WorkItemBatchGetRequest(ids=[1]))
    except KeyboardInterrupt:
        return len(prepared)
    return 0


# ---------------------------------------------------------------------- measuring


BEGAN: dict[str, float] = {}


def from_now_on() -> None:
    """Begin to count: a *fetch* is counted after the first answer on both sides, *start* counts what lies before."""
    BEGAN.update(cpu=time.process_time(), wall=time.perf_counter())


def one(engine: str, case: str, count: int, place: str) -> None:
    """Run one case and print its line; CPU is that of this process alone."""
    do = globals()[f"{engine}_{case}"]
    from_now_on()
    rows = do(json.loads(place), count)
    if rows != (1 if case == "start" else count):
        sys.exit(f"{engine} {case}: {rows} instead of {count}")
    seconds = time.process_time() - BEGAN["cpu"]
    name = "azure-devops SDK" if engine == "sdk" else "periferia-link"
    print(
        json.dumps(
            {
                "engine": name,
                "case": case,
                "n": count,
                "records_per_cpu_s": round(rows / seconds),
                "cpu_s": round(seconds, 3),
                "wall_s": round(time.perf_counter() - BEGAN["wall"], 3),
            }
        ),
        flush=True,
    )


def run(engine: str, case: str, count: int, place, cache: str) -> dict[str, float]:
    """Run one case in a process of its own."""
    arguments = ["-m", "benchmarks.azure_devops", "--one", engine, case, str(count), json.dumps(place)]
    done = subprocess.run(
        [sys.executable, *(["-W", "ignore"] if engine == "sdk" else []), *arguments],
        env={
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "AZURE_DEVOPS_CACHE_DIR": cache,
            "PYTHONPYCACHEPREFIX": f"{cache}/byte-code",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr or f"{engine} {case} failed")
    line = done.stdout.strip().splitlines()[-1]
    print(line, flush=True)
    return json.loads(line)


def every(items: int, creates: int) -> int:
    """Run all cases and say whether the promises hold."""
    engines = ["sdk", "ours"] if importlib.util.find_spec("azure.devops") else ["ours"]
    found: dict[tuple[str, str], dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as cache:
        with served(items, 0) as place:
            for case, count, turns in (("start", 1, 6), ("fetch", items, 2)):
                lines = [{engine: run(engine, case, count, place, cache) for engine in engines} for _ in range(turns)]
                for engine in engines:
                    found[engine, case] = min((line[engine] for line in lines), key=lambda line: line["cpu_s"])
            found["ours", "typed"] = run("ours", "typed", items, place, cache)
        lines = []
        for _ in range(3):
            with served(0, LATENCY) as place:  # an organisation of its own: neither finds what the other made
                lines.append({engine: run(engine, "create", creates, place, cache) for engine in engines})
        for engine in engines:
            found[engine, "create"] = min((line[engine] for line in lines), key=lambda line: line["wall_s"])
    return verdict(found) if len(engines) > 1 else 0


def verdict(found) -> int:
    """Print the ratios; 0 when all hold."""

    def ratio(case: str, key: str) -> float:
        return found["sdk", case][key] / found["ours", case][key]

    checks = [
        ("fetch: CPU of the SDK / ours", ratio("fetch", "cpu_s"), 8.0),
        ("create: wall time of the SDK / ours", ratio("create", "wall_s"), 8.0),
        ("start: CPU of the SDK / ours", ratio("start", "cpu_s"), 2.0),
    ]
    for name, value, least in checks:
        print(json.dumps({"check": name, "ratio": round(value, 1), "at_least": least, "ok": value >= least}))
    return 0 if all(value >= least for _, value, least in checks) else 1


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[:1] == ["--serve"]:
        serve(int(arguments[1]), float(arguments[2]))
    elif arguments[:1] == ["--one"]:
        one(arguments[1], arguments[2], int(arguments[3]), arguments[4])
    else:
        sizes = [int(each) for each in arguments if each.isdecimal()]
        sys.exit(every(*(sizes + [ITEMS, CREATES][len(sizes) :])))
