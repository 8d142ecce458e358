"""Right answers to exercise 6 that are written differently."""

import math

import numpy as np


# %% with loops
def binned(t, low, high, bins):
    width = (high - low) / bins
    found = []
    for value in t:
        k = 0
        while k < bins - 1 and value >= low + (k + 1) * width:
            k += 1
        found.append(k)
    return found


def counted(x, y, rows, columns):
    n = [[0] * columns for _ in range(rows)]
    for a, b in zip(x, y, strict=True):
        n[a][b] += 1
    return n


def plug_in(n):
    N, total = n.sum(), 0.0
    for a in range(n.shape[0]):
        for b in range(n.shape[1]):
            if n[a, b]:
                ratio = n[a, b] * N / (n[a].sum() * n[:, b].sum())
                total += n[a, b] / N * math.log(ratio)
    return total


# %% with numpy's own
def binned(t, low, high, bins):
    return np.digitize(t, np.linspace(low, high, bins + 1)[1:-1])


def counted(x, y, rows, columns):
    return np.bincount(x * columns + y, minlength=rows * columns).reshape(rows, columns)


def plug_in(n):
    p = n / n.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nansum(p * np.log(p / (p.sum(axis=1, keepdims=True) * p.sum(axis=0))))


# %% with entropies
def binned(t, low, high, bins):
    k = np.array([math.floor(bins * (value - low) / (high - low)) for value in t])
    return np.where(k < 0, 0, np.where(k >= bins, bins - 1, k))


def counted(x, y, rows, columns):
    return (x[:, None] == np.arange(rows)).T.astype(int) @ (y[:, None] == np.arange(columns))


def entropy(n):
    p = n[n > 0] / n.sum()
    return -p @ np.log(p)


def plug_in(n):
    return entropy(n.sum(axis=1)) + entropy(n.sum(axis=0)) - entropy(n)
