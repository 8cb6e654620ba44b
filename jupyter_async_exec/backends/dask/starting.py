"""Starts the cluster that the configuration describes, or finds again what is left of one."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.backends.dask import gateway
from jupyter_async_exec.backends.dask.link import Link, security_of
from jupyter_async_exec.backends.dask.managers import (
    FixedManager,
    LeftManager,
    Manager,
    SpecManager,
)
from jupyter_async_exec.backends.dask.settings import GATEWAY
from jupyter_async_exec.backends.dask.slurm import SlurmManager, is_slurm
from jupyter_async_exec.errors import InvalidRequestError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_async_exec.backends.dask.settings import DaskSettings
    from jupyter_async_exec.core.json_types import JSONObject


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
        return gateway.submit(options, note)
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
    if cluster.new_spec is None:
        return FixedManager(cluster)
    return SlurmManager(cluster) if is_slurm(cluster) else SpecManager(cluster)


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
        return gateway.find(described.options, fields)
    link = Link(there, store_id=store_id)
    try:
        identity = asyncio.run(link.run(link.identity()))
    except UnavailableError:
        link.close()
        return None
    return LeftManager(link, fields, n_workers=len(identity["workers"]))
