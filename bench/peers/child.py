"""A peer that is a library: imported once in a process of its own, then asked line by line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from bench.context import COOKIE
from bench.peers.base import Outcome, Peer
from bench.processes import Family
from bench.servers import cookie

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.context import Context


class ChildPeer(Peer):
    """Drives one module of this folder that ends with ``answer_requests(run)``.

    Parameters
    ----------
    name
        As tables call it.
    module
        Which one.
    may_fail
        Whether a failure is something to tell of, or the end of the bench.
    """

    def __init__(self, context: Context, name: str, module: str, *, may_fail: bool = False) -> None:
        self._may_fail = may_fail
        self.name = name
        home = context.new_folder(module)
        self.family = Family(cookie(home))
        self._output = home / "output.ipynb"
        environment = context.environment(home)
        environment |= {COOKIE: cookie(home)}
        with (home / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"bench.peers.{module}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=home,
                env=environment,
                text=True,
                start_new_session=True,
            )
        self._read()

    @override
    def execute(self, notebook: Path) -> Outcome:
        assert self._process.stdin is not None
        self._output.unlink(missing_ok=True)
        asked_at = time.time()
        request = {"input": str(notebook), "output": str(self._output)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        outcome = Outcome(asked_at=asked_at, **self._read())
        if outcome.status != "succeeded" and not self._may_fail:
            raise RuntimeError(f"{self.name} {outcome.status}")
        return outcome

    @override
    def fetch(self, outcome: Outcome) -> None:
        if self._output.exists():
            outcome.take_notebook(self._output.read_bytes())

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended by itself with {self._process.wait()}.")
        found: dict[str, Any] = json.loads(line)
        return found

    @override
    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self.family.end()


def answer_requests(run: Callable[[Path, Path], dict[str, Any]]) -> None:
    """Answer the requests on standard input with what `run` returns.

    Parameters
    ----------
    run
        Runs the notebook in the first file, writes the second, and returns
        fields of `Outcome`; what it raises becomes a status.
    """
    # Whatever a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print("{}", file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = run(Path(request["input"]), Path(request["output"]))
        except Exception as error:  # noqa: BLE001  how a peer fails is part of what is measured
            traceback.print_exc()
            first_line = str(error).partition("\n")[0][:60]
            answer = {"status": f"failed: {type(error).__name__} {first_line}".strip()}
        answer.setdefault("known_at", time.time())
        print(json.dumps(answer), file=answers, flush=True)
