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

    def register(
        self, machine: str, *, host: str, folder_id: str, inode: str, objects_url: str
    ) -> str:
        """Note that a machine uses the store, every time it opens it; return its name.

        Parameters
        ----------
        machine
            What it is to be called; empty: what its data folder is called already, at first `host`.
        host
            Its host name, which may be another the next time.
        folder_id
            Of its data folder, where its attempts are: another folder is another machine.
        inode
            Of the file with that id: a copy of a data folder is another folder.
        objects_url
            Where it keeps objects; empty: in that folder.

        Raises
        ------
        UnavailableError
            The name is taken, or the folder has another, or others keep their objects where
            this one does not look.
        """

        def work(connection: sa.Connection) -> str:
            rows = find_rows(connection, PREFIX)
            known = {name.removeprefix(PREFIX): facts for name, facts in rows.items()}
            ours = [
                name
                for name, facts in sorted(known.items())
                if facts["folder"] == folder_id and facts.get("inode", inode) == inode
            ]
            name = codec.clean(machine or host)
            if ours and name not in ours:
                if machine:
                    raise UnavailableError(
                        f"This data folder is called {ours[0]!r} in this store and keeps its name: "
                        "set AsyncExecApp.machine to that, or leave it out."
                    )
                # What runs and waits here is recorded under that name.
                name = ours[0]
            if name in known and known[name]["folder"] != folder_id:
                raise UnavailableError(
                    f"Another data folder is called {name!r} in this store: give this server "
                    "a name of its own, with AsyncExecApp.machine."
                )
            for other in known.keys() - {name, *ours}:
                objects = known[other]["objects"]
                if objects != objects_url or not objects_url:
                    where = objects or "its own data folder"
                    raise UnavailableError(
                        f"{other!r} shares this store and keeps objects in {where}: let all "
                        "machines keep them in one place, with AsyncExecApp.objects_url."
                    )
            row: JSONObject = {"folder": folder_id, "inode": inode, "objects": objects_url}
            if known.get(name) != row:
                put_row(connection, PREFIX + name, row)
            return name

        return self._writer.run(work)
