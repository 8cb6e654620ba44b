"""Clusters of a Dask Gateway: they are the Gateway's, and outlive the keeper."""

from __future__ import annotations

import asyncio
import contextlib
import re
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from typing_extensions import override

from jupyter_async_exec.backends.dask.managers import Manager
from jupyter_async_exec.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jupyter_async_exec.backends.dask.link import Link
    from jupyter_async_exec.backends.dask.roster import Worker
    from jupyter_async_exec.core.json_types import JSONObject

#: What says where a Gateway is and who asks; all else describes the cluster.
_GATEWAY_OPTIONS = ("address", "proxy_address", "public_address", "auth")
_LIVING = ("PENDING", "RUNNING")
#: What a Gateway says when more is asked for than it allows.
_LIMITED = re.compile(r"Scaling to (\d+) instead")

_T = TypeVar("_T")


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


def submit(options: Mapping[str, Any], note: Callable[[JSONObject], None]) -> GatewayManager:
    """Start a cluster; see `starting.start`.

    Raises
    ------
    InvalidRequestError
        The Gateway gives none, or does not answer.
    """
    given = dict(options)
    return _use_gateway(given, lambda gateway: _submit(gateway, given, note))


def find(options: Mapping[str, Any], fields: JSONObject) -> GatewayManager | None:
    """Return the cluster of a keeper that was killed, if it is still there.

    Raises
    ------
    InvalidRequestError
        The Gateway does not answer.
    """
    return _use_gateway(dict(options), lambda gateway: _find(gateway, fields))


def _use_gateway(options: dict[str, Any], use: Callable[[Any], _T]) -> _T:
    """Use a Gateway; of `options`, those are taken that say where it is."""
    where = {name: options.pop(name) for name in _GATEWAY_OPTIONS if name in options}
    with contextlib.ExitStack() as stack:
        try:
            from dask_gateway import Gateway

            gateway = Gateway(**where)
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
