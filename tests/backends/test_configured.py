"""Backends are what the configuration says, and what makes no sense is refused."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.backends.configured import make_backends
from jupyter_async_exec.backends.dask.settings import read_settings
from jupyter_async_exec.backends.local import LocalBackend
from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.runner.vault import Vault

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.backends.base import Backend


def make(tmp_path: Path, configured: dict[str, Any]) -> dict[str, Backend]:
    objects = LocalObjectStore(tmp_path / "objects")
    return make_backends(
        configured, data_dir=tmp_path, objects=objects, vault=Vault(tmp_path / "secrets")
    )


def test_several_clusters_have_names_of_their_own(tmp_path: Path) -> None:
    made = make(
        tmp_path,
        {
            "gpu box": {"class": "dask", "address": "tcp://localhost:1"},
            "lab/2": {"class": "dask", "scheduler_file": "/nowhere.json"},
        },
    )

    assert [backend.name for backend in made.values()] == ["gpu box", "lab/2"]


def test_a_cluster_that_nobody_uses_is_not_imported(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from tests.backends.test_configured import make;"
        f"make(pathlib.Path({str(tmp_path)!r}), "
        "{'a': {'class': 'dask', 'address': 'tcp://localhost:1'}});"
        "assert 'distributed' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("configured", "said"),
    [
        ({"a": {"class": "dask"}}, "either `address` or `scheduler_file`"),
        ({"a": {"class": "dask", "host": "x"}}, "no option 'host'"),
        ({"a": {"class": "dask", "address": "x", "slots": "4"}}, "cannot be '4'"),
        ({"a": {"class": "dask", "address": "x", "slots": 0}}, "at least one slot"),
        ({"a": {"class": "dask", "address": "x", "lost_retries": -1}}, "less often than never"),
        ({"a": {"class": "dask", "cluster": {"class": "Cluster"}}}, "with its module"),
        ({"a": {"class": "dask", "cluster": {"class": "a.b", "maximum": 0}}}, "0 to 0 workers"),
        ({"a": {"class": "dask", "cluster": {"class": "a.b", "size": 3}}}, "no option 'size'"),
        ({"a": {"class": "dask", "cluster": {"class": "a.b"}, "address": "x"}}, "or `cluster`"),
        ({"a": {"class": "cray"}}, "not installed; there are: dask"),
        ({"a": {}}, "does not say its `class`"),
        ({"a": 3}, "does not say its `class`"),
        ({"local": {"class": "dask"}}, "this machine"),
        ({"..": {"class": "dask"}}, "no dot in front"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, configured: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        make(tmp_path, configured)


def test_on_a_cluster_what_was_lost_is_tried_once_more_and_here_it_is_not(tmp_path: Path) -> None:
    backends = make(tmp_path, {"lab": {"class": "dask", "address": "tcp://localhost:1"}})

    assert backends["lab"].lost_retries == 1
    assert LocalBackend.lost_retries == 0


def test_numbers_may_be_whole(tmp_path: Path) -> None:
    settings = read_settings("a", {"address": "tcp://x:1", "lost_after_s": 5, "slots": None})

    assert settings.lost_after_s == 5
    assert settings.slots is None
