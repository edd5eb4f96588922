"""
50,000 answers to 20 questions: a workbook and a CSV parsed, scored and judged.

``python -m benchmarks.forms`` prints one JSON object a line and ends with a verdict; the exit code is 1 when one of
the formats takes more than 4 seconds of CPU or 250 MB. Each format runs in a process of its own, so that its peak of
memory is its own; making the file is not counted. Without python-calamine the workbook is said and left out.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import escape

ROWS, QUESTIONS = 50_000, 20
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
    told = mapping()
    answers, scores = [], {"nps": [], "csat": [], "ces": []}
    for each in measured_answers(ExportFile(path), told):
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
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = {
        "case": Path(path).suffix[1:],
        "answers": len(answers),
        "import_s": round(imported - began, 2),
        "parse_s": round(parsed - imported, 2),
        "score_s": round(ended - parsed, 2),
        "cpu_s": round(ended - began, 2),
        "peak_mb": round(peak, 1),
        "unreliable": doubtful,
        **results,
    }
    print(json.dumps(line, ensure_ascii=False), flush=True)


def main() -> int:
    if sys.argv[1:2] == ["--measure"]:
        measure(sys.argv[2])
        return 0
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        for name, write in (("csv", write_csv), ("xlsx", write_xlsx)):
            if name == "xlsx":
                try:
                    import python_calamine  # noqa: F401
                except ImportError:
                    print(json.dumps({"case": name, "skipped": "python-calamine is not installed"}), flush=True)
                    continue
            path = Path(folder) / f"respuestas.{name}"
            write(path, limit)
            command = [sys.executable, "-m", "benchmarks.forms", "--measure", str(path)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            print(done.stdout, end="", flush=True)
            line = json.loads(done.stdout)
            if line["answers"] != limit or line["cpu_s"] > LIMIT_SECONDS or line["peak_mb"] > LIMIT_MB:
                failed.append(name)
    verdict = {"limit_s": LIMIT_SECONDS, "limit_mb": LIMIT_MB, "failed": failed, "ok": not failed}
    print(json.dumps({"verdict": verdict}), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
