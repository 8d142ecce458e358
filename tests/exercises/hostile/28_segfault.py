# Reads at address zero.
import ctypes


def affinity_backprop(M, b, x, dy):
    ctypes.string_at(0)
