"""
dlt beside the engine: the same rows, merged by key into a local database; CPU seconds, one JSON line.

dlt is measured with an interpreter of its own, because its requirements are not ours::

    python3 -m venv .bench-dlt && .bench-dlt/bin/pip install "dlt[sqlalchemy]" duckdb
    .bench-dlt/bin/python -m benchmarks._dlt resync 10000            # by hand
    PERIFERIA_LINK_BENCH_DLT=.bench-dlt/bin/python nox -s bench -- engine

Cases: ``first`` loads everything into an empty database, ``resync`` loads the next edition over it. dlt compares
nothing with the target and finds no deletions: a resync stages and merges every row again. ``--incremental`` lets it
skip rows by ``updated_at``, which is what it offers instead; rows whose time lies before the highest one seen are
dropped without a word. A million takes it nine minutes of CPU, for the first load and for each resync after it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

INTERPRETER = "PERIFERIA_LINK_BENCH_DLT"
LARGEST = 1_000_000
FRUGAL = 100_000
"""Beyond that many rows dlt loads small files one after another: as it comes it would take forty gigabytes."""

PAGE = 5_000
_SECONDS = 3_600


def interpreter() -> str | None:
    """Return the Python that has dlt: the one named by the environment, or this one; None where there is none."""
    named = os.environ.get(INTERPRETER)
    if named:
        return named
    return sys.executable if importlib.util.find_spec("dlt") else None


def beside(case: str, size: int) -> list[dict[str, object]]:
    """
    Measure dlt for one case of the engine bench: rows for the results, none where dlt is missing or the size too large.

    Args:
        case: ``first`` or ``resync``.

        size: Records.
    """
    python = interpreter()
    if python is None or size > LARGEST:
        return []
    found = []
    for options in ([], ["--incremental"]) if case == "resync" else ([],):
        command = [python, "-m", "benchmarks._dlt", case, str(size), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
        if done.returncode:
            sys.stderr.write(done.stderr[-2_000:])
            continue
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return found


# ---------------------------------------------------------------------- in the interpreter of dlt


def rows_of(size: int, edition: int) -> Iterator[dict[str, object]]:
    """The rows of the engine bench, parsed from the same JSON pages, each with its key and a time of its own."""
    from benchmarks.engine import wire_rows

    for key, etag, body in wire_rows(size, edition):
        values = json.loads(body)
        values.pop("@odata.etag")
        is_changed = edition and (etag.endswith('.1"') or int(etag.partition('"')[2].partition(".")[0]) >= size)
        yield {**values, "accountid": key, "updated_at": f"2026-11-{'20' if is_changed else '01'}T10:00:00Z"}


def pipeline_in(folder: str):
    """A pipeline whose state, files and database stay in one folder; duckdb where it is installed, else SQLite."""
    import dlt

    if importlib.util.find_spec("duckdb"):
        destination = dlt.destinations.duckdb(str(Path(folder) / "rows.duckdb"))
    else:
        destination = dlt.destinations.sqlalchemy(f"sqlite:///{Path(folder) / 'rows.sqlite'}")
    return dlt.pipeline("clients", destination=destination, dataset_name="bench", pipelines_dir=folder, progress=None)


def measure(case: str, size: int, *, incremental: bool) -> dict[str, object]:
    """Load, and load again; the last load is what is measured."""
    import dlt

    from benchmarks.engine import measured, numbers, row

    def resource(edition: int):
        place = dlt.sources.incremental("updated_at") if incremental else None

        def clients(since=place):
            rows = rows_of(size, edition)
            while page := list(islice(rows, PAGE)):
                yield page

        made = dlt.resource(clients, name="clients", write_disposition="merge", primary_key="accountid")
        return made.add_limit(None)

    with tempfile.TemporaryDirectory() as folder:
        pipeline = pipeline_in(folder)
        if case == "first":
            _, seconds, peak = measured(lambda: pipeline.run(resource(0)))
        else:
            pipeline.run(resource(0))
            _, seconds, peak = measured(lambda: pipeline.run(resource(1)))
        with pipeline.sql_client() as client:
            held = client.execute_sql("SELECT count(*) FROM clients")[0][0]
    least = len(list(numbers(size, 0 if case == "first" else 1)))
    assert held >= least, (held, least)  # more than there are: what was deleted in the source stays
    return row("dlt incremental" if incremental else "dlt", case, size, seconds, peak) | {
        "deletions_missed": held - least
    }


def main() -> None:
    """Measure one case and print its line."""
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    os.environ.setdefault("RUNTIME__LOG_LEVEL", "ERROR")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=("first", "resync"))
    parser.add_argument("size", type=int)
    parser.add_argument("--incremental", action="store_true")
    asked = parser.parse_args()
    if asked.size > FRUGAL:  # 708 MB for a million, where 100,000 took 4 GB (measured)
        os.environ |= {
            "LOAD__WORKERS": "1",
            "DATA_WRITER__FILE_MAX_ITEMS": "5000",
            "DATA_WRITER__BUFFER_MAX_ITEMS": "5000",
        }
    print(json.dumps(measure(asked.case, asked.size, incremental=asked.incremental)), flush=True)


if __name__ == "__main__":
    main()
