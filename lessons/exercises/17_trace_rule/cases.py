"""The cases of exercise 17: things of which each unit knows one, so that it is sure who wins."""

import numpy as np

from minigrad.exercises.course import case


def film(rng, m, n, things, resets=()):
    """A frame for each of the `things`, 0 to m - 1; unit i is excited most by thing i."""
    order = rng.permutation(m)
    W, x = rng.uniform(0, 0.2, size=(m, n)), rng.uniform(0, 0.2, size=(len(things), n))
    W[order, np.arange(m)] += 1
    x[np.arange(len(x)), things] += 1
    W *= rng.uniform(0.9, 1.1, size=(m, 1)) / np.linalg.norm(W, axis=1, keepdims=True)
    return dict(
        W=W,
        x=x,
        resets=np.array(resets, dtype=int),
        alpha=rng.uniform(0.2, 0.35),
        eta=rng.uniform(0.2, 0.5),
    )


@case("one frame", points=2)
def one_frame(rng):
    return film(rng, 3, 5, [1])


@case("a thing that stays", points=1)
def stays(rng):
    return film(rng, 3, 5, [2, 2, 2, 2])


@case("another thing comes", points=2)
def another(rng):
    return film(rng, 4, 6, [1, 1, 1, 1, 3])


@case("the traces are cleared", points=2)
def cleared(rng):
    return film(rng, 3, 4, [2, 2, 2, 1, 1], [3])


@case("three times cleared", points=2)
def three_times(rng):
    numbers = film(rng, 4, 7, [0, 0, 3, 3, 1, 1, 1, 2, 2, 0, 0], [2, 4, 9])
    numbers["x"][4] = 0  # nothing to see, after nothing: all traces are equal
    return numbers


@case("inputs of both signs", points=1, hidden=True)
def both_signs(rng):
    W = rng.normal(size=(5, 9))
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    x = -2 * W[3] + 0.1 * rng.normal(size=(6, 9))
    alpha, eta = rng.uniform(0.2, 0.35), rng.uniform(0.2, 0.5)
    return dict(W=W, x=x, resets=np.array([0, 4]), alpha=alpha, eta=eta)
