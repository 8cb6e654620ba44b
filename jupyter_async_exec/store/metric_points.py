"""The points of metrics, apart from the rows that lists read: packed, about 10 bytes each."""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa
import zstandard

from jupyter_async_exec.core.metric_series import MetricSeries
from jupyter_async_exec.core.metrics import as_float
from jupyter_async_exec.store import codec
from jupyter_async_exec.store.tables import metric_points

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jupyter_async_exec.core.events import MetricRecorded

WordT = TypeVar("WordT", int, float)

#: Every chunk of a metric but its last holds exactly so many points.
CHUNK_POINTS = 1024
_WORD_BYTES = 8

_ITS_CHUNKS = (metric_points.c.number == sa.bindparam("its_number")) & (
    metric_points.c.name == sa.bindparam("its_name")
)
# Built once: building a statement costs more than running it.
_LAST = (
    sa.select(metric_points.c.chunk, metric_points.c.n_points, metric_points.c.points)
    .where(_ITS_CHUNKS)
    .order_by(metric_points.c.chunk.desc())
    .limit(1)
)
_REPLACE = sa.update(metric_points).where(
    _ITS_CHUNKS, metric_points.c.chunk == sa.bindparam("its_chunk")
)
_INSERT = sa.insert(metric_points)
_DELETE = sa.delete(metric_points).where(metric_points.c.number == sa.bindparam("its_number"))
_COUNTS = (
    sa.select(metric_points.c.name, sa.func.sum(metric_points.c.n_points))
    .where(metric_points.c.number == sa.bindparam("its_number"))
    .group_by(metric_points.c.name)
    .order_by(metric_points.c.name)
)
_CHUNKS = (
    sa.select(metric_points.c.n_points, metric_points.c.points)
    .where(_ITS_CHUNKS, metric_points.c.chunk >= sa.bindparam("first"))
    .order_by(metric_points.c.chunk)
)


def append(connection: sa.Connection, number: int, events: Iterable[MetricRecorded]) -> None:
    """Add what `events` recorded to the points of execution `number`."""
    found: dict[str, MetricSeries] = {}
    for event in events:
        name = codec.clean(event.name)
        series = found.setdefault(name, MetricSeries(name))
        time_ms = round(event.at.timestamp() * 1000)
        for step, value in (*event.earlier, (event.step, event.value)):
            series.append(step, time_ms, as_float(value))
    for series in found.values():
        _append(connection, number, series)


def delete(connection: sa.Connection, number: int) -> None:
    """Forget the points of execution `number`: they are told again from the first."""
    connection.execute(_DELETE, {"its_number": number})


def read(
    connection: sa.Connection,
    number: int,
    *,
    names: Sequence[str] | None,
    after: Mapping[str, int],
) -> tuple[list[MetricSeries], dict[str, int]]:
    """Return points of execution `number`, by name.

    Parameters
    ----------
    connection
        Inside a transaction, so that counts and points are of one moment.
    number
        Whose.
    names
        Which metrics; `None` for all.
    after
        By name how many points, the oldest, are known already.

    Returns
    -------
    tuple of list and dict
        What is asked for, and how many points each metric has.
    """
    counts: dict[str, int] = {
        name: int(n) for name, n in connection.execute(_COUNTS, {"its_number": number})
    }
    wanted = counts if names is None else [name for name in counts if name in set(names)]
    known = {name: min(max(after.get(name, 0), 0), counts[name]) for name in wanted}
    series = [_read(connection, number, name, n_known) for name, n_known in known.items()]
    return series, counts


def pack(series: MetricSeries) -> bytes:
    """Return points as bytes: differences of steps, of times, then values; zstd.

    Each column is little-endian words of 8 bytes; steps and times as the
    difference to the one before (modulo 2^64), which of most is the same
    throughout.
    """
    columns = (
        _little_endian(_differences(series.steps)).tobytes(),
        _little_endian(_differences(series.times_ms)).tobytes(),
        _little_endian(series.values).tobytes(),
    )
    plain = b"".join(columns)
    return zstandard.ZstdCompressor(level=3).compress(plain)


def unpack(name: str, n_points: int, packed: bytes) -> MetricSeries:
    """Return the points that `pack` packed.

    Raises
    ------
    ValueError
        They are not `n_points` points.
    """
    size = n_points * _WORD_BYTES
    try:
        plain = zstandard.ZstdDecompressor().decompress(packed, max_output_size=3 * size)
    except zstandard.ZstdError as error:
        raise ValueError(f"the points of {name!r} are damaged: {error}") from error
    if len(plain) != 3 * size:
        raise ValueError(f"the points of {name!r} are damaged")
    steps, times, values = (plain[at * size : (at + 1) * size] for at in range(3))
    return MetricSeries(
        name,
        _sums(_little_endian(array("q", steps))),
        _sums(_little_endian(array("q", times))),
        _little_endian(array("d", values)),
    )


def _append(connection: sa.Connection, number: int, series: MetricSeries) -> None:
    place = {"its_number": number, "its_name": series.name}
    last = connection.execute(_LAST, place).first()
    chunk = 0
    if last is not None:
        chunk = last.chunk + 1
        if last.n_points < CHUNK_POINTS:
            chunk = last.chunk
            whole = unpack(series.name, last.n_points, last.points)
            whole.extend(series)
            series = whole
            first = series.part(0, CHUNK_POINTS)
            change = {"n_points": len(first), "points": pack(first)}
            connection.execute(_REPLACE, {**place, "its_chunk": chunk, **change})
            series = series.part(CHUNK_POINTS)
            chunk += 1
    for start in range(0, len(series), CHUNK_POINTS):
        part = series.part(start, start + CHUNK_POINTS)
        connection.execute(
            _INSERT,
            {
                "number": number,
                "name": series.name,
                "chunk": chunk + start // CHUNK_POINTS,
                "n_points": len(part),
                "points": pack(part),
            },
        )


def _read(connection: sa.Connection, number: int, name: str, after: int) -> MetricSeries:
    skipped = after // CHUNK_POINTS
    place = {"its_number": number, "its_name": name, "first": skipped}
    series = MetricSeries(name, offset=skipped * CHUNK_POINTS)
    for n_points, packed in connection.execute(_CHUNKS, place):
        series.extend(unpack(name, n_points, packed))
    return series.part(after - series.offset)


def _differences(words: array[int]) -> array[int]:
    before = 0
    found = array("q")
    for word in words:
        found.append((word - before + 2**63) % 2**64 - 2**63)
        before = word
    return found


def _sums(differences: array[int]) -> array[int]:
    total = 0
    found = array("q")
    for difference in differences:
        total = (total + difference + 2**63) % 2**64 - 2**63
        found.append(total)
    return found


def _little_endian(column: array[WordT]) -> array[WordT]:
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column
