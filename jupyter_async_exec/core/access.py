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
    def own(self) -> frozenset[str]:
        """Whose executions they change whatever their team may do."""
        return frozenset({self.user, NOBODY})

    @property
    def owners(self) -> frozenset[str]:
        """Whose executions they see; none named: everybody's."""
        return self.own if self.team is Team.NONE else frozenset()

    def may_read(self, owner: str) -> bool:
        """Whether they may know of what belongs to `owner`."""
        return self.team is not Team.NONE or owner in self.own

    def may_change(self, owner: str) -> bool:
        """Whether they may change what belongs to `owner`."""
        return self.team is Team.ALL or owner in self.own


def usual_team(store_url: str, *, are_named: bool = False) -> Team:
    """Return what people may do with the executions of others unless somebody chose.

    Nothing where others may be: on a server that knows several people by name, and in a
    database, which is there to be shared. What is in a file of the data folder can be read
    and changed by one user of the system alone.

    Parameters
    ----------
    store_url
        Where executions are recorded; empty: in a file of the data folder.
    are_named
        Whether several people come here, each with a name of their own.
    """
    is_file = not store_url or store_url.startswith("sqlite:")
    return Team.ALL if is_file and not are_named else Team.NONE
