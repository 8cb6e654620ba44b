"""Widgets without a browser: their state is kept, and output widgets capture as in a front end.

Notes
-----
Source: `nbclient.output_widget` and `NotebookClient.handle_comm_msg`, whose
results this gives, with one synchronisation per batch instead of per message.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from jupyter_async_exec.runner.large import Text, map_large
from jupyter_async_exec.runner.stream_text import StreamText

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.runner.wire import Message

_OUTPUT_MODEL = ("@jupyter-widgets/output", "OutputModel")


class _OutputWidget:
    """One `ipywidgets.Output`: what is printed inside its context belongs to it."""

    def __init__(self, comm_id: str, outputs: list[JSONObject]) -> None:
        self.comm_id = comm_id
        self.outputs: list[JSONObject | StreamText] = list(outputs)
        self.clears_next = False
        self.changed = False
        self.request_id: str | None = None
        self.parent: JSONObject = {}

    def add(self, output: JSONObject, parent: JSONObject) -> None:
        if self.clears_next:
            self.clear()
        self.parent = parent
        self.changed = True
        if output["output_type"] != "stream":
            self.outputs.append(output)
            return
        last = self.outputs[-1] if self.outputs else None
        if not isinstance(last, StreamText) or last.name != output["name"]:
            last = StreamText(output["name"])
            self.outputs.append(last)
        last.append(output["text"])

    def clear(self) -> None:
        self.outputs.clear()
        self.clears_next = False
        self.changed = True

    def to_json(self) -> list[JSONObject]:
        return [
            {"output_type": "stream", "name": output.name, "text": output.render()}
            if isinstance(output, StreamText)
            else output
            for output in self.outputs
        ]


class Widgets:
    """All widgets of one kernel.

    Parameters
    ----------
    keep
        Records a change of state: comm id, state, buffers.
    tell
        Sends a state to the kernel: comm id, state, parent header.
    """

    def __init__(
        self,
        *,
        keep: Callable[[str, JSONObject, list[JSONObject]], None],
        tell: Callable[[str, JSONObject, JSONObject], None],
    ) -> None:
        self._keep = keep
        self._tell = tell
        self._outputs: dict[str, _OutputWidget] = {}
        #: Request id → widgets that capture its output, the last one first.
        self._capturing: dict[str, list[_OutputWidget]] = {}

    def take_comm(self, message: Message) -> None:
        """Learn from a comm message."""
        comm_id = str(message.content.get("comm_id"))
        data = message.content.get("data")
        state = data.get("state") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(state, dict):
            return
        if message.kind == "comm_open":
            if (state.get("_model_module"), state.get("_model_name")) == _OUTPUT_MODEL:
                self._outputs[comm_id] = _OutputWidget(comm_id, state.get("outputs") or [])
        elif comm_id in self._outputs and "msg_id" in state:
            self._redirect(self._outputs[comm_id], state["msg_id"])
        paths = data.get("buffer_paths") or []
        buffers = [
            {"data": base64.b64encode(buffer).decode(), "encoding": "base64", "path": path}
            for path, buffer in zip(paths, message.buffers, strict=False)
        ]
        self._keep(comm_id, state, buffers)

    def capture(self, output: JSONObject, message: Message) -> bool:
        """Give an output to the widget that captures it; `False` when none does."""
        widget = self._captor(message)
        if widget is None:
            return False
        widget.add(map_large(output, Text.load), message.parent)
        return True

    def capture_clear(self, message: Message) -> bool:
        """Clear the widget that captures; `False` when none does."""
        widget = self._captor(message)
        if widget is None:
            return False
        widget.parent = message.parent
        if message.content.get("wait"):
            widget.clears_next = True
        else:
            widget.clear()
        return True

    def synchronise(self) -> None:
        """Record what widgets have captured and let the kernel know it."""
        for widget in self._outputs.values():
            if widget.changed:
                widget.changed = False
                state: JSONObject = {"outputs": widget.to_json()}
                self._keep(widget.comm_id, state, [])
                self._tell(widget.comm_id, state, widget.parent)

    def _captor(self, message: Message) -> _OutputWidget | None:
        capturing = self._capturing.get(message.parent_id or "")
        return capturing[-1] if capturing else None

    def _redirect(self, widget: _OutputWidget, request_id: str) -> None:
        if request_id:
            self._capturing.setdefault(request_id, []).append(widget)
        elif widget.request_id and widget in self._capturing.get(widget.request_id, []):
            self._capturing[widget.request_id].remove(widget)
        widget.request_id = request_id or None
