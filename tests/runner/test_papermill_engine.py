"""Plain papermill with our engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from jupyter_async_exec.runner import recorder
from tests.runner.helpers import make_notebook

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def run(tmp_path: Path, *cells: str, **options: Any) -> Any:
    papermill = pytest.importorskip("papermill")
    notebook = make_notebook(*cells)
    notebook["metadata"]["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(nbformat.from_dict(notebook), tmp_path / "in.ipynb")
    return papermill.execute_notebook(
        tmp_path / "in.ipynb",
        tmp_path / "out.ipynb",
        engine_name="async_exec",
        progress_bar=False,
        **options,
    )


def read(tmp_path: Path) -> Any:
    return nbformat.read(tmp_path / "out.ipynb", as_version=4)


def test_a_notebook_runs_with_its_parameters(tmp_path: Path) -> None:
    run(tmp_path, "x = 1", "for i in range(3):\n    print(i, flush=True)", parameters={"y": 2})

    cells = read(tmp_path).cells
    assert cells[2].outputs == [{"output_type": "stream", "name": "stdout", "text": "0\n1\n2\n"}]
    assert [cell.metadata.papermill.status for cell in cells] == ["completed"] * 3


def test_an_error_is_papermills_own(tmp_path: Path) -> None:
    from papermill.exceptions import PapermillExecutionError

    with pytest.raises(PapermillExecutionError, match="ZeroDivisionError"):
        run(tmp_path, "1/0", "2")

    states = [
        cell.metadata.papermill.status
        for cell in read(tmp_path).cells
        if "papermill" in cell.metadata
    ]
    assert states == ["failed", "pending"]


def test_a_dead_kernel_is_said_and_no_later_cell_called_completed(tmp_path: Path) -> None:
    from nbclient.exceptions import DeadKernelError

    with pytest.raises(DeadKernelError):
        run(tmp_path, "import os\nos._exit(1)", "2")

    states = [cell.metadata.papermill.status for cell in read(tmp_path).cells]
    assert states == ["failed", "pending"]


def test_a_cell_may_have_a_limit(tmp_path: Path) -> None:
    from nbclient.exceptions import CellTimeoutError

    with pytest.raises(CellTimeoutError):
        run(tmp_path, "import time\ntime.sleep(60)", execution_timeout=1)


def test_large_outputs_and_fast_ones_are_whole(tmp_path: Path) -> None:
    said: list[str] = []

    run(
        tmp_path,
        "print('0123456789é\\n' * 30_000)",
        "for i in range(3_000): print(i, flush=True)",
        "from IPython.display import HTML, display\ndisplay(HTML('<b>' * 50_000))",
        stdout_file=Sink(said.append),
    )

    cells = read(tmp_path).cells
    text = "0123456789é\n" * 30_000 + "\n"
    lines = "".join(f"{i}\n" for i in range(3_000))
    assert [output.text for cell in cells[:2] for output in cell.outputs] == [text, lines]
    assert cells[2].outputs[0].data["text/html"] == "<b>" * 50_000
    assert "".join(said) == text + lines


def test_what_came_before_an_interrupt_is_kept(tmp_path: Path) -> None:
    def interrupt(text: str) -> None:
        if "stop" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(
            tmp_path,
            "print('kept')",
            "print('stop')",
            "print('never')",
            stdout_file=Sink(interrupt),
        )

    cells = read(tmp_path).cells
    assert [cell.outputs[0].text for cell in cells[:2]] == ["kept\n", "stop\n"]
    assert [cell.metadata.papermill.status for cell in cells] == ["completed", "failed", "pending"]


def test_the_notebook_is_saved_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "_FIRST_CHECKPOINT_S", 0.0)
    seen: list[str] = []

    def look(text: str) -> None:
        seen.extend(o.text for cell in read(tmp_path).cells for o in cell.get("outputs", ()))

    run(
        tmp_path,
        "import time\nprint('early', flush=True)",
        "for i in range(20):\n    time.sleep(0.1)\n    print(i, flush=True)",
        stdout_file=Sink(look),
        autosave_cell_every=0.2,
    )

    assert "early\n" in seen


class Sink:
    """A text file that calls back."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write

    def flush(self) -> None:
        """Do nothing."""
