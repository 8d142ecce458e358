"""The cases of exercise 12: two functions, each with its own."""

import numpy as np

from minigrad.exercises.course import case


def signs(rng, *shape):
    return rng.choice([-1.0, 1.0], shape)


@case("one pattern", points=2, function="hebb")
def one_pattern(rng):
    return dict(patterns=signs(rng, 1, 5))


@case("three patterns", points=2, function="hebb")
def three_patterns(rng):
    return dict(patterns=signs(rng, 3, 7))


@case("more patterns than units", points=1, function="hebb", hidden=True)
def many_patterns(rng):
    return dict(patterns=signs(rng, 9, 4))


@case("four states, without biases", points=1, function="energy")
def four_states(rng):
    W = rng.normal(size=(5, 5))
    W = W + W.T
    np.fill_diagonal(W, 0)
    return dict(W=W, b=np.zeros(5), x=signs(rng, 4, 5))


@case("a batch, with biases", points=1, function="energy")
def a_batch(rng):
    W = rng.normal(size=(6, 6))
    W = W + W.T
    np.fill_diagonal(W, 0)
    return dict(W=W, b=rng.normal(size=6), x=signs(rng, 3, 6))


@case("any couplings, any numbers", points=2, function="energy")
def any_numbers(rng):
    return dict(W=rng.normal(size=(3, 3)), b=rng.normal(size=3), x=rng.normal(size=(7, 3)))


@case("one state", points=1, function="energy", hidden=True)
def one_state(rng):
    return dict(W=rng.normal(size=(8, 8)), b=rng.normal(size=8), x=signs(rng, 1, 8))
