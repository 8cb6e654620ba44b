"""Every object store keeps the same promises, wherever the bytes are."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.objects.remote import RemoteObjectStore, open_remote
from jupyter_async_exec.testing.object_contract import ObjectStoreContract

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.objects.base import ObjectStore
    from tests.s3 import S3


class TestLocal(ObjectStoreContract):
    @pytest.fixture
    def objects(self, tmp_path: Path) -> LocalObjectStore:
        return LocalObjectStore(tmp_path / "objects")

    @pytest.fixture
    def others(self, objects: ObjectStore, tmp_path: Path) -> LocalObjectStore:
        return LocalObjectStore(tmp_path / "objects")


class TestFolderByItsAddress(ObjectStoreContract):
    @pytest.fixture
    def objects(self, tmp_path: Path) -> RemoteObjectStore:
        return open_remote(f"file://{tmp_path}/far", tmp_path / "cache")

    @pytest.fixture
    def others(self, objects: ObjectStore, tmp_path: Path) -> RemoteObjectStore:
        return open_remote(f"file://{tmp_path}/far", tmp_path / "other cache")


@pytest.mark.slow
class TestS3(ObjectStoreContract):
    @pytest.fixture
    def url(self) -> str:
        return f"s3://bucket/{uuid4().hex}/team"

    @pytest.fixture
    def objects(self, s3: S3, url: str, tmp_path: Path) -> RemoteObjectStore:
        return open_remote(url, tmp_path / "cache", options=s3.options)

    @pytest.fixture
    def others(self, objects: ObjectStore, s3: S3, url: str, tmp_path: Path) -> RemoteObjectStore:
        return open_remote(url, tmp_path / "other cache", options=s3.options)
