"""Backends that the configuration names: built-in kinds, and those of other packages."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from jupyter_async_exec.core.machines import SEPARATOR
from jupyter_async_exec.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jupyter_async_exec.backends.base import Backend
    from jupyter_async_exec.objects.base import ObjectStore
    from jupyter_async_exec.runner.vault import Vault

#: Kind to the module whose `make_backend` makes one; imported only when it is configured.
BUILT_IN = {"dask": "jupyter_async_exec.backends.dask.backend"}
#: Where other packages name theirs.
ENTRY_POINTS = "jupyter_async_exec.backends"
#: Below the data folder; each backend has a folder in it.
BACKENDS = "backends"
LONGEST_NAME = 50


class MakeBackend(Protocol):
    """What a module or an entry point offers."""

    def __call__(
        self,
        name: str,
        options: Mapping[str, Any],
        *,
        directory: Path,
        objects: ObjectStore,
        vault: Vault,
    ) -> Backend:
        """Return the backend; it reaches nobody yet.

        Parameters
        ----------
        name
            What people call it.
        options
            What was chosen, without `class`.
        directory
            Its own folder, on this machine.
        objects
            Where snapshots come from and results go.
        vault
            Where secret parameters wait.

        Raises
        ------
        InvalidRequestError
            The options make no sense.
        """


def make_backends(
    configured: Mapping[str, Any], *, data_dir: Path, objects: ObjectStore, vault: Vault
) -> dict[str, Backend]:
    """Return the configured backends by name.

    Raises
    ------
    InvalidRequestError
        The configuration makes no sense; the sentence says where.
    """
    made: dict[str, Backend] = {}
    for name, described in configured.items():
        _check_name(name)
        options = dict(described) if isinstance(described, dict) else {}
        kind = options.pop("class", None)
        if not isinstance(kind, str):
            raise InvalidRequestError(
                f"The backend {name!r} does not say its `class`, such as 'dask'."
            )
        directory = data_dir / BACKENDS / quote(name, safe=" ")
        make = _find(name, kind)
        made[name] = make(name, options, directory=directory, objects=objects, vault=vault)
    return made


def _check_name(name: str) -> None:
    is_strange = not name.strip() or name.startswith(".") or SEPARATOR in name
    if name == "local" or is_strange or len(name) > LONGEST_NAME:
        raise InvalidRequestError(
            f"No backend can be called {name!r:.100}: `local` is this machine, and a name has "
            f"1 to {LONGEST_NAME} characters, no '@', and no dot in front."
        )


def _find(name: str, kind: str) -> MakeBackend:
    if kind in BUILT_IN:
        make: MakeBackend = import_module(BUILT_IN[kind]).make_backend
        return make
    for point in entry_points(group=ENTRY_POINTS):
        if point.name == kind:
            found: MakeBackend = point.load()
            return found
    known = sorted({*BUILT_IN, *(point.name for point in entry_points(group=ENTRY_POINTS))})
    raise InvalidRequestError(
        f"The backend {name!r} is of the class {kind[:50]!r}, which is not installed; "
        f"there are: {', '.join(known)}."
    )
