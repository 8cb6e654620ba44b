"""`run`: executions from a script or another notebook, with or without a server."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_async_exec.cli.local_files import root_for
from jupyter_async_exec.cli.session import WAIT_INTERVAL_S, open_house_at
from jupyter_async_exec.core.execution import Collect
from jupyter_async_exec.core.fan_in import read_when, with_when
from jupyter_async_exec.core.reuse import read_policy
from jupyter_async_exec.service import SubmitRequest

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence

    from jupyter_async_exec.composition import House
    from jupyter_async_exec.core.execution import Artifact, CellError, Execution, Status
    from jupyter_async_exec.core.json_types import JSONObject, JSONValue

ResultT = TypeVar("ResultT")


def run(
    notebook: str | os.PathLike[str],
    parameters: Mapping[str, object] | None = None,
    *,
    preset: str | None = None,
    kernel_name: str | None = None,
    backend: str = "local",
    resources: Mapping[str, float] | None = None,
    title: str | None = None,
    tags: Sequence[str] = (),
    run_time_limit_s: float | None = None,
    silence_limit_s: float | None = None,
    memory_limit_bytes: int | None = None,
    output_limit_bytes: int | None = None,
    after: Iterable[SubmittedExecution | int | str] = (),
    collect: Iterable[SubmittedExecution | int | str] | None = None,
    collect_as: str = "executions",
    when: str = "all",
    reuse: str = "never",
    data_dir: str | os.PathLike[str] | None = None,
) -> SubmittedExecution:
    """Submit a notebook as an execution, as it lies on the disk now.

    It starts as soon as a Jupyter server, a command with ``--wait`` or
    `SubmittedExecution.wait` is there to start it.

    Parameters
    ----------
    notebook
        Path of the file.
    parameters
        Values for the cell tagged ``parameters``.
    preset
        A preset of the notebook, for the values that are not among `parameters`.
    kernel_name
        In place of the notebook's own kernel.
    backend
        Where to run.
    resources
        What it needs there besides a slot, such as ``{"GPU": 1}``.
    title
        In place of the automatic one.
    tags
        To find it by.
    run_time_limit_s, silence_limit_s, memory_limit_bytes, output_limit_bytes
        What it may use; `None`: no limit.
    after
        Executions that have to succeed before it starts: what `run` returned,
        numbers, ids, or ranges such as ``"18..41"``.
    collect
        Likewise: executions that are handed to the notebook, a list of those
        that succeeded, with their parameters, metrics and files.
    collect_as
        The parameter that takes this list.
    when
        When to collect: ``"all"``, ``"first:3"`` or ``"within:1h"``.
    reuse
        ``"exact"``: the latest successful execution that computed the same is
        returned instead; an age such as ``"7d"``: only if it ended so lately.
    data_dir
        Where executions are kept; by default as the server's.

    Returns
    -------
    SubmittedExecution
        Accepted, with its number; or the earlier one, see `reuse`.

    Raises
    ------
    AsyncExecError
        It was refused; the sentence says why, and nothing was accepted.

    Examples
    --------
    >>> from jupyter_async_exec import run
    >>> submitted = [run("train.ipynb", {"lr": lr}) for lr in (0.1, 0.01)]  # doctest: +SKIP
    >>> max(submitted, key=lambda each: each.wait().metrics["val_acc"])  # doctest: +SKIP
    """
    path = Path(notebook).resolve()
    limits = {
        "run_time_s": run_time_limit_s,
        "silence_s": silence_limit_s,
        "memory_bytes": memory_limit_bytes,
        "output_bytes": output_limit_bytes,
    }
    place = _Place(root_for(path), None if data_dir is None else Path(data_dir))
    request = SubmitRequest(
        path=path.relative_to(place.root).as_posix(),
        parameters=dict(parameters or {}),
        kernel_name=kernel_name,
        title=title,
        backend=backend,
        resources=dict(resources or {}),
        tags=tuple(tags),
        limits={field: limit for field, limit in limits.items() if limit is not None},
        after=_references(after),
        collect=None
        if collect is None
        else with_when(
            Collect(executions=_references(collect), parameter=collect_as), read_when(when)
        ),
        reuse=read_policy(reuse),
    )

    async def submit(house: House) -> Execution:
        filled = await house.service.presets.fill(request, preset)
        same = None if reuse == "never" else await house.service.find_same(filled)
        return same or await house.service.submit(filled)

    return SubmittedExecution(place, place.do(submit))


def _references(given: Iterable[SubmittedExecution | int | str]) -> tuple[str, ...]:
    return tuple(each.id if isinstance(each, SubmittedExecution) else str(each) for each in given)


class SubmittedExecution:
    """An execution and how it stood when somebody last looked.

    `refresh` and `wait` look again; everything else says what was seen then.
    """

    def __init__(self, place: _Place, execution: Execution) -> None:
        self._place = place
        self._execution = execution

    def __repr__(self) -> str:
        return f"<execution #{self.number} {self.status.value}: {self._execution.title}>"

    @property
    def id(self) -> str:
        """32 hexadecimal digits."""
        return self._execution.id

    @property
    def number(self) -> int:
        """What people see, as in #42."""
        return self._execution.number

    @property
    def status(self) -> Status:
        """Where it stands, such as ``"succeeded"``."""
        return self._execution.status

    @property
    def message(self) -> str | None:
        """One sentence on how it ended."""
        return self._execution.message

    @property
    def error(self) -> CellError | None:
        """What the kernel said when a cell failed."""
        return self._execution.error

    @property
    def parameters(self) -> dict[str, JSONValue]:
        """The values it was submitted with."""
        return dict(self._execution.parameters)

    @property
    def metrics(self) -> dict[str, JSONValue]:
        """The last value of each metric; ``"NaN"``, ``"Infinity"`` for what is no number."""
        return dict(self._execution.metrics)

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """The files it produced, once it is over."""
        return self._execution.artifacts

    def refresh(self) -> SubmittedExecution:
        """Look how it stands now; return itself."""
        self._execution = self._place.do(lambda house: house.service.get(self.id))
        return self

    def wait(self, timeout_s: float | None = None) -> SubmittedExecution:
        """Wait until it is over; return itself.

        If no server starts executions, this does meanwhile: all that are
        queued, each in its turn. An execution that waits for another takes a
        slot of its own, so there must be two.

        Parameters
        ----------
        timeout_s
            At most so long; `None` is no limit.

        Raises
        ------
        TimeoutError
            It is not over yet. It goes on.
        """

        async def wait(house: House) -> Execution:
            house.start()
            deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
            while not (execution := await house.service.get(self.id)).is_final:
                if deadline_s is not None and time.monotonic() >= deadline_s:
                    break
                await asyncio.sleep(WAIT_INTERVAL_S)
            return execution

        self._execution = self._place.do(wait)
        if not self._execution.is_final:
            raise TimeoutError(f"#{self.number} is not over after {timeout_s} s.")
        return self

    def cancel(self) -> SubmittedExecution:
        """Ask for its end; return itself."""
        self._execution = self._place.do(lambda house: house.service.cancel(self.id))
        return self

    def notebook(self) -> JSONObject:
        """Return the executed notebook, as far as it has come."""
        content = self._place.do(lambda house: house.service.notebook(self.id, version="output"))
        notebook: JSONObject = json.loads(content)
        return notebook

    def artifact(self, name: str) -> bytes:
        """Return the bytes of one of its `artifacts`; `NotFoundError` if there is none."""

        async def read(house: House) -> bytes:
            artifact = await house.service.artifact(self.id, name)
            return b"".join([piece async for piece in house.service.pieces(artifact)])

        return self._place.do(read)


class _Place:
    """Where executions are kept, and where notebook paths begin."""

    def __init__(self, root: Path, data_dir: Path | None) -> None:
        self.root = root
        self.data_dir = data_dir

    def do(self, action: Callable[[House], Awaitable[ResultT]]) -> ResultT:
        """Open the house, do one thing, close it; also where an event loop runs already."""

        async def whole() -> ResultT:
            async with open_house_at(self.data_dir, root=self.root) as house:
                return await action(house)

        return _in_thread(whole())


def _in_thread(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Return what `work` returns, run in an event loop of its own; Ctrl-C ends it in order."""
    result: list[ResultT] = []
    problem: list[BaseException] = []
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def note() -> ResultT:
        task = asyncio.current_task()
        assert task is not None
        running.append((asyncio.get_running_loop(), task))
        return await work

    def run_it() -> None:
        try:
            result.append(asyncio.run(note()))
        except BaseException as error:  # noqa: BLE001  it is raised again below
            problem.append(error)

    thread = threading.Thread(target=run_it, name="async-exec-client")
    thread.start()
    try:
        thread.join()
    except BaseException:
        for loop, task in running:
            loop.call_soon_threadsafe(task.cancel)
        thread.join()
        raise
    if problem:
        raise problem[0]
    return result[0]
