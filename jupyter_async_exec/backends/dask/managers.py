"""What the keeper can ask of a cluster: each of Dask's cluster managers has its own ways."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import re
import sys
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from typing_extensions import override

from jupyter_async_exec.backends.dask.link import Link, security_of, tls_of
from jupyter_async_exec.backends.dask.settings import GATEWAY
from jupyter_async_exec.errors import InvalidRequestError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jupyter_async_exec.backends.dask.roster import Worker
    from jupyter_async_exec.backends.dask.settings import DaskSettings
    from jupyter_async_exec.core.json_types import JSONObject

#: What says where a Gateway is and who asks; all else describes the cluster.
_GATEWAY_OPTIONS = ("address", "proxy_address", "public_address", "auth")
_LIVING = ("PENDING", "RUNNING")
#: What a Gateway says when more is asked for than it allows.
_LIMITED = re.compile(r"Scaling to (\d+) instead")

_T = TypeVar("_T")


class Manager:
    """A cluster that chooses by itself whom it ends, such as one of Kubernetes.

    Parameters
    ----------
    cluster
        As Dask's cluster managers are.
    """

    #: Whether chosen workers can be ended; else only so many of them.
    is_exact = False
    #: Whether there can be more of them.
    can_grow = True
    #: A scheduler that is silent for longer may be gone (s).
    patience_s = 90.0

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        #: More than so many are refused.
        self.limit = sys.maxsize
        #: How many workers were asked for.
        self.n_asked = self.count()

    def count(self) -> int:
        """Return how many workers there are, as far as the cluster has heard."""
        return len((getattr(self._cluster, "scheduler_info", None) or {}).get("workers", ()))

    def describe(self) -> JSONObject:
        """Return where the scheduler is, and what it takes to be let in."""
        address = str(self._cluster.scheduler_address)
        tls = {} if address.startswith("tcp://") else tls_of(self._cluster.security)
        return {"address": address, **tls}

    async def ask(self, n: int) -> None:
        """Have so many workers; who is ended when there are more is not ours to say."""
        await asyncio.to_thread(self._cluster.scale, n)
        self.n_asked = n

    def group(self, workers: Sequence[Worker]) -> list[list[Worker]]:
        """Return those together who can only be ended together."""
        return [list(workers)] if workers else []

    async def end(self, link: Link, workers: Sequence[Worker], n: int) -> None:
        """End these workers; `n` of all that were asked for remain."""
        raise NotImplementedError

    async def is_gone(self) -> bool:
        """Whether a scheduler that has been silent for long will not come back."""
        return True

    def close(self) -> None:
        """End the cluster."""
        self._cluster.close()


class SpecManager(Manager):
    """A cluster that is told about each of its workers, such as jobs of Slurm."""

    is_exact = True

    @override
    def count(self) -> int:
        return len(self._cluster.worker_spec)

    @override
    def group(self, workers: Sequence[Worker]) -> list[list[Worker]]:
        found: dict[object, list[Worker]] = {}
        for worker in workers:
            found.setdefault(self._job_of(worker), []).append(worker)
        # Whom the cluster does not know it cannot end.
        found.pop(None, None)
        return list(found.values())

    @override
    async def end(self, link: Link, workers: Sequence[Worker], n: int) -> None:
        cluster = self._cluster
        self.n_asked = n
        jobs = list({self._job_of(worker) for worker in workers} - {None})
        await asyncio.to_thread(cluster.sync, cluster.scale_down, jobs)

    def _job_of(self, worker: Worker) -> object:
        """Return what the cluster calls a worker, or the job in which it is one of several."""
        jobs = {str(job): job for job in self._cluster.worker_spec}
        name = str(worker.name)
        return jobs.get(name, jobs.get(name.rpartition("-")[0]))


class FixedManager(Manager):
    """A cluster that is there as a whole or not at all, such as one of SSH."""

    can_grow = False

    @override
    def count(self) -> int:
        return len(self._cluster.worker_spec)

    @override
    async def ask(self, n: int) -> None:
        # The same again starts those that ended by themselves.
        await super().ask(self.count())


class LeftManager(Manager):
    """A cluster whose keeper was killed, and with it the manager: it stays until nothing runs.

    Parameters
    ----------
    link
        To its scheduler.
    fields
        What `describe` gave.
    n_workers
        How many there are.
    """

    can_grow = False

    def __init__(self, link: Link, fields: JSONObject, *, n_workers: int) -> None:
        super().__init__(None)
        self._link = link
        self._fields = fields
        self.n_asked = n_workers

    @override
    def describe(self) -> JSONObject:
        return self._fields

    @override
    async def ask(self, n: int) -> None:
        """Do nothing: who is gone stays gone."""

    @override
    def close(self) -> None:
        asyncio.run(self._link.run(self._link.end_scheduler()))
        self._link.close()


class GatewayManager(Manager):
    """A cluster of a Gateway, which replaces workers that end by themselves.

    Parameters
    ----------
    gateway
        The client of it.
    cluster
        A cluster of it that was connected to.
    """

    is_exact = True
    #: The Gateway knows.
    patience_s = 10.0

    def __init__(self, gateway: Any, cluster: Any) -> None:
        super().__init__(cluster)
        self._gateway = gateway

    @override
    def describe(self) -> JSONObject:
        return {**super().describe(), "name": str(self._cluster.name)}

    @override
    async def ask(self, n: int) -> None:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            await super().ask(n)
        for each in said:
            found = _LIMITED.search(str(each.message))
            if found:
                self.n_asked = self.limit = int(found[1])

    @override
    def group(self, workers: Sequence[Worker]) -> list[list[Worker]]:
        # While some are on their way it is not known how many there are when it hears of us.
        return [[worker] for worker in workers] if len(workers) >= self.n_asked else []

    @override
    async def end(self, link: Link, workers: Sequence[Worker], n: int) -> None:
        # Told to have fewer, it would choose them itself. So they are ended first; that fewer
        # are wanted is said before it replaces them, and never while there are more.
        await link.end_workers([worker.address for worker in workers])
        if len((await link.identity())["workers"]) <= n:
            await self.ask(n)

    @override
    async def is_gone(self) -> bool:
        try:
            report = await asyncio.to_thread(self._gateway.get_cluster, self._cluster.name)
        except ValueError:
            return True
        except Exception:  # noqa: BLE001  whatever it was, it has not said that it is gone
            return False
        return report.status.name not in _LIVING

    @override
    def close(self) -> None:
        # Who cannot end it now finds it again: the cluster's own way says nothing of that.
        self._gateway.stop_cluster(self._cluster.name)
        self._cluster.close()
        self._gateway.close()


def start(settings: DaskSettings, note: Callable[[JSONObject], None]) -> Manager:
    """Start what the configuration names.

    Parameters
    ----------
    settings
        With a cluster.
    note
        Called with what `find_left` has to know, as soon as there is something to find.

    Raises
    ------
    InvalidRequestError
        There is no such class, it does not take these options, or nobody answers.
    """
    described = settings.cluster
    assert described is not None
    options = dict(described.options)
    if described.kind == GATEWAY:
        return _use_gateway(options, lambda gateway: _submit(gateway, options, note))
    module, _, name = described.kind.rpartition(".")
    if settings.tls:
        options["security"] = security_of(settings.tls)
    try:
        cluster = getattr(importlib.import_module(module), name)(**options)
    except Exception as error:
        # Whatever it is: the person who wrote the configuration has to know.
        raise InvalidRequestError(
            f"{described.kind} could not be started ({type(error).__name__}: {error})."
        ) from error
    return manager_of(cluster)


def manager_of(cluster: Any) -> Manager:
    """Return how a cluster is dealt with."""
    if not (hasattr(cluster, "worker_spec") and hasattr(cluster, "scale_down")):
        return Manager(cluster)
    return FixedManager(cluster) if cluster.new_spec is None else SpecManager(cluster)


def find_left(
    settings: DaskSettings, there: DaskSettings, fields: JSONObject, *, store_id: str
) -> Manager | None:
    """Return the cluster of a keeper that was killed, if it is still there.

    Parameters
    ----------
    settings
        With a cluster.
    there
        Name the file that says where its scheduler was.
    fields
        What that file says.
    store_id
        Names us to agents.

    Raises
    ------
    InvalidRequestError
        It is not known, because the Gateway does not answer.
    """
    described = settings.cluster
    assert described is not None
    if "name" in fields and described.kind == GATEWAY:
        return _use_gateway(dict(described.options), lambda gateway: _find(gateway, fields))
    link = Link(there, store_id=store_id)
    try:
        identity = asyncio.run(link.run(link.identity()))
    except UnavailableError:
        link.close()
        return None
    return LeftManager(link, fields, n_workers=len(identity["workers"]))


def _use_gateway(options: dict[str, Any], use: Callable[[Any], _T]) -> _T:
    """Use a Gateway; of `options`, those are taken that say where it is."""
    where = {name: options.pop(name) for name in _GATEWAY_OPTIONS if name in options}
    with contextlib.ExitStack() as stack:
        try:
            gateway = importlib.import_module("dask_gateway").Gateway(**where)
            stack.callback(gateway.close)
            found = use(gateway)
        except Exception as error:
            raise InvalidRequestError(_explain(str(where.get("address", "")), error)) from error
        if found is not None:
            stack.pop_all()
        return found


def _submit(
    gateway: Any, options: Mapping[str, Any], note: Callable[[JSONObject], None]
) -> GatewayManager:
    name = str(gateway.submit(**options))
    # Whoever comes after us finds it, also while it starts.
    note({"name": name})
    return GatewayManager(gateway, gateway.connect(name))


def _find(gateway: Any, fields: JSONObject) -> GatewayManager | None:
    try:
        status = gateway.get_cluster(fields["name"]).status.name
    except ValueError:
        return None
    if status not in _LIVING:
        return None
    found = GatewayManager(gateway, gateway.connect(fields["name"]))
    # Some of them may still be on their way.
    found.n_asked = max(found.n_asked, int(fields.get("n_asked", 0)))
    return found


def _explain(address: str, error: Exception) -> str:
    why = f"{type(error).__name__}: {error}"
    if getattr(error, "status", None) in (401, 403):
        return (
            f"The Gateway {address} refuses the login ({why}); set `gateway.auth` in Dask's "
            "configuration."
        )
    if isinstance(error, ImportError):
        return f"A Gateway needs its package: pip install dask-gateway ({why})."
    if isinstance(error, OSError):
        return (
            f"The Gateway {address} does not answer ({why}); start it, or correct the "
            "configuration."
        )
    return f"The Gateway {address} gives no cluster ({why})."
