"""Objects kept elsewhere, records here: an execution is as whole as ever."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec import run
from jupyter_async_exec.cli.command import run as run_command
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_an_execution_is_read_back_when_nothing_of_it_is_left_on_this_machine(
    tmp_path: Path,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    # The protocol of S3 is spoken in tests/objects.
    ours = {"objects_url": f"file://{tmp_path}/far"}
    (tmp_path / "jupyter_server_config.json").write_text(json.dumps({"AsyncExecApp": ours}))
    (tmp_path / "work").mkdir()
    path = tmp_path / "work" / "a.ipynb"
    cells = ("open('made.txt', 'w').write('made')", "print(open('beside.txt').read())")
    path.write_text(json.dumps(make_notebook(*cells)))
    (path.parent / "beside.txt").write_text("beside")

    done = run(path).wait(120)
    shutil.rmtree(data_dir / "object-cache")

    assert done.status == "succeeded"
    assert done.artifact("made.txt") == b"made"
    assert "beside" in json.dumps(done.notebook())
    assert not (data_dir / "objects").exists()
    assert run_command(["verify", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["damages"], found["n_objects"] > 5) == ([], True)
