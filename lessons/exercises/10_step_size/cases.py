"""The cases of exercise 10: norms of errors, and steps far from where a formula changes."""

import numpy as np

from minigrad.exercises.course import case


def errors(rng, batch, n):
    """Numbers of either sign, some larger at the start and some at the end of the step."""
    x0 = rng.choice([-1, 1], size=(batch, n)) * rng.uniform(1, 4, size=(batch, n))
    x1 = x0 * np.where(rng.permuted(np.arange(batch * n)).reshape(batch, n) % 2, 0.5, 1.7)
    error = 0.01 * rng.normal(size=(batch, n))
    return dict(error=error, x0=x0, x1=x1, rtol=0.01, atol=0.02)


def steps(rng, norm, last, order, low=0.2, high=5.0):
    h = rng.uniform(0.02, 0.1, size=len(norm))
    return dict(h=h, norm=norm, last=last, order=order, safety=0.85, low=low, high=high)


@case("one trajectory", points=1, function="error_norm")
def one(rng):
    arguments = errors(rng, 1, 4)
    arguments["x0"][0, 0], arguments["x1"][0, 0] = -3.0, -5.0
    return arguments


@case("five trajectories", points=1, function="error_norm")
def five(rng):
    return errors(rng, 5, 3)


@case("accepted steps", points=2, function="next_step")
def accepted(rng):
    norm = np.append(rng.uniform(0.05, 0.9, size=4), 1.0)
    return steps(rng, norm, rng.uniform(0.1, 0.8, size=5), 4)


@case("rejected steps", points=2, function="next_step")
def rejected(rng):
    return steps(rng, rng.uniform(1.1, 20, size=4), rng.uniform(0.1, 0.9, size=4), 3)


@case("far too long and far too short", points=1, function="next_step")
def limits(rng):
    norm = np.array([1e9, 1e-9, 0.5, 1e7, 0.0, 3.0]) * rng.uniform(0.8, 1.2, size=6)
    return steps(rng, norm, rng.uniform(0.2, 0.9, size=6), 2, low=0.3, high=4.0)


@case("after a step without an error", points=1, function="next_step")
def no_error(rng):
    norm = np.append(rng.uniform(0.3, 0.9, size=3), [2.0, 1e-15])
    return steps(rng, norm, np.array([0.0, 1e-14, 0.5, 0.0, 0.6]), 4, high=1000.0)


@case("wide states", points=1, function="error_norm", hidden=True)
def wide(rng):
    return errors(rng, 2, 9)


@case("accepted and rejected steps", points=1, function="next_step", hidden=True)
def mixed(rng):
    norm = rng.permutation([*rng.uniform(0.05, 0.9, size=5), *rng.uniform(1.1, 9, size=4)])
    return steps(rng, norm, rng.uniform(0.1, 0.9, size=9), 7)
