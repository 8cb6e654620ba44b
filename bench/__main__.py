"""``python -m bench [--only NAME] [--quick]``: measure, print, and write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from bench import machine, report
from bench.context import USUAL_ROUNDS, Context
from bench.processes import Family
from bench.topics import QUICK, TOPICS, stalls

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parent.parent
QUICK_ROUNDS = 2
#: Exit codes of a shell for what SIGINT and SIGTERM end.
INTERRUPTED, TERMINATED = 130, 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    options = _parser().parse_args(arguments)
    sections = report.read_results(options.results)
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else USUAL_ROUNDS)
    context = Context(folder, rounds=rounds, quick=options.quick)
    # Ending us is ending everything we started.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        usual = QUICK if options.quick else TOPICS
        measured, failed = _measure(context, options.only or list(usual))
    except KeyboardInterrupt:
        print("Stopped; nothing is written.", file=sys.stderr)
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)
        # Who was interrupted while starting a process does not know of it.
        Family(folder.name).end()
        shutil.rmtree(folder, ignore_errors=True)
    if not options.quick:
        _write(options, sections | measured)
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _measure(context: Context, names: Sequence[str]) -> tuple[dict[str, report.Section], list[str]]:
    """Return what was found, and the names of the benches that failed."""
    found: dict[str, report.Section] = {}
    failed = []
    for name in names:
        context.stalls_ms, context.paces_ms = {}, []
        print(f"{name}:", file=sys.stderr, flush=True)
        began = time.perf_counter()
        try:
            section = TOPICS[name](context)
        except Exception:  # noqa: BLE001  one bench that fails hides no other
            traceback.print_exc()
            failed.append(name)
            continue
        section.command = f"make bench ARGS='--only {name}'"
        section.measured_at = machine.today()
        section.machine = machine.describe()
        section.paces_ms, section.stalls_ms = context.paces_ms, context.stalls_ms
        found[name] = section
        print(f"{section.to_markdown()}\n", flush=True)
        print(f"  {name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return found, failed


def _write(options: argparse.Namespace, sections: dict[str, report.Section]) -> None:
    known = [sections[name] for name in TOPICS if name in sections]
    report.write_results(options.results, {section.name: section for section in known})
    options.page.write_text(report.page([*known, stalls.summarise(known)]), encoding="utf-8")
    print(f"Written: {options.page}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=list(TOPICS), help="this bench alone; may be repeated"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="less of everything, and not every bench: within three minutes; writes nothing",
    )
    parser.add_argument(
        "--rounds", type=int, help=f"how often; {USUAL_ROUNDS}, quick {QUICK_ROUNDS}"
    )
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks.md")
    parser.add_argument("--results", type=Path, default=ROOT / "bench" / "results.json")
    return parser


if __name__ == "__main__":
    sys.exit(main())
