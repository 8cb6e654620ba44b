"""How an attempt can end, and what ends it early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_async_exec.core.execution import Reason, Status

if TYPE_CHECKING:
    from jupyter_async_exec.core.execution import CellError

#: Of a sentence for people.
LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How it ended, before it is written down."""

    status: Status
    reason: Reason | None = None
    message: str | None = None
    error: CellError | None = None


def fail(reason: Reason, message: str, *, error: CellError | None = None) -> Ending:
    """Return the ending `failed` with its reason and sentence."""
    return Ending(
        status=Status.FAILED, reason=reason, message=message[:LONGEST_MESSAGE], error=error
    )


class KernelDiedError(Exception):
    """The kernel process is gone, or never answered."""


class StoppedError(Exception):
    """Somebody or a limit wants the end."""

    def __init__(self, ending: Ending, *, at_once: bool = False) -> None:
        super().__init__(ending, at_once)
        self.ending = ending
        self.at_once = at_once
