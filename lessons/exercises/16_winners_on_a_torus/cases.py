"""The cases of exercise 16: rows are never columns, and the winners not those of the largest p."""

import numpy as np

from minigrad.exercises.course import case


def torus(rng, rows, columns, radius, strength):
    p = rng.uniform(0, 2, rows * columns)
    return dict(p=p, rows=rows, columns=columns, radius=radius, strength=strength)


def image(rng, m, n, k, rate):
    """Excitation lets the unit of the least answer win, and keeps the order of the others."""
    W, v = rng.uniform(0.1, 1, (m, n)), rng.uniform(0, 1, n)
    p = W @ v
    c = 1.3 * p + 0.2
    c[p.argmin()] = c.max() + 0.5
    return dict(W=W, v=v, c=c, k=k, rate=rate)


@case("4 rows, 5 columns, radius 1", points=2, function="excite")
def small(rng):
    return torus(rng, 4, 5, 1, 0.8)


@case("6 rows, 5 columns, radius 2", points=1, function="excite")
def medium(rng):
    return torus(rng, 6, 5, 2, 1.7)


@case("radius 3", points=1, function="excite", hidden=True)
def wide(rng):
    return torus(rng, 7, 9, 3, 0.4)


@case("one winner of four", points=2, function="learn")
def one(rng):
    return image(rng, 4, 3, 1, 0.2)


@case("three winners of seven", points=2, function="learn")
def three(rng):
    return image(rng, 7, 5, 3, 0.1)


@case("an image without ink", points=1, function="learn")
def blank(rng):
    return {**image(rng, 6, 4, 2, 0.1), "v": np.zeros(4)}


@case("five winners of nine", points=1, function="learn", hidden=True)
def five(rng):
    return image(rng, 9, 6, 5, 0.05)
