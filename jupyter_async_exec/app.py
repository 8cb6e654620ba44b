"""The server extension: configuration in, the house started and stopped with the server."""

from __future__ import annotations

import asyncio
import gc
import os
import uuid
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Dict, Enum, Float, Integer, List, Unicode, Union, default

from jupyter_async_exec.api.base import ACCESS_KEY, OPENER_KEY
from jupyter_async_exec.api.contents_files import ContentsFiles
from jupyter_async_exec.api.people import People
from jupyter_async_exec.api.routes import routes
from jupyter_async_exec.defaults import (
    OBJECT_CACHE_BYTES,
    STORE_FILE,
    chosen_data_dir,
    default_mlflow,
    default_slots,
    default_store_url,
)
from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.events.publisher import Publisher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from jupyter_async_exec.activity import ActivityWatch
    from jupyter_async_exec.composition import House
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.service import ExecutionService
    from jupyter_async_exec.settings import Settings

#: Setting of the web application that the server, and JupyterHub, take for a sign of life:
#: everything whose name ends so is one (`ServerWebApplication.last_activity`).
ACTIVITY_KEY = "jupyter_async_exec_last_activity"
#: On the server's event bus: what happens to files through Jupyter.
CONTENTS_SCHEMA = "https://events.jupyter.org/jupyter_server/contents_service/v1"
#: A house with executions in it that cannot be opened is tried again this often, in seconds.
ADOPTION_INTERVAL_S = 5.0


@contextmanager
def _no_full_collection() -> Iterator[None]:
    """Keep the garbage collector from halting the server while modules are imported.

    They make so many objects that a full collection begins, in whatever thread
    it was, and every other waits for it: 100 ms in a server of usual size. They
    live as long as the process does, therefore they are set aside afterwards.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


class AsyncExecApp(ExtensionApp):
    """Run notebooks as sealed, numbered executions."""

    name = "jupyter_async_exec"
    extension_url = "/lab"
    load_other_extensions = True
    file_url_prefix = "/async-exec"

    #: Set here, because the server may stop before it ever started.
    _house: House | None = None
    _opening: asyncio.Task[House] | None = None
    _activity: ActivityWatch | None = None
    _adoption: asyncio.Task[None] | None = None
    _is_stopping = False
    #: Why the house could not be opened the last time.
    _problem = ""

    data_dir_path = Unicode(
        "",
        help="Folder where executions are kept. Empty: the variable "
        "JUPYTER_ASYNC_EXEC_DATA_DIR, else `async_exec` in Jupyter's data folder.",
    ).tag(config=True)
    slots = Integer(
        min=1,
        help="Executions that may run at once (>= 1). Default: one fewer than "
        "there are cores. Whoever changes it while the server "
        "runs, changes it for good: see docs/how-to/change-slots.md.",
    ).tag(config=True)
    backends = Dict(
        help="Places to run besides this machine: name to what it is. For a Dask cluster "
        '`{"gpu box": {"class": "dask", "address": "tls://host:8786", "slots": 4}}`; its options '
        "are in docs/how-to/dask.md.",
    ).tag(config=True)
    owner = Unicode(
        "",
        help="To whom belongs what is submitted here. Empty: the person who is logged in, where "
        "the server knows people by name; else the user of JupyterHub whose server it is, or of "
        "the operating system.",
    ).tag(config=True)
    team = Enum(
        ["all", "read", "none"],
        default_value=None,
        allow_none=True,
        help="What people may do with executions of others in the same store: see and change "
        "them (`all`), see them (`read`), nothing (`none`). The server's authorizer is asked too, "
        "for the resource `async_exec_team`. None: `none` where the server knows several people "
        "by name, and where executions are recorded in a database; `all` elsewhere.",
    ).tag(config=True)
    store_url = Unicode(
        help="Where executions are recorded: `postgresql://user@host/database` (needs "
        "`jupyter_async_exec[postgres]`), which servers on several machines may share. Empty: in "
        "a file of the data folder. A password belongs into `~/.pgpass`, not here. Default: the "
        "variable JUPYTER_ASYNC_EXEC_STORE_URL.",
    ).tag(config=True)
    machine = Unicode(
        "",
        help="What this machine is called among those that share the store at `store_url`: what "
        "is submitted here runs here. A data folder keeps the name that it had first. Empty: that "
        "name, at first the host's.",
    ).tag(config=True)
    objects_url = Unicode(
        "",
        help="Where the bytes of executions are kept: `s3://bucket/prefix` for S3-compatible "
        "storage (needs `jupyter_async_exec[s3]`), which several servers may share. Empty: in "
        "the data folder.",
    ).tag(config=True)
    objects_options = Dict(
        help="Options for reaching `objects_url`, those of fsspec's file system for it, such as "
        '`{"endpoint_url": "https://s3.example.org"}`. Credentials do not belong here: the S3 '
        "client finds them in its usual places.",
    ).tag(config=True)
    objects_cache_bytes = Integer(
        OBJECT_CACHE_BYTES,
        min=0,
        help="Room on this machine for copies of objects that are kept elsewhere, in bytes; "
        "what was used longest ago goes first.",
    ).tag(config=True)
    gpus = Union(
        [Enum(["auto"]), List(Unicode())],
        default_value="auto",
        help="GPUs of this machine that executions can ask for, as CUDA knows them, such as "
        '`["0", "1"]`; each has its own, and one named twice is shared by two. With a list, who '
        'asks for none sees none. "auto": those that `nvidia-smi` finds, or that '
        "CUDA_VISIBLE_DEVICES names; who asks for none sees them all. `[]`: none are given out.",
    ).tag(config=True)
    nice = Integer(
        5, min=0, max=19, help="Added niceness of executions (0 to 19): higher yields more."
    ).tag(config=True)
    spares = Integer(
        1,
        min=0,
        max=1,
        help="Runners kept ready, kernel included, for each kernel used in the last ten minutes "
        "(0 or 1): executions then begin at once, for the memory of an idle kernel.",
    ).tag(config=True)
    mlflow = Bool(
        help="Whether what notebooks log with MLflow is kept in a store of ours, without a "
        "server; an address in MLFLOW_TRACKING_URI stays. Default: the variable "
        "JUPYTER_ASYNC_EXEC_MLFLOW.",
    ).tag(config=True)
    max_file_bytes = Integer(
        10_000_000,
        min=0,
        help="Files beside the notebook larger than this, in bytes, are linked instead of "
        "captured; code files refuse the submission.",
    ).tag(config=True)
    max_snapshot_bytes = Integer(
        200_000_000, min=0, help="Limit of all captured files together, in bytes."
    ).tag(config=True)
    max_snapshot_files = Integer(5_000, min=0, help="Limit of the number of captured files.").tag(
        config=True
    )

    run_time_limit_s = Float(
        None,
        allow_none=True,
        min=0.1,
        help="Executions are ended after so many seconds from the first cell on, unless their "
        "submission says otherwise. None: no limit.",
    ).tag(config=True)
    silence_limit_s = Float(
        None,
        allow_none=True,
        min=0.1,
        help="Executions are ended when a running cell says nothing for so many seconds, unless "
        "their submission says otherwise. None: no limit.",
    ).tag(config=True)
    memory_limit_bytes = Integer(
        None,
        allow_none=True,
        min=1,
        help="Executions are ended when the kernel and all it started use more bytes of memory, "
        "unless their submission says otherwise. None: no limit.",
    ).tag(config=True)
    output_limit_bytes = Integer(
        None,
        allow_none=True,
        min=1,
        help="Executed notebooks keep about so many bytes of output, the head and the tail of "
        "what is longer, unless their submission says otherwise; the log keeps all text. "
        "None: no limit.",
    ).tag(config=True)
    max_queued = Integer(
        100_000,
        min=1,
        help="Executions that may wait at the same time (>= 1); more are refused.",
    ).tag(config=True)
    disk_reserve_bytes = Integer(
        None,
        allow_none=True,
        min=0,
        help="While fewer bytes are free on the disk of the data folder, nothing is accepted. "
        "None: 1 GB, or 5 % of a disk below 20 GB.",
    ).tag(config=True)

    @default("store_url")
    def _default_store_url(self) -> str:
        return default_store_url()

    @default("mlflow")
    def _default_mlflow(self) -> bool:
        return default_mlflow()

    @default("slots")
    def _default_slots(self) -> int:
        return default_slots()

    def initialize_settings(self) -> None:
        """Offer the handlers a way to the service, and the event bus our schema."""
        assert self.serverapp is not None
        assert self.serverapp.event_logger is not None
        self._boot_id = uuid.uuid4().hex
        self._people = People(
            self.serverapp, owner=self.owner, team=self.team, store_url=self.store_url
        )
        self.settings[ACCESS_KEY] = self._people.access_of
        # At once, not with the house: a listener of the bus hears only of the
        # schemas that were registered before it came.
        self._publisher = Publisher(
            self.serverapp.event_logger,
            boot_id=self._boot_id,
            access=self._people.access,
            is_for_many=self._people.are_named,
        )
        self.settings[OPENER_KEY] = self.open_service
        self._moving = asyncio.Lock()
        self.serverapp.event_logger.add_listener(
            schema_id=CONTENTS_SCHEMA, listener=self._hear_of_contents
        )

    async def _hear_of_contents(
        self,
        logger: Any,  # noqa: ARG002  the bus gives it by this name
        schema_id: str,  # noqa: ARG002
        data: dict[str, Any],
    ) -> None:
        """Let presets follow a notebook that is renamed or moved, in Jupyter."""
        old, new = data.get("source_path"), data.get("path")
        is_move = data.get("action") == "rename" and old and new and old != new
        if not is_move or not await asyncio.to_thread(self._is_of_interest):
            return
        try:
            service = await self.open_service()
            # One after the other: a notebook may be moved and moved again.
            async with self._moving:
                await service.notebook_moved(str(old).strip("/"), str(new).strip("/"))
        except Exception as error:  # noqa: BLE001  the rename itself has worked
            self.log.warning("Presets did not follow %s to %s: %s", old, new, error)

    def initialize_handlers(self) -> None:
        """Register every route."""
        self.handlers.extend(routes())

    async def open_service(self) -> ExecutionService:
        """Return the service, opening the house if this is the first time it is needed.

        Raises
        ------
        AsyncExecError
            The house cannot be opened; asking again tries again.
        """
        if self._house is None:
            if self._opening is None:
                self._opening = asyncio.get_running_loop().create_task(self._open())
                self._opening.add_done_callback(self._opened)
            self._house = await asyncio.shield(self._opening)
        return self._house.service

    async def _open(self) -> House:
        # Imports, migration and adoption take most of a second: not on the loop.
        with _no_full_collection():
            house = await asyncio.to_thread(self._compose)
        if self._is_stopping:
            await house.stop()
            raise UnavailableError("The server stops.")
        house.start()
        self._watch_activity(house)
        return house

    def _watch_activity(self, house: House) -> None:
        from jupyter_async_exec.activity import ActivityWatch

        self._activity = ActivityWatch(house.store, self._note_activity)
        self._activity.start()

    def _note_activity(self, at: datetime) -> None:
        assert self.serverapp is not None
        self.serverapp.web_app.settings[ACTIVITY_KEY] = at

    def current_activity(self) -> int | None:
        """Return how many executions run or wait; a server with some is not idle."""
        return None if self._activity is None else self._activity.n_unfinished

    def _opened(self, opening: asyncio.Task[House]) -> None:
        self._opening = None
        if opening.cancelled() or self._is_stopping:
            return
        problem = str(opening.exception() or "")
        # Pages ask again and again; the log says it once.
        if problem and problem != self._problem:
            self.log.warning("Executions are not available: %s", problem)
        self._problem = problem

    def _compose(self) -> House:
        from jupyter_client.kernelspec import KernelSpecManager

        from jupyter_async_exec.api.contract import prepare
        from jupyter_async_exec.composition import InstalledKernels, compose

        assert self.serverapp is not None
        prepare()
        default_kernel = getattr(self.serverapp.kernel_manager, "default_kernel_name", "python3")
        return compose(
            self._settings(),
            kernels=InstalledKernels(KernelSpecManager(parent=self.serverapp), default_kernel),
            notebook_files=ContentsFiles(self.serverapp.contents_manager),
            listener=self._publisher.publish,
            sweep_listener=self._publisher.publish_sweeps,
            presence=self._presence,
        )

    def _is_of_interest(self) -> bool:
        # Whether a database of others holds anything of ours is only known once it is open.
        return bool(self.store_url) or _is_of_interest(chosen_data_dir(self.data_dir_path))

    def _settings(self) -> Settings:
        from jupyter_async_exec.settings import read_settings

        chosen = {name: getattr(self, name) for name in AsyncExecApp.class_own_traits(config=True)}
        access = self._people.access
        return replace(read_settings(chosen), owner=access.user, team=access.team)

    def _presence(self) -> JSONObject:
        from jupyter_async_exec import __version__

        return {
            "version": __version__,
            "boot_id": self._boot_id,
            "rev": self._publisher.rev,
            "dispatcher": self._house is not None and self._house.dispatcher.is_active,
        }

    async def _start_jupyter_server_extension(self, _serverapp: Any) -> None:
        """Adopt what an earlier server left running, without delaying this one's start."""
        self._adoption = asyncio.get_running_loop().create_task(self._adopt())

    async def _adopt(self) -> None:
        while await asyncio.to_thread(self._is_of_interest):
            try:
                await self.open_service()
            except Exception:  # noqa: BLE001  the log says it already
                await asyncio.sleep(ADOPTION_INTERVAL_S)
            else:
                return

    async def stop_extension(self) -> None:
        """Let go; running executions go on by themselves."""
        self._is_stopping = True
        if self._adoption is not None:
            self._adoption.cancel()
        if self._activity is not None:
            await self._activity.stop()
        if self._house is not None:
            await self._house.stop()
            self._house = None


def _is_of_interest(data_dir: Path) -> bool:
    """Whether to open the house before anybody asks.

    An empty one has nobody to adopt, and opening it costs memory. One that cannot
    be used is said to be so now, not when somebody needs it.
    """
    return os.path.lexists(data_dir / STORE_FILE) or not _can_be_made(data_dir)


def _can_be_made(folder: Path) -> bool:
    """Whether a folder is there or can be, as far as permissions tell."""
    for place in (folder, *folder.parents):
        if os.path.lexists(place):
            return place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    return False
