"""Whatever is installed, upgraded or removed changes the fingerprint of an environment."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.service import environment_key as module
from jupyter_async_exec.service.environment_key import environment_key
from jupyter_async_exec.service.ports import KernelInfo
from tests.environments import make_environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the package folder of an environment of its own."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    _, folder = make_environment(tmp_path / "env")
    (folder / "numpy-2.1.0.dist-info").mkdir()
    (folder / "helper.py").write_text("x = 1")
    return folder


@pytest.fixture
def kernel(packages: Path) -> KernelInfo:
    python = packages.parents[2] / "bin" / "python3"
    spec = {"argv": [str(python), "-m", "ipykernel_launcher"], "language": "python", "env": {}}
    return KernelInfo("python3", "Python 3", "python", spec)


def upgrade(packages: Path, tmp_path: Path) -> None:
    (packages / "numpy-2.1.0.dist-info").rename(packages / "numpy-2.2.0.dist-info")


def install(packages: Path, tmp_path: Path) -> None:
    (packages / "scipy-1.0.dist-info").mkdir()


def remove(packages: Path, tmp_path: Path) -> None:
    (packages / "numpy-2.1.0.dist-info").rmdir()


def edit_module(packages: Path, tmp_path: Path) -> None:
    (packages / "helper.py").write_text("x = 12")


def touch_module(packages: Path, tmp_path: Path) -> None:
    os.utime(packages / "helper.py", ns=(1, 1))


def replace_python(packages: Path, tmp_path: Path) -> None:
    (packages.parents[2] / "bin" / "python3").write_text("#! another")


@pytest.mark.parametrize(
    "change", [upgrade, install, remove, edit_module, touch_module, replace_python]
)
def test_every_change_of_an_environment_changes_its_fingerprint(
    kernel: KernelInfo, packages: Path, tmp_path: Path, change: Callable[[Path, Path], None]
) -> None:
    before = environment_key(kernel)
    assert before is not None
    assert environment_key(kernel) == before

    change(packages, tmp_path)

    assert environment_key(kernel) not in (before, None)


def test_code_that_is_installed_where_it_is_edited_counts(
    kernel: KernelInfo, packages: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    (project / "inside").mkdir(parents=True)
    (project / "inside" / "a.py").write_text("1")
    (packages / "project.pth").write_text(f"# here it is\n{project}\n")
    before = environment_key(kernel)

    (project / "inside" / "a.py").write_text("10")

    assert environment_key(kernel) not in (before, None)


def test_code_that_a_link_makes_a_package_of_counts(
    kernel: KernelInfo, packages: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    (project / "inside").mkdir(parents=True)
    (project / "inside" / "a.py").write_text("1")
    (packages / "project").symlink_to(project)
    before = environment_key(kernel)
    assert before is not None

    (project / "inside" / "a.py").write_text("10")

    assert environment_key(kernel) not in (before, None)


def test_what_python_path_adds_counts(
    kernel: KernelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    keys = [environment_key(kernel)]
    monkeypatch.setenv("PYTHONPATH", str(folder))
    keys.append(environment_key(kernel))
    (folder / "a.py").write_text("1")
    keys.append(environment_key(kernel))

    assert len(set(keys)) == 3


def test_a_variable_of_the_kernel_counts(kernel: KernelInfo) -> None:
    other = replace(kernel, spec={**kernel.spec, "env": {"MODE": "fast"}})

    assert environment_key(other) != environment_key(kernel)


def test_what_cannot_be_told_has_no_fingerprint(kernel: KernelInfo, packages: Path) -> None:
    assert environment_key(replace(kernel, language="r")) is None
    assert environment_key(replace(kernel, spec={})) is None
    assert environment_key(replace(kernel, spec={"argv": ["/absent/python"]})) is None


def test_what_python_passes_over_or_cannot_read_does_no_harm(
    kernel: KernelInfo, packages: Path
) -> None:
    (packages / "._project.pth").write_bytes(b"\x00\x05\x16\x07\n")
    assert environment_key(kernel) is not None

    (packages / "project.pth").write_bytes(b"\x00\x05\x16\x07\n")

    assert environment_key(kernel) is None


def test_an_environment_described_in_no_text_has_no_fingerprint(
    kernel: KernelInfo, packages: Path
) -> None:
    (packages.parents[2] / "pyvenv.cfg").write_bytes(b"home = \xff\xfe")

    assert environment_key(kernel) is None


@pytest.mark.parametrize(
    ("name", "code", "is_known"),
    [
        ("__editable__.project-1.pth", "import __editable___project_finder", False),
        ("_project_editable.pth", "import _project_editable", False),
        ("project-editable.pth", "import _project_editable_loader", False),
        ("distutils-precedence.pth", "import os; os.environ.get('SETUPTOOLS')", True),
        ("_virtualenv.pth", "import _virtualenv", True),
        ("project-nspkg.pth", "import sys, types, os;has_mfs = True", True),
    ],
)
def test_code_that_is_found_by_running_code_has_no_fingerprint(
    kernel: KernelInfo, packages: Path, name: str, code: str, is_known: bool
) -> None:
    (packages / name).write_text(code)

    assert (environment_key(kernel) is not None) is is_known


def test_a_python_path_that_is_too_large_to_look_through_has_no_fingerprint(
    kernel: KernelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "home"
    for place in range(12):
        (folder / f"photos-{place}").mkdir(parents=True)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    assert environment_key(kernel) is not None
    monkeypatch.setattr(module, "N_ENTRIES", 10)

    assert environment_key(kernel) is None


def test_a_server_and_a_command_started_by_other_names_of_one_python_agree(
    packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python3 = packages.parents[2] / "bin" / "python3"
    python = python3.with_name("python")
    python.symlink_to(python3)
    kernel = KernelInfo("python3", "Python 3", "python", {"argv": ["python"], "env": {}})
    found = []

    for started_by in (python3, python):
        monkeypatch.setattr(sys, "executable", str(started_by))
        found.append(environment_key(kernel))

    assert found[0] is not None
    assert found[0] == found[1]
