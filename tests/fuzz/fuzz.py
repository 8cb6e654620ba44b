"""Made-up journals and notebooks, guided by what they reach: ``make fuzz``.

``python tests/fuzz/fuzz.py journal|notebook [SECONDS]``: anything but the errors
a reader promises ends it, with the input in a file beside the corpus. What was
found becomes a plain test where the reader's tests are.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import atheris

with atheris.instrument_imports(include=["jupyter_async_exec"]):
    from jupyter_async_exec.errors import InvalidRequestError
    from jupyter_async_exec.runner import json_text
    from jupyter_async_exec.runner.journal import iterate_journal, read_events
    from jupyter_async_exec.runner.rebuild import rebuild_notebook
    from jupyter_async_exec.runner.recorder import notebook_pieces
    from jupyter_async_exec.runner.result import conclude
    from jupyter_async_exec.runner.task import Task
    from jupyter_async_exec.snapshots.notebook import normalise
    from jupyter_async_exec.snapshots.parameters import find_parameters
    from jupyter_async_exec.snapshots.reader import drop_outputs, parse_json

if TYPE_CHECKING:
    from collections.abc import Callable

TASK = Task(
    execution_id="0" * 32, number=1, attempt=1, folder="/", kernel_name="k", language="python"
)
CELLS = [
    {"cell_type": "code", "id": "cell-0", "metadata": {"tags": ["parameters"]}, "source": "x = 1"},
    {"cell_type": "markdown", "id": "cell-1", "metadata": {}, "source": "text"},
]
SOURCE: dict[str, Any] = {"cells": CELLS, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
AT = "2026-01-01T00:00:00.000000Z"
#: One record of each kind, so that changes of them are tried.
RECORDS: list[dict[str, Any]] = [
    {"type": "execution_started", "format": 1, "cells_total": 2, "machine": {},
     "kernel": {"name": "k", "display_name": "K", "language": "python", "language_info": {}},
     "injected": {"cell_index": 1, "replaces": False, "id": "i", "source": "x = 2"}},
    {"type": "cell_started", "cell_index": 0},
    {"type": "output", "cell_index": 0, "append": True,
     "output": {"output_type": "stream", "name": "stdout", "text": "a\rb"}},
    {"type": "output", "cell_index": 0, "display_id": "d",
     "output": {"output_type": "display_data", "data": {"text/plain": "x"}, "metadata": {}}},
    {"type": "output_updated", "display_id": "d", "data": {"text/html": "y"}, "metadata": {}},
    {"type": "outputs_cleared", "cell_index": 0, "wait": True},
    {"type": "widget_updated", "comm_id": "w", "state": {"_model_name": "m"},
     "buffers": [{"path": ["a"], "data": "", "encoding": "base64"}]},
    {"type": "metric", "name": "loss", "value": 0.1, "step": 1},
    {"type": "remark", "kind": "k", "message": "m", "cell_index": 0},
    {"type": "cell_finished", "cell_index": 0, "status": "ok", "execution_count": 1, "timing": {}},
    {"type": "execution_finished", "status": "failed", "reason": "cell_error", "message": "m",
     "error": {"cell_index": 0, "ename": "E", "evalue": "v", "traceback": []},
     "started_at": AT, "cells_total": 2, "machine": {}},
]  # fmt: skip
PARAMETERS = "x: int = 1  # how many\nname = 'a'\nwords: list[str] | None = ['b']\n%magic\ny = f(x)"


def read_journal(data: bytes, path: Path) -> None:
    """Read `data` as the dispatcher does; nothing may be raised, whatever it is."""
    path.write_bytes(data)
    read_events(path, 0)
    records = list(iterate_journal(path))
    conclude(iter(records), evidence={}, attempt=1)
    for piece in notebook_pieces(rebuild_notebook(SOURCE, TASK, records)):
        assert piece


def read_notebook(data: bytes, _path: Path) -> None:
    """Read `data` as a submitted notebook; one error may be raised."""
    try:
        source = normalise(drop_outputs(parse_json(data)))
    except InvalidRequestError:
        return
    find_parameters(source)
    assert normalise(source) == source
    assert json_text.load_json(json_text.encode_json(source)) == source


def journal_seeds() -> list[bytes]:
    """Return a whole journal, and each record for itself."""
    lines = [
        json.dumps({"seq": index + 1, "at": AT, **record}).encode() + b"\n"
        for index, record in enumerate(RECORDS)
    ]
    return [b"".join(lines), *lines]


def notebook_seeds() -> list[bytes]:
    """Return notebooks of every format, with parameters in several languages."""
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "source": PARAMETERS, "metadata": {"tags": ["parameters"]},
         "outputs": [{"output_type": "stream", "name": "stdout", "text": "a"}],
         "execution_count": 1},
        {"cell_type": "markdown", "source": ["# a\n"], "metadata": {}, "attachments": {"a": {}}},
        {"cell_type": "raw", "source": "x", "metadata": {"format": "text/x"}},
    ]  # fmt: skip
    languages = [
        {},
        {"kernelspec": {"name": "ir", "display_name": "R"}, "language_info": {"name": "R"}},
        {"language_info": {"name": "bash"}, "widgets": {}, "title": "t", "authors": []},
    ]
    new = [
        {"nbformat": 4, "nbformat_minor": minor, "metadata": metadata, "cells": cells}
        for minor, metadata in enumerate(languages)
    ]
    old_cells = [
        {"cell_type": "code", "input": "1", "outputs": [], "language": "python", "metadata": {}},
        {"cell_type": "heading", "level": 2, "source": "a\nb", "metadata": {}},
        {"cell_type": "html", "source": "<b>", "metadata": {}},
    ]
    old = {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": old_cells, "metadata": {}}]}
    return [json.dumps(each).encode() for each in [*new, old]]


TARGETS: dict[str, tuple[Callable[[bytes, Path], None], Callable[[], list[bytes]]]] = {
    "journal": (read_journal, journal_seeds),
    "notebook": (read_notebook, notebook_seeds),
}


def main(name: str, seconds: int) -> None:
    """Try one target for so many seconds; the corpus is made anew."""
    read, seeds = TARGETS[name]
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    for index, seed in enumerate(seeds()):
        (corpus / str(index)).write_bytes(seed)
    # In memory where there is such a place: it is written thousands of times a second.
    memory = Path("/dev/shm")
    path = (memory if memory.is_dir() else folder) / f"{folder.name}.jsonl"
    options = [f"-max_total_time={seconds}", "-max_len=20000", "-print_final_stats=1"]
    atheris.Setup(
        [sys.argv[0], *options, f"-artifact_prefix={folder}/", str(corpus)],
        lambda data: read(data, path),
    )
    try:
        atheris.Fuzz()
    finally:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 600)
