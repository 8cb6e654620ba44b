"""Finding an installed kernel by its name, without importing jupyter_client for it."""

from __future__ import annotations

import json
import re
import string
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.errors import KernelMissingError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"^[a-z0-9._-]+$", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_]+)\}")
_PYTHON = re.compile(r"^(pythonw?|pypy)[0-9.]*(\.exe)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSpec:
    """What `kernel.json` says about one kernel."""

    name: str
    resource_dir: str
    argv: tuple[str, ...]
    display_name: str = ""
    language: str = ""
    interrupt_mode: str = "signal"
    env: dict[str, str] = field(default_factory=dict)

    @property
    def is_ipykernel(self) -> bool:
        """Whether it takes ipykernel's options."""
        return any("ipykernel" in part for part in self.argv)

    @property
    def speaks_ipc(self) -> bool:
        """Whether it can be trusted with IPC sockets.

        ipykernel and what is built on it can; several others (IRkernel, IJulia)
        compose the address as if it were TCP.
        """
        return self.is_ipykernel or (
            "-m" in self.argv and bool(_PYTHON.match(Path(self.argv[0]).name))
        )

    def fill_environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the variables the spec adds, references to `environment` filled in."""
        return {
            name: string.Template(value).safe_substitute(environment)
            for name, value in self.env.items()
        }

    def prepared_options(self, interpreter: str) -> list[str] | None:
        """Return the options of `interpreter` if this is its plain IPython kernel, else `None`."""
        command = self.command(Path("f"))
        if self.env or command[0] != interpreter or "-m" not in command:
            return None
        module = command.index("-m")
        options = command[1:module]
        is_plain = all(option.startswith("-X") for option in options)
        is_kernel = command[module + 1 : module + 4] == ["ipykernel_launcher", "-f", "f"]
        return options if is_plain and is_kernel else None

    def command(self, connection_file: Path) -> list[str]:
        """Return the command line, its placeholders filled as jupyter_client does."""
        values = {
            "connection_file": str(connection_file),
            "prefix": sys.prefix,
            "resource_dir": self.resource_dir,
        }
        argv = list(self.argv)
        major, minor = sys.version_info[:2]
        if argv[0] in {"python", f"python{major}", f"python{major}.{minor}"}:
            argv[0] = sys.executable
        argv = [
            _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), part) for part in argv
        ]
        if self.is_ipykernel and not any("HistoryManager.hist_file" in part for part in argv):
            # Many kernels on one history database lock each other out.
            argv.append("--HistoryManager.hist_file=:memory:")
        return argv


def find_kernelspec(name: str) -> KernelSpec:
    """Return the installed kernel of this name.

    Raises
    ------
    KernelMissingError
        There is none, or its `kernel.json` is unusable.
    """
    if not _NAME.match(name):
        raise KernelMissingError(f"{name!r} is no valid kernel name.")
    from jupyter_core.paths import jupyter_path

    for folder in jupyter_path("kernels"):
        found = Path(folder) / name
        if (found / "kernel.json").is_file():
            return _load(name, found)
    return _find_elsewhere(name)


def _load(name: str, folder: Path) -> KernelSpec:
    try:
        return _from_json(name, str(folder), json.loads((folder / "kernel.json").read_bytes()))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise KernelMissingError(
            f"The kernel {name!r} in {folder} cannot be used: its kernel.json is damaged ({error})."
        ) from error


def _find_elsewhere(name: str) -> KernelSpec:
    """Ask jupyter_client, which also knows other cases of the name and the native kernel."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    manager = KernelSpecManager()
    try:
        spec = manager.get_kernel_spec(name)
    except NoSuchKernel as error:
        raise KernelMissingError(
            f"The kernel {name!r} is not installed here.",
            {"installed": sorted(manager.find_kernel_specs())},
        ) from error
    return _from_json(name, spec.resource_dir, spec.to_dict())


def _from_json(name: str, folder: str, fields: dict[str, Any]) -> KernelSpec:
    argv = tuple(str(part) for part in fields["argv"])
    if not argv:
        raise ValueError("argv is empty")
    return KernelSpec(
        name=name,
        resource_dir=folder,
        argv=argv,
        display_name=str(fields.get("display_name", name)),
        language=str(fields.get("language", "")),
        interrupt_mode=str(fields.get("interrupt_mode", "signal")),
        env={str(k): str(v) for k, v in (fields.get("env") or {}).items()},
    )
