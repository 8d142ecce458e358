# Replies with a line that never ends.
import os


def affinity_backprop(M, b, x, dy):
    while True:
        os.write(4, b"1" * 60_000)
