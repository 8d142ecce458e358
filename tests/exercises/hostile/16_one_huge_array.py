# Asks for an array of 8 TB, and for one of 8 GB.
import numpy as np


def affinity_backprop(M, b, x, dy):
    try:
        return np.zeros(10**12)
    except MemoryError:
        return np.ones(10**9)
