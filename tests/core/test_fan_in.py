"""When an execution that waits for others may start, and what it is handed: pure rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_async_exec.core.execution import Collect, Status
from jupyter_async_exec.core.fan_in import (
    Decision,
    Source,
    Verdict,
    check_collect,
    chosen,
    decide,
    left_out,
    named,
    when_of,
    with_when,
)
from jupyter_async_exec.errors import InvalidRequestError

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONValue

BEGAN = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ALL = Collect()


def source(number: int, status: Status | None = Status.SUCCEEDED, *, end_s: int = 0) -> Source:
    is_over = status is not None and status.is_final
    return Source(
        number=number,
        status=status,
        finished_at=BEGAN + timedelta(seconds=end_s) if is_over else None,
        is_deleted=status is None,
    )


@st.composite
def many_sources(draw: st.DrawFn) -> list[Source]:
    statuses = draw(st.lists(st.sampled_from([*Status, None]), max_size=12))
    return [
        replace(
            source(number, status, end_s=draw(st.integers(0, 100))),
            is_deleted=status is None
            or (status.is_final and draw(st.booleans()) and draw(st.booleans())),
        )
        for number, status in enumerate(statuses, start=1)
    ]


some_collect = st.one_of(
    st.just(ALL),
    st.builds(Collect, first=st.integers(1, 12)),
    st.builds(Collect, within_s=st.integers(1, 100)),
)


def verdict(
    *,
    after: list[Source] | None = None,
    sources: list[Source] | None = None,
    collect: Collect | None = None,
    now_s: int = 0,
) -> Decision:
    return decide(
        after=after or [],
        sources=sources or [],
        collect=collect,
        created_at=BEGAN,
        now=BEGAN + timedelta(seconds=now_s),
    )


@given(
    after=many_sources(), sources=many_sources(), collect=some_collect, now_s=st.integers(0, 200)
)
def test_what_waits_only_for_what_is_over_waits_no_longer(
    after: list[Source], sources: list[Source], collect: Collect, now_s: int
) -> None:
    decision = verdict(after=after, sources=sources, collect=collect, now_s=now_s)

    if all(each.is_over for each in (*after, *sources)):
        assert decision.verdict is not Verdict.WAIT
    if decision.verdict is not Verdict.START:
        assert decision.sentence is not None
        assert decision.sentence.endswith(".")


@given(
    after=many_sources(), sources=many_sources(), collect=some_collect, now_s=st.integers(0, 200)
)
def test_what_starts_has_something_to_collect_and_only_successes_before_it(
    after: list[Source], sources: list[Source], collect: Collect, now_s: int
) -> None:
    if verdict(after=after, sources=sources, collect=collect, now_s=now_s).verdict is Verdict.START:
        taken = chosen(sources, collect, created_at=BEGAN)

        assert taken
        assert all(each.is_usable for each in taken)
        assert all(each.status is Status.SUCCEEDED for each in after)
        assert len(taken) <= (collect.first or len(sources))


@given(sources=many_sources(), k=st.integers(1, 12), later=many_sources())
def test_the_first_ones_stay_the_same_whatever_ends_later(
    sources: list[Source], k: int, later: list[Source]
) -> None:
    collect = Collect(first=k)
    taken = chosen(sources, collect, created_at=BEGAN)
    if len(taken) < k:
        return
    after = [
        replace(source(100 + each.number, each.status, end_s=1_000), is_deleted=each.is_deleted)
        for each in later
    ]

    assert chosen([*sources, *after], collect, created_at=BEGAN) == taken


@given(sources=many_sources(), collect=some_collect)
def test_the_sentence_on_what_is_left_out_counts_all_of_it(
    sources: list[Source], collect: Collect
) -> None:
    taken = chosen(sources, collect, created_at=BEGAN)

    said = left_out(sources, taken)

    if len(taken) == len(sources):
        assert said is None
    else:
        assert said is not None
        assert said.startswith(f"Handed over {len(taken)} of {len(sources)} executions.")
        rest = said.partition("Left out: ")[2]
        counts = [int(word) for word in rest.split() if word.isdigit()]
        # The last of a long list are only counted: "#1, #3, #5 and 2 more".
        more = [int(a) for a, b in zip(rest.split(), rest.split()[1:], strict=False)
                if a.isdigit() and b.startswith("more")]  # fmt: skip
        assert sum(counts) - sum(more) == len(sources) - len(taken)


def test_one_that_follows_waits_until_all_before_it_have_succeeded() -> None:
    both = [source(41), source(42, Status.RUNNING)]

    assert verdict(after=both) == Decision(Verdict.WAIT, "Waits for #41 and #42, 1 of 2 done.")
    assert verdict(after=[source(41), source(42)]) == Decision(Verdict.START)


@pytest.mark.parametrize(
    ("status", "what"),
    [(Status.FAILED, "failed"), (Status.CANCELLED, "was cancelled"), (None, "was deleted")],
)
def test_one_that_follows_ends_when_one_before_it_ends_badly(
    status: Status | None, what: str
) -> None:
    decision = verdict(after=[source(40, Status.QUEUED), source(41, status)])

    assert decision == Decision(Verdict.END, f"Not started: #41, which it was to follow, {what}.")


def test_one_that_succeeded_and_was_deleted_can_be_followed_and_not_collected() -> None:
    gone = [replace(source(41), is_deleted=True)]

    assert verdict(after=gone).verdict is Verdict.START
    assert verdict(sources=gone, collect=ALL) == Decision(
        Verdict.END, "Not started: everything it was to collect was deleted."
    )


def test_a_collect_waits_for_all_and_takes_those_that_succeeded() -> None:
    sources = [source(18), source(19, Status.FAILED), source(20, Status.RUNNING)]

    assert verdict(sources=sources, collect=ALL).sentence == "Waits for #18\u201320, 2 of 3 done."
    over = [*sources[:2], source(20)]
    assert verdict(sources=over, collect=ALL).verdict is Verdict.START
    assert [each.number for each in chosen(over, ALL, created_at=BEGAN)] == [18, 20]
    assert left_out(over, [over[0], over[2]]) == (
        "Handed over 2 of 3 executions. Left out: 1 failed (#19)."
    )


def test_a_collect_ends_when_none_of_many_succeeded() -> None:
    sources = [source(n, Status.FAILED) for n in range(18, 42)]

    assert verdict(sources=sources, collect=ALL).sentence == (
        "Not started: none of the executions it was to collect, #18\u201341, succeeded."
    )
    assert verdict(sources=sources[:1], collect=ALL).sentence == (
        "Not started: #18, which it was to collect, failed."
    )


def test_the_first_k_are_those_that_ended_first() -> None:
    collect = Collect(first=2)
    sources = [source(1, end_s=30), source(2, Status.RUNNING), source(3, Status.FAILED)]

    assert verdict(sources=sources, collect=collect).sentence == (
        "Waits for the first 2 of #1\u20133, 1 done."
    )
    more = [*sources, source(4, end_s=20), source(5, end_s=10)]
    assert verdict(sources=more, collect=collect).verdict is Verdict.START
    assert [each.number for each in chosen(more, collect, created_at=BEGAN)] == [4, 5]


def test_fewer_than_k_have_to_do_when_there_will_be_no_more() -> None:
    sources = [source(1), source(2, Status.FAILED)]

    assert verdict(sources=sources, collect=Collect(first=2)).verdict is Verdict.START


def test_a_collect_within_a_time_takes_what_was_done_by_then() -> None:
    collect = Collect(within_s=60)
    sources = [source(1, end_s=60), source(2, end_s=61), source(3, Status.RUNNING)]

    assert verdict(sources=sources, collect=collect, now_s=59).sentence == (
        "Waits for #1\u20133 until 2026-11-21 09:01:00 UTC, 2 of 3 done."
    )
    assert verdict(sources=sources, collect=collect, now_s=60).verdict is Verdict.START
    assert [each.number for each in chosen(sources, collect, created_at=BEGAN)] == [1]
    assert verdict(sources=sources[1:], collect=collect, now_s=60).sentence == (
        "Not started: none of the executions it was to collect, #2 and #3, succeeded in time."
    )


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([7], "#7"),
        ([8, 7], "#7 and #8"),
        ([1, 2, 3, 7], "#1\u20133 and #7"),
        ([1, 3, 5], "#1, #3 and #5"),
        ([1, 3, 5, 7, 8, 9], "#1, #3, #5 and 3 more"),
    ],
)
def test_numbers_are_said_as_people_would(numbers: list[int], said: str) -> None:
    assert named(numbers) == said


@pytest.mark.parametrize("when", ["all", {"first": 3}, {"within_s": 60.0}])
def test_when_is_read_as_it_is_written(when: JSONValue) -> None:
    assert when_of(with_when(ALL, when)) == when


@pytest.mark.parametrize(
    "when", ["soon", 3, {"first": 1, "within_s": 2}, {"first": True}, {"first": 1.5}, {}]
)
def test_another_when_is_refused(when: JSONValue) -> None:
    with pytest.raises(InvalidRequestError, match="'when' is"):
        with_when(ALL, when)


@pytest.mark.parametrize(
    ("collect", "n"),
    [(ALL, 0), (ALL, 1_001), (Collect(first=3), 2), (Collect(first=0), 2), (Collect(within_s=0), 1),
     (Collect(within_s=1e9), 1)],
)  # fmt: skip
def test_a_collect_that_could_never_be_is_refused(collect: Collect, n: int) -> None:
    with pytest.raises(InvalidRequestError):
        check_collect(collect, n)


def test_what_a_search_is_still_to_choose_is_waited_for() -> None:
    sources = [source(1), source(2)]

    def ask(to_come: int, collect: Collect = ALL) -> Decision:
        return decide(
            after=[], sources=sources, collect=collect, created_at=BEGAN, now=BEGAN, to_come=to_come
        )

    assert ask(3) == Decision(Verdict.WAIT, "Waits for #1 and #2 and 3 more to come, 2 of 5 done.")
    assert ask(3, Collect(first=2)).verdict is Verdict.START
    assert ask(0).verdict is Verdict.START
