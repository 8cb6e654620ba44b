"""A disk that is really full: a small one of our own, filled to the last bytes.

Only root may mount one. The long form (``make faults``, or FILLS=64) fills it in finer steps.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.cli.command import run
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.errors import DiskFullError
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.journal import read_journal
from jupyter_async_exec.runner.recorder import Recorder
from jupyter_async_exec.runner.task import Task
from jupyter_async_exec.service.verification import verify
from jupyter_async_exec.store import ExecutionStore
from jupyter_async_exec.testing.factories import make_submission
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Enough for the ballast to be laid.
DISK_BYTES = 96 * 1024 * 1024
N_FILLS = int(os.environ.get("FILLS", "8"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of our own."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path, *, leave_bytes: int) -> Path:
    """Fill the disk but for so many bytes; return what fills it."""
    filler = disk / "filler"
    left = os.statvfs(disk)
    size = max(0, left.f_bavail * left.f_frsize - leave_bytes)
    with filler.open("wb") as file, contextlib.suppress(OSError):  # to the last byte
        os.posix_fallocate(file.fileno(), 0, size or 1)
    return filler


def test_with_however_little_room_it_is_accepted_whole_or_refused(disk: Path) -> None:
    data = disk / "data"
    objects = LocalObjectStore(data / "objects")
    accepted: list[int] = []
    refusals: set[str] = set()
    with closing(ExecutionStore(f"sqlite:///{data / 'store.sqlite'}")) as store:
        accepted.append(store.accept(make_submission(snapshot_id=objects.put(b"0")))[0].number)
        for step in range(N_FILLS):
            filler = fill(disk, leave_bytes=(N_FILLS - step - 1) * 256 * 1024 // N_FILLS)
            try:
                content = os.urandom(20_000)
                submission = make_submission(
                    snapshot_id=objects.put(content), parameters={"text": "x" * 20_000}
                )
                accepted.append(store.accept(submission)[0].number)
            except DiskFullError as error:
                refusals.add(str(error).replace(str(disk), ""))
            # What is recorded can be read and cancelled all the same.
            assert store.get(accepted[-1]).status is Status.QUEUED
            filler.unlink()
        store.request_cancel(1)
    with closing(ExecutionStore(f"sqlite:///{data / 'store.sqlite'}")) as again:
        assert [each.number for each in again.iterate()] == accepted
        findings = verify(again, objects)

    assert refusals
    assert all(
        text.startswith(("There is no room left at /data/objects", "The disk that holds /data is"))
        for text in refusals
    )
    # The snapshots here are no manifests; nothing else may be wrong.
    assert {each.kind for each in findings.damages} <= {"snapshot"}
    assert all("damaged" not in each.message.partition(":")[2] for each in findings.damages)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a file that is full is Linux's")  # noqa: PTH110
def test_a_log_that_has_no_room_is_borne(tmp_path: Path) -> None:
    (tmp_path / files.LOG).symlink_to("/dev/full")
    task = Task(
        execution_id="a" * 32, number=1, attempt=1, folder="", kernel_name="k", language="python"
    )
    recorder = Recorder(tmp_path, source=make_notebook("1"), task=task)

    for index in range(30):
        recorder.stream(0, "stdout", f"line {index} {'x' * 9_000}\n")
    recorder.flush()
    recorder.close()

    text = "".join(
        record["output"]["text"]
        for record in read_journal(tmp_path / files.JOURNAL)[0]
        if record["type"] == "output"
    )
    assert text.count("line") == 30


@pytest.mark.slow
def test_a_full_disk_is_said_at_the_start_and_with_room_the_next_one_runs(
    disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook = tmp_path / "a.ipynb"
    notebook.write_text(json.dumps(make_notebook("print('here')")))
    data = disk / "data"
    assert run(["list", "--data-dir", str(data)]) == 0
    filler = fill(disk, leave_bytes=0)

    refused = run(["run", str(notebook), "--data-dir", str(data)])
    said = capsys.readouterr().err
    filler.unlink()
    done = run(["run", str(notebook), "--wait", "--data-dir", str(data)])

    assert refused == 2
    assert "make room first" in said
    assert done == 0
    assert "#1 succeeded" in capsys.readouterr().err


@pytest.mark.slow
def test_a_running_execution_waits_for_room_and_goes_on(
    disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It fills the disk itself, prints, and makes room again."""
    source = (
        "import os, time\n"
        f"filler = open({str(disk / 'filler')!r}, 'wb')\n"
        "try:\n"
        "    while True: filler.write(bytes(65536)); filler.flush()\n"
        "except OSError: pass\n"
        "for index in range(20): print('line', index, 'x' * 5000, flush=True); time.sleep(0.05)\n"
        "os.truncate(filler.name, 0)\n"
        "print('went on')"
    )
    notebook = tmp_path / "a.ipynb"
    notebook.write_text(json.dumps(make_notebook(source)))
    data = disk / "data"

    code = run(["run", str(notebook), "--wait", "--data-dir", str(data)])
    said = capsys.readouterr().err
    shown = run(["output", "1", "--data-dir", str(data)])

    text = "".join(
        output["text"] for output in json.loads(capsys.readouterr().out)["cells"][0]["outputs"]
    )
    assert (code, shown) == (0, 0), said
    assert [line.split()[1] for line in text.splitlines() if line.startswith("line")] == [
        str(index) for index in range(20)
    ]
    assert text.endswith("went on\n")
