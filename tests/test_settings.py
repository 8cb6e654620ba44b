"""What can be configured reaches the house."""

from __future__ import annotations

from dataclasses import fields

import pytest

from jupyter_async_exec.app import AsyncExecApp
from jupyter_async_exec.core.execution import LIMIT_NAMES
from jupyter_async_exec.defaults import default_data_dir, default_owner
from jupyter_async_exec.settings import (
    CAPTURE_LIMIT_NAMES,
    ROOM_LIMIT_NAMES,
    Settings,
    read_settings,
)

RENAMED = {"data_dir_path", *LIMIT_NAMES, *CAPTURE_LIMIT_NAMES, *ROOM_LIMIT_NAMES}


@pytest.mark.parametrize("name", sorted(AsyncExecApp.class_own_traits(config=True)))
def test_every_trait_of_the_server_is_a_setting(name: str) -> None:
    assert name in {each.name for each in fields(Settings)} | RENAMED


def test_what_the_configuration_calls_otherwise_is_found() -> None:
    found = read_settings(
        {"data_dir_path": "/x", "silence_limit_s": 2.0, "max_file_bytes": 3, "max_queued": 4}
    )

    assert str(found.data_dir) == "/x"
    assert found.default_limits.silence_s == 2.0
    assert (found.capture_limits.file_bytes, found.room_limits.max_queued) == (3, 4)


def test_empty_names_are_none() -> None:
    found = read_settings({"data_dir_path": "", "owner": ""})

    assert (found.data_dir, found.owner) == (default_data_dir(), default_owner())
