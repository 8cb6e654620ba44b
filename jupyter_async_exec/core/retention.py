"""Which executions may go, and what a person asks to be removed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

#: So long what was deleted can be taken back, unless somebody chooses otherwise.
TRASH_S = 30 * 86_400.0
#: An object that nothing refers to is left alone for so long: something may be about to.
GRACE_S = 86_400.0

_AGE = re.compile(r"(\d{1,9})\s*([smhdw])")
_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_PREFIXES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What goes: all conditions that are given have to hold.

    Without one of the first four, only what was in the trash for long goes.
    """

    #: Ended longer ago.
    older_than_s: float | None = None
    #: Neither opened nor reused since.
    unused_for_s: float | None = None
    #: Not among so many latest ones of its notebook (>= 0).
    keep_last: int | None = None
    #: Only until no more room is used; what was of no use for longest goes first.
    max_bytes: int | None = None
    #: Deleted longer ago.
    trash_s: float = TRASH_S
    #: Objects that nothing refers to stay for so long.
    grace_s: float = GRACE_S

    @property
    def is_chosen(self) -> bool:
        """Whether anything outside the trash may go."""
        return (self.older_than_s, self.unused_for_s, self.keep_last, self.max_bytes) != (None,) * 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Collectable:
    """An execution that may go, as far as it itself is concerned."""

    number: int
    id: str
    title: str
    notebook_path: str
    #: How many later executions of its notebook there are, those that may not go too.
    n_later: int
    finished_at: datetime
    #: When it was last of use: ended, opened or reused.
    used_at: datetime
    deleted_at: datetime | None


def select(found: Iterable[Collectable], retention: Retention, now: datetime) -> list[Collectable]:
    """Return what the retention lets go, least lately used first; `max_bytes` is not looked at."""
    chosen = [each for each in found if _goes(each, retention, now)]
    return sorted(chosen, key=lambda each: (each.deleted_at is None, each.used_at, each.number))


def _goes(each: Collectable, retention: Retention, now: datetime) -> bool:
    if each.deleted_at is not None:
        return (now - each.deleted_at).total_seconds() >= retention.trash_s
    if not retention.is_chosen:
        return False
    age_s = (now - each.finished_at).total_seconds()
    unused_s = (now - each.used_at).total_seconds()
    return (
        (retention.older_than_s is None or age_s >= retention.older_than_s)
        and (retention.unused_for_s is None or unused_s >= retention.unused_for_s)
        and (retention.keep_last is None or each.n_later >= retention.keep_last)
    )


def read_age_s(text: str) -> float:
    """Return the seconds of an age such as ``12h``, ``30d`` or ``4w``.

    Raises
    ------
    InvalidRequestError
        It is none.
    """
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise InvalidRequestError(f"An age is such as 12h, 30d or 4w, not {text[:40]!r}.")
    return float(int(found[1]) * _UNITS_S[found[2]])


def read_size_bytes(text: str) -> int:
    """Return the bytes of a size such as ``500MB`` or ``10GB`` (powers of 10).

    Raises
    ------
    InvalidRequestError
        It is none.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise InvalidRequestError(f"A size is such as 500MB or 10GB, not {text[:40]!r}.")
    return int(float(found[1]) * _PREFIXES[found[2].lower()])


def format_size(n_bytes: int) -> str:
    """Return a size as people read it, such as ``1.2 GB``."""
    size, unit = float(n_bytes), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1_000:  # noqa: PLR2004  the step between units
            break
        size, unit = size / 1_000, larger
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
