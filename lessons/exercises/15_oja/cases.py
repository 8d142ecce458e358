"""The cases of exercise 15: no two sizes are the same, and no w has the length 1."""

from minigrad.exercises.course import case


def unit(rng, samples, n, rate):
    return dict(w=rng.normal(size=n), X=rng.normal(size=(samples, n)), rate=rate)


def units(rng, samples, m, n, rate):
    return dict(W=0.7 * rng.normal(size=(m, n)), X=rng.normal(size=(samples, n)), rate=rate)


@case("one sample", points=2, function="oja")
def one_sample(rng):
    return unit(rng, 1, 3, 0.3)


@case("seven samples in turn", points=2, function="oja")
def in_turn(rng):
    return unit(rng, 7, 4, 0.05)


@case("two units, one sample", points=2, function="sanger")
def two_units(rng):
    return units(rng, 1, 2, 3, 0.3)


@case("three units, six samples", points=2, function="sanger")
def three_units(rng):
    return units(rng, 6, 3, 5, 0.05)


@case("many samples", points=1, function="oja", hidden=True)
def many(rng):
    return unit(rng, 40, 2, 0.03)


@case("more units than inputs", points=1, function="sanger", hidden=True)
def more(rng):
    return units(rng, 3, 4, 2, 0.04)
