"""Right answers to exercise 7 that are written differently."""

import math

import numpy as np


# %% with loops
def miller_madow(n):
    N = float(n.sum())

    def entropy(cells):
        h, occupied = 0.0, 0
        for count in cells:
            if count > 0:
                h -= count / N * math.log(count / N)
                occupied += 1
        return h + (occupied - 1) / (2 * N)

    rows = [sum(row) for row in n.tolist()]
    columns = [sum(column) for column in n.T.tolist()]
    return entropy(rows) + entropy(columns) - entropy(n.ravel().tolist())


def null(estimate, x, y, orders):
    values = []
    for order in orders:
        n = np.zeros((max(x) + 1, max(y) + 1), int)
        for i in range(len(x)):
            n[x[i], y[order[i]]] += 1
        values.append(estimate(n))
    level = sum(values) / len(values)
    return level, math.sqrt(sum((v - level) ** 2 for v in values) / (len(values) - 1))


# %% with the correction in one term
def miller_madow(n):
    N, (a, b) = n.sum(), np.nonzero(n)
    rows, columns = n.sum(axis=1), n.sum(axis=0)
    seen = n[a, b]
    plug_in = seen / N @ np.log(seen * N / (rows[a] * columns[b]))
    return plug_in + (np.sum(rows > 0) + np.sum(columns > 0) - len(seen) - 1) / (2 * N)


def null(estimate, x, y, orders):
    is_x, is_y = np.eye(x.max() + 1)[x], np.eye(y.max() + 1)[y]
    values = np.array([estimate(is_x.T @ is_y[order]) for order in orders])
    return values.mean(), values.std(ddof=1)


# %% with helpers, through the samples
def entropy(symbols):
    _, counts = np.unique(symbols, return_counts=True)
    p = counts / len(symbols)
    return -np.sum(p * np.log(p)) + (len(p) - 1) / 2 / len(symbols)


def miller_madow(n):
    pairs = np.repeat(np.arange(n.size), n.ravel())
    x, y = np.divmod(pairs, n.shape[1])
    return entropy(x) + entropy(y) - entropy(pairs)


def null(estimate, x, y, orders):
    rows, columns = x.max() + 1, y.max() + 1

    def value(order):
        pairs = x * columns + np.take(y, order)
        return estimate(np.bincount(pairs, minlength=rows * columns).reshape(rows, columns))

    values = np.apply_along_axis(value, 1, orders)
    return np.average(values), np.sqrt(np.var(values) * len(values) / (len(values) - 1))
