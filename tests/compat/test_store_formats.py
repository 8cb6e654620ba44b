"""A store that an earlier release wrote opens, with everything in it."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_async_exec.core.execution import Artifact, Limits, Reason, Remark, Status
from jupyter_async_exec.store import ExecutionQuery, ExecutionStore
from jupyter_async_exec.testing.factories import make_submission

STORES = Path(__file__).parent / "stores"


@pytest.mark.parametrize("kept", sorted(STORES.glob("format-*.sqlite")), ids=lambda path: path.stem)
def test_an_older_store_opens_with_everything_in_it(kept: Path, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    shutil.copy(kept, path)

    with closing(ExecutionStore(f"sqlite:///{path}")) as store:
        failed, running, queued = store.iterate()

        assert [each.status for each in (failed, running, queued)] == [
            Status.FAILED,
            Status.RUNNING,
            Status.QUEUED,
        ]
        assert (failed.reason, failed.message) == (Reason.CELL_ERROR, "Cell 2 failed.")
        assert failed.error is not None
        assert failed.error.traceback == ("line",)
        assert failed.metrics == {"val_acc": 0.9}
        assert failed.remarks == (Remark(kind="nan_metric", message="loss is NaN.", cell_index=1),)
        assert failed.artifacts == (
            Artifact(name="a.csv", object_id="a2" * 32, size_bytes=3, media_type="text/csv"),
        )
        assert (failed.tags, failed.starred, failed.note) == (("baseline",), True, "A note.")
        assert failed.limits == Limits(memory_bytes=2**34)
        assert failed.provenance == {"git": {"commit": "abc"}}
        assert len(store.history(1)) == 4
        assert store.settings.get("slots") == 3
        if kept.stem >= "format-0002":
            _, (loss,), _ = store.metrics(2)
            assert (list(loss.steps), list(loss.values)) == ([1, 2, 3], [0.5, 0.25, 0.125])
            assert running.environment_id is not None
            environments = store.environments([running.environment_id])
            assert environments[running.environment_id].packages == {"numpy": "2.1.0"}
        if kept.stem >= "format-0007":
            (preset,) = store.presets.all("a.ipynb")
            assert (preset.name, preset.parameters, preset.secrets) == (
                "small",
                {"n": 2},
                ("api_key",),
            )
        # A list leaves out what only details show.
        row = replace(failed, artifacts=(), provenance={})
        for query in (
            ExecutionQuery(text="learn keyerror label", limit=5),
            ExecutionQuery(text="learning_rate=0.01", starred=True),
            ExecutionQuery(tag="baseline"),
            ExecutionQuery(text="learn", owners=frozenset({"ada"}), starred=True),
        ):
            assert store.find(query).executions == (row,)
        for mine in (
            ExecutionQuery(text="learn", statuses=frozenset({queued.status})),
            ExecutionQuery(owners=frozenset({"ada"}), statuses=frozenset({queued.status})),
        ):
            assert store.find(mine).executions == (replace(queued, artifacts=(), provenance={}),)
        assert store.accept(make_submission(request_id="r1")) == (failed, False)
        assert store.accept(make_submission())[0].number == 4
