"""The cases of exercise 6: numbers well inside their bins, but for those at the very ends."""

import numpy as np

from minigrad.exercises.course import case


def inside(rng, low, high, bins, N):
    k = rng.permutation(np.arange(N) % bins)  # every bin is there
    part = rng.uniform(0.05, 0.95, N)
    part[k == 0] = 0.5 + part[k == 0] / 2  # the least number is well above low
    return low + (k + part) * (high - low) / bins


@case("inside the range", points=1, function="binned")
def bins_inside(rng):
    return dict(t=inside(rng, -1.3, 2.1, 7, 30), low=-1.3, high=2.1, bins=7)


@case("at the edges and beyond", points=2, function="binned")
def bins_beyond(rng):
    outside = [-2.0, -1.0, 1.0, -1 - rng.uniform(0.01, 0.2), 1 + rng.uniform(0.01, 0.2), 3.0]
    t = rng.permutation([*outside, *inside(rng, -1, 1, 5, 14)])
    return dict(t=t, low=-1, high=1, bins=5)


@case("counts", points=2, function="counted")
def counts(rng):
    return dict(x=rng.integers(0, 4, 40), y=rng.integers(0, 3, 40), rows=4, columns=3)


@case("every pair occurs", points=2, function="plug_in")
def full(rng):
    return dict(n=rng.integers(1, 20, (4, 3)))


@case("pairs that never occur", points=1, function="plug_in")
def empty(rng):
    n = rng.integers(1, 9, (5, 4))
    n[rng.permutation(5), [0, 1, 2, 3, 0]] = 0
    n[:, 2] = 0  # a symbol that never occurs
    return dict(n=n)


@case("rare pairs", points=1, function="plug_in")
def rare(rng):
    return dict(n=np.ones((3, 3), int) + np.diag(rng.integers(4000, 6000, 3)))


@case("a wide table", points=1, function="plug_in", hidden=True)
def wide(rng):
    return dict(n=rng.integers(0, 9, (2, 11)) + np.eye(2, 11, dtype=int))
