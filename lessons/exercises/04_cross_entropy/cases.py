"""The cases of exercise 4: each of the later ones is a way to lose E in rounding."""

import numpy as np

from minigrad.exercises.course import case


def scores(rng, batch, m):
    return dict(y=rng.normal(size=(batch, m)), labels=rng.integers(m, size=batch))


def wrong_by(rng, batch, m, least, most):
    """Scores of which a wrong one is the largest, by so much."""
    both = scores(rng, batch, m)
    other = (both["labels"] + rng.integers(1, m, size=batch)) % m
    both["y"][np.arange(batch), other] += rng.uniform(least, most, size=batch)
    return both


@case("one sample", points=2)
def one_sample(rng):
    return scores(rng, 1, 4)


@case("a batch of five", points=3)
def a_batch(rng):
    return scores(rng, 5, 3) | dict(labels=rng.permutation([0, 1, 1, 2, 2]))


@case("scores near 1000 and -1000", points=2)
def large(rng):
    both = scores(rng, 4, 6)
    return both | dict(y=both["y"] + rng.permutation([1000, 1000, -1000, -1000])[:, None])


@case("scores 1000 apart", points=2)
def apart(rng):
    return wrong_by(rng, 6, 4, 1000, 1200)


@case("sure and wrong", points=1, hidden=True)
def sure(rng):
    return wrong_by(rng, 3, 5, 40, 80)
