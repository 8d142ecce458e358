# Returns 10 GB, made of nothing.
import numpy as np


def affinity_backprop(M, b, x, dy):
    whole = np.broadcast_to(np.zeros(()), (10**5, 12_500))
    return [whole] * 3
