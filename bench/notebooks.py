"""The notebooks that are run, and what must be in them afterwards."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TRIVIAL = ["1 + 1", "x = 2", "print(x)"]
#: Shows the kernel's process, so that its memory is told from the runner's.
WHO = "import os\nprint(os.getpid())"


def write(folder: Path, name: str, sources: Sequence[str]) -> Path:
    """Write a notebook of these code cells; return its file."""
    path = folder / f"{name}.ipynb"
    path.write_text(json.dumps(make(sources)), encoding="utf-8")
    return path


def make(sources: Sequence[str]) -> dict[str, Any]:
    """Return a notebook of these code cells."""
    return {
        "cells": [code_cell(f"cell-{index}", source) for index, source in enumerate(sources)],
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def code_cell(cell_id: str, source: str) -> dict[str, Any]:
    """Return a code cell that has not run."""
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def trivial_cells(n_cells: int) -> list[str]:
    """Return that many cells, each with a result."""
    return [f"{index} + 1" for index in range(n_cells)]


def lines(n_lines: int) -> list[str]:
    """Return cells that print that many lines and flush each."""
    return [WHO, f"for i in range({n_lines}):\n    print(f'line {{i:06d}}', flush=True)"]


def displays(n_displays: int) -> list[str]:
    """Return cells that display that many values."""
    return [
        WHO,
        f"from IPython.display import display\nfor i in range({n_displays}):\n    display(i)",
    ]


def updates(n_updates: int) -> list[str]:
    """Return cells that display once and update that often."""
    return [
        WHO,
        "from IPython.display import display\nshown = display(0, display_id=True)\n"
        f"for i in range(1, {n_updates} + 1):\n    shown.update(i)",
    ]


def progress_bar(n_updates: int) -> list[str]:
    r"""Return cells that write a bar as tqdm does: `\r` in front, no line ends, to stderr."""
    return [
        WHO,
        f"import sys\nfor i in range({n_updates} + 1):\n"
        f"    sys.stderr.write(f'\\r{{i * 100 // {n_updates}:3}}%|{{i}}/{n_updates}')\n"
        "    sys.stderr.flush()",
    ]


def large_outputs(n_cells: int, output_bytes: int) -> list[str]:
    """Return cells that each show an image-like output of so many bytes of base64."""
    show = (
        "import base64, os\nfrom IPython.display import display\n"
        f"data = base64.b64encode(os.urandom({output_bytes} * 3 // 4)).decode()"
    )
    one = "display({'image/png': data}, raw=True)"
    return [WHO, show, *[one] * n_cells]


# ---------------------------------------------------------------- what came of it


def outputs(notebook: dict[str, Any], cell: int) -> list[dict[str, Any]]:
    """Return the outputs of the cell at this position; none when the notebook is missing."""
    cells = [each for each in notebook.get("cells", []) if each["cell_type"] == "code"]
    found: list[dict[str, Any]] = cells[cell]["outputs"] if cell < len(cells) else []
    return found


def stream_text(notebook: dict[str, Any], cell: int) -> str:
    """Return everything the cell printed."""
    return "".join(
        "".join(output["text"])
        for output in outputs(notebook, cell)
        if output["output_type"] == "stream"
    )


def kernel_pid(notebook: dict[str, Any]) -> int:
    """Return what `WHO` printed; 0 when it is not there."""
    text = stream_text(notebook, 0).strip()
    return int(text) if text.isdigit() else 0


def lost_lines(notebook: dict[str, Any], n_lines: int) -> int:
    """Return how many of the lines are missing, `n_lines` when their order is broken."""
    found = [
        int(number) for number in re.findall(r"^line (\d{6})$", stream_text(notebook, 1), re.M)
    ]
    if found != sorted(set(found)):
        return n_lines
    return n_lines - len(found)


def values(notebook: dict[str, Any]) -> list[str]:
    """Return the plain text of every display of the second cell."""
    return [
        "".join(output["data"]["text/plain"])
        for output in outputs(notebook, 1)
        if output["output_type"] == "display_data"
    ]
