"""Run every notebook of a folder with papermill and with us, and compare cell by cell.

::

    python bench/compare_with_papermill.py FOLDER [--kernel python3]

Each side works in a fresh copy of the notebook's folder. Streams are compared
after merging and folding; addresses, times and the like are masked. Where the
outputs still differ, papermill runs once more: a cell that differs from itself
is volatile and counts as no difference. Exit code 1 on a difference that
nothing explains.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_async_exec.runner.recorder import without_ansi
from jupyter_async_exec.runner.stream_text import StreamText

TIMEOUT_S = 900
ERROR_MARKER = "papermill-error-cell-tag"
#: What two runs of the same code may show differently.
VOLATILE = [
    (re.compile(r"0x[0-9a-fA-F]{4,}"), "0x…"),
    (re.compile(r"\b[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<hex>"),
    (re.compile(r"\d+(\.\d+)?\s?(ns|µs|us|ms|s|min)\b( ± .*)?"), "<time>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?"), "<moment>"),
    (re.compile(r"\bT_[0-9a-f]{5}"), "T_…"),
    (re.compile(r"id=\"[^\"]*\""), 'id="…"'),
    (re.compile(r"/tmp/[\w./-]+"), "<path>"),
    (re.compile(r"(pid|PID)\W*\d+"), "pid"),
]


@dataclass
class Run:
    """What one side made of a notebook."""

    status: str
    took_s: float
    cells: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kernel", default="python3")
    options = parser.parse_args()
    notebooks = sorted(
        path
        for path in options.folder.resolve().rglob("*.ipynb")
        if ".ipynb_checkpoints" not in path.parts
    )
    width = max((len(path.stem) for path in notebooks), default=8)
    print(f"{'notebook':{width}}  papermill           ours                cells  verdict")
    unexplained = 0
    for path in notebooks:
        theirs = run_papermill(path, options.kernel)
        ours = run_ours(path, options.kernel)
        verdict, explained = compare(path, theirs, ours, options.kernel)
        unexplained += not explained
        print(
            f"{path.stem:{width}}  {theirs.status:10} {theirs.took_s:6.1f} s  "
            f"{ours.status:10} {ours.took_s:6.1f} s  {len(ours.cells):5}  {verdict}",
            flush=True,
        )
    print(f"{len(notebooks)} notebooks, {unexplained} with an unexplained difference")
    return 1 if unexplained else 0


def run_papermill(notebook: Path, kernel: str) -> Run:
    with tempfile.TemporaryDirectory(prefix="theirs-") as folder:
        copy = copy_folder(notebook, Path(folder))
        output = Path(folder) / "output.ipynb"
        command = [sys.executable, "-m", "papermill", str(copy), str(output), "--kernel", kernel]
        start = time.monotonic()
        done = subprocess.run(
            [*command, "--cwd", str(copy.parent), "--no-progress-bar"],
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        took_s = time.monotonic() - start
        status = "failed" if done.returncode else "succeeded"
        cells = read_cells(output) if output.exists() else []
        return Run(status, took_s, cells)


def run_ours(notebook: Path, kernel: str) -> Run:
    """Run with the command line; the only place that knows how we are called."""
    with tempfile.TemporaryDirectory(prefix="ours-") as folder:
        copy = copy_folder(notebook, Path(folder))
        before = copy.read_bytes()
        ours = [str(Path(sys.executable).with_name("jupyter-async-exec"))]
        data = ["--data-dir", str(Path(folder) / "data")]
        start = time.monotonic()
        done = subprocess.run(
            [*ours, "run", str(copy), "--wait", "--json", "--kernel-name", kernel, *data],
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        took_s = time.monotonic() - start
        if not done.stdout.strip():
            return Run("refused", took_s, note=done.stderr.decode()[-300:])
        execution = json.loads(done.stdout)
        output = Path(folder) / "output.ipynb"
        subprocess.run(
            [*ours, "output", str(execution["number"]), "-o", str(output), *data],
            capture_output=True,
            check=True,
        )
        note = "" if copy.read_bytes() == before else "the notebook's file was changed"
        return Run(execution["status"], took_s, read_cells(output), note)


def copy_folder(notebook: Path, target: Path) -> Path:
    shutil.copytree(notebook.parent, target / "work")
    return target / "work" / notebook.name


def read_cells(path: Path) -> list[dict[str, Any]]:
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    return [
        cell
        for cell in notebook.cells
        if ERROR_MARKER not in cell.metadata.get("tags", []) and cell.cell_type == "code"
    ]


def compare(path: Path, theirs: Run, ours: Run, kernel: str) -> tuple[str, bool]:
    """Return the verdict and whether everything is explained."""
    notes = []
    explained = True
    if ours.note:
        notes.append(ours.note)
        explained = False
    if theirs.status != ours.status:
        honoured = "raises-exception" in path.read_text() and ours.status == "succeeded"
        notes.append("status differs" + (" (raises-exception is honoured)" if honoured else ""))
        explained = explained and honoured
    different = find_differences(theirs, ours)
    if different:
        volatile = find_differences(theirs, run_papermill(path, kernel))
        unexplained = [index for index in different if index not in volatile]
        notes.append(f"{len(different) - len(unexplained)} volatile cells")
        if unexplained:
            notes.append(f"cells {[index + 1 for index in unexplained]} differ")
            explained = False
    return "; ".join(notes) or "equal", explained


def find_differences(one: Run, other: Run) -> list[int]:
    n_cells = max(len(one.cells), len(other.cells))
    return [
        index
        for index in range(n_cells)
        if index >= min(len(one.cells), len(other.cells))
        or normalise(one.cells[index]) != normalise(other.cells[index])
    ]


def normalise(cell: dict[str, Any]) -> dict[str, Any]:
    """Return what has to be equal: source, count, each stream's text, every other output."""
    streams: dict[str, StreamText] = {}
    others = []
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            stream = streams.setdefault(output["name"], StreamText(output["name"]))
            stream.append(output["text"])
        else:
            others.append(mask({k: v for k, v in output.items() if k != "metadata"}))
    return {
        "source": cell["source"],
        "count": cell["execution_count"],
        "streams": {name: mask(stream.render()) for name, stream in streams.items()},
        "outputs": others,
    }


def mask(value: Any) -> Any:
    if isinstance(value, str):
        value = without_ansi(value)
        for pattern, stand_in in VOLATILE:
            value = pattern.sub(stand_in, value)
        return value
    if isinstance(value, dict):
        return {key: mask(item) for key, item in value.items()}
    if isinstance(value, list):
        return [mask(item) for item in value]
    return value


if __name__ == "__main__":
    sys.exit(main())
