"""Reading every object once, and remembering how it went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import AsyncExecError
from jupyter_async_exec.snapshots.manifest import load_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.objects.base import ObjectStore


@dataclass(frozen=True, slots=True)
class Reference:
    """That an execution needs an object."""

    #: For people, as in "the log".
    what: str
    object_id: str
    #: Field of the execution that names it; `artifacts` and `snapshot_id` among them.
    field: str


class ObjectReader:
    """Reads objects to their ends, each once.

    Parameters
    ----------
    objects
        Where they are.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._problems: dict[str, str | None] = {}

    @property
    def n_read(self) -> int:
        """How many different objects were read."""
        return len(self._problems)

    def problem(self, object_id: str) -> str | None:
        """Return what is wrong with an object as a sentence, None if nothing is."""
        if object_id not in self._problems:
            self._problems[object_id] = self._read(object_id)
        return self._problems[object_id]

    def has_read(self, object_id: str) -> bool:
        """Whether it was read already."""
        return object_id in self._problems

    def forget(self, object_id: str) -> None:
        """Read it again when asked the next time: it was repaired."""
        self._problems.pop(object_id, None)

    def _read(self, object_id: str) -> str | None:
        try:
            self._objects.check(object_id)
        except (AsyncExecError, OSError) as error:
            return str(error)
        return None


def results_of(execution: Execution) -> Iterator[Reference]:
    """Yield what an execution left."""
    for what, field in (
        ("the executed notebook", "output_object"),
        ("the journal", "journal_object"),
        ("the log", "log_object"),
    ):
        object_id = getattr(execution, field)
        if object_id is not None:
            yield Reference(what, object_id, field)
    for artifact in execution.artifacts:
        yield Reference(f"the artifact {artifact.name}", artifact.object_id, "artifacts")


def snapshot_of(execution: Execution, objects: ObjectStore) -> Iterator[Reference]:
    """Yield what an execution was made from, as far as its manifest can be read."""
    yield Reference("the snapshot", execution.snapshot_id, "snapshot_id")
    try:
        manifest = load_manifest(objects, execution.snapshot_id)
    except (AsyncExecError, OSError):
        return
    yield Reference("the source notebook", manifest.notebook_object, "snapshot_id")
    for file in manifest.files:
        yield Reference(f"the captured file {file.path}", file.object_id, "snapshot_id")
