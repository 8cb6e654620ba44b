"""What executions need besides a slot, and whether a machine has room for it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from jupyter_async_exec.errors import InvalidRequestError

#: Name to amount (> 0).
Resources: TypeAlias = Mapping[str, float]

#: Whole ones, which nobody else uses meanwhile.
GPU = "GPU"
#: Memory set aside, in 10^9 bytes; nobody is stopped from using more, see `Limits` for that.
MEMORY_GB = "memory_gb"

#: More kinds, or larger amounts, are a mistake.
MOST_KINDS = 20
LARGEST_AMOUNT = 1e9
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,49}", re.ASCII)
#: Amounts that differ by less are equal: tenths of a core do not add up to one.
_SLACK = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What one machine has for executions of ours that run at the same time."""

    #: How many (>= 0); infinite: as many as the backend as a whole takes.
    slots: float = math.inf
    #: What they share, by name.
    resources: Resources = field(default_factory=dict)
    #: How much of these one execution can have, by name, where that is not all there is.
    largest: Resources = field(default_factory=dict)
    #: Executions of ours that it holds already, by id.
    held: frozenset[str] = frozenset()
    #: Names of the kernels that are installed there; None: those of the backend.
    kernels: frozenset[str] | None = None

    @property
    def most(self) -> dict[str, float]:
        """How much of each one execution can have when nobody else runs there."""
        return {name: min(n, self.largest.get(name, n)) for name, n in self.resources.items()}

    def takes(self, kernel_name: str) -> bool:
        """Whether it has the kernel, and a slot that nobody of ours holds."""
        has_kernel = self.kernels is None or kernel_name in self.kernels
        return has_kernel and len(self.held) < self.slots


def read_resources(given: Mapping[str, object]) -> dict[str, float]:
    """Return what somebody asks for, checked.

    Raises
    ------
    InvalidRequestError
        A name or an amount makes no sense.
    """
    if len(given) > MOST_KINDS:
        raise InvalidRequestError(f"At most {MOST_KINDS} kinds of resources can be asked for.")
    return {name: _read_amount(name, amount) for name, amount in sorted(given.items())}


def _read_amount(name: str, given: object) -> float:
    if not _NAME.fullmatch(name):
        raise InvalidRequestError(
            f"{name[:60]!r} cannot name a resource; write a name such as GPU or memory_gb."
        )
    if isinstance(given, bool) or not isinstance(given, int | float):
        given = math.nan
    # Before it is made a float, which not every whole number can be.
    if not 0 < given <= LARGEST_AMOUNT:
        raise InvalidRequestError(
            f"The amount of {name} must be a number above 0, and at most {LARGEST_AMOUNT:,.0f}."
        )
    amount = float(given)
    if name == GPU and not amount.is_integer():
        raise InvalidRequestError("GPUs can only be asked for in whole numbers.")
    return amount


def dump_resources(resources: Resources) -> str:
    """Return a text that is the same for the same resources; empty for none."""
    return json.dumps(dict(sorted(resources.items()))) if resources else ""


def load_resources(text: str) -> dict[str, float]:
    """Read what `dump_resources` returned."""
    return {str(name): float(amount) for name, amount in json.loads(text or "{}").items()}


def describe_resources(resources: Resources) -> str:
    """Return them for people: ``1 GPU, 8 memory_gb``."""
    return ", ".join(f"{amount:g} {name}" for name, amount in sorted(resources.items()))


def fits(needed: Resources, room: Resources) -> bool:
    """Whether there is as much of everything."""
    return all(amount <= room.get(name, 0.0) + _SLACK for name, amount in needed.items())


def take(needed: Resources, room: Resources) -> dict[str, float]:
    """Return what is left."""
    return {name: amount - needed.get(name, 0.0) for name, amount in room.items()}


def total(several: Iterable[Resources]) -> dict[str, float]:
    """Return their sum."""
    found: dict[str, float] = {}
    for resources in tuple(several):
        for name, amount in resources.items():
            found[name] = found.get(name, 0.0) + amount
    return found


def most(rooms: Iterable[Room]) -> dict[str, float]:
    """Return how much of each one execution can have, wherever that is."""
    found: dict[str, float] = {}
    for room in rooms:
        for name, amount in room.most.items():
            found[name] = max(amount, found.get(name, 0.0))
    return found


class Floor:
    """The rooms of a backend as they fill; what is put somewhere stays there.

    Parameters
    ----------
    rooms
        What there is.
    running
        What runs already, by id of the execution: what it needs.
    """

    def __init__(self, rooms: Sequence[Room], running: Mapping[str, Resources]) -> None:
        self._slots = [room.slots for room in rooms]
        self._left: list[Resources] = [room.resources for room in rooms]
        self._most = [room.most for room in rooms]
        unplaced = dict(running)
        for index, room in enumerate(rooms):
            for execution_id in room.held & running.keys():
                self._take(index, unplaced.pop(execution_id, {}))
        for needed in unplaced.values():
            # On its way; where it is put is decided there, by the same rule.
            self.put(needed)

    def has_room(self, needed: Resources) -> bool:
        """Whether there is room for one more."""
        return self._find(needed) is not None

    def put(self, needed: Resources) -> None:
        """Take room for one more, if there is some."""
        index = self._find(needed)
        if index is not None:
            self._take(index, needed)

    def _find(self, needed: Resources) -> int | None:
        able = [
            index
            for index, left in enumerate(self._left)
            if self._slots[index] >= 1 and fits(needed, left) and fits(needed, self._most[index])
        ]
        return max(able, key=lambda index: self._slots[index], default=None)

    def _take(self, index: int, needed: Resources) -> None:
        self._slots[index] -= 1
        self._left[index] = take(needed, self._left[index])
