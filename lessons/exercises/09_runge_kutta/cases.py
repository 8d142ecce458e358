"""The cases of exercise 9: methods of the package, and one whose numbers mean nothing."""

import numpy as np

from minigrad.exercises.calling import Given
from minigrad.exercises.course import case
from minigrad.ode import tableaus


def numbers(f, t, x, h, method):
    table = tableaus[method]
    return dict(f=f, t=t, x=x, h=h, A=table.matrix, b=table.weights, c=table.nodes)


def driven(rng, n):
    push, pace = rng.choice([-1, 1], size=n) * rng.uniform(1, 2, size=n), rng.uniform(1, 2)
    return Given("driven", M=rng.normal(size=(n, n)), push=push, pace=pace)


@case("two stages, one state", points=2)
def midpoint(rng):
    f = Given("steady", M=rng.normal(size=(3, 3)))
    return numbers(f, 0.0, rng.normal(size=3), 0.25, "midpoint")


@case("four stages, a field with time", points=2)
def classical(rng):
    return numbers(driven(rng, 3), 0.0, rng.normal(size=(5, 3)), 0.5, "rk4")


@case("the 3/8 rule, from a later time", points=2)
def three_eighths(rng):
    return numbers(driven(rng, 2), rng.uniform(0.5, 1), rng.normal(size=(3, 2)), 0.4, "rk38")


@case("a tableau of no name", points=2)
def nameless(rng):
    arguments = numbers(driven(rng, 2), 0.3, rng.normal(size=(6, 2)), 0.7, "bosh3")
    A = np.tril(rng.uniform(-1, 1, size=(4, 4)), -1)
    return arguments | dict(A=A, b=rng.uniform(-1, 1, size=4), c=rng.uniform(0, 1, size=4))


@case("Euler on one state", points=1, hidden=True)
def euler(rng):
    return numbers(driven(rng, 4), -0.6, rng.normal(size=4), 0.3, "euler")


@case("seven stages, back in time", points=1, hidden=True)
def backwards(rng):
    x = rng.uniform(0.5, 1.5, size=(2, 3, 4))
    return numbers(Given("falling"), 1.5, x, -0.3, "dopri5")
