"""`log_metric`: a line in a file inside an execution, nothing outside of one."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec import log_metric
from jupyter_async_exec.defaults import METRICS_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "metrics.jsonl"
    monkeypatch.setenv(METRICS_VARIABLE, str(path))
    return path


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_metric_is_one_line(written: Path) -> None:
    log_metric("loss", 0.5, step=3)
    log_metric("n", 7)
    log_metric("loss", float("nan"))
    log_metric("exact", Decimal("0.25"))

    assert records(written) == [
        {"name": "loss", "value": 0.5, "step": 3},
        {"name": "n", "value": 7},
        {"name": "loss", "value": "NaN"},
        {"name": "exact", "value": 0.25},
    ]


class Tensor:
    """One number, as an array of numpy, torch or JAX without dimensions has it."""

    def __init__(self, held: float) -> None:
        self.held = held

    def __index__(self) -> int:
        if not isinstance(self.held, int):
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return self.held

    def __float__(self) -> float:
        return float(self.held)


def test_arrays_and_tensors_of_one_number_are_numbers(written: Path) -> None:
    log_metric("loss", Tensor(0.5), step=3)
    log_metric("n", Tensor(7))

    assert [each["value"] for each in records(written)] == [0.5, 7]


def test_outside_of_an_execution_it_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(METRICS_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)

    log_metric("loss", 0.5)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("", 1), ("a\nb", 1), ("x" * 201, 1), ("a", 1, 2**63)])
def test_what_is_no_name_or_step_is_said_so(written: Path, arguments: Any) -> None:
    with pytest.raises(ValueError, match=r"name of a metric|too large"):
        log_metric(*arguments)


@pytest.mark.parametrize("arguments", [("a", "0.5"), ("a", None), ("a", 1, 0.5), ("a", [1])])
def test_what_is_no_number_is_said_so(written: Path, arguments: Any) -> None:
    with pytest.raises((TypeError, AttributeError)):
        log_metric(*arguments)


def test_a_measurement_that_cannot_be_kept_ends_nothing(written: Path) -> None:
    written.mkdir()

    with pytest.warns(RuntimeWarning, match="could not be recorded"):
        log_metric("loss", 0.5)


def test_threads_and_processes_never_mix_their_lines(written: Path) -> None:
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=_log_many, args=(name,)) for name in ("a", "b")]
    for other in others:
        other.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(_log_many, ("c", "d", "e", "f")))
    for other in others:
        other.join(60)

    values: dict[str, list[int]] = {}
    for record in records(written):
        values.setdefault(record["name"], []).append(record["value"])
    assert values == {name: list(range(500)) for name in values}
    assert sorted(values) == ["a", "b", "c", "d", "e", "f"]


def _log_many(name: str) -> None:
    for number in range(500):
        log_metric(name, number)
