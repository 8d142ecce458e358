"""The cases of exercise 18: votes are laid out by hand, so that it is sure where ties are."""

import numpy as np

from minigrad.exercises.course import case


def election(rng, units, classes, votes, first=(), last=()):
    """Winners and labels with so many `votes`: (place, label, count); the units are shuffled.

    `first` and `last`: numbers of entries of `votes` of which a sample comes first, or last.
    """
    order = rng.permutation(units)
    pairs = [(order[place], label) for place, label, count in votes for _ in range(count - 1)]
    ends = [(order[place], label) for place, label, _ in votes]
    middle = [pair for i, pair in enumerate(ends) if i not in first and i not in last]
    middle = [pairs[i] for i in rng.permutation(len(pairs))] + middle
    pairs = [ends[i] for i in first] + middle + [ends[i] for i in last]
    winners, labels = np.array(pairs).T
    return dict(winners=winners, labels=labels, units=units, classes=classes)


@case("every unit has won", points=2, function="vote")
def all_won(rng):
    a, b, c = rng.permutation([2, 3, 4])
    votes = [(0, 0, 2), (0, a, 4), (1, 0, 3), (1, b, 5), (2, 0, 2), (2, c, 5)]
    return election(rng, 3, 5, votes, last=[0, 4])


@case("a rare label", points=1, function="vote")
def rare(rng):
    often, seldom, other = rng.permutation(3)
    votes = [(0, often, 5), (0, seldom, 3), (1, often, 6), (2, often, 4), (3, other, 5)]
    return election(rng, 4, 3, votes)


@case("equal votes", points=1, function="vote")
def equal(rng):
    a, b = np.sort(rng.permutation(6)[:2])
    c, d = np.sort(rng.permutation(6)[:2])
    votes = [(0, b, 3), (0, a, 3), (1, c, 2), (1, d, 2), (2, 4, 3), (2, 0, 1)]
    return election(rng, 3, 6, votes, first=[0, 2])


@case("two units never win", points=2, function="vote")
def never(rng):
    a, b = rng.permutation([1, 2, 3])[:2]
    case = election(rng, 3, 4, [(0, a, 5), (1, b, 1), (2, a, 3), (2, 0, 2)], last=[1])
    case["winners"] += case["winners"] > 0  # unit 1 never wins, nor does the last
    return dict(case, units=5)


@case("a unit without a name", points=2, function="read_out")
def nameless(rng):
    a, b, c = rng.permutation([1, 2, 3])
    units = rng.permutation(5)
    names = np.empty(5, dtype=int)
    names[units] = [a, b, -1, b, 0]
    labels = rng.permutation([0, 0, 0, a, a, a, a, a, b, b, b, b, c, c])
    labels = np.insert(labels, units[4], a)  # where a unit is named 0, so that the two differ
    return dict(names=names, winners=rng.permutation([*range(5), *units[1:4]]), labels=labels)


@case("labels equally frequent", points=1, function="read_out")
def equally_frequent(rng):
    a, b = np.sort(rng.permutation([1, 2, 3, 4])[:2])
    labels = [b, *rng.permutation([b, b, b, 0, 0, a, a, a, a])]
    names = rng.permutation([a, b, b, -1, 0, -1])
    winners = rng.permutation([*range(6), *range(6)])[:11]
    return dict(names=names, winners=winners, labels=np.array(labels))


@case("nine units, one without a win", points=1, function="vote", hidden=True)
def nine(rng):
    labels = rng.permutation([*range(7), *rng.integers(0, 7, 3)])
    votes = [(place, label, rng.integers(2, 5)) for place, label in enumerate(labels[:8])]
    votes += [(place, (label + 2) % 7, 1) for place, label in enumerate(labels[:8])]
    return election(rng, 9, 7, votes)
