"""The public names: what each module says it exports, and what the package finds lazily."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import periferia_link

SOURCE = Path(periferia_link.__file__).parent
MODULES = sorted(
    path
    for path in SOURCE.rglob("*.py")
    if not any(part.startswith("_") and part != "__init__.py" for part in path.relative_to(SOURCE).parts)
)


def exported(tree: ast.Module) -> list[str] | None:
    """Return the ``__all__`` of a module, as written."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == "__all__" for target in node.targets):
            return list(ast.literal_eval(node.value))
    return None


def public_definitions(tree: ast.Module, package: str | None) -> set[str]:
    """Name what a module defines in public; a package without code of its own offers what it imports."""
    names: set[str] = set()
    if any(isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) for node in tree.body):
        package = None  # it may import files of its own for itself
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif package and isinstance(node, ast.ImportFrom) and (node.level or node.module.startswith(f"{package}.")):
            names.update(alias.asname or alias.name for alias in node.names)
    return {name for name in names if not name.startswith("_")}


def in_order(names: list[str]) -> list[str]:
    """Sort as ruff does: CONSTANTS, Classes, functions."""
    return sorted(names, key=lambda name: (0 if name.isupper() else 1 if name[0].isupper() else 2, name))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
class TestEveryModule:
    def test_all_is_what_is_public(self, path):
        """``__all__`` lists every public definition and nothing that is not there, sorted."""
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if path == SOURCE / "__init__.py":
            pytest.skip("the package itself is lazy: see below")
        package = ".".join(path.relative_to(SOURCE.parent).parts[:-1]) if path.name == "__init__.py" else None
        public = public_definitions(tree, package)
        names = exported(tree)
        assert names is not None or not public, f"{path.name} has public names and no __all__: {sorted(public)}"
        names = names or []
        assert in_order(names) == names
        bound = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        assert public <= set(names), f"public, not exported: {sorted(public - set(names))}"
        assert set(names) <= public | bound, f"exported, not there: {sorted(set(names) - public - bound)}"


class TestThePackage:
    @staticmethod
    def typed_names() -> dict[str, str]:
        """Read what type checkers see: name -> module."""
        tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
        block = next(
            node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        )
        return {alias.name: node.module for node in block.body for alias in node.names}

    def test_the_lazy_table_is_complete(self):
        """What type checkers see, what ``__getattr__`` finds and what ``__all__`` says are one list."""
        found = {name: f"periferia_link.{home}" for name, home in periferia_link._HOME_OF.items()}
        assert self.typed_names() == found
        assert [*in_order([*found, "__version__"])] == in_order(periferia_link.__all__)
        assert sorted(periferia_link.__all__) == dir(periferia_link)

    @pytest.mark.parametrize("name", periferia_link.__all__)
    def test_each_name_is_there(self, name):
        """Every promised name loads, and the second access costs nothing."""
        assert getattr(periferia_link, name) is getattr(periferia_link, name)
        assert name in vars(periferia_link)

    def test_a_name_that_is_not_there(self):
        """An unknown name is an AttributeError, as in any module."""
        with pytest.raises(AttributeError, match="no attribute 'Klient'"):
            periferia_link.Klient  # noqa: B018 - the access is the test

    def test_the_version_is_one(self):
        """``__version__`` is semantic, and the one that packaging reads."""
        text = (SOURCE / "_version.py").read_text(encoding="utf-8")
        assert f'"{periferia_link.__version__}"' in text
        assert len(periferia_link.__version__.split(".")) == 3


class TestErrors:
    def test_the_docstring_draws_the_tree(self):
        """The tree in the docstring of ``errors`` has every class, under its parent."""
        from periferia_link import errors

        drawn: dict[str, str] = {}
        path: list[tuple[int, str]] = []
        for line in errors.__doc__.splitlines():
            name = line.strip().split(" ", 1)[0]
            if name.endswith("Error") and name.isidentifier():
                depth = len(line) - len(line.lstrip())
                path = [(d, n) for d, n in path if d < depth]
                drawn[name] = path[-1][1] if path else "Exception"
                path.append((depth, name))
        classes = {name: getattr(errors, name).__mro__[1].__name__ for name in errors.__all__}
        assert classes == drawn
