# Returns the right numbers as Python objects.
def affinity_backprop(M, b, x, dy):
    return (dy @ M).astype(object), (dy.T @ x).astype(object), dy.sum(axis=0).astype(object)
