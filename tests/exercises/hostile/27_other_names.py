# The arguments have other names.
def affinity_backprop(weights, bias, inputs, upstream):
    return upstream @ weights, upstream.T @ inputs, upstream.sum(axis=0)
