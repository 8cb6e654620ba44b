"""Workers read and write objects themselves where they may, and through Dask where they may not."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.backends.dask import backend as backend_module
from jupyter_async_exec.backends.dask import shared
from jupyter_async_exec.backends.dask.link import Link
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.errors import CorruptObjectError, ObjectsAwayError
from jupyter_async_exec.objects.bucket import Bucket
from jupyter_async_exec.objects.remote import RemoteObjectStore, open_remote
from jupyter_async_exec.objects.use_marks import key_of as place_of
from jupyter_async_exec.snapshots.manifest import load_manifest
from jupyter_async_exec.testing.backend_contract import wait_for_end
from tests.backends.dask.clusters import Cluster
from tests.backends.dask.nearby import scene
from tests.backends.dask.steps import key_of, opened
from tests.backends.executions import claimed

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.backends.base import Harvest
    from jupyter_async_exec.backends.dask.backend import DaskBackend
    from jupyter_async_exec.core.execution import Execution
    from tests.s3 import S3

MAKES_A_FILE = "open('made', 'w').write(open('data.txt').read() + ' made')"
#: Calls whose bytes are those of objects.
OF_OBJECTS = ("give", "take", "harvest")


@pytest.fixture
def objects(tmp_path: Path) -> RemoteObjectStore:
    return open_remote(f"file://{tmp_path}/bucket", tmp_path / "server-cache")


def make_execution(objects: Any, folder: Path) -> Execution:
    folder.mkdir()
    (folder / "data.txt").write_text("was")
    return claimed(objects, MAKES_A_FILE, folder=folder)


async def run(backend: DaskBackend, execution: Execution) -> Harvest:
    await backend.start(execution)
    observation = await wait_for_end(backend, execution)
    harvest = await backend.harvest(key_of(execution), execution)
    await backend.harvest_late(key_of(execution))
    await backend.discard(key_of(execution))
    assert observation.result is not None
    assert observation.result.status is Status.SUCCEEDED
    return harvest


def places(*object_ids: str | None) -> list[str]:
    """Return where objects lie, in order."""
    return sorted(place_of(each) for each in object_ids if each)


def read(objects: Any, harvest: Harvest) -> list[bytes]:
    assert harvest.output_object is not None
    assert b"data.txt" in objects.get(harvest.output_object)
    return [objects.get(each.object_id) for each in harvest.artifacts]


async def test_a_worker_reads_snapshots_and_writes_results_itself(
    objects: RemoteObjectStore, tmp_path: Path
) -> None:
    async with scene(tmp_path, objects) as (backend, link):
        harvest = await run(backend, make_execution(objects, tmp_path / "project"))

    others = open_remote(f"file://{tmp_path}/bucket", tmp_path / "another-cache")
    assert read(others, harvest) == [b"was made"]
    assert sum(link.carried_bytes[verb] for verb in OF_OBJECTS) == 0
    assert link.asked.count("fetch") == 1


async def test_a_worker_that_is_not_let_in_is_asked_once_and_gets_all_through_dask(
    objects: RemoteObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_tries = 0

    def refuse(*_: object, **__: object) -> RemoteObjectStore:
        nonlocal n_tries
        n_tries += 1
        raise ObjectsAwayError("The object store refuses.")

    monkeypatch.setattr(shared, "open_remote", refuse)
    async with scene(tmp_path, objects) as (backend, link):
        for name in ("first", "second"):
            execution = make_execution(objects, tmp_path / name)
            harvest = await run(backend, execution)

            assert read(objects, harvest) == [b"was made"]
    # Once for reading, once for writing.
    assert n_tries == 2
    assert link.carried_bytes["give"] > 0
    assert link.carried_bytes["harvest"] > 0


async def test_other_storage_at_the_same_address_is_noticed_and_not_written_to(
    objects: RemoteObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a folder that has the same name on another machine."""

    def open_elsewhere(_url: str, directory: Path, **options: Any) -> RemoteObjectStore:
        return open_remote(f"file://{tmp_path}/elsewhere", directory, **options)

    monkeypatch.setattr(shared, "open_remote", open_elsewhere)
    async with scene(tmp_path, objects) as (backend, _):
        harvest = await run(backend, make_execution(objects, tmp_path / "project"))

    assert read(objects, harvest) == [b"was made"]
    assert not (tmp_path / "elsewhere").exists()


async def test_a_damaged_object_never_runs(
    objects: RemoteObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It is asked what it lacks before it is told to begin, however lately it was heard of.
    monkeypatch.setattr(backend_module, "HEARD_S", 0.0)
    execution = make_execution(objects, tmp_path / "project")
    data = objects.put(b"was")
    damaged = tmp_path / "bucket" / place_of(data)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    async with scene(tmp_path, objects) as (backend, link):
        # The server has a sound copy.
        assert read(objects, await run(backend, execution)) == [b"was made"]
        shutil.rmtree(tmp_path / "machine" / "objects")
        shutil.rmtree(tmp_path / "server-cache")
        (tmp_path / "server-cache").mkdir()
        execution = make_execution(objects, tmp_path / "again")
        (tmp_path / "server-cache" / place_of(data)).unlink(missing_ok=True)

        with pytest.raises(CorruptObjectError):
            await backend.start(execution)

    assert link.asked.count("begin") == 1


async def test_what_was_uploaded_and_is_gone_again_comes_through_dask(
    objects: RemoteObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = RemoteObjectStore.send

    def send_and_lose(self: RemoteObjectStore, files: dict[str, Path]) -> None:
        send(self, files)
        for each in files:
            self.delete(each)

    monkeypatch.setattr(RemoteObjectStore, "send", send_and_lose)
    async with scene(tmp_path, objects) as (backend, link):
        harvest = await run(backend, make_execution(objects, tmp_path / "project"))

    assert read(objects, harvest) == [b"was made"]
    assert link.carried_bytes["take"] > 0


def test_no_secret_is_told_of_where_objects_are() -> None:
    options = {
        "endpoint_url": "http://127.0.0.1:9",
        "key": "secret",
        "client_kwargs": {"region_name": "here", "aws_secret_access_key": "secret"},
        "config_kwargs": {"s3": {"addressing_style": "path"}, "proxies": {"http": "secret"}},
    }

    address = Bucket("s3://bucket/prefix", options).address
    assert address is not None
    assert address.url == "s3://bucket/prefix"
    assert address.options == {
        "endpoint_url": "http://127.0.0.1:9",
        "client_kwargs": {"region_name": "here"},
        "config_kwargs": {"s3": {"addressing_style": "path"}},
    }
    assert Bucket("s3://bucket", {"endpoint_url": "http://me:secret@127.0.0.1:9"}).address is None


async def test_no_byte_of_an_object_travels_through_dask_unless_a_worker_may_not_reach_them(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scheduler, a worker with a key of its own, and then one without."""
    carried_bytes = dict.fromkeys(OF_OBJECTS, 0)
    ask = Link.ask

    async def weigh(
        self: Link, worker: str, verb: str, fields: Any, content: bytes = b"", **options: Any
    ) -> Any:
        answer = await ask(self, worker, verb, fields, content, **options)
        if verb in carried_bytes:
            carried_bytes[verb] += len(content) + len(answer[1])
        return answer

    monkeypatch.setattr(Link, "ask", weigh)
    objects = open_remote("s3://bucket/shared", tmp_path / "cache", options=s3.options)
    with Cluster(tmp_path) as cluster:
        cluster.start_worker("in", slots=1, below=["env", "AWS_ACCESS_KEY_ID=worker"])
        async with opened(tmp_path, cluster, objects, slots=1) as backend:
            execution = make_execution(objects, tmp_path / "project")
            with s3.recording() as requests:
                first = await run(backend, execution)
            assert carried_bytes == dict.fromkeys(OF_OBJECTS, 0)
            assert read(objects, first) == [b"was made"]
        cluster.kill("in")

        unset = ["-u", "AWS_ACCESS_KEY_ID", "-u", "AWS_SECRET_ACCESS_KEY"]
        cluster.start_worker(
            "out", slots=1, below=["env", *unset, "AWS_EC2_METADATA_DISABLED=true"]
        )
        async with opened(tmp_path, cluster, objects, slots=1) as backend:
            harvest = await run(backend, make_execution(objects, tmp_path / "again"))
            assert read(objects, harvest) == [b"was made"]
        assert carried_bytes["give"] > 0
        assert carried_bytes["harvest"] > 0

    def asked(who: str, method: str) -> list[str]:
        mine = [each for each in requests if (each.who, each.method) == (who, method)]
        keys = [each.key.removeprefix("shared/") for each in mine]
        return sorted(key for key in keys if re.fullmatch(r"[0-9a-f]{2}/[0-9a-f]{62}", key))

    captured = load_manifest(objects, execution.snapshot_id).object_ids
    assert asked("worker", "GET") == places(execution.snapshot_id, *captured)
    assert asked("worker", "PUT") == places(first.output_object, first.artifacts[0].object_id)
    # These came while it ran.
    assert asked("somebody", "PUT") == places(first.journal_object, first.log_object)
    assert asked("somebody", "GET") == []
