"""Running the cells of one notebook, one after the other, and recording each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.runner.endings import Ending

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.runner.conversation import Conversation, Request
    from jupyter_async_exec.runner.recorder import Recorder

_TURN_S = 0.1


class CellRunner:
    """Has the kernel run cell after cell until one ends the notebook.

    Parameters
    ----------
    conversation
        With a kernel that is ready.
    recorder
        Holds the notebook; hears what becomes of it.
    after_cell
        Called with the position of each cell that went well.
    """

    def __init__(
        self,
        conversation: Conversation,
        recorder: Recorder,
        *,
        after_cell: Callable[[int], None],
    ) -> None:
        self._conversation = conversation
        self._recorder = recorder
        self._after_cell = after_cell
        self._knows_environment = False
        #: The request of the cell now running, and since when (monotonic).
        self.current: Request | None = None
        self.began = 0.0

    def run(self, total: int) -> Ending:
        """Run them all, `total` in number; return how that ended.

        Raises
        ------
        StoppedError, KernelDiedError
            Something ended it; `current` says in which cell.
        """
        from jupyter_async_exec.runner import environment
        from jupyter_async_exec.runner.rebuild import runs

        conversation, left = self._conversation, total
        is_first = True
        for index, cell in enumerate(self._recorder.notebook.cells):
            if not runs(cell):
                self._skip(index, cell)
                continue
            ending = self._run_cell(index, cell, is_first=is_first, is_last=left == 1)
            is_first = False
            left -= 1
            if ending is not None:
                conversation.drain()
                if conversation.is_ipython and not self._knows_environment:
                    # Its first cell failed: only one that succeeds answers.
                    self._record_environment(conversation.ask(environment.QUESTION))
                return self._early(ending, index, left)
            self._after_cell(index)
        conversation.drain()
        return Ending(status=Status.SUCCEEDED)

    def _skip(self, index: int, cell: JSONObject) -> None:
        from jupyter_async_exec.runner.rebuild import SKIP_TAGS, tags_of

        if cell.get("cell_type") == "code" and not SKIP_TAGS.isdisjoint(tags_of(cell)):
            self._recorder.record(
                "cell_finished", cell_index=index, status="skipped", execution_count=None
            )

    def _early(self, ending: Ending, index: int, left: int) -> Ending:
        if ending.status is Status.SUCCEEDED and left:
            self._recorder.record(
                "remark",
                kind="finished_early",
                message=f"Cell {index + 1} ended the notebook; {left} "
                f"{'cell was' if left == 1 else 'cells were'} not run.",
                cell_index=index,
            )
        return ending

    def _run_cell(
        self, index: int, cell: JSONObject, *, is_first: bool, is_last: bool
    ) -> Ending | None:
        """Run one cell; `None` to go on."""
        from jupyter_async_exec.runner import verdict
        from jupyter_async_exec.runner.rebuild import source_of

        conversation, source = self._conversation, source_of(cell)
        allowed = verdict.may_raise(cell)
        asks = self._questions(source) if conversation.is_ipython else {}
        self._recorder.record("cell_started", cell_index=index)
        # Whoever finds this record knows that code may have run.
        self._recorder.flush(durable=is_first)
        self.began = time.monotonic()
        self.current = request = conversation.execute(
            source, index, is_last=is_last, stop_on_error=not allowed, user_expressions=asks
        )
        while not conversation.is_done(request):
            conversation.pump(_TURN_S)
        self.current = None
        conversation.synchronise()
        ending = verdict.judge(request, notebook=self._recorder.notebook, allowed=allowed)
        failed = (request.reply or {}).get("status") != "ok"
        left = ending is not None and ending.status is Status.SUCCEEDED
        fields: dict[str, Any] = {"allowed": True} if failed and allowed else {}
        self._record_cell(request, "error" if failed and not left else "ok", **fields)
        self._record_environment(request.reply or {})
        code = verdict.exit_code_in(request.reply or {})
        if code:
            self._recorder.record(
                "remark",
                kind="shell_exit_code",
                message=f"A shell command in cell {index + 1} ended with exit code {code}.",
                cell_index=index,
            )
        return ending

    def _questions(self, source: str) -> dict[str, str]:
        """Return what to ask IPython together with a cell."""
        from jupyter_async_exec.runner import environment, verdict

        shell = verdict.EXIT_CODE if verdict.has_shell(source) else {}
        return shell if self._knows_environment else {**shell, **environment.QUESTION}

    def _record_environment(self, reply: JSONObject) -> None:
        """Record what the notebook runs in, once, if the kernel said it."""
        from jupyter_async_exec.runner.environment import environment_in

        found = None if self._knows_environment else environment_in(reply)
        if found is not None:
            self._knows_environment = True
            self._recorder.record("environment", environment=found)

    def record_kernel(self, info: JSONObject) -> None:
        """Record what a kernel that is not IPython says of itself."""
        from jupyter_async_exec.runner.environment import describe_kernel

        language = info.get("language_info")
        found = describe_kernel(language if isinstance(language, dict) else {})
        self._recorder.record("environment", environment=found)

    def _record_cell(self, request: Request, status: str, **fields: Any) -> None:
        self._recorder.record(
            "cell_finished",
            cell_index=request.cell_index,
            status=status,
            execution_count=request.execution_count,
            timing=request.timing,
            **fields,
        )

    def abort(self) -> None:
        """Record that the running cell came to no end of its own."""
        if self.current is not None:
            self._record_cell(self.current, "aborted")
