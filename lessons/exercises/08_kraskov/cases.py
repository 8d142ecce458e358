"""The cases of exercise 8: numbers without ties, and a grid whose information is below 0."""

import numpy as np

from minigrad.exercises.course import case


def numbers(rng, samples, p, q, k, noise=0.3):
    """y is a linear map of x, and noise."""
    x = rng.normal(size=(samples, p))
    M = rng.choice([-1, 1], size=(p, q)) * rng.uniform(0.5, 1.5, size=(p, q))
    return dict(x=x, y=x @ M + noise * rng.normal(size=(samples, q)), k=k)


@case("one column each", points=2)
def one_column(rng):
    return numbers(rng, 30, 1, 1, 3)


@case("several columns", points=2)
def columns(rng):
    return numbers(rng, 40, 3, 2, 2)


@case("a grid, nearly", points=2)
def grid(rng):
    """Samples that keep away from each other: a negative estimate."""
    places = np.stack(np.meshgrid(np.arange(5.0), np.arange(7.0)), axis=-1).reshape(-1, 2)
    places = rng.permutation(places) + rng.uniform(-0.1, 0.1, size=(35, 2))
    return dict(x=places[:, :1], y=places[:, 1:], k=2)


@case("one neighbour", points=2, hidden=True)
def one_neighbour(rng):
    return numbers(rng, 45, 2, 1, 1, noise=0.1)


@case("sixty samples", points=2, hidden=True)
def sixty(rng):
    return numbers(rng, 60, 1, 4, 5)
