"""How late an event loop comes, watched from inside; alone, a loop with nothing else to do."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

#: A halt is underestimated by as much at most; less costs noticeable work.
INTERVAL_S = 0.004
ROOT = Path(__file__).parent.parent


class StallWatch:
    """Asks the loop for a turn again and again and notes how late it came."""

    def __init__(self) -> None:
        self._longest_s = self._own_s = 0.0
        self._is_disregarded = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in the running loop."""
        self._task = asyncio.get_running_loop().create_task(self.run())

    def take_ms(self) -> dict[str, float]:
        """Return the longest delay, and the longest work, since the last call."""
        taken = {"longest_ms": self._longest_s * 1e3, "own_ms": self._own_s * 1e3}
        self._longest_s = self._own_s = 0.0
        return taken

    def disregard(self) -> None:
        """Leave this turn of the loop out: its work is the bench's own."""
        self._is_disregarded = True

    async def run(self) -> None:
        """Watch for ever."""
        while True:
            before, worked_s = time.perf_counter(), time.thread_time()
            await asyncio.sleep(INTERVAL_S)
            late_s = time.perf_counter() - before - INTERVAL_S
            if self._is_disregarded:
                self._is_disregarded = False
                continue
            self._longest_s = max(self._longest_s, late_s)
            self._own_s = max(self._own_s, time.thread_time() - worked_s)


class EmptyLoop:
    """A process with an event loop that does nothing but watch itself.

    What holds it up is the machine: what any server on it would feel.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.stall_watch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=ROOT,
        )

    def take_ms(self) -> float:
        """Return its longest delay since the last call, in ms."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(json.loads(self._process.stdout.readline())["longest_ms"])

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


def main() -> None:
    """Tell of the time since the last line at every line of standard input, until it ends."""
    watch = StallWatch()
    loop = asyncio.new_event_loop()

    def answer() -> None:
        for _ in sys.stdin:
            print(json.dumps(watch.take_ms()), flush=True)
        loop.call_soon_threadsafe(loop.stop)

    threading.Thread(target=answer, daemon=True).start()
    task = loop.create_task(watch.run())
    loop.run_forever()
    task.cancel()


if __name__ == "__main__":
    main()
