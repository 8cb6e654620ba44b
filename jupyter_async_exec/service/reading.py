"""Reading what executions left: notebook, log, metrics, artifacts, receipt, and side by side."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.runner.mlflow_store import MLFLOW_DIR
from jupyter_async_exec.service.metrics import Cursor, MetricsPiece, make_piece
from jupyter_async_exec.store.mlflow_runs import find_runs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from jupyter_async_exec.core.execution import Artifact, Execution
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.service.collection import Collector
    from jupyter_async_exec.service.compare import Comparer
    from jupyter_async_exec.service.fan_in import FanIn
    from jupyter_async_exec.service.ports import NotebookFiles
    from jupyter_async_exec.service.results import Content, LogPiece, ResultReader
    from jupyter_async_exec.store import ExecutionStore


class Reading(ABC):
    """The use cases that read what executions left; `ExecutionService` is one."""

    collector: Collector
    fan_in: FanIn
    _store: ExecutionStore
    _results: ResultReader
    _comparer: Comparer
    _notebook_files: NotebookFiles
    _data_dir: Path

    @abstractmethod
    async def get(self, ref: str) -> Execution:
        """Return the execution with the number or id `ref`; `NotFoundError` if none."""

    def _note_use(self, execution: Execution) -> None:
        """Remember, without anybody waiting, that a result was opened."""
        asyncio.get_running_loop().run_in_executor(None, self.collector.uses.note, execution)

    async def notebook(self, ref: str, *, version: str) -> bytes:
        """Return the executed notebook (``output``) or the submitted one (``source``)."""
        content = await self.open_notebook(ref, version=version)
        return await asyncio.to_thread(b"".join, [piece async for piece in content.pieces])

    async def open_notebook(self, ref: str, *, version: str) -> Content:
        """Return the same in pieces, as a server hands it on."""
        execution = await self.get(ref)
        self._note_use(execution)
        notebook = await self._results.notebook(execution, version=version)
        ended = await self._ended_meanwhile(execution)
        return notebook if ended is None else await self._results.notebook(ended, version=version)

    async def log(self, ref: str, *, offset: int, limit_bytes: int) -> LogPiece:
        """Return what the notebook printed from byte `offset` on (negative: from the end)."""
        execution = await self.get(ref)
        piece = await self._results.log(execution, offset=offset, limit_bytes=limit_bytes)
        ended = await self._ended_meanwhile(execution)
        if ended is not None:
            piece = await self._results.log(ended, offset=offset, limit_bytes=limit_bytes)
        return piece

    async def _ended_meanwhile(self, execution: Execution) -> Execution | None:
        """Return the execution if it has ended since: where it ran there is nothing any more."""
        if execution.is_final:
            return None
        now = await self.get(execution.id)
        return now if now.is_final else None

    async def metrics(
        self,
        ref: str,
        *,
        names: Sequence[str] | None = None,
        max_points: int = 1_000,
        cursor: str | None = None,
    ) -> MetricsPiece:
        """Return points of the metrics of an execution, also while it runs.

        Parameters
        ----------
        ref
            Number or id.
        names
            Which metrics; `None` for all.
        max_points
            At most so many of each metric (>= 4); peaks are never left out.
        cursor
            Of an earlier answer: only what came since.

        Raises
        ------
        InvalidRequestError
            The cursor is none.
        """
        known = Cursor.from_text(cursor)

        def read() -> MetricsPiece:
            execution, series, counts = self._store.metrics(ref, names=names, after=known.counts)
            valid = known
            if known.counts and execution.attempt != known.attempt:
                # It began anew since.
                execution, series, counts = self._store.metrics(ref, names=names)
                valid = Cursor(execution.attempt, {})
            return make_piece(execution, series, counts, known=valid, max_points=max_points)

        return await asyncio.to_thread(read)

    async def artifacts(self, ref: str) -> tuple[Artifact, ...]:
        """Return the files an execution produced; the executed notebook is the first."""
        return await self._results.artifacts(await self.get(ref))

    async def artifact(self, ref: str, name: str) -> Artifact:
        """Return one artifact; `NotFoundError` if there is none of that name."""
        execution = await self.get(ref)
        self._note_use(execution)
        return await self._results.artifact(execution, name)

    async def pieces(self, artifact: Artifact) -> AsyncIterator[bytes]:
        """Give the bytes of an artifact in pieces, whatever its size."""
        async for piece in self._results.pieces(artifact):
            yield piece

    async def receipt(self, ref: str) -> tuple[Execution, JSONObject]:
        """Return an execution and everything that made it."""
        execution = await self.get(ref)
        receipt = await self._results.receipt(execution)
        return execution, receipt | await asyncio.to_thread(self._circumstances, execution)

    def _circumstances(self, execution: Execution) -> JSONObject:
        """Return what it ran in, and for a failed one what changed since it last worked."""
        environment_id = execution.environment_id
        found = self._store.environments([environment_id]) if environment_id else {}
        environment = found.get(environment_id or "")
        has_failed = execution.status is Status.FAILED
        return {
            "environment": None
            if environment is None
            else {"id": environment.id, **environment.to_json()},
            "since_success": self._comparer.since_success(execution) if has_failed else None,
            "mlflow_runs": find_runs(self._data_dir / MLFLOW_DIR, execution.id),
            **self.fan_in.relations(execution),
        }

    async def compare(self, *, ids: str | None = None, sweep: str | None = None) -> JSONObject:
        """Return executions side by side, and what differs between them.

        Parameters
        ----------
        ids
            Numbers, ids and ranges of numbers, such as ``3,7-12``.
        sweep
            Id of a sweep, all of whose executions are compared too.

        Raises
        ------
        InvalidRequestError
            That is none, or more than can be compared.
        NotFoundError
            One that is named is not there.
        """
        return await asyncio.to_thread(
            lambda: self._comparer.compare(self._comparer.find(ids, sweep))
        )

    async def curves(self, ids: str, name: str, *, max_points: int) -> list[JSONObject]:
        """Return the curve of one metric of several executions, those without it left out.

        Parameters
        ----------
        ids
            Numbers, ids and ranges of numbers, such as ``3,7-12``.
        name
            Which metric.
        max_points
            At most so many of each (>= 4); peaks are never left out.

        Raises
        ------
        InvalidRequestError
            That is none, or more than can be drawn.
        NotFoundError
            One that is named is not there.
        """
        return await asyncio.to_thread(self._comparer.curves, ids, name, max_points)

    async def restore(self, ref: str, *, folder: str | None = None) -> str:
        """Write the source notebook into a new file; return its Jupyter path."""
        execution = await self.get(ref)
        content = await self.notebook(execution.id, version="source")
        source = await asyncio.to_thread(json.loads, content)
        path = PurePosixPath(execution.notebook_path)
        if folder is None:
            parent = str(path.parent)
            here = self._notebook_files.local_folder(execution.notebook_path)
            folder = "" if parent == "." or here is None else parent
        name = f"{path.stem} (from #{execution.number}).ipynb"
        return await self._notebook_files.create(folder.strip("/"), name, source)
