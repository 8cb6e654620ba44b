"""What is configured for servers holds for commands, so that both find the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.cli.session import configured
from jupyter_async_exec.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    Configure = Callable[..., None]


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Write what is chosen into the server's file."""
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))

    def write(**chosen: Any) -> None:
        text = json.dumps({"AsyncExecApp": chosen})
        (tmp_path / "jupyter_server_config.json").write_text(text)

    return write


def test_where_nothing_is_chosen_all_is_as_ever(configure: Configure) -> None:
    configure()

    assert configured() == Settings()


def test_commands_look_where_servers_keep_executions(configure: Configure) -> None:
    configure(data_dir_path="~/elsewhere")

    assert configured().data_dir == Path.home() / "elsewhere"


def test_commands_run_and_capture_as_servers_do(configure: Configure) -> None:
    configure(slots=3, nice=0, gpus=[], max_file_bytes=5, max_queued=7)

    found = configured()

    assert (found.slots, found.nice, found.gpus) == (3, 0, [])
    assert found.capture_limits.file_bytes == 5
    assert found.room_limits.max_queued == 7


def test_limits_of_servers_are_their_own(configure: Configure) -> None:
    configure(run_time_limit_s=9.0, memory_limit_bytes=1, nothing_of_ours=2)

    assert configured() == Settings()
