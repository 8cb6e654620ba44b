"""What the page costs in Chromium: a long list, the row of a sweep, curves that grow."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from bench.report import Goal, Section

if TYPE_CHECKING:
    from bench.context import Context

SCRIPTS = Path(__file__).parent.parent / "sidebar"


def measure_sidebar(context: Context) -> Section:
    """Measure a list of many executions."""
    rows = context.choose("100000", "2000")
    text, goals = _run(context, "measure.mjs", "--rows", rows)
    return Section("sidebar", "The sidebar", text, goals=goals)


def measure_live(context: Context) -> Section:
    """Measure the row of a sweep, comparing it, and metrics of what goes on recording them."""
    options = context.choose([], ["--trials", "50", "--points", "10000", "--rounds", "2"])
    text, goals = _run(context, "live.mjs", *options)
    return Section("live", "A sweep's row, and live curves", text, goals=goals)


def _run(context: Context, script: str, *options: str) -> tuple[str, list[Goal]]:
    """Return the Markdown that a script prints, and what its last line says is to be reached.

    Raises
    ------
    RuntimeError
        There is no node, or the script failed; what it said is on stderr.
    """
    node = shutil.which("node")
    if node is None:
        raise RuntimeError("The page is measured with node and Chromium; install what tests need.")
    context.say(f"node {script} {' '.join(options)}")
    done = subprocess.run(
        [node, SCRIPTS / script, *options], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{script} ended with {done.returncode}.")
    text, _, last = done.stdout.strip().rpartition("\n")
    return text.strip(), [Goal(**goal) for goal in json.loads(last)["goals"]]
