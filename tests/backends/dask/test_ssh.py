"""Executions run on a cluster that is started through SSH."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.objects.local import LocalObjectStore
from tests.backends.dask.keepers import kill_server_and_keeper
from tests.backends.dask.sshd import Sshd, why_not

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
    pytest.mark.skipif(find_spec("asyncssh") is None, reason="needs asyncssh"),
]


async def test_executions_outlive_server_and_keeper_there_and_the_cluster_ends_at_last(
    tmp_path: Path,
) -> None:
    objects = LocalObjectStore(tmp_path / "objects")
    with Sshd(tmp_path) as sshd:
        options = {
            "hosts": ["127.0.0.1", "127.0.0.1"],
            "connect_options": sshd.connect_options,
            "scheduler_options": {"host": "127.0.0.1", "dashboard": False},
            "worker_options": {"nthreads": 1, "local_directory": str(tmp_path / "machine")},
        }

        story = await kill_server_and_keeper(tmp_path, objects, "distributed.SSHCluster", options)

    assert story.result.status is Status.CANCELLED
    assert story.files == {"made.txt": b"here"}
