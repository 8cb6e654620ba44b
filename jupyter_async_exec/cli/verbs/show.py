"""Show everything about an execution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_async_exec.api import wire
from jupyter_async_exec.cli.session import open_house, print_json, to_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from jupyter_async_exec.core.json_types import JSONObject

#: Of a value, so many characters are shown; `--json` shows all.
LONGEST = 200
_SHOWN = (
    *("status", "reason", "message", "notebook_path", "kernel_name", "created_at"),
    *("started_at", "finished_at", "snapshot_id"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `show` takes."""
    parser.add_argument("id", metavar="ID", help="number or full id")
    parser.add_argument(
        "--receipt", action="store_true", help="with --json: the receipt instead of the execution"
    )
    parser.add_argument(
        "--diff",
        action="store_true",
        help="only print what had changed since the commit, as git diff does",
    )


async def run(options: argparse.Namespace) -> int:
    """Print it."""
    async with open_house(options) as house:
        execution, receipt = await house.service.receipt(options.id.removeprefix("#"))
        document = await to_json(house, execution)
        full = wire.receipt_to_json(receipt, document)
    if options.json:
        print_json(full if options.receipt else document)
    elif options.diff:
        print(full["git"]["diff"] if full["git"] else "", end="")
    else:
        _print_receipt(full)
    return 0


def _print_receipt(receipt: JSONObject) -> None:
    execution = receipt["execution"]
    print(f"#{execution['number']} {execution['title']}")
    for name, value in _facts(receipt):
        print(f"  {name:<14}{value}")


def _facts(receipt: JSONObject) -> Iterator[tuple[str, object]]:
    """Give a name and what is said of it, line by line."""
    execution = receipt["execution"]
    for name in _SHOWN:
        if execution[name] is not None:
            yield name.replace("_", " "), execution[name]
    handed = (receipt["collects"] or {}).get("parameter")
    for name, value in execution["parameters"].items():
        # What it was handed stands below, by its numbers.
        if name != handed:
            yield "parameter", _cut(f"{name} = {value!r}")
    yield from _said_by_people(execution)
    yield from _relations(receipt)
    yield from _code_facts(receipt)
    for name, value in execution["metrics"].items():
        yield "metric", f"{name} = {value}"
    for remark in execution["remarks"]:
        yield "remark", remark["message"]
    for note in receipt["notes"]:
        yield "capture", note
    for run in receipt["mlflow_runs"]:
        yield "MLflow run", run
    for artifact in receipt["artifacts"]:
        yield "artifact", f"{artifact['name']} ({artifact['size_bytes']} bytes)"


def _said_by_people(execution: JSONObject) -> Iterator[tuple[str, object]]:
    marks = [name for name in ("starred", "pinned") if execution[name]]
    for name, value in (
        ("tags", ", ".join(execution["tags"])),
        ("kept", " and ".join(marks)),
        ("note", _cut(execution["note"])),
    ):
        if value:
            yield name, value


def _code_facts(receipt: JSONObject) -> Iterator[tuple[str, object]]:
    snapshot, git, since = receipt["snapshot"], receipt["git"], receipt["since_success"]
    yield "files", f"{len(snapshot['captured'])} captured, {len(snapshot['linked'])} linked"
    if git is not None:
        yield "commit", f"{git['commit']}{', with changes' if git['dirty'] else ''}"
    environment = receipt["environment"] or {}
    if "packages" in environment:
        n_packages = len(environment["packages"])
        yield "environment", f"Python {environment['python']}, {n_packages} packages"
    if since is not None:
        yield "last success", since["sentence"]


def _relations(receipt: JSONObject) -> Iterator[tuple[str, object]]:
    collects = receipt["collects"] or {"executions": []}
    for name, others in (
        ("follows", receipt["after"]),
        ("followed by", receipt["then"]),
        ("collects", collects["executions"]),
        ("collected by", receipt["collected_by"]),
    ):
        if others:
            yield name, _cut(", ".join(f"#{each['number']}" for each in others))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
