# Takes a minute to import.
import time

time.sleep(60)


def affinity_backprop(M, b, x, dy):
    return dy @ M, dy.T @ x, dy.sum(axis=0)
