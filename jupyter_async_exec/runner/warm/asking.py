"""What a kernel has imported and compiled when it is ready: one starts, in a child, and tells.

Imported in the fork server before anything a kernel imports, so it imports
nothing by itself.
"""

from __future__ import annotations

import os
import sys

from jupyter_async_exec.runner.becoming import Become

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    #: A regular expression and its flags.
    Pattern: TypeAlias = tuple[str, int]

#: A kernel that does not answer is ended after this time.
_ASK_LIMIT_S = 60
#: Has everything compiled that reading a cell needs.
_CELL = "%time x = !ls\nx?\n"


def ask_a_kernel() -> tuple[list[str], list[Pattern]]:
    """Start a kernel in a child, as plain as can be.

    Returns
    -------
    names
        Its modules, in the order of their import; none when it could not say.
    patterns
        The regular expressions it has compiled.
    """
    sense, tell = os.pipe()
    child = os.fork()
    if not child:
        os.close(sense)
        raise Become(lambda: _tell(tell))
    os.close(tell)
    content = b""
    while piece := os.read(sense, 1024 * 1024):
        content += piece
    os.close(sense)
    os.waitpid(child, 0)
    import json

    try:
        told = json.loads(content)
    except ValueError:
        return [], []
    return told["modules"], [(pattern, flags) for pattern, flags in told["patterns"]]


def _tell(tell: int) -> int:
    before = set(sys.modules)
    import shutil
    import signal
    import tempfile

    # Should we hang, and whoever waits for us be gone.
    signal.alarm(_ASK_LIMIT_S)
    from ipykernel.kernelapp import IPKernelApp

    folder = tempfile.mkdtemp()
    try:
        # Nobody's startup files: they belong to executions.
        os.environ["IPYTHONDIR"] = folder
        os.environ.pop("PYTHONSTARTUP", None)
        app = IPKernelApp.instance()
        app.initialize(  # type: ignore[no-untyped-call]
            # TCP: a path of a socket may have but 100 characters.
            [f"--f={folder}/c.json", "--ip=127.0.0.1", "--HistoryManager.hist_file=:memory:"]
        )
        ours = {name for name in before if name.split(".")[0] == "jupyter_async_exec"}
        names = [name for name in sys.modules if name not in ours]
        if app.shell is not None:
            app.shell.transform_cell(_CELL)
        import json

        content = json.dumps({"modules": names, "patterns": _compiled()}).encode()
        while content:
            content = content[os.write(tell, content) :]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)


def _compiled() -> list[Pattern]:
    """Return what Python keeps of the regular expressions compiled so far."""
    import re

    keys = getattr(re, "_cache", {})
    return [(pattern, int(flags)) for kind, pattern, flags in keys if kind is str]
