"""The cases of exercise 2: no two sizes are the same, so that a wrong axis cannot pass."""

from minigrad.exercises.course import case


def numbers(rng, batch, n, m):
    M, b = rng.normal(size=(m, n)), rng.normal(size=m)
    return dict(M=M, b=b, x=rng.normal(size=(batch, n)), dy=rng.normal(size=(batch, m)))


@case("one sample", points=2)
def one_sample(rng):
    return numbers(rng, 1, 4, 3)


@case("a batch of five", points=3)
def a_batch(rng):
    return numbers(rng, 5, 4, 3)


@case("more outputs than inputs", points=2)
def wide(rng):
    return numbers(rng, 4, 2, 6)


@case("one output", points=2, hidden=True)
def one_output(rng):
    return numbers(rng, 6, 3, 1)


@case("a large batch", points=1, hidden=True)
def large(rng):
    return numbers(rng, 50, 7, 4)
