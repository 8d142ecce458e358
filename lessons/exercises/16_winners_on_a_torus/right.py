"""Right answers to exercise 16 that are written differently."""

import numpy as np


# %% with loops
def excite(p, rows, columns, radius, strength):
    c = np.zeros(len(p))
    for i in range(len(p)):
        total, count = 0.0, 0
        for down in range(-radius, radius + 1):
            for across in range(-radius, radius + 1):
                if (down, across) != (0, 0):
                    row = (i // columns + down) % rows
                    column = (i % columns + across) % columns
                    total += p[row * columns + column]
                    count += 1
        c[i] = p[i] + strength * total / count
    return c


def learn(W, v, c, k, rate):
    m, n = W.shape
    a = [0.0] * m
    for i in sorted(range(m), key=lambda unit: c[unit], reverse=True)[:k]:
        a[i] = sum(W[i, j] * v[j] for j in range(n))
    new = W.copy()
    for j in range(n):
        r = sum(a[i] * W[i, j] for i in range(m))
        for i in range(m):
            new[i, j] *= 1 + rate * a[i] * (v[j] - r) / max(r, 1e-10)
    return new, np.array(a)


# %% with a matrix of neighbours
def excite(p, rows, columns, radius, strength):
    row, column = np.divmod(np.arange(rows * columns), columns)

    def apart(at, side):
        far = np.abs(at[:, None] - at)
        return np.minimum(far, side - far)

    near = (apart(row, rows) <= radius) & (apart(column, columns) <= radius)
    np.fill_diagonal(near, False)
    return p + strength * (near @ p) / near.sum(axis=1)


def learn(W, v, c, k, rate):
    a = np.where(c >= np.sort(c)[-k], W @ v, 0.0)
    r = np.einsum("i,ij->j", a, W)
    bracket = 1 + rate * np.einsum("i,j->ij", a, (v - r) / np.maximum(r, 1e-10))
    return np.einsum("ij,ij->ij", W, bracket), a


# %% with helpers, the winners' rows alone
def box_sum(p, axis, radius):
    return sum(np.roll(p, step, axis) for step in range(-radius, radius + 1))


def excite(p, rows, columns, radius, strength):
    grid = p.reshape(rows, columns)
    others = box_sum(box_sum(grid, 0, radius), 1, radius) - grid
    return (grid + strength * others / (4 * radius * (radius + 1))).reshape(-1)


def learn(W, v, c, k, rate):
    won = np.argpartition(-c, k - 1)[:k]
    rows = W[won]
    a = rows @ v
    r = a @ rows
    new, active = np.array(W), np.zeros(len(W))
    new[won] = rows + rate * rows * a[:, None] * (v - r) / np.maximum(r, 1e-10)
    active[won] = a
    return new, active
