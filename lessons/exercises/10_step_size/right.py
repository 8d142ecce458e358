"""Right answers to exercise 10 that are written differently."""

import math

import numpy as np


# %% with loops
def error_norm(error, x0, x1, rtol, atol):
    norms = []
    for row in range(len(error)):
        total = 0.0
        for e, start, end in zip(error[row], x0[row], x1[row], strict=True):
            total += (e / (atol + rtol * max(abs(start), abs(end)))) ** 2
        norms.append(math.sqrt(total / len(error[row])))
    return np.array(norms)


def next_step(h, norm, last, order, safety, low, high):
    q, lengths = order + 1, []
    for length, v, w in zip(h, norm, last, strict=True):
        accepted, v, w = v <= 1, max(v, 1e-10), max(w, 1e-10)
        if accepted:
            factor = safety**0.65 * v ** (-0.85 / q) * w ** (0.2 / q)
        else:
            factor = safety * v ** (-1 / q)
        lengths.append(length * min(max(factor, low), high))
    return lengths


# %% by logarithms
def error_norm(error, x0, x1, rtol, atol):
    ratio = error / (atol + rtol * np.abs([x0, x1]).max(axis=0))
    return np.sqrt(np.einsum("bi,bi->b", ratio, ratio) / error.shape[1])


def next_step(h, norm, last, order, safety, low, high):
    v, w = (np.log(np.clip(n, 1e-10, None)) / (order + 1) - np.log(safety) for n in (norm, last))
    grows = np.select([norm > 1], [-v], 0.2 * w - 0.85 * v)
    return h * np.exp(np.clip(grows, np.log(low), np.log(high)))


# %% with the rejected ones apart
def allowed(x0, x1, rtol, atol):
    larger = np.where(abs(x1) > abs(x0), x1, x0)
    return atol + rtol * abs(larger)


def error_norm(error, x0, x1, rtol, atol):
    ratio = error / allowed(x0, x1, rtol, atol)
    return np.linalg.norm(ratio, axis=1) / np.sqrt(ratio.shape[1])


def next_step(h, norm, last, order, safety, low, high):
    g, lengths = safety ** (order + 1), h.copy()
    again = norm > 1
    shorter = (g / norm[again]) ** (1 / (order + 1))
    lengths[again] *= np.maximum(shorter, low)
    norm, last = (np.where(n < 1e-10, 1e-10, n)[~again] for n in (norm, last))
    other = (g / norm) ** (0.85 / (order + 1)) / (g / last) ** (0.2 / (order + 1))
    lengths[~again] *= np.minimum(np.maximum(other, low), high)
    return lengths
