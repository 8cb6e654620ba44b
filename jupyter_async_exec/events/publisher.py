"""Tell the event bus where executions stand, without flooding it."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_events import EventLogger

from jupyter_async_exec.core.access import Access
from jupyter_async_exec.core.execution import Execution, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_async_exec.core.sweeps import Sweep

SCHEMAS = Path(__file__).parent / "schemas"
SCHEMA_ID = "https://schema.jupyter.org/jupyter_async_exec/execution/v1"
SWEEP_SCHEMA_ID = "https://schema.jupyter.org/jupyter_async_exec/sweep/v1"
#: Schema to the file that defines it.
SCHEMA_PATHS = {
    SCHEMA_ID: SCHEMAS / "execution" / "v1.yaml",
    SWEEP_SCHEMA_ID: SCHEMAS / "sweep" / "v1.yaml",
}

#: Between two events about the same execution that are no news of its status.
PROGRESS_INTERVAL_S = 1.0
#: Executions whose last event is remembered; forgetting one costs an event too many.
MAX_REMEMBERED = 4_096


#: Said in place of an execution that not everybody who listens may know of: it is in no list.
_NOBODYS = Execution(
    id="0" * 32,
    number=0,
    status=Status.CANCELLED,
    notebook_path="",
    title="",
    kernel_name="",
    snapshot_id="",
    created_at=datetime.fromtimestamp(0, UTC),
    deleted_at=datetime.fromtimestamp(0, UTC),
)


@dataclass(slots=True)
class _Sent:
    """What was last said about an execution."""

    rev: int
    status: Status
    is_deleted: bool
    at_s: float


class Publisher:
    """Sends one event per change of status at once, others at most once a second.

    Belongs to the event loop's thread; nothing here waits.

    Parameters
    ----------
    emit
        The server's event logger, which learns our schema, or any function
        that takes schema id and payload.
    boot_id
        Names this server process in every event.
    access
        Who listens: of what they may not see nothing is said.
    is_for_many
        Whether several people listen, of whom `access` knows none: then it is only said that
        something changed.
    monotonic
        Seconds that never go back.
    call_later
        Calls a function after so many seconds; by default the running loop's.
    """

    def __init__(
        self,
        emit: Callable[[str, dict[str, Any]], object] | EventLogger,
        *,
        boot_id: str,
        access: Access | None = None,
        is_for_many: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        call_later: Callable[[float, Callable[[], None]], object] | None = None,
    ) -> None:
        if isinstance(emit, EventLogger):
            logger = emit
            for schema_id, path in SCHEMA_PATHS.items():
                if schema_id not in logger.schemas:
                    logger.register_event_schema(path)
            self._emit: Callable[[str, dict[str, Any]], object] = lambda schema_id, data: (
                logger.emit(schema_id=schema_id, data=data)
            )
        else:
            self._emit = emit
        self._boot_id = boot_id
        self._access = access or Access()
        self._is_for_many = is_for_many
        self._monotonic = monotonic
        self._call_later = call_later or _later_in_loop
        self._rev = 0
        self._sent: OrderedDict[str, _Sent] = OrderedDict()
        self._pending: dict[str, Execution] = {}
        self._is_timed = False

    @property
    def rev(self) -> int:
        """How many events about executions were sent; the number of the last one."""
        return self._rev

    def publish(self, executions: Sequence[Execution]) -> None:
        """Send what is news about `executions`, now or when its second is over.

        The same revision of an execution twice, or an older one, is no news.

        Parameters
        ----------
        executions
            As they are now, in the order in which they changed.
        """
        for execution in executions:
            if self._is_for_many or self._access.may_read(execution.submitted_by):
                self._consider(execution)
        self._set_timer(self._wait_s())

    def publish_sweeps(self, sweeps: Sequence[Sweep]) -> None:
        """Send where `sweeps` stand; each is one that was accepted, extended or has ended.

        Not counted in `rev`, so that whoever follows only executions sees no gap.
        """
        for sweep in sweeps:
            if not self._access.may_read(sweep.submitted_by):
                continue
            payload = {
                "id": sweep.id,
                "status": sweep.status.value,
                "counts": asdict(sweep.counts),
                "first_number": sweep.first_number,
                "last_number": sweep.last_number,
                "finished": sweep.finished_at is not None,
                "rev": self._rev,
                "boot_id": self._boot_id,
            }
            self._emit(SWEEP_SCHEMA_ID, payload)

    def flush_due(self) -> float | None:
        """Send the one that has waited longest, if it is due.

        One at a time, because many listeners make an event dear: what else is
        due follows at once, after the event loop served everybody else.

        Returns
        -------
        float or None
            Seconds until the next is due; None when nothing waits. Timers do
            this by themselves.
        """
        if self._pending:
            execution_id = min(self._pending, key=self._due_s)
            if self._due_s(execution_id) <= self._monotonic():
                self._send(self._pending[execution_id])
        return self._wait_s()

    def _consider(self, execution: Execution) -> None:
        last = self._sent.get(execution.id)
        waiting = self._pending.get(execution.id)
        known_rev = max(-1 if last is None else last.rev, -1 if waiting is None else waiting.rev)
        if execution.rev <= known_rev:
            return
        is_urgent = (
            last is None
            or execution.status is not last.status
            or (execution.deleted_at is not None) is not last.is_deleted
        )
        if is_urgent or self._due_s(execution.id) <= self._monotonic():
            self._send(execution)
        else:
            self._pending[execution.id] = execution

    def _send(self, execution: Execution) -> None:
        self._pending.pop(execution.id, None)
        self._sent[execution.id] = _Sent(
            rev=execution.rev,
            status=execution.status,
            is_deleted=execution.deleted_at is not None,
            at_s=self._monotonic(),
        )
        self._sent.move_to_end(execution.id)
        while len(self._sent) > MAX_REMEMBERED:
            self._sent.popitem(last=False)
        if self._access.may_read(execution.submitted_by):
            self._rev += 1
            self._emit(SCHEMA_ID, self._payload(execution))
        else:
            # A gap: whoever hears of it fetches the list, as far as they may see it.
            self._rev += 2
            hidden = self._payload(_NOBODYS)
            self._emit(SCHEMA_ID, hidden)

    def _payload(self, execution: Execution) -> dict[str, Any]:
        return {
            "id": execution.id,
            "number": execution.number,
            "status": execution.status.value,
            "progress": {
                "cells_done": execution.cells_done,
                "cells_total": execution.cells_total,
                "current_cell": execution.current_cell,
            },
            "sweep": execution.sweep_id,
            "deleted": execution.deleted_at is not None,
            "rev": self._rev,
            "boot_id": self._boot_id,
        }

    def _due_s(self, execution_id: str) -> float:
        last = self._sent.get(execution_id)
        return 0.0 if last is None else last.at_s + PROGRESS_INTERVAL_S

    def _wait_s(self) -> float | None:
        if not self._pending:
            return None
        due_s = min(self._due_s(execution_id) for execution_id in self._pending)
        return max(0.0, due_s - self._monotonic())

    def _set_timer(self, wait_s: float | None) -> None:
        if wait_s is not None and not self._is_timed:
            self._is_timed = True
            self._call_later(wait_s, self._on_timer)

    def _on_timer(self) -> None:
        self._is_timed = False
        self._set_timer(self.flush_due())


def _later_in_loop(wait_s: float, function: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(wait_s, function)
