"""Show everything about an execution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_async_exec.api import wire
from jupyter_async_exec.cli.session import open_house, print_json, to_json

if TYPE_CHECKING:
    import argparse

    from jupyter_async_exec.core.json_types import JSONObject


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `show` takes."""
    parser.add_argument("id", metavar="ID", help="number or full id")
    parser.add_argument(
        "--receipt", action="store_true", help="with --json: the receipt instead of the execution"
    )


async def run(options: argparse.Namespace) -> int:
    """Print it."""
    async with open_house(options) as house:
        execution, receipt = await house.service.receipt(options.id.removeprefix("#"))
        document = await to_json(house, execution)
        full = wire.receipt_to_json(receipt, document)
    if options.json:
        print_json(full if options.receipt else document)
    else:
        _print_receipt(full)
    return 0


def _print_receipt(receipt: JSONObject) -> None:
    execution = receipt["execution"]
    print(f"#{execution['number']} {execution['title']}")
    shown = ("status", "reason", "message", "notebook_path", "kernel_name", "created_at")
    times = ("started_at", "finished_at", "snapshot_id")
    for name in (*shown, *times):
        if execution[name] is not None:
            print(f"  {name.replace('_', ' '):<14}{execution[name]}")
    for name, value in execution["parameters"].items():
        print(f"  parameter     {name} = {value!r}")
    snapshot = receipt["snapshot"]
    print(f"  files         {len(snapshot['captured'])} captured, {len(snapshot['linked'])} linked")
    since = receipt["since_success"]
    if since is not None:
        print(f"  last success  {since['sentence']}")
    for name, value in execution["metrics"].items():
        print(f"  metric        {name} = {value}")
    environment = receipt["environment"] or {}
    if "packages" in environment:
        n_packages = len(environment["packages"])
        print(f"  environment   Python {environment['python']}, {n_packages} packages")
    for remark in execution["remarks"]:
        print(f"  remark        {remark['message']}")
    for note in receipt["notes"]:
        print(f"  note          {note}")
    for artifact in receipt["artifacts"]:
        print(f"  artifact      {artifact['name']} ({artifact['size_bytes']} bytes)")
