"""A person at a terminal sees and changes what they would on a server, by the same rule."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec import client
from jupyter_async_exec.cli.command import run
from jupyter_async_exec.defaults import HUB_USER_VARIABLE, STORE_FILE, STORE_VARIABLE
from jupyter_async_exec.errors import NotFoundError
from jupyter_async_exec.store import ExecutionStore
from jupyter_async_exec.testing.factories import make_submission, make_sweep
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres import Cluster


@pytest.fixture
def team() -> str | None:
    """What is configured."""
    return "none"


@pytest.fixture
def store_url(tmp_path: Path, data_dir: Path) -> str:
    return f"sqlite:///{data_dir / STORE_FILE}"


@pytest.fixture(autouse=True)
def _bob(
    tmp_path: Path,
    data_dir: Path,
    store_url: str,
    team: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sit at a terminal as Bob, where #1 and the sweep of #2 are Alice's and #3 is Bob's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(HUB_USER_VARIABLE, "bob")
    monkeypatch.setitem(sys.modules, "rfc3987_syntax", None)
    config = tmp_path / "config"
    config.mkdir()
    chosen = {} if team is None else {"AsyncExecApp": {"team": team}}
    (config / "jupyter_server_config.json").write_text(json.dumps(chosen))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(config))
    data_dir.mkdir()
    with closing(ExecutionStore(store_url)) as store:
        store.accept(make_submission(submitted_by="alice"))
        sweep = make_sweep(submitted_by="alice")
        store.sweeps.accept(sweep, [make_submission(sweep_id=sweep.id, submitted_by="alice")])
        store.accept(make_submission(submitted_by="bob"))
        for number in (1, 2, 3):
            store.request_cancel(number)


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> list[int]:
    """Return the numbers that a command answers."""
    capsys.readouterr()
    run([*words, "--json"])
    return sorted(each["number"] for each in json.loads(capsys.readouterr().out)["executions"])


def check_others_are_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys, "list") == [3]
    assert listed(capsys, "list", "--search", "owner:alice") == []
    assert listed(capsys, "gc", "--older-than", "0s", "--dry-run") == [3]
    for words in (["show", "1"], ["cancel", "1"], ["rerun", "1"], ["sweep", "2"], ["compare", "1"]):
        assert run(words) == 2
        assert "There is no" in capsys.readouterr().err
    submitted = client.run("a.ipynb")
    assert listed(capsys, "list") == [3, submitted.number]


@pytest.fixture
def _notebook(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text(json.dumps(make_notebook("1")))


@pytest.mark.usefixtures("_notebook")
def test_what_belongs_to_others_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    check_others_are_not_there(capsys)


def test_who_looks_after_the_store_makes_room_for_everybody(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("gc", "--older-than", "0s", "--dry-run", "--everybody")

    assert listed(capsys, *words) == [1, 2, 3]


@pytest.mark.parametrize("team", ["read"])
def test_who_may_see_what_the_team_does_changes_none_of_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert listed(capsys, "list") == [1, 2, 3]
    assert run(["sweep", "2", "--cancel"]) == 2
    assert "belongs to alice" in capsys.readouterr().err
    assert run(["cancel", "1"]) == 2
    assert "belongs to alice; only they can change it" in capsys.readouterr().err


@pytest.mark.parametrize("team", [None, "all"])
def test_in_a_file_of_ones_own_everything_is_seen_unless_somebody_chose(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert listed(capsys, "list") == [1, 2, 3]
    assert run(["cancel", "1"]) == 0


@pytest.mark.parametrize("team", ["some"])
def test_what_the_configuration_cannot_say_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["list"]) == 2
    assert "it is one of 'none', 'read', 'all'." in capsys.readouterr().err


class TestOnADatabase:
    """It is there to be shared, so that others may be there."""

    @pytest.fixture
    def store_url(self, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
        url = cluster.create("people")
        monkeypatch.setenv(STORE_VARIABLE, url)
        yield url
        cluster.drop("people")

    @pytest.fixture
    def team(self) -> None:
        return None

    @pytest.mark.usefixtures("_notebook")
    def test_what_belongs_to_others_is_not_there_unless_somebody_chose(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        check_others_are_not_there(capsys)

        with pytest.raises(NotFoundError):
            client.run("a.ipynb", after=[1])
