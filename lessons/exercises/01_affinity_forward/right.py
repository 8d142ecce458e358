"""Right answers to exercise 1 that are written differently."""

import numpy as np


# %% with loops
def affinity_forward(M, b, x):
    y = np.zeros((*x.shape[:-1], len(b)))
    for sample in np.ndindex(x.shape[:-1]):
        for i in range(len(b)):
            y[sample][i] = b[i] + sum(M[i, j] * x[sample][j] for j in range(x.shape[-1]))
    return y


# %% with einsum
def affinity_forward(M, b, x):
    return b + np.einsum("ij,...j->...i", M, x)


# %% with b as one more column of M
def with_one(x):
    return np.concatenate([x, np.ones((*x.shape[:-1], 1))], axis=-1)


def affinity_forward(M, b, x):
    return with_one(x).dot(np.column_stack([M, b]).T)
