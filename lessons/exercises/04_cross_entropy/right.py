"""Right answers to exercise 4 that are written differently."""

import math

import numpy as np


# %% with loops
def cross_entropy(y, labels):
    E, dy = [], np.zeros(y.shape)
    for sample, (row, label) in enumerate(zip(y, labels, strict=True)):
        top = max(row)
        total = sum(math.exp(score - top) for score in row)
        E.append(top + math.log(total) - row[label])
        for i, score in enumerate(row):
            dy[sample, i] = math.exp(score - top) / total - (i == label)
    return np.array(E), dy


# %% with rows that are 1 at the label
def cross_entropy(y, labels):
    target = np.eye(y.shape[1])[labels]
    log_sum = np.logaddexp.reduce(y, axis=1)
    return log_sum - (target * y).sum(axis=1), np.exp(y - log_sum[:, None]) - target


# %% with helpers, relative to the score of the label
def log_sum_exp(a):
    top = a.max(axis=-1)
    return top + np.log(np.exp(a.T - top).sum(axis=0))


def cross_entropy(y, labels):
    relative = y - np.take_along_axis(y, labels[:, None], axis=1)
    E = log_sum_exp(relative)
    p = np.exp(relative - E[:, None])
    return [E, p - (np.arange(y.shape[1]) == labels[:, None])]
