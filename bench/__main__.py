"""``python -m bench [--only NAME] [--quick]``: measure, print, and write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from bench import machine, report
from bench.context import Context
from bench.topics import ORDER, TOPICS

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
RESULTS = ROOT / "bench" / "results.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    options = _parser().parse_args(arguments)
    results = options.results
    sections = report.read_results(results)
    if options.add:
        added = report.Section.from_json(json.loads(options.add.read_text(encoding="utf-8")))
        sections[added.name] = added
        _write(results, sections)
        return 0
    # Ending us is ending everything we started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    context = Context(
        folder, rounds=options.rounds or (2 if options.quick else 5), quick=options.quick
    )
    failed: list[str] = []
    try:
        for name in options.only or TOPICS:
            try:
                sections[name] = _run(context, name)
            except Exception:  # noqa: BLE001  one bench that fails hides no other
                traceback.print_exc()
                failed.append(name)
    except KeyboardInterrupt:
        print("Stopped; nothing is written.", file=sys.stderr)
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not options.quick:
        _write(results, sections)
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _run(context: Context, name: str) -> report.Section:
    context.topic = name
    print(f"{name}:", file=sys.stderr, flush=True)
    began = time.perf_counter()
    section = TOPICS[name](context)
    section.command = f"make bench ARGS='--only {name}'"
    section.measured_at = f"{machine.today()}, {time.perf_counter() - began:.0f} s"
    section.machine = machine.describe()
    print(f"{section.to_markdown()}\n", flush=True)
    return section


def _write(results: Path, sections: dict[str, report.Section]) -> None:
    report.write_results(results, sections)
    PAGE.write_text(report.page(sections, ORDER), encoding="utf-8")
    print(f"Written: {PAGE.relative_to(ROOT)}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=list(TOPICS), help="this bench alone; may be repeated"
    )
    parser.add_argument(
        "--quick", action="store_true", help="less of everything, under 3 minutes; writes nothing"
    )
    parser.add_argument("--rounds", type=int, help="how often each is measured; by default 5")
    parser.add_argument("--add", type=Path, help="take in a section measured elsewhere (JSON)")
    parser.add_argument("--results", type=Path, default=RESULTS, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
