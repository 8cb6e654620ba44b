"""Runners on this machine, one process tree per execution, below an attempts folder."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from typing_extensions import override

from jupyter_async_exec.backends.attempt_folder import (
    conclude,
    keys_in,
    observe,
    read_log,
    read_notebook,
    remove,
)
from jupyter_async_exec.backends.base import AttemptKey, Backend, Harvest, Health, Observation
from jupyter_async_exec.backends.gpus import Gpus
from jupyter_async_exec.backends.unreadable import (
    PATIENCE_S,
    Patience,
    conclude_unreadable,
    permit_reading,
)
from jupyter_async_exec.core.execution import LOCAL, Remark
from jupyter_async_exec.core.resources import GPU, MEMORY_GB, Room
from jupyter_async_exec.core.secret_names import hidden_names
from jupyter_async_exec.errors import InvalidRequestError, StartCancelledError
from jupyter_async_exec.runner import files, system
from jupyter_async_exec.runner.end_requests import request_cancel
from jupyter_async_exec.runner.launch import launch, terminate
from jupyter_async_exec.runner.lock import is_held
from jupyter_async_exec.runner.mlflow_store import mlflow_variables
from jupyter_async_exec.runner.result import read_evidence, read_result
from jupyter_async_exec.runner.task import Task, write_task
from jupyter_async_exec.runner.vault import SECRETS, Vault
from jupyter_async_exec.runner.warm.pool import WarmPool
from jupyter_async_exec.snapshots.collect import Baseline, Collected, collect, record_baseline
from jupyter_async_exec.snapshots.handed import lay_out_handed
from jupyter_async_exec.snapshots.linked import linked_from_json
from jupyter_async_exec.snapshots.manifest import load_manifest
from jupyter_async_exec.snapshots.materialise import materialise
from jupyter_async_exec.snapshots.working_tree import WorkingTree

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.objects.base import ObjectStore
    from jupyter_async_exec.runner.processes import Process

#: The mirror of the user's tree, below an attempt's folder.
WORK = "work"
#: Where spare runners wait, beside the attempts folder.
SPARES = "spares"
#: Where is written down who has which GPU, beside it too.
GPUS = "gpus"
#: What the mirror held before the notebook ran; artifacts are what differs.
BASELINE = "baseline.json"
#: What it held when its files were kept; late files are what differs.
LATE_BASELINE = "late-baseline.json"
#: With less of the memory available than this, processes that end are waited for.
_PLENTY = 0.5
#: What becomes objects besides the files it made, and what it is called.
_KEPT = {
    files.OUTPUT: "The executed notebook",
    files.JOURNAL: "The journal",
    files.LOG: "The log",
}

_log = logging.getLogger(__name__)


class LocalBackend(Backend):
    """Run on this machine.

    Parameters
    ----------
    directory
        Where attempts live while they run; one folder each.
    objects
        Where snapshots come from.
    nice
        Added niceness of a runner (0 to 19), so that interactive kernels stay responsive.
    spares
        Runners kept ready for each kernel used lately, 0 or 1.
    mlflow_dir
        Where MLflow's runs are kept; `None` leaves MLflow as it is.
    patience_s
        How long what an attempt left may be unreadable before that is believed.
    results
        Where the results of an attempt go; default where snapshots come from. Called in threads.
    owner
        The process with which attempts end; without one they outlive whoever started them.
    gpus
        What can be asked for; `None` leaves GPUs as they are.
    """

    name = LOCAL

    def __init__(
        self,
        directory: Path,
        *,
        objects: ObjectStore,
        nice: int = 5,
        spares: int = 0,
        mlflow_dir: Path | None = None,
        patience_s: float = PATIENCE_S,
        results: Callable[[AttemptKey], ObjectStore] | None = None,
        owner: Process | None = None,
        gpus: Gpus | None = None,
    ) -> None:
        self._owner = owner
        self._gpus = gpus or Gpus(directory.with_name(GPUS), tuple, hides=False)
        self._directory = directory
        self._mlflow_dir = mlflow_dir
        self._objects = objects
        self._results = results or (lambda _: objects)
        self._nice = nice
        self._vault = Vault(directory.with_name(SECRETS))
        self._warm = WarmPool(directory.with_name(SPARES), nice=nice, spares=spares)
        self._ears: dict[AttemptKey, _Ear] = {}
        #: Cancelled when there was nothing of them yet, or no more.
        self._early_cancels: set[AttemptKey] = set()
        self._patience = Patience(patience_s)
        self._harvest_patience = Patience(patience_s)

    @override
    async def health(self) -> Health:
        return await asyncio.to_thread(self._health)

    @override
    async def start(self, execution: Execution) -> None:
        bell = await asyncio.to_thread(self._start, execution)
        if bell is not None:
            key = AttemptKey(execution.id, execution.attempt)
            self._ears[key] = _Ear(bell, asyncio.get_running_loop())

    @override
    async def observe(self, key: AttemptKey, *, offset: int) -> Observation:
        return await asyncio.to_thread(self._observe, key, offset)

    @override
    async def wait(self, key: AttemptKey, *, timeout_s: float) -> None:
        ear = self._ears.get(key)
        if ear is None:
            await asyncio.sleep(timeout_s)
        else:
            await ear.wait(timeout_s)

    @override
    async def cancel(self, key: AttemptKey) -> None:
        await asyncio.to_thread(self._cancel, key)

    @override
    async def harvest(self, key: AttemptKey, execution: Execution) -> Harvest:
        return await asyncio.to_thread(self._harvest, key)

    @override
    async def harvest_late(self, key: AttemptKey) -> Harvest:
        collected = await asyncio.to_thread(self._collect_late, key)
        return Harvest(artifacts=collected.artifacts, remarks=collected.remarks)

    @override
    async def discard(self, key: AttemptKey) -> None:
        self._early_cancels.discard(key)
        self._patience.forget(key)
        self._harvest_patience.forget(key)
        ear = self._ears.pop(key, None)
        if ear is not None:
            ear.close()
        await asyncio.to_thread(self._discard, key)

    @override
    async def read_notebook(self, key: AttemptKey) -> bytes | None:
        return await asyncio.to_thread(self._read_notebook, key)

    @override
    async def read_log(
        self, key: AttemptKey, *, offset: int, limit_bytes: int
    ) -> tuple[bytes, int]:
        return await asyncio.to_thread(self._read_log, key, offset, limit_bytes)

    @override
    async def attempts(self) -> tuple[AttemptKey, ...]:
        return await asyncio.to_thread(self._attempts)

    @override
    async def close(self) -> None:
        for ear in self._ears.values():
            ear.close()
        self._ears.clear()
        await asyncio.to_thread(self._warm.close)

    def _path(self, key: AttemptKey) -> Path:
        return self._directory / str(key)

    def _health(self) -> Health:
        resources: dict[str, float] = {MEMORY_GB: round(total_memory_bytes() / 1e9, 1)}
        largest: dict[str, float] = {}
        if self._gpus.ids:
            resources[GPU] = len(self._gpus.ids)
            # One that is shared by two is no two for anybody.
            largest[GPU] = self._gpus.n_different
        return Health(
            rooms=(Room(resources=resources, largest=largest),),
            # What a GPU still holds nobody can tell from here.
            has_memory_for_ending=has_memory_for_ending(self._gpus),
        )

    def _start(self, execution: Execution) -> socket.socket | None:
        key = AttemptKey(execution.id, execution.attempt)
        directory = self._path(key)
        if directory.exists():
            if is_held(directory) or read_result(directory) is not None:
                return None
            # An earlier start got as far as the folder, never to the lock.
            remove(directory)
        kernel_name = execution.kernel_name
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        variables = self._gpus.take(directory, int(execution.resources.get(GPU, 0)))
        spare = self._warm.take(kernel_name, directory)
        try:
            if spare is None:
                directory.mkdir(mode=0o700)
                self._prepare(execution, directory, variables)
                bell = launch(directory, fork_server=self._warm.fork_server(kernel_name))
            else:
                self._prepare(execution, directory, variables)
                bell = spare.begin()
            self._gpus.keep(directory)
        except BaseException:
            if spare is not None:
                spare.end()
            self._gpus.let_go(directory)
            remove(directory)
            raise
        finally:
            self._early_cancels.discard(key)
            self._warm.note_use(kernel_name)
        # While the runner begins. It has computed nothing yet that a power cut could cost.
        try:
            files.make_durable(directory, (BASELINE, files.TASK))
        except OSError as error:
            _log.warning("#%d might not survive a power cut: %s", execution.number, error)
        return bell

    def _check_cancel(self, key: AttemptKey) -> None:
        """Raise when an attempt that is being prepared need not be: that may take long."""
        if key in self._early_cancels or (self._path(key) / files.CANCEL).exists():
            raise StartCancelledError("Cancelled before it started.")

    def _prepare(self, execution: Execution, directory: Path, variables: Mapping[str, str]) -> None:
        manifest = load_manifest(self._objects, execution.snapshot_id)
        provenance = execution.provenance
        key = AttemptKey(execution.id, execution.attempt)
        tree = materialise(
            manifest,
            objects=self._objects,
            directory=directory / WORK,
            notebook_path=execution.notebook_path,
            tree_root=_local_path(provenance.get("tree_root")),
            root_path=provenance.get("root_path"),
            server_root=_local_path(provenance.get("server_root")),
            linked=linked_from_json(provenance.get("linked", [])),
            go_on=lambda: self._check_cancel(key),
        )
        handed = provenance.get("handed")
        if handed is not None:
            lay_out_handed(
                tree.folder,
                handed["files"],
                objects=self._objects,
                go_on=lambda: self._check_cancel(key),
            )
            tree = replace(tree, notes=(*tree.notes, *filter(None, (handed["note"],))))
        source = self._objects.get(manifest.notebook_object)
        files.write_whole(directory / files.SOURCE, source, durable=False)
        baseline = {"tree": tree.to_json(), "baseline": record_baseline(tree).to_json()}
        files.write_whole(directory / BASELINE, json.dumps(baseline).encode(), durable=False)
        write_task(
            directory,
            Task(
                execution_id=execution.id,
                number=execution.number,
                attempt=execution.attempt,
                folder=str(tree.folder),
                kernel_name=execution.kernel_name,
                language=manifest.language,
                parameters=execution.parameters,
                secrets_path=self._secrets_path(execution),
                limits=execution.limits,
                environment={**self._variables(execution), **variables},
                nice=self._nice,
                owner=None if self._owner is None else (self._owner.pid, self._owner.started),
            ),
            durable=False,
        )

    def _variables(self, execution: Execution) -> dict[str, str]:
        if self._mlflow_dir is None:
            return {}
        return mlflow_variables(
            self._mlflow_dir, execution_id=execution.id, number=execution.number
        )

    def _secrets_path(self, execution: Execution) -> str | None:
        if not hidden_names(execution.parameters):
            return None
        return str(self._vault.path(execution.id))

    def _observe(self, key: AttemptKey, offset: int) -> Observation:
        directory = self._path(key)
        # Liveness first: what is dead at this point has written all it ever will.
        alive = directory.exists() and is_held(directory)
        try:
            observation = observe(directory, offset=offset, alive=alive)
        except OSError as error:
            return self._give_up(key, error, alive=alive, offset=offset)
        self._patience.forget(key)
        return observation

    def _give_up(self, key: AttemptKey, error: OSError, *, alive: bool, offset: int) -> Observation:
        """Say what is known of an attempt that cannot be read, once that has lasted."""
        directory = self._path(key)
        if isinstance(error, PermissionError):
            permit_reading(directory)
        if alive or not self._patience.is_over(key, error):
            raise error
        result = conclude_unreadable(directory, attempt=key.attempt, error=error)
        return Observation(offset=offset, result=result, alive=False, is_unreadable=True)

    def _cancel(self, key: AttemptKey) -> None:
        directory = self._path(key)
        try:
            request_cancel(directory)
        except FileNotFoundError:
            self._early_cancels.add(key)

    def _harvest(self, key: AttemptKey) -> Harvest:
        directory = self._path(key)
        if not directory.exists():
            return Harvest()
        try:
            conclude(directory)
        except OSError as error:
            if not self._harvest_patience.is_over(key, error):
                raise
        collected = self._collect(key)
        kept, lost = self._keep(key, directory)
        return Harvest(
            output_object=kept[files.OUTPUT],
            journal_object=kept[files.JOURNAL],
            log_object=kept[files.LOG],
            artifacts=collected.artifacts,
            remarks=(*collected.remarks, *lost),
        )

    def _keep(
        self, key: AttemptKey, directory: Path
    ) -> tuple[dict[str, str | None], tuple[Remark, ...]]:
        """Keep notebook, journal and log; what cannot be read costs itself and no other."""
        try:
            object_ids = self._results(key).put_files([directory / name for name in _KEPT])
            return dict(zip(_KEPT, object_ids, strict=True)), ()
        except InvalidRequestError:
            pass  # The notebook put something else in the place of a file.
        except OSError as error:
            if not self._harvest_patience.is_over(key, error):
                raise
        kept: dict[str, str | None] = {}
        lost = []
        for name, what in _KEPT.items():
            kept[name] = None
            try:
                (kept[name],) = self._results(key).put_files([directory / name])
            except (OSError, InvalidRequestError) as error:
                why = error.strerror if isinstance(error, OSError) else error
                sentence = f"{what} could not be kept: {str(why).rstrip('.')}."
                lost.append(Remark(kind="files_lost", message=sentence))
        return kept, tuple(lost)

    def _collect_late(self, key: AttemptKey) -> Collected:
        directory = self._path(key)
        if directory.exists():
            # First: a file somebody still writes would be kept torn.
            _end_processes(directory)
        return self._collect(key, late=True)

    def _collect(self, key: AttemptKey, *, late: bool = False) -> Collected:
        """Keep the files it made, all or since; damage costs these, never the notebook."""
        directory = self._path(key)
        path, late_path = directory / BASELINE, directory / LATE_BASELINE
        if not path.exists():
            return Collected(artifacts=(), remarks=())
        try:
            saved = json.loads(path.read_bytes())
            tree = WorkingTree.from_json(saved["tree"])
            is_kept = late and late_path.exists()
            kept = json.loads(late_path.read_bytes()) if is_kept else saved["baseline"]
            baseline = Baseline.from_json(kept)
        except (ValueError, KeyError, TypeError, InvalidRequestError) as error:
            sentence = f"The files it made are not kept: their list is damaged ({error})."
            return Collected(artifacts=(), remarks=(Remark(kind="files_lost", message=sentence),))
        if not late:
            # Before anything is read: what changes from here on is late.
            present = json.dumps(record_baseline(tree).to_json()).encode()
            files.write_whole(late_path, present, durable=False)
        return collect(tree, baseline, objects=self._results(key))

    def _read_notebook(self, key: AttemptKey) -> bytes | None:
        return read_notebook(self._path(key))

    def _read_log(self, key: AttemptKey, offset: int, limit_bytes: int) -> tuple[bytes, int]:
        return read_log(self._path(key), offset=offset, limit_bytes=limit_bytes)

    def _attempts(self) -> tuple[AttemptKey, ...]:
        if not self._directory.exists():
            return ()
        self._warm.sweep()
        return keys_in(self._directory)

    def _discard(self, key: AttemptKey) -> None:
        directory = self._path(key)
        if not directory.exists():
            return
        _end_processes(directory)
        remove(directory)
        self._gpus.let_go(directory)


class _Ear:
    """Hears the bell of one runner.

    Parameters
    ----------
    bell
        Our end.
    loop
        Where `wait` is called.
    """

    def __init__(self, bell: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self._bell: socket.socket | None = bell
        self._loop = loop
        self._rang = asyncio.Event()
        loop.add_reader(bell, self._listen)

    async def wait(self, timeout_s: float) -> None:
        """Wait for the bell, at most so long; once the runner is gone, just so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._rang.wait(), timeout_s)
        self._rang.clear()

    def close(self) -> None:
        """Stop listening."""
        if self._bell is not None:
            self._loop.remove_reader(self._bell)
            self._bell.close()
            self._bell = None

    def _listen(self) -> None:
        assert self._bell is not None
        try:
            heard = self._bell.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            heard = b""
        self._rang.set()
        if not heard:
            self.close()


def _end_processes(directory: Path) -> None:
    """End what is left of an attempt's processes, and remove the folder of their sockets.

    The supervisor removes that folder last, when it has ended everyone else:
    where it is gone and the lock is free, nobody has to be looked for.
    """
    held = is_held(directory)
    sockets = read_evidence(directory).get("sockets")
    if not held and isinstance(sockets, str) and not os.path.lexists(sockets):
        return
    try:
        terminate(directory)
    except InvalidRequestError:
        # Nothing is started without a task, and only the task names its processes.
        if held:
            raise


def has_memory_for_ending(gpus: Gpus | None) -> bool:
    """Whether something may begin here beside processes that only end."""
    # Of a container's memory, which psutil does not know, less may be left.
    available = min(psutil.virtual_memory().available, system.available_memory())
    return not (gpus and gpus.ids) and bool(available >= _PLENTY * total_memory_bytes())


@functools.cache
def total_memory_bytes() -> int:
    """Return how much memory there is, on this machine or for the container we are in."""
    return system.total_memory() or int(psutil.virtual_memory().total)


def _local_path(text: str | None) -> Path | None:
    return Path(text) if text else None
