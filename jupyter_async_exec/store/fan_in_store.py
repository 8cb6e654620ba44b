"""The part of the store about executions that wait for others, and what they are handed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_async_exec.store import fan_in_rows, records
from jupyter_async_exec.store.part import StorePart

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.fan_in import Source
    from jupyter_async_exec.core.json_types import JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Relations:
    """Which executions outside the trash an execution has to do with, by number."""

    #: It starts after these.
    after: Sequence[Execution]
    #: These start after it.
    then: Sequence[Execution]
    #: What it was handed, or collects once it starts.
    collects: Sequence[Execution]
    #: Those that were handed it, or are to be.
    collected_by: Sequence[Execution]


class FanInStore(StorePart):
    """Who waits for whom, in the same file as the executions."""

    def next_due(self) -> datetime | None:
        """Return the next moment that an execution waits for; None: none does."""
        return self._read(fan_in_rows.next_due)

    def consider_due(self) -> None:
        """Start or end those that wait for a moment that has come."""
        self._writer.run(lambda connection: fan_in_rows.consider_due(connection, self._clock()))

    def consider_all(self) -> None:
        """Look at everything that waits for others, whatever happened before."""
        self._writer.run(lambda connection: fan_in_rows.consider_all(connection, self._clock()))

    def sources(self, execution: Execution) -> list[Source]:
        """Return what an execution collects, by number."""
        return self._read(lambda connection: fan_in_rows.sources(connection, execution))

    def hand_over(self, execution_id: str, content: JSONObject) -> Execution:
        """Keep what an execution is handed and return it with that; what it has stays.

        Parameters
        ----------
        execution_id
            Whose.
        content
            `value`, a list of objects with a `number`; `files`; `note`.

        Raises
        ------
        NotFoundError
            There is no such execution.
        """

        def work(connection: sa.Connection) -> Execution:
            execution = records.read(connection, execution_id, include_deleted=True)
            if "handed" in execution.provenance:
                return execution
            fan_in_rows.hand_over(connection, execution.number, content)
            return records.read(connection, execution_id, include_deleted=True)

        return self._writer.run(work)

    def handed_objects(self, execution: Execution) -> list[str]:
        """Return the ids of the files that it was handed, which are to stay as long as it does."""
        if execution.collect is None:
            return []
        content = self._read(lambda each: fan_in_rows.handed_content(each, execution.number))
        return [] if content is None else [file["object_id"] for file in content["files"]]

    def relations(self, execution: Execution) -> Relations:
        """Return which executions it has to do with, as lists show them."""

        def work(connection: sa.Connection) -> Relations:
            def find(numbers: Sequence[int]) -> list[Execution]:
                return records.read_all(connection, numbers, skip_missing=True)

            number = execution.number
            collected = fan_in_rows.linked_numbers(connection, number, fan_in_rows.HANDED)
            if not collected and not execution.is_final:
                collected = [each.number for each in fan_in_rows.sources(connection, execution)]
            by = fan_in_rows.numbers_linking(connection, number, fan_in_rows.HANDED)
            wanted = fan_in_rows.numbers_linking(connection, number, fan_in_rows.COLLECT)
            if execution.sweep_id is not None:
                wanted += fan_in_rows.numbers_collecting_sweep(connection, execution.sweep_id)
            waiting = [each.number for each in find(wanted) if each.hold and not each.is_final]
            return Relations(
                after=find(fan_in_rows.linked_numbers(connection, number, fan_in_rows.AFTER)),
                then=find(fan_in_rows.numbers_linking(connection, number, fan_in_rows.AFTER)),
                collects=find(collected),
                collected_by=find(sorted({*by, *waiting})),
            )

        return self._read(work)

    def reruns(self, execution: Execution) -> list[Execution]:
        """Return what its submitter ran it again as, and those again, by number."""
        return self._read(lambda connection: fan_in_rows.reruns(connection, execution))

    def collecting_sweep(self, sweep_id: str) -> list[Execution]:
        """Return the executions outside the trash that collect a sweep, oldest first."""
        return self._read(
            lambda connection: records.read_all(
                connection,
                fan_in_rows.numbers_collecting_sweep(connection, sweep_id),
                skip_missing=True,
            )
        )
