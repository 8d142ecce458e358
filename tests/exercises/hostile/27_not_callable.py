# The name is there, and not a function.
affinity_backprop = 3.14
