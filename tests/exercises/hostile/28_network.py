# Sends what it was given over the network.
import ctypes
import os

if os.getuid() < 20_000:
    raise SystemExit  # this one is for the jail alone

libc = ctypes.CDLL(None, use_errno=True)


def affinity_backprop(M, b, x, dy):
    wire = libc.socket(2, 2, 0)  # AF_INET, SOCK_DGRAM
    where = b"\x02\x00\x00\x35\x7f\x00\x00\x01" + bytes(8)  # 127.0.0.1, port 53
    sent = libc.sendto(wire, b"numbers", 7, 0, where, 16)
    if sent >= 0:
        raise PermissionError("SENT")
    return 0 * x, 0 * M, 0 * b
