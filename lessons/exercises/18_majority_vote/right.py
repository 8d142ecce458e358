"""Right answers to exercise 18 that are written differently."""

from collections import Counter

import numpy as np


# %% with loops
def vote(winners, labels, units, classes):
    names = []
    for unit in range(units):
        best, most = -1, 0
        for c in range(classes):
            votes = sum(w == unit and label == c for w, label in zip(winners, labels, strict=True))
            if votes > most:
                best, most = c, votes
        names.append(best)
    return names


def read_out(names, winners, labels):
    known = labels.tolist()
    often = max(sorted(set(known)), key=known.count)
    return [names[w] if names[w] >= 0 else often for w in winners]


# %% with one-hot matrices
def vote(winners, labels, units, classes):
    votes = np.eye(units)[winners].T @ np.eye(classes)[labels]
    return np.where(votes.any(axis=1), votes.argmax(axis=1), -1)


def read_out(names, winners, labels):
    values, counts = np.unique(labels, return_counts=True)
    complete = np.where(names == -1, values[counts.argmax()], names)
    return complete[winners]


# %% with a counter
def most_common(labels):
    counts = Counter(labels.tolist())
    return min(counts, key=lambda label: (-counts[label], label), default=-1)


def vote(winners, labels, units, classes):
    return np.array([most_common(labels[winners == unit]) for unit in range(units)])


def read_out(names, winners, labels):
    read = np.take(names, winners)
    read[read == -1] = most_common(labels)
    return read
