"""Files in S3-compatible storage, or whatever else fsspec reaches: the only room that knows it."""

from __future__ import annotations

import errno
import math
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyter_async_exec.errors import (
    AsyncExecError,
    InvalidRequestError,
    ObjectsAwayError,
    UnavailableError,
)
from jupyter_async_exec.objects.base import Address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from jupyter_async_exec.core.json_types import JSONObject

#: Where a new file is seen whole or not at all, and never written over; elsewhere it is
#: written under another name first.
S3 = frozenset({"s3", "s3a"})
#: A file of up to twice this size is sent at once, a larger one in such parts. The smallest
#: that S3 allows, so that a file of any size costs little memory.
PART_BYTES = 5 * 1024 * 1024
#: S3 allows 10,000.
MAX_PARTS = 9_000
#: Parts of one file on their way at the same time.
N_PARTS = 2
#: S3 answers within a second, or it is away; each request is tried several times.
S3_OPTIONS = {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 3}}
#: The options that say where something is and how to speak to it. No other is told to anybody,
#: because others may open it.
TOLD = frozenset({"endpoint_url", "use_ssl", "requester_pays"})
TOLD_BELOW = {
    "client_kwargs": frozenset({"endpoint_url", "region_name", "use_ssl"}),
    "config_kwargs": frozenset({"region_name", "s3", "signature_version"}),
    "s3": frozenset({"addressing_style"}),
}


@dataclass(frozen=True, slots=True)
class Found:
    """A file there."""

    size_bytes: int
    #: When it was written, by the clock of the storage (Unix time).
    changed_s: float


class Bucket:
    """Files by key (``a/b``) below an address; safe to use from several threads.

    Parameters
    ----------
    url
        Such as ``s3://bucket/prefix``.
    options
        Of fsspec's file system for it, such as `endpoint_url`.

    Raises
    ------
    UnavailableError
        What reaches it is not installed.
    InvalidRequestError
        The address or the options make no sense.
    """

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        self._url = url.rstrip("/")
        protocol = url.partition("://")[0] if "://" in url else ""
        if not protocol:
            raise InvalidRequestError(
                f"{url!r:.200} is no address of an object store; one is such as s3://bucket/prefix."
            )
        self._is_s3 = protocol in S3
        self._told = _choose_told(options or {})
        self._fs, self._root = _connect(self._url, protocol, dict(options or {}))

    def __str__(self) -> str:
        """Return the address."""
        return self._url

    @property
    def address(self) -> Address | None:
        """Where it is, for machines that have a right of their own to it.

        `None` if its address itself holds a secret.
        """
        endpoints = [self._told, self._told.get("client_kwargs", {})]
        hosts = [urlsplit(str(each.get("endpoint_url", ""))).netloc for each in endpoints]
        return None if any("@" in host for host in hosts) else Address(self._url, self._told)

    def find(self, key: str) -> Found | None:
        """Return what is known of a file; None if there is none.

        Raises
        ------
        ObjectsAwayError
            The storage does not answer, or refuses.
        """
        with self._translating():
            try:
                return _found(self._fs.info(self._path(key)))
            except FileNotFoundError:
                return None

    def create(self, key: str, path: Path) -> bool:
        """Write a new file from one on this machine; whether nobody had written it before.

        It is seen by others when it is whole and durable, and not before.

        Raises
        ------
        ObjectsAwayError
            The storage does not answer, or refuses.
        """
        with self._translating():
            if not self._is_s3:
                return self._create_by_name(key, path)
            part_bytes = max(PART_BYTES, math.ceil(path.stat().st_size / MAX_PARTS))
            try:
                self._fs.put_file(
                    str(path),
                    self._path(key),
                    mode="create",
                    chunksize=part_bytes,
                    max_concurrency=N_PARTS,
                )
            except FileExistsError:
                return False
            except FileNotFoundError as error:
                if not path.exists():
                    raise
                raise self._explain(error) from error  # No such bucket.
            return True

    def _create_by_name(self, key: str, path: Path) -> bool:
        target = self._path(key)
        if self._fs.exists(target):
            return False
        temporary = f"{self._root}/.new-{secrets.token_hex(8)}"
        self._fs.put_file(str(path), temporary)
        self._make_folder_of(target)
        self._fs.mv(temporary, target)
        return True

    def mark(self, key: str) -> None:
        """Write an empty file, or give it the time of now.

        Raises
        ------
        ObjectsAwayError
            The storage does not answer, or refuses.
        """
        with self._translating():
            path = self._path(key)
            self._make_folder_of(path)
            self._fs.pipe_file(path, b"")

    def read(self, key: str, n_bytes: int) -> bytes:
        """Return the first bytes of a file.

        Raises
        ------
        FileNotFoundError
            There is none.
        ObjectsAwayError
            The storage does not answer, or refuses.
        """
        with self._translating():
            data: bytes = self._fs.cat_file(self._path(key), start=0, end=n_bytes)
            return data

    def fetch(self, key: str, path: Path) -> None:
        """Write a file to `path` of this machine.

        Raises
        ------
        FileNotFoundError
            There is none.
        ObjectsAwayError
            The storage does not answer, or refuses.
        """
        with self._translating():
            options = {"max_concurrency": 1} if self._is_s3 else {}
            self._fs.get_file(self._path(key), str(path), **options)

    def list(self, folder: str = "") -> Iterator[tuple[str, Found | None]]:
        """Yield names in a folder, each with what is known of the file; None for a folder.

        Raises
        ------
        ObjectsAwayError
            The storage does not answer, or refuses.
        """
        place = self._path(folder) if folder else self._root
        with self._translating():
            try:
                entries = self._fs.ls(place, detail=True)
            except FileNotFoundError:
                return
        for entry in entries:
            name = str(entry["name"]).rstrip("/").rpartition("/")[2]
            if entry["type"] == "directory":
                yield name, None
            elif name and str(entry["name"]).rstrip("/") != place.rstrip("/"):
                yield name, _found(entry)

    def delete(self, key: str) -> None:
        """Remove a file; it is no error when there is none.

        Raises
        ------
        ObjectsAwayError
            The storage does not answer, or refuses.
        """
        with self._translating():
            try:
                self._fs.rm_file(self._path(key))
            except FileNotFoundError:
                return

    def move(self, key: str, target: str) -> None:
        """Give a file another key; what was there gives way.

        Raises
        ------
        FileNotFoundError
            There is none.
        ObjectsAwayError
            The storage does not answer, or refuses.
        """
        with self._translating():
            place = self._path(target)
            self._make_folder_of(place)
            self._fs.cp_file(self._path(key), place)
            self._fs.rm_file(self._path(key))

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _make_folder_of(self, path: str) -> None:
        # S3 has no folders.
        if not self._is_s3:
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Turn whatever may go wrong on the way into a sentence; what is missing stays as it is."""
        try:
            yield
        except (AsyncExecError, FileNotFoundError):
            raise
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise  # On this machine.
            raise self._explain(error) from error
        except Exception as error:
            # Every file system has errors of its own, and not all of them are OSError.
            raise self._explain(error) from error

    def _explain(self, error: Exception) -> ObjectsAwayError:
        if isinstance(error, PermissionError):
            return ObjectsAwayError(
                f"The object store {self._url} refuses ({error}). "
                "Check the credentials of this process and what they allow."
            )
        said = str(error) or type(error).__name__
        return ObjectsAwayError(
            f"The object store {self._url} does not answer ({said:.300}). "
            "Check the network and the storage, and try again."
        )


def _connect(url: str, protocol: str, options: dict[str, Any]) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise _not_installed(url, "fsspec") from None
    if protocol in S3:
        options["config_kwargs"] = {**S3_OPTIONS, **options.get("config_kwargs", {})}
    elif protocol in {"file", "local"}:
        options["auto_mkdir"] = True
    try:
        # What others put must be seen at once.
        fs, root = url_to_fs(url, use_listings_cache=False, skip_instance_cache=True, **options)
    except ImportError as error:
        raise _not_installed(url, str(error)) from error
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidRequestError(
            f"The object store {url} cannot be used as it is configured: {str(error).rstrip('.')}."
        ) from error
    return fs, str(root).rstrip("/")


def _choose_told(options: Mapping[str, Any], names: frozenset[str] = TOLD) -> JSONObject:
    """Return those options that hold no secret."""
    told: JSONObject = {}
    for name, value in options.items():
        if isinstance(value, dict) and name in TOLD_BELOW:
            told[name] = _choose_told(value, TOLD_BELOW[name])
        elif name in names and isinstance(value, str | bool):
            told[name] = value
    return told


def _not_installed(url: str, said: str) -> UnavailableError:
    return UnavailableError(
        f"Objects at {url} need more packages ({said}); run `pip install 'jupyter_async_exec[s3]'`."
    )


def _found(info: Mapping[str, Any]) -> Found:
    changed: Any = info.get("LastModified") or info.get("mtime") or info.get("created") or 0.0
    if hasattr(changed, "timestamp"):
        moment: datetime = changed
        changed = moment.timestamp()
    return Found(int(info.get("size") or 0), float(changed))
