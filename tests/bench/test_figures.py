from __future__ import annotations

import math

from bench.figures import Sample, duration, number, ratio, spread

DASH = "\N{EN DASH}"


def test_a_sample_tells_its_middle_and_its_ends() -> None:
    sample = Sample.of([3.0, 1.0, 2.0])

    assert (sample.median, sample.low, sample.high) == (2.0, 1.0, 3.0)


def test_a_quantile_is_a_value_that_was_measured() -> None:
    sample = Sample.of(float(value) for value in range(1, 21))

    assert [sample.quantile(share) for share in (0.05, 0.5, 0.95, 1.0)] == [1, 10, 19, 20]


def test_ratios_are_taken_round_by_round() -> None:
    ours, theirs = Sample.of([1.0, 4.0, 9.0]), Sample.of([2.0, 4.0, 3.0])

    assert ratio(ours, theirs).values == (0.5, 1.0, 3.0)


def test_the_median_stands_in_for_rounds_that_a_slow_peer_left_out() -> None:
    ours, theirs = Sample.of([1.0, 2.0, 3.0]), Sample.of([10.0])

    assert ratio(ours, theirs).values == (0.1, 0.2, 0.3)


def test_nothing_measured_is_a_dash_and_no_crash() -> None:
    nothing = Sample(())

    assert math.isnan(nothing.median)
    assert (spread(nothing), number(math.nan)) == (DASH, DASH)
    assert ratio(nothing, Sample.of([1.0])) == nothing


def test_numbers_show_what_is_significant() -> None:
    written = [number(value) for value in (0.0, 0.012345, 0.5, 12.3456, 98765.4)]

    assert written == ["0", "0.012", "0.50", "12", "98,765"]


def test_a_spread_names_the_smallest_and_the_largest() -> None:
    assert spread(Sample.of([0.4, 0.5, 0.7]), "s") == f"0.50 s (0.40{DASH}0.70)"
    assert duration(Sample.of([0.0123])) == "12.3 ms"
