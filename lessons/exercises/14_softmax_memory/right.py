"""Right answers to exercise 14 that are written differently."""

import math

import numpy as np


# %% with loops
def softmax_recall(X, q, beta):
    new = np.zeros(q.shape)
    for cue in range(len(q)):
        m = [beta * sum(a * b for a, b in zip(row, q[cue], strict=True)) for row in X]
        e = [math.exp(value - max(m)) for value in m]
        for loud, row in zip(e, X, strict=True):
            for i in range(len(row)):
                new[cue, i] += loud / sum(e) * row[i]
    return new


def softmax_energy(X, q, beta):
    energies = []
    longest = max(sum(value**2 for value in row) for row in X)
    for cue in q:
        m = [beta * sum(a * b for a, b in zip(row, cue, strict=True)) for row in X]
        mean = sum(math.exp(value - max(m)) for value in m) / len(m)
        own = sum(value**2 for value in cue)
        energies.append(-(max(m) + math.log(mean)) / beta + own / 2 + longest / 2)
    return np.array(energies)


# %% with einsum and logaddexp
def softmax_recall(X, q, beta):
    z = beta * np.einsum("mi,bi->bm", X, q)
    a = np.exp(z - np.logaddexp.reduce(z, axis=1)[:, None])
    return np.einsum("bm,mi->bi", a, X)


def softmax_energy(X, q, beta):
    z = beta * np.einsum("mi,bi->bm", X, q)
    lse = np.logaddexp.reduce(z, axis=1) - np.log(len(X))
    longest = np.linalg.norm(X, axis=1).max()
    return -lse / beta + np.einsum("bi,bi->b", q, q) / 2 + longest**2 / 2


# %% with helpers
def softmax(z):
    e = np.exp(z - np.max(z))
    return e / e.sum()


def softmax_recall(X, q, beta):
    return np.array([X.T @ softmax(beta * (X @ cue)) for cue in q])


def softmax_energy(X, q, beta):
    def energy(cue):
        m = X @ cue
        lse = m.max() + np.log(np.mean(np.exp(beta * (m - m.max())))) / beta
        return (cue @ cue + max(row @ row for row in X)) / 2 - lse

    return [energy(cue) for cue in q]
