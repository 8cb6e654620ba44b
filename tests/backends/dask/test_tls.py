"""Clusters that let in only who has a certificate."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.backends.dask.settings import DaskSettings
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.testing.backend_contract import wait_for_end
from tests.backends.dask.clusters import START_LIMIT_S, Cluster
from tests.backends.dask.steps import key_of, opened
from tests.backends.executions import claimed
from tests.certificates import NEEDS_OPENSSL, make_certificates

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = NEEDS_OPENSSL


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    return make_certificates(tmp_path / "certificates")


async def test_executions_run_where_only_certificates_are_let_in(
    certificates: Path, tmp_path: Path
) -> None:
    named = {
        "--tls-ca-file": "ca.pem",
        "--tls-cert": "cert.pem",
        "--tls-key": "key.pem",
    }
    options = [word for name, file in named.items() for word in (name, str(certificates / file))]
    objects = LocalObjectStore(tmp_path / "objects")
    quick = claimed(objects, "print('done')")
    with Cluster(tmp_path, options=["--protocol", "tls", *options]) as cluster:
        cluster.start_worker("one")
        settings = DaskSettings(
            address=cluster.address,
            tls_ca_file=str(certificates / "ca.pem"),
            tls_client_cert=str(certificates / "cert.pem"),
            tls_client_key=str(certificates / "key.pem"),
            spares=0,
        )
        async with opened(tmp_path, cluster, objects, options=settings) as backend:
            assert cluster.address.startswith("tls://")
            await backend.start(quick)
            end = await wait_for_end(backend, quick)
            await backend.discard(key_of(quick))

            assert end.result is not None
            assert end.result.status is Status.SUCCEEDED

        stranger = DaskSettings(address=cluster.address)
        refused = opened(tmp_path / "other", cluster, objects, options=stranger, slots=0)
        async with refused as backend:
            async with asyncio.timeout(START_LIMIT_S):
                while "does not answer" not in str((await backend.health()).problem):
                    await asyncio.sleep(0.05)
