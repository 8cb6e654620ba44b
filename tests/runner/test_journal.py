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
from jupyter_async_exec.runner import files, large
from jupyter_async_exec.runner.journal import (
    JournalWriter,
    iterate_journal,
    read_events,
    read_journal,
)
from jupyter_async_exec.runner.journal_events import to_event
from jupyter_async_exec.runner.json_text import encode_json, iterate_json, load_json
from jupyter_async_exec.runner.rebuild import rebuild_notebook
from jupyter_async_exec.runner.recorder import Recorder, notebook_pieces
from tests.runner.helpers import make_cell, make_notebook
from tests.runner.steps import STEP, TEXT, make_task, play


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, max_size=25), st.sampled_from([None, 40]), st.sampled_from([None, 8, 40]))
def test_what_is_rebuilt_is_what_was_written(
    steps: list[tuple[Any, ...]], output_bytes: int | None, large_bytes: int | None
) -> None:
    source = make_notebook("a", "b", make_cell("# c", kind="markdown"), "d")
    task = make_task(limits=Limits(output_bytes=output_bytes))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        if large_bytes is not None:
            # So that much is large, and cut in many places.
            patch.setattr(large, "LARGE_BYTES", large_bytes)
            patch.setattr(large, "CHUNK_BYTES", 16)
        directory = Path(folder)
        recorder = Recorder(directory, source=source, task=task)
        play(recorder, steps)
        recorder.save()
        recorder.close()

        written = (directory / files.OUTPUT).read_bytes()
        records, _ = read_journal(directory / files.JOURNAL)
        copied = rebuild_notebook(source, task, iterate_journal(directory / files.JOURNAL))

        assert b"".join(notebook_pieces(copied)) == written
    notebook = json.loads(written, parse_constant=pytest.fail)
    assert json.loads(encode_json(rebuild_notebook(source, task, records))) == notebook


def test_the_note_about_the_limit_takes_no_text_in(tmp_path: Path) -> None:
    task = make_task(limits=Limits(output_bytes=40))
    recorder = Recorder(tmp_path, source=make_notebook("a", "b"), task=task)

    play(recorder, [("display", 0, {"text/plain": "x" * 99}, None)])
    for _ in range(9):
        recorder.stream(0, "stderr", "y" * 10_000)
        recorder.flush()

    outputs = recorder.notebook.to_json()["cells"][0]["outputs"]
    recorder.close()
    assert outputs[0]["text"].endswith("is reached.]\n")
    assert sum(len(output["text"]) for output in outputs) < 10_000


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
