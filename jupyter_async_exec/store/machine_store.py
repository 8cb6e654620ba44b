"""The part of the store about the machines that share it: who they are, where their bytes are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.store import codec
from jupyter_async_exec.store.part import StorePart
from jupyter_async_exec.store.settings_store import find_rows, put_row

if TYPE_CHECKING:
    import sqlalchemy as sa

    from jupyter_async_exec.core.json_types import JSONObject

#: Before the name of a machine, among the store-wide choices.
PREFIX = "machine:"


class MachineStore(StorePart):
    """Machines that have used the store, among the settings."""

    def register(self, machine: str, *, folder_id: str, objects_url: str) -> None:
        """Note that a machine uses the store; every time it opens it.

        Parameters
        ----------
        machine
            What it is called.
        folder_id
            Of its data folder, where its attempts are: another folder is another machine.
        objects_url
            Where it keeps objects; empty: in that folder.

        Raises
        ------
        UnavailableError
            The name is taken, or others keep their objects where this one does not look.
        """

        def work(connection: sa.Connection) -> None:
            known = find_rows(connection, PREFIX)
            name = PREFIX + codec.clean(machine)
            own = known.pop(name, None)
            if own is not None and own["folder"] != folder_id:
                raise UnavailableError(
                    f"Another data folder is called {machine!r} in this store: give this server "
                    "a name of its own, with AsyncExecApp.machine."
                )
            for other, facts in known.items():
                if facts["objects"] != objects_url or not objects_url:
                    who = other.removeprefix(PREFIX)
                    where = facts["objects"] or "its own data folder"
                    raise UnavailableError(
                        f"{who!r} shares this store and keeps objects in {where}: let all "
                        "machines keep them in one place, with AsyncExecApp.objects_url."
                    )
            row: JSONObject = {"folder": folder_id, "objects": objects_url}
            if own != row:
                put_row(connection, name, row)

        self._writer.run(work)
