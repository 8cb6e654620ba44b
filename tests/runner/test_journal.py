"""The journal: what is rebuilt from it is what was written, and no damage stops its reader."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_async_exec.core.events import (
    CellFinished,
    CellStarted,
    ExecutionStarted,
    MetricRecorded,
    Remarked,
)
from jupyter_async_exec.core.execution import Limits
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.journal import JournalWriter, read_events, read_journal
from jupyter_async_exec.runner.journal_events import to_event
from jupyter_async_exec.runner.json_text import encode_json, iterate_json, load_json
from jupyter_async_exec.runner.rebuild import rebuild_notebook
from jupyter_async_exec.runner.recorder import Recorder
from jupyter_async_exec.runner.task import Task
from tests.runner.helpers import make_cell, make_notebook

TEXT = st.text(alphabet=st.one_of(st.sampled_from("\r\n\bab "), st.characters()), max_size=20)
DATA = st.dictionaries(
    st.sampled_from(["text/plain", "text/html", "image/png", "application/json"]),
    st.one_of(TEXT, st.floats(), st.none(), st.lists(TEXT, max_size=2)),
    max_size=3,
)
INDEX = st.integers(0, 2)
DISPLAY = st.sampled_from([None, "one", "two"])

STEP = st.one_of(
    st.tuples(st.just("stream"), INDEX, st.sampled_from(["stdout", "stderr"]), TEXT),
    st.tuples(st.just("display"), INDEX, DATA, DISPLAY),
    st.tuples(st.just("result"), INDEX, DATA, DISPLAY),
    st.tuples(st.just("error"), INDEX, TEXT),
    st.tuples(st.just("update"), INDEX, DATA, st.sampled_from(["one", "two"])),
    st.tuples(st.just("clear"), INDEX, st.booleans()),
    st.tuples(st.just("widget"), st.sampled_from(["w1", "w2"]), DATA),
    st.tuples(st.just("start"), INDEX),
    st.tuples(st.just("finish"), INDEX, st.sampled_from(["ok", "error", "skipped", "aborted"])),
    st.tuples(st.just("flush")),
)


def make_task(**fields: Any) -> Task:
    return Task(
        **{
            "execution_id": "0" * 32,
            "number": 7,
            "attempt": 1,
            "folder": "/",
            "kernel_name": "python3",
            "language": "python",
            **fields,
        }
    )


def play(recorder: Recorder, steps: list[tuple[Any, ...]]) -> None:
    recorder.record(
        "execution_started",
        cells_total=3,
        kernel={"name": "python3", "language_info": {"name": "python"}},
        injected={"cell_index": 1, "replaces": False, "id": "i", "source": "# Parameters\n"},
    )
    for step in steps:
        match step:
            case ("stream", index, name, text):
                recorder.stream(index, name, text)
            case ("display" | "result" as kind, index, data, display_id):
                output = {
                    "output_type": {"display": "display_data", "result": "execute_result"}[kind],
                    "data": data,
                    "metadata": {},
                }
                extra = {"display_id": display_id} if display_id else {}
                recorder.record("output", cell_index=index, output=output, **extra)
            case ("error", index, text):
                output = {"output_type": "error", "ename": text, "evalue": "", "traceback": [text]}
                recorder.record("output", cell_index=index, output=output)
            case ("update", index, data, display_id):
                recorder.record(
                    "output_updated",
                    cell_index=index,
                    display_id=display_id,
                    data=data,
                    metadata={},
                )
            case ("clear", index, wait):
                recorder.record("outputs_cleared", cell_index=index, wait=wait)
            case ("widget", comm_id, data):
                state = {"_model_name": "M", **data}
                recorder.record("widget_updated", comm_id=comm_id, state=state, buffers=[])
            case ("start", index):
                recorder.record("cell_started", cell_index=index)
            case ("finish", index, status):
                recorder.record(
                    "cell_finished", cell_index=index, status=status, execution_count=index
                )
            case _:
                recorder.flush()
    recorder.record("execution_finished", status="succeeded")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, max_size=25), st.sampled_from([None, 40]))
def test_what_is_rebuilt_is_what_was_written(
    steps: list[tuple[Any, ...]], output_bytes: int | None
) -> None:
    source = make_notebook("a", "b", make_cell("# c", kind="markdown"), "d")
    task = make_task(limits=Limits(output_bytes=output_bytes))
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        recorder = Recorder(directory, source=source, task=task)
        play(recorder, steps)
        recorder.save()
        recorder.close()

        written = json.loads((directory / files.OUTPUT).read_bytes(), parse_constant=pytest.fail)
        records, _ = read_journal(directory / files.JOURNAL)

    assert json.loads(encode_json(rebuild_notebook(source, task, records))) == written


def test_a_journal_cut_anywhere_reads_as_a_prefix(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, source=make_notebook("a", "b"), task=make_task())
    play(recorder, [("stream", 0, "stdout", "é\n"), ("finish", 0, "ok"), ("error", 1, "E")])
    recorder.close()
    path = tmp_path / files.JOURNAL
    whole = path.read_bytes()
    all_records, end = read_journal(path)
    assert end == len(whole)

    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        records, offset = read_journal(path)
        assert records == all_records[: len(records)]
        assert offset <= size
        path.write_bytes(whole)
        assert records + read_journal(path, offset)[0] == all_records


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_raise(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j"
        path.write_bytes(content)

        records, offset = read_journal(path)
        read_events(path)
        rebuild_notebook(make_notebook("a"), make_task(), records)

    assert offset <= len(content)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
)
KIND = st.sampled_from(
    ["execution_started", "cell_started", "output", "output_updated", "outputs_cleared",
     "widget_updated", "cell_finished", "metric", "remark", "execution_finished"]
)  # fmt: skip
FIELD = st.sampled_from(
    ["at", "cell_index", "output", "display_id", "data", "metadata", "status", "comm_id", "state",
     "buffers", "injected", "kernel", "machine", "cells_total", "name", "value", "kind", "message"]
)  # fmt: skip


@given(st.lists(st.tuples(KIND, st.dictionaries(FIELD, JSON, max_size=6)), max_size=5))
def test_records_that_make_no_sense_change_nothing_and_break_nothing(
    records: list[tuple[str, dict[str, Any]]],
) -> None:
    made = [{"type": kind, **fields} for kind, fields in records]

    for record in made:
        to_event(record)
    rebuild_notebook(make_notebook("a"), make_task(), made)


def test_damage_in_the_middle_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "j"
    good = b'{"seq":1,"at":"2026-11-21T00:00:00.000000Z","type":"cell_started","cell_index":0}\n'
    path.write_bytes(good + b"\x00\xff{[\n[1]\n" + b"[" * 100_000 + b"\n" + good)

    assert len(read_journal(path)[0]) == 2
    assert len(read_events(path)[0]) == 2


def test_a_limit_is_kept_and_progress_made(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b'{"type":"a"}\n' * 10)

    first, offset = read_journal(path, limit_bytes=20)
    assert len(first) == 2
    assert len(read_journal(path, offset, limit_bytes=1)[0]) == 1
    assert len(read_journal(path, offset)[0]) == 8


def test_a_line_torn_by_a_kill_is_ended_by_the_next_writer(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b'{"type":"a"}\n{"type":"b')
    writer = JournalWriter(path, first=3)
    writer.append(writer.stamp("c", {}))
    writer.close()

    assert [record["type"] for record in read_journal(path)[0]] == ["a", "c"]


def test_events_are_found_without_looking_at_outputs(tmp_path: Path) -> None:
    path = tmp_path / "j"
    writer = JournalWriter(path)
    for kind, fields in (
        ("execution_started", {"cells_total": 2}),
        ("cell_started", {"cell_index": 0}),
        ("output", {"cell_index": 0, "output": {"text": "x" * 3_000_000}}),
        ("metric", {"name": "loss", "value": 0.5, "step": 3}),
        ("remark", {"kind": "k", "message": "m", "cell_index": 0}),
        ("cell_finished", {"cell_index": 0, "status": "ok"}),
        ("cell_finished", {"cell_index": 1, "status": "skipped"}),
    ):
        writer.append(writer.stamp(kind, fields))
    writer.close()

    events, offset = read_events(path)

    assert [type(event) for event in events] == [
        ExecutionStarted,
        CellStarted,
        MetricRecorded,
        Remarked,
        CellFinished,
    ]
    assert offset == path.stat().st_size
    assert read_events(path, offset) == ([], offset)


@given(JSON)
def test_any_value_becomes_valid_json_in_pieces_or_whole(value: Any) -> None:
    whole = encode_json(value)

    json.loads(whole, parse_constant=pytest.fail)
    assert b"".join(iterate_json(value)) == whole


def test_a_large_text_is_written_in_pieces_of_bounded_size() -> None:
    value = {"a": ["é\n" * 3_000_000, 1.5]}

    pieces = list(iterate_json(value))

    assert max(map(len, pieces)) < 3 * 1024 * 1024
    assert load_json(b"".join(pieces)) == value
