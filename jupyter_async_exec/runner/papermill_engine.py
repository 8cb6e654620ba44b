"""Our engine for plain papermill: ``papermill --engine async_exec in.ipynb out.ipynb``."""

from __future__ import annotations

import json
import math
import tempfile
import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from papermill.engines import Engine as PapermillEngine

from jupyter_async_exec.core.clock import format_at, utc_now
from jupyter_async_exec.core.execution import Reason, new_id
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.engine import Engine
from jupyter_async_exec.runner.journal import iterate_journal
from jupyter_async_exec.runner.json_text import Encoded, encode_json
from jupyter_async_exec.runner.rebuild import rebuild_notebook
from jupyter_async_exec.runner.recorder import notebook_pieces
from jupyter_async_exec.runner.task import Task

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.runner.result import Result

#: Of the run's time, at most, for saving before the end.
_SAVE_SHARE = 0.03


class AsyncExecEngine(PapermillEngine):  # type: ignore[misc]  # papermill ships no types
    """Papermill's engine interface over the engine of the runner.

    Gains over the engine papermill comes with: no output is lost however fast
    it comes, consecutive stream messages are one output, the notebook is not
    rewritten at every cell, and cells that never ran are not called completed.
    """

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        log_output: bool = False,
        stdout_file: Any = None,
        stderr_file: Any = None,
        start_timeout: float = 60,
        execution_timeout: float | None = None,
        **_kwargs: Any,
    ) -> None:
        """Run `nb_man.nb` in the current directory and fill in what came of it.

        Parameters
        ----------
        nb_man
            Papermill's manager of the notebook.
        kernel_name
            Kernel to run on.
        log_output, stdout_file, stderr_file
            Where to repeat stream text as it comes.
        start_timeout
            Seconds the kernel may take to answer.
        execution_timeout
            Seconds one cell may take; `None` is no limit.
        """
        sinks = {"stdout": stdout_file, "stderr": stderr_file}

        def observe(record: JSONObject) -> None:
            if record["type"] == "cell_finished" and nb_man.pbar:
                nb_man.pbar.update(1)
            output = record.get("output") or {}
            if output.get("output_type") == "stream":
                _repeat(output, sinks, log_output=log_output)
            saver.save_if_due()

        with tempfile.TemporaryDirectory(prefix="async-exec-") as folder:
            directory = Path(folder)
            (directory / files.SOURCE).write_bytes(encode_json(nb_man.nb))
            sockets = directory / "s"
            sockets.mkdir(mode=0o700)
            task = Task(
                execution_id=new_id(),
                number=0,
                attempt=1,
                folder=str(Path.cwd()),
                kernel_name=kernel_name,
                language="",
            )
            saver = _Saver(nb_man, directory / files.OUTPUT)
            engine = Engine(
                directory,
                task=task,
                sockets=sockets,
                observer=observe,
                start_timeout_s=start_timeout,
                cell_time_s=execution_timeout,
            )
            try:
                result = engine.run()
            except BaseException:
                _fill(nb_man.nb, _rebuild(directory, task))
                raise
            _fill(nb_man.nb, json.loads((directory / files.OUTPUT).read_bytes()))
        _raise_for(result, kernel_name)


class _Saver:
    """Saves papermill's notebook now and then, so that a kill does not cost everything.

    Parameters
    ----------
    nb_man
        Papermill's manager of the notebook.
    checkpoint
        Where the engine writes the notebook while it runs.
    """

    def __init__(self, nb_man: Any, checkpoint: Path) -> None:
        self._nb_man = nb_man
        self._checkpoint = checkpoint
        self._pause_s = float(nb_man.autosave_cell_every) or math.inf
        self._next = time.monotonic() + self._pause_s
        self._saved_ns = 0

    def save_if_due(self) -> None:
        """Save when papermill's time for it has passed and there is something new."""
        now = time.monotonic()
        if now < self._next or not self._checkpoint.exists():
            return
        made_ns = self._checkpoint.stat().st_mtime_ns
        if made_ns != self._saved_ns:
            self._saved_ns = made_ns
            _fill(self._nb_man.nb, json.loads(self._checkpoint.read_bytes()))
            self._nb_man.save()
        took_s = time.monotonic() - now
        self._next = now + took_s + max(self._pause_s, took_s / _SAVE_SHARE)


def _repeat(output: JSONObject, sinks: dict[str, Any], *, log_output: bool) -> None:
    from papermill.log import logger

    text = output["text"].load() if isinstance(output["text"], Encoded) else output["text"]
    if log_output:
        logger.info(text)
    sink = sinks[output["name"]]
    if sink is not None:
        sink.write(text)
        sink.flush()


def _rebuild(directory: Path, task: Task) -> JSONObject:
    """Return the notebook as far as the journal tells, when the run was interrupted."""
    source = json.loads((directory / files.SOURCE).read_bytes())
    end = {"type": "execution_finished", "at": format_at(utc_now()), "status": "cancelled"}
    records = iterate_journal(directory / files.JOURNAL)
    executed = rebuild_notebook(source, task, chain(records, [end]))
    notebook: JSONObject = json.loads(b"".join(notebook_pieces(executed)))
    return notebook


def _fill(notebook: Any, executed: JSONObject) -> None:
    """Take outputs and states into papermill's own objects."""
    from nbformat import from_dict

    made = from_dict(executed)
    for cell, done in zip(notebook.cells, made.cells, strict=True):
        if cell.cell_type != "code":
            continue
        cell.outputs = done.outputs
        cell.execution_count = done.execution_count
        if "execution" in done.metadata:
            cell.metadata["execution"] = done.metadata.execution
        cell.metadata.setdefault("papermill", {}).update(done.metadata.papermill)
    for name in ("language_info", "widgets"):
        if name in made.metadata:
            notebook.metadata[name] = made.metadata[name]


def _raise_for(result: Result, kernel_name: str) -> None:
    """Raise what papermill's users expect; an error in a cell papermill finds in the outputs."""
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    message = result.message or ""
    match result.reason:
        case None | Reason.CELL_ERROR:
            return
        case Reason.KERNEL_MISSING:
            raise NoSuchKernel(kernel_name)
        case Reason.TIME_LIMIT | Reason.STALLED:
            raise CellTimeoutError(message)
        case Reason.KERNEL_DIED | Reason.OUT_OF_MEMORY:
            raise DeadKernelError(message)
    raise RuntimeError(message)
