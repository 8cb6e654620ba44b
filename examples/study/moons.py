"""Two interleaved half moons of points."""

import math
import random


def make_moons(
    n_points: int, *, noise: float, dice: random.Random
) -> list[tuple[float, float, int]]:
    """Return shuffled points `(x, y, label)`, half of them with label 1.

    Parameters
    ----------
    n_points
        How many (>= 2).
    noise
        Standard deviation of what is added to each coordinate.
    dice
        Where chance comes from.
    """
    points = []
    for index in range(n_points):
        label = index % 2
        angle = dice.uniform(0, math.pi)
        x = 1 - math.cos(angle) if label else math.cos(angle)
        y = 0.5 - math.sin(angle) if label else math.sin(angle)
        points.append((x + dice.gauss(0, noise), y + dice.gauss(0, noise), label))
    dice.shuffle(points)
    return points
