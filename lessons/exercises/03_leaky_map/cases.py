"""The cases of exercise 3: both signs in each, away from 0 but where 0 is the point."""

import numpy as np

from minigrad.exercises.course import case


def both_signs(rng, *shape):
    """Numbers of 0.3 to 2 in size, the first above 0, the second below, and so on."""
    size = rng.uniform(0.3, 2.0, shape)
    return size * (-1.0) ** np.arange(size.size).reshape(shape)


@case("values", points=2, function="leaky")
def values(rng):
    return dict(x=both_signs(rng, 7), slope=0.2)


@case("derivatives", points=2, function="leaky_derivative")
def derivatives(rng):
    return dict(x=both_signs(rng, 3, 5), slope=float(rng.uniform(0.1, 0.4)))


@case("derivatives, some at 0", points=1, function="leaky_derivative")
def at_zero(rng):
    x = np.concatenate([both_signs(rng, 4), np.zeros(3)])
    return dict(x=rng.permutation(x), slope=0.25)


@case("values, a steep slope", points=1, function="leaky")
def steep(rng):
    return dict(x=both_signs(rng, 2, 3), slope=float(rng.uniform(2.0, 3.0)))


@case("values, whole numbers and a negative slope", points=1, function="leaky")
def whole_values(rng):
    return dict(x=rng.permutation([-5, -3, -1, 1, 2, 4]), slope=-0.3)


@case("derivatives, whole numbers and a negative slope", points=1, function="leaky_derivative")
def whole(rng):
    return dict(x=rng.permutation([-4, -3, -2, 1, 3]), slope=-0.7)


@case("values, any slope", points=1, function="leaky", hidden=True)
def any_values(rng):
    return dict(x=both_signs(rng, 2, 3, 5), slope=float(rng.uniform(-3.0, -1.5)))


@case("derivatives, any slope", points=1, function="leaky_derivative", hidden=True)
def any_derivatives(rng):
    return dict(x=both_signs(rng, 4, 3), slope=float(rng.uniform(-3.0, -1.5)))
