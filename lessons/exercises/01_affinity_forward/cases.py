"""The cases of exercise 1: no two sizes are the same, so that a wrong axis cannot pass."""

from minigrad.exercises.course import case


def numbers(rng, batch, n, m):
    M, b = rng.normal(size=(m, n)), rng.normal(size=m)
    return dict(M=M, b=b, x=rng.normal(size=(*batch, n)))


@case("one vector", points=2)
def one_vector(rng):
    return numbers(rng, (), 4, 3)


@case("a batch of five", points=2)
def a_batch(rng):
    return numbers(rng, (5,), 4, 3)


@case("two batch axes", points=2)
def two_axes(rng):
    return numbers(rng, (2, 5), 4, 3)


@case("a batch of one", points=1)
def one_sample(rng):
    return numbers(rng, (1,), 6, 2)


@case("whole numbers", points=1)
def whole(rng):
    return numbers(rng, (), 3, 5) | dict(x=rng.integers(-9, 10, size=(7, 3)))


@case("three batch axes", points=2, hidden=True)
def three_axes(rng):
    return numbers(rng, (3, 1, 4), 2, 6)
