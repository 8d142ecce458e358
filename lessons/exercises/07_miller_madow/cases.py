"""The cases of exercise 7: the tables are not square, and dependent where it must be above 0."""

import numpy as np

from minigrad.exercises.calling import Given
from minigrad.exercises.course import case


@case("every pair occurs", points=2, function="miller_madow")
def full(rng):
    n = rng.integers(1, 6, (3, 4))
    n[[0, 1, 2], [0, 1, 2]] += rng.integers(10, 20, 3)
    return dict(n=n)


@case("pairs that never occur", points=2, function="miller_madow")
def empty(rng):
    n = rng.integers(0, 3, (5, 4))
    n[[0, 1, 2, 4], [0, 1, 2, 2]] += rng.integers(20, 30, 4)
    n[3] = 0  # a symbol that never occurs
    n[0, 1] = n[2, 3] = 0
    return dict(n=n)


@case("independent", points=1, function="miller_madow")
def independent(rng):
    return dict(n=np.outer(rng.integers(2, 6, 4), rng.integers(2, 6, 3)))


@case("a wide table", points=1, function="miller_madow", hidden=True)
def wide(rng):
    return dict(n=rng.integers(0, 9, (2, 11)) + np.eye(2, 11, dtype=int))


def samples(rng, N, rows, columns, S):
    x = np.append(rng.integers(0, rows, N - 1), rows - 1)
    y = np.append(columns - 1, rng.integers(0, columns, N - 1))
    orders = np.array([rng.permutation(N) for _ in range(S)])
    return dict(estimate=Given("guessed_right"), x=x, y=y, orders=orders)


@case("four shuffles", points=3, function="null")
def four(rng):
    return samples(rng, 25, 4, 3, 4)


@case("ten shuffles", points=1, function="null", hidden=True)
def ten(rng):
    return samples(rng, 35, 3, 6, 10)
