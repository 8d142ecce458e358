"""The cases of exercise 13: drawn until what they are to tell apart is apart.

Couplings are odd numbers of quarters, so that sums are exact; among an even number of units no
field is 0 then, unless a bias makes it so.
"""

import numpy as np

from minigrad.exercises.course import case

QUARTERS, HALVES = (-0.75, -0.25, 0.25, 0.75), (-1.0, -0.5, 0.5, 1.0)


def settled(W, b, x, order, most, all_at_once=False, tie=None):
    """The state and the sweeps, by the rule or by another one."""
    x = x.copy()
    for sweeps in range(most):
        before = x.copy()
        for i in order:
            h = W[i] @ (before if all_at_once else x) + b[i]
            x[i] = np.sign(h) or (x[i] if tie is None else tie)
        if (x == before).all():
            return x, sweeps
    return x, most


def told_apart(draw, sweeps, *others):
    """Arguments with which so many sweeps are made, and with which others end elsewhere, each."""
    while True:
        arguments = draw()
        end, count = settled(**arguments)
        if count in sweeps:
            ends = [end, *(settled(**{**arguments, **other(arguments)})[0] for other in others)]
            if len({tuple(state) for state in ends}) == len(ends):
                return arguments


def couplings(rng, n):
    W = np.triu(rng.choice(QUARTERS, (n, n)), 1)
    return W + W.T


def start(rng, n, order, **more):
    x, b = rng.choice([-1.0, 1.0], n), np.zeros(n)
    return {**dict(W=couplings(rng, n), b=b, x=x, order=order, most=1), **more}


@case("one sweep, in a row", points=2)
def in_a_row(rng):
    return told_apart(
        lambda: start(rng, 12, np.arange(12)),
        [1],
        lambda a: dict(all_at_once=True),
        lambda a: dict(b=a["b"] - 0.5),  # what a threshold of 1/2 makes of it
        lambda a: dict(most=100),
    )


@case("one sweep, in another order", points=2)
def another_order(rng):
    return told_apart(
        lambda: start(rng, 16, rng.permutation(16)),
        [1],
        lambda a: dict(order=np.arange(16)),
        lambda a: dict(order=np.argsort(a["order"])),
    )


@case("several sweeps, with biases", points=2)
def several_sweeps(rng):
    return told_apart(
        lambda: start(rng, 14, rng.permutation(14), b=rng.choice(HALVES, 14), most=20),
        [2, 3, 4],
        lambda a: dict(most=1),
        lambda a: dict(b=0 * a["b"]),
        lambda a: dict(b=-a["b"]),
    )


@case("fields of zero", points=2)
def fields_of_zero(rng):
    return told_apart(
        lambda: start(rng, 11, rng.permutation(11)),
        [1],
        lambda a: dict(tie=1),
        lambda a: dict(tie=-1),
        lambda a: dict(tie=0),
        *(lambda a, tie=tie: dict(all_at_once=True, tie=tie) for tie in (None, 1, -1, 0)),
    )


@case("couplings one way, and a limit", points=1)
def a_limit(rng):
    def one_way():
        W, b = rng.choice(QUARTERS, (8, 8)), rng.choice(QUARTERS, 8)
        return start(rng, 8, rng.permutation(8), W=W, b=b, most=3)

    return told_apart(
        one_way,
        [3],
        lambda a: dict(most=2),
        lambda a: dict(most=100),
        lambda a: dict(W=a["W"].T),
        lambda a: dict(W=a["W"] * (1 - np.eye(8))),
    )


@case("twenty units", points=1, hidden=True)
def twenty(rng):
    return told_apart(
        lambda: start(rng, 20, rng.permutation(20), b=rng.choice(HALVES, 20), most=30),
        [2, 3, 4, 5],
        lambda a: dict(most=1),
    )
