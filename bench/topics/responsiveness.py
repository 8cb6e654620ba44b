"""How long a server stops answering while something large is submitted to it."""

from __future__ import annotations

import base64
import json
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from bench import notebooks
from bench.figures import Sample, spread
from bench.peers.ours import Ours
from bench.peers.scheduler import Scheduler
from bench.pinger import Pinger
from bench.report import Section, Table
from bench.servers import OURS, SCHEDULER, serve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.context import Context
    from bench.servers import Server

T = TypeVar("T")
US, THEM = "jupyter_async_exec", "jupyter-scheduler"
#: Goes on asking for so long after the submission.
SETTLE_S = 1.0
PIECE_BYTES = 256 * 1024
TEXT = """\
`GET /api/status` is asked every 10 ms, by a process of its own, while a notebook is submitted
and for a second afterwards; a fresh server each round.
*Answer*: the slowest of a round. *Loop*: the longest halt of the event loop,
measured inside the server. *Submitted*: until the request was answered. All in ms."""


@dataclass(frozen=True, slots=True)
class Case:
    """Something to submit."""

    name: str
    #: Notebook path below the server's root.
    path: str
    input_folder: bool = False
    send_notebook: bool = False


@dataclass(frozen=True, slots=True)
class Stall:
    """One submission, in ms."""

    answer_ms: float
    loop_ms: float
    submit_ms: float


def measure(context: Context) -> Section:
    """Measure all cases on fresh servers."""
    root = context.new_folder("root")
    cases = _make_root(root)
    if context.quick:
        cases = [case for case in cases if not case.send_notebook]
    contenders = {US: partial(_ours, context, root, cases)}
    if context.has_scheduler and not context.quick:
        contenders[THEM] = partial(_scheduler, context, root, cases)
    found = context.alternate(contenders, rounds=context.choose(None, 1))
    table = Table(["Submitted", "", "Answer", "Loop", "Submitted in"])
    for case in cases:
        for name, rounds in found.items():
            stalls = [round_[case.name] for round_ in rounds if case.name in round_]
            if not stalls:
                table.add(case.name, name, "not offered", "", "")
                continue
            table.add(
                case.name,
                name,
                spread(Sample.of(each.answer_ms for each in stalls)),
                spread(Sample.of(each.loop_ms for each in stalls)),
                spread(Sample.of(each.submit_ms for each in stalls), digits=3),
            )
    return Section("responsiveness", "While something large is submitted", TEXT, [table])


def _make_root(root: Path) -> list[Case]:
    """Fill `root` with what is submitted."""
    (root / "large").mkdir()
    notebook = notebooks.make(["1"] * 38)
    payload = base64.b64encode(os.urandom(1_000_000)).decode()
    for cell in notebook["cells"][1:]:
        data = {"image/png": payload}
        cell["outputs"] = [{"output_type": "display_data", "data": data, "metadata": {}}]
    (root / "large" / "large.ipynb").write_text(json.dumps(notebook))
    (root / "many").mkdir()
    (root / "many" / "many.ipynb").write_text(json.dumps(notebooks.make(["1 + 1"])))
    for index in range(5_000):
        folder = root / "many" / f"part{index % 50}"
        folder.mkdir(exist_ok=True)
        (folder / f"{index}.csv").write_bytes(os.urandom(1_000))
    return [
        Case("a 50 MB notebook, by path", "large/large.ipynb"),
        Case("a 50 MB notebook, in the request", "large/large.ipynb", send_notebook=True),
        Case("a folder of 5,000 files", "many/many.ipynb", input_folder=True),
        Case("the same folder again", "many/many.ipynb", input_folder=True),
    ]


def _ours(context: Context, root: Path, cases: list[Case]) -> dict[str, Stall]:
    with ExitStack() as stack:
        server = stack.enter_context(serve(context, OURS, root=root))
        ours = stack.enter_context(Ours(server))
        found = {}
        for case in cases:
            number, found[case.name] = _watch(server, partial(_post, server, case))
            ours.events.wait_for_end(number, limit_s=120)
        return found


def _post(server: Server, case: Case) -> int:
    body: dict[str, Any] = {"path": case.path}
    content = json.dumps(body).encode()
    if case.send_notebook:
        notebook = (server.root / case.path).read_bytes()
        content = b'{"path": "large.ipynb", "notebook": ' + notebook + b"}"
    # Of what is sent in one piece httpx copies the rest with every system call: 50 MB take 4 s.
    pieces = (content[at : at + PIECE_BYTES] for at in range(0, len(content), PIECE_BYTES))
    length = {"Content-Length": str(len(content))}
    answer = server.http.post("async-exec/executions", content=pieces, headers=length)
    answer.raise_for_status()
    return int(answer.json()["number"])


def _scheduler(context: Context, root: Path, cases: list[Case]) -> dict[str, Stall]:
    with serve(context, SCHEDULER, root=root) as server:
        scheduler = Scheduler(server)
        return {
            case.name: _watch(
                server,
                partial(scheduler.submit, case.path, package_input_folder=case.input_folder),
            )[1]
            for case in cases
            if not case.send_notebook
        }


def _watch(server: Server, submit: Callable[[], T]) -> tuple[T, Stall]:
    server.family.wait_until_quiet()
    server.take_stall_ms()
    with Pinger(server) as pinger:
        began = time.perf_counter()
        answer = submit()
        submit_ms = (time.perf_counter() - began) * 1e3
        time.sleep(SETTLE_S)
    return answer, Stall(pinger.longest_ms, server.take_stall_ms(), submit_ms)
