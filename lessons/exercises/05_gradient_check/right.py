"""Right answers to exercise 5 that are written differently."""

import numpy as np


# %% with loops
def gradient_check(f, df, x, dy, h):
    def energy(x):
        total = 0.0
        y = f(x)
        for s in range(dy.shape[0]):
            for k in range(dy.shape[1]):
                total += dy[s, k] * y[s, k]
        return total

    dx = df(x, dy)
    numeric, gap, largest = np.zeros(x.shape), 0.0, 0.0
    for s in range(x.shape[0]):
        for j in range(x.shape[1]):
            moved = x.astype(float)
            moved[s, j] = x[s, j] + h
            ahead = energy(moved)
            moved[s, j] = x[s, j] - h
            numeric[s, j] = (ahead - energy(moved)) / (2 * h)
            gap = max(gap, abs(dx[s, j] - numeric[s, j]))
            largest = max(largest, abs(dx[s, j]), abs(numeric[s, j]))
    return numeric, gap / largest


# %% with all the steps as rows of one matrix
def gradient_check(f, df, x, dy, h):
    steps = h * np.eye(x.size).reshape(-1, *x.shape)
    change = np.array([f(x + e) - f(x - e) for e in steps])
    numeric = (np.einsum("isk,sk->i", change, dy) / (2 * h)).reshape(x.shape)
    dx = df(x, dy)
    return [numeric, np.ptp([0, *abs(dx - numeric).flat]) / np.abs([dx, numeric]).max()]


# %% with helpers, on a flat copy
def slope(energy, at, i, h):
    up, down = at.copy(), at.copy()
    up[i] += h
    down[i] -= h
    return (energy(up) - energy(down)) / (up[i] - down[i])


def gradient_check(f, df, x, dy, h):
    def energy(flat):
        return np.vdot(dy, f(flat.reshape(x.shape)))

    flat = np.array(x, float).ravel()
    numeric = np.array([slope(energy, flat, i, h) for i in range(flat.size)]).reshape(x.shape)
    dx = df(x.copy(), dy.copy())
    scale = max(np.linalg.norm(v.ravel(), np.inf) for v in (dx, numeric))
    return numeric, np.linalg.norm((dx - numeric).ravel(), np.inf) / scale
