"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import functools
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "periferia_link"
TEXTS = sorted(
    path
    for folder in ("src", "tests", "docs", "examples", "benchmarks", ".ci")
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and not any("cache" in part or part == ".hypothesis" for part in path.parts)
) + [path for path in sorted(ROOT.iterdir()) if path.suffix in (".md", ".py", ".toml", ".yaml", ".cfg", ".txt")]
CODE = [path for path in TEXTS if path.suffix == ".py"]
OURS = [path for path in CODE if SOURCE in path.parents]
TESTS = [path for path in CODE if ROOT / "tests" in path.parents]

ROOMS_WITHOUT_MEANING = {
    *("common", "core", "helper", "helpers", "manager", "misc", "part", "phase", "service", "util", "utils")
}
# The words are put together here, or this file would find itself.
UNFINISHED = re.compile(
    "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X\\b", "NotImplemented" + "Error", "pragma: no " + "cover"])
)
MACHINES = re.compile(
    "|".join([r"(?<![\w.])/" + place for place in ("work/", "root/", "home/", "Users/", "opt/")] + [r"C:\\\\Users"])
)
REGISTRIES = re.compile(
    "|".join(
        [
            "pypi" + r"\.org",
            "python" + "hosted",
            "npmjs" + r"\.",
            "deb\\." + "debian",
            "index" + "-url",
            "crates" + r"\.io",
        ]
    )
)


def place(path: Path, line: int | ast.AST) -> str:
    """Write a place as people click on it."""
    number = line if isinstance(line, int) else line.lineno
    return f"{path.relative_to(ROOT).as_posix()}:{number}"


def tree_of(path: Path) -> ast.Module:
    """Parse a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@functools.cache
def walked(path: Path) -> list[ast.AST]:
    """List the nodes of a file; kept for the rules of this file only."""
    return list(ast.walk(tree_of(path)))


@pytest.fixture(scope="module", autouse=True)
def forget():
    """Let go of what was parsed."""
    yield
    walked.cache_clear()


def nodes(paths: list[Path], *kinds: type[ast.AST]) -> Iterator[tuple[Path, ast.AST]]:
    """Walk the nodes of some kinds in some files."""
    for path in paths:
        for node in walked(path):
            if isinstance(node, kinds):
                yield path, node


def lines_with(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    """Find lines of text files."""
    found = []
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{place(path, number)}: {line.strip()[:100]}")
    return found


class TestSizes:
    def test_no_file_is_longer_than_500_lines(self):
        """Files are about one thing."""
        sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in OURS}
        assert [f"{place(path, size)} lines" for path, size in sizes.items() if size > 500] == []

    def test_half_of_the_files_are_short(self):
        """The median file has at most 150 lines."""
        assert statistics.median(len(path.read_text(encoding="utf-8").splitlines()) for path in OURS) <= 150

    def test_nine_functions_of_ten_fit_a_screen(self):
        """The 90th percentile of function lengths is at most 35 lines."""
        sizes = [node.end_lineno - node.lineno + 1 for _, node in nodes(OURS, ast.FunctionDef, ast.AsyncFunctionDef)]
        assert statistics.quantiles(sizes, n=10)[-1] <= 35


class TestNames:
    def test_every_room_has_a_meaning(self):
        """Drawers for everything fill up; their names are not used."""
        rooms = {part for path in OURS for part in path.relative_to(SOURCE).with_suffix("").parts}
        assert [
            room
            for room in sorted(rooms)
            if set(re.sub("service_(layer|call)", "", room).strip("_").split("_")) & ROOMS_WITHOUT_MEANING
        ] == []

    def test_nothing_is_left_unfinished(self):
        """No mark that promises work for later."""
        assert lines_with(UNFINISHED, TEXTS) == []

    def test_statements_number_no_placeholder(self):
        """``?1`` is a named parameter to the sqlite3 of Python 3.12.0 to 3.12.3, which warns of it."""
        ledger = [path for path in OURS if path.parent.name == "ledger"]
        assert ledger
        assert [] == lines_with(re.compile(r"[=<>(, ]\?[1-9]"), ledger)

    def test_annotations_are_not_evaluated(self):
        """Every file that has code begins with the same future import, for Python 3.10."""
        bare = [
            place(path, 1)
            for path in OURS
            if any(isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in tree_of(path).body)
            and "from __future__ import annotations" not in path.read_text(encoding="utf-8")
        ]
        assert bare == []


class TestOtherMachines:
    def test_no_path_of_one_machine(self):
        """A clone works anywhere."""
        assert lines_with(MACHINES, TEXTS) == []

    def test_no_registry_is_named(self):
        """Where packages come from is the business of whoever installs."""
        assert lines_with(REGISTRIES, TEXTS) == []


class TestSecurity:
    def test_certificates_are_always_verified(self):
        """There is a way to name a private CA and no way to look away."""
        found = []
        for path, node in nodes(CODE, ast.keyword, ast.Attribute, ast.Assign):
            if isinstance(node, ast.keyword):
                looks_away = node.arg in ("verify", "check_hostname") and ast.unparse(node.value) == "False"
            elif isinstance(node, ast.Attribute):
                looks_away = node.attr in ("CERT_NONE", "_create_unverified_context")
            else:
                is_off = isinstance(node.value, ast.Constant) and node.value.value is False
                looks_away = is_off and "check_hostname" in ast.unparse(node.targets[0])
            if looks_away:
                found.append(place(path, node.value if isinstance(node, ast.keyword) else node))
        assert found == []

    def test_data_is_never_run(self):
        """No pickle, no eval, no YAML."""
        banned = {"pickle", "marshal", "shelve", "dill", "yaml", "jsonpickle"}
        found = [
            place(path, node)
            for path, node in nodes(OURS, ast.Import, ast.ImportFrom)
            if banned & {getattr(node, "module", None), *(alias.name for alias in node.names)}
        ]
        found += [
            place(path, node) for path, node in nodes(OURS, ast.Call) if ast.unparse(node.func) in ("eval", "exec")
        ]
        assert found == []

    def test_signatures_are_compared_in_constant_time(self):
        """Where hmac is imported, ``compare_digest`` compares and ``==`` does not."""
        found = []
        for path in OURS:
            tree = tree_of(path)
            imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
            if not any("hmac" in ast.unparse(node) for node in imports):
                continue
            found += [
                place(path, node)
                for node in ast.walk(tree)
                if isinstance(node, ast.Compare)
                and any(isinstance(op, (ast.Eq, ast.NotEq, ast.In)) for op in node.ops)
                and re.search("signature|hmac", ast.unparse(node))
            ]
            if "compare_digest" not in path.read_text(encoding="utf-8"):
                found.append(f"{place(path, 1)}: imports hmac and never calls compare_digest")
        assert found == []


class TestOurTests:
    def test_no_test_sleeps(self):
        """Time is an argument: a clock is passed in."""
        found = [
            place(path, node)
            for path, node in nodes(TESTS, ast.Call)
            if ast.unparse(node.func) in ("time.sleep", "sleep")
        ]
        assert found == []

    def test_every_test_says_what_it_shows(self):
        """The docstring of a test is the behaviour that it proves."""
        silent = [
            f"{place(path, node)} {node.name}"
            for path, node in nodes(TESTS, ast.FunctionDef, ast.AsyncFunctionDef)
            if path.name.startswith("test_") and node.name.startswith("test_") and not ast.get_docstring(node)
        ]
        assert silent == []


class TestItBites:
    @pytest.mark.parametrize(
        ("pattern", "line"),
        [
            (UNFINISHED, "# TO" + "DO: later"),
            (UNFINISHED, "raise NotImplemented" + "Error"),
            (MACHINES, 'path = "/wo' + 'rk/main"'),
            (MACHINES, "cd /ro" + "ot/x"),
            (REGISTRIES, "https://py" + "pi.org/simple"),
        ],
    )
    def test_the_patterns_find(self, pattern, line):
        """Each pattern finds what it is for."""
        assert pattern.search(line)

    def test_the_files_are_read(self):
        """An empty list of files would find nothing for ever."""
        assert len(OURS) > 20
        assert Path(__file__) in TESTS
        assert ROOT / "pyproject.toml" in TEXTS
