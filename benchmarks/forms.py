"""
50,000 answers to 20 questions: a workbook and a CSV parsed, scored and judged.

``python -m benchmarks.forms`` prints one JSON object a line and ends with a verdict; the exit code is 1 when one of
the formats takes more than 4 seconds of CPU or 250 MB. Each run is a process of its own, so that its peak of memory is
its own; making the file is not counted. The formats take turns and the best of five counts: neighbours on the machine
slow everybody down, nobody speeds up. Beside them stands the floor, the libraries that only read the cells
(python-calamine, csv) and make nothing of them, and openpyxl where it is installed. Without python-calamine the
workbook is said and left out.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import escape

ROWS, QUESTIONS, ROUNDS = 50_000, 20, 5
LIMIT_SECONDS, LIMIT_MB = 4.0, 250.0
WORDS = ("Muy insatisfecho", "Insatisfecho", "Neutral", "Satisfecho", "Muy satisfecho")
TEXTS = ("Todo bien, gracias", "Los tiempos de entrega son largos", "", "Excelente acompañamiento del equipo")
TITLES = ["¿Qué tan probable es que nos recomiende?", "¿Qué tan satisfecho está?", "¿Fue fácil?", "¿Por qué?"]
TITLES += [f"La afirmación {number} describe el servicio" for number in range(QUESTIONS - len(TITLES))]
HEADER = ["ID", "Hora de inicio", "Hora de finalización", "Correo electrónico", "Nombre", *TITLES]


def mapping():
    from periferia_link.connectors.forms import mapping_from

    roles = ["nps", "csat", "ces", "comment", *["rating"] * (QUESTIONS - 4)]
    questions = [{"title": title, "role": role} for title, role in zip(TITLES, roles, strict=True)]
    told = {"form": "carga", "time_zone": "America/Bogota", "questions": questions}
    return mapping_from(told, where="bench")


def rows(limit: int):
    begin = datetime(2026, 1, 5, 8)  # noqa: DTZ001 - Excel has no zones
    for number in range(1, limit + 1):
        at = begin + timedelta(minutes=number * 3)
        first = [str(number % 11), WORDS[number % 5], str(number % 7 + 1), TEXTS[number % 4]]
        rest = [str((number * k) % 5 + 1) for k in range(QUESTIONS - 4)]
        yield [str(number), at, at + timedelta(seconds=60 + number % 200), f"p{number}@c.example", "Ana", *first, *rest]


def write_csv(path: Path, limit: int) -> None:
    import csv

    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(HEADER)
        for row in rows(limit):
            out.writerow([f"{cell:%d/%m/%Y %H:%M:%S}" if isinstance(cell, datetime) else cell for cell in row])


def write_xlsx(path: Path, limit: int) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from forms_workbooks import _HEAD, _MAIN, PARTS, letters

    zero = datetime(1899, 12, 30)  # noqa: DTZ001 - as above
    columns = [letters(place) for place in range(len(HEADER))]
    shared: dict[str, int] = {}

    def cell(value, where):
        if isinstance(value, datetime):
            return f'<c r="{where}" s="1"><v>{(value - zero).total_seconds() / 86_400!r}</v></c>'
        if value.isdecimal():
            return f'<c r="{where}"><v>{value}</v></c>'
        return f'<c r="{where}" t="s"><v>{shared.setdefault(value, len(shared))}</v></c>' if value else ""

    types = PARTS["[Content_Types].xml"].replace(
        "</Types>",
        '<Override PartName="/xl/sharedStrings.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>',
    )
    links = PARTS["xl/_rels/workbook.xml.rels"].replace(
        "</Relationships>",
        '<Relationship Id="rId3" Target="sharedStrings.xml" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"/></Relationships>',
    )
    parts = {**PARTS, "[Content_Types].xml": types, "xl/_rels/workbook.xml.rels": links}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
        with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
            sheet.write(f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
            for number, row in enumerate([HEADER, *rows(limit)], 1):
                cells = "".join(cell(value, f"{columns[place]}{number}") for place, value in enumerate(row))
                sheet.write(f'<row r="{number}">{cells}</row>'.encode())
            sheet.write(b"</sheetData></worksheet>")
        items = "".join(f"<si><t>{escape(text)}</t></si>" for text in shared)
        archive.writestr("xl/sharedStrings.xml", f'{_HEAD}<sst xmlns="{_MAIN}" count="1" uniqueCount="1">{items}</sst>')


def measure(path: str) -> None:
    """Parse, score and judge one file; print what it took."""
    began = time.process_time()
    from periferia_link.connectors.forms import ExportFile
    from periferia_link.connectors.forms.measured import measured_answers
    from periferia_link.scores import Given, estimate, judgements

    imported = time.process_time()
    answers, scores = [], {"nps": [], "csat": [], "ces": []}
    for each in measured_answers(ExportFile(path), mapping()):
        for name, values in scores.items():
            if each.scores.get(name) is not None:
                values.append(each.scores[name])
        answers.append(
            Given(
                each.who, each.at, each.seconds, each.items, each.values, each.opposite,
                each.scores.get("nps"), each.scores.get("csat"), each.texts, each.content,
            )
        )  # fmt: skip
    parsed = time.process_time()
    results = {name: str(estimate(name, values)) for name, values in scores.items()}
    doubtful = sum(len(flags) > 1 for flags in judgements(answers))
    ended = time.process_time()
    told(
        "periferia-link", path, len(answers), ended - began,
        import_s=round(imported - began, 2), parse_s=round(parsed - imported, 2), score_s=round(ended - parsed, 2),
        unreliable=doubtful, **results,
    )  # fmt: skip


def floor(path: str) -> None:
    """Only read the cells of one file, by the library that reads them for us."""
    began = time.process_time()
    if path.endswith("xlsx"):
        from python_calamine import CalamineWorkbook

        book = CalamineWorkbook.from_path(path)
        count = sum(1 for _ in book.get_sheet_by_name(book.sheet_names[0]).iter_rows())
    else:
        import csv

        with open(path, encoding="utf-8", newline="") as file:
            count = sum(1 for _ in csv.reader(file))
    told("floor", path, count - 1, time.process_time() - began)


def peer(path: str) -> None:
    """Only read the cells of a workbook, by openpyxl."""
    began = time.process_time()
    from openpyxl import load_workbook

    count = sum(1 for _ in load_workbook(path, read_only=True).worksheets[0].iter_rows(values_only=True))
    told("openpyxl", path, count - 1, time.process_time() - began)


def written(path: str, limit: str) -> None:
    """Make one file, in a process of its own: its memory would count as that of those who come after it."""
    (write_xlsx if path.endswith("xlsx") else write_csv)(Path(path), int(limit))


def told(engine: str, path: str, answers: int, seconds: float, **more: object) -> None:
    """Print one line."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = {"engine": engine, "case": Path(path).suffix[1:], "answers": answers, "cpu_s": round(seconds, 2)}
    print(json.dumps(line | {"peak_mb": round(peak, 1)} | more, ensure_ascii=False), flush=True)


def run(how: str, path: Path, folder: str, *more: str) -> dict:
    """Run one of the above in a process of its own; byte code is there, as after an installation."""
    command = [sys.executable, "-m", "benchmarks.forms", how, str(path), *more]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = f"{folder}/byte-code"
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads(done.stdout or "{}")


def has(module: str) -> bool:
    if importlib.util.find_spec(module) is None:
        print(json.dumps({"skipped": f"{module} is not installed"}), flush=True)
        return False
    return True


def main() -> int:
    if sys.argv[1:2] and sys.argv[1] in HOW:
        HOW[sys.argv[1]](*sys.argv[2:])
        return 0
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    best: dict[tuple[str, str], dict] = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for name in ("csv", "xlsx"):
            if name == "csv" or has("python_calamine"):
                paths[name] = Path(folder) / f"respuestas.{name}"
                run("--write", paths[name], folder, str(limit))
                run("--measure", paths[name], folder)  # byte code and files are warm, for both sides
        plan = [(how, path) for path in paths.values() for how in ("--measure", "--floor")]
        rounds = plan * ROUNDS + ([("--peer", paths["xlsx"])] if "xlsx" in paths and has("openpyxl") else [])
        for how, path in rounds:
            line = run(how, path, folder)
            print(json.dumps(line, ensure_ascii=False), flush=True)
            known = best.setdefault((line["engine"], line["case"]), line)
            if line["cpu_s"] < known["cpu_s"]:
                best[line["engine"], line["case"]] = line
    ours = {case: line for (engine, case), line in best.items() if engine == "periferia-link"}
    failed = [
        case
        for case, line in ours.items()
        if line["answers"] != limit or line["cpu_s"] > LIMIT_SECONDS or line["peak_mb"] > LIMIT_MB
    ]
    times = {f"{engine} {case}": line["cpu_s"] for (engine, case), line in best.items()}
    verdict = {"limit_s": LIMIT_SECONDS, "limit_mb": LIMIT_MB, "best": times, "failed": failed, "ok": not failed}
    print(json.dumps({"verdict": verdict}), flush=True)
    return 1 if failed else 0


HOW = {"--write": written, "--measure": measure, "--floor": floor, "--peer": peer}

if __name__ == "__main__":
    sys.exit(main())
