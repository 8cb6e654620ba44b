"""What can be chosen about the house, and what the configuration calls it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.backends.gpus import AUTO
from jupyter_async_exec.core.access import Access, Team, usual_team
from jupyter_async_exec.core.execution import LIMIT_NAMES, Limits
from jupyter_async_exec.defaults import (
    OBJECT_CACHE_BYTES,
    chosen_data_dir,
    default_data_dir,
    default_mlflow,
    default_owner,
    default_slots,
    default_store_url,
)
from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.service.admission import RoomLimits
from jupyter_async_exec.snapshots.choice import CaptureLimits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: Fields by what the configuration calls them.
CAPTURE_LIMIT_NAMES = {
    "max_file_bytes": "file_bytes",
    "max_snapshot_bytes": "total_bytes",
    "max_snapshot_files": "n_files",
}
ROOM_LIMIT_NAMES = {"max_queued": "max_queued", "disk_reserve_bytes": "disk_reserve_bytes"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What can be chosen about the house."""

    data_dir: Path = field(default_factory=default_data_dir)
    #: Executions at once, unless changed while running (>= 1).
    slots: int = field(default_factory=default_slots)
    capture_limits: CaptureLimits = field(default_factory=CaptureLimits)
    #: What an execution may use unless its request says otherwise.
    default_limits: Limits = field(default_factory=Limits)
    room_limits: RoomLimits = field(default_factory=RoomLimits)
    #: Further places to run, by name: what `backends` of the configuration says.
    backends: Mapping[str, Any] = field(default_factory=dict)
    #: Where executions are recorded, such as ``postgresql://user@host/database``; empty: in a
    #: file of the data folder.
    store_url: str = field(default_factory=default_store_url)
    #: What this machine is called among those that share the store; empty: what its data folder
    #: is called there already, at first its host name.
    machine: str = ""
    #: Where objects are kept, such as ``s3://bucket/prefix``; empty: in the data folder.
    objects_url: str = ""
    #: Of what reaches them there, such as `endpoint_url`.
    objects_options: Mapping[str, Any] = field(default_factory=dict)
    #: Room on this machine for copies of objects that are kept elsewhere (>= 0).
    objects_cache_bytes: int = OBJECT_CACHE_BYTES
    #: Whose executions are that are submitted without saying whose.
    owner: str = field(default_factory=default_owner)
    #: What people may do with the executions of others; None: it depends on where they are.
    team: str | None = None
    #: Added niceness of runners (0 to 19).
    nice: int = 5
    #: Runners kept ready for each kernel used lately (0 or 1).
    spares: int = 1
    #: GPUs of this machine, as CUDA knows them; "auto": those that are found.
    gpus: Sequence[str] = AUTO
    #: Whether MLflow's runs are kept in a store of ours.
    mlflow: bool = field(default_factory=default_mlflow)

    @property
    def access(self) -> Access:
        """What the one may see and change whose house it is.

        Raises
        ------
        InvalidRequestError
            What `team` says is none of what it can be.
        """
        try:
            team = usual_team(self.store_url) if self.team is None else Team(self.team)
        except ValueError:
            known = ", ".join(repr(each.value) for each in Team)
            raise InvalidRequestError(
                f"AsyncExecApp.team cannot be {self.team!r:.100}: it is one of {known}."
            ) from None
        return Access(user=self.owner, team=team)


def read_settings(chosen: Mapping[str, Any]) -> Settings:
    """Return what was chosen in the configuration; what it leaves out is as ever.

    Parameters
    ----------
    chosen
        Values by the names of `AsyncExecApp`'s traits; an empty folder and an empty owner are none.
    """
    names = {each.name for each in fields(Settings)} & chosen.keys()
    found = {name: chosen[name] for name in names if chosen[name] != "" or name != "owner"}
    return Settings(
        **found,
        data_dir=chosen_data_dir(chosen.get("data_dir_path", "")),
        capture_limits=CaptureLimits(**_renamed(chosen, CAPTURE_LIMIT_NAMES)),
        default_limits=Limits(**_renamed(chosen, LIMIT_NAMES)),
        room_limits=RoomLimits(**_renamed(chosen, ROOM_LIMIT_NAMES)),
    )


def _renamed(chosen: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {field: chosen[name] for name, field in names.items() if name in chosen}
