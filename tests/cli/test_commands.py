"""The command line as a person or a script meets it: real processes, no server running."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.cli.command import run
from jupyter_async_exec.defaults import STORE_FILE
from jupyter_async_exec.store import ExecutionStore
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., subprocess.CompletedProcess[str]]

SCRIPT = Path(sys.executable).parent / "jupyter-async-exec"


@pytest.fixture
def command(tmp_path: Path, data_dir: Path) -> Command:
    """Run the command in an empty folder with an empty store."""
    folder = tmp_path / "work"
    folder.mkdir()

    def run(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SCRIPT, *arguments],
            cwd=folder,
            input=given,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    return run


@pytest.fixture
def folder(tmp_path: Path, command: Command) -> Path:
    return tmp_path / "work"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run the command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    # The command has a process of its own; this one is restored.
    monkeypatch.setitem(sys.modules, "rfc3987_syntax", None)
    return tmp_path


def save(folder: Path, name: str, notebook: dict[str, Any]) -> Path:
    path = folder / name
    path.write_text(json.dumps(notebook))
    return path


def test_run_and_wait_prints_one_json_document_and_leaves_the_notebook_alone(
    command: Command, folder: Path
) -> None:
    path = save(folder, "a.ipynb", make_notebook("print(n)", parameters="n: int = 1"))
    before = path.read_bytes()

    done = command("run", "a.ipynb", "-p", "n", "5", "--wait", "--json")

    execution = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert (execution["status"], execution["parameters"]) == ("succeeded", {"n": 5})
    assert path.read_bytes() == before
    assert [each.name for each in folder.iterdir()] == ["a.ipynb"]


def test_a_failed_execution_is_exit_code_1_and_says_where(command: Command, folder: Path) -> None:
    save(folder, "a.ipynb", make_notebook("1 / 0"))

    done = command("run", "a.ipynb", "--wait")

    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert done.stdout == ""


def test_what_was_run_can_be_listed_shown_read_rerun_restored_and_verified(
    command: Command, folder: Path
) -> None:
    save(folder, "a.ipynb", make_notebook("print('hello')", "open('made.txt', 'w').write('x')"))
    command("run", "a.ipynb", "--wait")

    listed = json.loads(command("list", "--json").stdout)
    shown = json.loads(command("show", "#1", "--json").stdout)
    log = command("log", "1").stdout
    output = json.loads(command("output", "1").stdout)
    made = command("output", "1", "--artifact", "made.txt").stdout
    again = json.loads(command("rerun", "1", "--wait", "--json").stdout)
    restored = json.loads(command("restore", "1", "--json").stdout)
    verified = command("verify")

    assert [each["number"] for each in listed["executions"]] == [1]
    assert shown == listed["executions"][0]
    assert "hello" in log
    assert output["cells"][0]["outputs"][0]["text"] == "hello\n"
    assert made == "x"
    assert (again["number"], again["parent_id"]) == (2, shown["id"])
    assert Path(restored["path"]).exists()
    assert verified.returncode == 0, verified.stderr


def test_without_wait_it_is_accepted_and_the_next_one_who_waits_runs_it(
    command: Command, folder: Path
) -> None:
    save(folder, "a.ipynb", make_notebook("print('later')"))

    accepted = command("run", "a.ipynb", "--json")
    command("run", "a.ipynb", "--wait")

    assert accepted.returncode == 0
    assert json.loads(accepted.stdout)["status"] == "queued"
    first = json.loads(command("show", "1", "--json").stdout)
    assert first["status"] == "succeeded"


def test_a_queued_execution_is_cancelled_with_exit_code_3_for_whoever_waits(
    command: Command, folder: Path
) -> None:
    save(folder, "a.ipynb", make_notebook("1"))
    command("run", "a.ipynb")

    done = command("cancel", "1", "--json")

    assert json.loads(done.stdout)["status"] == "cancelled"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "missing.ipynb"], "missing.ipynb"),
        (["run", "a.ipynb", "--kernel-name", "cobol"], "cobol"),
        (["run", "a.ipynb", "-p", "n", "many"], "whole number"),
        (["run", "text.ipynb"], "not a notebook"),
        (["show", "7"], "no execution"),
        (["run", "free.ipynb", "-p", "x", "{"], "cannot be read"),
        (["run", "a.ipynb", "-p", "n", "11"], "must be a whole number from 0 to 10, not 11"),
        (["run", "a.ipynb", "-f", "none.yaml"], "none.yaml"),
    ],
)
def test_what_is_refused_is_exit_code_2_and_one_sentence(
    command: Command, folder: Path, arguments: list[str], words: str
) -> None:
    save(folder, "a.ipynb", make_notebook("n", parameters="n: int = 1  # range: 0..10"))
    save(folder, "free.ipynb", make_notebook("1"))
    (folder / "text.ipynb").write_text("hello")

    done = command(*arguments)

    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_usage_is_exit_code_2(command: Command) -> None:
    assert command("fly").returncode == 2


def test_output_never_overwrites_a_file(command: Command, folder: Path) -> None:
    path = save(folder, "a.ipynb", make_notebook("1"))
    before = path.read_bytes()
    command("run", "a.ipynb", "--wait")

    done = command("output", "1", "-o", "a.ipynb")

    assert done.returncode == 2
    assert path.read_bytes() == before


def test_parameters_come_from_a_file_and_arguments_win(command: Command, folder: Path) -> None:
    save(folder, "a.ipynb", make_notebook("n", parameters="n: int = 1\nword: str = 'a'"))
    (folder / "chosen.yaml").write_text("n: 2\nword: from file\n")

    done = command("run", "a.ipynb", "-f", "chosen.yaml", "-p", "n", "3", "--json")

    assert json.loads(done.stdout)["parameters"] == {"n": 3, "word": "from file"}


def test_a_relative_data_folder_works(command: Command, folder: Path) -> None:
    save(folder, "a.ipynb", make_notebook("1"))

    done = command("run", "a.ipynb", "--wait", "--data-dir", "store")

    assert done.returncode == 0, done.stderr


def test_a_secret_is_not_taken_from_the_command_line_but_asked_for(
    command: Command, folder: Path
) -> None:
    source = "assert api_key == 'sesame'"
    save(folder, "a.ipynb", make_notebook(source, parameters="api_key = ''"))

    refused = command("run", "a.ipynb", "-p", "api_key", "sesame")
    done = command("run", "a.ipynb", "--secret", "api_key", "--wait", "--json", given="sesame\n")

    assert refused.returncode == 2
    assert "--secret api_key" in refused.stderr
    assert "sesame" not in refused.stderr
    assert done.returncode == 0, done.stderr
    assert "sesame" not in done.stdout + done.stderr


def test_a_sweep_that_failed_is_given_its_secret_again(
    here: Path, data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save(here, "a.ipynb", make_notebook("1", parameters="api_key = ''\nn: int = 1"))
    monkeypatch.setattr(sys, "stdin", io.StringIO("sesame\nsesame\n"))
    run(["run", "a.ipynb", "--sweep", "n=1,2", "--secret", "api_key"])

    added = run(["sweep", "1", "--add", "--sweep", "n=3", "--secret", "api_key", "--json"])

    sweep = json.loads(capsys.readouterr().out)
    assert (added, len(sweep["executions"])) == (0, 3)
    assert run(["sweep", "1", "--add", "--sweep", "n=4"]) == 2
    assert "--secret api_key" in capsys.readouterr().err
    assert run(["sweep", "1", "--secret", "api_key"]) == 2
    assert "goes together with --retry or --add" in capsys.readouterr().err


@pytest.mark.slow
def test_a_sweep_is_planned_run_shown_and_its_failures_run_again(
    command: Command, folder: Path
) -> None:
    save(folder, "a.ipynb", make_notebook("assert n != 2", parameters="n: int = 1\nlr: float = 1"))
    (folder / "trials.csv").write_text("n,lr\n1,0.1\n2,0.2\n")

    plan = command("run", "a.ipynb", "--sweep", "n=1..3", "--sweep", "lr=0.1,0.2", "--dry-run")
    done = command("run", "a.ipynb", "--table", "trials.csv", "--wait", "--json")
    again = command("sweep", "1", "--retry", "--wait")
    shown = command("sweep", "2", "--json")
    refused = command("run", "a.ipynb", "--sweep", "n=")

    assert (plan.returncode, plan.stdout) == (0, "")
    assert plan.stderr.startswith("6 executions; how long is not known")
    sweep = json.loads(done.stdout)
    assert done.returncode == 1, done.stderr
    assert [each["parameters"] for each in sweep["executions"]] == [
        {"n": 1, "lr": 0.1},
        {"n": 2, "lr": 0.2},
    ]
    assert (again.returncode, again.stdout.count("failed")) == (1, 2)
    assert json.loads(shown.stdout)["last_number"] == 3
    assert (refused.returncode, refused.stderr) == (2, "`n` has no values; give it at least one.\n")


@pytest.mark.slow
def test_the_best_of_any_sweep_is_told_by_the_goal_of_its_notebook(
    command: Command, folder: Path
) -> None:
    source = "import json\nprint(json.dumps({'score': -n}))"
    save(folder, "a.ipynb", make_notebook(source, parameters="n: int = 1"))
    command("goal", "a.ipynb", "--maximise", "score")

    done = command("run", "a.ipynb", "--sweep", "n=2,1", "--wait")
    shown = command("sweep", "1")

    for answer in (done, shown):
        assert "Best: #2 with score -1: n=1" in answer.stderr


@pytest.mark.slow
def test_a_search_that_is_killed_goes_on_and_runs_nothing_twice(
    command: Command, folder: Path
) -> None:
    source = "import json\nprint(json.dumps({'score': -abs(n - 30)}))"
    save(folder, "a.ipynb", make_notebook(source, parameters="n: int = 1"))
    search = ("run", "a.ipynb", "--sweep", "n=int(1, 40)", "--maximise", "score", "--samples", "5")
    with subprocess.Popen(
        [SCRIPT, *search, "--parallel", "2", "--wait"], cwd=folder, stderr=subprocess.DEVNULL
    ) as killed:
        deadline_s = time.monotonic() + 60
        while time.monotonic() < deadline_s:
            if len(json.loads(command("list", "--json").stdout)["executions"]) >= 2:
                break
        killed.kill()

    done = command("sweep", "1", "--wait", "--json")
    said = command("sweep", "1")

    sweep = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    numbers = [each["parameters"]["n"] for each in sweep["executions"]]
    assert (len(numbers), len(set(numbers)), sweep["counts"]["succeeded"]) == (5, 5, 5)
    assert [each["attempt"] for each in sweep["executions"]] == [1] * 5
    best = max(sweep["executions"], key=lambda each: each["metrics"]["score"])
    assert f"Best: #{best['number']} with score {best['metrics']['score']}" in said.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--sweep", "n="], "`n` has no values"),
        (["--sweep", "n=1..1000000"], "would be 1,000,000 executions"),
        (["--sweep", "m=1..3"], "no parameter `m`"),
        (["--sweep", "n=1, one"], "whole number"),
        (["--sweep", "path=glob:data/*.nothing"], "No file matches"),
        (["--sweep", "n=log(1, 9)"], "needs an objective"),
        (["--sweep", "n=1..9", "--mode", "random"], "how many"),
        (["--sweep", "n=1..9", "--sampler", "tpe"], "go together with --mode adaptive"),
        (["--sweep", "n=1..9", "--mode", "zip", "--maximise", "a"], "does not go together"),
        (["--sweep", "n=1..9", "--maximise", "a"], "needs to know how many"),
        (["--sweep", "n=1..9", "--mode", "adaptive", "--samples", "3"], "needs an objective"),
        (["--maximise", "a", "--samples", "3"], "nothing to search"),
        (["--table", "absent.csv"], "cannot be read"),
        (["--table", "mixed.csv"], "whole number"),
    ],
)
def test_a_bad_sweep_is_refused_with_a_sentence_before_anything_is_queued(
    here: Path,
    data_dir: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    parameters = "n: int = 1\npath: str = ''"
    save(here, "a.ipynb", make_notebook("print(n)", parameters=parameters))
    (here / "mixed.csv").write_text("n\n1\none\n")

    code = run(["run", "a.ipynb", *arguments, "--json"])

    printed = capsys.readouterr()
    assert (code, sentence in printed.err) == (2, True), printed.err
    assert json.loads(printed.out)["message"] == printed.err.strip()
    with closing(ExecutionStore(f"sqlite:///{data_dir / STORE_FILE}")) as store:
        assert store.last_rev() == 0


def test_executions_are_compared_as_table_csv_and_json(command: Command, folder: Path) -> None:
    source = "import json\nprint(json.dumps({'twice': 2 * n}))"
    save(folder, "a.ipynb", make_notebook(source, parameters="n: int = 1\nword: str = 'x'"))
    for n in ("3", "4"):
        command("run", "a.ipynb", "-p", "n", n, "--wait")

    table = command("compare", "#1", "2").stdout.splitlines()
    everything = command("compare", "1-2", "--csv").stdout.splitlines()
    document = json.loads(command("compare", "1-2", "--json").stdout)

    assert table[0].split() == ["number", "status", "n", "twice", "duration_s"]
    assert table[1].split()[:4] == ["#1", "succeeded", "3", "6"]
    assert everything[0] == "number,status,n,word,twice,duration_s"
    assert everything[2].startswith("#2,succeeded,4,x,8,")
    assert document["differs"]["parameters"] == ["n"]
    assert command("compare").returncode == 2


def test_a_table_for_other_programs_has_whole_values_and_no_formulas(
    here: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = "text = ''\nformula = ''\nnumber = ''\nmany = None"
    save(here, "a.ipynb", make_notebook("1", parameters=declared))
    long = 'two  spaces,\na "quote" and ' + "x" * 100
    parameters = {"text": long, "formula": "=1+1", "number": "-1e3", "many": [1, {"a": "ä"}]}
    (here / "p.json").write_text(json.dumps(parameters))
    run(["run", "a.ipynb", "-f", "p.json"])
    capsys.readouterr()

    code = run(["compare", "1", "--csv"])

    head, row = csv.reader(io.StringIO(capsys.readouterr().out, newline=""))
    found = dict(zip(head, row, strict=True))
    assert code == 0
    assert {name: found[name] for name in parameters} == {
        "text": long,
        "formula": "'=1+1",
        "number": "-1e3",
        "many": '[1, {"a": "ä"}]',
    }


@pytest.mark.slow
def test_files_are_processed_once_each_and_again_only_when_they_changed(
    command: Command, folder: Path
) -> None:
    notebook = make_notebook("print(open(path).read())", parameters="path: str = ''")
    save(folder, "a.ipynb", notebook)
    for name in "ab":
        (folder / f"{name}.csv").write_text(name)
    sweep = ("run", "a.ipynb", "--sweep", "path=glob:*.csv", "--wait")

    first = command(*sweep, "--json")
    (folder / "b.csv").write_text("changed")
    second = command(*sweep, "--json")
    third = command(*sweep)

    assert [len(json.loads(each.stdout)["executions"]) for each in (first, second)] == [2, 1]
    (reused,) = json.loads(second.stdout)["reused"]
    assert reused["parameters"] == {"path": "a.csv"}
    assert (third.returncode, "2 files, none new" in third.stderr) == (0, True), third.stderr
    assert "changed" in command("log", "3").stdout


def test_parameters_are_kept_under_a_name_and_taken_from_an_execution(
    command: Command, folder: Path
) -> None:
    save(folder, "a.ipynb", make_notebook("n", parameters="n: int = 1\nword = 'a'\nk = f()"))
    small = ("-p", "n", "2", "-p", "k", "3")

    saved = command("preset", "a.ipynb", "small", "--save", *small, "--json")
    first = command("run", "a.ipynb", "--preset", "small", "-p", "word", "b", "--json")
    second = command("run", "a.ipynb", "--parameters-of", "1", "-p", "n", "5", "--json")
    (folder / "a.ipynb").rename(folder / "b.ipynb")
    moved = command("preset", "b.ipynb", "--move-from", "a.ipynb")
    unknown = command("run", "a.ipynb", "--preset", "big")

    assert json.loads(saved.stdout)["presets"][0]["parameters"] == {"n": 2, "k": 3}
    assert json.loads(first.stdout)["parameters"] == {"n": 2, "k": 3, "word": "b"}
    assert json.loads(second.stdout)["parameters"] == {"n": 5, "k": 3, "word": "b"}
    assert moved.stdout == 'small  {"n": 2, "k": 3}\n'
    assert unknown.returncode == 2


def test_room_is_made_only_with_a_yes(command: Command, folder: Path) -> None:
    save(folder, "a.ipynb", make_notebook("1"))
    command("run", "a.ipynb")
    command("cancel", "1")
    policy = ("--older-than", "0s", "--json")

    would = command("gc", *policy, "--dry-run")
    refused = command("gc", *policy)
    there = command("show", "1", "--json")
    done = command("gc", *policy, "--yes")
    gone = command("show", "1")
    nonsense = command("gc", "--older-than", "long")

    assert json.loads(would.stdout)["n_executions"] == 1
    assert (refused.returncode, there.returncode) == (2, 0)
    assert "--yes" in refused.stderr
    assert json.loads(done.stdout)["dry_run"] is False
    assert (done.returncode, gone.returncode, nonsense.returncode) == (0, 2, 2)
