"""Limits in the units people use become seconds and bytes, or a sentence."""

from __future__ import annotations

import argparse

import pytest

from jupyter_async_exec.cli.limits import add_limit_options, read_limits
from jupyter_async_exec.errors import InvalidRequestError


def read(*arguments: str) -> dict[str, float | int | None]:
    parser = argparse.ArgumentParser()
    add_limit_options(parser)
    return read_limits(parser.parse_args(arguments))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), {}),
        (("--run-time-limit", "90"), {"run_time_s": 90}),
        (("--run-time-limit", "1.5h", "--silence-limit", "10 min"),
         {"run_time_s": 5400, "silence_s": 600}),
        (("--memory-limit", "16GB"), {"memory_bytes": 16_000_000_000}),
        (("--memory-limit", "1.5 GiB"), {"memory_bytes": 1_610_612_736}),
        (("--output-limit", "500kB"), {"output_bytes": 500_000}),
        (("--output-limit", "none", "--memory-limit", "None"),
         {"output_bytes": None, "memory_bytes": None}),
    ],
)  # fmt: skip
def test_a_limit_is_read(
    arguments: tuple[str, ...], expected: dict[str, float | int | None]
) -> None:
    assert read(*arguments) == expected


@pytest.mark.parametrize("text", ["", "0", "-1", "much", "16 bananas", "1e9", "٣", "inf", "nan"])
def test_what_is_no_limit_is_refused_with_what_would_be(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="write a number above 0 and one of b, kb, mb"):
        read(f"--memory-limit={text}")
