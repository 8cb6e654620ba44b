"""Stands between the store and PostgreSQL, and cuts the connection where a test wants it."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

#: As PostgreSQL names its socket, and libpq looks for it in a folder.
SOCKET = ".s.PGSQL.5432"
COMMIT = b"COMMIT"

Cut: TypeAlias = Literal["before", "after"]


class Cutter:
    """A socket in `folder` that passes everything on to the server's.

    Parameters
    ----------
    folder
        Where the socket is; the host of an address that leads here.
    server
        The folder with the server's socket.
    """

    def __init__(self, folder: Path, server: Path) -> None:
        self._server = str(server / SOCKET)
        self._cut: Cut | None = None
        #: Whether nobody is let in any more.
        self.is_closed = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / SOCKET))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, how: Cut) -> None:
        """Cut at the next end of a transaction: it never arrives, or its answer never does."""
        self._cut = how

    def has_cut(self) -> bool:
        """Whether that has happened."""
        return self._cut is None

    def close(self) -> None:
        self.is_closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.is_closed:
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                for work in (self._ask, self._answer):
                    threading.Thread(target=work, args=(client, server), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65_536):
                if COMMIT in data and self._cut is not None:
                    how, self._cut = self._cut, None
                    # The other direction ends first, so that no answer comes.
                    client.shutdown(socket.SHUT_RDWR)
                    if how == "after":
                        server.sendall(data)
                        # Wait until it has answered.
                        server.recv(1)
                    break
                server.sendall(data)
        _end(client, server)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65_536):
                client.sendall(data)
        _end(client, server)


def _end(*ends: socket.socket) -> None:
    for each in ends:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
