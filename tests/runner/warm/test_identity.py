"""What is kept ready is outdated as soon as a new kernel would start otherwise."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.runner.warm.identity import Identity
from tests.environments import make_environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Return the package folder of another environment."""
    _, folder = make_environment(tmp_path / "env", python="python")
    return folder


@pytest.fixture
def install(
    tmp_path: Path, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Identity]:
    """Install a kernel of that environment."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.delenv("PYTHONPATH", raising=False)

    def install(**spec: Any) -> Identity:
        folder = tmp_path / "jupyter" / "kernels" / "other"
        folder.mkdir(parents=True, exist_ok=True)
        python = str(packages.parents[2] / "bin" / "python")
        argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        content = {"argv": argv, "display_name": "Other", "language": "python", **spec}
        (folder / "kernel.json").write_text(json.dumps(content))
        return Identity.now("other")

    return install


def test_it_stays_while_nothing_changes(install: Callable[..., Identity]) -> None:
    assert install() == Identity.now("other")


def test_a_package_installed_into_the_environment_of_the_kernel_changes_it(
    install: Callable[..., Identity], packages: Path
) -> None:
    before = install()

    (packages / "mypkg.pth").write_text("/home/me/mypkg")

    assert Identity.now("other") != before


def test_a_link_to_another_project_in_that_environment_changes_it(
    install: Callable[..., Identity], packages: Path
) -> None:
    link = packages / "mypkg.pth"
    link.write_text("/home/me/mypkg")
    before = install()

    link.write_text("/home/me/mypkg2")

    assert Identity.now("other") != before


def test_another_spec_or_variable_changes_it(
    install: Callable[..., Identity], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = install()
    other_name = install(display_name="Renamed")
    monkeypatch.setenv("SOMETHING_NEW", "1")

    assert len({str(before), str(other_name), str(Identity.now("other"))}) == 3


@pytest.mark.parametrize(
    ("variables", "may_wait"),
    [
        ({}, True),
        ({"PYTHONPATH": "/lib"}, True),
        ({"PYTHONPATH": "lib"}, False),
        ({"PYTHONPATH": "lib:${PYTHONPATH}"}, False),
    ],
)
def test_a_kernel_whose_imports_depend_on_the_folder_starts_there(
    install: Callable[..., Identity], variables: dict[str, str], may_wait: bool
) -> None:
    assert install(env=variables).may_wait is may_wait


def test_a_kernel_that_is_not_installed_does_not_wait() -> None:
    assert not Identity.now("nobody-installed-it").may_wait
