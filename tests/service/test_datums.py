"""One execution per file, and the next time only for new and changed ones."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.core.events import ExecutionFinished
from jupyter_async_exec.core.execution import Collect, Status
from jupyter_async_exec.core.reuse import ReusePolicy
from jupyter_async_exec.core.sweeps import SweepDefinition
from jupyter_async_exec.errors import ConflictError, RefusedError
from jupyter_async_exec.service import SubmitRequest, SweepRequest
from jupyter_async_exec.service.datums import Datum, find_files
from jupyter_async_exec.service.environment_key import EnvironmentKeys, environment_key
from jupyter_async_exec.service.ports import KernelInfo
from jupyter_async_exec.service.reuse_keys import Voucher
from jupyter_async_exec.snapshots.choice import CaptureLimits
from jupyter_async_exec.snapshots.linked import linked_to_json
from jupyter_async_exec.snapshots.manifest import LinkedFile
from jupyter_async_exec.testing.factories import SOME_MOMENT, make_execution
from tests.conftest import make_notebook
from tests.service.conftest import NoFiles, OneKernel, make_service

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.sweeps import Sweep
    from jupyter_async_exec.service import ExecutionService
    from jupyter_async_exec.store import ExecutionStore

NOTEBOOK = make_notebook("print(open(path).read())", parameters="path: str = ''\nn: int = 1")


class Folder(NoFiles):
    """Notebooks in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def local_folder(self, path: str) -> Path | None:
        return (self._root / path).parent

    def local_root(self) -> Path | None:
        return self._root


class KernelInVenv(OneKernel):
    """A kernel whose environment can be told."""

    def __init__(self, python: Path) -> None:
        self._spec = {"argv": [str(python), "-m", "ipykernel_launcher"], "env": {}}

    def find(self) -> dict[str, KernelInfo]:
        return {"python3": KernelInfo("python3", "Python 3", "python", self._spec)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "study" / "data").mkdir(parents=True)
    for place in range(5):
        (root / "study" / "data" / f"{place}.csv").write_text(f"data {place}")
    return root


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    python = tmp_path / "env" / "bin" / "python3"
    python.parent.mkdir(parents=True)
    python.write_text("#!")
    python.chmod(0o755)
    (tmp_path / "env/lib/python3.11/site-packages").mkdir(parents=True)
    (tmp_path / "env/pyvenv.cfg").write_text("include-system-site-packages = false\n")
    return python


@pytest.fixture
def service(store: ExecutionStore, tmp_path: Path, root: Path, python: Path) -> ExecutionService:
    (tmp_path / "data").mkdir()
    return make_service(
        store, tmp_path / "data", notebook_files=Folder(root), kernels=KernelInVenv(python)
    )


def request(pattern: str = "glob:data/*.csv", **base: Any) -> SweepRequest:
    return SweepRequest(
        base=SubmitRequest(**{"path": "study/a.ipynb", "notebook": NOTEBOOK, **base}),
        definition=SweepDefinition(values={"path": pattern}),
        canary=False,
    )


def end_all(store: ExecutionStore, status: Status = Status.SUCCEEDED) -> None:
    while (claimed := store.claim(backend="local")) is not None:
        end = ExecutionFinished(at=SOME_MOMENT, status=status)
        store.record(claimed.id, claimed.attempt, (end,))


async def submit(service: ExecutionService, **base: Any) -> tuple[Sweep, list[Execution]]:
    return await service.sweeps.submit(request(**base))


async def test_each_file_is_an_execution_whose_parameter_is_its_path(
    service: ExecutionService,
) -> None:
    sweep, executions = await submit(service)

    assert [each.parameters for each in executions] == [
        {"path": f"data/{place}.csv"} for place in range(5)
    ]
    assert sweep.title == "5 files, 5 new"
    assert sweep.definition["values"] == {"path": "glob:data/*.csv"}
    _, receipt = await service.receipt("2")
    datum = receipt["datums"]["path"]
    assert (datum["path"], datum["size_bytes"], len(datum["sha256"])) == ("data/1.csv", 6, 64)


async def test_the_same_sweep_again_runs_only_for_new_and_changed_files(
    service: ExecutionService, store: ExecutionStore, root: Path
) -> None:
    await submit(service)
    end_all(store)
    (root / "study/data/1.csv").write_text("changed")
    (root / "study/data/9.csv").write_text("new")
    (root / "study/data/4.csv").unlink()

    plan = await service.sweeps.plan(request())
    sweep, executions = await submit(service)

    assert (plan.count, plan.n_reused) == (2, 3)
    assert plan.message.startswith("5 files, 2 new; 2 executions")
    assert sweep.title == "5 files, 2 new"
    assert [each.parameters["path"] for each in executions] == ["data/1.csv", "data/9.csv"]
    reused = await service.sweeps.reused(sweep)
    assert [each.parameters["path"] for each in reused] == [
        "data/0.csv", "data/2.csv", "data/3.csv",
    ]  # fmt: skip


async def test_files_are_counted_once_however_many_executions_are_made_for_each(
    service: ExecutionService, store: ExecutionStore, root: Path
) -> None:
    varied = SweepDefinition(values={"path": "glob:data/*.csv", "n": "1, 2, 3"})
    await service.sweeps.submit(replace(request(), definition=varied))
    end_all(store)
    (root / "study/data/1.csv").write_text("changed")

    plan = await service.sweeps.plan(replace(request(), definition=varied))
    sweep, executions = await service.sweeps.submit(replace(request(), definition=varied))

    assert (plan.n_files, plan.n_new_files, plan.count) == (5, 1, 3)
    assert plan.message.startswith("5 files, 1 new; 3 executions")
    assert (sweep.title, len(executions)) == ("5 files, 1 new", 3)


async def test_a_sweep_of_which_nothing_is_new_is_over_at_once(
    service: ExecutionService, store: ExecutionStore
) -> None:
    await submit(service)
    end_all(store)

    sweep, executions = await submit(service)

    assert executions == []
    assert (sweep.title, sweep.status) == ("5 files, none new", Status.SUCCEEDED)
    assert sweep.finished_at is not None
    assert len(await service.sweeps.reused(sweep)) == 5
    assert (await service.sweeps.get(sweep.id))[0] == sweep


async def test_an_earlier_result_that_is_deleted_is_said_to_be_missing(
    service: ExecutionService, store: ExecutionStore, root: Path
) -> None:
    earlier, _ = await submit(service)
    end_all(store)
    (root / "study/data/1.csv").write_text("changed")
    sweep, _ = await submit(service)
    end_all(store)
    notebook = make_notebook("executions", parameters="executions = []")
    collecting = await service.submit(
        SubmitRequest(path="study/b.ipynb", notebook=notebook, collect=Collect(sweep_id=sweep.id))
    )

    await service.sweeps.trash(earlier.id)

    assert (sweep.n_reused, (await service.sweeps.get(sweep.id))[0].n_reused) == (4, 0)
    handed = service.fan_in.hand_over(collecting).provenance["handed"]
    assert [each["number"] for each in handed["value"]] == [6]
    assert (
        handed["note"] == "Handed over 1 of 5 executions. Left out: 4 deleted (#1 and #3\u20135)."
    )


async def test_what_failed_is_not_taken_over(
    service: ExecutionService, store: ExecutionStore
) -> None:
    await submit(service)
    end_all(store, Status.FAILED)

    _, executions = await submit(service)

    assert len(executions) == 5


async def test_what_was_run_again_is_not_run_once_more(
    service: ExecutionService, store: ExecutionStore
) -> None:
    sweep, _ = await submit(service)
    end_all(store, Status.FAILED)
    await service.sweeps.retry(sweep.id)
    end_all(store)

    again, executions = await submit(service)

    assert (again.title, executions) == ("5 files, none new", [])
    _, receipt = await service.receipt("6")
    assert receipt["datums"]["path"]["path"] == "data/0.csv"


async def test_what_was_added_is_not_run_once_more(
    service: ExecutionService, store: ExecutionStore, root: Path
) -> None:
    sweep, _ = await submit(service)
    end_all(store)
    (root / "study/data/9.csv").write_text("new")
    await service.sweeps.add(sweep.id, SweepDefinition(values={"path": "glob:data/*.csv"}))
    end_all(store)

    again, _ = await submit(service)
    (root / "study/data/9.csv").write_text("newer")
    changed, _ = await submit(service)

    assert again.title == "6 files, none new"
    assert changed.title == "6 files, 1 new"


async def test_a_file_that_is_added_by_its_name_counts_by_its_content(
    store: ExecutionStore, tmp_path: Path, root: Path, python: Path
) -> None:
    (tmp_path / "data").mkdir()
    service = make_service(
        store,
        tmp_path / "data",
        notebook_files=Folder(root),
        kernels=KernelInVenv(python),
        capture_limits=CaptureLimits(file_bytes=1),
    )
    sweep, _ = await submit(service)
    end_all(store)
    (root / "study/data/9.csv").write_text("new")
    await service.sweeps.add(sweep.id, SweepDefinition(values={"path": "data/9.csv"}))
    end_all(store)
    _, receipt = await service.receipt("6")
    (root / "study/data/9.csv").write_text("NEW")

    changed, _ = await submit(service)

    assert receipt["datums"]["path"]["sha256"] == hashlib.sha256(b"new").hexdigest()
    assert changed.title == "6 files, 1 new"


async def test_a_rerun_is_the_same_as_what_it_repeats(
    service: ExecutionService, store: ExecutionStore, root: Path, python: Path
) -> None:
    once = SubmitRequest(path="study/a.ipynb", notebook=NOTEBOOK, parameters={"n": 3})
    await service.submit(once)
    end_all(store, Status.FAILED)
    await service.rerun("1")
    end_all(store)
    other = await service.rerun("1", parameters={"n": 4})
    end_all(store)

    same = await service.find_same(once)
    same_as_other = await service.find_same(replace(once, parameters={"n": 4}))
    change_package(root, python)
    after_upgrade = await service.find_same(once)

    assert same is not None
    assert (same.number, same_as_other and same_as_other.id) == (2, other.id)
    assert after_upgrade is None


async def test_what_is_run_again_after_an_upgrade_counts_for_what_comes_after_it(
    service: ExecutionService, store: ExecutionStore, root: Path, python: Path
) -> None:
    sweep, _ = await submit(service)
    end_all(store, Status.FAILED)
    change_package(root, python)
    await service.sweeps.retry(sweep.id)
    end_all(store)

    again, _ = await submit(service)

    assert again.title == "5 files, none new"


def change_code(root: Path, python: Path) -> dict[str, Any]:
    return {"notebook": make_notebook("print('other')", parameters="path: str = ''\nn: int = 1")}


def change_parameter(root: Path, python: Path) -> dict[str, Any]:
    return {"parameters": {"n": 2}}


def change_helper(root: Path, python: Path) -> dict[str, Any]:
    (root / "study" / "helper.py").write_text("x = 2")
    return {}


def change_package(root: Path, python: Path) -> dict[str, Any]:
    (python.parents[1] / "lib/python3.11/site-packages/numpy-2.dist-info").mkdir()
    return {}


def change_large_file(root: Path, python: Path) -> dict[str, Any]:
    (root / "study" / "large.bin").write_bytes(b"y" * 300)
    return {}


def want_it_anew(root: Path, python: Path) -> dict[str, Any]:
    return {"reuse": ReusePolicy()}


def want_it_fresh(root: Path, python: Path) -> dict[str, Any]:
    return {"reuse": ReusePolicy(wanted=True, max_age_s=1e-6)}


@pytest.mark.parametrize(
    "change",
    [
        change_code,
        change_parameter,
        change_helper,
        change_package,
        change_large_file,
        want_it_anew,
        want_it_fresh,
    ],
)
async def test_nothing_is_taken_over_once_anything_else_has_changed(
    store: ExecutionStore, tmp_path: Path, root: Path, python: Path, change: Any
) -> None:
    (root / "study" / "helper.py").write_text("x = 1")
    (root / "study" / "large.bin").write_bytes(b"x" * 200)
    (tmp_path / "data").mkdir()
    service = make_service(
        store,
        tmp_path / "data",
        notebook_files=Folder(root),
        kernels=KernelInVenv(python),
        capture_limits=CaptureLimits(file_bytes=100),
    )
    await submit(service)
    end_all(store)
    assert (await service.sweeps.plan(request())).count == 0

    plan = await service.sweeps.plan(request(**change(root, python)))

    assert plan.count == 5


async def test_large_files_are_told_apart_by_their_content_too(
    store: ExecutionStore, tmp_path: Path, root: Path, python: Path
) -> None:
    (tmp_path / "data").mkdir()
    service = make_service(
        store,
        tmp_path / "data",
        notebook_files=Folder(root),
        kernels=KernelInVenv(python),
        capture_limits=CaptureLimits(file_bytes=1),
    )
    await submit(service)
    end_all(store)
    (root / "study/data/2.csv").write_text("DATA 2")

    _, executions = await submit(service)

    assert [each.parameters["path"] for each in executions] == ["data/2.csv"]


async def test_files_are_added_by_pattern_and_known_results_are_not(
    service: ExecutionService, store: ExecutionStore, root: Path
) -> None:
    await submit(service)
    end_all(store)
    (root / "study/data/1.csv").write_text("changed")
    sweep, _ = await submit(service)
    (root / "study/data/9.csv").write_text("new")
    more = SweepDefinition(values={"path": "glob:data/*.csv"})

    _, executions = await service.sweeps.add(sweep.id, more)

    assert [each.parameters["path"] for each in executions] == ["data/1.csv", "data/9.csv"]
    with pytest.raises(ConflictError, match="in the sweep already"):
        await service.sweeps.add(sweep.id, more)


async def test_to_a_sweep_of_which_nothing_was_run_nothing_is_added(
    service: ExecutionService, store: ExecutionStore
) -> None:
    await submit(service)
    end_all(store)
    sweep, _ = await submit(service)

    with pytest.raises(ConflictError, match="because all of it was known"):
        await service.sweeps.add(sweep.id, SweepDefinition(values={"path": "data/0.csv"}))


# ---------------------------------------------------------------- a single execution


async def test_a_single_execution_is_offered_the_result_of_its_equal(
    service: ExecutionService, store: ExecutionStore
) -> None:
    once = SubmitRequest(path="study/a.ipynb", notebook=NOTEBOOK, parameters={"n": 3})
    assert await service.find_same(once) is None
    first = await service.submit(once)
    assert await service.find_same(once) is None
    end_all(store)

    same = await service.find_same(once)
    other = await service.find_same(
        SubmitRequest(path="study/a.ipynb", notebook=NOTEBOOK, parameters={"n": 4})
    )

    assert same is not None
    assert (same.id, other) == (first.id, None)
    assert store.counts().queued == 0


async def test_chosen_files_that_are_not_captured_count_too(
    service: ExecutionService, store: ExecutionStore, root: Path
) -> None:
    (root / "outside").mkdir()
    (root / "outside/model.bin").write_text("1")
    policy = ReusePolicy(wanted=True, files=("../outside/*.bin",))
    once = SubmitRequest(path="study/a.ipynb", notebook=NOTEBOOK, reuse=policy)
    await service.submit(once)
    end_all(store)
    assert await service.find_same(once) is not None

    (root / "outside/model.bin").write_text("2")

    assert await service.find_same(once) is None


async def test_next_to_a_link_that_leads_out_nothing_counts_as_the_same(
    service: ExecutionService, store: ExecutionStore, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (root / "study" / "link").symlink_to(tmp_path / "elsewhere")
    once = SubmitRequest(path="study/a.ipynb", notebook=NOTEBOOK)
    await service.submit(once)
    end_all(store)

    assert await service.find_same(once) is None


async def test_an_equal_notebook_in_another_folder_is_not_the_same(
    service: ExecutionService, store: ExecutionStore, root: Path
) -> None:
    (root / "study" / "data").rename(root / "data")
    (root / "other").mkdir()
    await service.submit(SubmitRequest(path="study/a.ipynb", notebook=NOTEBOOK))
    end_all(store)

    same = await service.find_same(SubmitRequest(path="other/a.ipynb", notebook=NOTEBOOK))

    assert same is None


# ---------------------------------------------------------------- patterns


def test_patterns_find_files_as_the_notebook_names_them(root: Path) -> None:
    folder = root / "study"
    (folder / "data" / "deep").mkdir()
    (folder / "data" / "deep" / "x.csv").write_text("")
    (folder / "data" / ".hidden.csv").write_text("")
    (root / "other").mkdir()
    (root / "other" / "y.csv").write_text("")

    assert find_files("data/[01].csv", folder=folder, root=root) == ["data/0.csv", "data/1.csv"]
    assert find_files("**/x.csv", folder=folder, root=root) == ["data/deep/x.csv"]
    assert find_files("../other/*.csv", folder=folder, root=root) == ["../other/y.csv"]
    assert "data/.hidden.csv" not in find_files("data/*", folder=folder, root=root)


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("data/*.txt", "No file matches 'data/*.txt' in "),
        ("", "is no pattern of files"),
        ("/etc/*", "is no pattern of files"),
        ("~/x", "is no pattern of files"),
        ("../../*", "leads out of the folder"),
        ("data/../../../*", "leads out of the folder"),
        ("..", "leads out of the folder"),
        ("a**b/\x00", "is no pattern of files"),
    ],
)
def test_a_bad_pattern_is_refused_with_a_sentence(root: Path, pattern: str, sentence: str) -> None:
    with pytest.raises(RefusedError) as caught:
        find_files(pattern, folder=root / "study", root=root)

    assert sentence in str(caught.value)


def test_a_link_does_not_lead_out(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("")
    (root / "study" / "data" / "link.csv").symlink_to(tmp_path / "secret.csv")

    found = find_files("data/*.csv", folder=root / "study", root=root)

    assert "data/link.csv" not in found


async def test_a_bad_pattern_accepts_nothing(
    service: ExecutionService, store: ExecutionStore
) -> None:
    with pytest.raises(RefusedError, match="No file matches"):
        await service.sweeps.submit(request("glob:data/*.nothing"))

    assert store.last_rev() == 0
    assert json.dumps(await service.status())


# ---------------------------------------------------------------- while it waited


def test_a_result_counts_only_if_what_ran_is_what_was_submitted(
    store: ExecutionStore, tmp_path: Path, root: Path, python: Path
) -> None:
    kernels = KernelInVenv(python)
    key = environment_key(kernels.find()["python3"])
    status = (root / "study" / "data" / "1.csv").stat()
    linked = LinkedFile(path="data/1.csv", size_bytes=status.st_size, mtime_ns=status.st_mtime_ns)
    digest = hashlib.sha256(b"data 2").hexdigest()
    datum = Datum(path="data/2.csv", sha256=digest, size_bytes=6, captured=False)
    execution = make_execution(
        notebook_path="study/a.ipynb",
        provenance={
            "environment_key": key,
            "server_root": str(root),
            "tree_root": str(root / "study"),
            "linked": linked_to_json([linked]),
            "datums": {"path": asdict(datum)},
        },
    )
    vouch = Voucher(kernels, None, EnvironmentKeys())
    assert vouch(execution)

    (root / "study/data/2.csv").write_text("DATA 2")
    assert not vouch(execution)
    (root / "study/data/2.csv").write_text("data 2")
    assert vouch(execution)
    (root / "study/data/1.csv").write_text("longer than it was")
    assert not vouch(execution)
    assert not vouch(
        replace(execution, provenance={**execution.provenance, "linked": []}, kernel_name="r")
    )
    python.write_text("#! another")
    assert not vouch(replace(execution, provenance={"environment_key": key}))


async def test_the_results_of_a_sweep_are_complete_however_often_it_ran(
    service: ExecutionService, store: ExecutionStore, root: Path
) -> None:
    await submit(service)
    end_all(store)
    for place in (1, 2, 3):
        (root / f"study/data/{place}.csv").write_text("changed")
    sweep, executions = await submit(service)
    end_all(store, Status.FAILED)
    await service.sweeps.retry(sweep.id)
    end_all(store)

    document = await service.compare(sweep=sweep.id)

    succeeded = [row for row in document["executions"] if row["status"] == "succeeded"]
    assert len(executions) == 3
    assert sorted(row["parameters"]["path"] for row in succeeded) == [
        f"data/{place}.csv" for place in range(5)
    ]
