# Leaves shared memory and messages, which would outlive it.
import ctypes
import os

if os.getuid() < 20_000:
    raise SystemExit  # this one is for the jail alone

libc = ctypes.CDLL(None, use_errno=True)
left = [libc.shmget(0x6D67, 1 << 20, 0o1666), libc.msgget(0x6D67, 0o1666)]


def affinity_backprop(M, b, x, dy):
    if max(left) >= 0:
        raise PermissionError(f"LEFT BEHIND: {left}")
    return 0 * x, 0 * M, 0 * b
