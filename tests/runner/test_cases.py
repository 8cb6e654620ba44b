"""What papermill and nbclient do to data, done right; cells and outputs of every kind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.execution import Limits, Reason, Status
from jupyter_async_exec.runner import files
from tests.runner.helpers import make_cell

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.runner.helpers import Attempt

pytestmark = pytest.mark.slow


def test_everything_but_the_parameters_is_as_in_the_source(
    make_attempt: Callable[..., Attempt],
) -> None:
    attempt = make_attempt(
        make_cell("# Title", kind="markdown"),
        make_cell("rate = 0.1  # default", "parameters"),
        "print(rate)",
        parameters={"rate": 0.5, "name": 'a"b\\c\n$é😀', "deep": {"a": [1, None, True]}},
    )

    result = attempt.run()

    assert result.status is Status.SUCCEEDED
    assert result.cells_total == 3
    assert attempt.text(3) == "0.5\n"
    assert attempt.output["cells"][2]["metadata"]["tags"] == ["injected-parameters"]
    assert attempt.output["metadata"]["papermill"]["parameters"] == attempt.task.parameters
    assert [record["cell_index"] for record in attempt.records_of("cell_started")] == [1, 2, 3]
    assert attempt.rebuilt == attempt.output


def test_parameters_without_a_tagged_cell_come_first(make_attempt: Callable[..., Attempt]) -> None:
    attempt = make_attempt("print(x)", parameters={"x": "value"})

    assert attempt.run().status is Status.SUCCEEDED
    assert attempt.text(1) == "value\n"


def test_an_earlier_injected_cell_is_replaced(make_attempt: Callable[..., Attempt]) -> None:
    attempt = make_attempt(
        make_cell("x = 1", "parameters"),
        make_cell("x = 2", "injected-parameters"),
        "print(x)",
        parameters={"x": 3},
    )

    assert attempt.run().cells_total == 3
    assert attempt.text(2) == "3\n"
    assert attempt.rebuilt == attempt.output


def test_a_failing_cell_ends_the_notebook_and_later_cells_stay_pending(
    make_attempt: Callable[..., Attempt],
) -> None:
    attempt = make_attempt("print('before')", "1/0", "print('never')")

    result = attempt.run()

    assert (result.status, result.reason) == (Status.FAILED, Reason.CELL_ERROR)
    assert result.message == "Cell 2: ZeroDivisionError: division by zero"
    assert result.error is not None
    assert (result.error.cell_index, result.error.ename) == (1, "ZeroDivisionError")
    assert attempt.states() == ["completed", "failed", "pending"]
    assert "ZeroDivisionError: division by zero" in attempt.log
    assert "\x1b" not in attempt.log


def test_a_killed_kernel_is_noticed_and_no_cell_is_called_completed_that_was_not(
    make_attempt: Callable[..., Attempt],
) -> None:
    attempt = make_attempt(
        "print('kept')",
        # The kernel's own network thread needs a moment to send what it was given.
        "print('said', flush=True)\nimport os, signal, time\ntime.sleep(0.2)\n"
        "os.kill(os.getpid(), signal.SIGKILL)",
        "print('never')",
    )

    result = attempt.run()

    assert (result.status, result.reason) == (Status.FAILED, Reason.KERNEL_DIED)
    assert result.message == "The kernel was ended by SIGKILL (signal 9) while cell 2 was running."
    assert attempt.states() == ["completed", "failed", "pending"]
    assert attempt.text(0) == "kept\n"
    assert attempt.text(1) == "said\n"
    assert attempt.rebuilt == attempt.output


def test_a_kernel_that_exits_says_its_code(make_attempt: Callable[..., Attempt]) -> None:
    result = make_attempt("import os\nos._exit(7)").run()

    assert result.message == "The kernel ended by itself with exit code 7 while cell 1 was running."


def test_a_missing_kernel_is_said_before_anything_runs(
    make_attempt: Callable[..., Attempt],
) -> None:
    attempt = make_attempt("1", kernel_name="no-such-kernel")

    result = attempt.run()

    assert (result.status, result.reason) == (Status.FAILED, Reason.KERNEL_MISSING)
    assert result.message == "The kernel 'no-such-kernel' is not installed here."
    assert result.started_at is None
    assert attempt.states() == ["pending"]


@pytest.mark.parametrize("n_lines", [20_000])
def test_no_flushed_line_is_lost_and_they_are_one_output(
    make_attempt: Callable[..., Attempt], n_lines: int
) -> None:
    attempt = make_attempt(f"for i in range({n_lines}):\n    print(i, flush=True)")

    assert attempt.run(timeout_s=120).status is Status.SUCCEEDED
    assert attempt.text(0) == "".join(f"{i}\n" for i in range(n_lines))
    assert len(attempt.outputs(0)) == 1
    assert attempt.rebuilt == attempt.output


def test_a_progress_bar_is_one_line(make_attempt: Callable[..., Attempt]) -> None:
    attempt = make_attempt(
        "import sys\n"
        "for i in range(51):\n"
        "    print(f'\\r{i:3d} of 50', end='', flush=True)\n"
        "print()\nprint('abcd\\b\\bX')"
    )

    attempt.run()

    assert attempt.text(0) == " 50 of 50\nabX\n"
    assert " 17 of 50" in attempt.log


def test_an_empty_traceback_is_read_from_what_was_shown(
    make_attempt: Callable[..., Attempt],
) -> None:
    attempt = make_attempt(
        "import sys\n"
        "def show(*args, **kw):\n"
        "    print(\"Traceback\\n│ {}['label']  │\\nKeyError: 'label'\")\n"
        "get_ipython().showtraceback = show",
        "{}['label']",
    )

    result = attempt.run()

    assert result.reason is Reason.CELL_ERROR
    assert result.error is not None
    assert result.error.ename == "KeyError"
    assert "'label'" in result.error.evalue


@pytest.mark.parametrize("code", ["import sys\nsys.exit(0)", "raise SystemExit", "exit()"])
def test_leaving_early_is_success_with_a_remark(
    make_attempt: Callable[..., Attempt], code: str
) -> None:
    attempt = make_attempt("1", code, "print('never')")

    result = attempt.run()

    assert result.status is Status.SUCCEEDED
    assert attempt.remarks == ["finished_early"]
    assert attempt.states() == ["completed", "completed", "pending"]


def test_leaving_with_a_code_is_failure(make_attempt: Callable[..., Attempt]) -> None:
    result = make_attempt("import sys\nsys.exit(3)").run()

    assert result.reason is Reason.CELL_ERROR
    assert result.message == "Cell 1: SystemExit: 3"


def test_the_raises_exception_tag_is_honoured(make_attempt: Callable[..., Attempt]) -> None:
    attempt = make_attempt(make_cell("1/0", "raises-exception"), "print('after')")

    assert attempt.run().status is Status.SUCCEEDED
    assert attempt.outputs(0)[0]["ename"] == "ZeroDivisionError"
    assert attempt.text(1) == "after\n"


def test_a_failing_shell_command_is_remarked(make_attempt: Callable[..., Attempt]) -> None:
    attempt = make_attempt("!exit 3", "!true", "print([n for n in dir() if 'exit_code' in n])")

    assert attempt.run().status is Status.SUCCEEDED
    assert attempt.remarks == ["shell_exit_code"]
    assert "exit code 3" in attempt.records_of("remark")[0]["message"]


def test_bash_cells_and_shell_assignment_run(make_attempt: Callable[..., Attempt]) -> None:
    attempt = make_attempt("%%bash\necho hello", "x = !echo there\nprint(x[0])")

    assert attempt.run().status is Status.SUCCEEDED
    assert (attempt.text(0), attempt.text(1)) == ("hello\n", "there\n")


def test_tagged_cells_are_kept_and_skipped(make_attempt: Callable[..., Attempt]) -> None:
    attempt = make_attempt(
        make_cell("1/0", "skip-execution"), make_cell("1/0", "local-only"), "", "print('ran')"
    )

    result = attempt.run()

    assert (result.status, result.cells_total) == (Status.SUCCEEDED, 1)
    states = [c["metadata"].get("async_exec", {}).get("status") for c in attempt.output["cells"]]
    assert states == ["skipped", "skipped", None, "ok"]


def test_a_notebook_without_code_succeeds(make_attempt: Callable[..., Attempt]) -> None:
    result = make_attempt(make_cell("text", kind="markdown")).run()

    assert (result.status, result.cells_total) == (Status.SUCCEEDED, 0)


def test_what_a_thread_prints_after_the_last_cell_is_kept(
    make_attempt: Callable[..., Attempt],
) -> None:
    attempt = make_attempt(
        "import threading, time\n"
        "def late():\n    time.sleep(0.2)\n    print('late')\n"
        "threading.Thread(target=late).start()",
        "print('last')",
    )

    assert attempt.run().status is Status.SUCCEEDED
    # ipykernel 7 names the latest request as the parent, whichever started the thread.
    assert attempt.text(0) + attempt.text(1) == "last\nlate\n"
    assert attempt.rebuilt == attempt.output


def test_asking_for_input_fails_as_nobody_is_there(make_attempt: Callable[..., Attempt]) -> None:
    result = make_attempt("input('name? ')").run()

    assert result.error is not None
    assert result.error.ename == "StdinNotImplementedError"


def test_displays_are_updated_across_cells_and_cleared_exactly(
    make_attempt: Callable[..., Attempt],
) -> None:
    attempt = make_attempt(
        "from IPython.display import display, clear_output, HTML, JSON\n"
        "handle = display('first', display_id=True)",
        "handle.update('second')",
        "print('gone')\nclear_output()\nprint('stays')",
        "print('goes')\nclear_output(wait=True)\nprint('replaces')",
        "print('stays to the end')\nclear_output(wait=True)",
        "display(JSON({'a': float('nan')}), HTML('<b>x</b>'))",
    )

    assert attempt.run().status is Status.SUCCEEDED
    assert attempt.outputs(0)[0]["data"] == {"text/plain": "'second'"}
    assert attempt.outputs(1) == []
    assert attempt.text(2) == "stays\n"
    assert attempt.text(3) == "replaces\n"
    assert attempt.text(4) == "stays to the end\n"
    assert attempt.rebuilt == attempt.output
    json.loads((attempt.directory / files.OUTPUT).read_bytes(), parse_constant=pytest.fail)


def test_widgets_are_kept_and_capture_output(make_attempt: Callable[..., Attempt]) -> None:
    pytest.importorskip("ipywidgets")
    attempt = make_attempt(
        "import ipywidgets as w\nfrom IPython.display import display\n"
        "slider = w.IntSlider(value=7)\nout = w.Output()\ndisplay(slider, out)",
        "with out:\n    print('captured')\n    print('more')\nprint('outside')",
        "print([o['text'] for o in out.outputs])",
    )

    assert attempt.run().status is Status.SUCCEEDED
    assert attempt.text(1) == "outside\n"
    widgets = attempt.output["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]
    states = [model["state"] for model in widgets["state"].values()]
    assert 7 in [state.get("value") for state in states]
    captured = next(state["outputs"] for state in states if state.get("outputs"))
    assert captured == [{"output_type": "stream", "name": "stdout", "text": "captured\nmore\n"}]
    assert "captured" in attempt.text(2)
    assert attempt.rebuilt == attempt.output


def test_atexit_of_the_kernel_runs_after_the_end_was_announced(
    make_attempt: Callable[..., Attempt],
) -> None:
    attempt = make_attempt(
        "import atexit\natexit.register(lambda: open('left.txt', 'w').write('bye'))"
    )

    attempt.run()

    assert (attempt.work / "left.txt").read_text() == "bye"


def test_the_environment_tells_who_we_are_and_holds_no_token(
    make_attempt: Callable[..., Attempt], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret")
    monkeypatch.setenv("JUPYTER_TOKEN", "secret")
    attempt = make_attempt(
        "import os\n"
        "print(sorted(v for k, v in os.environ.items() if v == 'secret'))\n"
        "print(os.environ['JUPYTER_ASYNC_EXEC_NUMBER'], os.environ['EXTRA'])\n"
        "print(os.getcwd())",
        number=42,
        environment={"EXTRA": "yes"},
    )

    attempt.run()

    assert attempt.text(0) == f"[]\n42 yes\n{attempt.work}\n"


def test_parameters_for_a_language_papermill_does_not_know_are_refused(
    make_attempt: Callable[..., Attempt],
) -> None:
    result = make_attempt("1", parameters={"x": 1}, language="cobol").run()

    assert (result.status, result.reason) == (Status.FAILED, Reason.INTERNAL)
    assert "cannot be given to a cobol kernel" in (result.message or "")


class TestLimits:
    def test_run_time(self, make_attempt: Callable[..., Attempt]) -> None:
        attempt = make_attempt(
            "print('x', flush=True)\nimport time\ntime.sleep(60)", limits=Limits(run_time_s=1.0)
        )

        result = attempt.run()

        assert (result.status, result.reason) == (Status.FAILED, Reason.TIME_LIMIT)
        assert "of 1 s" in (result.message or "")
        assert attempt.text(0) == "x\n"

    def test_silence(self, make_attempt: Callable[..., Attempt]) -> None:
        result = make_attempt("import time\ntime.sleep(60)", limits=Limits(silence_s=0.5)).run()

        assert result.reason is Reason.STALLED
        assert "the limit is 0.5 s" in (result.message or "")

    def test_memory(self, make_attempt: Callable[..., Attempt]) -> None:
        result = make_attempt(
            "x = bytearray(b'x' * 400_000_000)\nimport time\ntime.sleep(60)",
            limits=Limits(memory_bytes=300_000_000),
        ).run()

        assert result.reason is Reason.OUT_OF_MEMORY
        assert "of 0.30 GB" in (result.message or "")

    def test_output(self, make_attempt: Callable[..., Attempt]) -> None:
        attempt = make_attempt(
            "for i in range(20_000):\n    print(f'line {i}')",
            limits=Limits(output_bytes=20_000),
        )

        assert attempt.run().status is Status.SUCCEEDED
        text = attempt.text(0)
        assert len(text) < 30_000
        assert text.startswith("line 0\n")
        assert text.endswith("line 19999\n")
        assert "left out here" in text
        assert attempt.remarks == ["output_limit"]
        assert attempt.log.count("\n") == 20_001
        assert attempt.rebuilt == attempt.output
