"""Where and with what was measured, in one paragraph."""

from __future__ import annotations

import os
import platform
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "jupyter_async_exec",
    "papermill",
    "nbclient",
    "jupyter_scheduler",
    "ipykernel",
    "jupyter_client",
    "jupyter_server",
    "pyzmq",
)
#: Some 10 ms of work, too short to change what is measured next.
_LOOP_LENGTH = 250_000


def describe() -> str:
    """Return processor, memory, system and versions as a sentence each."""
    cores = os.cpu_count()
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    packages = ", ".join(f"{name} {found}" for name in PACKAGES if (found := _version(name)))
    return (
        f"Machine: {_processor()}, {cores} cores, {memory_bytes / 2**30:.0f} GiB of memory, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}.\n"
        f"Versions: {packages}."
    )


def today() -> str:
    """Return the date in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d")


def pace_ms() -> float:
    """Return how long a fixed loop of plain Python takes just now, in ms; the best of three.

    Shared processors and those that get hot are not equally fast at all times.
    """
    return min(_loop_s() for _ in range(3)) * 1e3


def _loop_s() -> float:
    began = time.perf_counter()
    total = 0
    for each in range(_LOOP_LENGTH):
        total += each * each
    return time.perf_counter() - began


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
