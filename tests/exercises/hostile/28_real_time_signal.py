# Ends itself by a signal that has no name.
import os


def affinity_backprop(M, b, x, dy):
    os.kill(os.getpid(), 40)
