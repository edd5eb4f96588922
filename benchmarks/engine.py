"""
The engine against diffsync and against the floor, on memory systems: CPU seconds, JSON lines.

``nox -s bench -- engine`` or ``python -m benchmarks.engine [sizes…]``. Every case runs in a process of its own, so
that its peak memory is its own. The data: GUID keys, eleven fields, an etag in every row, 1 % changed, 0.5 % new,
0.5 % gone; the engine finds deletions, matches, writes through the whole protocol with synchronous=FULL.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator

from benchmarks import _dlt

SIZES = (1_000, 10_000, 100_000)
ROUNDS = 5  # in turns, the best of each counts: neighbours on the machine slow everybody down, nobody speeds up
LARGE = 200_000  # records from which on one turn has to do
PAGE = 2_000
CORE_ONLY = "PERIFERIA_LINK_BENCH_CORE_ONLY"


def guid(number: int) -> str:
    """A GUID that looks random and is the same every time."""
    return str(uuid.UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % (1 << 128)))


def fields(number: int, edition: int) -> dict[str, object]:
    """Eleven fields of one client."""
    changed = edition and number % 100 == 0
    return {
        "name": f"Compañía {number} S.A.S.",
        "code": f"C{number:07d}",
        "tax_id": None,
        "country": "CO",
        "city": "Medellín" if changed else "Bogotá",
        "email": f"contacto{number}@example.com",
        "phone": f"+57 601 {number:07d}",
        "currency": "COP",
        "is_active": True,
        "updated_at": "2026-11-01T10:00:00Z",
        "custom": {"segment": number % 7},
    }


def numbers(size: int, edition: int) -> Iterator[int]:
    """Who exists in an edition of the source."""
    for number in range(size):
        if not (edition and number % 200 == 1):
            yield number
    if edition:
        yield from range(size, size + size // 200)


# ---------------------------------------------------------------------- ours


def wire_rows(size: int, edition: int) -> list[tuple[str, str, bytes]]:
    """Rows as the wire brings them: key, etag, JSON bytes with the etag inside."""
    rows = []
    for number in numbers(size, edition):
        key = guid(number)
        etag = f'W/"{number}.{1 if edition and number % 100 == 0 else 0}"'
        body = json.dumps({"@odata.etag": etag, "accountid": key, **fields(number, edition)}).encode()
        rows.append((key, etag, body))
    return rows


def source_of(size: int, edition: int):
    """A source that parses JSON pages as a real one does, and lists everything every time."""
    from pydantic_core import from_json

    from periferia_link.connectors.base import Capabilities, Page, Row
    from periferia_link.domain import Client, Ref
    from periferia_link.testing import MemoryConnector

    raw = wire_rows(size, edition)
    pages = [b"[" + b",".join(body for _, _, body in raw[i : i + PAGE]) + b"]" for i in range(0, len(raw), PAGE)]
    del raw
    drop = ("@odata.etag", "accountid")
    make = Client.__pydantic_validator__.validate_python

    def rows_of(page: bytes) -> list[Row]:
        return [Row(row["accountid"], row["@odata.etag"], row) for row in from_json(page)]

    parsed: Callable[[bytes], dict[str, object]] = from_json
    if not os.environ.get(CORE_ONLY) and importlib.util.find_spec("msgspec"):
        import msgspec

        class Head(msgspec.Struct, gc=False):
            """What tells an unchanged row: the rest is read only when it changed."""

            etag: str = msgspec.field(name="@odata.etag")
            accountid: str = ""

        heads, bodies = msgspec.json.Decoder(list[Head]), msgspec.json.Decoder(list[msgspec.Raw])
        parsed, make_row = msgspec.json.Decoder().decode, Row._make

        def rows_of(page: bytes) -> list[Row]:
            pairs = zip(heads.decode(page), bodies.decode(page), strict=True)
            return [make_row((head.accountid, head.etag, body, None, None)) for head, body in pairs]

    class Source(MemoryConnector):
        @property
        def capabilities(self):
            return {"Client": Capabilities(feed="scan", version_covers_fields=True)}

        def pull(self, kind, since=None):
            for place, page in enumerate(pages):
                yield Page(rows_of(page), (), None, place == len(pages) - 1, True)

        def decode(self, kind, row):
            values = dict(row.body) if isinstance(row.body, dict) else parsed(row.body)
            for name in drop:
                del values[name]
            values["ref"], values["version"] = Ref(self.name, kind, row.key), row.version
            return make(values)

    return Source("crm", [Client])


def target_of(folder: str):
    """A target that keeps bodies on disk, so that the memory measured is the engine's."""
    from periferia_link.connectors.base import Applied
    from periferia_link.domain import Client, Ref
    from periferia_link.testing import MemoryConnector

    class Target(MemoryConnector):
        end = 0
        store = open(os.path.join(folder, "target"), "w+b")  # noqa: SIM115 - lives as long as the process

        def write(self, kind, writes):
            rows = self._rows[kind]
            if writes[0].mode != "create" or any(each.create_key in rows for each in writes):
                return super().write(kind, writes)
            # a system that only stores: what it does is not what is measured
            self.requests.append((kind, "create", len(writes)))
            return [
                Applied(Ref(self.name, kind, each.create_key), self._store(kind, each.create_key, each.body))
                for each in writes
            ]

        def _store(self, kind, key, body):
            self._counter += 1
            self._rows[kind][key] = (self._counter, self.end, self.store.write(body))
            self.end += len(body)
            return f'W/"{self._counter}"'

        def _row(self, kind, key):
            number, place, length = self._rows[kind][key]
            self.store.seek(place)
            body = self.store.read(length)
            self.store.seek(0, 2)
            return super_row(key, number, body)

        def _change(self, kind, write):
            held = self._rows[kind].get(write.ref.id)
            if held is not None:
                self._rows[kind][write.ref.id] = (held[0], self._row(kind, write.ref.id).body)
            return super()._change(kind, write)

    def super_row(key, number, body):
        from periferia_link.connectors.base import Row

        return Row(key, f'W/"{number}"', body)

    return Target("erp", [Client], max_batch=1000)


def flow_of():
    from periferia_link.engine import Ceilings, Flow

    return Flow(
        name="clients",
        source=("crm", "Client"),
        target=("erp", "Client"),
        project=lambda client, context: client,  # the peer maps nothing either
        on_delete="delete",
        ceilings=Ceilings(percent=None),
    )


def ours(case: str, size: int) -> dict[str, object]:
    from periferia_link.engine import Engine
    from periferia_link.ledger import SqliteLedger

    flow = flow_of()
    with tempfile.TemporaryDirectory() as folder:
        target = target_of(folder)
        ledger = SqliteLedger.open(os.path.join(folder, "bench.db"))
        first = source_of(size, 0)
        if case == "first":
            report, seconds, peak = measured(lambda: Engine({"crm": first, "erp": target}, ledger).run(flow))
            assert report["clients"].created == size, report
            records = size
        else:
            Engine({"crm": first, "erp": target}, ledger).run(flow)
            del first
            target.requests.clear()
            second = source_of(size, 1)
            gc.collect()
            report, seconds, peak = measured(lambda: Engine({"crm": second, "erp": target}, ledger).run(flow))
            got = (report["clients"].created, report["clients"].updated, report["clients"].deleted)
            changed = sum(1 for n in numbers(size, 1) if n < size and n % 100 == 0)
            gone = sum(1 for n in range(size) if n % 200 == 1)
            assert got == (size // 200, changed, gone), got
            records = size
        ledger.close()
    return row("periferia-link" + (" core" if os.environ.get(CORE_ONLY) else ""), case, records, seconds, peak)


def measured(do):
    gc.collect()
    before = resident_mb()
    reset_peak()
    begun = time.process_time()
    result = do()
    seconds = time.process_time() - begun
    return result, seconds, peak_mb() - before


# ---------------------------------------------------------------------- the peer


def diffsync(case: str, size: int) -> dict[str, object]:
    import logging

    import structlog
    from diffsync import Adapter, DiffSyncModel
    from diffsync.enum import DiffSyncFlags
    from pydantic_core import from_json

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    names = tuple(fields(0, 0))

    class Client(DiffSyncModel):
        _modelname = "client"
        _identifiers = ("key",)
        _attributes = names
        key: str
        name: str
        code: str | None = None
        tax_id: str | None = None
        country: str = "CO"
        city: str | None = None
        email: str | None = None
        phone: str | None = None
        currency: str | None = None
        is_active: bool = True
        updated_at: str | None = None
        custom: dict[str, int]

    store: dict[str, str] = {}

    class Stored(Client):
        """A record of the target: written as JSON into a dictionary, as our memory system does."""

        @classmethod
        def create(cls, adapter, ids, attrs):
            made = super().create(adapter, ids, attrs)
            store[ids["key"]] = made.model_dump_json(exclude={"adapter"})
            return made

        def update(self, attrs):
            made = super().update(attrs)
            store[self.key] = made.model_dump_json(exclude={"adapter"})
            return made

        def delete(self):
            store.pop(self.key, None)
            return super().delete()

    class Side(Adapter):
        client = Client
        top_level = ["client"]

        def load(self, wire) -> None:
            for page in wire:
                for body in from_json(page):
                    body.pop("@odata.etag")
                    self.add(self.client(key=body.pop("accountid"), **body))

    class Target(Side):
        client = Stored

    pages = {}
    for edition in (0, 1):
        raw = wire_rows(size, edition)
        pages[edition] = [b"[" + b",".join(b for _, _, b in raw[i : i + PAGE]) + b"]" for i in range(0, len(raw), PAGE)]
        del raw

    def go():
        source, target = Side(), Target()
        source.load(pages[0 if case == "first" else 1])
        if case != "first":
            target.load(pages[0])
        source.sync_to(target, flags=DiffSyncFlags.NONE)
        return target

    target, seconds, peak = measured(go)
    assert len(target.get_all("client")) == len(list(numbers(size, 0 if case == "first" else 1)))
    return row("diffsync", case, size, seconds, peak)


def floor(case: str, size: int) -> dict[str, object]:
    """The least that a durable comparison can cost: parse, look up, compare; or insert."""
    import sqlite3

    from pydantic_core import from_json

    pages = {}
    for edition in (0, 1):
        raw = wire_rows(size, edition)
        pages[edition] = [b"[" + b",".join(b for _, _, b in raw[i : i + PAGE]) + b"]" for i in range(0, len(raw), PAGE)]
    with tempfile.TemporaryDirectory() as folder:
        db = sqlite3.connect(os.path.join(folder, "floor.db"), isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE r (k TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID")

        def go(edition: int) -> None:
            for page in pages[edition]:
                rows = {r["accountid"]: r["@odata.etag"] for r in from_json(page)}
                marks = ",".join("?" * len(rows))
                known = dict(db.execute(f"SELECT k, v FROM r WHERE k IN ({marks})", list(rows)))
                db.execute("BEGIN")
                changed = [(k, v) for k, v in rows.items() if known.get(k) != v]
                db.executemany("INSERT OR REPLACE INTO r VALUES (?,?)", sorted(changed))
                db.execute("COMMIT")

        if case != "first":
            go(0)
        _, seconds, peak = measured(lambda: go(0 if case == "first" else 1))
        db.close()
    return row("floor", case, size, seconds, peak)


# ---------------------------------------------------------------------- measuring


def row(engine: str, case: str, size: int, seconds: float, peak: float) -> dict[str, object]:
    return {
        "engine": engine, "case": case, "n": size, "records_per_cpu_s": round(size / seconds),
        "peak_mb": round(peak, 1), "cpu_s": round(seconds, 3),
    }  # fmt: skip


def resident_mb() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 1e6


def reset_peak() -> None:
    try:
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")
    except OSError:
        pass


def peak_mb() -> float:
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def one(engine: str, case: str, size: int) -> None:
    do = {"ours": ours, "diffsync": diffsync, "floor": floor}[engine]
    print(json.dumps(do(case, size)), flush=True)


def every(sizes: list[int]) -> int:
    """Run all cases, each in its own process, and check the promises."""
    has_peer = importlib.util.find_spec("diffsync") is not None
    found: dict[tuple[str, str, int], dict[str, object]] = {}
    for size in sizes:
        for case in ("first", "resync"):
            plan = [("ours", {}), ("ours", {CORE_ONLY: "1"}), ("floor", {})]
            if has_peer:
                plan.insert(0, ("diffsync", {}))
            for engine, extra in plan * (ROUNDS if size <= LARGE else 1):
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.engine", "--one", engine, case, str(size)],
                    env={**os.environ, **extra}, capture_output=True, text=True, check=False,
                )  # fmt: skip
                if done.returncode:
                    sys.stderr.write(done.stderr)
                    return 1
                result = json.loads(done.stdout)
                before = found.get((name := str(result["engine"]), case, size))
                if before is None or before["records_per_cpu_s"] < result["records_per_cpu_s"]:
                    found[name, case, size] = result
            for (_, its_case, its_size), result in found.items():
                if (its_case, its_size) == (case, size):
                    print(json.dumps(result), flush=True)
            for line in _dlt.beside(case, size):
                print(json.dumps(line), flush=True)
    return verdict(found, sizes) if has_peer else 0


def verdict(found: dict[tuple[str, str, int], dict[str, object]], sizes: list[int]) -> int:
    largest = max(sizes)

    def speed(engine: str, case: str, size: int = largest) -> float:
        return float(found[engine, case, size]["records_per_cpu_s"])  # type: ignore[arg-type]

    wanted = {
        "resync fast / diffsync": (speed("periferia-link", "resync") / speed("diffsync", "resync"), 20.0),
        "resync core / diffsync": (speed("periferia-link core", "resync") / speed("diffsync", "resync"), 8.0),
        "first / diffsync": (speed("periferia-link", "first") / speed("diffsync", "first"), 3.0),
        "first / diffsync over two sides": (speed("periferia-link", "first") / speed("diffsync", "resync"), 3.0),
        "linear: largest / smallest": (
            speed("periferia-link", "resync") / speed("periferia-link", "resync", min(sizes)), 0.5,
        ),
    }  # fmt: skip
    memory = max(float(found["periferia-link", case, largest]["peak_mb"]) for case in ("first", "resync"))  # type: ignore[arg-type]
    good = True
    for name, (ratio, least) in wanted.items():
        good = good and ratio >= least
        print(json.dumps({"check": name, "ratio": round(ratio, 1), "at_least": least, "ok": ratio >= least}))
    print(json.dumps({"check": "memory over the start, MB", "value": memory, "at_most": 60, "ok": memory <= 60}))
    return 0 if good and memory <= 60 else 1


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[:1] == ["--one"]:
        one(arguments[1], arguments[2], int(arguments[3]))
    else:
        sys.exit(every([int(a) for a in arguments] or list(SIZES)))
