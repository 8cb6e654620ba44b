"""Ending an attempt in the place of an engine that could not."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import AsyncExecError
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.journal import JournalWriter, iterate_journal
from jupyter_async_exec.runner.json_text import load_json
from jupyter_async_exec.runner.rebuild import end_record, rebuild_notebook
from jupyter_async_exec.runner.recorder import notebook_pieces
from jupyter_async_exec.runner.result import conclude_lost, write_result
from jupyter_async_exec.runner.task import read_task

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.runner.result import Result

#: What reading a source raises that the notebook itself has overwritten.
_DAMAGED = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


def conclude_attempt(directory: Path) -> Result:
    """Write journal end, notebook and result of an attempt whose engine is gone.

    Only for who holds the life lock. Without source, or with a damaged one, there
    is no notebook; a result is written all the same.

    Raises
    ------
    OSError
        Something cannot be read or written now. There is no result yet: whoever
        found one would never ask for the notebook again.
    """
    result = conclude_lost(directory)
    journal = directory / files.JOURNAL
    last, has_ended = 0, False
    for record in iterate_journal(journal, outputs=False):
        last = record.get("seq", last)
        has_ended = has_ended or record["type"] == "execution_finished"
    if not has_ended:
        writer = JournalWriter(journal, first=last + 1)
        writer.append(writer.stamp("execution_finished", end_record(result)))
        writer.close()
    notebook = None
    with contextlib.suppress(FileNotFoundError, AsyncExecError, *_DAMAGED):
        source = load_json((directory / files.SOURCE).read_bytes())
        notebook = rebuild_notebook(source, read_task(directory), iterate_journal(journal))
    if notebook is not None:
        files.write_whole(directory / files.OUTPUT, notebook_pieces(notebook))
    write_result(directory, result)
    return result
