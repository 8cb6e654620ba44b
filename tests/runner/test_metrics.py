"""Metrics of a notebook that does nothing for them, and of one that says them."""

from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.core.events import MetricRecorded
from jupyter_async_exec.runner import files, metrics
from jupyter_async_exec.runner.journal import read_events, read_journal
from jupyter_async_exec.runner.recorder import Recorder
from jupyter_async_exec.runner.redaction import Redactor
from tests.runner.helpers import make_notebook
from tests.runner.steps import as_sent, make_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.runner.helpers import Attempt


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    recorder = Recorder(tmp_path, source=make_notebook("a", "b"), task=make_task())
    yield recorder
    recorder.close()


def recorded(recorder: Recorder, folder: Path) -> list[tuple[str, int | None, Any]]:
    """Return name, step and value of every point in the journal."""
    recorder.flush()
    events = read_events(folder / files.JOURNAL)[0]
    return [
        (event.name, step, value)
        for event in events
        if isinstance(event, MetricRecorded)
        for step, value in (*event.earlier, (event.step, event.value))
    ]


def remarks(folder: Path) -> list[str]:
    records = read_journal(folder / files.JOURNAL)[0]
    return [record["message"] for record in records if record["type"] == "remark"]


def test_a_printed_object_is_a_metric_however_it_comes(recorder: Recorder, tmp_path: Path) -> None:
    for piece in ('{"epoch": 1, "lo', 'ss": 0.5}', '\n{"epoch": 2, "loss": 0.25}\nx'):
        recorder.stream(0, "stdout", piece)
        recorder.flush()

    assert recorded(recorder, tmp_path) == [("loss", 1, 0.5), ("loss", 2, 0.25)]


def test_a_line_that_nobody_ends_counts_when_its_cell_is_over(
    recorder: Recorder, tmp_path: Path
) -> None:
    recorder.stream(0, "stdout", '{"a": 1}')
    assert recorded(recorder, tmp_path) == []

    recorder.record("cell_finished", cell_index=0, status="ok", execution_count=1)

    assert recorded(recorder, tmp_path) == [("a", None, 1)]


def test_a_line_that_a_thread_leaves_counts_at_the_end(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, source=make_notebook("a"), task=make_task())
    recorder.stream(0, "stderr", '{"a": 1}')

    recorder.write_end(recorder.prepare_end(status="succeeded"))

    records = read_journal(tmp_path / files.JOURNAL)[0]
    assert [record["type"] for record in records] == ["output", "metric", "execution_finished"]


def test_many_points_at_once_are_one_record_of_each_metric(
    recorder: Recorder, tmp_path: Path
) -> None:
    text = "".join(f'{{"step": {n}, "a": {n}, "b": 0}}\n' for n in range(100))

    recorder.stream(0, "stdout", text)
    recorder.flush()

    points = recorded(recorder, tmp_path)
    assert [point for point in points if point[0] == "a"] == [("a", n, n) for n in range(100)]
    types = [record["type"] for record in read_journal(tmp_path / files.JOURNAL)[0]]
    assert types == ["output", "metric", "metric"]


def test_a_large_text_is_searched_too(recorder: Recorder, tmp_path: Path) -> None:
    text = "x" * 100_000 + '\n{"a": 1}\n' + "é" * 200_000 + "\n"

    recorder.stream(0, "stdout", as_sent({"text": text})["text"])

    assert recorded(recorder, tmp_path) == [("a", None, 1)]


def test_a_scrap_is_a_metric_if_it_is_a_number(recorder: Recorder, tmp_path: Path) -> None:
    for name, data in (("acc", 0.9), ("table", [1, 2]), ("word", "x"), (3, 1)):
        scrap = {"name": name, "data": data, "encoder": "json", "version": 1}
        output = {"output_type": "display_data", "data": {metrics.SCRAP_TYPE: scrap}}
        recorder.record("output", cell_index=0, output={**output, "metadata": {}})

    assert recorded(recorder, tmp_path) == [("acc", None, 0.9)]


def test_what_is_no_number_is_kept_and_remarked_once(recorder: Recorder, tmp_path: Path) -> None:
    recorder.stream(0, "stdout", '{"step": 4, "loss": NaN}\n{"step": 5, "loss": NaN}\n')
    recorder.stream(0, "stdout", '{"grad": Infinity}\n')

    points = recorded(recorder, tmp_path)

    assert points == [("loss", 4, "NaN"), ("loss", 5, "NaN"), ("grad", None, "Infinity")]
    assert remarks(tmp_path) == ["loss is NaN at step 4.", "grad is Infinity."]


def test_too_many_names_are_not_a_thousand_charts(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MOST_NAMES", 3)

    for n in range(9):
        recorder.stream(0, "stdout", f'{{"loss_{n}": 1}}\n')

    assert len(recorded(recorder, tmp_path)) == 3
    assert remarks(tmp_path) == [
        "It recorded metrics of more than 3 names; the rest is only in the log."
    ]


def test_lines_for_people_are_read_where_the_notebook_says_so(tmp_path: Path) -> None:
    source = make_notebook("a")
    source["metadata"] = {"async_exec": {"metrics": ["loss"]}}
    recorder = Recorder(tmp_path, source=source, task=make_task())

    recorder.stream(0, "stderr", "Epoch 2/9 loss: 0.5 acc: 0.9\n")

    assert recorded(recorder, tmp_path) == [("loss", 2, 0.5)]
    recorder.close()


@pytest.mark.parametrize("kind", ["absent", "torn", "pipe", "folder", "link", "endless"])
def test_whatever_lies_in_the_place_of_the_file_ends_nothing(
    recorder: Recorder, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / files.METRICS
    match kind:
        case "torn":
            path.write_bytes(b'\xff\n[]\n3\n{"name": "a"}\n{"name": "b", "value": 1}\n{"na')
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to("/dev/zero")
        case "endless":
            path.write_bytes(b"x" * 2_000_000)

    recorder.tick()
    recorder.tick()

    assert recorded(recorder, tmp_path) == ([("b", None, 1)] if kind == "torn" else [])


def logged(folder: Path, *records: Any) -> None:
    with (folder / files.METRICS).open("a") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def test_a_secret_becomes_neither_name_nor_value_of_a_metric(
    recorder: Recorder, tmp_path: Path
) -> None:
    recorder.keep_out(Redactor(["open sesame", 12345678]))
    logged(
        tmp_path,
        {"name": "loss open sesame", "value": 1},
        {"name": "pin", "value": 12345678},
        {"name": "as float", "value": 12345678.0},
        {"name": "step", "value": 1, "step": 12345678},
    )

    recorder.tick()

    assert recorded(recorder, tmp_path) == [("loss ***", None, 1)]
    assert remarks(tmp_path) == ["A value that is a secret was not recorded as a metric."]


@pytest.mark.parametrize("looks", [64, 2])
def test_the_end_of_a_burst_is_read_or_remarked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    monkeypatch.setattr(metrics, "_TURN_BYTES", 100)
    monkeypatch.setattr(metrics, "_READ_BYTES", 100)
    monkeypatch.setattr("jupyter_async_exec.runner.recorder._LAST_LOOKS", looks)
    recorder = Recorder(tmp_path, source=make_notebook("a"), task=make_task())
    logged(tmp_path, *({"name": "a", "value": n} for n in range(100)))

    recorder.write_end(recorder.prepare_end(status="succeeded"))

    values = [value for _, _, value in recorded(recorder, tmp_path)]
    assert values == list(range(len(values)))
    assert (len(values) == 100) == (looks == 64)
    said = ["log_metric wrote too much: the last of it was not read."]
    assert remarks(tmp_path) == ([] if looks == 64 else said)


def test_a_file_that_cannot_be_read_is_remarked_once(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    logged(tmp_path, {"name": "a", "value": 1})
    with monkeypatch.context() as patch:
        patch.setattr(os, "read", fail)
        recorder.tick()
        recorder.tick()
    recorder.tick()

    assert recorded(recorder, tmp_path) == [("a", None, 1)]
    assert remarks(tmp_path) == [
        "What log_metric wrote could not be read, metrics may be missing: Input/output error."
    ]


@pytest.mark.slow
def test_a_notebook_records_metrics_in_every_way_at_once(
    make_attempt: Callable[..., Attempt],
) -> None:
    scrap = {"name": "scrap", "data": 3, "encoder": "json", "version": 1}
    attempt = make_attempt(
        "import json\nfor epoch in range(3):\n"
        "    print(json.dumps({'epoch': epoch, 'printed': epoch / 2}), flush=True)",
        "from jupyter_async_exec import log_metric\n"
        "for step in range(1000):\n    log_metric('logged', step / 4, step=step)",
        "from IPython.display import display\n"
        f"display({{{metrics.SCRAP_TYPE!r}: {scrap}}}, raw=True)",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', "
        "'import jupyter_async_exec as j; j.log_metric(\"child\", 1)'], check=True)",
        "print(json.dumps({'failed_at': 7}), end='')\n1 / 0",
    )

    result = attempt.run()

    assert result.reason == "cell_error"
    found: dict[str, list[tuple[int | None, Any]]] = {}
    for record in attempt.records_of("metric"):
        earlier = [tuple(each) for each in record.get("earlier", ())]
        found.setdefault(record["name"], []).extend(
            [*earlier, (record.get("step"), record["value"])]
        )
    assert found["printed"] == [(0, 0.0), (1, 0.5), (2, 1.0)]
    assert found["logged"] == [(step, step / 4) for step in range(1000)]
    assert found["scrap"] == [(None, 3)]
    assert found["child"] == [(None, 1)]
    assert found["failed_at"] == [(None, 7)]
    assert json.loads((attempt.directory / files.OUTPUT).read_bytes()) == attempt.rebuilt
    assert list(attempt.work.iterdir()) == []
