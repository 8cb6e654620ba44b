"""Reading notebook JSON that may be huge, without stalling the process that asks.

The JSON parser of Python holds the interpreter for as long as it takes, in
whatever thread it runs: 50 MB stalled an event loop for 275 ms. Outputs are
most of such a file and no part of an execution, therefore a child process
reads what is large, drops them, and hands the small rest over. What comes over
the network goes to a file as it comes: gathered in memory, 50 MB stalled it
for another 30 ms, and whoever held the request held all of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, NoReturn

from jupyter_async_exec.errors import InvalidRequestError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Up to this size the parser needs under 5 ms.
SMALL_BYTES = 256 * 1024
#: Reading 500 MB takes about 10 s; what takes longer is refused.
READ_LIMIT_S = 60.0
#: So much is gathered before it is written to a file.
PORTION_BYTES = 1024 * 1024


class IncomingJSON:
    """JSON that comes in pieces: in memory while it is small, else in a file without a name."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._pieces: list[bytes] = []
        self._pending_bytes = 0
        self._file: IO[bytes] | None = None
        self._error: OSError | None = None
        self._is_busy = False
        self._is_closed = False

    async def take(self, piece: bytes) -> None:
        """Add what has come; what is wrong with the file is told by `read`."""
        if self._error is not None or self._is_closed:
            return
        self._pieces.append(piece)
        self.size_bytes += len(piece)
        self._pending_bytes += len(piece)
        if self._pending_bytes >= PORTION_BYTES:
            with self._busy():
                await asyncio.to_thread(self._put_down)

    async def read(self) -> Any:
        """Return it when all has come, without the outputs of notebooks in it if it is large.

        Raises
        ------
        InvalidRequestError
            It is not JSON.
        UnavailableError
            There is no room to put it down.
        """
        if self.size_bytes <= SMALL_BYTES:
            return parse_json(b"".join(self._pieces))
        with self._busy():
            return await asyncio.to_thread(self._read_file)

    def close(self) -> None:
        """Forget it, as soon as no thread works on it."""
        self._is_closed = True
        if not self._is_busy:
            self._pieces.clear()
            if self._file is not None and not self._file.closed:
                self._close_file(self._file)

    def _close_file(self, file: IO[bytes]) -> None:
        # In a thread: 60 MB that go with it take the system 5 ms.
        try:
            asyncio.get_running_loop().run_in_executor(None, file.close)
        except RuntimeError:  # the server stops
            file.close()

    @contextmanager
    def _busy(self) -> Iterator[None]:
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False
            if self._is_closed:
                self.close()

    def _put_down(self) -> None:
        pieces, self._pieces, self._pending_bytes = self._pieces, [], 0
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="async-exec-")  # noqa: SIM115  see `close`
            self._file.write(b"".join(pieces))
        except OSError as error:
            self._error = error

    def _read_file(self) -> Any:
        if self._error is None:
            self._put_down()
        if self._error is not None or self._file is None:
            why = self._error and (self._error.strerror or self._error)
            raise UnavailableError(f"The request could not be put down to be read: {why}.")
        try:
            self._file.seek(0)
            return _parse_in_child(self._file)
        except OSError as error:
            raise UnavailableError(
                f"The request could not be read: {error.strerror or error}."
            ) from None
        finally:
            self._file.close()


async def read_json_file(path: Path) -> Any:
    """Return the JSON in a file, without outputs if it is large.

    Raises
    ------
    InvalidRequestError
        It is not JSON.
    OSError
        It cannot be read.
    """

    def read() -> Any:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size <= SMALL_BYTES:
                return parse_json(file.read())
            return _parse_in_child(file)

    return await asyncio.to_thread(read)


def parse_json(data: bytes) -> Any:
    """Return the JSON in `data`, strictly: no NaN, no infinity, valid UTF-8.

    Raises
    ------
    InvalidRequestError
        It is not JSON.
    """
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except RecursionError:
        raise InvalidRequestError("It is nested too deeply to be read.") from None
    except UnicodeDecodeError:
        raise InvalidRequestError("It is not UTF-8 text, therefore not JSON.") from None
    except json.JSONDecodeError as error:
        raise InvalidRequestError(f"It is not JSON: {error}.") from None
    except ValueError:
        # What Python itself refuses to read.
        raise InvalidRequestError("It holds a number of thousands of digits.") from None


def drop_outputs(document: Any) -> Any:
    """Remove the outputs of a notebook, or of the one under the key `notebook`; in place."""
    if isinstance(document, dict):
        notebook = document.get("notebook", document)
        if isinstance(notebook, dict):
            sheets = notebook.get("worksheets")
            parts = [notebook, *(sheets if isinstance(sheets, list) else [])]
            for part in parts:
                _drop_cell_outputs(part)
    return document


def _drop_cell_outputs(part: Any) -> None:
    cells = part.get("cells") if isinstance(part, dict) else None
    for cell in cells if isinstance(cells, list) else []:
        if isinstance(cell, dict) and isinstance(cell.get("outputs"), list):
            cell["outputs"] = []


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidRequestError(f"It is not JSON, which has no {name}.")


def _parse_in_child(file: IO[bytes]) -> Any:
    """Have a child read `file` from where it stands."""
    try:
        child = subprocess.run(
            # -P: never a module of the user's from the folder the server was started in.
            [sys.executable, "-P", "-m", "jupyter_async_exec.snapshots.reader"],
            stdin=file,
            capture_output=True,
            timeout=READ_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InvalidRequestError("It is too large to be read in a minute.") from None
    answer = parse_json(child.stdout) if child.stdout else None
    if not isinstance(answer, dict):
        raise InvalidRequestError("It could not be read; it may be too large for the memory.")
    if "message" in answer:
        raise InvalidRequestError(answer["message"])
    return answer["document"]


def main() -> None:
    """Read standard input and write the small rest to standard output."""
    data = sys.stdin.buffer.read()
    try:
        answer = {"document": drop_outputs(parse_json(data))}
    except InvalidRequestError as error:
        answer = {"message": error.message}
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=True).encode("ascii"))


if __name__ == "__main__":
    main()
