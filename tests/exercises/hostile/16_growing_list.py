# Takes memory, array by array.
import numpy as np


def affinity_backprop(M, b, x, dy):
    kept = []
    while True:
        kept.append(np.ones(4_000_000))
