"""Hebbian learning: layers that learn from what they see by rules that each weight can follow.

`layer(x)` answers, `layer.learn(x)` learns. Runs on every backend; the fast paths are for numpy.
"""
