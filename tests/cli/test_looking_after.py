"""What the page can do with an execution or a sweep that is there, commands can, too."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.api.contract import contract
from jupyter_async_exec.cli.command import run
from jupyter_async_exec.cli.local_files import root_for
from jupyter_async_exec.cli.sweep_options import say_accepted
from jupyter_async_exec.core.clock import utc_now
from jupyter_async_exec.core.events import ExecutionFinished, ExecutionStarted, MetricRecorded
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.core.sweeps import SweepCounts
from jupyter_async_exec.defaults import STORE_FILE
from jupyter_async_exec.store import ExecutionStore
from jupyter_async_exec.testing.factories import make_sweep
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., Any]


@pytest.fixture
def folder(
    tmp_path: Path, data_dir: Path, store_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with a notebook, in which commands run."""
    data_dir.mkdir(mode=0o700)
    store_file.rename(data_dir / STORE_FILE)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    made = tmp_path / "work"
    made.mkdir()
    (made / "a.ipynb").write_text(json.dumps(make_notebook("n", parameters="n: int = 1")))
    monkeypatch.chdir(made)
    return made


@pytest.fixture
def command(folder: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process; return the JSON that it prints."""

    def ran(*arguments: str, code: int = 0) -> Any:
        assert run([*arguments, "--json"]) == code, capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    return ran


def succeed(data_dir: Path, **metrics: float) -> None:
    """Let everything that is queued have run."""
    store = ExecutionStore(f"sqlite:///{data_dir / STORE_FILE}")
    while (claimed := store.claim(backend="local")) is not None:
        began_at = utc_now()
        points = [
            MetricRecorded(at=began_at + timedelta(seconds=1), name=name, step=3, value=value)
            for name, value in metrics.items()
        ]
        store.record(
            claimed.id,
            claimed.attempt,
            [
                ExecutionStarted(at=began_at, cells_total=1),
                *points,
                ExecutionFinished(at=utc_now(), status=Status.SUCCEEDED),
            ],
        )
    store.close()


def test_title_note_tags_star_and_pin_are_changed_and_found(command: Command) -> None:
    command("run", "a.ipynb", "--tag", "old")
    command("run", "a.ipynb")

    edited = command(
        *("edit", "#1", "--title", "t", "--note", "n", "--tag", "new", "--untag", "old"),
        *("--star", "--pin"),
    )

    assert (edited["title"], edited["note"], edited["tags"]) == ("t", "n", ["new"])
    assert edited["starred"]
    assert edited["pinned"]
    page = command("list", "--starred")
    assert [each["number"] for each in page["executions"]] == [1]
    assert page.keys() == set(contract()["components"]["schemas"]["ExecutionPage"]["required"])
    plain = command("edit", "1", "--no-star", "--no-pin")
    assert (plain["starred"], plain["pinned"], plain["title"]) == (False, False, "t")


def test_what_makes_no_sense_is_refused(command: Command) -> None:
    command("run", "a.ipynb")

    assert "Say what to change" in command("edit", "1", code=2)["message"]
    assert command("edit", "1", "--title", "", code=2)["reason"] == "invalid"
    assert command("status", "--slots", "0", code=2)["reason"] == "invalid"
    assert command("delete", "1", code=2)["reason"] == "conflict"


def test_a_list_is_of_the_notebook_in_this_folder(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = folder / "below"
    below.mkdir()
    (below / "a.ipynb").write_text((folder / "a.ipynb").read_text())
    command("run", "a.ipynb")
    command("run", "below/a.ipynb")

    def numbers(notebook: str) -> list[int]:
        return [each["number"] for each in command("list", "--notebook", notebook)["executions"]]

    assert (numbers("a.ipynb"), numbers("below/a.ipynb"), numbers("./a.ipynb")) == ([1], [2], [1])
    (below / "a.ipynb").unlink()
    assert numbers("below/a.ipynb") == [2]


def test_a_list_says_when_there_are_none_and_when_there_are_more(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["list"])
    empty = capsys.readouterr()
    command("run", "a.ipynb", "--sweep", "n=1..3")

    run(["list", "--sweep", "#2", "--limit", "2"])

    told = capsys.readouterr()
    assert (empty.out, empty.err) == ("", "There are none.\n")
    assert [line.split()[0] for line in told.out.splitlines()] == ["#3", "#2"]
    assert told.err == "There are more: --cursor 2\n"
    assert "no sweep" in command("list", "--sweep", "nothing", code=2)["message"]


def test_a_command_says_what_is_missing_only_where_nobody_starts_executions(
    folder: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["run", "a.ipynb"])
    alone = capsys.readouterr().err

    with (data_dir / "dispatcher.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        run(["run", "a.ipynb"])
        run(["run", "a.ipynb", "--sweep", "n=1,2"])

    assert "It starts as soon as" in alone
    assert "It starts as soon as" not in capsys.readouterr().err


def test_what_people_said_of_it_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["run", "a.ipynb", "--tag", "paper"])
    run(["edit", "1", "--note", "the good one", "--star"])

    run(["show", "1"])

    shown = capsys.readouterr().out
    for line in ("tags          paper", "kept          starred", "note          the good one"):
        assert f"  {line}\n" in shown


def test_a_metric_that_was_not_recorded_is_said(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    command("run", "a.ipynb")

    run(["metrics", "1", "--name", "loss"])

    assert capsys.readouterr().err == "There are none.\n"


@pytest.mark.parametrize(
    ("last", "to_come", "said"),
    [(5, 0, "#3-5 are accepted."), (3, 5, "#3 is accepted; 5 more will be chosen.")],
)
def test_it_is_said_which_executions_of_a_sweep_were_accepted(
    last: int, to_come: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = SweepCounts(to_come=to_come)

    say_accepted(replace(make_sweep(), first_number=3, last_number=last, counts=counts))

    assert capsys.readouterr().err == f"{said}\n"


def test_a_preset_that_is_deleted_is_forgotten(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["preset", "a.ipynb", "small", "--save", "-p", "n", "2"])
    capsys.readouterr()

    run(["preset", "a.ipynb", "small", "--delete"])

    assert capsys.readouterr().err == "small is forgotten.\n"


def test_a_log_is_the_same_document_as_that_of_rest(command: Command) -> None:
    command("run", "a.ipynb")

    log = command("log", "1")

    assert log.keys() == set(contract()["components"]["schemas"]["LogPiece"]["required"])


@pytest.mark.parametrize(
    "option", ["--then=b.ipynb", "--no-canary", "--stop-after=2", "--mode=zip"]
)
def test_what_is_about_sweeps_is_refused_for_one_execution(command: Command, option: str) -> None:
    refused = command("run", "a.ipynb", option, code=2)

    assert "goes together with --sweep or --table" in refused["message"]
    assert command("list")["executions"] == []


def test_an_artifact_is_not_mixed_with_json(command: Command) -> None:
    assert "-o" in command("output", "1", "--artifact", "a.png", code=2)["message"]


def test_an_execution_goes_to_the_trash_and_comes_back(command: Command, data_dir: Path) -> None:
    command("run", "a.ipynb")
    succeed(data_dir)

    command("delete", "1")
    without = command("list")["executions"]
    command("delete", "1", "--undo")

    assert without == []
    assert [each["number"] for each in command("list")["executions"]] == [1]


def test_a_sweep_is_stopped_deleted_and_taken_back(command: Command) -> None:
    sweep = command("run", "a.ipynb", "--sweep", "n=1..3")

    stopped = command("sweep", "1", "--stop", code=3)
    deleted = command("sweep", "1", "--delete")
    without = command("list", "--sweep", sweep["id"])["executions"]
    command("sweep", sweep["id"], "--undelete")

    assert stopped["counts"]["cancelled"] == 3
    assert deleted["id"] == sweep["id"]
    assert without == []
    listed = command("list", "--sweep", sweep["id"], "--oldest-first")["executions"]
    assert [each["number"] for each in listed] == [1, 2, 3]


def test_the_metric_that_counts_is_named_shown_and_forgotten(command: Command) -> None:
    assert command("goal", "a.ipynb") is None

    assert command("goal", "a.ipynb", "--maximise", "acc") == {
        "metric": "acc",
        "direction": "maximise",
    }
    assert command("goal", "a.ipynb", "--forget") is None


def test_points_are_those_of_rest(
    command: Command, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command("run", "a.ipynb")
    succeed(data_dir, acc=0.5, loss=float("nan"))

    found = command("metrics", "1", "--name", "acc")

    assert found.keys() == set(contract()["components"]["schemas"]["MetricsPiece"]["required"])
    assert [(each["name"], each["values"]) for each in found["metrics"]] == [("acc", [0.5])]
    assert run(["metrics", "1", "--name", "loss"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head == "metric,step,value,time_s"
    assert row.startswith("loss,3,NaN,")


def test_slots_are_changed_and_shown_with_the_disk_use(command: Command) -> None:
    found = command("status", "--slots", "7")

    wanted = contract()["components"]["schemas"]["ServerStatus"]
    of_a_server = {"boot_id", "rev", "dispatcher"}
    assert set(wanted["required"]) - of_a_server <= found.keys() <= wanted["properties"].keys()
    assert found["slots"] == 7
    assert found["disk"]["used_bytes"] >= 0
    assert command("status")["slots"] == 7


def test_what_an_execution_follows_and_was_handed_is_shown_in_short(
    command: Command, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collecting = make_notebook("1", parameters="executions = []")
    (folder / "b.ipynb").write_text(json.dumps(collecting))
    command("run", "a.ipynb", "--sweep", "n=1,2", "--then", "b.ipynb")
    command("run", "a.ipynb", "--after", "3")
    command("run", "b.ipynb", "--collect", "1,2")

    shown = {}
    for number in (1, 3, 4, 5):
        assert run(["show", str(number)]) == 0
        shown[number] = capsys.readouterr().out

    assert "collected by  #3, #5" in shown[1]
    assert "collects      #1, #2" in shown[3]
    assert "followed by   #4" in shown[3]
    assert "follows       #3" in shown[4]
    assert "collects      #1, #2" in shown[5]


def test_a_long_value_is_shown_in_part(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    command("run", "a.ipynb", "--reuse", "never", "-p", "n", "9" * 1_000)

    assert run(["show", "1"]) == 0
    (line,) = [each for each in capsys.readouterr().out.splitlines() if "parameter " in each]
    assert line.endswith("…")
    assert len(line) < 300


def test_whether_the_same_ran_already_is_told_before_anything_is_queued(
    command: Command, data_dir: Path
) -> None:
    command("run", "a.ipynb")
    succeed(data_dir)

    same = command("run", "a.ipynb", "--dry-run")
    other = command("run", "a.ipynb", "-p", "n", "2", "--dry-run")

    assert same["same_as"]["number"] == 1
    assert other == {"same_as": None}
    assert len(command("list")["executions"]) == 1


def test_a_path_means_what_it_means_to_the_server_that_runs_above_the_notebook(
    folder: Path, tmp_path: Path, command: Command
) -> None:
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    gone = 2**22 + 1  # no process has such an id
    for name, told in (
        ("1", {"pid": os.getpid(), "root_dir": str(tmp_path)}),
        ("2", {"pid": gone, "root_dir": str(folder)}),
        ("3", {"pid": os.getpid(), "root_dir": str(tmp_path / "elsewhere")}),
        ("4", ["none of a server"]),
    ):
        (runtime / f"jpserver-{name}.json").write_text(json.dumps(told))

    assert root_for(folder / "a.ipynb") == tmp_path.resolve()
    assert command("run", "a.ipynb")["notebook_path"] == "work/a.ipynb"
    assert root_for(Path("/a.ipynb")) == Path("/")
