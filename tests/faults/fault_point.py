"""A server extension for tests: the server kills itself at the point that ``FAULT_POINT`` names.

The points are the places between two things that have to happen together:
what one leaves behind, the next server has to make sense of.
"""

from __future__ import annotations

import functools
import os
import signal
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from jupyter_async_exec.core.events import AttemptReturned, ExecutionFinished, ExecutionStarted
from jupyter_async_exec.runner import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_server.serverapp import ServerApp

STORE = "jupyter_async_exec.store.execution_store:ExecutionStore"
MIGRATE = "jupyter_async_exec.store.sqlite.upgrade:"
DATABASE = "jupyter_async_exec.store.sqlite.database:"
BACKEND = "jupyter_async_exec.backends.local:LocalBackend"
BACKEND_MODULE = "jupyter_async_exec.backends.local:"
SPARE = "jupyter_async_exec.runner.warm.pool:SpareRunner"


@dataclass(frozen=True, slots=True)
class Point:
    """Before or after a function is called.

    Parameters
    ----------
    owner
        Module, colon, and the class if it is a method.
    function
        Its name.
    after
        Whether it does its work first.
    event
        Only when it is called with an event of this kind.
    empty_is_none
        Whether a call that returns None is passed over.
    """

    owner: str
    function: str
    after: bool = True
    event: type | None = None
    empty_is_none: bool = False


POINTS = {
    "before an upgrade": Point(MIGRATE, "_upgrade", after=False),
    "after an upgrade": Point(DATABASE, "migrate"),
    "before the acceptance": Point(STORE, "accept", after=False),
    "after the acceptance": Point(STORE, "accept"),
    "after the claim": Point(STORE, "claim", empty_is_none=True),
    "with a folder and no runner": Point(BACKEND, "_prepare"),
    "before the return to the queue": Point(STORE, "record", after=False, event=AttemptReturned),
    "with a runner nobody knows": Point(BACKEND_MODULE, "launch"),
    "with a spare that has moved": Point(SPARE, "move_to"),
    "with a spare that has begun": Point(SPARE, "begin"),
    "before its start is noted": Point(STORE, "record", after=False, event=ExecutionStarted),
    "after its start is noted": Point(STORE, "record", event=ExecutionStarted),
    "before the harvest": Point(BACKEND, "_harvest", after=False),
    "with some results kept": Point(BACKEND, "_collect"),
    "with all results kept": Point(BACKEND, "_harvest"),
    "after the end is noted": Point(STORE, "record", event=ExecutionFinished),
    "before late files are kept": Point(BACKEND, "_collect_late", after=False),
    "before the folder goes": Point(BACKEND, "_discard", after=False),
    "with half a folder": Point(BACKEND_MODULE, "remove", after=False),
    "after the wish to cancel": Point(STORE, "request_cancel"),
    "after the cancel is sent": Point(BACKEND, "_cancel"),
    "after the deletion": Point(STORE, "trash"),
}


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(_server: ServerApp) -> None:
    name = os.environ.get("FAULT_POINT")
    if name is not None:
        _arm(name, POINTS[name])


def _arm(name: str, point: Point) -> None:
    module, _, class_name = point.owner.partition(":")
    owner = import_module(module)
    if class_name:
        owner = getattr(owner, class_name)
    function: Callable[..., Any] = getattr(owner, point.function)

    @functools.wraps(function)
    def armed(*arguments: Any, **named: Any) -> Any:
        is_meant = point.event is None or any(
            isinstance(event, point.event) for event in arguments[-1]
        )
        if is_meant and not point.after:
            if name == "with half a folder":
                _remove_half(arguments[0])
            _die()
        result = function(*arguments, **named)
        if is_meant and not (point.empty_is_none and result is None):
            _die()
        return result

    setattr(owner, point.function, armed)


def _remove_half(directory: Path) -> None:
    for name in (files.TASK, files.JOURNAL, files.RESULT):
        (directory / name).unlink(missing_ok=True)


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")
