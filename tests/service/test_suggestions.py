"""What is suggested next: anything that is searched, never twice, and the better the later."""

from __future__ import annotations

import math
from typing import Any

from jupyter_async_exec.core.goal import Direction, Goal
from jupyter_async_exec.core.search import Sampler
from jupyter_async_exec.core.search_space import Space, read_space
from jupyter_async_exec.service.suggestions import Point, Tried, suggest

BEST = Goal("score", Direction.MAXIMISE)


def make_space(**values: Any) -> Space:
    return read_space(values, [], typed=False, fixed={})


def ask(space: Space, tried: list[Tried], n: int = 1, **changes: Any) -> list[Point]:
    choice: dict[str, Any] = {
        "goal": BEST,
        "sampler": Sampler.TPE,
        "seed": 7,
        "place": len(tried),
        "n": n,
    }
    return suggest(space, tried, **{**choice, **changes})


def tell(point: Point, value: float | None = 1.0, *, is_over: bool = True) -> Tried:
    return Tried(parameters=point, value=value, is_over=is_over)


def test_equal_histories_are_followed_by_equal_suggestions() -> None:
    space = make_space(lr="log(1e-4, 1e-1)", n="int(8, 128)", kind="relu, tanh")
    history = [tell(point, float(place)) for place, point in enumerate(ask(space, [], 12))]

    first, again = ask(space, history, 3), ask(space, history, 3)

    assert first == again
    assert ask(space, history, 3, seed=8) != first


def test_a_search_gets_closer_than_chance_to_what_is_best() -> None:
    space = make_space(lr="log(1e-4, 1e-1)")
    reached: dict[Sampler, float] = {}
    for sampler in Sampler:
        tried: list[Tried] = []
        for _ in range(25):
            (point,) = ask(space, tried, sampler=sampler)
            tried.append(tell(point, -abs(math.log10(float(str(point["lr"]))) + 2)))
        reached[sampler] = sum(each.value or 0 for each in tried[-10:])

    assert reached[Sampler.TPE] > reached[Sampler.RANDOM]


def test_a_metric_can_be_minimised() -> None:
    space = make_space(x="float(0, 10)")
    loss = Goal("loss", Direction.MINIMISE)
    tried: list[Tried] = []
    for _ in range(25):
        (point,) = ask(space, tried, goal=loss)
        tried.append(tell(point, float(str(point["x"]))))

    latest = [each.value for each in tried[-5:]]

    assert max(value for value in latest if value is not None) < 5


def test_a_small_space_is_tried_once_and_then_there_is_nothing_left() -> None:
    space = make_space(a="1..3", b=["x", None])
    tried: list[Tried] = []
    for _ in range(6):
        tried += [tell(point) for point in ask(space, tried)]

    left = ask(space, tried, 2)

    assert len({str(each.parameters) for each in tried}) == 6
    assert left == []


def test_those_at_once_differ_and_so_do_those_still_running() -> None:
    space = make_space(n="int(1, 40)")
    running = [tell(point, None, is_over=False) for point in ask(space, [], 10)]

    more = ask(space, running, 10)

    numbers = [each.parameters["n"] for each in running] + [each["n"] for each in more]
    assert len(set(numbers)) == 20


def test_failures_and_what_lies_outside_of_the_space_do_no_harm() -> None:
    space = make_space(n="int(1, 40, 2)", kind=["a", None])
    odd: list[Point] = [
        {"n": 2, "kind": "a"},
        {"n": 99, "kind": "a"},
        {"n": "1", "kind": "a"},
        {"n": True, "kind": "a"},
        {"n": 1, "kind": "c"},
        {"n": 1},
    ]
    tried = [tell(point, None) for point in ask(space, [], 3)] + [tell(point) for point in odd]

    (point,) = ask(space, tried)

    assert point["n"] in range(1, 41, 2)
    assert point["kind"] in ("a", None)
