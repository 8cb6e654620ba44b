"""What the parts are made of: the kernels that are installed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jupyter_client.kernelspec import KernelSpecManager

from jupyter_async_exec.composition import InstalledKernels

if TYPE_CHECKING:
    from pathlib import Path


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
