# Returns complex numbers, the right ones with another imaginary part.
def affinity_backprop(M, b, x, dy):
    return dy @ M + 1j, dy.T @ x + 1j, dy.sum(axis=0) + 1j
