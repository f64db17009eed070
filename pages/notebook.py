"""Runs the pages' notebook without Jupyter, and stores the outputs of its cells.

`python -m pages.notebook docs/notebook.ipynb` runs its cells on the store that `ZS_STORE` names and
writes the outputs back. A cell's last expression is its output, as in Jupyter.
"""

import ast
import base64
import json
import sys
from pathlib import Path
from typing import Any


def run(notebook: dict[str, Any]) -> dict[str, Any]:
    """Returns the notebook with new outputs of its cells; raises an error of a cell."""
    names: dict[str, Any] = {"__name__": "__main__"}
    cells, number = [], 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            cells.append(cell)
            continue
        number += 1
        value = _run("".join(cell["source"]), f"cell {number}", names)
        cells.append({**cell, "execution_count": number, "outputs": _outputs(value, number)})
    return {**notebook, "cells": cells}


def page(notebook: dict[str, Any]) -> tuple[str, dict[str, bytes]]:
    """Returns the notebook as Markdown, and its pictures by their file names."""
    blocks: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            blocks.append(source)
            continue
        blocks.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            data = output["data"]
            if "image/png" in data:
                name = f"notebook-{cell['execution_count']}.png"
                pictures[name] = base64.b64decode(data["image/png"])
                blocks.append(f"![what the cell draws]({name})")
            else:
                blocks.append(f"```text\n{''.join(data['text/plain'])}\n```")
    return "\n\n".join(blocks) + "\n", pictures


def _run(source: str, where: str, names: dict[str, Any]) -> Any:
    tree = ast.parse(source, where)
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr):
        exec(compile(tree, where, "exec"), names)  # noqa: S102 our own notebook
        return None
    tree.body.pop()
    exec(compile(tree, where, "exec"), names)  # noqa: S102
    return eval(compile(ast.Expression(last.value), where, "eval"), names)  # noqa: S307


def _outputs(value: Any, number: int) -> list[dict[str, Any]]:
    if value is None:
        return []
    data: dict[str, Any] = {"text/plain": repr(value).splitlines(keepends=True)}
    if hasattr(value, "_repr_png_"):
        # A figure's text has its size on paper, or an address that differs each time.
        data = {
            "image/png": base64.b64encode(value._repr_png_()).decode(),
            "text/plain": ["a picture"],
        }
    return [
        {"data": data, "execution_count": number, "metadata": {}, "output_type": "execute_result"}
    ]


if __name__ == "__main__":
    path = Path(sys.argv[1])
    executed = run(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(executed, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
