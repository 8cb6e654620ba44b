"""What every handler shares: permission, parts, JSON in and out, errors as sentences."""

from __future__ import annotations

import asyncio
import json
from http.client import METHOD_NOT_ALLOWED
from typing import TYPE_CHECKING, Any, cast

from jupyter_server.base.handlers import APIHandler
from tornado import web

from jupyter_async_exec.api import wire
from jupyter_async_exec.api.contract import check_body, read_query
from jupyter_async_exec.api.encoding import encode, is_small
from jupyter_async_exec.api.problems import reason_of, sentence_of, verbs_of
from jupyter_async_exec.errors import AsyncExecError, InvalidRequestError
from jupyter_async_exec.service.places import NO_REASONS
from jupyter_async_exec.snapshots.reader import IncomingJSON

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from types import TracebackType

    from jupyter_async_exec.core.access import Access
    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.service import ExecutionService
    from jupyter_async_exec.service.places import Reasons

#: Key, in the web application's settings, of the coroutine that gives the service.
OPENER_KEY = "jupyter_async_exec_opener"

#: Key of the coroutine that says, for a handler, what its person may see and change.
ACCESS_KEY = "jupyter_async_exec_access"

#: Of a large answer, so much is handed to the network at once: about 1 ms of work.
PIECE_BYTES = 512 * 1024

#: A larger body is checked in a thread: 10,000 rows of a table take 90 ms.
CHECKED_AT_ONCE_BYTES = 8 * 1024

#: What runs nothing and loads nothing, for whatever of the user's we serve.
SANDBOX_POLICY = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@web.stream_request_body
class AsyncExecHandler(APIHandler):
    """A JSON handler behind the permission `async_exec`.

    Bodies are taken as they come, and only from whom the server knows.
    """

    auth_resource = "async_exec"

    #: The use cases as this person has them; set before any verb is called.
    service: ExecutionService
    #: What they may see and change.
    access: Access
    #: The body, of somebody who may send one.
    _incoming: IncomingJSON | None = None

    async def prepare(self) -> None:  # type: ignore[override]  # tornado awaits it either way
        """Check who asks, then wait for the service."""
        await super().prepare()
        if self.current_user is not None and not self._finished:
            whole = await self.settings[OPENER_KEY]()
            # There by now, and too much to import before.
            from jupyter_async_exec.service.acting import acting_for

            self.access = await self.settings[ACCESS_KEY](self)
            self.service = acting_for(whole, self.access)
            self._incoming = IncomingJSON()

    async def data_received(self, chunk: bytes) -> None:
        """Take a piece of the body."""
        if self._incoming is not None:
            await self._incoming.take(chunk)

    def on_finish(self) -> None:
        """Forget the body."""
        super().on_finish()
        self._forget_body()

    def on_connection_close(self) -> None:
        """Forget the body."""
        super().on_connection_close()
        self._forget_body()

    def _forget_body(self) -> None:
        if self._incoming is not None:
            self._incoming.close()

    @property
    def user_name(self) -> str:
        """To whom belongs what is submitted."""
        return self.access.user

    def count_as_background(self) -> None:
        """Let this request be no sign of a person: pages ask it by themselves."""
        self._track_activity = False

    async def read_body(self, path: str) -> JSONObject:
        """Return the JSON body, checked against the contract of `path`.

        Raises
        ------
        InvalidRequestError
            It is not JSON, or not what the contract allows.
        UnavailableError
            It is large, and there is no room for it.
        """
        incoming = self._incoming
        body: Any = {}
        size_bytes = 0 if incoming is None else incoming.size_bytes
        if incoming is not None and size_bytes:
            try:
                body = await incoming.read()
            except InvalidRequestError as error:
                raise InvalidRequestError(f"The request cannot be read. {error}") from None
        method = (self.request.method or "").lower()
        if size_bytes <= CHECKED_AT_ONCE_BYTES:
            check_body(path, method, body)
        else:
            await asyncio.to_thread(check_body, path, method, body)
        return cast("JSONObject", body)

    def read_query(self, path: str) -> dict[str, Any]:
        """Return the query parameters, typed, with the defaults of the contract."""
        names = self.request.query_arguments
        return read_query(path, {name: self.get_query_argument(name) for name in names})

    async def write_execution(self, execution: Execution, *, created: bool = False) -> None:
        """Answer with one execution; 201 and its place if it was just created."""
        if created:
            self.set_status(201)
            self.set_header("Location", f"{self.base_url}async-exec/executions/{execution.id}")
        document = await self.to_json(execution)
        if is_small(document):
            self.write_json(document)
        else:
            # Such as what it was handed, long parameters or a long traceback.
            await self.write_large_json(lambda: document)

    async def to_json(self, execution: Execution) -> JSONObject:
        """Return the JSON of one execution, with the reason it waits."""
        return (await self.all_to_json((execution,)))[0]

    async def all_to_json(self, executions: tuple[Execution, ...]) -> list[JSONObject]:
        """Return the JSON of several executions, with the reasons they wait."""
        reason = await self.reason_to_wait(executions)
        user = self.user_name
        return [wire.execution_to_json(execution, reason, user) for execution in executions]

    async def reason_to_wait(self, executions: tuple[Execution, ...]) -> Reasons:
        """Return what those of `executions` that wait are waiting for."""
        if all(execution.is_final for execution in executions):
            return NO_REASONS
        return await self.service.waiting_reasons()

    def write_json(self, document: JSONObject) -> None:
        """Answer with a small JSON document."""
        self.finish(json.dumps(document, ensure_ascii=True, allow_nan=False))

    async def write_large_json(self, make: Callable[[], JSONObject]) -> None:
        """Answer with a JSON document of any size, made in a thread, without halting the server."""
        data = await asyncio.to_thread(lambda: encode(make()))
        if len(data) <= PIECE_BYTES:
            self.finish(data)
            return
        self.set_header("Content-Type", "application/json")
        await self.write_large(data)
        self.finish()

    def write_bytes(self, data: bytes, media_type: str, *, file_name: str | None = None) -> None:
        """Answer with bytes that no page may run; as a file to save if it has a name."""
        self.describe_bytes(media_type, file_name=file_name)
        # APIHandler.finish would call it JSON whatever it is.
        web.RequestHandler.finish(self, data)

    async def write_large(self, data: bytes) -> None:
        """Write some of the answer piece by piece: 20 MB at once would halt the server."""
        for start in range(0, len(data), PIECE_BYTES):
            self.write(data[start : start + PIECE_BYTES])
            await self.flush()

    async def write_pieces(
        self, pieces: AsyncIterator[bytes], media_type: str, *, file_name: str | None = None
    ) -> None:
        """Answer as `write_bytes` does, never holding more than one piece."""
        self.describe_bytes(media_type, file_name=file_name)
        await self.write_each(pieces)
        web.RequestHandler.finish(self)

    async def write_each(self, pieces: AsyncIterator[bytes]) -> None:
        """Write some of the answer as it comes, each piece when the one before has gone."""
        async for piece in pieces:
            self.write(piece)
            await self.flush()

    def describe_bytes(self, media_type: str, *, file_name: str | None) -> None:
        """Set the headers under which no page may run what follows."""
        self.set_header("Content-Type", media_type)
        self.set_header("Content-Security-Policy", SANDBOX_POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        if file_name is not None:
            self.set_attachment_header(file_name)

    def compute_etag(self) -> None:
        """Send none: hashing a large notebook would stall the server."""
        return

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with a Problem: one sentence, a reason, facts."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, AsyncExecError):
            status_code, reason = error.http_status, error.reason
            message, details = error.message, error.details
        elif isinstance(error, web.HTTPError):
            reason, message, details = reason_of(status_code), sentence_of(error, self), {}
            if status_code == METHOD_NOT_ALLOWED:
                self.set_header("Allow", ", ".join(verbs_of(type(self))))
        else:
            reason, details = "internal", {}
            message = "The server met something unexpected; its log says more."
        self.set_status(status_code)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"message": message, "reason": reason, "details": details}))

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log a traceback only for what nobody expected."""
        if isinstance(value, AsyncExecError):
            self.log.debug("%s %s: %s", self.request.method, self.request.path, value)
            return
        super().log_exception(typ, value, tb)
