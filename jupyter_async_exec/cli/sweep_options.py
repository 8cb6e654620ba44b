"""What verbs about sweeps share: options, waiting, printing."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.api import wire
from jupyter_async_exec.cli.session import (
    EXIT_CODES,
    WAIT_INTERVAL_S,
    print_json,
    say,
    say_who_starts_it,
    summary,
)
from jupyter_async_exec.core.goal import Direction, Goal
from jupyter_async_exec.core.metrics import is_name
from jupyter_async_exec.core.search import Sampler, Search
from jupyter_async_exec.core.sweep_table import read_table
from jupyter_async_exec.core.sweeps import Mode, SweepDefinition
from jupyter_async_exec.errors import InvalidRequestError, RefusedError
from jupyter_async_exec.service.places import NO_REASONS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from jupyter_async_exec.composition import House
    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.sweeps import Sweep
    from jupyter_async_exec.service.ports import SweepPlan


def add_definition_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what varies."""
    group = parser.add_argument_group("sweeps")
    group.add_argument(
        "--sweep",
        action="append",
        default=[],
        metavar="NAME=V1,V2…",
        help="several values for a parameter: a list, a range (1..5), linspace(0,1,5), "
        "logspace(-4,-1,4), geomspace(0.0001,0.1,4), random(0,1,20,7) with a seed, "
        "or the files that match glob:data/*.csv; with --maximise or --minimise also int(8,128), "
        "float(0,1) and log(1e-4,1e-1); may be given several times",
    )
    group.add_argument(
        "--table",
        type=Path,
        metavar="FILE",
        help="rows of values for several parameters: CSV with a head, JSON or YAML",
    )
    group.add_argument(
        "--mode",
        choices=[mode.value for mode in Mode],
        help="how several parameters go together: every value with every other (grid, which "
        "holds unless said otherwise), the first with the first and so on (zip), some of the grid "
        "(random), or each chosen by what came of those before it (adaptive)",
    )
    group.add_argument(
        "--samples", type=int, metavar="N", help="how many, with --mode random or adaptive"
    )
    group.add_argument(
        "--seed", type=int, default=0, metavar="S", help="with either of these (default: 0)"
    )
    goal = group.add_mutually_exclusive_group()
    for direction in Direction:
        goal.add_argument(
            f"--{direction.value}",
            metavar="METRIC",
            help=f"search adaptively for what {direction.value}s this metric "
            "(default with --mode adaptive: the metric that counts for the notebook)",
        )
    group.add_argument(
        "--parallel",
        type=int,
        metavar="K",
        help="with --mode adaptive: so many at once (default: as many as may run)",
    )
    group.add_argument(
        "--sampler",
        choices=[sampler.value for sampler in Sampler],
        help="with --mode adaptive: how it chooses (default: tpe)",
    )


def read_definition(options: argparse.Namespace) -> SweepDefinition | None:
    """Return what the options want to vary, None when they want no sweep.

    Raises
    ------
    InvalidRequestError
        Options do not go together, or the table cannot be read.
    """
    goal, mode = read_goal(options), _mode(options)
    if not options.sweep and options.table is None and mode is not Mode.ADAPTIVE:
        return None
    search = None
    if mode is Mode.ADAPTIVE:
        sampler = Sampler(options.sampler or Sampler.TPE)
        search = Search(goal=goal, parallel=options.parallel, sampler=sampler)
    elif options.parallel is not None or options.sampler is not None:
        raise InvalidRequestError("--parallel and --sampler go together with --mode adaptive.")
    values: dict[str, object] = {}
    for given in options.sweep:
        name, equals, text = given.partition("=")
        if not equals or name.strip() in values:
            what = "is given twice" if equals else "needs a = between name and values"
            raise InvalidRequestError(f"--sweep {given!r} {what}.")
        values[name.strip()] = text
    return SweepDefinition(
        values=values,
        table=() if options.table is None else _read_table(options.table),
        mode=mode,
        samples=options.samples,
        seed=options.seed,
        search=search,
    )


def read_goal(options: argparse.Namespace) -> Goal | None:
    """Return the metric that the options name, and which of its values are better.

    Raises
    ------
    InvalidRequestError
        No metric can be called that.
    """
    for direction in Direction:
        metric = getattr(options, direction.value)
        if metric is not None:
            if not is_name(metric):
                raise InvalidRequestError(f"{metric[:100]!r} cannot be the name of a metric.")
            return Goal(metric, direction)
    return None


def _mode(options: argparse.Namespace) -> Mode:
    chosen = None if options.mode is None else Mode(options.mode)
    goal = read_goal(options)
    if goal is not None and chosen not in {None, Mode.ADAPTIVE}:
        raise InvalidRequestError(
            f"--{goal.direction.value} is a search; it does not go together with --mode {chosen}."
        )
    return chosen or (Mode.GRID if goal is None else Mode.ADAPTIVE)


def _read_table(path: Path) -> list[dict[str, Any]]:
    import yaml

    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() not in {".yaml", ".yml"}:
            return read_table(text)
        rows = yaml.safe_load(text)
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"{path} is no table: {error}.") from None
    except RefusedError as error:
        raise InvalidRequestError(f"{path}: {error.message}") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or not rows:
        raise InvalidRequestError(f"{path} must be a list of objects, one per execution.")
    return rows


async def wait_for_sweep(house: House, sweep: Sweep) -> None:
    """Dispatch until all executions of `sweep`, and those that collect it, are over."""
    from tqdm import tqdm

    house.start()
    bar = tqdm(
        desc="sweep",
        total=sweep.counts.total,
        unit="execution",
        leave=False,
        disable=not sys.stderr.isatty(),
        file=sys.stderr,
    )
    with bar:
        then = await house.service.sweeps.then(sweep)
        while not (sweep.status.is_final and all(each.is_final for each in then)):
            await asyncio.sleep(WAIT_INTERVAL_S)
            sweep = await asyncio.to_thread(house.store.sweeps.get, sweep.id)
            then = await house.service.sweeps.then(sweep)
            bar.total, bar.n = sweep.counts.total, sweep.counts.n_final
            bar.refresh()


async def report_sweep(
    house: House,
    sweep: Sweep,
    executions: Sequence[Execution],
    *,
    as_json: bool,
    waited: bool = True,
) -> int:
    """Print how a sweep stands; return the exit code."""
    best = (await house.service.sweeps.bests([sweep])).get(sweep.id)
    reused = await house.service.sweeps.reused(sweep)
    if as_json:
        reasons = NO_REASONS if sweep.status.is_final else await house.service.waiting_reasons()
        then = await house.service.sweeps.then(sweep)
        user = house.access.user
        print_json(
            wire.sweep_to_json(sweep, executions, reused, reasons, then, best=best, user=user)
        )
    else:
        say(summary_of_sweep(sweep))
        titles = {each.number: each.title for each in (*reused, *executions)}
        if best is not None and best.number in titles:
            title = titles[best.number]
            say(f"Best: #{best.number} with {best.metric} {best.value:g}: {title}")
        if not waited:
            await say_who_starts_it(house)
    return EXIT_CODES.get(sweep.status, 0)


def report_plan(plan: SweepPlan, *, as_json: bool) -> int:
    """Print what a sweep would be; return the exit code."""
    if as_json:
        print_json(wire.plan_to_json(plan))
    else:
        say(plan.message)
    return 0


def summary_of_sweep(sweep: Sweep) -> str:
    """Return one line on how a sweep stands."""
    said = ", ".join(f"{n} {status}" for status, n in asdict(sweep.counts).items() if n)
    line = f"{sweep_range(sweep)} {sweep.status}: {sweep.title} ({said or 'nothing to run'})"
    return f"{line}. {sweep.message}" if sweep.message else line


def sweep_range(sweep: Sweep) -> str:
    """Return the numbers of a sweep, as in ``#18-41``."""
    if sweep.first_number is None:
        return f"Sweep {sweep.id}"
    if sweep.first_number == sweep.last_number:
        return f"#{sweep.first_number}"
    return f"#{sweep.first_number}-{sweep.last_number}"


def say_accepted(sweep: Sweep) -> None:
    """Say which executions were accepted, and how many a search has yet to choose."""
    is_one = sweep.first_number == sweep.last_number
    more = f"; {sweep.counts.to_come} more will be chosen" if sweep.counts.to_come else ""
    say(f"{sweep_range(sweep)} {'is' if is_one else 'are'} accepted{more}.")


def print_members(executions: Sequence[Execution]) -> None:
    """Print one line per execution."""
    for execution in executions:
        metrics = f"  {json.dumps(execution.metrics)}" if execution.metrics else ""
        print(f"{summary(execution)}{metrics}")
