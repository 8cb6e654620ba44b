"""Run a notebook as an execution, or as many with a sweep.

Exit code: 0 accepted (with --wait: succeeded), 1 failed, 2 refused, 3 cancelled.
"""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.cli.fan_in_options import (
    add_fan_in_options,
    read_after,
    read_collect,
    read_then,
)
from jupyter_async_exec.cli.limits import (
    add_limit_options,
    add_place_options,
    read_limits,
    read_resources_option,
)
from jupyter_async_exec.cli.local_files import locate
from jupyter_async_exec.cli.session import (
    add_parameter_option,
    ask_for_secrets,
    open_house,
    print_json,
    read_value,
    refuse_secret,
    report,
    say,
    summary,
    to_json,
    wait,
)
from jupyter_async_exec.cli.sweep_options import (
    add_definition_options,
    read_definition,
    report_plan,
    report_sweep,
    say_accepted,
    wait_for_sweep,
)
from jupyter_async_exec.core.reuse import ReusePolicy, read_policy
from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.service import SubmitRequest, SweepRequest

if TYPE_CHECKING:
    from jupyter_async_exec.composition import House
    from jupyter_async_exec.core.json_types import JSONValue
    from jupyter_async_exec.core.sweeps import SweepDefinition
    from jupyter_async_exec.snapshots.parameters import ParameterList


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` takes."""
    parser.add_argument("notebook", type=Path, metavar="NOTEBOOK", help="the notebook file")
    add_parameter_option(parser, help="a parameter; may be given several times")
    parser.add_argument(
        "-f", "--parameters-file", type=Path, metavar="PARAMS.yaml", help="parameters from a file"
    )
    parser.add_argument(
        "--preset", metavar="NAME", help="parameters that were kept with the verb preset"
    )
    parser.add_argument(
        "--parameters-of", metavar="ID", help="the parameters of an earlier execution"
    )
    parser.add_argument("--kernel-name", metavar="K", help="in place of the notebook's own kernel")
    add_place_options(parser, default="local")
    parser.add_argument("--title", help="in place of the automatic one")
    parser.add_argument("--tag", action="append", default=[], help="may be given several times")
    add_limit_options(parser)
    add_fan_in_options(parser)
    parser.add_argument("--wait", action="store_true", help="stay until it is over")
    add_definition_options(parser)
    parser.add_argument(
        "--canary",
        action=argparse.BooleanOptionalAction,
        help="run the first of a sweep alone, the others only if it succeeds "
        "(default: from 4 executions on)",
    )
    parser.add_argument(
        "--stop-after", type=int, metavar="K", help="start nothing more of a sweep after K failures"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="only say what the sweep would be and how long; of a single execution, whether the "
        "same ran already",
    )
    parser.add_argument(
        "--reuse",
        metavar="POLICY",
        help="whether the result of an earlier execution with equal code, files, parameters and "
        "packages will do: never, exact, or an age such as 12h or 7d "
        "(default: never; for glob: exact)",
    )
    parser.add_argument(
        "--reuse-file",
        action="append",
        default=[],
        metavar="PATTERN",
        help="with --reuse: files that are not captured and whose content counts too; "
        "may be given several times",
    )


async def run(options: argparse.Namespace) -> int:
    """Submit, and wait if asked to; return the exit code."""
    limits = read_limits(options)
    root, path = locate(options.notebook)
    async with open_house(options, root=root) as house:
        declared = await house.service.parameters(path)
        earlier = await parameters_of(house, options.parameters_of)
        given = await asyncio.to_thread(read_parameters, options, declared)
        request = SubmitRequest(
            path=path,
            parameters=given,
            kernel_name=options.kernel_name,
            title=options.title,
            backend=options.backend,
            resources=read_resources_option(options) or {},
            tags=tuple(options.tag),
            limits=limits,
            reuse=_policy(options),
            after=read_after(options),
            collect=read_collect(options),
        )
        definition = await asyncio.to_thread(read_definition, options)
        varied = frozenset() if definition is None else definition.names
        request = await house.service.presets.fill(request, options.preset, varied=varied)
        earlier = {name: value for name, value in earlier.items() if name not in varied}
        request = replace(request, parameters={**earlier, **request.parameters})
        if definition is not None:
            then = read_then(options, root)
            return await _run_sweep(house, request, definition, then, options)
        for name in ("then", "canary", "stop_after", "mode", "samples"):
            if getattr(options, name) is not None:
                flag = name.replace("_", "-")
                raise InvalidRequestError(f"--{flag} goes together with --sweep or --table.")
        if options.dry_run:
            return await _report_same(house, request, as_json=options.json)
        if request.reuse is not None and request.reuse.wanted:
            same = await house.service.find_same(request)
            if same is not None:
                say(f"This ran already, as #{same.number}.")
                return await report(house, same, as_json=options.json, waited=True)
        execution = await house.service.submit(request)
        if options.wait:
            say(f"#{execution.number} is accepted.")
            execution = await wait(house, execution)
        return await report(house, execution, as_json=options.json, waited=options.wait)


async def _report_same(house: House, request: SubmitRequest, *, as_json: bool) -> int:
    """Say whether the same ran already; nothing is accepted."""
    same = await house.service.find_same(request)
    if as_json:
        print_json({"same_as": None if same is None else await to_json(house, same)})
    elif same is None:
        say("Nothing that ran is known to be the same.")
    else:
        say(f"Same as {summary(same)}")
    return 0


def _policy(options: argparse.Namespace) -> ReusePolicy | None:
    if options.reuse is not None:
        return read_policy(options.reuse, options.reuse_file)
    if options.reuse_file:
        raise InvalidRequestError("--reuse-file goes together with --reuse.")
    return None


async def _run_sweep(
    house: House,
    base: SubmitRequest,
    definition: SweepDefinition,
    then: SubmitRequest | None,
    options: argparse.Namespace,
) -> int:
    request = SweepRequest(
        base=base,
        definition=definition,
        canary=options.canary,
        stop_after=options.stop_after,
        then=then,
    )
    if base.after or base.collect is not None:
        raise InvalidRequestError("A sweep follows and collects nothing; use --then with it.")
    if options.dry_run:
        return report_plan(await house.service.sweeps.plan(request), as_json=options.json)
    sweep, executions = await house.service.sweeps.submit(request)
    if options.wait:
        say_accepted(sweep)
        await wait_for_sweep(house, sweep)
        sweep, executions = await house.service.sweeps.get(sweep.id)
    return await report_sweep(house, sweep, executions, as_json=options.json, waited=options.wait)


async def parameters_of(house: House, ref: str | None) -> dict[str, JSONValue]:
    """Return the parameters of an earlier execution; nothing where none is named."""
    if ref is None:
        return {}
    return dict((await house.service.get(ref.removeprefix("#"))).parameters)


def read_parameters(options: argparse.Namespace, declared: ParameterList) -> dict[str, object]:
    """Return the parameters of file and arguments; the latter win.

    A value on the command line is text. Where the notebook declares a type
    the text is read as that; elsewhere as YAML, as papermill's ``-p`` does.
    """
    parameters: dict[str, object] = {}
    if options.parameters_file is not None:
        parameters.update(_read_file(options.parameters_file))
    comments = {each.name: each.comment for each in declared.parameters}
    typed = declared.typed_names
    parameters.update(ask_for_secrets(options.secret))
    for name, text in options.parameter:
        refuse_secret(name, text, comments.get(name, ""))
        parameters[name] = text if name in typed else read_value(name, text)
    return parameters


def _read_file(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"{path} is not YAML: {error}.") from None
    if not isinstance(content, dict):
        raise InvalidRequestError(f"{path} must hold names and values.")
    return {str(name): value for name, value in content.items()}
