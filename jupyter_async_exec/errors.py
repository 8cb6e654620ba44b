"""Every exception of ours, in one tree, each with the sentence a person will read.

::

    AsyncExecError                      500
    ├── InvalidRequestError             400  the request makes no sense
    ├── NotFoundError                   404  no such execution, object, artifact
    ├── ConflictError                   409  right request, wrong moment
    │   └── StartCancelledError              somebody asked for its end meanwhile
    ├── ReadOnlyError                   403  results are sealed
    ├── NotYoursError                   403  it belongs to somebody else
    ├── TooBigError                     413
    │   └── SnapshotTooBigError              names the largest files
    ├── RefusedError                    422  understood, but it cannot be run
    │   ├── KernelMissingError
    │   └── InvalidParametersError
    ├── UnavailableError                503  store or backend cannot answer now
    │   ├── QueueFullError                   too many wait already
    │   ├── ObjectsAwayError                 the storage of objects does not answer
    │   ├── OutcomeUnknownError              lost on the way: done, or not
    │   └── NewerStoreError                  written by a newer release
    ├── DiskFullError                   507
    └── CorruptObjectError              500  stored bytes do not match their name

Only ``api/base.py`` turns these numbers into HTTP; `http_status` is here so
that the tree and its meaning stand in one place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping


class AsyncExecError(Exception):
    """Root of the tree.

    Parameters
    ----------
    message
        One sentence: what happened and what to do.
    details
        JSON-serialisable facts for programs (file names, limits, fields).
    """

    #: Status code `api/base.py` answers with.
    http_status: ClassVar[int] = 500
    #: Machine-readable name of the kind, `reason` on the wire.
    reason: ClassVar[str] = "internal"

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, details)
        self.message = message
        self.details: dict[str, Any] = dict(details or {})

    def __str__(self) -> str:
        """Return the sentence."""
        return self.message


class InvalidRequestError(AsyncExecError):
    """The request makes no sense as it stands."""

    http_status = 400
    reason = "invalid"


class NotFoundError(AsyncExecError):
    """What was asked for does not exist."""

    http_status = 404
    reason = "not_found"


class ConflictError(AsyncExecError):
    """A sensible request at the wrong moment, such as deleting what still runs."""

    http_status = 409
    reason = "conflict"


class StartCancelledError(ConflictError):
    """An attempt was cancelled before it had started; nothing of it is left."""


class ReadOnlyError(AsyncExecError):
    """An attempt to change what is sealed."""

    http_status = 403
    reason = "read_only"


class NotYoursError(AsyncExecError):
    """What belongs to somebody else can be looked at, and not changed."""

    http_status = 403
    reason = "not_yours"


class TooBigError(AsyncExecError):
    """Too large for what was asked."""

    http_status = 413
    reason = "too_big"


class SnapshotTooBigError(TooBigError):
    """The files beside the notebook exceed a limit; `details["files"]` names the largest."""


class RefusedError(AsyncExecError):
    """Understood, but it could not be run; nothing was accepted."""

    http_status = 422
    reason = "refused"


class KernelMissingError(RefusedError):
    """The kernel is not installed here; `details["installed"]` lists those that are."""

    reason = "kernel_missing"


class InvalidParametersError(RefusedError):
    """A parameter has the wrong name or type; `details["fields"]` maps name to sentence."""

    reason = "invalid_parameters"


class UnavailableError(AsyncExecError):
    """The store or the backend cannot answer now; trying again later may help."""

    http_status = 503
    reason = "unavailable"


class QueueFullError(UnavailableError):
    """As many executions wait as may wait; nothing was accepted."""

    reason = "queue_full"


class NoRoomError(UnavailableError):
    """Nobody takes an execution now; it waits, however long that lasts."""

    reason = "no_room"


class ObjectsAwayError(UnavailableError):
    """Objects are kept elsewhere, and that place does not answer or refuses."""

    reason = "objects_away"


class OutcomeUnknownError(UnavailableError):
    """The database was lost while it recorded something; it may have done so or not."""

    reason = "outcome_unknown"


class NewerStoreError(UnavailableError):
    """The store was written by a newer release and is left untouched."""

    reason = "newer_store"


class DiskFullError(AsyncExecError):
    """There is no room left where executions are kept."""

    http_status = 507
    reason = "disk_full"


class CorruptObjectError(AsyncExecError):
    """Stored bytes do not match the hash they are stored under."""

    reason = "corrupt_object"
