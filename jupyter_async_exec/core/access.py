"""Whose executions somebody may see and change, where several people share a store."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

#: Owner of what was recorded before it was known to whom executions belong.
NOBODY = ""


class Team(StrEnum):
    """What people may do with the executions of others."""

    #: Not even know of them.
    NONE = "none"
    READ = "read"
    #: See and change them.
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What one person may see and change; what belongs to nobody is everybody's."""

    #: Owner of what they submit.
    user: str = NOBODY
    #: What they may do with what belongs to others.
    team: Team = Team.ALL

    @property
    def owners(self) -> frozenset[str]:
        """Whose executions they see; none named: everybody's."""
        return frozenset({self.user, NOBODY}) if self.team is Team.NONE else frozenset()

    def may_read(self, owner: str) -> bool:
        """Whether they may know of what belongs to `owner`."""
        return self.team is not Team.NONE or owner in {self.user, NOBODY}

    def may_change(self, owner: str) -> bool:
        """Whether they may change what belongs to `owner`."""
        return self.team is Team.ALL or owner in {self.user, NOBODY}
