"""What a check found, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Damage:
    """One thing that is not as it was recorded, or not recorded as it is."""

    #: Machine-readable: `database`, `row`, `search_index`, `revision`, `state`, `snapshot`,
    #: `result`, `object`, `leftover`, `stranger`, `attempt`, `unchecked`.
    kind: str
    #: One sentence for people.
    message: str
    #: Number of the execution it is about, if of one.
    number: int | None = None
    #: Whether it has been put right.
    is_repaired: bool = False
    #: One sentence on what was done or what cannot be; None when no repair was asked for.
    repair: str | None = None

    def repaired(self, how: str) -> None:
        """Note that it was put right, and how."""
        self.is_repaired, self.repair = True, how

    def remains(self, why: str) -> None:
        """Note that it cannot be put right, and what that means."""
        self.repair = why


@dataclass(slots=True)
class Findings:
    """What a check of everything found."""

    n_executions: int = 0
    n_objects: int = 0
    damages: list[Damage] = field(default_factory=list)

    @property
    def n_left(self) -> int:
        """How many damages have not been put right."""
        return sum(not damage.is_repaired for damage in self.damages)
