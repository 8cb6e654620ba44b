"""Kernels that start badly, are not Python, or are described in unusual ways."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.core.execution import Reason, Status
from jupyter_async_exec.errors import KernelMissingError
from jupyter_async_exec.runner.kernelspec import find_kernelspec
from tests.runner.helpers import make_cell

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.runner.helpers import Attempt


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Install a kernel for this test and what it starts."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))

    def install(name: str, argv: list[str], **fields: Any) -> Path:
        folder = tmp_path / "jupyter" / "kernels" / name
        folder.mkdir(parents=True)
        spec = {"argv": argv, "display_name": name, "language": "python", **fields}
        (folder / "kernel.json").write_text(json.dumps(spec))
        return folder

    return install


IPYKERNEL = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]


@pytest.mark.slow
def test_a_kernel_that_dies_at_its_first_start_gets_a_second(
    make_attempt: Callable[..., Attempt], install: Callable[..., Path], tmp_path: Path
) -> None:
    launcher = (
        "import os, sys, runpy\n"
        f"mark = {str(tmp_path / 'started')!r}\n"
        "if not os.path.exists(mark):\n    open(mark, 'w').close()\n    sys.exit(3)\n"
        "sys.argv = ['k', '-f', sys.argv[1]]\n"
        "runpy.run_module('ipykernel_launcher', run_name='__main__')"
    )
    install("flaky", [sys.executable, "-c", launcher, "{connection_file}"])

    attempt = make_attempt("print('ran')", kernel_name="flaky")

    assert attempt.run().status is Status.SUCCEEDED
    assert attempt.text(0) == "ran\n"


@pytest.mark.slow
def test_a_kernel_that_never_starts_is_said_soon(
    make_attempt: Callable[..., Attempt], install: Callable[..., Path]
) -> None:
    install("dead", [sys.executable, "-c", "raise SystemExit(3)", "{connection_file}"])

    result = make_attempt("1", kernel_name="dead").run(timeout_s=10)

    assert result.reason is Reason.KERNEL_DIED
    assert result.message == "The kernel ended by itself with exit code 3 while it was starting."


@pytest.mark.slow
def test_a_kernel_whose_program_is_gone_is_missing(
    make_attempt: Callable[..., Attempt], install: Callable[..., Path]
) -> None:
    install("gone", ["/no/such/program", "{connection_file}"])

    result = make_attempt("1", kernel_name="gone").run()

    assert result.reason is Reason.KERNEL_MISSING
    assert "/no/such/program" in (result.message or "")


@pytest.mark.slow
def test_a_folder_that_is_gone_is_said(
    make_attempt: Callable[..., Attempt], tmp_path: Path
) -> None:
    result = make_attempt("1", folder=str(tmp_path / "gone")).run()

    assert result.reason is Reason.INTERNAL
    assert str(tmp_path / "gone") in (result.message or "")


@pytest.mark.slow
def test_a_kernel_over_tcp_loses_nothing_either(
    make_attempt: Callable[..., Attempt], install: Callable[..., Path]
) -> None:
    # Nothing in this command line tells that IPC is understood.
    code = "import runpy; runpy.run_module('ipyk' + 'ernel_launcher', run_name='__main__')"
    install("tcp", [sys.executable, "-c", code, "-f", "{connection_file}"])
    attempt = make_attempt("for i in range(3000):\n    print(i, flush=True)", kernel_name="tcp")

    assert attempt.run().status is Status.SUCCEEDED
    assert attempt.text(0) == "".join(f"{i}\n" for i in range(3000))


@pytest.mark.slow
def test_a_bash_kernel_takes_parameters(
    make_attempt: Callable[..., Attempt], install: Callable[..., Path]
) -> None:
    pytest.importorskip("bash_kernel")
    argv = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]
    install("bash", argv, language="bash")
    attempt = make_attempt(
        'echo "$x"', kernel_name="bash", language="bash", parameters={"x": "$(id) `id` 'é"}
    )

    assert attempt.run().status is Status.SUCCEEDED
    assert attempt.text(1) == "$(id) `id` 'é\n"
    (record,) = attempt.records_of("environment")
    assert record["environment"]["language"] == "bash"
    assert record["environment"]["n_cpus"] >= 1


def test_placeholders_and_variables_are_filled(
    install: Callable[..., Path], tmp_path: Path
) -> None:
    folder = install("k", ["python", "{resource_dir}/x", "{connection_file}", "{other}"])

    command = find_kernelspec("k").command(tmp_path / "c.json")

    assert command == [sys.executable, f"{folder}/x", str(tmp_path / "c.json"), "{other}"]


@pytest.mark.parametrize("name", ["../python3", "a/b", "", "x\ny", "no-such-kernel"])
def test_what_is_not_installed_is_missing(name: str) -> None:
    with pytest.raises(KernelMissingError):
        find_kernelspec(name)


def test_a_damaged_kernel_is_missing(install: Callable[..., Path]) -> None:
    (install("k", []) / "kernel.json").write_text("{")

    with pytest.raises(KernelMissingError, match="damaged"):
        find_kernelspec("k")


@pytest.mark.slow
def test_a_kernel_that_dies_while_it_takes_secrets_ends_the_notebook(
    make_attempt: Callable[..., Attempt], tmp_path: Path
) -> None:
    (tmp_path / "secrets.json").write_text('{"password": "open sesame"}')
    # The first code after this cell is the injected one, the next is the secrets'.
    dying = (
        "import os\n"
        "seen = []\n"
        "def count():\n    seen.append(1)\n    len(seen) == 2 and os._exit(3)\n"
        "get_ipython().events.register('pre_execute', count)"
    )
    attempt = make_attempt(
        make_cell(dying, "parameters"),
        "print('never')",
        parameters={"password": "*** 01234567"},
        secrets_path=str(tmp_path / "secrets.json"),
    )

    result = attempt.run(timeout_s=20)

    assert result.reason is Reason.KERNEL_DIED
    assert result.message == "The kernel ended by itself with exit code 3 between two cells."
