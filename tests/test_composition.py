"""What the parts are made of: the kernels that are installed, and the name of the machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from jupyter_async_exec.cli.local_files import LocalFiles
from jupyter_async_exec.composition import House, InstalledKernels, compose
from jupyter_async_exec.settings import Settings
from jupyter_async_exec.testing.factories import make_submission

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres import Cluster


class CountingManager(KernelSpecManager):
    """Counts how often all kernel specs are read."""

    n_reads = 0

    def get_all_specs(self) -> dict[str, object]:
        self.n_reads += 1
        return dict(super().get_all_specs())


def install(folder: Path, name: str) -> None:
    (folder / name).mkdir(parents=True)
    spec = {"argv": ["x"], "display_name": name.title(), "language": "Python"}
    (folder / name / "kernel.json").write_text(json.dumps(spec))


def test_kernels_are_read_again_once_one_was_installed(tmp_path: Path) -> None:
    install(tmp_path, "one")
    manager = CountingManager(kernel_dirs=[str(tmp_path)], ensure_native_kernel=False)
    kernels = InstalledKernels(manager)
    assert set(kernels.find()) == {"one"}

    assert kernels.find()["one"].language == "python"
    assert manager.n_reads == 1

    install(tmp_path, "two")
    assert set(kernels.find()) == {"one", "two"}


@pytest.fixture
def shared_url(cluster: Cluster) -> Iterator[str]:
    """Return the address of a database that machines may share."""
    yield cluster.create("composed")
    cluster.drop("composed")


async def test_what_ran_and_waited_is_still_ours_under_another_host_name(
    shared_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_on(host: str) -> House:
        monkeypatch.setattr("socket.gethostname", lambda: host)
        settings = Settings(
            data_dir=tmp_path / "data",
            store_url=shared_url,
            objects_url=(tmp_path / "objects").as_uri(),
        )
        kernels = InstalledKernels(KernelSpecManager())
        return compose(settings, kernels=kernels, notebook_files=LocalFiles(tmp_path))

    before = open_on("old")
    for _ in range(2):
        before.store.accept(make_submission())
    assert before.store.claim(backend="local") is not None
    await before.stop()

    after = open_on("new")

    assert [each.backend for each in after.store.running()] == ["local"]
    waiting = after.store.claim(backend="local")
    assert waiting is not None
    assert waiting.number == 2
    await after.stop()
