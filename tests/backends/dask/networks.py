"""Networks of their own for workers, whose cables can be cut; only root on Linux makes them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class ImpossibleError(Exception):
    """Networks cannot be made here; the sentence says why."""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True, timeout=30)


class Networks:
    """Two networks of their own, each joined to ours by a cable."""

    def __init__(self, stack: ExitStack) -> None:
        number = os.getpid() % 250
        self.names = (f"jae{os.getpid()}a", f"jae{os.getpid()}b")
        self._stack = stack
        self.host = f"10.213.{number}.1"
        self._bridge = f"jaebr{number}"
        ip("link", "add", self._bridge, "type", "bridge")
        stack.callback(ip, "link", "del", self._bridge)
        ip("addr", "add", f"{self.host}/24", "dev", self._bridge)
        ip("link", "set", self._bridge, "up")
        for index, name in enumerate(self.names):
            self._add(index, name, f"10.213.{number}.{index + 2}")

    def _add(self, index: int, name: str, address: str) -> None:
        cable = self.cable(index)
        ip("netns", "add", name)
        self._stack.callback(ip, "netns", "del", name)
        ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", cable, "master", self._bridge)
        ip("link", "set", cable, "up")
        for arguments in (
            ("addr", "add", f"{address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            ip("-n", name, *arguments)

    def cable(self, index: int) -> str:
        return f"jae{os.getpid() % 100_000}v{index}"

    def cut(self, index: int) -> None:
        """Let nothing through to a network, nor back."""
        ip("link", "set", self.cable(index), "down")

    def mend(self, index: int) -> None:
        """Let everything through again."""
        ip("link", "set", self.cable(index), "up")


@contextmanager
def made_networks() -> Iterator[Networks]:
    """Make two networks for the length of a block.

    Raises
    ------
    ImpossibleError
        They cannot be made here.
    """
    if sys.platform != "linux" or shutil.which("ip") is None or os.geteuid() != 0:
        raise ImpossibleError("only root on Linux, with `ip`, may make networks")
    with ExitStack() as stack:
        try:
            networks = Networks(stack)
        except subprocess.CalledProcessError as error:
            raise ImpossibleError(f"networks cannot be made here: {error.stderr}") from error
        yield networks


def hiding(folder: Path, network: str) -> list[str]:
    """Return the command below which a process is in another network and sees an empty folder."""
    hide = f'mount -t tmpfs none "{folder}" && exec "$@"'
    return ["ip", "netns", "exec", network, "unshare", "--mount", "sh", "-c", hide, "sh"]
