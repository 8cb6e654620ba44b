"""The dispatcher, when a write gets no answer: at every write, done and not done."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
from typing_extensions import override

from jupyter_async_exec.backends.base import AttemptKey, Harvest, Observation
from jupyter_async_exec.core.clock import utc_now
from jupyter_async_exec.core.events import (
    CellFinished,
    CellStarted,
    ExecutionStarted,
    MetricRecorded,
)
from jupyter_async_exec.core.execution import (
    Artifact,
    Collect,
    Execution,
    Reason,
    Remark,
    Status,
)
from jupyter_async_exec.dispatcher import Dispatcher, clearing, following, loop
from jupyter_async_exec.errors import RefusedError, StartCancelledError, UnavailableError
from jupyter_async_exec.store import ExecutionStore
from jupyter_async_exec.store.postgres import database
from jupyter_async_exec.testing.factories import make_submission
from jupyter_async_exec.testing.scripted_backend import ScriptedBackend
from tests.store.cutting import Cutter
from tests.uncertain import Fate, Uncertain

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_async_exec.core.execution import Submission
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.errors import AsyncExecError
    from tests.postgres import Cluster

#: In place of fractions of a second.
QUICK_S = 0.002


@dataclass
class Story:
    """What happens to executions, attempt after attempt."""

    #: By place of the execution and of its start, from 1: why that fails.
    refusals: dict[tuple[int, int], AsyncExecError] = field(default_factory=dict)
    #: Likewise: how those end that do not succeed, and whether a cell had begun.
    ends: dict[tuple[int, int], tuple[Status, Reason | None, bool]] = field(default_factory=dict)
    #: Those whose end is asked for while they start.
    cancelled: frozenset[int] = frozenset()
    lost_retries: int = 0
    submissions: tuple[Submission, ...] = field(default_factory=lambda: (make_submission(),))


class Acting(ScriptedBackend):
    """Plays a story by itself.

    Parameters
    ----------
    story
        What happens.
    store
        In which it looks, and somebody asks for an end.
    first_number
        Of the executions of the story.
    """

    def __init__(self, story: Story, store: ExecutionStore, *, first_number: int) -> None:
        super().__init__()
        self._first_number = first_number
        self._story = story
        self._store = store
        self._tried: list[AttemptKey] = []
        self.lost_retries = story.lost_retries
        self.harvest_result = Harvest(
            output_object="a" * 64,
            artifacts=(_artifact("model.bin"),),
            remarks=(Remark(kind="shell", message="rm failed."),),
        )
        self.late_result = Harvest(artifacts=(_artifact("bye.txt"),))
        #: What must not be.
        self.wrong: list[str] = []
        #: Attempts of which a cell began, by number of the execution.
        self.begun: dict[int, list[int]] = {}

    @override
    async def start(self, execution: Execution) -> None:
        number = execution.number
        now = self._store.get(number)
        if (now.status, now.attempt) != (Status.RUNNING, execution.attempt):
            self.wrong.append(
                f"#{number} starts as attempt {execution.attempt} and is {now.status} as "
                f"{now.attempt}"
            )
        known = {key for key in self._attempts if key.execution_id == execution.id}
        key = AttemptKey(execution.id, execution.attempt)
        if known - {key}:
            self.wrong.append(f"#{number} starts twice at once")
        if key not in self._tried:
            self._tried.append(key)
        # Which of those that came here, because one may never have come so far.
        n_tries = sum(each.execution_id == execution.id for each in self._tried)
        place = number - self._first_number + 1
        if place in self._story.cancelled:
            self._store.request_cancel(number)
        refusal = self._story.refusals.get((place, n_tries))
        if refusal is not None:
            raise refusal
        await super().start(execution)
        if key not in known:
            self._play(number, execution.attempt, n_tries)

    def _play(self, number: int, attempt: int, n_tries: int) -> None:
        status, reason, has_begun = self._story.ends.get(
            (number - self._first_number + 1, n_tries), (Status.SUCCEEDED, None, True)
        )
        now = utc_now()
        if has_begun:
            self.begun.setdefault(number, []).append(attempt)
            self.attempts_by_number[number].events += [
                ExecutionStarted(at=now, cells_total=1),
                CellStarted(at=now, cell_index=0),
                MetricRecorded(at=now, name="loss", value=0.5, step=1),
                MetricRecorded(at=now, name="loss", value=0.25, step=2),
                CellFinished(at=now, cell_index=0),
            ]
        self.end(number, status, reason=reason, began=has_begun)

    @override
    async def observe(self, key: AttemptKey, *, offset: int) -> Observation:
        """Show what began first, and its end when that was seen."""
        observation = await super().observe(key, offset=offset)
        if offset == 0 and len(observation.events) > 1:
            return replace(observation, events=observation.events[:1], offset=1, result=None)
        return observation


def _artifact(name: str) -> Artifact:
    return Artifact(name=name, object_id="b" * 64, size_bytes=1, media_type="text/plain")


def _collecting() -> Story:
    first = make_submission()
    collect = Collect(executions=(first.id,), parameter="found")
    return Story(submissions=(first, make_submission(collect=collect)))


STORIES = {
    "two succeed": lambda: Story(submissions=(make_submission(), make_submission())),
    "one has no room at first": lambda: Story(refusals={(1, 1): UnavailableError("No room.")}),
    "one cannot be started": lambda: Story(refusals={(1, 1): RefusedError("It cannot run.")}),
    "one is cancelled while it starts": lambda: Story(
        refusals={(1, 1): StartCancelledError("Cancelled.")}, cancelled=frozenset({1})
    ),
    "one dies before its first cell": lambda: Story(
        ends={(1, 1): (Status.FAILED, Reason.LOST, False)}
    ),
    "one is lost": lambda: Story(ends={(1, 1): (Status.FAILED, Reason.LOST, True)}),
    "one is lost and tried again": lambda: Story(
        ends={(1, 1): (Status.FAILED, Reason.LOST, True)}, lost_retries=1
    ),
    "one result is not to be reused": lambda: Story(
        submissions=(make_submission(reuse_key="k", provenance={"environment_key": "e"}),)
    ),
    "one collects another": _collecting,
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "store.sqlite"
    ExecutionStore(f"sqlite:///{path}").close()
    return path


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (following, "OBSERVE_INTERVAL_S"),
        (following, "RETRY_INTERVAL_S"),
        (clearing, "OBSERVE_INTERVAL_S"),
        (clearing, "RETRY_INTERVAL_S"),
        (loop, "IDLE_INTERVAL_S"),
    ):
        monkeypatch.setattr(module, name, QUICK_S)


@pytest.mark.parametrize("fate", get_args(Fate))
@pytest.mark.parametrize("name", STORIES)
async def test_nothing_is_lost_doubled_or_told_wrongly_whichever_write_gets_no_answer(
    template: Path, tmp_path: Path, name: str, fate: Fate
) -> None:
    url = f"sqlite:///{shutil.copy(template, tmp_path)}"
    with closing(ExecutionStore(url)) as store, closing(ExecutionStore(url)) as certain:
        undisturbed = await _play(STORIES[name](), store, certain, lock_path=tmp_path / "lock")
        place = 0
        while True:
            uncertain = Uncertain(store, place=place, fate=fate)
            told = await _play(STORIES[name](), store, certain, lock_path=tmp_path / "lock")
            uncertain.end()
            if not uncertain.has_struck:
                break
            assert told == undisturbed, f"{uncertain.writes[place]} ({place})"
            place += 1

    assert place > 3


async def _play(
    story: Story, store: ExecutionStore, certain: ExecutionStore, *, lock_path: Path
) -> list[JSONObject]:
    """Let a story come to its end, and return what is told of it."""
    ours = [certain.accept(submission)[0] for submission in story.submissions]
    backend = Acting(story, certain, first_number=ours[0].number)
    part = Dispatcher(
        store=store,
        backends={"local": backend},
        lock_path=lock_path,
        slots=lambda: 2,
        vouch=lambda _: False,
        hand_over=lambda each: store.fan_in.hand_over(each.id, _handed(each)),
        start_pause_s=QUICK_S,
    )
    part.start()
    async with asyncio.timeout(20):
        # Also what is tried once more when all is over.
        while part._followers or not all(certain.get(each.id).is_final for each in ours):
            await asyncio.sleep(QUICK_S)
        await part.stop()
    return [_told(certain, each.number, backend) for each in ours]


def _handed(execution: Execution) -> JSONObject:
    return {"value": [{"number": 1, "by": execution.attempt}], "files": [], "note": None}


def _told(store: ExecutionStore, number: int, backend: Acting) -> JSONObject:
    execution, series, counts = store.metrics(number)
    entries = [entry.type for entry in store.history(number)]
    return {
        "status": execution.status,
        "reason": execution.reason,
        "message": execution.message,
        "cells_done": execution.cells_done,
        "metrics": dict(execution.metrics),
        "points": [(each.name, list(each.steps), list(each.values)) for each in series],
        "counts": counts,
        "remarks": [remark.kind for remark in execution.remarks],
        "output": execution.output_object,
        "artifacts": [each.name for each in execution.artifacts],
        "ends": entries.count("execution_finished"),
        "accepted": entries.count("accepted"),
        "n_begun": len(backend.begun.get(number, ())),
        "reusable": list(store.sweeps.find_reusable(["k"])),
        "handed": len(execution.provenance.get("handed", {}).get("value", ())),
        "wrong": backend.wrong,
    }


class CutOff(ExecutionStore):
    """Loses its database when it claims something."""

    #: What is cut then.
    between: Cutter | None = None

    @override
    def claim(self, **options: Any) -> Execution | None:
        if self.between is not None:
            self.between.cut("after")
            self.between.is_closed = True
            self.between = None
        return super().claim(**options)


async def test_what_was_claimed_when_the_network_swallowed_the_answer_runs_once(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "FATE_LIMIT_S", 0.1)
    url = cluster.create("uncertain")
    # Names of sockets are short: not below pytest's folder.
    folder = Path(tempfile.mkdtemp(prefix="cut-"))
    between = Cutter(folder, cluster.folder)
    through = f"postgresql://postgres@/uncertain?host={folder}"
    with closing(ExecutionStore(url)) as certain, closing(CutOff(through)) as store:
        backend = Acting(Story(), certain, first_number=1)
        part = Dispatcher(
            store=store,
            backends={"local": backend},
            lock_path=tmp_path / "lock",
            slots=lambda: 1,
        )
        certain.accept(make_submission())
        store.between = between

        part.start()
        await _until(lambda: part._may_have_claimed)
        between.is_closed = False
        await _until(lambda: certain.get(1).is_final and not part._followers)
        await part.stop()

        ended = certain.get(1)
        assert (ended.status, ended.attempt) == (Status.SUCCEEDED, 1)
        assert (backend.begun, backend.wrong) == ({1: [1]}, [])
    between.close()
    shutil.rmtree(folder)
    cluster.drop("uncertain")


async def _until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not check():
            await asyncio.sleep(QUICK_S)
