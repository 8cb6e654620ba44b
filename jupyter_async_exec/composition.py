"""How the parts fit together: plain settings in, a working house out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from jupyter_async_exec.backends.configured import make_backends
from jupyter_async_exec.backends.gpus import AUTO, Gpus, find_gpus
from jupyter_async_exec.backends.local import GPUS, LocalBackend
from jupyter_async_exec.changes import ChangeFeed
from jupyter_async_exec.core.access import Access, Team
from jupyter_async_exec.core.execution import new_id
from jupyter_async_exec.core.machines import is_name
from jupyter_async_exec.core.secret_names import hidden_names
from jupyter_async_exec.defaults import DATA_DIR_VARIABLE, STORE_FILE
from jupyter_async_exec.dispatcher import Dispatcher
from jupyter_async_exec.errors import InvalidRequestError, NotFoundError, UnavailableError
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.runner.mlflow_store import MLFLOW_DIR
from jupyter_async_exec.runner.vault import SECRETS, Vault
from jupyter_async_exec.service import (
    ExecutionService,
    KernelCatalog,
    KernelInfo,
    NotebookFiles,
)
from jupyter_async_exec.service.reuse_keys import Voucher
from jupyter_async_exec.snapshots.stat_cache import StatCache
from jupyter_async_exec.store import ExecutionStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from jupyter_client.kernelspec import KernelSpecManager

    from jupyter_async_exec.backends.base import Backend
    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.core.sweeps import Sweep
    from jupyter_async_exec.objects.base import ObjectStore
    from jupyter_async_exec.settings import Settings

#: What was captured before, so that it is not read again; may be deleted at any time.
STAT_CACHE_FILE = "stat-cache.jsonl"
#: Below the data folder: all objects, or copies of those that are kept elsewhere.
OBJECTS, OBJECT_CACHE = "objects", "object-cache"
#: Below the data folder: what tells it from those of other machines on the same store.
FOLDER_ID_FILE = "folder-id"
#: Secrets of an execution that nobody knows are left alone for so long.
ACCEPTING_S = 3_600.0
#: How long a list of installed kernels holds while their folders stay as they are.
KERNELS_AGE_S = 5.0


class InstalledKernels(KernelCatalog):
    """The kernels that `jupyter kernelspec list` shows.

    Parameters
    ----------
    manager
        Reads the kernel specs.
    default_name
        The kernel for notebooks that name none.
    """

    def __init__(self, manager: KernelSpecManager, default_name: str = "python3") -> None:
        self._manager = manager
        self._default_name = default_name
        self._found: Mapping[str, KernelInfo] = {}
        self._known: tuple[int | None, ...] | None = None
        self._until_s = 0.0

    @override
    def find(self) -> Mapping[str, KernelInfo]:
        known = tuple(_changed_ns(folder) for folder in self._manager.kernel_dirs)
        if known != self._known or time.monotonic() >= self._until_s:
            self._found = self._read()
            self._known, self._until_s = known, time.monotonic() + KERNELS_AGE_S
        return self._found

    def _read(self) -> Mapping[str, KernelInfo]:
        specs = self._manager.get_all_specs()
        return {
            name: KernelInfo(
                name=name,
                display_name=str(found["spec"].get("display_name", name)),
                language=str(found["spec"].get("language", "")).lower(),
                spec=found["spec"],
            )
            for name, found in specs.items()
        }

    @override
    def default_name(self) -> str:
        return self._default_name


def _changed_ns(folder: str) -> int | None:
    try:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116  a text, many times
    except OSError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Every part, wired."""

    store: ExecutionStore
    objects: ObjectStore
    service: ExecutionService
    dispatcher: Dispatcher
    changes: ChangeFeed
    backends: Mapping[str, Backend]
    #: What the one may see and change whose house it is.
    access: Access

    def start(self) -> None:
        """Begin to dispatch and to pass on changes, in the running event loop."""
        self.changes.start()
        self.dispatcher.start()
        self.service.searches.start(is_active=lambda: self.dispatcher.is_active)

    async def stop(self) -> None:
        """Stop both and close the store; running executions go on by themselves."""
        await self.service.searches.stop()
        await self.dispatcher.stop()
        await self.changes.stop()
        try:
            for backend in self.backends.values():
                await backend.close()
        finally:
            # Whatever became of them.
            self.store.close()


def compose(
    settings: Settings,
    *,
    kernels: KernelCatalog,
    notebook_files: NotebookFiles,
    listener: Callable[[Sequence[Execution]], None] = lambda _: None,
    sweep_listener: Callable[[Sequence[Sweep]], None] = lambda _: None,
    presence: Callable[[], JSONObject] = dict,
) -> House:
    """Open the store and wire every part; nothing runs yet.

    Reads and writes files (and migrates the store): call it in a thread, but
    with the event loop the parts will live in running elsewhere.

    Parameters
    ----------
    settings
        What was chosen.
    kernels, notebook_files
        The two things that differ between a server and the command line.
    listener, sweep_listener
        Told of every change in the store, in the event loop.
    presence
        What `status` says of this process.

    Raises
    ------
    AsyncExecError
        The data folder or the store cannot be used; the sentence says why.
    """
    access = settings.access
    # Absolute, because runners start in folders of their own.
    data_dir = settings.data_dir.expanduser().absolute()
    _make_private(data_dir)
    store = _open_store(settings, data_dir)
    objects = _open_objects(settings, data_dir)
    local = LocalBackend(
        data_dir / "attempts",
        objects=objects,
        nice=settings.nice,
        spares=settings.spares,
        mlflow_dir=data_dir / MLFLOW_DIR if settings.mlflow else None,
        gpus=_open_gpus(settings, data_dir),
    )
    vault = Vault(data_dir / SECRETS)
    backends: dict[str, Backend] = {
        local.name: local,
        **make_backends(settings.backends, data_dir=data_dir, objects=objects, vault=vault),
    }
    forget_secrets(vault, store)

    def heard(changed: Sequence[Execution]) -> None:
        # What is over may say what comes next.
        if any(execution.sweep_id is not None for execution in changed):
            service.searches.wake()
        listener(changed)

    def heard_sweeps(changed: Sequence[Sweep]) -> None:
        service.searches.wake()
        sweep_listener(changed)

    changes = ChangeFeed(store, _forgetting(vault, heard), heard_sweeps)
    # Service and dispatcher need each other's ears; both listen through these.
    ears: list[Callable[[], None]] = [changes.wake]

    def changed() -> None:
        for wake in ears:
            wake()

    stat_cache = StatCache(data_dir / STAT_CACHE_FILE)
    service = ExecutionService(
        store=store,
        objects=objects,
        backends=backends,
        kernels=kernels,
        notebook_files=notebook_files,
        default_slots=settings.slots,
        data_dir=data_dir,
        presence=presence,
        capture_limits=settings.capture_limits,
        default_limits=settings.default_limits,
        room_limits=settings.room_limits,
        stat_cache=stat_cache,
        owner=access.user,
        is_shared=access.team is Team.NONE,
        changed=changed,
    )

    dispatcher = Dispatcher(
        store=store,
        backends=backends,
        lock_path=data_dir / "dispatcher.lock",
        slots=service.slots,
        changed=changes.wake,
        vouch=Voucher(kernels, stat_cache, service.environments),
        hand_over=service.fan_in.hand_over,
    )
    ears.append(dispatcher.wake)
    return House(
        store=store,
        objects=objects,
        service=service,
        dispatcher=dispatcher,
        changes=changes,
        backends=backends,
        access=access,
    )


def _open_store(settings: Settings, data_dir: Path) -> ExecutionStore:
    if not settings.store_url:
        return ExecutionStore(f"sqlite:///{data_dir / STORE_FILE}")
    host = socket.gethostname()
    machine = settings.machine or host
    if not is_name(machine):
        raise InvalidRequestError(
            f"AsyncExecApp.machine cannot be {machine!r:.100}: it is a name without '@'."
        )
    store = ExecutionStore(settings.store_url, machine=machine)
    try:
        folder_id, inode = _identify_folder(data_dir)
        name = store.machines.register(
            settings.machine,
            host=host,
            folder_id=folder_id,
            inode=inode,
            objects_url=settings.objects_url,
        )
        store.belong_to(name)
    except BaseException:
        store.close()
        raise
    return store


def _identify_folder(data_dir: Path) -> tuple[str, str]:
    """Return what tells this data folder from all others, and from copies of it.

    Made when it is first asked for.
    """
    path = data_dir / FOLDER_ID_FILE
    try:
        with contextlib.suppress(FileExistsError), path.open("x", encoding="ascii") as file:
            file.write(new_id())
        return path.read_text(encoding="ascii"), str(path.stat().st_ino)
    except OSError as error:
        raise UnavailableError(
            f"The data folder {data_dir} cannot be used ({error.strerror or error})."
        ) from None


def _open_objects(settings: Settings, data_dir: Path) -> ObjectStore:
    if not settings.objects_url:
        return LocalObjectStore(data_dir / OBJECTS)
    from jupyter_async_exec.objects.remote import open_remote

    return open_remote(
        settings.objects_url,
        data_dir / OBJECT_CACHE,
        options=settings.objects_options,
        cache_bytes=settings.objects_cache_bytes,
    )


def _open_gpus(settings: Settings, data_dir: Path) -> Gpus:
    if settings.gpus == AUTO:
        return Gpus(data_dir / GPUS, find_gpus, hides=False)
    # Who names them wants them looked after; who names none wants nothing of that.
    return Gpus(data_dir / GPUS, lambda: settings.gpus, hides=bool(settings.gpus))


def forget_secrets(vault: Vault, store: ExecutionStore) -> None:
    """Remove secrets whose execution ended while nobody watched, or was never accepted."""
    for execution_id, put_s in vault.kept():
        try:
            is_over = store.get(execution_id).is_final
        except NotFoundError:
            # Another process may be about to accept it.
            is_over = time.time() - put_s > ACCEPTING_S
        if is_over:
            vault.discard(execution_id)


def _forgetting(
    vault: Vault, listener: Callable[[Sequence[Execution]], None]
) -> Callable[[Sequence[Execution]], None]:
    """Return a listener that also removes the secrets of what has ended before it began."""

    def hear(changed: Sequence[Execution]) -> None:
        for execution in changed:
            if execution.is_final and hidden_names(execution.parameters):
                loop = asyncio.get_running_loop()
                loop.run_in_executor(None, vault.discard, execution.id)
        listener(changed)

    return hear


def _make_private(data_dir: Path) -> None:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        data_dir.chmod(0o700)
    except OSError as error:
        raise UnavailableError(
            f"The data folder {data_dir} cannot be used ({error.strerror or error}); "
            f"choose another with the variable {DATA_DIR_VARIABLE}."
        ) from None
