"""A forked child that goes on with something else than what its parent was doing.

The child leaves every frame of the parent's call before it begins, so that
nothing of it shows in the child's stack or runs when the child ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Become(BaseException):
    """Raised in a fresh child, up to `run`, which then does `act` in its place.

    Parameters
    ----------
    act
        Returns the exit code of the process.
    """

    def __init__(self, act: Callable[[], int]) -> None:
        super().__init__()
        self.act = act


def run(act: Callable[[], int]) -> int:
    """Do `act`, and whatever a child made on the way has become; return the exit code."""
    while True:
        try:
            return act()
        except Become as becoming:
            act = becoming.act
