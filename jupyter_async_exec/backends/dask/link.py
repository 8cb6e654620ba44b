"""Dask's connections, in a thread of their own: nothing of Dask runs on the server's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from distributed import __version__ as distributed_release  # type: ignore[attr-defined]
from distributed.core import ConnectionPool, send_recv
from distributed.protocol.serialize import Serialized
from distributed.security import Security

from jupyter_async_exec.backends.dask import installing
from jupyter_async_exec.backends.dask.privacy import is_private
from jupyter_async_exec.backends.dask.protocol import (
    CALL_TIMEOUT_S,
    OPERATION,
    UnansweredError,
    UnreachableError,
    decode,
    encode,
    error_from_json,
)
from jupyter_async_exec.backends.dask.settings import TLS
from jupyter_async_exec.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from jupyter_async_exec.backends.dask.protocol import Content
    from jupyter_async_exec.backends.dask.settings import DaskSettings
    from jupyter_async_exec.core.json_types import JSONObject

_T = TypeVar("_T")

#: Connections open at the same time; each running watch and each transfer has one.
MAX_CONNECTIONS = 1024
CONNECT_TIMEOUT_S = 5.0
#: A worker that cannot be reached directly within this time is reached through the scheduler.
DIRECT_TIMEOUT_S = 2.0
#: What does not end within this time when the link is closed is left to the system.
CLOSE_S = 2.0
#: What is longer travels beside the message and not within it, where it would be copied.
FRAME_BYTES = 64 * 1024
#: Only its name, which the worker looks up in its own installation.
_INSTALL: bytes = pickle.dumps(installing.install)

_log = logging.getLogger(__name__)


class Link:
    """Calls scheduler and workers.

    Parameters
    ----------
    settings
        Where the scheduler is, and what it takes to be let in.
    store_id
        Names whose attempts are meant.
    """

    def __init__(self, settings: DaskSettings, *, store_id: str) -> None:
        self._settings = settings
        self._store_id = store_id
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="dask-link", daemon=True)
        self._pool: ConnectionPool | None = None
        #: What the pool lets itself in with.
        self._tls: dict[str, str] = settings.tls
        #: Schedulers that were said to be reached in the open.
        self._said_open: set[str] = set()
        self._thread.start()

    async def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine in the link's thread and wait for it, from any event loop."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

    def close(self) -> None:
        """Close every connection and end the thread; what hangs in either does not hold us up."""
        if not self._thread.is_alive():
            return
        closing = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
        with contextlib.suppress(TimeoutError):
            closing.result(timeout=2 * CLOSE_S + 1.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=CLOSE_S)
        if not self._thread.is_alive():
            self._loop.close()

    # ------------------------------------------------------------ in the link's thread

    def scheduler_address(self) -> str:
        """Return where the scheduler is, as far as it is known now.

        Raises
        ------
        UnavailableError
            Its file is not there or says nothing.
        """
        return self._settings.find_scheduler().address

    async def identity(self) -> JSONObject:
        """Return what the scheduler says of itself and its workers.

        Raises
        ------
        UnavailableError
            It cannot be reached.
        """
        found: JSONObject = await self._to_scheduler("identity", CONNECT_TIMEOUT_S, op="identity")
        return found

    async def scheduler_version(self) -> str:
        """Return the version of distributed that the scheduler runs."""
        found = await self._to_scheduler("versions", CALL_TIMEOUT_S, op="versions")
        return str(found["packages"]["distributed"])

    async def end_workers(self, addresses: Sequence[str]) -> None:
        """Have the scheduler end workers, whatever runs there."""
        await self._to_scheduler(
            "retire_workers",
            CALL_TIMEOUT_S,
            op="retire_workers",
            workers=list(addresses),
            close_workers=True,
        )

    async def end_scheduler(self) -> None:
        """Have the scheduler end, and all its workers with it."""
        # It may be gone before it has answered.
        with contextlib.suppress(UnansweredError):
            await self._to_scheduler("terminate", CALL_TIMEOUT_S, op="terminate")

    async def introduce(self, worker: str, options: JSONObject) -> tuple[bool, JSONObject]:
        """Put the agent into a worker; return whether it is reached directly, and what it is.

        Raises
        ------
        UnavailableError
            It cannot be put there, or cannot be reached.
        """
        try:
            await self._call(worker, "identity", DIRECT_TIMEOUT_S, op="identity")
            is_direct = True
        except UnreachableError:
            is_direct = False
        await self._install(worker, is_direct=is_direct)
        fields, _ = await self.ask(worker, "introduce", {"options": options}, is_direct=is_direct)
        return is_direct, fields

    async def ask(
        self,
        worker: str,
        verb: str,
        fields: JSONObject,
        content: Content = b"",
        *,
        is_direct: bool,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> tuple[JSONObject, Content]:
        """Have the agent of a worker do something.

        Raises
        ------
        UnansweredError
            Nobody answered; whether it was done is not known.
        UnreachableError
            It was not done.
        AsyncExecError
            What the agent raised.
        """
        message = {
            "op": OPERATION,
            "verb": verb,
            "store": self._store_id,
            "fields": encode(fields),
            "content": content,
        }
        answer = await self._to_worker(worker, message, is_direct=is_direct, timeout_s=timeout_s)
        if "error" in answer:
            raise error_from_json(decode(answer["error"]))
        if "fields" not in answer:
            raise UnreachableError(f"The worker {worker} does not know us any more.")
        return decode(answer["fields"]), _content_of(answer["content"])

    async def _install(self, worker: str, *, is_direct: bool) -> None:
        message = {"op": "run", "function": _INSTALL, "wait": True}
        # The worker imports our part first, which takes seconds where it is busy.
        answer = await self._to_worker(
            worker, message, is_direct=is_direct, timeout_s=CALL_TIMEOUT_S
        )
        if answer.get("status") != "OK":
            raise UnavailableError(_explain_install(str(answer.get("exception_text"))))

    async def _to_worker(
        self, worker: str, message: JSONObject, *, is_direct: bool, timeout_s: float
    ) -> JSONObject:
        if is_direct:
            answer = await self._call(worker, str(message["op"]), timeout_s, **message)
        else:
            answer = await self._to_scheduler(
                str(message["op"]), timeout_s, op="proxy", worker=worker, msg=message
            )
        # A worker that does not know an operation answers with nothing.
        return answer if isinstance(answer, dict) else {}

    async def _to_scheduler(self, what: str, timeout_s: float, **message: Any) -> Any:
        scheduler = self._settings.find_scheduler()
        _learn_protocol(scheduler.address)
        self._note_open(scheduler.address)
        if scheduler.tls != self._tls:
            # Another cluster has taken the place of the one before, with other keys.
            self._tls = scheduler.tls
            before, self._pool = self._pool, None
            if before is not None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(before.close(), CLOSE_S)
        return await self._call(scheduler.address, what, timeout_s, **message)

    def _note_open(self, address: str) -> None:
        """Say once of a scheduler that others can read, and do, what we can."""
        if address in self._said_open or is_private(address):
            return
        self._said_open.add(address)
        _log.warning(
            "The connection to the scheduler %s is not encrypted: whoever is on the way can read "
            "it, and whoever reaches it can run code; use TLS, as docs/how-to/dask.md says.",
            address,
        )

    async def _call(self, address: str, what: str, timeout_s: float, **message: Any) -> Any:
        pool = await self._open_pool()
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        # Of the many errors that Dask and the system raise, all say that nobody answered.
        try:
            async with asyncio.timeout_at(deadline_s):
                comm = await pool.connect(address)
        except Exception as error:
            raise UnreachableError(
                f"{address} does not answer ({what}: {_describe(error)})."
            ) from error
        try:
            async with asyncio.timeout_at(deadline_s):
                return await send_recv(comm, **message)
        except Exception as error:
            raise UnansweredError(
                f"{address} does not answer ({what}: {_describe(error)})."
            ) from error
        finally:
            pool.reuse(address, comm)

    async def _open_pool(self) -> ConnectionPool:
        if self._pool is None:
            security = security_of(self._tls)
            pool = ConnectionPool(
                limit=MAX_CONNECTIONS,
                # What comes is ours to read, and nothing in it is unpickled by our wish.
                deserialize=False,
                connection_args=security.get_connection_args("client"),  # type: ignore[no-untyped-call]
                timeout=CONNECT_TIMEOUT_S,
            )
            await pool.start()
            self._pool = pool
        return self._pool

    async def _close(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        if others:
            # A connection whose other end is silent may not let itself be closed.
            await asyncio.wait(others, timeout=CLOSE_S)
        if self._pool is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._pool.close(), CLOSE_S)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()


def security_of(tls: Mapping[str, str]) -> Security:
    """Return what Dask needs to know; what is not chosen is as Dask's configuration says."""
    named: dict[str, Any] = dict(tls)
    if named:
        named["require_encryption"] = True
    return Security(**named)  # type: ignore[no-untyped-call]


def tls_of(security: Any) -> dict[str, str]:
    """Return what a client of a cluster lets itself in with, as PEM texts or paths.

    Parameters
    ----------
    security
        As Dask's cluster managers have it, or `None`.
    """
    if security is None:
        return {}
    if hasattr(security, "tls_cert"):
        # A Gateway makes one certificate for each cluster, its own authority.
        found = (security.tls_cert, security.tls_cert, security.tls_key)
    else:
        found = (security.tls_ca_file, security.tls_client_cert, security.tls_client_key)
    return {name: str(each) for name, each in zip(TLS, found, strict=True) if each}


def _learn_protocol(address: str) -> None:
    """Have Dask know the addresses of a Gateway; its package says how they are reached.

    Raises
    ------
    UnavailableError
        The package is not installed.
    """
    if not address.startswith("gateway://"):
        return
    try:
        import dask_gateway  # noqa: F401
    except ImportError as error:
        raise UnavailableError(
            f"{address} is reached through a Gateway: pip install dask-gateway beside this server."
        ) from error


def frame(content: Content) -> Any:
    """Return what Dask sends in the place of `content`: that itself, or a frame with nothing else.

    What says nothing of how to read it is never unpickled by whoever gets it.
    """
    if len(content) > FRAME_BYTES:
        return Serialized({}, [content])  # type: ignore[no-untyped-call]
    return bytes(content)


def _content_of(sent: Any) -> Content:
    if not isinstance(sent, Serialized):
        content: bytes = sent
        return content
    frames: list[Content] = sent.frames
    return frames[0] if len(frames) == 1 else b"".join(frames)


def distributed_version() -> str:
    """Return the version of distributed here."""
    return str(distributed_release)


def _describe(error: Exception) -> str:
    text = str(error).strip() or "no answer in time"
    return f"{type(error).__name__}: {text}"[:300]


def _explain_install(text: str) -> str:
    if "ModuleNotFoundError" in text or "ImportError" in text:
        return (
            "jupyter_async_exec cannot be imported on the worker; install the same release there "
            f"({text[:200]})."
        )
    return f"the worker cannot run our part ({text[:300]})."
