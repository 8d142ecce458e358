"""Right answers to exercise 15 that are written differently."""

import numpy as np


# %% with loops
def oja(w, X, rate):
    w = [float(weight) for weight in w]
    for x in X:
        y = sum(a * b for a, b in zip(w, x, strict=True))
        w = [weight + rate * y * (a - y * weight) for weight, a in zip(w, x, strict=True)]
    return np.array(w)


def sanger(W, X, rate):
    m, n = W.shape
    for x in X:
        y = [sum(W[i, j] * x[j] for j in range(n)) for i in range(m)]
        new = np.zeros((m, n))
        for i in range(m):
            for j in range(n):
                known = sum(y[before] * W[before, j] for before in range(i + 1))
                new[i, j] = W[i, j] + rate * y[i] * (x[j] - known)
        W = new
    return W


# %% with matrices
def oja(w, X, rate):
    for sample in range(len(X)):
        C = np.outer(X[sample], X[sample])
        w = w + rate * (C @ w - (w @ C @ w) * w)
    return w


def sanger(W, X, rate):
    for x in X:
        y = np.einsum("ij,j->i", W, x)
        W = W + rate * (np.outer(y, x) - np.tril(np.outer(y, y)) @ W)
    return W


# %% with helpers, what is left of x
def steps(W, x, rate):
    y, left = W @ x, x.copy()
    for answer, row in zip(y, W, strict=True):
        left = left - answer * row
        yield rate * answer * left


def sanger(W, X, rate):
    W = W.copy()
    for x in X:
        W += np.array(list(steps(W, x, rate)))
    return W


def oja(w, X, rate):
    return sanger(w[None, :], X, rate)[0]
