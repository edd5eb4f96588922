"""
Our Dynamics 365 connector against Microsoft's PowerPlatform-Dataverse-Client, in the same run, on one machine.

``nox -s bench -- dynamics365`` or ``python -m benchmarks.dynamics365 [records]``. The emulator serves both over TLS
from a process of its own, 30 ms late; every case runs in a fresh process that signs in, opens a connection and is
measured from there. Both sides take turns, the byte code of both is cached as after an installation, and a ratio is
the median of those of the turns: a machine that does something else meanwhile does it to both. Read: 50,000 accounts,
the same 12 columns; a row is a decoded record: ours a dictionary with exact amounts (and, for information, a
validated ``Client``), theirs a ``Record``. Create: 2,000 accounts through engine, ledger and flow; theirs with one
CreateMultiple, as ``records.create`` sends a list, and one by one. Both are warm to the same degree: signed in,
connected, a first record written, and what a bulk message needs to know of the table asked (ours by ``check``, theirs
by a bulk message of one record). So within the measurement neither asks anything. Both are handed their records in
memory, theirs as rows, ours as clients of a source: it compares them with what it knows, decides, and writes its
ledger in a temporary folder on disk (for information, also with a source that decodes). Start: CPU of the process
until the complete first request of a read reaches the wire (ours) or ``requests.Session.send`` (theirs), not sent
yet; for information, until the name of the host is asked for. Lost answers: the connection dies after the server's
commit; the books of the emulator are counted. JSON lines; exit code 1 when a promise is not kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator

ACCOUNTS, CREATED, ONE_BY_ONE, LATENCY_MS, RANGES, PARALLEL = 50_000, 2_000, 200, 30, 11, 3
EXTRA = ("description", "numberofemployees")
COLUMNS = (
    "name", "accountnumber", "pl_nit", "address1_city", "address1_country", "emailaddress1", "telephone1",
    "_ownerid_value", "statecode", "modifiedon", *EXTRA,
)  # fmt: skip
BEST_OF, CREATE_ROUNDS = 7, 9


# ---------------------------------------------------------------------- the server


@contextlib.contextmanager
def emulator() -> Iterator[dict]:
    """Serve an environment from a process of its own."""
    import subprocess

    command = [sys.executable, "-m", "periferia_link.testing.emulators", "dynamics365", "--tls", "--with-parent"]
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
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def token_of(server: dict) -> str:
    """Sign in as an application does; both clients get the same token."""
    import ssl
    import urllib.parse
    import urllib.request

    known = server["credentials"]
    form = {name: known[name] for name in ("client_id", "client_secret", "scope")}
    body = urllib.parse.urlencode(form | {"grant_type": "client_credentials"}).encode()
    url = f"{known['authority']}/{known['tenant_id']}/oauth2/v2.0/token"
    trusted = ssl.create_default_context(cafile=server["ca"])
    with urllib.request.urlopen(urllib.request.Request(url, data=body), context=trusted, timeout=30) as answer:
        return json.load(answer)["access_token"]


def account(number: int) -> dict[str, object]:
    return {
        "name": f"Compañía {number} S.A.S.",
        "accountnumber": f"C{number:07d}",
        "pl_nit": str(800_000_000 + number),
        "address1_city": "Bogotá",
        "address1_country": "CO",
        "emailaddress1": f"contacto{number}@example.com",
        "telephone1": f"+57 601 {number:07d}",
        "description": f"Cliente desde {2000 + number % 25}",
        "numberofemployees": number % 900,
    }


def seed(server: dict, count: int) -> None:
    import uuid

    for first in range(0, count, 10_000):
        rows = [
            {"accountid": str(uuid.UUID(int=(n * 0x9E3779B97F4A7C15F39CC0605CEDC835) % (1 << 128))), **account(n)}
            for n in range(first, min(first + 10_000, count))
        ]
        admin(server, "POST", "/seed", {"accounts": rows})


def books(server: dict, prefix: str) -> list[str]:
    """Names of accounts in the emulator's own books."""
    rows = admin(server, "GET", "/books")["accounts"].values()
    return [row["name"] for row in rows if row["name"].startswith(prefix)]


# ---------------------------------------------------------------------- the clients


def our_connector(**options):
    from pydantic import SecretStr

    from periferia_link.connectors.dynamics365 import DYNAMICS365_FIELDS, Dynamics365
    from periferia_link.transport._auth import StaticToken

    fields = DYNAMICS365_FIELDS.merged({"Client": {"extra": list(EXTRA)}})
    token = StaticToken(SecretStr(os.environ["BENCH_TOKEN"]))
    return Dynamics365(
        os.environ["BENCH_URL"],
        credential=token,
        fields=fields,
        ca_file=os.environ["BENCH_CA"],
        allow_private=True,
        **options,
    )


def credential():
    """What azure-identity hands out, without its import and its sign-in; both clients take it."""

    class Token:
        token, expires_on, refresh_on = os.environ["BENCH_TOKEN"], int(time.time()) + 3600, None

    class Credential:
        def get_token(self, *scopes, **options):
            return Token

    return Credential()


def official_client():
    from PowerPlatform.Dataverse.client import DataverseClient

    return DataverseClient(os.environ["BENCH_URL"].replace("127.0.0.1", "localhost"), credential())


def measured(do) -> dict[str, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    count = do()
    return {"n": count, "wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}


def connect(connector, connections: int) -> None:
    """Open every connection that it uses; the only one of theirs is open, too."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(lambda _: connector.check(), range(connections)))


def read_ours(how: str) -> dict[str, float]:
    """``rows``: one chain of next links; ``ranges``: key ranges side by side; ``typed``: one chain of ``Client``."""
    with our_connector(parallel=PARALLEL) as connector:
        next(iter(connector.rows("Client", top=1)))
        if how == "ranges":
            connect(connector, PARALLEL)
            return measured(lambda: sum(1 for _ in connector.rows("Client", ranges=RANGES)))
        read = connector.rows if how == "rows" else connector.each
        return measured(lambda: sum(1 for _ in read("Client")))


def read_official() -> dict[str, float]:
    with official_client() as client:
        next(iter(client.records.list_pages("account", select=["name"], page_size=1)))
        pages = client.records.list_pages
        return measured(lambda: sum(len(page) for page in pages("account", select=list(COLUMNS), page_size=5000)))


def create_ours(prefix: str, count: int, deadline: float = 30.0, *, decodes: bool = False) -> dict[str, float]:
    """
    Through the full write protocol: plan, intent, requests, outcome, all in a durable ledger.

    The source was handed its clients, as the official client is handed its rows; with *decodes* it keeps them as JSON
    and makes each of them when it is read.
    """
    import tempfile

    from periferia_link.domain import Client
    from periferia_link.engine import Engine, Flow
    from periferia_link.ledger import SqliteLedger
    from periferia_link.testing import MemoryConnector

    class Handed(MemoryConnector):
        def put(self, entity):
            ref = super().put(entity)
            handed[ref.id] = entity.model_copy(update={"ref": ref})
            return ref

        def decode(self, kind, row):
            return super().decode(kind, row) if decodes else handed[row.key]

    def client(number: int) -> Client:
        return Client(name=f"{prefix}{number}", code=f"{prefix[:6]}{number}", city="Bogotá", country="CO")

    handed: dict[str, Client] = {}
    source = Handed("erp", [Client], page_size=5000)
    source.put(client(0))
    # the id of a record is made from the flow and the source: another flow name makes other records
    flow = Flow(
        name=f"bench{prefix}".replace("-", "_"),
        source=("erp", "Client"),
        target=("crm", "Client"),
        project=lambda client, _: client,
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        our_connector(max_batch=500 if count > 1000 else 100, deadline=deadline, parallel=4) as connector,
    ):
        ledger = SqliteLedger.open(os.path.join(folder, "bench.db"))
        engine = Engine({"erp": source, "crm": connector}, ledger)
        reports = [engine.run(flow)[flow.name]]  # signed in, connected, names known: theirs is warm too
        connect(connector, 4)
        for number in range(1, count + 1):
            source.put(client(number))

        def go() -> int:
            reports.append(engine.run(flow)[flow.name])
            return reports[-1].created

        found = measured(go)
        for _ in range(60):  # what was left open is settled by the next runs, as in a schedule
            if sum(report.created for report in reports) > count:
                break
            time.sleep(deadline / 2)
            go()
        found["n"] = sum(report.created for report in reports[1:])
        found["runs"] = len(reports) - 1
        ledger.close()
        return found


def create_official(prefix: str, count: int, how: str) -> dict[str, float]:
    rows = [
        {"name": f"{prefix}{n}", "accountnumber": f"{prefix[:6]}{n}", "address1_city": "Bogotá",
         "address1_country": "CO"}
        for n in range(count)
    ]  # fmt: skip
    with official_client() as client:
        next(iter(client.records.list_pages("account", select=["name"], page_size=1)))
        if how == "bulk":
            client.records.create("account", [{"name": f"warm{prefix}"}])  # what it asks of the table is asked once
            return measured(lambda: len(client.records.create("account", rows)))

        def each() -> int:
            made = 0
            for row in rows:
                with contextlib.suppress(Exception):  # what a lost answer does to it is the measurement
                    client.records.create("account", row)
                    made += 1
            return made

        return measured(each)


def first_request(who: str, until: str) -> None:
    """CPU from the start of the process until the first request is ``prepared``, or the ``host`` is asked for."""

    def stop(*args, **kwargs):
        print(json.dumps({"cpu_s": time.process_time(), "n": 1}), flush=True)
        os._exit(0)

    if until == "host":
        import socket

        socket.getaddrinfo = socket.create_connection = stop
    if who == "ours":
        from periferia_link.connectors.dynamics365 import DYNAMICS365_FIELDS, Dynamics365

        if until == "prepared":
            from periferia_link.transport._transport import LateWire

            LateWire.send = stop
        fields = DYNAMICS365_FIELDS.merged({"Client": {"extra": list(EXTRA)}})
        next(Dynamics365("https://contoso.crm.dynamics.com", credential=credential(), fields=fields).pull("Client"))
    else:
        if until == "prepared":
            import requests

            requests.Session.send = stop
        from PowerPlatform.Dataverse.client import DataverseClient

        client = DataverseClient("https://contoso.crm.dynamics.com", credential())
        next(iter(client.records.list_pages("account", select=list(COLUMNS))))


def one(case: str, *arguments: str) -> None:
    cases = {
        "read-ours": read_ours,
        "read-official": read_official,
        "create-ours": lambda prefix, count, deadline: create_ours(prefix, int(count), float(deadline)),
        "create-decoding": lambda prefix, count: create_ours(prefix, int(count), decodes=True),
        "create-official": lambda prefix, count, how: create_official(prefix, int(count), how),
        "first-request": first_request,
    }
    print(json.dumps(cases[case](*arguments)), flush=True)


# ---------------------------------------------------------------------- the run


def run(server: dict, token: str, case: str, *arguments: object) -> dict:
    """Run one case in a process of its own."""
    import subprocess

    environment = os.environ | {
        "BENCH_URL": server["url"], "BENCH_CA": server["ca"], "BENCH_TOKEN": token,
        "REQUESTS_CA_BUNDLE": server["ca"], "SSL_CERT_FILE": server["ca"], "PYTHONPYCACHEPREFIX": server["byte_code"],
    }  # fmt: skip
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.dynamics365", "--one", case, *map(str, arguments)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.stderr.write(done.stderr[-3000:])
        return {"failed": done.stderr.strip().rpartition("\n")[2][:300]}
    return json.loads(done.stdout.strip().rpartition("\n")[2])


def best(server: dict, token: str, *cases: tuple[object, ...], times: int = BEST_OF) -> list[dict]:
    """Run cases in turns; the quickest run of each by wall time, the least CPU, and what each turn took."""
    found: list[list[dict]] = [[] for _ in cases]
    for turn in range(times):
        for (case, *arguments), runs in zip(cases, found, strict=True):
            unique = [f"{turn}{argument}" if isinstance(argument, str) and argument.startswith("-") else argument
                      for argument in arguments]  # fmt: skip
            runs.append(run(server, token, case, *unique))
    return [show(case, tuple(arguments), _chosen(runs)) for (case, *arguments), runs in zip(cases, found, strict=True)]


def _chosen(runs: list[dict]) -> dict:
    for each in runs:
        if "failed" in each:
            return each
    quickest = min(runs, key=lambda each: each.get("wall_s", each["cpu_s"]))
    turns = {name: [each[name] for each in runs] for name in ("wall_s", "cpu_s") if name in quickest}
    return quickest | {"cpu_s": min(turns["cpu_s"]), "turns": turns}


def show(case: str, arguments: tuple[object, ...], found: dict) -> dict:
    rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in found.items()}
    rounded["turns"] = {name: [round(value, 3) for value in values] for name, values in found.get("turns", {}).items()}
    rates = {"rows_per_cpu_s": round(found["n"] / found["cpu_s"])} if found.get("n") and found.get("cpu_s") else {}
    print(json.dumps({"case": case, "with": [str(each) for each in arguments], **rounded, **rates}), flush=True)
    return found


def losses(server: dict, token: str) -> dict[str, dict]:
    """Let the connection die after the commit, on both sides, and count the books."""
    found = {}
    for who in ("ours", "official"):
        prefix, count = f"lost-{who}-", 600 if who == "ours" else 20
        rule = {"fault": "reset", "method": "POST", "when": "after", "path": "/api/data/*", "times": 4}
        admin(server, "POST", "/faults", rule | ({"nth": 3, "times": 1} if who == "ours" else {}))
        arguments = (prefix, count, 8.0) if who == "ours" else (prefix, count, "single")
        result = run(server, token, f"create-{who}", *arguments)
        admin(server, "DELETE", "/faults")
        names = books(server, prefix)
        found[who] = {"wanted": count + (who == "ours"), "rows": len(names), "duplicates": len(names) - len(set(names))}
        print(json.dumps({"case": "lost answers", "with": who, **found[who], "client": result}), flush=True)
    return found


def every(count: int) -> int:
    import importlib.util
    import tempfile

    if importlib.util.find_spec("PowerPlatform") is None:
        print(json.dumps({"skipped": "PowerPlatform-Dataverse-Client is not installed"}))
        return 1
    with emulator() as server, tempfile.TemporaryDirectory() as byte_code:
        server["byte_code"] = byte_code
        begun = time.perf_counter()
        seed(server, count)
        token = token_of(server)
        for warm in (("read-ours", "rows"), ("read-ours", "ranges"), ("read-official",)):
            run(server, token, *warm)
        print(json.dumps({"case": "seeded and warm", "n": count, "wall_s": round(time.perf_counter() - begun, 1)}))
        ours_start, official_start = best(
            server, token, ("first-request", "ours", "prepared"), ("first-request", "official", "prepared")
        )
        best(server, token, ("first-request", "ours", "host"), ("first-request", "official", "host"), times=3)
        chain, ranges, official = best(
            server, token, ("read-ours", "rows"), ("read-ours", "ranges"), ("read-official",)
        )
        best(server, token, ("read-ours", "typed"), times=1)
        ours, bulk = best(
            server, token, ("create-ours", "-ours-", CREATED, 30.0), ("create-official", "-bulk-", CREATED, "bulk"),
            times=CREATE_ROUNDS,
        )  # fmt: skip
        best(server, token, ("create-decoding", "-read-", CREATED), times=3)
        (single,) = best(server, token, ("create-official", "-single-", ONE_BY_ONE, "single"), times=1)
        lost = losses(server, token)
    starts = {"ours": ours_start, "official": official_start}
    return verdict(count, starts, chain, ranges, official, ours, bulk, single, lost)


def verdict(count, starts, chain, ranges, official, ours, bulk, single, lost) -> int:
    def ratio(top, bottom, name):
        if "turns" not in top or "turns" not in bottom:
            return None
        # of both sides in one turn: what else the machine did then, it did to both
        return statistics.median(
            over / under for over, under in zip(top["turns"][name], bottom["turns"][name], strict=True)
        )

    alone = single["wall_s"] / ONE_BY_ONE * CREATED if "wall_s" in single else None
    checks = [
        ("read: rows per client CPU-second / official", ratio(official, chain, "cpu_s"), 2.0, True),
        ("read: wall of official / ours, one chain", ratio(official, chain, "wall_s"), 1.3, True),
        ("read: wall of official / ours, key ranges", ratio(official, ranges, "wall_s"), 3.0, True),
        ("create: wall of ours / official's bulk call", ratio(ours, bulk, "wall_s"), 1.3, False),
        ("create: wall of official one by one / ours", alone / ours["wall_s"] if alone and "wall_s" in ours else None,
         10.0, True),
        ("start: CPU to the first prepared request, ours / official",
         ratio(starts["ours"], starts["official"], "cpu_s"), 0.4, False),
    ]  # fmt: skip
    good = True
    for name, value, limit, is_least in checks:
        ok = value is not None and (value >= limit if is_least else value <= limit)
        good = good and ok
        bound = "at_least" if is_least else "at_most"
        print(json.dumps({"check": name, "ratio": value and round(value, 2), bound: limit, "ok": ok}))
    complete = [side.get("n") for side in (chain, ranges, official)] == [count] * 3
    once = lost["ours"]["duplicates"] == 0 and lost["ours"]["rows"] == lost["ours"]["wanted"]
    print(json.dumps({"check": "every row read by all three", "ok": complete}))
    print(json.dumps({"check": "ours after lost answers: duplicates", "value": lost["ours"]["duplicates"], "at_most": 0,
                      "official": lost["official"]["duplicates"], "ok": once}))  # fmt: skip
    return 0 if good and complete and once else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:])
    else:
        sys.exit(every(int(sys.argv[1]) if len(sys.argv) > 1 else ACCOUNTS))
