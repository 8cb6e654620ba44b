"""What a sweep over many files costs, asking whether something ran already, and many points."""

from __future__ import annotations

import asyncio
import random
import resource
import sqlite3
import time
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from jupyter_client.kernelspec import KernelSpecManager

from bench import notebooks
from bench.figures import Sample, number, spread
from bench.report import Goal, Section, Table, within
from jupyter_async_exec.cli.local_files import LocalFiles
from jupyter_async_exec.composition import InstalledKernels, compose
from jupyter_async_exec.core.clock import utc_now
from jupyter_async_exec.core.events import ExecutionFinished, ExecutionStarted, MetricRecorded
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.core.sweeps import SweepDefinition
from jupyter_async_exec.defaults import STORE_FILE
from jupyter_async_exec.service import SubmitRequest, SweepRequest
from jupyter_async_exec.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from bench.context import Context
    from jupyter_async_exec.composition import House

SUBMIT_S, SAME_MS, POINT_BYTES = 2, 50, 24
#: Files that were written later than this are read again, as git does.
RACY_S = 2.1
N_CHANGED = 3
TEXT = """\
In one process, without HTTP and without kernels: each execution is recorded as succeeded at once.
*Datums*: `glob:data/*.csv` over small files, until all executions are durable;
then again after three files have changed.
*Same*: whether the notebook ran already beside so many files that have not changed since.
*Points*: one metric with random values, in batches of 1,000; the growth of the database.
Wall time, and the time of processors (user and system) in this process."""


@dataclass(slots=True)
class _Took:
    """Measurements of one thing."""

    wall_s: list[float]
    cpu_s: list[float]

    @classmethod
    def nothing(cls) -> _Took:
        return cls([], [])

    async def add(self, work: Callable[[], Awaitable[object]]) -> object:
        """Measure `work` once; return what it returns."""
        began_s, began_cpu_s = time.perf_counter(), _cpu_s()
        result = await work()
        self.wall_s.append(time.perf_counter() - began_s)
        self.cpu_s.append(_cpu_s() - began_cpu_s)
        return result


def measure(context: Context) -> Section:
    """Measure all three."""
    n_files, n_beside = context.choose((1_000, 5_000), (50, 50))
    submits, repeats, counts = _Took.nothing(), _Took.nothing(), set()
    for _ in range(context.rounds):
        counts.add(asyncio.run(_datums(context, n_files, submits, repeats)))
    few = asyncio.run(_same(context, 10))
    many = asyncio.run(_same(context, n_beside))
    points = asyncio.run(_points(context, context.choose(100_000, 10_000)))
    table = Table(["", "Wall", "Processors"])
    for work, took, unit, times in (
        (f"{n_files:,} datums, all new", submits, "s", 1),
        (f"{n_files:,} datums, {N_CHANGED} changed", repeats, "s", 1),
        ("same, beside 10 files", few, "ms", 1e3),
        (f"same, beside {n_beside:,} files", many, "ms", 1e3),
    ):
        wall, cpu = Sample.of(took.wall_s).times(times), Sample.of(took.cpu_s).times(times)
        table.add(work, spread(wall, unit, digits=3), spread(cpu, unit, digits=3))
    table.add("bytes a point", number(points, digits=3), "")
    ran = ", ".join(map(str, sorted(counts)))
    return Section(
        "sweeps",
        "Sweeps",
        TEXT,
        [table],
        [
            within(SUBMIT_S, "s", f"{n_files:,} datums, submitted", Sample.of(submits.wall_s)),
            Goal("… again", f"{N_CHANGED} executions", ran, counts == {N_CHANGED}),
            within(SAME_MS, "ms", "same, beside 10 files", Sample.of(few.wall_s).times(1e3)),
            Goal("a point", f"≤ {POINT_BYTES} bytes", number(points), points <= POINT_BYTES),
        ],
    )


async def _datums(context: Context, n_files: int, submits: _Took, repeats: _Took) -> int:
    """Submit a sweep over files twice; return how many ran the second time."""
    root = context.new_folder("datums")
    (root / "data").mkdir()
    files = [root / "data" / f"{place:05}.csv" for place in range(n_files)]
    for place, file in enumerate(files):
        file.write_text(f"data {place}")
    notebook = notebooks.make(["print(open(path).read())"])
    parameters = notebooks.code_cell("parameters", "path: str = ''")
    notebook["cells"].insert(0, {**parameters, "metadata": {"tags": ["parameters"]}})
    request = SweepRequest(
        base=SubmitRequest(path="a.ipynb", notebook=notebook),
        definition=SweepDefinition(values={"path": "glob:data/*.csv"}),
        canary=False,
    )
    async with _house(root) as house:
        await asyncio.sleep(RACY_S)
        await submits.add(lambda: house.service.sweeps.submit(request))
        _succeed(house)
        for file in files[:N_CHANGED]:
            file.write_text("changed")
        await repeats.add(lambda: house.service.sweeps.submit(request))
        return house.store.counts().queued


async def _same(context: Context, n_files: int) -> _Took:
    """Ask again and again whether a notebook ran already."""
    root = context.new_folder("beside")
    for place in range(n_files):
        folder = root / f"{place // 100:03}"
        folder.mkdir(exist_ok=True)
        (folder / f"{place}.py").write_text(f"x = {place}")
    request = SubmitRequest(path="a.ipynb", notebook=notebooks.make(notebooks.TRIVIAL))
    took = _Took.nothing()
    async with _house(root) as house:
        await asyncio.sleep(RACY_S)
        await house.service.submit(request)
        _succeed(house)
        for _ in range(context.choose(20, 3)):
            if await took.add(lambda: house.service.find_same(request)) is None:
                raise RuntimeError("What ran already was not found.")
    return took


async def _points(context: Context, n_points: int) -> float:
    """Record the points of a metric; return how many bytes each takes in the database."""
    root = context.new_folder("points")
    generator = random.Random(0)
    async with _house(root) as house:
        submit = SubmitRequest(path="a.ipynb", notebook=notebooks.make(notebooks.TRIVIAL))
        await house.service.submit(submit)
        claimed = house.store.claim(backend="local")
        assert claimed is not None
        began_at = utc_now()
        events = [ExecutionStarted(at=began_at, cells_total=1)]
        house.store.record(claimed.id, claimed.attempt, events)
        before = _size_bytes(root)
        for first in range(0, n_points, 1_000):
            steps = [(first + place, generator.random()) for place in range(1_000)]
            point = MetricRecorded(
                at=began_at + timedelta(seconds=first),
                name="loss",
                step=steps[-1][0],
                value=steps[-1][1],
                earlier=tuple(steps[:-1]),
            )
            house.store.record(claimed.id, claimed.attempt, [point])
    return (_size_bytes(root) - before) / n_points


def _succeed(house: House) -> None:
    while (claimed := house.store.claim(backend="local")) is not None:
        ended = ExecutionFinished(at=utc_now(), status=Status.SUCCEEDED)
        house.store.record(claimed.id, claimed.attempt, [ended])


@asynccontextmanager
async def _house(root: Path) -> AsyncIterator[House]:
    house = compose(
        Settings(data_dir=root.with_name(f"{root.name}-data"), spares=0),
        kernels=InstalledKernels(KernelSpecManager()),
        notebook_files=LocalFiles(root),
    )
    try:
        yield house
    finally:
        await house.stop()


def _size_bytes(root: Path) -> int:
    store = root.with_name(f"{root.name}-data") / STORE_FILE
    with closing(sqlite3.connect(store)) as connection:
        # Pages in use, also those that are in the write-ahead log only.
        (n_pages,) = connection.execute("PRAGMA page_count").fetchone()
        (n_free,) = connection.execute("PRAGMA freelist_count").fetchone()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    return int((n_pages - n_free) * page_bytes)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
