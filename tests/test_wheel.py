"""What a user gets from pip: one wheel, no node, everything in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import make_notebook

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parent.parent


def run(*command: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    done = subprocess.run(
        command, env=env, cwd=cwd, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the checkout as it is, front end included."""
    folder = tmp_path_factory.mktemp("dist")
    run(
        *(sys.executable, "-m", "build", "--wheel", "--no-isolation"),
        *("--skip-dependency-check", "--outdir", folder, REPOSITORY),
    )
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def venv(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel with plain pip into an empty environment, node out of reach."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    run(sys.executable, "-m", "venv", folder)
    # Of all that is installed only a little is used here: nothing is compiled ahead.
    pip = folder / "bin" / "pip"
    run(pip, "install", "--quiet", "--no-compile", wheel, env=without_node(folder))
    return folder


def without_node(venv: Path) -> dict[str, str]:
    environment = {**os.environ, "PATH": f"{venv / 'bin'}:/usr/sbin:/sbin"}
    assert shutil.which("node", path=environment["PATH"]) is None
    return environment


def test_the_front_end_lies_where_jupyterlab_looks(venv: Path) -> None:
    extension = venv / "share" / "jupyter" / "labextensions" / "jupyter_async_exec"

    package = json.loads((extension / "package.json").read_text())
    entry = package["jupyterlab"]["_build"]["load"]

    assert (extension / entry).is_file()
    assert (extension / "schemas" / "jupyter_async_exec" / "plugin.json").is_file()
    assert (extension / "install.json").is_file()


def test_the_server_extension_is_enabled_by_the_installation(venv: Path) -> None:
    enabled = venv / "etc" / "jupyter" / "jupyter_server_config.d" / "jupyter_async_exec.json"
    assert json.loads(enabled.read_text())["ServerApp"]["jpserver_extensions"] == {
        "jupyter_async_exec": True
    }
    run(venv / "bin" / "python", "-c", "from jupyter_async_exec.app import AsyncExecApp")


def test_a_notebook_runs_from_the_installed_command(venv: Path, tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text(json.dumps(make_notebook("print('from the wheel')")))
    environment = {**without_node(venv), "JUPYTER_ASYNC_EXEC_DATA_DIR": str(tmp_path / "data")}

    answer = run(
        *(venv / "bin" / "jupyter", "async-exec", "run", "a.ipynb", "--wait", "--json"),
        env=environment,
        cwd=tmp_path,
    )

    assert json.loads(answer)["status"] == "succeeded"
