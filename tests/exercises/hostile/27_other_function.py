# The function has another name.
def affinity_backwards(M, b, x, dy):
    return dy @ M, dy.T @ x, dy.sum(axis=0)
