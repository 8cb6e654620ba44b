"""Jupyter's messaging protocol, as much of it as running a notebook needs.

jupyter_client would cost 0.15 s of imports at every start, and its channels
put a high-water mark on what a kernel prints; here none is lost.
"""

from __future__ import annotations

import hmac
import itertools
import json
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import zmq

from jupyter_async_exec.core.clock import format_at, utc_now
from jupyter_async_exec.runner.json_text import encode_json, load_json
from jupyter_async_exec.runner.large import LARGE_BYTES, load_lifted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyter_async_exec.core.json_types import JSONObject

_DELIMITER = b"<IDS|MSG>"
_PROTOCOL_VERSION = "5.4"
_decode = json.JSONDecoder().decode
#: A kernel binds its sockets late; ZeroMQ's default of 100 ms would show in every start.
_RECONNECT_MS = 5


def ask_to_execute(code: str, **options: Any) -> JSONObject:
    """Return the content of an execute request; `options` go before what is usual."""
    return {
        "code": code,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": True,
        **options,
    }


@dataclass(slots=True)
class Message:
    """What came from the kernel, checked and parsed."""

    kind: str
    #: When the kernel sent it, as it wrote the time.
    date: str
    #: Which of our requests it belongs to.
    parent_id: str | None
    parent: JSONObject
    content: JSONObject
    buffers: list[bytes]


class Wire:
    """The connection to one kernel.

    Parameters
    ----------
    connection
        What the kernel's connection file says.
    """

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._signature = hmac.new(connection["key"].encode(), digestmod="sha256")
        # A socket in a private folder can only be reached by ourselves.
        self._is_open = connection["transport"] != "ipc"
        self._session = secrets.token_hex(16)
        self._counter = itertools.count()
        self._parents: tuple[bytes, JSONObject] = (b"{}", {})
        self.shell = self._connect(zmq.DEALER, connection, "shell_port")
        self.control = self._connect(zmq.DEALER, connection, "control_port")
        self.iopub = self._connect(zmq.SUB, connection, "iopub_port")
        self.poller = zmq.Poller()
        for socket in (self.shell, self.control, self.iopub):
            self.poller.register(socket, zmq.POLLIN)

    def send(
        self,
        socket: zmq.Socket[bytes],
        kind: str,
        content: JSONObject,
        *,
        parent: JSONObject | None = None,
    ) -> str:
        """Send a request; return its id, under which all answers come."""
        message_id = f"{self._session}_{os.getpid()}_{next(self._counter)}"
        header = {
            "msg_id": message_id,
            "msg_type": kind,
            "username": "jupyter_async_exec",
            "session": self._session,
            "date": format_at(utc_now()),
            "version": _PROTOCOL_VERSION,
        }
        parts = [encode_json(part) for part in (header, parent or {}, {}, content)]
        socket.send_multipart([_DELIMITER, self._sign(parts), *parts])
        return message_id

    def receive(self, socket: zmq.Socket[bytes]) -> Message | None:
        """Return the next message; `None` when nothing waits.

        What is not signed with the kernel's key (over TCP, which others can
        reach), or no message at all, is passed over.
        """
        while True:
            try:
                frame = socket.recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return None
            frames = [frame]
            while frame.more:
                frame = socket.recv(copy=False)
                frames.append(frame)
            message = self._parse(frames)
            if message is not None:
                return message

    def close(self) -> None:
        """Drop the connection."""
        self._context.destroy(linger=0)

    def _parse(self, frames: list[zmq.Frame]) -> Message | None:
        """Check and parse; what is large stays where ZeroMQ has put it."""
        parts = [frame.buffer for frame in frames]
        start = 1 if len(parts) > 1 and parts[1] == _DELIMITER else 0
        if parts[start] != _DELIMITER or len(parts) < start + 6:
            return None
        signature, header, parent, _, content = parts[start + 1 : start + 6]
        if self._is_open and not hmac.compare_digest(
            bytes(signature), self._sign(parts[start + 2 : start + 6])
        ):
            return None
        try:
            head = _decode(str(header, "utf-8"))
            above = self._parse_parent(bytes(parent))
            if len(content) < LARGE_BYTES:
                inside = load_json(bytes(content))
            else:
                inside = load_lifted(content)
            return Message(
                kind=str(head["msg_type"]),
                date=str(head.get("date", "")),
                parent_id=above.get("msg_id"),
                parent=above,
                content=inside if isinstance(inside, dict) else {},
                buffers=[bytes(part) for part in parts[start + 6 :]],
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def _parse_parent(self, raw: bytes) -> JSONObject:
        """Parse a parent header; most messages have the same one as the last."""
        if raw != self._parents[0]:
            self._parents = (raw, _decode(raw.decode()))
        return self._parents[1]

    def _sign(self, parts: Sequence[bytes | memoryview]) -> bytes:
        signature = self._signature.copy()
        for part in parts:
            signature.update(part)
        return signature.hexdigest().encode()

    def _connect(self, kind: int, connection: Mapping[str, Any], port: str) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        socket.linger = 0
        socket.set(zmq.RECONNECT_IVL, _RECONNECT_MS)
        # The default mark of 1,000 messages drops what a fast kernel prints.
        socket.set(zmq.RCVHWM, 0)
        socket.set(zmq.SNDHWM, 0)
        if kind == zmq.SUB:
            socket.subscribe(b"")
        between = ":" if connection["transport"] == "tcp" else "-"
        socket.connect(f"{connection['transport']}://{connection['ip']}{between}{connection[port]}")
        return socket
