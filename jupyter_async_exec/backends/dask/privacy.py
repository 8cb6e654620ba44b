"""Who else can read what goes to an address of Dask."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_async_exec.backends.dask.roster import Worker

#: A Gateway is only ever reached by TLS; what is `inproc` does not leave the process.
_ENCRYPTED = ("tls", "wss", "gateway", "inproc")


def is_private(address: str) -> bool:
    """Whether nobody else can read what goes there: it is encrypted, or does not leave us."""
    scheme, _, rest = address.partition("://")
    host = rest.rpartition(":")[0].strip("[]")
    return scheme in _ENCRYPTED or _is_loopback(host)


def find_open(worker: Worker, scheduler: str) -> str | None:
    """Return the address on the way to a worker that others can read along; `None` without one.

    Parameters
    ----------
    worker
        Its address says how it is reached from the scheduler, or by us where we reach it.
    scheduler
        The scheduler's address; only looked at where we do not reach the worker.
    """
    way = [worker.address] if worker.is_direct else [scheduler, worker.address]
    return next((address for address in way if not is_private(address)), None)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
