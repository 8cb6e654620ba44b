"""Where secret parameters wait until their runner takes them: one private file per execution."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import DiskFullError, UnavailableError
from jupyter_async_exec.runner import files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_async_exec.core.json_types import JSONValue

#: The folder's name, beside the attempts.
SECRETS = "secrets"
#: All values of an execution together have at most 1 MB.
LARGEST_BYTES = 4_000_000
FINGERPRINT_DIGITS = 8
_KEY = "key"
_KEY_BYTES = 32
_SUFFIX = ".json"


class Vault:
    """Secret values of executions that have not begun.

    A file is written before the execution is accepted and removed when its
    first cell is about to run, or when it has ended without.

    Parameters
    ----------
    directory
        Private folder (0700); made when it is needed.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, execution_id: str) -> Path:
        """Return the file of an execution, whether it is there or not."""
        return self._directory / f"{execution_id}{_SUFFIX}"

    def put(self, execution_id: str, values: dict[str, JSONValue]) -> None:
        """Keep the values of an execution, durably.

        Raises
        ------
        DiskFullError, UnavailableError
            They could not be written.
        """
        content = json.dumps(values, allow_nan=False).encode("ascii")
        with self._writing():
            files.write_whole(self.path(execution_id), content)

    def discard(self, execution_id: str) -> None:
        """Forget the values of an execution, if there are any."""
        with contextlib.suppress(OSError):
            self.path(execution_id).unlink(missing_ok=True)

    def kept(self) -> list[tuple[str, float]]:
        """Return the executions whose values are here, and when each was put (Unix time, s)."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for path in self._directory.glob(f"*{_SUFFIX}"):
                with contextlib.suppress(OSError):
                    found.append((path.stem, path.stat().st_mtime))
        return found

    def fingerprint(self, value: JSONValue) -> str:
        """Return 8 hexadecimal digits, equal for equal values, that tell nothing without our key.

        Raises
        ------
        DiskFullError, UnavailableError
            The key could not be made.
        """
        content = json.dumps(value, sort_keys=True).encode("ascii")
        digest = hmac.new(self._key(), content, hashlib.sha256)
        return digest.hexdigest()[:FINGERPRINT_DIGITS]

    def _key(self) -> bytes:
        path = self._directory / _KEY
        with self._writing():
            if not path.exists():
                mine = path.with_name(f".{_KEY}.{secrets.token_hex(4)}")
                files.write_whole(mine, secrets.token_bytes(_KEY_BYTES))
                try:
                    # Whoever is first wins, whole.
                    os.link(mine, path)
                except FileExistsError:
                    pass
                finally:
                    mine.unlink()
            return path.read_bytes()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            yield
        except OSError as error:
            if error.errno in files.FULL_ERRNOS:
                raise DiskFullError("There is no room to hand over the secrets.") from error
            raise UnavailableError(
                f"The secrets cannot be handed over: {error.strerror or error}."
            ) from error


def read_secrets(path: Path) -> dict[str, JSONValue]:
    """Return what `Vault.put` wrote; nothing where nothing is."""
    content = files.read_bounded(path, limit_bytes=LARGEST_BYTES)
    try:
        values = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
