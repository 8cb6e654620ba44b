"""The store keeps the contract on each database, among threads and processes too."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.errors import (
    ConflictError,
    InvalidRequestError,
    UnavailableError,
)
from jupyter_async_exec.store import ExecutionQuery, ExecutionStore
from jupyter_async_exec.testing.factories import make_submission
from jupyter_async_exec.testing.store_contract import ExecutionStoreContract

if TYPE_CHECKING:
    from collections.abc import Iterator

N_CLAIMED = 400
CLAIMER = """
import sys
from jupyter_async_exec.store import ExecutionStore
store = ExecutionStore(sys.argv[1])
print("ready", flush=True)
for _ in range(2):
    sys.stdin.readline()
    claimed = store.claim(backend="local")
    print(claimed.number, claimed.attempt, flush=True)
while (claimed := store.claim(backend="local")) is not None:
    print(claimed.number, claimed.attempt)
store.close()
"""


class TestExecutionStore(ExecutionStoreContract):
    @pytest.fixture
    def store(self, store_url: str) -> Iterator[ExecutionStore]:
        store = ExecutionStore(store_url)
        yield store
        store.close()


def _go(claimer: subprocess.Popen[str]) -> str:
    assert claimer.stdin is not None
    assert claimer.stdout is not None
    claimer.stdin.write("go\n")
    claimer.stdin.flush()
    return claimer.stdout.readline()


@pytest.mark.slow
def test_two_processes_never_claim_the_same_execution(
    store: ExecutionStore, store_url: str
) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: store.accept(make_submission()), range(N_CLAIMED)))

    claimers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMER, store_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for claimer in claimers:
        assert claimer.stdout is not None
        assert claimer.stdout.readline() == "ready\n"
    # Each has claimed one before either goes on, however the processors are shared out.
    outputs = [_go(claimer) for claimer in claimers]

    def go(index: int) -> None:
        outputs[index] += claimers[index].communicate("go\n", timeout=60)[0]

    threads = [threading.Thread(target=go, args=(index,)) for index in range(len(claimers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    leases = [line.split() for output in outputs for line in output.splitlines()]

    assert sorted(int(number) for number, _ in leases) == list(range(1, N_CLAIMED + 1))
    assert {attempt for _, attempt in leases} == {"1"}
    assert store.counts().running == N_CLAIMED


def test_another_process_commit_is_noticed(store: ExecutionStore, store_url: str) -> None:
    before = store.data_version()

    with closing(ExecutionStore(store_url)) as other:
        other.accept(make_submission())

    assert store.data_version() != before
    assert [execution.number for execution in store.changes_since(0)] == [1]


def test_many_threads_share_the_writer(store: ExecutionStore) -> None:
    def submit() -> None:
        for _ in range(20):
            store.accept(make_submission())

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [execution.number for execution in store.iterate()] == list(range(1, 161))
    assert store.last_rev() == 160


def test_one_refused_change_does_not_spoil_its_neighbours(store: ExecutionStore) -> None:
    blocked, entered = threading.Event(), threading.Event()
    problems: list[Exception] = []

    def block(_connection: object) -> None:
        entered.set()
        blocked.wait(10.0)

    def trash() -> None:
        try:
            store.trash(1)
        except ConflictError as error:
            problems.append(error)

    store.accept(make_submission())
    threads = [threading.Thread(target=store._writer.run, args=(block,))]
    threads[0].start()
    entered.wait(10.0)
    threads += [threading.Thread(target=trash)]
    threads += [threading.Thread(target=store.accept, args=(make_submission(),)) for _ in range(3)]
    for thread in threads[1:]:
        thread.start()
    blocked.set()
    for thread in threads:
        thread.join(10.0)

    assert len(problems) == 1
    assert len(store.find(ExecutionQuery()).executions) == 4


@pytest.mark.parametrize(
    "url",
    [
        *("", "x", "mysql://h/d", "sqlite://", "sqlite:///:memory:", "sqlite:///"),
        *("postgresql://h", "postgresql+asyncpg://h/d"),
    ],
)
def test_a_url_of_no_store_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequestError):
        ExecutionStore(url)


def test_a_closed_store_says_so(store_url: str) -> None:
    store = ExecutionStore(store_url)
    store.close()
    store.close()

    for call in (lambda: store.get(1), lambda: store.claim(backend="local"), store.data_version):
        with pytest.raises(UnavailableError, match=r"^The store is closed\.$"):
            call()
