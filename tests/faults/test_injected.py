"""Whichever write fails, and however: said truthfully, nothing half-written is read as whole.

Each operation is done with one of its calls to the system failing: the disk is full or broken,
once or from then on; the process is killed before the call, or in the middle of a write. The
short form tries a few calls of each operation, the long form (``make faults``, or
FAULT_POINTS=1000) all.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="calls are intercepted on Linux"),
    pytest.mark.skipif(COMPILER is None, reason="a C compiler makes what intercepts the calls"),
]

HERE = Path(__file__).parent
N_POINTS = int(os.environ.get("FAULT_POINTS", "1"))
SEED = int(os.environ.get("SEED", "20261121"))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert COMPILER is not None
    path = tmp_path_factory.mktemp("library") / "failing_io.so"
    source = str(HERE / "failing_io.c")
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", str(path), source, "-ldl"], check=True)
    return path


@pytest.mark.parametrize("operation", ["submit", "finish", "trash", "upgrade", "repair"])
def test_a_write_that_fails_loses_nothing_and_is_said(
    library: Path, tmp_path: Path, operation: str
) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.faults.injected"),
            *(operation, str(tmp_path), str(N_POINTS), str(SEED)),
        ],
        env={**os.environ, "LD_PRELOAD": str(library)},
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["problems"] == []
    assert report["n_calls"] > 20
    assert report["said"]
