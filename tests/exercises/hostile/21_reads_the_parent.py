# Reads the environment and the memory of the grader, by /proc and by system calls.
import contextlib
import ctypes
import os

if os.getuid() < 20_000:
    raise SystemExit  # this one is for the jail alone

found = []
parent = os.getppid()
for name in ("environ", "cmdline", "maps", "mem", "fd/0", "fd/1", "cwd/lessons/exercises"):
    with contextlib.suppress(OSError), open(f"/proc/{parent}/{name}", "rb") as file:
        found.append(file.read(1 << 16))
libc = ctypes.CDLL(None, use_errno=True)
with contextlib.suppress(Exception):
    if libc.ptrace(16, parent, 0, 0) == 0:  # PTRACE_ATTACH
        found.append(b"attached")
        libc.ptrace(17, parent, 0, 0)
with contextlib.suppress(Exception):
    room = ctypes.create_string_buffer(64)

    class Span(ctypes.Structure):
        _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))

    here, there = Span(ctypes.addressof(room), 64), Span(0x400000, 64)
    if libc.process_vm_readv(parent, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) > 0:
        found.append(room.raw)


def affinity_backprop(M, b, x, dy):
    if found:
        raise PermissionError(f"READ THE PARENT: {len(found)}")
    return 0 * x, 0 * M, 0 * b
