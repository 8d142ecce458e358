"""Right answers to exercise 12 that are written differently."""

import numpy as np


# %% with loops
def hebb(patterns):
    p, n = patterns.shape
    W = np.zeros((n, n))
    for s in range(p):
        for i in range(n):
            for j in range(n):
                if i != j:
                    W[i, j] += patterns[s, i] * patterns[s, j] / n
    return W


def energy(W, b, x):
    E = np.zeros(len(x))
    for s in range(len(x)):
        for i in range(len(b)):
            E[s] -= b[i] * x[s, i]
            for j in range(len(b)):
                E[s] -= x[s, i] * W[i, j] * x[s, j] / 2
    return E


# %% with einsum
def hebb(patterns):
    p, n = patterns.shape
    return np.einsum("si,sj->ij", patterns, patterns) / n - p / n * np.eye(n)


def energy(W, b, x):
    return -np.einsum("si,ij,sj->s", x, W, x) / 2 - np.einsum("si,i->s", x, b)


# %% with helpers
def of_one(s):
    return (np.outer(s, s) - np.diag(s * s)) / s.size


def hebb(patterns):
    return sum(of_one(s) for s in patterns)


def field(W, b, x):
    return x @ W.T + b


def energy(W, b, x):
    # the field has all of b in it, and half of that is too little
    return [-0.5 * (state @ (field(W, b, state) + b)) for state in x]
