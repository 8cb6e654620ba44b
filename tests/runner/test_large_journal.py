"""Journals with large outputs: torn, continued, damaged or full disks; nothing half is believed."""

from __future__ import annotations

import errno
import json
import os
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.core.events import Remarked
from jupyter_async_exec.core.execution import Reason
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.conclude import conclude_attempt
from jupyter_async_exec.runner.journal import (
    JournalWriter,
    iterate_journal,
    read_events,
    read_journal,
)
from jupyter_async_exec.runner.json_text import encode_json, iterate_json, load_json
from jupyter_async_exec.runner.large import LARGE_BYTES, Held, Stored, Text, map_large
from jupyter_async_exec.runner.rebuild import rebuild_notebook
from jupyter_async_exec.runner.recorder import Recorder, notebook_pieces
from jupyter_async_exec.runner.task import write_task
from tests.runner.helpers import make_notebook
from tests.runner.steps import make_task, play

if TYPE_CHECKING:
    from pathlib import Path

LONG = "0123456789 é\n" * (LARGE_BYTES // 8)
STEPS = [
    ("start", 0),
    ("stream", 0, "stdout", "a"),
    ("stream", 0, "stdout", LONG),
    ("stream", 0, "stdout", "b\n"),
    ("display", 0, {"text/html": LONG, "text/plain": "p", "x/y": LONG[::-1]}, "one"),
    ("result", 0, {"application/json": [{"a": "b"}] * LARGE_BYTES}, None),
    ("update", 0, {"text/plain": LONG.upper()}, "one"),
    ("finish", 0, "ok"),
]


def record_all(directory: Path) -> Recorder:
    recorder = Recorder(directory, source=make_notebook("a", "b"), task=make_task())
    play(recorder, STEPS)
    recorder.flush()
    return recorder


def kept(path: Path) -> list[Any]:
    return [load_json(b"".join(iterate_json(record))) for record in iterate_journal(path)]


def test_large_values_are_found_by_their_place(tmp_path: Path) -> None:
    record_all(tmp_path)
    found: list[Text] = []

    records = [map_large(r, found.append) for r in iterate_journal(tmp_path / files.JOURNAL)]

    assert len(records) == len(read_journal(tmp_path / files.JOURNAL)[0])
    assert [type(value) for value in found] == [Stored] * 5
    assert kept(tmp_path / files.JOURNAL) == read_journal(tmp_path / files.JOURNAL)[0]


def test_a_journal_torn_anywhere_reads_as_a_prefix(tmp_path: Path) -> None:
    record_all(tmp_path)
    path = tmp_path / files.JOURNAL
    whole = path.read_bytes()
    everything = kept(path)
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    cuts = {size for end in ends for size in (end - 1, end, end + 1, end + 200)}

    for size in sorted({*cuts, *range(0, len(whole), 9973)}):
        path.write_bytes(whole[:size])
        records = kept(path)
        assert records == everything[: sum(end <= size for end in ends)]


def test_what_follows_a_torn_large_line_is_read(tmp_path: Path) -> None:
    record_all(tmp_path)
    path = tmp_path / files.JOURNAL
    whole = path.read_bytes()
    before = whole.index(b'"large"')

    for torn in (before + 20, before + LARGE_BYTES):
        path.write_bytes(whole[:torn])
        writer = JournalWriter(path, first=99)
        writer.append(writer.stamp("remark", {"kind": "k", "message": "x" * 3 * LARGE_BYTES}))
        writer.append(writer.stamp("remark", {"kind": "last", "message": "m"}))
        writer.close()

        assert [record["type"] for record in iterate_journal(path)][-2:] == ["remark"] * 2
        assert kept(path) == read_journal(path)[0]
        remarks = [event for event in read_events(path)[0] if isinstance(event, Remarked)]
        assert [event.remark.kind for event in remarks] == ["k", "last"]


@pytest.mark.parametrize(
    "ranges",
    [
        b"[[0,99999999999]]", b"[[99999999999,1]]", b"[[0,1],[0,1]]", b"[[70,200]]", b"[[1,2,3]]",
        b"[1]", b"[]", b"[[", b"[[0,0]]", b"[[60,40000],[50,3]]",
    ],
)  # fmt: skip
def test_a_wrong_place_is_not_believed(tmp_path: Path, ranges: bytes) -> None:
    path = tmp_path / "j"
    rest = {"cell_index": 0, "output": {"output_type": "stream", "name": "stdout", "text": LONG}}
    head = b'{"seq":1,"at":"2026-11-21T00:00:00.000000Z","type":"output","large":'
    path.write_bytes(head + ranges + b"," + encode_json(rest)[1:] + b"\n" + b'{"type":"x"}\n')

    records = kept(path)

    assert records[-1] == {"type": "x"}
    assert [r for r in records if "output" in r] == [
        r for r in read_journal(path)[0] if "output" in r
    ]


def test_a_journal_without_places_is_read_as_well(tmp_path: Path) -> None:
    record_all(tmp_path)
    path = tmp_path / files.JOURNAL
    records = kept(path)
    assert [record.pop("large", None) is not None for record in records].count(True) > 1

    path.write_bytes(b"".join(encode_json(record) + b"\n" for record in records))

    assert kept(path) == records


def test_a_killed_runner_leaves_its_large_outputs(tmp_path: Path) -> None:
    recorder = record_all(tmp_path)
    path = tmp_path / files.JOURNAL
    (tmp_path / files.SOURCE).write_bytes(encode_json(make_notebook("a", "b")))
    write_task(tmp_path, make_task())
    live = json.loads(b"".join(notebook_pieces(recorder.notebook.to_json())))
    with path.open("ab") as journal:
        journal.write(b'{"seq":11,"at":"2026-11-21T00:00:00.000000Z","type":"output","large":[[')
        journal.write(b'66,300000]],"cell_index":0,"output":{"output_type":"stream","text":"x')

    # As if the end had not been written.
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in lines if b"execution_finished" not in line))
    result = conclude_attempt(tmp_path)

    assert result.reason is Reason.LOST
    notebook = json.loads((tmp_path / files.OUTPUT).read_bytes())
    assert [c.get("outputs") for c in notebook["cells"]] == [
        c.get("outputs") for c in live["cells"]
    ]
    assert [r["type"] for r in iterate_journal(path, outputs=False)][-1] == "execution_finished"


def test_what_shows_something_is_passed_over_when_asked(tmp_path: Path) -> None:
    record_all(tmp_path)

    records = list(iterate_journal(tmp_path / files.JOURNAL, outputs=False))

    outputs = [record for record in records if record["type"].startswith("output")]
    assert outputs
    assert all(record.keys() == {"seq", "at", "type"} for record in outputs)
    assert [r["seq"] for r in records] == list(range(1, len(records) + 1))


def test_memory_does_not_grow_with_what_is_large(tmp_path: Path) -> None:
    size = 1_000_000
    task, source = make_task(), make_notebook("a", "b")
    tracemalloc.start()
    recorder = Recorder(tmp_path, source=source, task=task)
    for number in range(40):
        text = Held(b'"' + b"%02d" % number * (size // 2) + b'"')
        output = {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}
        recorder.record("output", cell_index=0, output=output)
        recorder.stream(1, "stdout", "y" * (size // 2) + "\n")
    recorder.save()
    recorder.close()
    del recorder
    records = iterate_journal(tmp_path / files.JOURNAL)
    pieces = notebook_pieces(rebuild_notebook(source, task, records))
    n_bytes = sum(map(len, pieces))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert n_bytes == (tmp_path / files.OUTPUT).stat().st_size > 40 * size
    assert peak < 12 * size


def test_a_full_disk_costs_no_large_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, task = make_notebook("a", "b"), make_task()
    recorder = Recorder(tmp_path, source=source, task=task)
    room = [5000]
    write = os.write

    def write_little(descriptor: int, data: Any) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "full")
        written = write(descriptor, data[: room[0]])
        room[0] -= written
        return written

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_little)
        play(recorder, STEPS)
    recorder.flush()
    recorder.save()
    recorder.close()

    notebook = json.loads((tmp_path / files.OUTPUT).read_bytes())
    records, _ = read_journal(tmp_path / files.JOURNAL)
    assert [r["seq"] for r in records] == list(range(1, len(records) + 1))
    assert rebuild_notebook(source, task, records) == notebook
    assert notebook["cells"][0]["outputs"][0]["text"] == f"a{LONG}b\n"
