"""A line through points by gradient descent, small enough to read in a minute."""

import csv
from pathlib import Path


def read_points(path):
    """Return (area, rent) pairs, both scaled to about 0..1."""
    with Path(path).open(encoding="utf-8") as file:
        rows = [
            (float(row["area_m2"]) / 120, float(row["rent_eur"]) / 1400)
            for row in csv.DictReader(file)
        ]
    return rows


def loss(points, slope, offset):
    """Return the mean squared error of the line."""
    return sum((slope * x + offset - y) ** 2 for x, y in points) / len(points)


def step(points, slope, offset, learning_rate):
    """Return slope and offset after one step downhill."""
    errors = [(x, slope * x + offset - y) for x, y in points]
    slope_gradient = sum(2 * x * error for x, error in errors) / len(points)
    offset_gradient = sum(2 * error for _, error in errors) / len(points)
    return slope - learning_rate * slope_gradient, offset - learning_rate * offset_gradient


def curve(losses, width=420, height=140):
    """Return the losses as an SVG line."""
    top = max(losses)
    points = " ".join(
        f"{index / max(1, len(losses) - 1) * width:.1f},{height - value / top * (height - 10):.1f}"
        for index, value in enumerate(losses)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-5 -5 {width + 10} {height + 10}" width="{width}">'
        f'<polyline points="{points}" fill="none" stroke="#1976d2" stroke-width="2"/></svg>'
    )
