"""What can be asked for, and where there is room for it."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_async_exec.core.resources import (
    Floor,
    Room,
    dump_resources,
    load_resources,
    most,
    read_resources,
)
from jupyter_async_exec.errors import InvalidRequestError

GPU_BOX = Room(slots=4, resources={"GPU": 2, "memory_gb": 16})


def test_what_is_asked_for_reads_as_it_was_written() -> None:
    asked = read_resources({"memory_gb": 0.5, "GPU": 1})

    assert asked == {"GPU": 1.0, "memory_gb": 0.5}
    assert load_resources(dump_resources(asked)) == asked
    assert dump_resources({}) == ""
    assert load_resources("") == {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"GPU": 0}, "above 0"),
        ({"GPU": -1}, "above 0"),
        ({"GPU": 10**400}, "at most 1,000,000,000"),
        ({"GPU": True}, "above 0"),
        ({"GPU": "1"}, "above 0"),
        ({"GPU": float("nan")}, "above 0"),
        ({"GPU": 0.5}, "whole numbers"),
        ({"G P U": 1}, "cannot name"),
        ({f"r{n}": 1 for n in range(21)}, "At most 20"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        read_resources(given)


def test_a_room_takes_as_many_as_it_has_resources_for() -> None:
    floor = Floor([GPU_BOX], {"a": {"GPU": 1}, "b": {"GPU": 1}})

    assert not floor.has_room({"GPU": 1})
    assert floor.has_room({"memory_gb": 16})
    assert not floor.has_room({"memory_gb": 17})


def test_two_halves_are_no_whole() -> None:
    floor = Floor([Room(slots=1, resources={"GPU": 1})] * 2, {})

    assert floor.has_room({"GPU": 1})
    assert not floor.has_room({"GPU": 2})


def test_what_is_held_somewhere_takes_room_there_and_the_rest_where_there_is_some() -> None:
    rooms = [
        Room(slots=2, resources={"GPU": 2}),
        Room(slots=2, resources={"GPU": 1}, held=frozenset({"a"})),
    ]

    floor = Floor(rooms, {"a": {"GPU": 1}, "b": {"GPU": 1}})

    assert floor.has_room({"GPU": 1})
    assert not floor.has_room({"GPU": 2})


def test_without_a_slot_there_is_no_room() -> None:
    floor = Floor([Room(slots=1, resources={"GPU": 4})], {"a": {}})

    assert not floor.has_room({})
    assert not floor.has_room({"GPU": 1})


def test_tenths_add_up() -> None:
    floor = Floor([Room(resources={"core": 1})], {str(n): {"core": 0.1} for n in range(9)})

    assert floor.has_room({"core": 0.1})


def test_the_most_that_can_be_asked_for_is_what_one_machine_has() -> None:
    assert most([GPU_BOX, Room(resources={"GPU": 1, "memory_gb": 64})]) == {
        "GPU": 2,
        "memory_gb": 64,
    }


def test_what_several_share_is_not_more_for_one_of_them() -> None:
    shared = Room(slots=4, resources={"GPU": 3}, largest={"GPU": 2})

    floor = Floor([shared], {"a": {"GPU": 1}})

    assert most([shared]) == {"GPU": 2}
    assert floor.has_room({"GPU": 2})
    assert not Floor([shared], {}).has_room({"GPU": 3})
