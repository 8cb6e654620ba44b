"""Hostile folders: what lies beside a notebook is captured or passed over, never run or awaited."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.snapshots.capture import Capture, capture
from jupyter_async_exec.snapshots.git import ask_git, diff_to_commit
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.api.conftest import Client

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder.resolve()


def make_program(folder: Path, *lines: str) -> tuple[Path, Path]:
    """Return a program that must not run, and the file that is there when it has."""
    program, mark = folder / "program", folder / "ran"
    program.write_text("\n".join(["#!/bin/sh", f"touch {mark}", *lines, ""]))
    program.chmod(0o755)
    return program, mark


def commit_with(home: Path, *configuration: str) -> None:
    """Make a repository of one commit of ``data.txt``, then give git these commands."""
    (home / "data.txt").write_text("x")
    commit = "-c user.name=a -c user.email=a@b commit -q -m a"
    for command in ("init -q", "add .", commit, *configuration):
        subprocess.run(["git", *command.split()], cwd=home, check=True, capture_output=True)


@pytest.fixture
def take(tmp_path: Path, home: Path) -> Callable[[], Capture]:
    """Captures the folder, in a thread of its own: what waits for ever fails the test."""
    objects = LocalObjectStore(tmp_path / "objects")

    def take() -> Capture:
        taken: list[Capture] = []
        thread = threading.Thread(
            target=lambda: taken.append(
                capture(
                    make_notebook("1"),
                    notebook_path="a.ipynb",
                    folder=home,
                    server_root=home,
                    kernel_name="python3",
                    language="python",
                    objects=objects,
                )
            ),
            daemon=True,
        )
        thread.start()
        thread.join(30)
        assert taken, "it waits for ever"
        return taken[0]

    return take


def open_to_others(folder: Path) -> dict[str, str]:
    """Return what others than the owner may do anything with; what a notebook made is its own."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        name = path.relative_to(folder)
        # What an attempt has done with goes while we look.
        with contextlib.suppress(FileNotFoundError):
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode) and "work" not in name.parent.parts and mode & 0o077:
                found[str(name)] = oct(stat.S_IMODE(mode))
    return found


def paths(taken: Capture) -> list[str]:
    return [file.path for file in taken.manifest.files]


@pytest.mark.parametrize("name", [".gitignore", ".asyncexecignore"])
@pytest.mark.parametrize("kind", ["pipe", "socket", "folder", "loop", "device", "outside"])
def test_an_ignore_file_that_is_no_file_is_passed_over(
    take: Callable[[], Capture], home: Path, tmp_path: Path, kind: str, name: str
) -> None:
    place = home / name
    (home / "data.txt").write_text("x")
    (tmp_path / "rules").write_text("*.txt")
    match kind:
        case "pipe":
            os.mkfifo(place)
        case "socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(place))
        case "folder":
            place.mkdir()
        case "loop":
            place.symlink_to(name)
        case "device":
            place.symlink_to("/dev/zero")
        case "outside":
            place.symlink_to(tmp_path / "rules")

    assert "data.txt" in paths(take())


def test_an_ignore_file_of_nonsense_ignores_nothing_and_ends(
    take: Callable[[], Capture], home: Path
) -> None:
    (home / "data.txt").write_text("x")
    (home / f"{'a' * 200}b").write_text("x")
    lines = [b"[", b"\\", b"!", b"**/" * 2_000 + b"a", b"\xff\xfe", b"a" * 100_000, b"[a-"]
    # One that could be matched in more ways than there are atoms.
    lines.append(b"*a" * 100)
    (home / ".asyncexecignore").write_bytes(b"\n".join(lines))

    assert "data.txt" in paths(take())


@pytest.mark.parametrize("name", [".git", "sub/.git"])
def test_a_git_mark_that_is_a_pipe_is_not_waited_for(
    take: Callable[[], Capture], home: Path, name: str
) -> None:
    (home / "data.txt").write_text("x")
    (home / "sub").mkdir()
    os.mkfifo(home / name)

    assert "data.txt" in paths(take())


def test_names_that_would_be_something_else_elsewhere_stay_names(
    take: Callable[[], Capture], home: Path
) -> None:
    names = ["a\nb", "-rf", "..x", "a\\b", "c:d", "$(id)", "';'", "a b ", "\u202etxt", "*", "~"]
    for name in names:
        (home / name).write_text("x")

    assert sorted(paths(take())) == sorted(names)


@needs_git
def test_a_repository_cannot_name_programs_to_run(home: Path, tmp_path: Path) -> None:
    program, mark = make_program(tmp_path, "cat")

    def git(*arguments: str, cwd: Path = home) -> None:
        own = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always"]
        subprocess.run(["git", *own, *arguments], cwd=cwd, check=True, capture_output=True)

    inner = tmp_path / "inner"
    inner.mkdir()
    for folder in (inner, home):
        git("init", "-q", cwd=folder)
        (folder / "data.txt").write_text("x")
        git("add", ".", cwd=folder)
        git("commit", "-q", "-m", "a", cwd=folder)
    git("submodule", "add", "-q", str(inner), "sub")
    (home / ".gitattributes").write_text("* filter=evil diff=evil\n")
    (home / ".git" / "hooks").mkdir(exist_ok=True)
    for name in ("post-index-change", "fsmonitor-watchman", "query-watchman"):
        shutil.copy(program, home / ".git" / "hooks" / name)
    module = home / ".git" / "modules" / "sub"
    for folder in (home / ".git", module):
        with (folder / "config").open("a") as config:
            config.write(
                f"[core]\n\tfsmonitor = {program}\n\tpager = {program}\n\tsshCommand = {program}\n"
                f'[filter "evil"]\n\tclean = {program}\n\tsmudge = {program}\n'
                f"\tprocess = {program}\n\trequired = true\n"
                f'[diff "evil"]\n\ttextconv = {program}\n\tcommand = {program}\n'
            )
    for path in (home / "data.txt", home / "sub" / "data.txt"):
        path.write_text("y")
    assert not mark.exists()

    facts = ask_git(home)
    diff, _ = diff_to_commit(home, ["data.txt"])

    assert facts.state is not None
    assert facts.state.dirty
    assert "+y" in diff
    assert not mark.exists()


@needs_git
def test_what_a_partial_clone_lacks_is_not_fetched(home: Path, tmp_path: Path) -> None:
    """Git fetches it from where, and through the program that, the repository names."""
    program, mark = make_program(tmp_path)
    commit_with(
        home,
        "config core.repositoryFormatVersion 1",
        "config extensions.partialClone origin",
        "config remote.origin.url ssh://nobody@localhost/nowhere",
        "config remote.origin.promisor true",
        f"config core.sshCommand {program}",
    )
    blob = subprocess.run(
        ["git", "rev-parse", "HEAD:data.txt"], cwd=home, check=True, capture_output=True, text=True
    ).stdout.strip()
    (home / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    (home / "data.txt").write_text("y")

    facts = ask_git(home)
    diff, is_whole = diff_to_commit(home, ["data.txt"])

    assert facts.state is not None
    assert (diff, is_whole) == ("", False)
    assert not mark.exists()
    # Git itself runs it.
    subprocess.run(["git", "diff", "HEAD"], cwd=home, check=False, capture_output=True)
    assert mark.exists()


@needs_git
def test_no_scope_of_a_repository_can_name_a_filter(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_OPTIONAL_LOCKS", "0")
    program, mark = make_program(tmp_path, "cat")
    commit_with(
        home,
        "config extensions.worktreeConfig true",
        f"config --worktree filter.evil.clean {program}",
    )
    (home / ".gitattributes").write_text("* filter=evil\n")
    (home / "data.txt").write_text("y")

    facts = ask_git(home)
    diff, _ = diff_to_commit(home, ["data.txt"])

    assert facts.state is not None
    assert facts.state.dirty
    assert "+y" in diff
    assert not mark.exists()
    # Git itself runs it.
    subprocess.run(["git", "status"], cwd=home, check=True, capture_output=True)
    assert mark.exists()


@pytest.mark.slow
async def test_files_of_any_name_are_served_as_they_are_and_break_no_header(
    client: Client, jp_root_dir: Path
) -> None:
    names = ["a\nSet-Cookie: b=c", 'a"; filename="b.html', "\u202egpj.exe", "..b", "c\\d", "<img>"]
    source = f"for name in {names!r}:\n    open(name, 'w').write(name)"
    source += "\nimport os\nos.mkfifo('pipe'); os.symlink('/etc/passwd', 'passwd')"
    await client.post("executions", {"path": "a.ipynb", "notebook": make_notebook(source)})
    await client.finished(1)

    listed = (await client.get("executions/1/artifacts")).json["artifacts"]

    assert sorted(each["name"] for each in listed[1:]) == sorted(names)
    for name in names:
        answer = await client.get(f"executions/1/artifacts/{name}", download="true")
        assert answer.body.decode() == name
        assert "b=c" not in str(answer.headers.get_list("Set-Cookie"))
        assert "\n" not in answer.headers["Content-Disposition"]
    assert (await client.get("executions/1/artifacts/passwd")).code == 404
    assert (await client.get("executions/1/artifacts/../../store.sqlite")).code == 404


@pytest.mark.slow
async def test_what_is_kept_can_be_read_by_nobody_else(client: Client, data_dir: Path) -> None:
    source = "open('made.txt', 'w').write('x')\nimport os\nos.chmod('made.txt', 0o777)"
    notebook = make_notebook(source, parameters="token = ''")
    body: dict[str, Any] = {"path": "a.ipynb", "notebook": notebook, "parameters": {"token": "x"}}
    await client.post("executions", body)
    await client.finished(1)

    assert open_to_others(data_dir) == {}
