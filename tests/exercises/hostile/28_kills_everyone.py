# Kills every process that it may. Only for the jail, where it may none.
import _signal as signal  # the other one is not there
import os

if os.getuid() < 20_000:
    raise SystemExit  # this one is for the jail alone


def affinity_backprop(M, b, x, dy):
    for pid in (-1, os.getppid(), 1):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    return 0 * x, 0 * M, 0 * b
