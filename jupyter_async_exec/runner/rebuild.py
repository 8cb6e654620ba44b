"""The executed notebook, made from source, task and journal records alone.

The engine applies each record as it writes it and the dispatcher applies them
from the file, both through `ExecutedNotebook`: what is saved and what is
rebuilt cannot differ.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from jupyter_async_exec.core.clock import format_at, parse_at
from jupyter_async_exec.runner.json_text import Encoded
from jupyter_async_exec.runner.result import error_to_json
from jupyter_async_exec.runner.stream_text import StreamText

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.runner.result import Result
    from jupyter_async_exec.runner.task import Task

WIDGET_STATE_TYPE = "application/vnd.jupyter.widget-state+json"
#: Cell tags that keep a cell from being run.
SKIP_TAGS = frozenset({"skip-execution", "local-only"})
INJECTED_TAG = "injected-parameters"
#: Characters of an output in which an error is looked for.
_LAST_TEXT = 20_000
_SMALLEST_STREAM_LIMIT = 4096
_CELL_STATUS = {"ok": "completed", "error": "failed", "aborted": "failed", "skipped": "pending"}


def rebuild_notebook(source: JSONObject, task: Task, records: Iterable[JSONObject]) -> JSONObject:
    """Return the executed notebook exactly as the engine writes it.

    Works for runners that live, that ended and that died. For a dead one,
    append `end_record` of its concluded result to `records`.

    Parameters
    ----------
    source
        The canonical source notebook; it is not changed.
    task
        What the runner was told.
    records
        From `read_journal`, from the beginning. Damaged ones change nothing.
    """
    notebook = ExecutedNotebook(source, task)
    for record in records:
        notebook.apply(record)
    return notebook.to_json()


def end_record(result: Result) -> JSONObject:
    """Return the record that ends a journal whose runner could not."""
    return {
        "at": format_at(result.finished_at),
        "type": "execution_finished",
        "status": result.status.value,
        "reason": None if result.reason is None else result.reason.value,
        "message": result.message,
        "error": None if result.error is None else error_to_json(result.error),
        # Whoever reads this end has to know that cells may have run.
        "started_at": None if result.started_at is None else format_at(result.started_at),
        "cells_total": result.cells_total,
        "machine": result.machine,
    }


def runs(cell: JSONObject) -> bool:
    """Whether a cell is sent to the kernel: code that is not blank and not tagged away."""
    if cell.get("cell_type") != "code" or not source_of(cell).strip():
        return False
    return SKIP_TAGS.isdisjoint(tags_of(cell))


def source_of(cell: JSONObject) -> str:
    """Return a cell's text, also when it is stored as a list of lines."""
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)


def tags_of(cell: JSONObject) -> list[str]:
    """Return a cell's tags; none when the metadata is not what it should be."""
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


class _Shown:
    """What all outputs of one display id show; gone with the last of them."""

    def __init__(self) -> None:
        self.data: JSONObject = {}
        self.metadata: JSONObject = {}


class _Display:
    """An output with a display id."""

    def __init__(self, output: JSONObject, shown: _Shown) -> None:
        self._output = output
        self._shown = shown

    def to_json(self) -> JSONObject:
        return {**self._output, "data": self._shown.data, "metadata": self._shown.metadata}


class _Cell:
    """The outputs of one code cell, not yet rendered."""

    def __init__(self) -> None:
        self.outputs: list[JSONObject | StreamText | _Display] = []
        self.clears_next = False
        #: Says that the output limit is reached.
        self.note: StreamText | None = None


class ExecutedNotebook:
    """The notebook as far as the records applied to it tell.

    Parameters
    ----------
    source
        The canonical source notebook; copied.
    task
        What the runner was told.
    """

    def __init__(self, source: JSONObject, task: Task) -> None:
        self._task = task
        self._notebook = copy.deepcopy(source)
        self._notebook.setdefault("metadata", {})
        self._cells: dict[int, _Cell] = {}
        self._displays: WeakValueDictionary[str, _Shown] = WeakValueDictionary()
        self._widgets: dict[str, JSONObject] = {}
        self._buffers: dict[str, dict[tuple[Any, ...], JSONObject]] = {}
        self._room = task.limits.output_bytes
        self._note: JSONObject = {
            "id": task.execution_id,
            "number": task.number,
            "attempt": task.attempt,
            "status": "running",
        }
        self._papermill: JSONObject = {
            "default_parameters": {},
            "environment_variables": {},
            "parameters": task.parameters,
            "start_time": None,
            "end_time": None,
            "duration": None,
            "exception": None,
        }
        for cell in self.cells:
            self._reset(cell)
        self._appliers: dict[str, Callable[[JSONObject], None]] = {
            "execution_started": self._execution_started,
            "cell_started": self._cell_started,
            "output": self._output,
            "output_updated": self._output_updated,
            "outputs_cleared": self._outputs_cleared,
            "widget_updated": self._widget_updated,
            "cell_finished": self._cell_finished,
            "execution_finished": self._execution_finished,
        }

    @property
    def cells(self) -> list[JSONObject]:
        """The cells, the injected one among them once `execution_started` was applied."""
        cells: list[JSONObject] = self._notebook.setdefault("cells", [])
        return cells

    def apply(self, record: JSONObject) -> None:
        """Change the notebook as `record` says; one that makes no sense changes nothing."""
        applier = self._appliers.get(str(record.get("type")))
        if applier is None:
            return
        try:
            applier(record)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            return

    def to_json(self) -> JSONObject:
        """Return the notebook as nbformat 4 JSON; large values are shared, not copied."""
        cells = [self._cell_to_json(index, cell) for index, cell in enumerate(self.cells)]
        metadata: JSONObject = {
            **self._notebook["metadata"],
            "papermill": dict(self._papermill),
            "async_exec": dict(self._note),
        }
        widgets = self._widgets_to_json()
        if widgets:
            metadata["widgets"] = widgets
        return {**self._notebook, "cells": cells, "metadata": metadata}

    @property
    def is_shortened(self) -> bool:
        """Whether outputs were left out for the limit."""
        return any(
            cell.note is not None
            or any(isinstance(each, StreamText) and each.is_shortened for each in cell.outputs)
            for cell in self._cells.values()
        )

    def last_text(self, cell_index: int) -> str:
        """Return the end of what a cell has shown as text, for errors that say nothing else."""
        for output in reversed(self._cell(cell_index).outputs):
            if isinstance(output, StreamText):
                return output.tail(_LAST_TEXT)[-_LAST_TEXT:]
            data = _output_to_json(output).get("data")
            text = data.get("text/plain") if isinstance(data, dict) else None
            if isinstance(text, Encoded):
                text = text.load()
            if isinstance(text, str):
                return text[-_LAST_TEXT:]
        return ""

    # ------------------------------------------------------------ records

    def _execution_started(self, record: JSONObject) -> None:
        self._papermill["start_time"] = record["at"]
        machine = record.get("machine")
        if isinstance(machine, dict) and "papermill" in machine:
            self._papermill["version"] = machine["papermill"]
        kernel = record.get("kernel") or {}
        metadata = self._notebook["metadata"]
        if kernel.get("language_info"):
            metadata["language_info"] = kernel["language_info"]
        if (metadata.get("kernelspec") or {}).get("name") != kernel.get("name"):
            metadata["kernelspec"] = {
                "name": kernel["name"],
                "display_name": kernel.get("display_name") or kernel["name"],
                "language": kernel.get("language") or self._task.language,
            }
        injected = record.get("injected")
        if injected:
            self._inject(injected)

    def _inject(self, injected: JSONObject) -> None:
        index = injected["cell_index"]
        cell = {
            "cell_type": "code",
            "id": injected["id"],
            "metadata": {"tags": [INJECTED_TAG]},
            "source": injected["source"],
        }
        self._reset(cell)
        self.cells[index : index + bool(injected.get("replaces"))] = [cell]

    def _cell_started(self, record: JSONObject) -> None:
        cell = self._code_cell(record)
        cell["metadata"]["papermill"].update(
            start_time=record["at"], status="running", exception=False
        )
        cell["metadata"]["async_exec"] = {"status": "running"}

    def _cell_finished(self, record: JSONObject) -> None:
        cell = self._code_cell(record)
        status = record["status"]
        papermill = cell["metadata"]["papermill"]
        papermill["status"] = _CELL_STATUS[status]
        if status in ("error", "aborted"):
            papermill["exception"] = True
            if record.get("allowed"):
                papermill["status"] = "completed"
        if papermill["start_time"] is not None:
            papermill["end_time"] = record["at"]
            papermill["duration"] = _seconds(papermill["start_time"], record["at"])
        cell["metadata"]["async_exec"] = {"status": status}
        if record.get("execution_count") is not None:
            cell["execution_count"] = record["execution_count"]
        if record.get("timing"):
            cell["metadata"]["execution"] = record["timing"]

    def _execution_finished(self, record: JSONObject) -> None:
        start = self._papermill["start_time"]
        self._papermill["end_time"] = record["at"]
        if start is not None:
            self._papermill["duration"] = _seconds(start, record["at"])
        self._papermill["exception"] = True if record.get("error") else None
        self._note["status"] = record["status"]
        if record.get("reason"):
            self._note["reason"] = record["reason"]
        if record.get("message"):
            self._note["message"] = record["message"]
        for cell in self.cells:
            papermill = (cell.get("metadata") or {}).get("papermill") or {}
            if cell.get("cell_type") == "code" and papermill.get("status") == "running":
                papermill.update(status="failed", exception=True)
                cell["metadata"]["async_exec"] = {"status": "aborted"}

    def _output(self, record: JSONObject) -> None:
        index = record["cell_index"]
        self._code_cell(record)
        cell = self._cell(index)
        output = record["output"]
        display_id = record.get("display_id")
        if display_id:
            self._update(display_id, output)
        if cell.clears_next:
            self._clear(index)
        if output["output_type"] == "stream":
            self._stream(cell, output, appends=bool(record.get("append")))
            return
        if not self._has_room(cell, output):
            return
        if not display_id:
            cell.outputs.append(output)
            return
        shown = self._displays.setdefault(display_id, _Shown())
        shown.data, shown.metadata = output["data"], output["metadata"]
        cell.outputs.append(_Display(output, shown))

    def _stream(self, cell: _Cell, output: JSONObject, *, appends: bool) -> None:
        last = cell.outputs[-1] if cell.outputs else None
        if last is cell.note:
            last = None
        if appends and isinstance(last, StreamText) and last.name == output["name"]:
            before = last.size
            last.append(output["text"])
            self._take(last.size - before)
            return
        if self._room is not None and self._room <= 0:
            self._say_full(cell)
            return
        limit = None if self._room is None else max(self._room // 2, _SMALLEST_STREAM_LIMIT)
        stream = StreamText(output["name"], limit=limit)
        stream.append(output["text"])
        cell.outputs.append(stream)
        self._take(stream.size)

    def _has_room(self, cell: _Cell, output: JSONObject) -> bool:
        if self._room is None or output["output_type"] == "error":
            return True
        size = _size(output.get("data"))
        if size > self._room:
            self._say_full(cell)
            return False
        self._take(size)
        return True

    def _take(self, size: int) -> None:
        if self._room is not None:
            self._room -= size

    def _say_full(self, cell: _Cell) -> None:
        """Leave one note per cell instead of what exceeds the output limit."""
        if cell.note is not None:
            return
        limit = self._task.limits.output_bytes
        note = cell.note = StreamText("stderr")
        note.append(f"[Output left out here: the limit of {limit:,} bytes is reached.]\n")
        cell.outputs.append(note)

    def _output_updated(self, record: JSONObject) -> None:
        self._update(record["display_id"], record)

    def _update(self, display_id: str, output: JSONObject) -> None:
        shown = self._displays.get(display_id)
        if shown is not None:
            shown.data, shown.metadata = output["data"], output["metadata"]

    def _outputs_cleared(self, record: JSONObject) -> None:
        if record.get("wait"):
            self._cell(record["cell_index"]).clears_next = True
        else:
            self._clear(record["cell_index"])

    def _clear(self, index: int) -> None:
        cell = self._cell(index)
        if self._room is not None:
            self._room += sum(map(_size_of, cell.outputs))
        cell.outputs.clear()
        cell.clears_next = False
        cell.note = None

    def _widget_updated(self, record: JSONObject) -> None:
        comm_id = record["comm_id"]
        self._widgets.setdefault(comm_id, {}).update(record["state"])
        for buffer in record.get("buffers") or ():
            self._buffers.setdefault(comm_id, {})[tuple(buffer["path"])] = buffer

    # ------------------------------------------------------------ parts

    def _cell(self, index: int) -> _Cell:
        if not isinstance(index, int):
            raise TypeError("a cell index is a whole number")
        return self._cells.setdefault(index, _Cell())

    def _code_cell(self, record: JSONObject) -> JSONObject:
        index = record["cell_index"]
        if not 0 <= index < len(self.cells) or self.cells[index].get("cell_type") != "code":
            raise IndexError(index)
        return self.cells[index]

    def _reset(self, cell: JSONObject) -> None:
        if cell.get("cell_type") != "code":
            return
        cell["outputs"] = []
        cell["execution_count"] = None
        metadata = cell.get("metadata")
        if not isinstance(metadata, dict):
            metadata = cell["metadata"] = {}
        metadata.pop("execution", None)
        metadata["papermill"] = {
            "exception": None,
            "start_time": None,
            "end_time": None,
            "duration": None,
            "status": "pending",
        }

    def _cell_to_json(self, index: int, cell: JSONObject) -> JSONObject:
        if index not in self._cells:
            return copy.deepcopy(cell)
        outputs = list(map(_output_to_json, self._cells[index].outputs))
        return {**cell, "metadata": copy.deepcopy(cell["metadata"]), "outputs": outputs}

    def _widgets_to_json(self) -> JSONObject:
        state: JSONObject = {}
        for comm_id, fields in self._widgets.items():
            if "_model_name" not in fields:
                continue
            state[comm_id] = {
                "model_name": fields.get("_model_name"),
                "model_module": fields.get("_model_module"),
                "model_module_version": fields.get("_model_module_version"),
                "state": dict(fields),
            }
            if self._buffers.get(comm_id):
                state[comm_id]["buffers"] = list(self._buffers[comm_id].values())
        if not state:
            return {}
        return {WIDGET_STATE_TYPE: {"state": state, "version_major": 2, "version_minor": 0}}


def _output_to_json(output: JSONObject | StreamText | _Display) -> JSONObject:
    if isinstance(output, StreamText):
        return {"output_type": "stream", "name": output.name, "text": output.render()}
    return output.to_json() if isinstance(output, _Display) else output


def _size_of(output: JSONObject | StreamText | _Display) -> int:
    if isinstance(output, StreamText):
        return output.size
    return _size(_output_to_json(output).get("data"))


def _size(data: Any) -> int:
    if isinstance(data, Encoded):
        data = data.load()
    if isinstance(data, str):
        return len(data)
    if isinstance(data, dict):
        return sum(_size(value) for value in data.values())
    if isinstance(data, list):
        return sum(_size(value) for value in data)
    return 8


def _seconds(start: str, end: str) -> float:
    return (parse_at(end) - parse_at(start)).total_seconds()
