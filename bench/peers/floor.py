"""The floor: a client that only sends code and reads messages, over IPC, and keeps nothing.

Reading means the envelope and its header, which is the least with which one
can know that a cell is over. No notebook is made and nothing is written. The
kernel is asked for as little as possible, too: it keeps its history in memory.
"""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import zmq
from jupyter_client.manager import KernelManager

from bench.peers.child import answer_requests

_DELIMITER = b"<IDS|MSG>"
_START_S = 60
#: Lifts the mark of 1,000 messages above which a kernel drops output, the end of
#: a cell included; the socket belongs to a thread, which has to do it itself.
_LIFT_MARK = """
(lambda thread: thread.schedule(lambda: thread.socket.set(__import__('zmq').SNDHWM, 0)))(
    get_ipython().kernel.iopub_socket.io_thread
)
"""


class RawClient:
    """Shell and iopub of one kernel, without a high-water mark.

    Parameters
    ----------
    manager
        Has started the kernel.
    """

    def __init__(self, manager: KernelManager) -> None:
        self._session = manager.session
        context: Any = zmq.Context.instance()
        self._shell = self._connect(context, zmq.DEALER, manager, "shell")
        self._iopub = self._connect(context, zmq.SUB, manager, "iopub")
        self._iopub.setsockopt(zmq.SUBSCRIBE, b"")

    def _connect(
        self, context: Any, kind: int, manager: KernelManager, channel: str
    ) -> zmq.Socket[bytes]:
        made: zmq.Socket[bytes] = context.socket(kind)
        made.linger = 0
        made.set_hwm(0)
        made.connect(manager._make_url(channel))  # noqa: SLF001  what its own clients connect to
        return made

    def close(self) -> None:
        """Let go of the sockets."""
        self._shell.close()
        self._iopub.close()

    def wait_until_ready(self) -> None:
        """Ask until the kernel has answered and its iopub is heard.

        Raises
        ------
        RuntimeError
            The kernel did not answer.
        """
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            self._session.send(self._shell, "kernel_info_request", {})
            if self._iopub.poll(200):
                break
        else:
            raise RuntimeError("The kernel did not answer.")
        while self._shell.poll(100) or self._iopub.poll(100):
            for one in (self._shell, self._iopub):
                if one.poll(0):
                    one.recv_multipart()

    def execute(self, code: str) -> tuple[float, float]:
        """Run one cell; return when it was busy first and idle again, by the kernel's clock."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        sent = self._session.send(self._shell, "execute_request", content)
        own = sent["header"]["msg_id"]
        began = ""
        while True:
            frames = self._iopub.recv_multipart()
            first = frames.index(_DELIMITER) + 2
            header = json.loads(frames[first])
            # What a kernel says of itself has no parent.
            if header["msg_type"] != "status" or json.loads(frames[first + 1]).get("msg_id") != own:
                continue
            if json.loads(frames[first + 3])["execution_state"] == "idle":
                break
            began = began or header["date"]
        self._shell.recv_multipart()
        return _seconds(began), _seconds(header["date"])


def run(source: Path, _target: Path) -> dict[str, Any]:
    """Start a kernel, run every code cell, stop it."""
    cells = json.loads(source.read_bytes())["cells"]
    folder = Path.cwd() / "s"
    folder.mkdir(exist_ok=True)
    manager = KernelManager(kernel_name="python3", transport="ipc", ip=str(folder / "k"))
    manager.start_kernel(extra_arguments=["--HistoryManager.hist_file=:memory:"])
    client = RawClient(manager)
    try:
        client.wait_until_ready()
        client.execute(_LIFT_MARK)
        times = [client.execute("".join(c["source"])) for c in cells if c["cell_type"] == "code"]
        known_at = time.time()
    finally:
        client.close()
        manager.shutdown_kernel(now=True)
    return {
        "known_at": known_at,
        "cells_began_at": times[0][0],
        "cells_ended_at": times[-1][1],
    }


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


if __name__ == "__main__":
    answer_requests(run)
