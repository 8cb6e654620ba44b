from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("httpx")
if sys.platform != "linux":
    pytest.skip("processes are found through /proc", allow_module_level=True)

from bench import notebooks
from bench.__main__ import main
from bench.context import COOKIE, Context
from bench.figures import Sample, duration
from bench.peers.child import ChildPeer
from bench.peers.ours import Ours
from bench.processes import Family
from bench.rebuild import equals_rebuild
from bench.report import Section, Table
from bench.servers import OURS, serve
from bench.topics import TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent.parent


def wait_for(condition: Callable[[], bool], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def tiny(context: Context) -> Section:
    """Run 200 lines on both ends of the scale."""
    path = notebooks.write(context.folder, "lines", notebooks.lines(200))
    with (
        ChildPeer(context, "floor", "floor") as floor,
        serve(context, OURS) as server,
        Ours(server) as ours,
    ):
        found = context.alternate(
            {"floor": partial(floor.run, path), "ours": partial(ours.run, path)}
        )
        outcome = found["ours"][0]
        assert notebooks.lost_lines(outcome.notebook, 200) == 0
        assert equals_rebuild(server, outcome)
        (stall,) = context.stalls_ms[OURS]
        assert min(stall) > 0
    table = Table(["", "Time"])
    for name, runs in found.items():
        table.add(name, duration(Sample.of(run.cells_s for run in runs)))
    return Section("tiny", "Tiny", "A test.", [table])


@pytest.mark.slow
def test_a_bench_runs_from_the_command_line_to_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TOPICS, "tiny", tiny)
    written = ["--page", str(tmp_path / "page.md"), "--results", str(tmp_path / "results.json")]

    code = main(["--only", "tiny", "--rounds", "1", *written])

    page = (tmp_path / "page.md").read_text()
    assert code == 0
    assert "## Tiny" in page
    assert "| floor | " in page
    assert "| ours | " in page


@pytest.mark.slow
def test_a_bench_that_is_interrupted_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--only", "cells", "--quick"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    wait_for(lambda: len(list(tmp_path.glob("bench-*/*/runtime"))) >= 2)
    folder = next(tmp_path.glob("bench-*"))

    process.send_signal(signal.SIGINT)

    assert process.wait(60) == 130
    assert list(tmp_path.iterdir()) == []
    assert marked(folder.name) == []


def marked(text: str) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{COOKIE}={text}".encode() in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


def test_a_family_is_found_by_its_mark_and_ended() -> None:
    family = Family("test-of-families")
    environment = {**os.environ, COOKIE: "test-of-families"}
    process = subprocess.Popen(["sleep", "60"], env=environment)
    wait_for(lambda: family.members() == [process.pid])

    assert family.rss_bytes()[process.pid] > 0
    process_end = process.poll()
    family.end()

    assert process_end is None
    assert process.wait(10) == -signal.SIGKILL


def test_a_process_that_is_just_becoming_another_is_ended_too(tmp_path: Path) -> None:
    script = tmp_path / "become.sh"
    script.write_text('i=0; while [ $i -lt 400 ]; do i=$((i+1)); done; exec sh "$0"\n')
    for round_ in range(20):
        family = Family(f"test-of-becoming-{round_}")
        environment = {**os.environ, COOKIE: f"test-of-becoming-{round_}"}
        process = subprocess.Popen(["sh", str(script)], env=environment)

        family.end()

        assert process.wait(10) == -signal.SIGKILL


def test_contenders_take_turns(tmp_path: Path) -> None:
    context = Context(tmp_path, rounds=3)
    order: list[str] = []

    context.alternate({name: partial(order.append, name) for name in "abc"}, at_most={"c": 1})

    assert order == ["a", "b", "c", "a", "b", "a", "b"]
