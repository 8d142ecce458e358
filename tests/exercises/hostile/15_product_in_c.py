# One product of matrices that takes long, in which no handler of a signal runs.
import numpy as np


def affinity_backprop(M, b, x, dy):
    a = np.ones((3000, 3000))
    for _ in range(100):
        np.matmul(a, a, out=np.empty_like(a))
