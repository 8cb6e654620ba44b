"""Attempts made, run and looked at the way the dispatcher does it."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.end_requests import request_cancel
from jupyter_async_exec.runner.journal import read_journal
from jupyter_async_exec.runner.launch import launch
from jupyter_async_exec.runner.lock import is_held
from jupyter_async_exec.runner.processes import Process, find_marked
from jupyter_async_exec.runner.rebuild import rebuild_notebook
from jupyter_async_exec.runner.result import Result, read_result
from jupyter_async_exec.runner.task import Task, read_task, write_task

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

JSONObject = dict[str, Any]


def make_cell(source: str, *tags: str, kind: str = "code") -> JSONObject:
    cell: JSONObject = {
        "cell_type": kind,
        "id": uuid.uuid4().hex[:8],
        "metadata": {"tags": list(tags)} if tags else {},
        "source": source,
    }
    if kind == "code":
        cell |= {"outputs": [], "execution_count": None}
    return cell


def make_notebook(*cells: str | JSONObject) -> JSONObject:
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [make_cell(cell) if isinstance(cell, str) else cell for cell in cells],
    }


def wait_for(condition: Callable[[], object], *, timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


class Attempt:
    """One attempt's directory, from before its start to after its end."""

    def __init__(self, directory: Path, notebook: JSONObject, **task: Any) -> None:
        self.directory = directory
        work = directory / "work"
        work.mkdir(parents=True)
        (directory / files.SOURCE).write_text(json.dumps(notebook))
        fields: JSONObject = {
            "execution_id": uuid.uuid4().hex,
            "number": 1,
            "attempt": 1,
            "folder": str(work),
            "kernel_name": "python3",
            "language": "python",
        }
        write_task(directory, Task(**fields | task))

    @property
    def task(self) -> Task:
        return read_task(self.directory)

    @property
    def work(self) -> Path:
        return self.directory / "work"

    def start(self) -> Attempt:
        launch(self.directory)
        return self

    def run(self, *, timeout_s: float = 60.0) -> Result:
        return self.start().wait(timeout_s=timeout_s)

    def wait(self, *, timeout_s: float = 60.0) -> Result:
        wait_for(lambda: not is_held(self.directory), timeout_s=timeout_s)
        result = read_result(self.directory)
        assert result is not None, (self.directory / files.RUNNER_LOG).read_text()
        return result

    def cancel(self) -> None:
        request_cancel(self.directory)

    @property
    def records(self) -> list[JSONObject]:
        return read_journal(self.directory / files.JOURNAL)[0]

    def records_of(self, kind: str) -> list[JSONObject]:
        return [record for record in self.records if record["type"] == kind]

    @property
    def remarks(self) -> list[str]:
        return [record["kind"] for record in self.records_of("remark")]

    @property
    def output(self) -> JSONObject:
        notebook: JSONObject = json.loads((self.directory / files.OUTPUT).read_bytes())
        return notebook

    @property
    def rebuilt(self) -> JSONObject:
        source = json.loads((self.directory / files.SOURCE).read_bytes())
        return rebuild_notebook(source, self.task, self.records)

    @property
    def log(self) -> str:
        return (self.directory / files.LOG).read_text()

    def outputs(self, index: int) -> list[JSONObject]:
        outputs: list[JSONObject] = self.output["cells"][index]["outputs"]
        return outputs

    def text(self, index: int) -> str:
        return "".join(o["text"] for o in self.outputs(index) if o["output_type"] == "stream")

    def states(self) -> list[str]:
        cells = self.output["cells"]
        return [c["metadata"]["papermill"]["status"] for c in cells if c["cell_type"] == "code"]

    def processes(self) -> list[Process]:
        return find_marked(self.task.cookie)

    def supervisor(self) -> int:
        pid: int = json.loads((self.directory / files.SUPERVISOR).read_bytes())["pid"]
        return pid

    def reached(self, name: str) -> int:
        """Wait until the notebook wrote this file; return the number in it."""
        path = self.work / name
        wait_for(lambda: path.exists() and path.read_text().endswith("\n"))
        return int(path.read_text())
