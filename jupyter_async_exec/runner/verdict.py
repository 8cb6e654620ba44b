"""What a finished cell means for the notebook: go on, ended early, failed and why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jupyter_async_exec.core.execution import CellError, Reason, Status
from jupyter_async_exec.runner.endings import Ending, fail
from jupyter_async_exec.runner.rebuild import tags_of
from jupyter_async_exec.runner.recorder import without_ansi

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.runner.conversation import Request
    from jupyter_async_exec.runner.rebuild import ExecutedNotebook

#: What to ask IPython together with a cell that runs a shell command.
EXIT_CODE = {"exit_code": "_exit_code"}
_SHELL_LINE = re.compile(r"^\s*!(?!!)", re.MULTILINE)
_EXCEPTION_LINE = re.compile(
    r"^\W*([A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning)): ?(.*)$"
)


def may_raise(cell: JSONObject) -> bool:
    """Whether the author declared that this cell's error is no failure."""
    metadata = cell.get("metadata") or {}
    return "raises-exception" in tags_of(cell) or metadata.get("raises-exception") is True


def has_shell(source: str) -> bool:
    """Whether IPython sets `_exit_code` for this cell, as it does for lines like ``!make``."""
    return bool(_SHELL_LINE.search(source))


def exit_code_in(reply: JSONObject) -> int:
    """Return what the cell's last shell command ended with; 0 when it was not asked."""
    expression = (reply.get("user_expressions") or {}).get("exit_code") or {}
    text = str((expression.get("data") or {}).get("text/plain", "0"))
    return int(text) if text.lstrip("-").isdigit() else 0


def judge(request: Request, *, notebook: ExecutedNotebook, allowed: bool) -> Ending | None:
    """Return how the notebook ends with this cell; `None` when it does not.

    Parameters
    ----------
    request
        The cell's, replied to.
    notebook
        With all outputs of the cell.
    allowed
        An error is no failure here.
    """
    reply = request.reply or {}
    if reply.get("status") == "ok":
        payload = reply.get("payload") or []
        if any(isinstance(p, dict) and p.get("source") == "ask_exit" for p in payload):
            return Ending(status=Status.SUCCEEDED)
        return None
    error = _find_error(request, notebook)
    if error.ename == "SystemExit" and error.evalue in ("", "0", "None"):
        return Ending(status=Status.SUCCEEDED)
    if allowed:
        return None
    said = f"{error.ename}: {error.evalue}".rstrip(": \n").partition("\n")[0]
    return fail(Reason.CELL_ERROR, f"Cell {error.cell_index + 1}: {said}", error=error)


def _find_error(request: Request, notebook: ExecutedNotebook) -> CellError:
    """Return what failed: from the reply, else the error output, else the text shown."""
    index = request.cell_index
    assert index is not None
    for content in (request.reply or {}, request.exception or {}):
        if content.get("ename"):
            return CellError(
                cell_index=index,
                ename=str(content["ename"]),
                evalue=str(content.get("evalue") or ""),
                traceback=tuple(map(str, content.get("traceback") or ())),
            )
    return _read_error(index, notebook.last_text(index), request.reply or {})


def _read_error(index: int, text: str, reply: JSONObject) -> CellError:
    """Find the exception in a rendered traceback, such as rich's."""
    name = "Error"
    value = "the kernel aborted the cell" if reply.get("status") == "aborted" else ""
    for line in reversed(without_ansi(text).splitlines()):
        found = _EXCEPTION_LINE.match(line)
        if found:
            name, value = found[1], found[2].strip(" │|")
            break
    return CellError(cell_index=index, ename=name, evalue=value, traceback=tuple(text.splitlines()))
