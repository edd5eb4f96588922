"""A notebook run without Jupyter: its code cells in order, and the outputs that they would store."""

from __future__ import annotations

import ast
import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace


def rendered(value: object) -> dict[str, object]:
    """Return the output of a cell whose last line has a value, as a notebook stores it."""
    told = io.StringIO()
    if hasattr(value, "_repr_pretty_"):  # as IPython asks it
        value._repr_pretty_(SimpleNamespace(text=told.write), False)
    data = {"text/plain": told.getvalue() or repr(value)}
    if hasattr(value, "_repr_html_"):
        data["text/html"] = value._repr_html_()
    return {"output_type": "execute_result", "metadata": {}, "data": {key: _lines(text) for key, text in data.items()}}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def outputs_of(source: str, names: dict[str, object]) -> list[dict[str, object]]:
    """Run one cell and return its outputs."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    told = io.StringIO()
    with redirect_stdout(told):
        exec(compile(tree, "<cell>", "exec"), names)
        value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names) if last else None
    outputs = []
    if told.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": _lines(told.getvalue())})
    if value is not None:
        outputs.append(rendered(value))
    return outputs


def executed(path: Path) -> dict[str, object]:
    """Return the notebook as it stands after every cell was run from the top."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    names: dict[str, object] = {"__name__": "__main__"}
    number = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            number += 1
            cell["outputs"] = outputs_of("".join(cell["source"]), names)
            cell["execution_count"] = number
            for output in cell["outputs"]:
                if output["output_type"] == "execute_result":
                    output["execution_count"] = number
    return notebook


def written(notebook: dict[str, object]) -> str:
    """Return the text of the file, as Jupyter writes it."""
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"
