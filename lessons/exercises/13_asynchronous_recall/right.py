"""Right answers to exercise 13 that are written differently."""

import numpy as np


# %% with loops
def recall(W, b, x, order, most):
    state = [float(value) for value in x]
    sweeps = 0
    while sweeps < most:
        moved = False
        for i in order:
            h = b[i]
            for j in range(len(state)):
                h += W[i, j] * state[j]
            wanted = 1.0 if h > 0 else -1.0 if h < 0 else state[i]
            if wanted != state[i]:
                state[i], moved = wanted, True
        if not moved:
            break
        sweeps += 1
    return state, sweeps


# %% with fields that are kept and corrected
def recall(W, b, x, order, most):
    x, h = np.array(x), W @ x + b
    for sweeps in range(most):
        moves = 0
        for i in order:
            if h[i] * x[i] < 0:
                x[i] = -x[i]
                h += 2 * x[i] * W[:, i]
                moves += 1
        if moves == 0:
            return x, sweeps
    return x, most


# %% with helpers
def updated(W, b, x, i):
    h = np.dot(W[i], x) + b[i]
    return np.where(np.arange(len(x)) == i, np.where(h == 0, x, np.sign(h)), x)


def swept(W, b, x, order):
    for i in order:
        x = updated(W, b, x, i)
    return x


def recall(W, b, x, order, most):
    path = [x]
    while len(path) <= most:
        following = swept(W, b, path[-1], order)
        if np.array_equal(following, path[-1]):
            break
        path.append(following)
    return path[-1].astype(int), len(path) - 1
