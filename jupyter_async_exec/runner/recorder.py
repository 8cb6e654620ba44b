"""Writing down what happens: journal, log and the notebook, at a cost that stays small."""

from __future__ import annotations

import contextlib
import errno
import json
import re
import time
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.journal import BATCH_BYTES, BATCH_S, JournalWriter
from jupyter_async_exec.runner.json_text import encode_json, iterate_json
from jupyter_async_exec.runner.large import Text
from jupyter_async_exec.runner.metrics import Metrics
from jupyter_async_exec.runner.rebuild import ExecutedNotebook
from jupyter_async_exec.runner.stream_text import fold_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.runner.redaction import Redactor
    from jupyter_async_exec.runner.task import Task

_ANSI = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\-_])")
#: Of a long log, so much is written at once.
_LOG_PIECE = 1024 * 1024
#: The first checkpoint; later ones so that saving takes at most 3 % of the time.
_FIRST_CHECKPOINT_S = 5.0
_CHECKPOINT_SHARE = 0.03
#: At the end, of what `log_metric` wrote; each takes up to 4 MB.
_LAST_LOOKS = 64


class Recorder:
    """Everything that is kept of an attempt while it runs.

    What comes fast is collected for a tenth of a second: stream text becomes one
    record, and of several updates of one display or widget the last state counts.

    Parameters
    ----------
    directory
        The attempt's.
    source
        The canonical source notebook.
    task
        What the runner was told.
    observer
        Hears every record right after it was applied.
    """

    def __init__(
        self,
        directory: Path,
        *,
        source: JSONObject,
        task: Task,
        observer: Callable[[JSONObject], None] | None = None,
    ) -> None:
        self._directory = directory
        self._observer = observer
        self.notebook = ExecutedNotebook(source, task)
        self.journal = JournalWriter(directory / files.JOURNAL)
        self._metrics = Metrics(directory, source)
        self._log = open(  # noqa: SIM115  closed in `close`
            directory / files.LOG, "ab", buffering=0, opener=files.open_private
        )
        #: What of the log is not written yet.
        self._log_pending = bytearray()
        self._log_cell: int | None = None
        self._log_line_open = False
        self._stream: tuple[int, str] | None = None
        self._texts: list[str] = []
        self._texts_size = 0
        self._texts_since = 0.0
        #: Last updates by display id, and changes by comm id; since when.
        self._updates: dict[str, JSONObject] = {}
        self._widgets: dict[str, tuple[JSONObject, dict[str, JSONObject]]] = {}
        self._updates_since = 0.0
        self._changed = False
        self._next_checkpoint = time.monotonic() + _FIRST_CHECKPOINT_S

    def keep_out(self, redactor: Redactor) -> None:
        """Keep secrets out of what no message of the kernel brings: metrics in a file."""
        self._metrics.redactor = redactor

    def record(self, kind: str, /, **fields: Any) -> JSONObject:
        """Write a record of this type and apply it to the notebook."""
        self._end_stream()
        if kind not in ("output", "outputs_cleared"):
            self._end_updates()
        elif "display_id" in fields:
            # It updates the earlier ones of its id itself.
            self._updates.pop(fields["display_id"], None)
        if kind == "output":
            self._metrics.read_output(fields["cell_index"], fields["output"])
        elif kind == "cell_finished":
            self._metrics.end_lines(fields["cell_index"])
            self._metrics.read_file()
        self._write_metrics()
        return self._write(kind, fields)

    def stream(self, cell_index: int, name: str, text: str | Text) -> None:
        """Add stream text to a cell; it is recorded with what follows it shortly."""
        if isinstance(text, Text):
            self._stream_large(cell_index, name, text)
            return
        if self._stream != (cell_index, name):
            self._end_stream()
            self._stream = (cell_index, name)
            self._texts_since = time.monotonic()
        self._texts.append(text)
        self._texts_size += len(text)
        if self._texts_size >= BATCH_BYTES:
            self._end_stream()

    def update(
        self, cell_index: int, display_id: str, data: JSONObject, metadata: JSONObject
    ) -> None:
        """Change what all outputs of this id show."""
        self._collect_updates()
        # Nothing between two updates depends on the first; the second undoes it.
        self._updates[display_id] = {
            "cell_index": cell_index,
            "display_id": display_id,
            "data": data,
            "metadata": metadata,
        }

    def update_widget(self, comm_id: str, state: JSONObject, buffers: list[JSONObject]) -> None:
        """Change fields of a widget's state."""
        self._collect_updates()
        fields, contents = self._widgets.setdefault(comm_id, ({}, {}))
        fields.update(state)
        contents.update((json.dumps(buffer["path"]), buffer) for buffer in buffers)

    def _collect_updates(self) -> None:
        if not self._updates and not self._widgets:
            self._updates_since = time.monotonic()

    def _end_updates(self) -> None:
        updates, self._updates = self._updates, {}
        widgets, self._widgets = self._widgets, {}
        for fields in updates.values():
            self._write("output_updated", fields)
        for comm_id, (state, buffers) in widgets.items():
            self._write(
                "widget_updated",
                {"comm_id": comm_id, "state": state, "buffers": list(buffers.values())},
            )

    def _stream_large(self, cell_index: int, name: str, text: Text) -> None:
        if text.folds:
            for piece in text.plain():
                self.stream(cell_index, name, piece.decode())
            return
        self._end_stream()
        for piece in text.plain():
            self._log_bytes(piece, cell_index)
            self._metrics.read_text(cell_index, name, piece.decode())
        self._write_stream(cell_index, name, text)
        self._write_metrics()

    def log(self, text: str, *, cell_index: int | None = None) -> None:
        """Add plain text to the log, under its cell's heading."""
        self._log_bytes(text.encode("utf-8", "replace"), cell_index)

    def _log_bytes(self, text: bytes, cell_index: int | None) -> None:
        if cell_index is not None and cell_index != self._log_cell:
            self._log_cell = cell_index
            start = "\n" if self._log_line_open else ""
            self._log_pending += f"{start}── cell {cell_index + 1} ──\n".encode()
        self._log_pending += text
        if len(self._log_pending) >= BATCH_BYTES:
            self._flush_log()
        self._log_line_open = not text.endswith(b"\n")

    def log_error(self, content: JSONObject, *, cell_index: int) -> None:
        """Add an error's traceback to the log, without colours."""
        lines = content.get("traceback") or [f"{content.get('ename')}: {content.get('evalue')}"]
        start = "\n" if self._log_line_open else ""
        self.log(start + without_ansi("\n".join(map(str, lines))) + "\n", cell_index=cell_index)

    def tick(self) -> None:
        """Write what has waited long enough; called several times a second."""
        now = time.monotonic()
        if self._texts and now - self._texts_since >= BATCH_S:
            self._end_stream()
        if (self._updates or self._widgets) and now - self._updates_since >= BATCH_S:
            self._end_updates()
        self._metrics.read_file()
        self._write_metrics()
        if self.journal.is_due:
            self.flush()
        if self._changed and now >= self._next_checkpoint:
            self._checkpoint()

    def flush(self, *, durable: bool = False) -> None:
        """Hand everything so far to the system; `durable` also to the disk."""
        self._end_stream()
        self._end_updates()
        self.journal.flush(durable=durable)
        self._flush_log()

    def _flush_log(self) -> None:
        """Hand the log to the system; on a full disk what is left waits for the next call."""
        try:
            while self._log_pending:
                written = self._log.write(memoryview(self._log_pending)[:_LOG_PIECE])
                del self._log_pending[:written]
        except OSError as error:
            # The journal decides how long a full disk is borne.
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise

    def save(self, *, durable: bool = True) -> None:
        """Write the executed notebook, whole; `durable` so that it survives a power cut."""
        pieces = notebook_pieces(self.notebook.to_json())
        files.write_whole(self._directory / files.OUTPUT, pieces, durable=durable)
        self._changed = False

    def prepare_end(self, **fields: Any) -> JSONObject:
        """Apply the end to the notebook; it counts when `write_end` has written it."""
        self._end_stream()
        self._end_updates()
        self._metrics.end_lines()
        self._read_metrics_to_end()
        record = self.journal.stamp("execution_finished", fields)
        self.notebook.apply(record)
        return record

    def write_end(self, record: JSONObject) -> None:
        """Write the end into the journal and close everything.

        Journal and log are left to the system: they tell of an attempt that has
        no notebook and no result, and this one has both, on the disk.
        """
        self.journal.append(record)
        if self._observer is not None:
            self._observer(record)
        self.close()

    def close(self) -> None:
        """Write what is left."""
        self._end_stream()
        self._end_updates()
        self._metrics.forget_file()
        self.journal.close()
        with contextlib.suppress(OSError):
            self._flush_log()
        with contextlib.suppress(OSError):
            self._log.close()

    def _end_stream(self) -> None:
        if self._stream is None:
            return
        cell_index, name = self._stream
        text = "".join(self._texts)
        self._stream = None
        self._texts.clear()
        self._texts_size = 0
        self.log(text, cell_index=cell_index)
        self._write_stream(cell_index, name, fold_batch(text))
        self._metrics.read_text(cell_index, name, text)
        self._write_metrics()

    def _read_metrics_to_end(self) -> None:
        for _ in range(_LAST_LOOKS):
            has_more = self._metrics.read_file()
            self._write_metrics()
            if not has_more:
                return
        self._metrics.remark_rest()
        self._write_metrics()

    def _write_metrics(self) -> None:
        for kind, fields in self._metrics.records():
            self._write(kind, fields)

    def _write_stream(self, cell_index: int, name: str, text: str | Text) -> None:
        output = {"output_type": "stream", "name": name, "text": text}
        self._write("output", {"cell_index": cell_index, "append": True, "output": output})

    def _write(self, kind: str, fields: JSONObject) -> JSONObject:
        record = self.journal.append(self.journal.stamp(kind, fields))
        self.notebook.apply(record)
        self._changed = True
        if self._observer is not None:
            self._observer(record)
        return record

    def _checkpoint(self) -> None:
        start = time.monotonic()
        with contextlib.suppress(OSError):  # the next one, or the end, tells
            self.save(durable=False)
        took = time.monotonic() - start
        pause = max(_FIRST_CHECKPOINT_S, took / _CHECKPOINT_SHARE)
        self._next_checkpoint = time.monotonic() + pause


def without_ansi(text: str) -> str:
    """Return `text` without terminal colours and movements."""
    return _ANSI.sub("", text)


def notebook_pieces(notebook: JSONObject) -> Iterator[bytes]:
    """Give a notebook's JSON cell by cell, so that no second copy of all outputs is needed."""
    rest = {name: value for name, value in notebook.items() if name != "cells"}
    opening = b'{"cells":['
    for cell in notebook["cells"]:
        yield opening
        yield from iterate_json(cell)
        opening = b",\n"
    if not notebook["cells"]:
        yield opening
    tail = encode_json(rest)
    yield b"]" + (b"," + tail[1:] if rest else b"}") + b"\n"
