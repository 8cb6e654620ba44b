"""Where the metrics of a running notebook come from: its lines, its outputs, a file beside it."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.core.metric_lines import MetricLines, pairs_of
from jupyter_async_exec.core.metrics import Metric, is_name, metric_step, metric_value
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.json_text import Encoded, load_json
from jupyter_async_exec.runner.redaction import Redactor

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.core.json_types import JSONObject

#: What scrapbook's `glue` displays.
SCRAP_TYPE = "application/scrapbook.scrap.json+json"
#: More names are a mistake, such as a name with the step in it.
MOST_NAMES = 1_000
#: Of one execution; at 10 a second that is more than a day.
MOST_POINTS = 1_000_000

_READ_BYTES = 256 * 1024
#: Of the file, per look: more waits for the next one.
_TURN_BYTES = 4 * 1024 * 1024


class Metrics:
    """Gathers the metrics of an attempt until somebody writes them down.

    Parameters
    ----------
    directory
        The attempt's; `log_metric` writes a file there.
    source
        The notebook, whose metadata may opt in ``key: value`` lines.
    """

    def __init__(self, directory: Path, source: JSONObject) -> None:
        metadata = source.get("metadata")
        self._lines = MetricLines(pairs_of(metadata if isinstance(metadata, dict) else {}))
        self._file = _MetricFile(directory / files.METRICS)
        self._found: dict[str, list[Metric]] = {}
        #: Of each name whether it was ever no number.
        self._names: dict[str, bool] = {}
        self._n_points = 0
        self._is_full = False
        self._remarks: list[JSONObject] = []
        #: What is remarked once.
        self._said: set[str] = set()
        #: Knows the secrets; nothing else looks at what `log_metric` wrote.
        self.redactor = Redactor()

    def read_text(self, cell_index: int, stream: str, text: str) -> None:
        """Take what a cell printed."""
        self._take(self._lines.feed(cell_index, stream, text), cell_index)

    def read_output(self, cell_index: int, output: JSONObject) -> None:
        """Take what a cell displayed."""
        data = output.get("data")
        scrap = data.get(SCRAP_TYPE) if isinstance(data, dict) else None
        if isinstance(scrap, Encoded):
            return
        if isinstance(scrap, dict):
            self._take(_named(scrap.get("name"), scrap.get("data"), None), cell_index)

    def read_file(self) -> bool:
        """Take what `log_metric` wrote since the last look; return whether there may be more."""
        for record in self._file.read():
            found = _named(record.get("name"), record.get("value"), record.get("step"))
            self._take(found, None)
        if self._file.error is not None:
            why = self._file.error.strerror or self._file.error
            self._drop(f"What log_metric wrote could not be read, metrics may be missing: {why}.")
            return False
        return self._file.has_more and self._n_points < MOST_POINTS

    def forget_file(self) -> None:
        """Remove what `log_metric` wrote if secrets may stand in it; it was read."""
        if self.redactor:
            self._file.remove()

    def remark_rest(self) -> None:
        """Say that the file is too long to be read to its end."""
        self._drop("log_metric wrote too much: the last of it was not read.")

    def end_lines(self, cell_index: int | None = None) -> None:
        """Take lines that nobody ended, of one cell or of all."""
        self._take(self._lines.end(cell_index), cell_index)

    def records(self) -> list[tuple[str, JSONObject]]:
        """Return type and fields of what there is to write down, and forget it."""
        found, self._found = self._found, {}
        remarks, self._remarks = self._remarks, []
        written: list[tuple[str, JSONObject]] = []
        for name, points in found.items():
            last = points[-1]
            fields: JSONObject = {"name": name, "value": last.value}
            if last.step is not None:
                fields["step"] = last.step
            if len(points) > 1:
                fields["earlier"] = [[each.step, each.value] for each in points[:-1]]
            written.append(("metric", fields))
        return written + [("remark", remark) for remark in remarks]

    def _take(self, found: list[Metric], cell_index: int | None) -> None:
        for given in found:
            metric = self._without_secrets(given)
            if metric is None or not self._has_room(metric):
                continue
            self._n_points += 1
            self._found.setdefault(metric.name, []).append(metric)
            if not metric.is_finite and not self._names[metric.name]:
                self._names[metric.name] = True
                where = "" if metric.step is None else f" at step {metric.step}"
                self._remark("nan_metric", f"{metric.name} is {metric.value}{where}.", cell_index)

    def _without_secrets(self, metric: Metric) -> Metric | None:
        if not self.redactor:
            return metric
        if self.redactor.is_secret(metric.value) or self.redactor.is_secret(metric.step):
            self._drop("A value that is a secret was not recorded as a metric.")
            return None
        return replace(metric, name=self.redactor.clean(metric.name))

    def _has_room(self, metric: Metric) -> bool:
        is_known = metric.name in self._names
        if self._n_points < MOST_POINTS and (is_known or len(self._names) < MOST_NAMES):
            self._names.setdefault(metric.name, False)
            return True
        if not self._is_full:
            self._is_full = True
            what = f"{MOST_POINTS:,} points" if is_known else f"{MOST_NAMES:,} names"
            message = f"It recorded metrics of more than {what}; the rest is only in the log."
            self._drop(message)
        return False

    def _drop(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            self._remark("metrics_dropped", message, None)

    def _remark(self, kind: str, message: str, cell_index: int | None) -> None:
        place = {} if cell_index is None else {"cell_index": cell_index}
        self._remarks.append({"kind": kind, "message": message, **place})


class _MetricFile:
    """The file that `log_metric` appends to, read as it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._rest = b""
        #: Why the last look ended early, and whether it left something.
        self.error: OSError | None = None
        self.has_more = False

    def __del__(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def read(self) -> list[JSONObject]:
        """Return the complete records since the last look; what is damaged is passed over."""
        if self._descriptor is None and not self._open():
            return []
        assert self._descriptor is not None
        records: list[JSONObject] = []
        n_read = 0
        while n_read < _TURN_BYTES and (piece := self._read(self._descriptor)):
            n_read += len(piece)
            *lines, self._rest = (self._rest + piece).split(b"\n")
            records.extend(filter(None, map(_parse, lines)))
            if len(self._rest) > _READ_BYTES:
                self._rest = b""
        self.has_more = n_read >= _TURN_BYTES
        return records

    def remove(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _read(self, descriptor: int) -> bytes:
        self.error = None
        try:
            return os.read(descriptor, _READ_BYTES)
        except OSError as error:
            self.error = error
            return b""

    def _open(self) -> bool:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            descriptor = os.open(self._path, flags)
        except OSError:
            return False
        # The notebook may put anything there.
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True


def _named(name: object, given: Any, step: object) -> list[Metric]:
    value = metric_value(given)
    if value is None or not is_name(name):
        return []
    return [Metric(str(name), value, metric_step(step))]


def _parse(line: bytes) -> JSONObject | None:
    try:
        record = load_json(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
