"""The cases of exercise 14: no two sizes are the same, so that a wrong axis cannot pass."""

import numpy as np

from minigrad.exercises.course import case


def numbers(rng, batch, p, n, beta):
    return dict(X=rng.normal(size=(p, n)), q=rng.normal(size=(batch, n)), beta=beta)


def loud_and_faint(rng):
    """Cues that are nearly memories, one far too long, one far too short."""
    X = rng.normal(size=(5, 4))
    X += np.sign(X)
    size = np.array([[2000.0], [0.5], [0.001]])
    return dict(X=X, q=size * (X[:3] + 0.1 * rng.normal(size=(3, 4))), beta=0.8)


@case("one cue, two memories", points=1)
def one_cue(rng):
    return numbers(rng, 1, 2, 3, 0.7)


@case("a batch of cues", points=1)
def a_batch(rng):
    return numbers(rng, 4, 5, 3, 1.4)


@case("memories far from 0", points=2)
def far(rng):
    """All overlaps are about 2000; those of a cue differ by about 1."""
    X = 900 + rng.normal(size=(6, 3))
    return dict(X=X, q=0.8 + 0.05 * rng.normal(size=(2, 3)), beta=1.5)


@case("a loud cue beside a faint one", points=1)
def loud(rng):
    return loud_and_faint(rng)


@case("the energy of three cues", points=2, function="softmax_energy")
def energy(rng):
    return numbers(rng, 3, 5, 4, 0.6)


@case("the energy of loud and faint cues", points=1, function="softmax_energy")
def energy_loud(rng):
    return loud_and_faint(rng)


@case("nine memories", points=1, hidden=True)
def nine(rng):
    return numbers(rng, 6, 9, 2, 0.9)


@case("the energy of nine memories", points=1, function="softmax_energy", hidden=True)
def energy_nine(rng):
    return numbers(rng, 4, 9, 7, 2.5)
