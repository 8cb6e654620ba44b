"""What a notebook runs in: the packages its kernel can import, interpreter, system, processors.

The kernel is asked together with the first cell, and answers when that has
succeeded: nothing is waited for before any code of the notebook runs, and its
names and its history do not change. Packages are known by the names of their
metadata folders, which takes half a millisecond for two hundred of them; to
read what is in the folders would take a hundred times as long.
"""

from __future__ import annotations

import ast
import functools
import json
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONObject

_CODE = """
def find():
    import json, os, platform, sys
    packages = {}
    here = os.getcwd()
    for folder in dict.fromkeys(sys.path):
        if not folder or folder == here:
            continue
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            if name.endswith(('.dist-info', '.egg-info')):
                project, *rest = name[:-10].split('-')
                if rest:
                    project = project.lower().replace('_', '-').replace('.', '-')
                    packages.setdefault(project, rest[0])
    return json.dumps({
        'python': platform.python_version(),
        'implementation': platform.python_implementation(),
        'prefix': sys.prefix,
        'packages': packages,
    })
"""
_NAME = "environment"
#: To be asked together with a cell of an IPython kernel.
QUESTION = {_NAME: f"(lambda space: (exec({_CODE!r}, space), space['find']())[1])({{}})"}

#: More packages, or longer texts, are no environment.
MOST_PACKAGES = 10_000
LONGEST_TEXT = 1_000
#: Of `/proc/cpuinfo`, whose first lines name the processor; with many it takes long to make.
_CPU_INFO_BYTES = 2048


def environment_in(reply: JSONObject) -> JSONObject | None:
    """Return what the kernel answered, with what its machine is; `None` if it did not answer."""
    expression = (reply.get("user_expressions") or {}).get(_NAME) or {}
    text = (expression.get("data") or {}).get("text/plain")
    try:
        found = json.loads(ast.literal_eval(str(text)))
        packages = {str(name): str(version) for name, version in found["packages"].items()}
        fields = {name: str(found[name]) for name in ("python", "implementation", "prefix")}
    except (ValueError, TypeError, KeyError, AttributeError, SyntaxError, RecursionError):
        return None
    texts = (*packages, *packages.values(), *fields.values())
    if len(packages) > MOST_PACKAGES or any(len(each) > LONGEST_TEXT for each in texts):
        return None
    return {**fields, "packages": packages, **describe_hardware()}


def describe_kernel(language_info: JSONObject) -> JSONObject:
    """Return what is known of a kernel that cannot be asked: its language, and the machine."""
    return {
        "language": str(language_info.get("name", ""))[:LONGEST_TEXT],
        "version": str(language_info.get("version", ""))[:LONGEST_TEXT],
        **describe_hardware(),
    }


@functools.cache
def describe_hardware() -> JSONObject:
    """Return `platform`, `cpu`, `n_cpus` and `gpus` of this machine."""
    return {
        "platform": platform.platform(),
        "cpu": _cpu(),
        "n_cpus": os.cpu_count() or 1,
        "gpus": _gpus(),
    }


def _cpu() -> str:
    try:
        with Path("/proc/cpuinfo").open("rb", buffering=0) as file:
            start = file.read(_CPU_INFO_BYTES).decode("utf-8", "replace")
    except OSError:
        return platform.processor() or platform.machine()
    for line in start.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _gpus() -> list[str]:
    """Return the models of NVIDIA's processors, as the driver names them."""
    found = []
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
        found.extend(models[:1])
    return found
