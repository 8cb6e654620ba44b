"""How long a Jupyter server stops answering while notebooks are submitted to it.

Starts one server with jupyter_async_exec and one with jupyter-scheduler, asks
each for ``GET /api/status`` every 10 ms, and meanwhile submits a 50 MB notebook
and a notebook in a folder of 5,000 files. Prints the longest answer of each,
and the time the submission itself took. Everything stays on the loopback interface.

    python bench/responsiveness.py [--rounds 5] [--write docs/benchmarks.md]
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import platform
import secrets
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

PING_INTERVAL_S = 0.01
SETTLE_S = 1.0


@dataclass
class Case:
    """One submission, repeated."""

    name: str
    #: Notebook path below the server's root.
    path: str
    input_folder: bool
    send_notebook: bool = False
    longest_ms: dict[str, list[float]] = field(default_factory=dict)
    submit_ms: dict[str, list[float]] = field(default_factory=dict)


def make_root(root: Path) -> list[Case]:
    """Fill `root` with what is submitted and return the cases."""
    (root / "large").mkdir()
    notebook = make_notebook()
    payload = base64.b64encode(os.urandom(1_000_000)).decode()
    for _ in range(37):
        notebook["cells"].append(code_cell("1", {"image/png": payload}))
    (root / "large" / "large.ipynb").write_text(json.dumps(notebook))
    (root / "many").mkdir()
    (root / "many" / "many.ipynb").write_text(json.dumps(make_notebook()))
    for index in range(5_000):
        folder = root / "many" / f"part{index % 50}"
        folder.mkdir(exist_ok=True)
        (folder / f"{index}.csv").write_bytes(os.urandom(1_000))
    return [
        Case("a 50 MB notebook, by path", "large/large.ipynb", input_folder=False),
        Case("a 50 MB notebook, in the request", "large/large.ipynb", False, send_notebook=True),
        Case("a folder of 5,000 files", "many/many.ipynb", input_folder=True),
    ]


def make_notebook() -> dict[str, Any]:
    """Return a notebook of one trivial cell."""
    return {
        "cells": [code_cell("1 + 1")],
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def code_cell(source: str, data: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a code cell, with one output if there is data."""
    outputs = [{"output_type": "display_data", "data": data, "metadata": {}}] if data else []
    return {
        "cell_type": "code",
        "id": secrets.token_hex(4),
        "metadata": {},
        "source": source,
        "outputs": outputs,
        "execution_count": None,
    }


@contextmanager
def server(root: Path, extension: str, home: Path) -> Iterator[httpx.Client]:
    """Run a Jupyter server with one extension."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    # jupyter-scheduler does not make its data folder itself.
    (home / "data").mkdir()
    environment = {
        **os.environ,
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
    }
    others = {"jupyter_async_exec", "jupyter_scheduler"} - {extension}
    enabled = {extension: True, **dict.fromkeys(others, False)}
    command = [
        sys.executable,
        "-m",
        "jupyter_server",
        f"--ServerApp.port={port}",
        f"--ServerApp.root_dir={root}",
        f"--IdentityProvider.token={token}",
        "--no-browser",
        "--allow-root",
        f"--ServerApp.jpserver_extensions={enabled}",
    ]
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"token {token}"},
            timeout=120,
        ) as client:
            wait_until_up(client, process)
            yield client
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_until_up(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    """Wait for the first answer."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get("/api/status").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit("The server did not start.")


def submit_ours(client: httpx.Client, root: Path, case: Case) -> None:
    """Submit through our REST interface."""
    body: dict[str, Any] = {"path": case.path}
    if case.send_notebook:
        content = b'{"path": "large.ipynb", "notebook": ' + (root / case.path).read_bytes() + b"}"
    else:
        content = json.dumps(body).encode()
    answer = client.post("/async-exec/executions", content=content)
    answer.raise_for_status()


def submit_scheduler(client: httpx.Client, _root: Path, case: Case) -> None:
    """Submit through jupyter-scheduler's REST interface."""
    answer = client.post(
        "/scheduler/jobs",
        json={
            "name": case.name,
            "input_uri": case.path,
            "runtime_environment_name": Path(sys.prefix).name,
            "package_input_folder": case.input_folder,
        },
    )
    if answer.is_error:
        raise SystemExit(answer.text)


def ping(url: str, token: str) -> None:
    """Ask for the status until standard input ends; print the slowest answer in ms.

    A process of its own, so that preparing a large request does not hold it up.
    """
    longest_s = 0.0
    with httpx.Client(headers={"Authorization": f"token {token}"}, timeout=120) as client:
        client.get(url)
        print("ready", flush=True)
        while not select.select([sys.stdin], [], [], PING_INTERVAL_S)[0]:
            began = time.perf_counter()
            client.get(url).raise_for_status()
            longest_s = max(longest_s, time.perf_counter() - began)
    print(longest_s * 1000)


def measure(client: httpx.Client, submit: Any, root: Path, case: Case) -> tuple[float, float]:
    """Return the longest answer and the duration of the submission, in ms."""
    token = client.headers["Authorization"].removeprefix("token ")
    pinger = subprocess.Popen(
        [
            sys.executable,
            __file__,
            "--ping",
            f"{str(client.base_url).rstrip(chr(47))}/api/status",
            token,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert pinger.stdout is not None
    pinger.stdout.readline()
    began = time.perf_counter()
    submit(client, root, case)
    took_ms = (time.perf_counter() - began) * 1000
    time.sleep(SETTLE_S)
    answer, _ = pinger.communicate()
    return float(answer), took_ms


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path, help="write the table into this page")
    parser.add_argument("--ping", nargs=2, metavar=("URL", "TOKEN"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ping:
        ping(*options.ping)
        return
    contenders = {"jupyter_async_exec": submit_ours, "jupyter_scheduler": submit_scheduler}
    folder = Path(tempfile.mkdtemp(prefix="responsiveness-"))
    try:
        root = folder / "root"
        root.mkdir()
        cases = make_root(root)
        for round_ in range(options.rounds):
            for extension, submit in contenders.items():
                home = folder / f"{extension}-{round_}"
                home.mkdir()
                with server(root, extension, home) as client:
                    for case in cases:
                        if case.send_notebook and extension != "jupyter_async_exec":
                            continue
                        longest, took = measure(client, submit, root, case)
                        case.longest_ms.setdefault(extension, []).append(longest)
                        case.submit_ms.setdefault(extension, []).append(took)
                        print(f"{extension} {case.name}: {longest:.0f} ms, {took:.0f} ms")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    table = report(cases, list(contenders), options.rounds)
    print(table)
    if options.write:
        options.write.write_text(table, encoding="utf-8")


def report(cases: list[Case], extensions: list[str], rounds: int) -> str:
    """Return the results as a page."""
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.release()}"
    lines = [
        "# Benchmarks",
        "",
        f"Measured on {machine}, Python {platform.python_version()}; "
        f"{rounds} rounds, servers alternating, a fresh server each round.",
        "",
        "## How long the server stops answering",
        "",
        "`GET /api/status` is asked every 10 ms while a notebook is submitted and for a second",
        "afterwards (`make bench`). The longest answer of each round: median",
        "(maximum of all rounds), in milliseconds. The second figure is the submission itself.",
        "",
        "| Submitted | " + " | ".join(extensions) + " |",
        "|---|" + "---|" * len(extensions),
    ]
    for case in cases:
        cells = []
        for extension in extensions:
            longest = case.longest_ms.get(extension)
            if not longest:
                cells.append("not offered")
                continue
            took = statistics.median(case.submit_ms[extension])
            cells.append(
                f"{statistics.median(longest):.0f} ({max(longest):.0f}); submitted in {took:.0f}"
            )
        lines.append(f"| {case.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
