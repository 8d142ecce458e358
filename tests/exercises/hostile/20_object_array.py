# Returns an array of objects that run code when they are unpickled.
import os

import numpy as np


class Bomb:
    def __reduce__(self):
        return os.system, ("touch /tmp/minigrad-was-here",)


def affinity_backprop(M, b, x, dy):
    return tuple(np.array([Bomb()] * 3, dtype=object) for _ in range(3))
