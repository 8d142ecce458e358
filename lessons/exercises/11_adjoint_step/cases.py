"""The cases of exercise 11: of a linear field the place does not matter, of a network it does."""

from minigrad.exercises.calling import Given
from minigrad.exercises.course import case


def driven(rng, batch, n, h):
    """x' = A x + c, theta = c: its vjp is the same everywhere."""
    field = dict(A=rng.normal(size=(n, n)), c=rng.normal(size=n))
    x, dy = rng.normal(size=(2, batch, n))
    return dict(field=Given("driven", **field), vjp=Given("driven_vjp", **field), x=x, h=h, dy=dy)


def network(rng, batch, n, m, h):
    """x' = V tanh(U x), theta = U and V."""
    field = dict(U=rng.normal(size=(m, n)), V=rng.normal(size=(n, m)))
    x, dy = rng.normal(size=(2, batch, n))
    return dict(field=Given("network", **field), vjp=Given("network_vjp", **field), x=x, h=h, dy=dy)


@case("a linear field, one sample", points=2)
def linear(rng):
    return driven(rng, 1, 3, 0.3)


@case("a linear field, a batch", points=2)
def a_batch(rng):
    return driven(rng, 5, 4, 0.2)


@case("a network as the field", points=2)
def a_network(rng):
    return network(rng, 4, 3, 2, 0.4)


@case("back in time", points=2)
def back(rng):
    return network(rng, 3, 2, 5, -0.25)


@case("one long step", points=2, hidden=True)
def long(rng):
    return network(rng, 6, 4, 7, 1.5)
