"""Reading notebook JSON that may be huge, without stalling the process that asks.

The JSON parser of Python holds the interpreter for as long as it takes, in
whatever thread it runs: 50 MB stalled an event loop for 275 ms. Outputs are
most of such a file and no part of an execution, therefore a child process
reads what is large, drops them, and hands the small rest over.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from jupyter_async_exec.errors import InvalidRequestError, UnavailableError

#: Up to this size the parser needs under 5 ms.
SMALL_BYTES = 256 * 1024
#: Reading 500 MB takes about 10 s; what takes longer is refused.
READ_LIMIT_S = 60.0


async def read_json(data: bytes) -> Any:
    """Return the JSON in `data`, without the outputs of notebooks in it if it is large.

    Raises
    ------
    InvalidRequestError
        It is not JSON.
    """
    if len(data) <= SMALL_BYTES:
        return parse_json(data)
    return await asyncio.to_thread(_spooled, data)


async def read_json_file(path: Path) -> Any:
    """Return the JSON in a file, as `read_json` does; `OSError` if it cannot be read."""

    def read() -> Any:
        if path.stat().st_size <= SMALL_BYTES:
            return parse_json(path.read_bytes())
        return _parse_in_child(path)

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


def _spooled(data: bytes) -> Any:
    """Hand `data` to the child through a file: a pipe is fed in pieces of 4 KB."""
    try:
        with tempfile.NamedTemporaryFile(prefix="async-exec-", suffix=".json") as file:
            file.write(data)
            file.flush()
            return _parse_in_child(Path(file.name))
    except OSError as error:
        raise UnavailableError(
            f"The request could not be put down to be read: {error.strerror or error}."
        ) from None


def _parse_in_child(path: Path) -> Any:
    try:
        child = subprocess.run(
            # -P: never a module of the user's from the folder the server was started in.
            [sys.executable, "-P", "-m", "jupyter_async_exec.snapshots.reader", str(path)],
            stdin=subprocess.DEVNULL,
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
    """Read the file named by the argument and write the small rest to standard output."""
    data = Path(sys.argv[1]).read_bytes()
    try:
        answer = {"document": drop_outputs(parse_json(data))}
    except InvalidRequestError as error:
        answer = {"message": error.message}
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=True).encode("ascii"))


if __name__ == "__main__":
    main()
