"""Executions cancelled at random moments after their submission, and what has to be true then."""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.store import ExecutionStore
from tests.faults.ends import check_one_end
from tests.server import Server, printed, processes_in, wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence

#: From the cancel until the execution is final.
FINAL_WITHIN_S = 10.0
N_LINES = 10
LINES = [f"line {index}" for index in range(N_LINES)]
#: What may be running when the cancel comes, with how often it is chosen.
PRINTS = f"import time\nfor index in range({N_LINES}):\n    print(f'line {{index}}', flush=True)\n"
WORK = {
    # Comes to its own end within half a second, so that cancels meet the end too.
    "prints": (PRINTS + "    time.sleep(0.03)", 12),
    "sleeps": (PRINTS + "time.sleep(600)", 4),
    "leaves a daemon": ("import subprocess\nsubprocess.Popen(['setsid', 'nohup', 'sleep', '600'])\n"
                        + PRINTS + "    time.sleep(0.03)", 2),
    "swallows interrupts": (PRINTS + "while True:\n    try:\n        time.sleep(1)\n"
                            "    except KeyboardInterrupt:\n        pass", 1),
    "holds the GIL": (PRINTS + "import ctypes\nctypes.PyDLL(None).sleep(600)", 1),
}  # fmt: skip
#: Shortly after the submission, during the start, anywhere; in seconds.
MOMENTS = ((0.0, 0.05), (0.0, 0.6), (0.0, 2.0))


@dataclass(slots=True)
class Cancels:
    """So many executions, each cancelled at a moment drawn from the seed.

    Parameters
    ----------
    server
        Runs.
    seed
        Of all that is random.
    """

    server: Server
    seed: int
    #: How often each status came out, for each kind of work.
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    longest_s: float = 0.0
    _errors: list[Exception] = field(default_factory=list)

    def run(self, n_cancels: int, *, n_at_once: int = 3) -> None:
        """Submit, cancel, wait for each, some at a time; then look at what is left."""
        dice = random.Random(self.seed)
        plans = [_draw(dice) for _ in range(n_cancels)]
        threads = [
            threading.Thread(target=self._play_all, args=(plans[each::n_at_once],))
            for each in range(n_at_once)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._check_store(n_cancels)
        wait_for(lambda: not processes_in(self.server.data_dir / "attempts"), limit_s=10)
        if self._errors:
            raise ExceptionGroup(f"{len(self._errors)} of {n_cancels}", self._errors)

    def report(self) -> None:
        """Print what came out."""
        statuses = ("cancelled", "succeeded")
        sys.stdout.write("| | " + " | ".join(statuses) + " |\n| --- | --- | --- |\n")
        for work in WORK:
            counts = " | ".join(str(self.outcomes[work, status]) for status in statuses)
            sys.stdout.write(f"| {work} | {counts} |\n")
        sys.stdout.write(f"\nlongest: {self.longest_s:.1f} s\n")

    def _play_all(self, plans: Sequence[tuple[str, float, bool]]) -> None:
        for work, moment_s, twice in plans:
            try:
                self._play(work, moment_s, twice=twice)
            except Exception as error:  # noqa: BLE001  raised again by who started the thread
                self._errors.append(error)

    def _play(self, work: str, moment_s: float, *, twice: bool) -> None:
        number = self.server.submit(WORK[work][0])
        until = time.monotonic() + moment_s
        wait_for(lambda: time.monotonic() >= until)
        asked = time.monotonic()
        for _ in range(1 + twice):
            self.server.call("POST", f"executions/{number}/cancel")
        final = await_final(self.server, number)
        took_s = time.monotonic() - asked
        self.longest_s = max(self.longest_s, took_s)
        self.outcomes[work, final["status"]] += 1
        again = self.server.call("POST", f"executions/{number}/cancel")
        told = f"#{number}, {work}, cancelled {moment_s:.3f} s after its submission"
        assert final["status"] in ("cancelled", "succeeded"), f"{told}: {final}"
        assert took_s < FINAL_WITHIN_S, f"{told}: {took_s:.1f} s"
        assert again["status"] == final["status"], told
        assert work == "prints" or "daemon" in work or final["status"] == "cancelled", told
        check_outputs(self.server, final)

    def _check_store(self, n_cancels: int) -> None:
        store = ExecutionStore(f"sqlite:///{self.server.data_dir / 'store.sqlite'}")
        try:
            for number in range(1, n_cancels + 1):
                check_one_end(store, number)
        finally:
            store.close()


def await_final(server: Server, number: int) -> dict[str, Any]:
    """Ask until it is final, for a little longer than it may take."""
    found: dict[str, Any] = {}

    def is_final() -> bool:
        found.update(server.call("GET", f"executions/{number}"))
        return found["status"] not in ("queued", "running")

    wait_for(is_final, limit_s=2 * FINAL_WITHIN_S)
    return found


def check_outputs(server: Server, execution: dict[str, Any]) -> None:
    """What is kept is the beginning of what was printed, all of it after success."""
    notebook = server.call("GET", f"executions/{execution['number']}/notebook")
    lines = printed(notebook).splitlines()
    assert lines == LINES[: len(lines)], lines
    assert execution["status"] == "cancelled" or lines == LINES, lines


def _draw(dice: random.Random) -> tuple[str, float, bool]:
    work = dice.choices(list(WORK), [weight for _, weight in WORK.values()])[0]
    return work, dice.uniform(*dice.choice(MOMENTS)), dice.random() < 0.3


def main(n_cancels: int, seed: int) -> None:
    """Cancel so many; print what came out."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), "--AsyncExecApp.slots=3")
        server.start()
        try:
            cancels = Cancels(server, seed)
            try:
                cancels.run(n_cancels)
            finally:
                cancels.report()
        finally:
            server.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
