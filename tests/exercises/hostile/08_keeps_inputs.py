# Keeps its arguments and what it returned, and changes them at later calls.
kept = []


def affinity_backprop(M, b, x, dy):
    given = (M, b, x, dy)
    returned = (0 * x, 0 * M, 0 * b)
    for arrays in kept:
        for a in arrays:
            a[...] = 0
    kept.append(given + returned)
    return returned
