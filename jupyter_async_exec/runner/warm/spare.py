"""A runner that waits for its task with its kernel ready."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import AsyncExecError
from jupyter_async_exec.runner.bell import READY
from jupyter_async_exec.runner.conversation import LIFT_MARK
from jupyter_async_exec.runner.kernel import KernelProcess
from jupyter_async_exec.runner.kernelspec import KernelSpec, find_kernelspec
from jupyter_async_exec.runner.wire import Wire, ask_to_execute

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.runner.supervisor import Equipment

_START_TIMEOUT_S = 30.0
_TURN_MS = 20
#: What a kernel reads from the folder or the variables it starts with, before the
#: first cell: startup files and configuration. Where there are any, only a kernel
#: that starts in its own folder is right.
_STARTS_PLAIN = (
    "(lambda app, shell, os, etc: not app.loaded_config_files"
    " and not os.environ.get('PYTHONSTARTUP') and not app.exec_files and not app.exec_lines"
    " and not [name for folder in [shell.profile_dir.startup_dir,"
    " *[os.path.join(each, 'startup') for each in [*etc.SYSTEM_CONFIG_DIRS, *etc.ENV_CONFIG_DIRS]]]"
    " if os.path.isdir(folder)"
    " for name in os.listdir(folder) if name.endswith(('.py', '.ipy'))])"
    "(__import__('ipykernel.kernelapp').kernelapp.IPKernelApp.instance(), get_ipython(),"
    " __import__('os'), __import__('IPython.core.application').core.application)"
)


@dataclass(frozen=True, slots=True)
class Spare:
    """A kernel that answers, and how to talk with it."""

    spec: KernelSpec
    kernel: KernelProcess
    wire: Wire
    #: What it says of itself.
    info: JSONObject


def await_task(equipment: Equipment, sockets: Path) -> Spare | None:
    """Start the kernel, say when it is ready and wait until the task is in place.

    Returns
    -------
    Spare or None
        `None` when this spare is not needed, or cannot be used.
    """
    assert equipment.spare_kernel is not None
    try:
        spec = find_kernelspec(equipment.spare_kernel)
        kernel = _start(spec, equipment, sockets)
    except (AsyncExecError, OSError):
        return None
    wire = Wire(kernel.connection)
    spare = None
    try:
        info = _await_ready(kernel, wire)
        if info is not None:
            equipment.bell.ring(READY)
            if equipment.bell.wait_go(lambda: kernel.exit_code is None):
                spare = Spare(spec, kernel, wire, info)
    finally:
        if spare is None:
            kernel.kill()
            wire.close()
    return spare


def _start(spec: KernelSpec, equipment: Equipment, sockets: Path) -> KernelProcess:
    return KernelProcess(
        spec,
        cwd=os.getcwd(),  # noqa: PTH109
        environment=dict(os.environ),
        folder=sockets,
        start=equipment.start,
    )


def _await_ready(kernel: KernelProcess, wire: Wire) -> JSONObject | None:
    """Wait until the kernel answers on every channel; return what it says of itself.

    `None` when it is not as any other would be.
    """
    heard: list[str] = []
    deadline = time.monotonic() + _START_TIMEOUT_S

    def ask(request: str, content: JSONObject) -> JSONObject | None:
        question = wire.send(wire.shell, request, content)
        while time.monotonic() < deadline and kernel.exit_code is None:
            wire.poller.poll(_TURN_MS)
            _drain(wire, heard)
            while (message := wire.receive(wire.shell)) is not None:
                if message.parent_id == question:
                    return message.content
        return None

    info = ask("kernel_info_request", {})
    if info is None or info.get("implementation") != "ipython":
        return None
    expressions = {"plain": _STARTS_PLAIN, "lifted": LIFT_MARK}
    content = ask_to_execute("", silent=True, store_history=False, user_expressions=expressions)
    reply = ask("execute_request", content)
    while not heard and time.monotonic() < deadline:
        wire.send(wire.shell, "kernel_info_request", {})
        wire.poller.poll(_TURN_MS)
        _drain(wire, heard)
    answers = (reply or {}).get("user_expressions") or {}
    is_plain = ((answers.get("plain") or {}).get("data") or {}).get("text/plain") == "True"
    is_lifted = (answers.get("lifted") or {}).get("status") == "ok"
    return info if heard and is_plain and is_lifted else None


def _drain(wire: Wire, heard: list[str]) -> None:
    while (message := wire.receive(wire.iopub)) is not None:
        heard.append(message.kind)
