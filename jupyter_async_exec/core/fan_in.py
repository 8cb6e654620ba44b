"""Executions that wait for others: when one may start, and what it is handed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING

from jupyter_async_exec.core.execution import Collect, Status
from jupyter_async_exec.core.reuse import read_span_s
from jupyter_async_exec.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from jupyter_async_exec.core.json_types import JSONValue

#: One execution waits for at most so many others.
MOST_SOURCES = 1_000
#: And for at most so long, in seconds: a year.
LONGEST_WAIT_S = 366 * 86_400.0
#: From so many numbers on, only how many there are is said.
_MOST_NAMED = 3
_IN_WORDS = {Status.FAILED: "failed", Status.CANCELLED: "was cancelled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is known of an execution that another one waits for."""

    number: int
    #: None: it is no longer recorded.
    status: Status | None
    finished_at: datetime | None = None
    #: Whether it is in the trash, or gone from there.
    is_deleted: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be expected of it."""
        return self.status is None or self.status.is_final

    @property
    def is_usable(self) -> bool:
        """Whether its results can be handed over."""
        return self.status is Status.SUCCEEDED and not self.is_deleted


class Verdict(Enum):
    """What becomes of an execution that waits for others."""

    WAIT = auto()
    #: It may start as soon as it is its turn.
    START = auto()
    #: What it waits for will never come; it is `cancelled`.
    END = auto()


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and the sentence that goes with it."""

    verdict: Verdict
    #: What it waits for, or why it is not started; None where there is nothing to say.
    sentence: str | None = None


def decide(
    *,
    after: Sequence[Source],
    sources: Sequence[Source],
    collect: Collect | None,
    created_at: datetime,
    now: datetime,
    to_come: int = 0,
) -> Decision:
    """Return whether an execution may start, has to wait, or never can.

    Parameters
    ----------
    after
        What it follows: all of these have to succeed.
    sources, collect
        What it collects, and when; None: nothing.
    created_at
        When it was submitted.
    now
        The present moment.
    to_come
        How many more there will be to collect, that nobody knows yet.

    Notes
    -----
    Once all that it waits for is over, the verdict is never `Verdict.WAIT`.
    """
    followed = _follow(after)
    if followed.verdict is not Verdict.START or collect is None:
        return followed
    is_over = not to_come and all(each.is_over for each in sources)
    if not is_over and not _is_enough(sources, collect, created_at=created_at, now=now):
        return Decision(Verdict.WAIT, _waits_for(sources, collect, created_at, to_come))
    if not chosen(sources, collect, created_at=created_at):
        return Decision(Verdict.END, f"Not started: {_nothing(sources)}.")
    return Decision(Verdict.START)


def chosen(sources: Sequence[Source], collect: Collect, *, created_at: datetime) -> list[Source]:
    """Return those of `sources` whose results are handed over, by number.

    Those that succeeded; of these the first ones to, or those in time, where
    `collect` says so. The same whenever it is asked after the condition held,
    unless something is deleted.
    """
    usable = [each for each in sources if each.is_usable]
    until = due_at(collect, created_at)
    if until is not None:
        usable = [each for each in usable if each.finished_at and each.finished_at <= until]
    if collect.first is not None:
        usable = sorted(usable, key=_by_end)[: collect.first]
    return sorted(usable, key=lambda each: each.number)


def due_at(collect: Collect, created_at: datetime) -> datetime | None:
    """Return when it is started at the latest; None: whenever what it waits for is over."""
    if collect.within_s is None:
        return None
    return created_at + timedelta(seconds=collect.within_s)


def left_out(sources: Sequence[Source], taken: Sequence[Source]) -> str | None:
    """Return a sentence on what is not handed over, None if all of it is."""
    numbers = {each.number for each in taken}
    rest = [each for each in sources if each.number not in numbers]
    if not rest:
        return None
    kinds: dict[str, list[Source]] = {}
    for each in rest:
        kinds.setdefault(_kind(each), []).append(each)
    said = ", ".join(
        f"{len(found)} {kind} ({_names(found)})" for kind, found in kinds.items() if found
    )
    return f"Handed over {len(taken)} of {len(sources)} executions. Left out: {said}."


def named(numbers: Sequence[int]) -> str:
    """Return ``#18-41``, ``#1, #4 and #7`` or ``#1, #4, #7 and 5 more``, dashes as in print."""
    parts = list(_parts(sorted(numbers)))
    shown = [text for text, _ in parts[:_MOST_NAMED]]
    n_more = sum(n for _, n in parts[_MOST_NAMED:])
    if n_more:
        return f"{', '.join(shown)} and {n_more} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))


def check_collect(collect: Collect, n_sources: int) -> None:
    """Refuse what could never be as it is asked for.

    Raises
    ------
    InvalidRequestError
        Nothing to collect, or too much; more than there are; no time.
    """
    if n_sources < 1:
        raise InvalidRequestError("There is nothing to collect: name at least one execution.")
    if n_sources > MOST_SOURCES:
        raise InvalidRequestError(
            f"At most {MOST_SOURCES:,} executions can be collected, not {n_sources:,}."
        )
    if collect.first is not None and not 1 <= collect.first <= n_sources:
        raise InvalidRequestError(
            f"The first {collect.first:,} cannot be collected of {n_sources:,}."
        )
    if collect.within_s is not None and not 0 < collect.within_s <= LONGEST_WAIT_S:
        raise InvalidRequestError("The time to collect within is more than 0 s and at most a year.")


def with_when(collect: Collect, when: JSONValue) -> Collect:
    """Return `collect` with what ``"all"``, ``{"first": k}`` or ``{"within_s": s}`` says.

    Raises
    ------
    InvalidRequestError
        It is none of these.
    """
    match when:
        case None | "all":
            return collect
        case {"first": int(k), **rest} if not rest and not isinstance(k, bool):
            return replace(collect, first=k)
        case {"within_s": int(s) | float(s), **rest} if not rest and not isinstance(s, bool):
            return replace(collect, within_s=float(s))
    raise InvalidRequestError('\'when\' is "all", {"first": k} or {"within_s": seconds}.')


def read_when(text: str) -> JSONValue:
    """Return what ``all``, ``first:3`` or ``within:1h`` means, as `with_when` reads it.

    Raises
    ------
    InvalidRequestError
        It is none of these.
    """
    kind, _, given = text.strip().partition(":")
    within_s = read_span_s(given)
    if kind == "first" and given.isdecimal():
        return {"first": int(given)}
    if kind == "within" and within_s is not None:
        return {"within_s": within_s}
    if text.strip() != "all":
        raise InvalidRequestError(
            f"It is collected when: all, first:3, or within:30s, 10m or 1h, not {text[:40]!r}."
        )
    return "all"


def when_of(collect: Collect) -> JSONValue:
    """Return what `with_when` reads."""
    if collect.first is not None:
        return {"first": collect.first}
    if collect.within_s is not None:
        return {"within_s": collect.within_s}
    return "all"


def _follow(after: Sequence[Source]) -> Decision:
    for each in after:
        if each.is_over and each.status is not Status.SUCCEEDED:
            what = _IN_WORDS.get(each.status, "was deleted") if each.status else "was deleted"
            why = f"#{each.number}, which it was to follow, {what}"
            return Decision(Verdict.END, f"Not started: {why}.")
    n_done = sum(each.is_over for each in after)
    if n_done == len(after):
        return Decision(Verdict.START)
    names = _names(after)
    done = f", {n_done} of {len(after)} done" if len(after) > 1 else ""
    return Decision(Verdict.WAIT, f"Waits for {names}{done}.")


def _is_enough(
    sources: Sequence[Source], collect: Collect, *, created_at: datetime, now: datetime
) -> bool:
    until = due_at(collect, created_at)
    if until is not None and now >= until:
        return True
    n_usable = sum(each.is_usable for each in sources)
    return collect.first is not None and n_usable >= collect.first


def _waits_for(
    sources: Sequence[Source], collect: Collect, created_at: datetime, to_come: int
) -> str:
    there = [each for each in sources if not _is_gone(each)]
    names = _names(there) + (f" and {to_come} more to come" if to_come else "")
    n_done = sum(each.is_over for each in there)
    if collect.first is not None:
        n_usable = sum(each.is_usable for each in there)
        return f"Waits for the first {collect.first} of {names}, {n_usable} done."
    until = due_at(collect, created_at)
    limit = "" if until is None else f" until {until:%Y-%m-%d %H:%M:%S} UTC"
    return f"Waits for {names}{limit}, {n_done} of {len(there) + to_come} done."


def _nothing(sources: Sequence[Source]) -> str:
    there = [each for each in sources if not _is_gone(each)]
    if not there:
        return "everything it was to collect was deleted"
    if len(there) == 1 and there[0].status in _IN_WORDS:
        return f"#{there[0].number}, which it was to collect, {_IN_WORDS[there[0].status]}"
    is_late = any(each.is_usable or not each.is_over for each in there)
    in_time = " in time" if is_late else ""
    return f"none of the executions it was to collect, {_names(there)}, succeeded{in_time}"


def _kind(source: Source) -> str:
    """Return why something is not handed over, in a word or two."""
    if _is_gone(source):
        return "deleted"
    if source.status is Status.FAILED:
        return "failed"
    return "cancelled" if source.status is Status.CANCELLED else "later or not over"


def _is_gone(source: Source) -> bool:
    return source.is_deleted or source.status is None


def _by_end(source: Source) -> tuple[float, int]:
    return source.finished_at.timestamp() if source.finished_at else 0.0, source.number


def _names(sources: Sequence[Source]) -> str:
    return named([each.number for each in sources])


def _parts(numbers: Sequence[int]) -> Iterator[tuple[str, int]]:
    """Give each run of three or more numbers, and each other number, and how many these are."""
    start = 0
    for place in range(1, len(numbers) + 1):
        if place < len(numbers) and numbers[place] == numbers[place - 1] + 1:
            continue
        run = numbers[start:place]
        if len(run) > 2:  # noqa: PLR2004  two are said one by one
            yield f"#{run[0]}\u2013{run[-1]}", len(run)
        else:
            yield from ((f"#{number}", 1) for number in run)
        start = place
