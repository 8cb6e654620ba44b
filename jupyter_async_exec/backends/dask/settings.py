"""What can be chosen about one cluster, and how it is read from the configuration."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.errors import InvalidRequestError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A machine that is silent for longer has lost its attempts. Dask's own workers end within
#: about 35 s when they lose their scheduler, so that two tries never run at the same time.
LOST_AFTER_S = 60.0


#: The class of a Gateway's clusters, which are not below us and outlive us.
GATEWAY = "dask_gateway.GatewayCluster"
#: What it takes to be let in, by its names here.
TLS = ("tls_ca_file", "tls_client_cert", "tls_client_key")
#: What can be imported by that name.
_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """A cluster that is started when it is needed."""

    #: Its class, with its module, such as ``dask_jobqueue.SLURMCluster``.
    kind: str
    #: What the class is called with.
    options: dict[str, Any] = field(default_factory=dict)
    #: Workers at least and at most (0 <= minimum <= maximum, maximum >= 1).
    minimum: int = 0
    maximum: int = 10
    #: A worker that has been idle for longer is retired, and so is the cluster (s, >= 0).
    idle_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Scheduler:
    """Where a scheduler is, and what it takes to be let in."""

    address: str
    #: The `tls_` options of `DaskSettings`, each a path or the PEM text itself.
    tls: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DaskSettings:
    """What can be chosen about one cluster."""

    #: In place of an address or a file: a cluster that is started when it is needed.
    cluster: ClusterSettings | None = None
    #: Of the scheduler, such as ``tls://host:8786``; empty when there is a file.
    address: str = ""
    #: What ``dask scheduler --scheduler-file`` writes; read anew each time.
    scheduler_file: str = ""
    tls_ca_file: str = ""
    tls_client_cert: str = ""
    tls_client_key: str = ""
    #: Executions at once (>= 1); None: as many as its workers have threads.
    slots: int | None = None
    #: Attempts of a machine that was silent for longer are lost (s, > 0).
    lost_after_s: float = LOST_AFTER_S
    #: Executions that were lost after they may have begun are tried again so often (>= 0): of
    #: many machines one or the other dies, and nobody sits there to run it again.
    lost_retries: int = 1
    #: Room for snapshots on each machine (bytes, >= 0).
    cache_bytes: int = 2_000_000_000
    #: Added niceness of runners (0 to 19).
    nice: int = 0
    #: Runners kept ready for each kernel used lately, on each worker (0 or 1).
    spares: int = 1

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> DaskSettings:
        """Read what `dataclasses.asdict` gave."""
        cluster = fields["cluster"]
        return cls(**{**fields, "cluster": cluster and ClusterSettings(**cluster)})

    @property
    def tls(self) -> dict[str, str]:
        """The files that were chosen."""
        chosen = {name: getattr(self, name) for name in TLS}
        return {name: str(Path(path).expanduser()) for name, path in chosen.items() if path}

    def find_scheduler(self) -> Scheduler:
        """Return where the scheduler is.

        Raises
        ------
        UnavailableError
            Its file is not there or says nothing.
        """
        if not self.scheduler_file:
            return Scheduler(self.address, self.tls)
        try:
            content = json.loads(Path(self.scheduler_file).expanduser().read_bytes())
            # A keeper says what its cluster asks for; Dask's own file does not.
            given = {name: str(content[name]) for name in TLS if name in content}
            return Scheduler(str(content["address"]), given or self.tls)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UnavailableError(
                f"the scheduler's file {self.scheduler_file} cannot be read ({error}); "
                "start the scheduler, or correct the configuration."
            ) from error


def read_settings(name: str, options: Mapping[str, Any]) -> DaskSettings:
    """Return what the configuration chooses for the backend `name`.

    Raises
    ------
    InvalidRequestError
        It chooses what does not exist, or not where the scheduler is.
    """
    given = dict(options)
    if isinstance(given.get("cluster"), dict):
        given["cluster"] = _read_cluster(name, given["cluster"])
    _check(name, DaskSettings, given)
    settings = DaskSettings(**given)
    if sum(map(bool, (settings.address, settings.scheduler_file, settings.cluster))) != 1:
        raise InvalidRequestError(
            f"The backend {name!r} needs either `address` or `scheduler_file`, or `cluster`."
        )
    if settings.slots is not None and settings.slots < 1:
        raise InvalidRequestError(f"The backend {name!r} needs at least one slot.")
    if settings.lost_retries < 0:
        raise InvalidRequestError(
            f"The backend {name!r} cannot try again less often than never: `lost_retries` is 0 "
            "or more."
        )
    return settings


def _read_cluster(name: str, options: Mapping[str, Any]) -> ClusterSettings:
    given = {"kind" if option == "class" else option: options[option] for option in options}
    _check(name, ClusterSettings, given)
    kind = given.get("kind", "")
    if not _CLASS.fullmatch(kind):
        raise InvalidRequestError(
            f"The `cluster` of the backend {name!r} needs a `class` with its module, such as "
            f"'distributed.LocalCluster', not {kind!r:.100}."
        )
    try:
        json.dumps(given, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(
            f"The `options` of the cluster of {name!r} can be texts, numbers, lists and tables: "
            f"{error}."
        ) from None
    settings = ClusterSettings(**given)
    if not 0 <= settings.minimum <= settings.maximum or settings.maximum < 1:
        raise InvalidRequestError(
            f"The cluster of {name!r} cannot have {settings.minimum} to {settings.maximum} workers."
        )
    return settings


def _check(name: str, kind: type, options: Mapping[str, Any]) -> None:
    """Refuse options that there are not, and values that they cannot have."""
    known = {each.name: each for each in fields(kind)}
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise InvalidRequestError(
            f"The backend {name!r} has no option {unknown[0]!r}; it has: {', '.join(known)}."
        )
    for option, value in options.items():
        kinds = _KINDS[str(known[option].type)]
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise InvalidRequestError(
                f"The option {option!r} of the backend {name!r} cannot be {value!r}."
            )


_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "int | None": (int, type(None)),
    "ClusterSettings | None": (ClusterSettings, type(None)),
    "dict[str, Any]": (dict,),
}
